// Derivatives of a map with respect to its input, wherever that input happens to live.
//
// Models such as ∇u need a recorded input although their caller may hold a constant. There are three cases:
//   the input is recorded       it is used as it is: the result stays differentiable with respect to it;
//   the map's parameters are    the input becomes a leaf of their tape, so that the result stays differentiable with
//                               respect to the parameters;
//   neither is                  a tape that lives for this call only: the result is a constant.
// An input and parameters recorded on two different living tapes are an error of the engine's record().
#pragma once

#include "engine/autodiff.h"

namespace brenier {

// The tape that what `map` holds is recorded on, or null. Without for_each_parameter only a trial evaluation can tell.
template <class Map>
Tape* tape_of(const Map& map, const Tensor& input) {
  if constexpr (HasParameters<Map>) {
    for (const NamedParameter& parameter : parameters_of(map))
      if (parameter.value.recorded()) return parameter.value.tape();
    return nullptr;
  } else {
    return map(input.detached()).tape();
  }
}

// body(input), with the input recorded where `map` is.
template <class Map, class Body>
Tensor with_recorded_input(const Map& map, const Tensor& input, Body&& body) {
  if (input.recorded()) return body(input);
  if (Tape* outer = tape_of(map, input)) return body(outer->watch(input));
  Tape local;
  return body(local.watch(input));
}

// ∇u(x) for a potential u: [batch, d] -> [batch, 1] or [batch] that treats rows independently. [batch, d].
template <class Potential>
Tensor gradient_map(const Potential& potential, const Tensor& x) {
  return with_recorded_input(potential, x, [&](const Tensor& input) { return grad(sum(potential(input)), input); });
}

// The same as a model: [batch, d] -> [batch, d], with the parameters of the potential.
template <class Potential>
struct GradientMap {
  Potential potential;

  Tensor operator()(const Tensor& x) const { return gradient_map(potential, x); }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) requires HasParameters<Potential> {
    visit_parameters("potential", potential, visit);
  }
};

}  // namespace brenier
