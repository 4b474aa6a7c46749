// A fused group as the epilogue of a matrix product against the product and then the group: the same bits, for the kernels
// that run groups on their tiles and for those that are followed by them.
#include <doctest/doctest.h>

#include <memory>

#include "engine/cuda/epilogue.h"
#include "engine/cuda/gemm.h"
#include "tests/cuda/device_kernels.h"

namespace brenier::BRENIER_CUDA_NAMESPACE::testing {
namespace {

struct Case {
  GemmPlan plan;
  std::int64_t batches, rows, cols, depth;
  bool accumulate = false;
  Along a = Along::Depth;
};

// Tensors of a group over the product c: y = c + bias, softplus(y), its derivative, and c y + column; y is needed later.
struct Followed {
  Tensor a, b, c, bias, column, softplus, sigmoid, sum;
  FusedGroup group;

  explicit Followed(const Case& p) {
    Sampler sampler(7);
    const Shape shape{p.batches, p.rows, p.cols};
    const auto random = [&](const Shape& of) { return on_device(sampler.uniform(of, -1, 1, DType::Float32)); };
    a = random(p.a == Along::Depth ? Shape{p.batches, p.rows, p.depth} : Shape{p.batches, p.depth, p.rows}),
    b = random({p.batches, p.depth, p.cols}), c = random(shape);
    bias = random({p.cols}), column = random({p.rows, 1});
    for (Tensor* x : {&softplus, &sigmoid, &sum}) *x = Tensor::uninitialized(shape, DType::Float32, backend());
    group.shape = shape;
    group.dtype = DType::Float32;
    group.operands = {&c, &bias, &column, &softplus, &sigmoid, &sum};
    constexpr FusedGroup::Value kC = 0, kBias = 1, kColumn = 2, kSoftplus = 3, kSigmoid = 4, kSum = 5, kY = 6, kCy = 7;
    constexpr FusedGroup::Value kNone = FusedGroup::kNone;
    group.operations = {{OpCode::Add, {kC, kBias, kNone}, kY},
                        {OpCode::Softplus, {kY, kNone, kNone}, kSoftplus},
                        {OpCode::Sigmoid, {kY, kNone, kNone}, kSigmoid},
                        {OpCode::Mul, {kC, kY, kNone}, kCy},
                        {OpCode::Add, {kCy, kColumn, kNone}, kSum}};
    group.value_count = 8;
    group.is_epilogue = true;
  }

  void multiply(const Case& p, const FusedKernel* epilogue) {
    const std::int64_t a_stride = p.a == Along::Depth ? p.depth : p.rows;
    GemmArguments<float> arguments{.rows = static_cast<int>(p.rows),
                                   .cols = static_cast<int>(p.cols),
                                   .depth = static_cast<int>(p.depth),
                                   .a = {a.data<float>(), a_stride, p.a, a_stride % 4 == 0},
                                   .b = {b.data<float>(), p.cols, Along::Side, p.cols % 4 == 0},
                                   .c = c.mutable_data<float>(),
                                   .accumulate = p.accumulate,
                                   .batches = p.batches};
    arguments.batch.rank = 1;
    arguments.batch.length[0] = p.batches;
    arguments.batch.stride[0][0] = p.rows * p.depth, arguments.batch.stride[1][0] = p.depth * p.cols;
    const Scratch scratch(
        std::max<std::size_t>(scratch_bytes(p.plan, {p.rows, p.cols, p.depth, p.batches}, DType::Float32), 4));
    gemm(p.plan, arguments, scratch.data<float>(), epilogue);
  }

  std::vector<Tensor> results() const {
    std::vector<Tensor> on_cpu;
    for (const Tensor* x : {&c, &softplus, &sigmoid, &sum}) on_cpu.push_back(x->to(cpu_backend()));
    return on_cpu;
  }
};

void check(const Case& p) {
  INFO(name_of(p.plan.rung), p.plan.large_tile ? " large " : " ", p.batches, " x ", p.rows, " x ", p.cols, " x ",
       p.depth, ", split ", p.plan.split_depth);
  Followed together(p), apart(p);
  const std::unique_ptr<FusedKernel> epilogue = prepare_fused(together.group, backend());
  const std::unique_ptr<FusedKernel> group = prepare_fused(apart.group, backend());
  CHECK(as_epilogue(*epilogue).has_value() == (p.cols % 4 == 0));
  together.multiply(p, epilogue.get());
  apart.multiply(p, nullptr);
  group->run();
  const std::vector<Tensor> got = together.results(), expected = apart.results();
  for (std::size_t i = 0; i < got.size(); ++i) CHECK(same_numbers(got[i], expected[i]));
}

}  // namespace

TEST_CASE("a group after a product has the bits of the group alone, in the kernel or behind it") {
  if (!available()) return;
  for (const GemmPlan& plan : {GemmPlan{Gemm::WarpTiled, false}, GemmPlan{Gemm::WarpTiled, true},
                               GemmPlan{Gemm::Tf32x3}, GemmPlan{Gemm::Tiled}}) {
    check({plan, 1, 70, 132, 20});
    check({plan, 2, 130, 68, 9});
    check({plan, 3, 20, 24, 16, true});
    check({plan, 1, 40, 24, 16, false, Along::Side});
    check({plan, 1, 33, 35, 20});  // no whole vectors
    check({{plan.rung, plan.large_tile, 64}, 1, 20, 24, 200});
  }
}

TEST_CASE("groups that no kernel takes along are launched behind the product") {
  if (!available()) return;
  Followed followed({{Gemm::WarpTiled}, 1, 32, 32, 8});
  CHECK(as_epilogue(*prepare_fused(followed.group, backend())).has_value());
  // Five values that are needed later.
  FusedGroup deep = followed.group;
  deep.operations.clear();
  constexpr FusedGroup::Value kFirst = 6, kNone = FusedGroup::kNone;
  for (FusedGroup::Value i = 0; i < 6; ++i) deep.operations.push_back({OpCode::Add, {0, i % 3, kNone}, kFirst + i});
  FusedGroup::Value sum = kFirst;
  for (FusedGroup::Value i = 1; i < 6; ++i) {
    const FusedGroup::Value result = i == 5 ? 3 : kFirst + 5 + i;
    deep.operations.push_back({OpCode::Add, {sum, kFirst + i, kNone}, result});
    sum = result;
  }
  deep.value_count = kFirst + 10;
  CHECK_FALSE(as_epilogue(*prepare_fused(deep, backend())).has_value());
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE::testing
