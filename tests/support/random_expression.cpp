// See random_expression.h. Values are kept bounded by tanh every few steps; what overflows nevertheless must overflow
// alike.
#include "tests/support/random_expression.h"

#include <iterator>
#include <limits>

#include "engine/ops.h"

namespace brenier::testing {
namespace {

using Unary = Tensor (*)(const Tensor&);
using Binary = Tensor (*)(const Tensor&, const Tensor&);

Tensor twice_negated(const Tensor& x) { return -(-x); }
Tensor transposed_twice(const Tensor& x) { return x.rank() < 2 ? x : transpose(transpose(x)); }
Tensor transposed(const Tensor& x) { return x.rank() < 2 ? x : transpose(x); }
Tensor flattened_copy(const Tensor& x) { return reshape(x, {-1}); }
Tensor flattened_and_back(const Tensor& x) { return reshape(reshape(x, {-1}), x.shape()); }
Tensor summed_rows(const Tensor& x) { return x.rank() < 1 ? x : sum(x, {-1}, true); }
Tensor summed_columns(const Tensor& x) { return x.rank() < 2 ? x : sum(x, {0}); }
Tensor mean_of_all(const Tensor& x) { return mean(x); }
Tensor reversed(const Tensor& x) { return x.rank() < 1 ? x : flip(x, {-1}); }
Tensor first_half(const Tensor& x) { return x.rank() < 1 ? x : slice(x, -1, 0, (x.dim(-1) + 1) / 2); }
Tensor softmax_of(const Tensor& x) { return x.rank() < 1 ? x : softmax(x); }
Tensor doubled(const Tensor& x) { return x.rank() < 1 ? x : concat({x, x}, -1); }
Tensor gram(const Tensor& x) { return x.rank() < 2 ? square(x) : matmul(x, transpose(x)); }

constexpr Unary kUnary[] = {tanh,
                            sigmoid,
                            softplus,
                            gaussian_softplus,
                            square,
                            neg,
                            relu,
                            sign,
                            normal_cdf,
                            twice_negated,
                            transposed_twice,
                            transposed,
                            flattened_copy,
                            flattened_and_back,
                            summed_rows,
                            summed_columns,
                            mean_of_all,
                            reversed,
                            first_half,
                            softmax_of,
                            doubled,
                            gram,
                            stop_gradient,
                            abs};

Tensor larger_of(const Tensor& a, const Tensor& b) { return where(less(a, b), b, a); }
Tensor product_of(const Tensor& a, const Tensor& b) {
  const bool fits = a.rank() == 2 && b.rank() == 2 && a.dim(1) == b.dim(0);
  return fits ? matmul(a, b) : a * b;
}

constexpr Binary kBinary[] = {add, sub, mul, div, maximum, minimum, less, larger_of, product_of};
constexpr double kNumbers[] = {1.0, 0.0, -0.0, 2.0, -1.0, 0.5, std::numeric_limits<double>::infinity()};

bool broadcast_together(const Shape& a, const Shape& b) {
  for (int d = 1; d <= a.rank() && d <= b.rank(); ++d)
    if (a[-d] != b[-d] && a[-d] != 1 && b[-d] != 1) return false;
  return true;
}

class Builder {
 public:
  Builder(std::uint64_t seed, Tensors inputs) : sampler_(seed), values_(std::move(inputs)) {
    constexpr int kSteps = 24;
    for (int step = 0; step < kSteps; ++step) grow();
  }

  Tensors results() const {
    Tensor total = values_[0];
    total = sum(total);
    for (const Tensor& x : values_) total = total + mean(x);
    return {values_.back(), values_[values_.size() - 2], values_[values_.size() / 2], total};
  }

 private:
  static constexpr std::int64_t kLargest = 4000;

  std::size_t below(std::size_t n) { return static_cast<std::size_t>(sampler_.number() * static_cast<double>(n)); }
  const Tensor& any() { return values_[below(values_.size())]; }

  void grow() {
    const std::size_t kind = below(10);
    const Tensor a = any();
    Tensor result;
    if (kind < 5) {
      result = kUnary[below(std::size(kUnary))](a);
    } else if (kind < 6) {
      const Tensor number = tensor(kNumbers[below(std::size(kNumbers))], a.dtype());
      const Binary operation = kBinary[below(4)];
      result = below(2) == 0 ? operation(a, number) : operation(number, a);
    } else if (kind < 7) {
      result = tanh(a);
    } else {
      const Tensor b = any();
      if (!broadcast_together(a.shape(), b.shape())) return;
      result = kBinary[below(std::size(kBinary))](a, b);
    }
    if (result.size() <= kLargest) values_.push_back(result);
  }

  Sampler sampler_;
  Tensors values_;
};

}  // namespace

Map random_expression(std::uint64_t seed) {
  Sampler sampler(seed);
  constexpr std::int64_t lengths[] = {1, 3, 7, 40};
  const auto length = [&] { return lengths[static_cast<std::size_t>(4 * sampler.number())]; };
  const std::int64_t rows = length(), cols = length();
  Map map{.path = "random expression " + std::to_string(seed),
          .function = [seed](const Tensors& inputs) { return Builder(seed, inputs).results(); },
          .arguments = {sampler.uniform({rows, cols}), sampler.uniform({cols}), sampler.uniform({rows, 1}),
                        transpose(sampler.uniform({cols, rows}))},
          .active = {0, 1, 2, 3}};
  return map;
}

}  // namespace brenier::testing
