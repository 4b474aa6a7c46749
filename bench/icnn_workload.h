// The input-augmented ICNN that benches measure, in the sizes that set the shapes of this project. See icnn_bench.cpp
// for the count of work.
#pragma once

#include "bench/measure.h"
#include "models/normalized_icnn.h"

namespace brenier::bench {

struct Size {
  const char* name;
  std::int64_t batch, dim, units, layers;

  Work work(double passes) const {
    const double multiply_adds =
        static_cast<double>(dim * units + (layers - 1) * (units * units / 2 + dim * units) + units + dim);
    return {.flops = 2.0 * passes * multiply_adds * static_cast<double>(batch), .dtype = DType::Float32};
  }
};

inline const Size kSizes[] = {{"b1", 128, 2, 32, 3}, {"b2", 1024, 43, 256, 5}};

template <class A>
AugmentedIcnn<A> make_icnn(const Size& size, const Tensor& points) {
  auto icnn = AugmentedIcnn<A>::random(RandomKey(1, 0), size.dim, size.units, size.layers, DType::Float32);
  icnn.initialize_from(points);
  return icnn;
}

// As much as one call of the model and its derivatives needs: points [batch, dim] and something of the same shape.
struct Inputs {
  Tensor points, target;
  explicit Inputs(const Size& size)
      : points(sample({size.batch, size.dim}, DType::Float32, 1)),
        target(sample({size.batch, size.dim}, DType::Float32, 2)) {}
};

}  // namespace brenier::bench
