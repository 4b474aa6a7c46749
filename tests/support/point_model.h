// A model of three numbers and a loss with a minimum that optimisers reach at different speeds.
#pragma once

#include "engine/autodiff.h"

namespace brenier::testing {

struct Point {
  Tensor x;  // [2]
  Tensor y;  // scalar
  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit("x", x);
    visit("y", y);
  }
};

inline Point start(DType dtype = DType::Float64) { return {tensor({1.0, -2.0}, dtype), tensor(3.0, dtype)}; }

// (x1² + 10 x2²)/2 + (y - 1)⁴
inline Tensor loss_of(const Point& p) {
  const Tensor scales = tensor({1.0, 10.0}, p.x.dtype());
  return 0.5 * sum(scales * square(p.x)) + square(square(p.y - 1.0));
}

inline Point slope_at(const Point& point) {
  Tape tape;
  const Point p = tape.watch(point);
  return grad(loss_of(p), p);
}

}  // namespace brenier::testing
