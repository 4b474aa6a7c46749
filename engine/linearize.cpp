// linearize: the part of a recorded derivative that depends on the tangent, cut out and made replayable.
//
// A tangent is pushed forward once with a watched placeholder. As a program of that placeholder, the result needs only
// the nodes between the two; everything else they read is a constant (engine/program/record.cpp).
#include <stdexcept>

#include "engine/autodiff.h"
#include "engine/str.h"

namespace brenier {

Linearization linearize(const Tensor& y, const Tensor& x) {
  if (!x.recorded()) throw std::invalid_argument("[linearize] the input is not recorded; use Tape::watch() first");
  const Tensor placeholder = x.tape()->watch(zeros_like(x));
  Linearization map;
  map.program_ = compile({placeholder}, {jvp(y, x, placeholder)});
  map.shape_ = x.shape();
  map.dtype_ = x.dtype();
  return map;
}

Tensor Linearization::operator()(const Tensor& t) const {
  if (t.shape() != shape_ || t.dtype() != dtype_)
    throw std::invalid_argument(
        str("[linearize] expected a tangent ", dtype_, " ", shape_, ", got ", t.dtype(), " ", t.shape()));
  if (t.recorded()) throw std::invalid_argument("[linearize] the map records nothing: call it with a detached tangent");
  return program_(t);
}

}  // namespace brenier
