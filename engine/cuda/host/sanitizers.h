// Which sanitizers a build has, and AddressSanitizer's poison, which does nothing elsewhere.
#pragma once

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BRENIER_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define BRENIER_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(BRENIER_ASAN)
#define BRENIER_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__) && !defined(BRENIER_TSAN)
#define BRENIER_TSAN 1
#endif
#ifndef BRENIER_ASAN
#define BRENIER_ASAN 0
#endif
#ifndef BRENIER_TSAN
#define BRENIER_TSAN 0
#endif

#if BRENIER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#else
#define ASAN_POISON_MEMORY_REGION(data, bytes) (static_cast<void>(data), static_cast<void>(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(data, bytes) (static_cast<void>(data), static_cast<void>(bytes))
#endif
#if BRENIER_TSAN
#include <sanitizer/tsan_interface.h>
#endif
