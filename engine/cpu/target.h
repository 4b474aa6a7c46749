// Regions of a file that may use more instructions than the baseline of the build.
//
//   BRENIER_TARGET_BEGIN("avx2,fma")
//   … everything defined here, templates included, is compiled for that target …
//   BRENIER_TARGET_END
//
// A build with per-file flags would compile the inline functions of standard headers for the wide target too, and the
// linker might keep that copy for everybody. Headers therefore come before the region, and
// tests/baseline_instructions.sh checks that nothing outside the project's own namespaces became wide.
#pragma once

#define BRENIER_PRAGMA(text) _Pragma(#text)

#if defined(__clang__)
#define BRENIER_TARGET_BEGIN(options) \
  BRENIER_PRAGMA(clang attribute push(__attribute__((target(options))), apply_to = function))
#define BRENIER_TARGET_END BRENIER_PRAGMA(clang attribute pop)
#else
#define BRENIER_TARGET_BEGIN(options) BRENIER_PRAGMA(GCC push_options) BRENIER_PRAGMA(GCC target(options))
#define BRENIER_TARGET_END BRENIER_PRAGMA(GCC pop_options)
#endif

// Functions of packs are short parts of loops: a call would cost more than the work, and would move packs to memory.
#define BRENIER_INLINE inline __attribute__((always_inline))

// Before a short loop of constant length, over numbers in registers: GCC keeps an array in registers only if no loop
// over it is left when it decides so.
#define BRENIER_UNROLL _Pragma("GCC unroll 16")

// Whether the instruction sets of isa_avx2-inl.h and isa_avx512-inl.h exist on this architecture, and that of
// isa_neon-inl.h.
#if defined(__x86_64__) && defined(__GNUC__)
#define BRENIER_X86 1
#else
#define BRENIER_X86 0
#endif
#if defined(__aarch64__) && defined(__GNUC__)
#define BRENIER_NEON 1
#else
#define BRENIER_NEON 0
#endif
