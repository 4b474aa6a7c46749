// See compiled.h.
#include "tests/support/compiled.h"

#include <bit>

#include "engine/program/program.h"
#include "engine/str.h"
#include "engine/tape.h"

namespace brenier::testing {

std::string bit_mismatch(const Tensor& got, const Tensor& expected) {
  if (got.shape() != expected.shape() || got.dtype() != expected.dtype())
    return str("got ", got.dtype(), " ", got.shape(), ", expected ", expected.dtype(), " ", expected.shape());
  const std::vector<double> a = got.to_vector<double>(), b = expected.to_vector<double>();
  for (std::size_t i = 0; i < a.size(); ++i) {
    const bool equal = std::bit_cast<std::uint64_t>(a[i]) == std::bit_cast<std::uint64_t>(b[i]);
    if (!equal && (a[i] == a[i] || b[i] == b[i]))
      return str("entry ", i, " of ", got.shape(), " is ", a[i], ", expected ", b[i], ", difference ", a[i] - b[i]);
  }
  return {};
}

std::string compare_compiled(const Map& map, const Tensors& arguments) {
  Program program;
  std::vector<std::size_t> compiled;  // results that are recorded; the others are constants of the function
  {
    Tape tape({.recording_program = true});
    Tensors watched, outputs;
    for (const Tensor& x : map.arguments) watched.push_back(tape.watch(x));
    const Tensors results = map.function(watched);
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (!results[i].recorded()) continue;
      compiled.push_back(i);
      outputs.push_back(results[i]);
    }
    if (outputs.empty()) return {};
    program = compile(watched, outputs);
  }
  const Tensors expected = evaluate(map, arguments);
  for (int run = 0; run < 2; ++run) {
    const Tensors got = program(arguments);
    for (std::size_t i = 0; i < compiled.size(); ++i) {
      const std::string difference = bit_mismatch(got[i], expected[compiled[i]]);
      if (!difference.empty()) return str("run ", run, " of ", map.path, ", result ", compiled[i], ": ", difference);
    }
  }
  return {};
}

}  // namespace brenier::testing
