// The least time that a machine needs for some work: the roofline (Williams, Waterman & Patterson 2009), with one
// addition. Matrix products run at most at the multiply-add peak, memory at most at the triad's rate, and of the
// activations s, s', s'' each element needs at least one evaluation of the Gaussian softplus kernel. The logistic
// softplus and tanh, which are cheaper, are not counted. Peaks are measured in the same process (bench/peaks.h).
#pragma once

#include "engine/tensor.h"

namespace brenier::bench {

// What one call has to do at least. Zero: not counted.
struct Work {
  double flops = 0;  // of matrix products; a multiply-add counts two
  double bytes = 0;  // read and written
  DType dtype = DType::Float32;
  double gaussian_elements = 0;  // evaluations of the Gaussian softplus; s' and s'' come with s
};

// In seconds, for this many threads, each as fast as one alone. 0 for no work.
double bound_seconds(const Work& work, int threads);

// Seconds for one element by the Gaussian softplus kernel, float32, one thread, in the L1 cache. Measured once.
double gaussian_softplus_seconds();

}  // namespace brenier::bench
