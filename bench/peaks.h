// What this machine can do at best, measured in the same process and on one thread, so that a bench can say which
// fraction of it an operation reaches.
//
//   FMA peak     independent chains of fused multiply-adds on registers, with the widest vectors the processor has
//   bandwidth    the STREAM triad a[i] = b[i] + s c[i] (McCalpin 1995) over as many bytes as the bench touches, so
//                that both live in the same level of the cache; counted without write-allocate, 3 elements per step
//
// The machine may be shared and its clock may vary: every figure is the best of several short runs.
#pragma once

#include <cstddef>

#include "engine/tensor.h"

namespace brenier::bench {

// In FLOP/s, one multiply-add counting two. Measured on first use.
double fma_peak(DType dtype);

// In B/s, for a working set of this many bytes, rounded to a power of two between 16 KiB and 256 MiB. Measured once
// per size.
double stream_bandwidth(std::size_t bytes);

// The vector width the FMA loop uses, e.g. "AVX-512".
const char* vector_extension();

}  // namespace brenier::bench
