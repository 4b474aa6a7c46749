// Marks functions that both the CPU and kernels on a GPU call. Means nothing to a compiler that knows no GPU.
#pragma once

#ifdef __CUDACC__
#define BRENIER_HOST_DEVICE __host__ __device__
#else
#define BRENIER_HOST_DEVICE
#endif
