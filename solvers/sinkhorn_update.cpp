#include "solvers/sinkhorn_update.h"

#include <algorithm>
#include <vector>

#include "engine/autodiff.h"
#include "engine/tape.h"

namespace brenier {
namespace {

constexpr std::int64_t kBlockBytes = std::int64_t{4} << 20;  // of products that are not kept
// From this dimension on products are dear enough to be copied for the other direction rather than made twice.
constexpr std::int64_t kCopiedFrom = 16;

}  // namespace

bool in_program(const Tensor& x) { return x.recorded() && x.tape()->recording_program(); }

Tensor ScaledProducts::soft_minimum(const Tensor& h, double epsilon) const {
  return -epsilon * log_matvec(matrix, h, sign / epsilon);
}

ScaledProducts ScaledProducts::transposed() const { return {transpose(matrix), sign}; }
ScaledProducts ScaledProducts::exchanged() const { return {-transpose(matrix), -sign}; }

SinkhornUpdate::SinkhornUpdate(const Tensor& rows, const Tensor& columns, bool second)
    : rows_(rows), columns_(columns), copies_(second && rows.dim(1) >= kCopiedFrom) {
  const std::int64_t row_bytes =
      std::max<std::int64_t>(1, columns.dim(0) * static_cast<std::int64_t>(size_of(rows.dtype())));
  block_ = std::max<std::int64_t>(16, kBlockBytes / row_bytes);
}

ScaledProducts SinkhornUpdate::products(const ScaledProducts& first) const {
  return copies_ ? first.exchanged() : products();
}

Tensor SinkhornUpdate::operator()(const Tensor& h, double epsilon) const {
  if (kept_.matrix.defined()) return kept_.soft_minimum(h, epsilon);
  return by_blocks(rows_, h, epsilon, [](const TensorFunction& f, const Tensor& rows) { return f({rows}); });
}

// A block is computed again when a derivative is asked for.
Tensor SinkhornUpdate::at(const Tensor& rows, const Tensor& h, double epsilon) const {
  if (rows.dim(0) <= block_) return products_of(rows).soft_minimum(h, epsilon);
  // A program keeps what it records, and f captures values of it.
  const bool keeps = in_program(rows) || in_program(columns_) || in_program(h);
  return by_blocks(rows, h, epsilon, [keeps](const TensorFunction& f, const Tensor& block) {
    return keeps ? f({block}) : checkpoint(f, {block});
  });
}

// Written so that a program finds the products of a pair once.
ScaledProducts SinkhornUpdate::products_of(const Tensor& rows) const {
  if (copies_) return ScaledProducts{matmul(columns_, transpose(rows))}.exchanged();
  return {matmul(rows, transpose(columns_))};
}

template <class Evaluate>
Tensor SinkhornUpdate::by_blocks(const Tensor& rows, const Tensor& h, double epsilon, Evaluate evaluate) const {
  const TensorFunction f = [columns = transpose(columns_), h, epsilon](const std::vector<Tensor>& in) {
    return ScaledProducts{matmul(in[0], columns)}.soft_minimum(h, epsilon);
  };
  std::vector<Tensor> parts;
  for (std::int64_t i = 0; i < rows.dim(0); i += block_)
    parts.push_back(evaluate(f, slice(rows, 0, i, std::min(i + block_, rows.dim(0)))));
  return concat(parts, 0);
}

}  // namespace brenier
