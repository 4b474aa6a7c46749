// Every call of the kernels that move, reduce, sort, index and factor, as the rows of the table of operations make them:
// recorded on the CPU, repeated on the device with the same inputs. Left out are eigenvectors, whose signs are the
// algorithm's choice; they are held to their equations in tests/cuda/linalg_test.cu.
#include <doctest/doctest.h>

#include <set>

#include "engine/op.h"
#include "engine/tape.h"
#include "tests/cuda/device_kernels.h"
#include "tests/support/op_cases.h"

namespace brenier::BRENIER_CUDA_NAMESPACE::testing {
namespace {

const std::set<OpCode> kCodes{OpCode::Cast,
                              OpCode::Reshape,
                              OpCode::Pad,
                              OpCode::Concat,
                              OpCode::Sum,
                              OpCode::Max,
                              OpCode::ArgMax,
                              OpCode::LogMatVec,
                              OpCode::Gather,
                              OpCode::ScatterAdd,
                              OpCode::TakeAlong,
                              OpCode::ScatterAddAlong,
                              OpCode::ArgSort,
                              OpCode::RandomNormal,
                              OpCode::RandomRademacher,
                              OpCode::RandomUniform,
                              OpCode::RandomPermutation,
                              OpCode::Cholesky,
                              OpCode::TriangularSolve,
                              OpCode::SpdSolve,
                              OpCode::SpdInverse,
                              OpCode::SpdLogdet,
                              OpCode::LuFactor,
                              OpCode::LuSolve,
                              OpCode::LuInverse,
                              OpCode::LuLogdet,
                              OpCode::LuSign,
                              OpCode::TridiagonalEigen};

// Empty, or what is wrong with the result of the device.
std::string repeat_on_device(const Tape& tape, const Node& node) {
  const Attributes none;
  std::vector<Tensor> inputs;
  double scale = 1;
  std::int64_t terms = 1;
  for (std::int32_t slot : tape.inputs(node)) {
    inputs.push_back(tape.node(slot).value);
    terms += inputs.back().size();
    if (inputs.back().is_floating()) scale = std::max(scale, max_abs(inputs.back()));
  }
  const Tensor& expected = node.value;
  const Tensor got = run_on_device(node.op->code, inputs, expected.shape(), expected.dtype(),
                                   node.attributes ? *node.attributes : none);
  const double tolerance = expected.is_floating() ? rounding_tolerance(expected.dtype(), scale, terms) : 0;
  return mismatch(got, expected, tolerance);
}

}  // namespace

TEST_CASE("what the operation table asks of the kernels is what the CPU computes") {
  if (!available()) return;
  std::set<OpCode> seen;
  for (const auto& row : brenier::testing::op_cases()) {
    for (DType dtype : {DType::Float32, DType::Float64}) {
      Tape tape;
      std::vector<Tensor> watched;
      for (const Tensor& x : brenier::testing::make_arguments(row, dtype, 1)) watched.push_back(tape.watch(x));
      row.function(watched);
      for (std::int32_t slot = 0; slot < tape.size(); ++slot) {
        const Node& node = tape.node(slot);
        if (!kCodes.contains(node.op->code)) continue;
        seen.insert(node.op->code);
        INFO(row.name, " ", dtype, ": ", node.op->name);
        CHECK(repeat_on_device(tape, node) == "");
      }
    }
  }
  CHECK(seen == kCodes);
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE::testing
