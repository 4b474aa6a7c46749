// The two lives of a kernel file: nvcc compiles it into brenier::cuda, the host compiler, told
// BRENIER_CUDA_ON_HOST=1, compiles the same text into brenier::cuda_on_host. One program may hold both.
//
//   namespace brenier::BRENIER_CUDA_NAMESPACE { … }
#pragma once

#ifndef BRENIER_CUDA_ON_HOST
#define BRENIER_CUDA_ON_HOST 0
#endif

#if BRENIER_CUDA_ON_HOST
#define BRENIER_CUDA_NAMESPACE cuda_on_host
#else
#define BRENIER_CUDA_NAMESPACE cuda
#endif
