// Four proofs that derivative rules are right, each returning an empty string or a sentence that says what is wrong.
//
//   check_adjoint     <ct, jvp(t)> = <vjp(ct), t> to rounding: settles every transpose. Blind to a wrong partial of an
//                     elementwise operation, because both sides come from it; hence the next one.
//   check_gradients   jvp and vjp against a difference quotient along one random direction; then the same for the maps
//                     (x, t) -> jvp and (x, ct) -> vjp, recursively to the asked order, in both modes.
//   check_bundles     a sweep with a leading axis of three equals three single sweeps.
//   check_parity      float32 and float64 agree in value, jvp and vjp as far as the conditioning allows.
//
// A map whose quotient is too coarse to judge by fails check_gradients instead of passing.
#pragma once

#include <string>

#include "tests/support/maps.h"
#include "tests/support/sampler.h"

namespace brenier::testing {

std::string check_adjoint(const Map& map, Sampler& sampler);
std::string check_gradients(const Map& map, int order, Sampler& sampler);
std::string check_bundles(const Map& map, Sampler& sampler);
// The map is given in float64 with arguments that are float32 numbers.
std::string check_parity(const Map& map, Sampler& sampler);

}  // namespace brenier::testing
