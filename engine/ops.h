// Every public operation, one line of documentation each.
//
// Common rules. Shapes broadcast as in NumPy. Arguments of one operation share a dtype; a plain number takes the
// dtype of its partner. Negative axes count from the end. Results are recorded if an argument is recorded, and are
// differentiable to every order in both modes unless marked constant (derivative zero). Misuse throws
// std::invalid_argument that names the operation and the shapes.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <vector>

#include "engine/op_code.h"
#include "engine/tensor.h"

namespace brenier {

// Elementwise: neg, exp, softplus, …, add, mul, pow, … The list with one line of documentation each is at the top
// of engine/ops/functors-inl.h.
#define BRENIER_DECLARE_UNARY(name, code, text) Tensor name(const Tensor& x);
BRENIER_UNARY_OPS(BRENIER_DECLARE_UNARY)
#undef BRENIER_DECLARE_UNARY
#define BRENIER_DECLARE_BINARY(name, code, text) \
  Tensor name(const Tensor& a, const Tensor& b); \
  Tensor name(const Tensor& a, double b);        \
  Tensor name(double a, const Tensor& b);
BRENIER_BINARY_OPS(BRENIER_DECLARE_BINARY)
#undef BRENIER_DECLARE_BINARY

inline Tensor operator-(const Tensor& x) { return neg(x); }
#define BRENIER_OPERATOR(symbol, name)                                                   \
  inline Tensor operator symbol(const Tensor& a, const Tensor& b) { return name(a, b); } \
  inline Tensor operator symbol(const Tensor& a, double b) { return name(a, b); }        \
  inline Tensor operator symbol(double a, const Tensor& b) { return name(a, b); }
BRENIER_OPERATOR(+, add)
BRENIER_OPERATOR(-, sub)
BRENIER_OPERATOR(*, mul)
BRENIER_OPERATOR(/, div)
#undef BRENIER_OPERATOR

Tensor greater(const Tensor& a, const Tensor& b);        // 1 where a > b, else 0; constant
Tensor greater_equal(const Tensor& a, const Tensor& b);  // 1 where a >= b, else 0; constant
// a where condition != 0, else b. The branch not taken gets derivative 0 exactly, but it is evaluated: if its own
// derivative is infinite there, mask its argument too.
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
Tensor where(const Tensor& condition, const Tensor& a, double b);
Tensor where(const Tensor& condition, double a, const Tensor& b);
Tensor clamp(const Tensor& x, double low, double high);  // derivative 1 inside, 1/2 at the ends, 0 outside

Tensor cast(const Tensor& x, DType dtype);  // converted numbers; towards zero for int64
Tensor stop_gradient(const Tensor& x);      // the same value; constant

// Reductions. No axes: all of them, giving a scalar. keep_axes leaves axes of length 1 behind.
Tensor sum(const Tensor& x, const Axes& axes = {}, bool keep_axes = false);
Tensor mean(const Tensor& x, const Axes& axes = {}, bool keep_axes = false);
Tensor variance(const Tensor& x, const Axes& axes = {}, bool keep_axes = false);   // biased: divided by n
Tensor max(const Tensor& x, const Axes& axes = {}, bool keep_axes = false);        // ties share the derivative equally
Tensor min(const Tensor& x, const Axes& axes = {}, bool keep_axes = false);        // ties share the derivative equally
Tensor logsumexp(const Tensor& x, const Axes& axes = {}, bool keep_axes = false);  // ln sum e^x, shifted by the maximum
Tensor softmax(const Tensor& x, int axis = -1);                                    // e^x / sum e^x
Tensor prod(const Tensor& x, const Axes& axes = {}, bool keep_axes = false);  // every derivative is right at zeros too
Tensor argmax(const Tensor& x, int axis);  // int64, first of equals, axis removed; constant
// Sums x down to a shape that broadcasts to x's: the transpose of broadcasting.
Tensor sum_to(const Tensor& x, const Shape& shape);

// Matrix products. [..., m, k] · [..., k, n] -> [..., m, n] with broadcast leading axes; a vector counts as one row
// (left) or one column (right). Transposed arguments are read in place.
Tensor matmul(const Tensor& a, const Tensor& b);
// ln sum_j e^(scale a[i, j] + v[j]): the product with a matrix and a vector given by their logarithms, without overflow.
// [..., n, m], [..., m] -> [..., n] with broadcast leading axes; the scale is one number. Its derivatives make matrices of
// the size of a, its value does not.
Tensor log_matvec(const Tensor& a, const Tensor& v, const Tensor& scale);
Tensor log_matvec(const Tensor& a, const Tensor& v, double scale = 1);
Tensor dot(const Tensor& a, const Tensor& b);    // sum of products over everything; scalar
Tensor outer(const Tensor& a, const Tensor& b);  // [m], [n] -> [m, n]

// Linear algebra, on the last two axes; leading axes are a batch, and broadcast between arguments. A symmetric
// argument stands for its symmetric part (A + A^T)/2, which is all that is read of it, and its derivatives are
// symmetric; of a triangular one only that triangle is read, and its derivatives lie there. Nothing throws because of
// numbers: a matrix that is singular, not positive definite or not finite gives infinities or NaN in its own results
// and leaves the rest of the batch alone. A factorisation is made once for a value and all its derivatives. See
// engine/README.md.
enum class Triangle { Lower, Upper };
// L with L L^T = A for positive definite A, zeros above its diagonal; NaN from the column on where A is not.
Tensor cholesky(const Tensor& a);
// The solution of T X = B; b is [..., n, k] or a vector [n].
Tensor triangular_solve(const Tensor& t, const Tensor& b, Triangle side);
Tensor spd_solve(const Tensor& a, const Tensor& b);  // of A X = B, A symmetric positive definite, else NaN; b as above
Tensor solve(const Tensor& a, const Tensor& b);      // of A X = B, by row interchanges; b as above
Tensor spd_inverse(const Tensor& a);                 // of a symmetric positive definite matrix, else NaN
Tensor inverse(const Tensor& a);
Tensor spd_logdet(const Tensor& a);  // ln det A of a symmetric positive definite matrix, else NaN; [...]
struct SignedLogdet {
  Tensor sign;    // -1, 0 or 1; constant
  Tensor logabs;  // ln |det A|; -infinity if A is singular
};
SignedLogdet slogdet(const Tensor& a);
Tensor logdet(const Tensor& a);  // ln det A; -infinity if that is 0, NaN if it is negative

struct SymmetricEigen {
  Tensor values;   // [..., n], ascending
  Tensor vectors;  // [..., n, n]: orthonormal columns
};
// A = V diag(values) V^T. NaN if an entry is not finite. Eigenvalues closer than n eps max|values| count as repeated,
// and terms of derivatives that divide by their difference as 0. A first derivative is then right if it is of a
// symmetric function of the values, such as the sum of f(value); others lack what couples the eigenvectors of a
// repeated eigenvalue.
SymmetricEigen symmetric_eigen(const Tensor& a);
// S with S S = A for symmetric positive semidefinite A; eigenvalues below n eps max|values| in size count as 0 if
// negative, others give NaN. All derivatives are right at repeated eigenvalues; they are infinite or NaN where A is
// singular.
Tensor symmetric_sqrt(const Tensor& a);
struct TridiagonalEigen {
  Tensor values;            // [..., m], ascending
  Tensor first_components;  // [..., m]: of the orthonormal eigenvectors, with the sign that makes them >= 0
};
// Of the symmetric matrix with this diagonal [..., m] and off-diagonal [..., m-1]: the nodes and the roots of the
// weights of a Gauss rule. Derivatives as those of symmetric_eigen.
TridiagonalEigen tridiagonal_eigen(const Tensor& diagonal, const Tensor& offdiagonal);

// Shape.
Tensor reshape(const Tensor& x, const Shape& shape);       // one entry may be -1: whatever is left
Tensor transpose(const Tensor& x);                         // swaps the last two axes; a view
Tensor permute(const Tensor& x, const Axes& order);        // axis i of the result is axis order[i] of x; a view
Tensor move_axis(const Tensor& x, int from, int to);       // the other axes keep their order; a view
Tensor broadcast_to(const Tensor& x, const Shape& shape);  // a view
Tensor expand_axis(const Tensor& x, int axis);  // a new axis of length 1 at that position of the result; a view
Tensor squeeze(const Tensor& x, int axis);      // removes an axis of length 1; a view
Tensor slice(const Tensor& x, int axis, std::int64_t start, std::int64_t stop,
             std::int64_t step = 1);                           // a view; step >= 1
Tensor select(const Tensor& x, int axis, std::int64_t index);  // one entry, the axis removed; a view
Tensor flip(const Tensor& x, const Axes& axes);                // reversed; a view
// Zeros around: low[i] before and high[i] after axis i.
Tensor pad(const Tensor& x, const Dims& low, const Dims& high);
Tensor concat(const std::vector<Tensor>& parts, int axis);     // along an existing axis
Tensor stack(const std::vector<Tensor>& parts, int axis = 0);  // along a new axis at that position of the result

// Index. Indices are int64; they must lie in [0, length), else std::invalid_argument.
// x's axis replaced by the axes of the indices: result[..., i, ...] = x[..., indices[i], ...].
Tensor gather(const Tensor& x, const Tensor& indices, int axis = 0);
// The transpose of gather: zeros with `length` entries along `axis`, to which the entries of x are added, in order.
Tensor scatter_add(const Tensor& x, const Tensor& indices, int axis, std::int64_t length);
// result[i, j] = x[i, indices[i, j]] for axis = -1; indices have x's shape apart from that axis.
Tensor take_along_axis(const Tensor& x, const Tensor& indices, int axis);
// The transpose of take_along_axis.
Tensor scatter_add_along_axis(const Tensor& x, const Tensor& indices, int axis, std::int64_t length);
Tensor argsort(const Tensor& x, int axis = -1);  // int64, ascending, stable, NaN last; constant
Tensor sort(const Tensor& x, int axis = -1);     // ascending

// Random numbers (Philox 4x32-10, Salmon et al. 2011): element i of the result is a function of seed, counter and i
// alone, on every device and for any number of threads. Use another counter for every draw; it may be a recorded
// int64 scalar, so that a replayed program can be given a new one. Constant.
struct RandomKey {
  std::uint64_t seed = 0;
  Tensor counter;  // int64 scalar
  RandomKey(std::uint64_t seed, std::uint64_t counter);
  RandomKey(std::uint64_t seed, Tensor counter) : seed(seed), counter(std::move(counter)) {}
};
Tensor random_uniform(const RandomKey& key, const Shape& shape, DType dtype = DType::Float64);     // [0, 1)
Tensor random_normal(const RandomKey& key, const Shape& shape, DType dtype = DType::Float64);      // mean 0, variance 1
Tensor random_rademacher(const RandomKey& key, const Shape& shape, DType dtype = DType::Float64);  // -1 or 1
Tensor random_permutation(const RandomKey& key, std::int64_t n);  // int64, 0 … n-1 in random order

}  // namespace brenier
