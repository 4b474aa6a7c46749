// The operators that come ready: a matrix, and the Hessian of a potential.
#include "solvers/linear_operator.h"

namespace brenier {

LinearOperator matrix_operator(const Tensor& a) {
  const auto map = [a](const Tensor& v) { return squeeze(matmul(a, expand_axis(v, -1)), -1); };
  if (a.rank() == 2)
    return {[a](const Tensor& v) { return matmul(v, transpose(a)); },
            [a](const Tensor&) { return matrix_operator(a); }};
  return {map, [a](const Tensor& rows) { return matrix_operator(gather(a, rows, 0)); }};
}

LinearOperator hessian_operator(std::function<Tensor(const Tensor& x)> potential, const Tensor& x) {
  Tape tape;
  const Tensor point = tape.watch(x);
  const Linearization single = linearize(grad(sum(potential(point)), point), point);
  const auto map = [single, x](const Tensor& v) {
    if (v.shape() == x.shape()) return single(v);
    std::vector<Tensor> products;
    for (std::int64_t k = 0; k < v.dim(0); ++k) products.push_back(single(select(v, 0, k)));
    return stack(products);
  };
  return {map, [potential = std::move(potential), x](const Tensor& rows) {
            return hessian_operator(potential, gather(x, rows, 0));
          }};
}

}  // namespace brenier
