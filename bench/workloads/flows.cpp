// A training step of one block of a convex potential flow, x -> f(x) = ∇u(x), to a standard normal distribution.
//
//   L = mean ( |f(x)|²/2 - v · H z ),   H = ∇²u(x),  z ≈ H⁻¹ v by conjugate gradients, a constant,  v = ±1
//
// Its gradient is an unbiased estimate of that of |f|²/2 - ln det H. Here x and v are fixed and conjugate gradients
// make k = 2 iterations from z = v, so that every side does the same work: 14 + 2k forward passes.
// Reference: Huang, Chen, Tsirigotis & Courville, Convex potential flows (2021), section 3.3.
#include "bench/workloads/flow_potential.h"
#include "bench/workloads/training.h"
#include "engine/str.h"
#include "models/gradient_map.h"

namespace brenier::bench {
namespace {

constexpr int kIterations = 2;

// For each row; `matvec` is H.
template <class Matvec>
Tensor conjugate_gradients(const Matvec& matvec, const Tensor& v) {
  const auto dot_rows = [](const Tensor& a, const Tensor& b) { return sum(a * b, {-1}, true); };
  Tensor z = v, residual = v - matvec(v), direction = residual;
  Tensor squared = dot_rows(residual, residual);
  for (int i = 0; i < kIterations; ++i) {
    const Tensor product = matvec(direction);
    const Tensor alpha = squared / (dot_rows(direction, product) + 1e-8);
    z = z + alpha * direction;
    if (i + 1 == kIterations) break;
    residual = residual - alpha * product;
    const Tensor next = dot_rows(residual, residual);
    direction = residual + next / squared * direction;
    squared = next;
  }
  return z;
}

template <class Potential>
Tensor flow_loss(const Potential& potential, const Tensors& data) {
  const Tensor& v = data[1];
  return with_recorded_input(potential, data[0], [&](const Tensor& x) {
    const Tensor f = grad(sum(potential(x)), x);
    const auto hessian = [&](const Tensor& t) { return jvp(f, x, t); };
    const Tensor z = stop_gradient(conjugate_gradients(hessian, v));
    return (0.5 * sum(square(f)) - sum(hessian(z) * v)) / static_cast<double>(x.dim(0));
  });
}

template <class A>
void add_size(std::vector<Workload>& list, const char* name, const char* activation, const Size& size) {
  using Potential = FlowPotential<A>;
  add_training<Potential>(
      list, str(name, "/", activation, "/step"), size.work(14 + 2 * kIterations, Potential::is_gaussian), [=] {
        const Tensor v = sign(size.direction());
        return Training<Potential>{Potential::of_size(size), {size.points(), v}, 5e-3, flow_loss<Potential>};
      });
}

}  // namespace

void add_flows(std::vector<Workload>& list) {
  for (const auto& [name, size] : {std::pair{"c1", kB1}, std::pair{"c2", kB2}}) {
    add_size<GaussianSoftplus>(list, name, "gaussian", size);
    add_size<Softplus>(list, name, "logistic", size);
  }
}

}  // namespace brenier::bench
