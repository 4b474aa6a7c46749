// See compiled.h.
#include "tests/support/compiled.h"

#include <bit>

#include "engine/ops.h"
#include "engine/str.h"
#include "engine/tape.h"
#include "tests/support/compare.h"

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

namespace {

// A map as a program; `compiled` lists the results that are recorded, the others are constants of the function.
Program record(const Map& map, const CompileOptions& options, std::vector<std::size_t>& compiled) {
  Tape tape({.recording_program = true});
  Tensors watched, outputs;
  for (const Tensor& x : map.arguments) watched.push_back(tape.watch(x));
  const Tensors results = map.function(watched);
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (!results[i].recorded()) continue;
    compiled.push_back(i);
    outputs.push_back(results[i]);
  }
  return outputs.empty() ? Program() : compile(watched, outputs, options);
}

// Two runs of a program against eager evaluation; `differ(got, expected)` is empty or a sentence.
template <class Differ>
std::string compare_runs(const Map& map, const Tensors& arguments, const Program& program,
                         const std::vector<std::size_t>& compiled, const Differ& differ) {
  const Tensors expected = evaluate(map, arguments), first = program(arguments), second = program(arguments);
  for (const Tensors* got : {&first, &second})
    for (std::size_t i = 0; i < compiled.size(); ++i) {
      const std::string difference = differ((*got)[i], expected[compiled[i]]);
      if (!difference.empty())
        return str("run ", got == &first ? 0 : 1, " of ", map.path, ", result ", compiled[i], ": ", difference);
    }
  return {};
}

}  // namespace

std::string compare_compiled(const Map& map, const Tensors& arguments) {
  std::vector<std::size_t> compiled;
  const Program program = record(map, {}, compiled);
  return compiled.empty() ? "" : compare_runs(map, arguments, program, compiled, bit_mismatch);
}

std::string compare_tiled(const Map& map, const Tensors& arguments, std::int64_t tile_rows, double tolerance,
                          int& tiled) {
  std::vector<std::size_t> compiled;
  const Program program = record(map, {.tile_rows = tile_rows}, compiled);
  if (compiled.empty()) return {};
  if (to_text(program).find("for each tile of") != std::string::npos) ++tiled;
  return compare_runs(map, arguments, program, compiled, [&](const Tensor& got, const Tensor& expected) {
    return mismatch(got, expected, tolerance * max_abs(where(is_finite(expected), expected, 0.0)));
  });
}

}  // namespace brenier::testing
