// Matrix products: matmul(A, B) = A·B over the last two axes, leading axes broadcast.
//
// Transposes are views, so the kernel sees strides and nothing is ever copied to transpose it. A stack of matrices
// times one matrix is a single taller product, which is also how a bundle of tangents passes through a linear layer
// at the speed of one large product.
//
// Kernels: engine/cpu/matmul-inl.h. Next on the walk: engine/cpu/README.md.
#include <stdexcept>

#include "engine/op.h"
#include "engine/ops.h"
#include "engine/str.h"

namespace brenier {
namespace {

OutputType matmul_type(const Op& op, std::span<const Tensor* const> in, const Attributes&) {
  const Tensor &a = *in[0], &b = *in[1];
  if (a.dtype() != b.dtype())
    misuse(op, str("dtypes differ: ", a.dtype(), " ", a.shape(), " and ", b.dtype(), " ", b.shape(), "; use cast()"));
  if (a.shape()[-1] != b.shape()[-2]) misuse(op, str("inner dimensions differ: ", a.shape(), " and ", b.shape()));
  const Shape batch = broadcast_shapes(op.name, a.shape().part(0, a.rank() - 2), b.shape().part(0, b.rank() - 2));
  return {batch + Shape{a.shape()[-2], b.shape()[-1]}, a.dtype()};
}

// Whether the columns lie one after the other, as in the transpose of a weight matrix.
bool by_columns(const Tensor& x) { return x.rank() == 2 && x.strides()[0] == 1 && x.strides()[1] != 1; }

// A·B, laid out as `like` is.
Tensor matmul_like(const Tensor& like, const Tensor& a, const Tensor& b) {
  return by_columns(like) ? transpose(matmul(transpose(b), transpose(a))) : matmul(a, b);
}

// C = A·B                Ā = C̄·Bᵀ,  B̄ = Aᵀ·C̄
//
// in the layout of A and B: the gradient of W in x·Wᵀ is then row-major, as W is.
const Op matmul_op = bilinear(
    "matmul", OpCode::MatMul, matmul_type,
    [](const Tensor& ct, const Tensor& b, const Tensor& a) { return matmul_like(a, ct, transpose(b)); },
    [](const Tensor& ct, const Tensor& a, const Tensor& b) { return matmul_like(b, transpose(a), ct); });

// [..., m, k] · [k, n] as one product of [... m, k] and [k, n].
Tensor matmul_flattened(const Tensor& a, const Tensor& b) {
  const Tensor rows = reshape(a, {-1, a.dim(-1)});
  return reshape(apply(matmul_op, {&rows, &b}), a.shape().part(0, a.rank() - 1) + Shape{b.dim(-1)});
}

// Worth it only where the rows lie one after the other: otherwise flattening would copy.
bool rows_flatten(const Tensor& a, const Tensor& b) {
  return b.rank() == 2 && a.rank() > 2 && a.size() > 0 && a.contiguous();
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b) {
  if (!a.defined() || !b.defined()) misuse(matmul_op, "an argument is undefined");
  if (a.rank() == 0 || b.rank() == 0)
    misuse(matmul_op, str("scalars have no matrix product: ", a.shape(), " and ", b.shape()));
  if (a.rank() == 1 && b.rank() == 1) return squeeze(matmul(expand_axis(a, 0), b), 0);
  if (a.rank() == 1) return squeeze(matmul(expand_axis(a, 0), b), -2);
  if (b.rank() == 1) return squeeze(matmul(a, expand_axis(b, 1)), -1);
  if (rows_flatten(a, b) && a.dim(-1) == b.dim(-2)) return matmul_flattened(a, b);
  return apply(matmul_op, {&a, &b});
}

Tensor dot(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape()) throw std::invalid_argument(str("[dot] shapes differ: ", a.shape(), " and ", b.shape()));
  return sum(a * b);
}

Tensor outer(const Tensor& a, const Tensor& b) {
  if (a.rank() != 1 || b.rank() != 1)
    throw std::invalid_argument(str("[outer] expects two vectors, got shapes ", a.shape(), " and ", b.shape()));
  return expand_axis(a, 1) * expand_axis(b, 0);
}

}  // namespace brenier
