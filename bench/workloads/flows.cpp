// A training step of one block of a convex potential flow by maximum likelihood (models/flow_training.h), one program:
//
//   L = mean ( |f(x)|²/2 - logdet ),   f = ∇F,   H = ∇²F(x)
//
//   step     CgLogdet: the derivative of v · H z, where z ≈ H⁻¹ v by conjugate gradients is a constant, v = ±1; c3: of two
//            blocks in a row
//   exact    ExactLogdet: H assembled and factorised
//   c/dD/…   both where the dimension alone grows: what recommended_logdet() has to get right
//
// Data and v are fixed, and conjugate gradients make k iterations in every row, so that every side does the same work.
// Reference: Huang, Chen, Tsirigotis & Courville, Convex potential flows (2021), section 3.3 and algorithm 2.
#include <algorithm>

#include "bench/workloads/flow_potential.h"
#include "bench/workloads/training.h"
#include "engine/str.h"
#include "models/flow_training.h"

namespace brenier::bench {
namespace {

constexpr double kRate = 5e-3;

template <class A>
using Block = ConvexFlow<FlowNetwork<A>>;
template <class A>
using TwoBlocks = Sequence<Block<A>, Block<A>>;

// data: points, and probes [1, rows, d] for conjugate gradients.
template <class A, class F, class MakeSession>
void add_step(std::vector<Workload>& list, const std::string& name, const Size& size, const F& flow,
              double flops_per_row, const MakeSession& session) {
  Work work = size.work(0, is_gaussian<A>);
  work.flops = flops_per_row * static_cast<double>(size.batch);
  add_training<F>(list, name, work, [=] {
    const Tensor probes = reshape(sign(size.direction()), {1, size.batch, size.dim});
    return TrainingTask<F>{
        with_formula_parameters(flow), {size.points(), probes}, kRate, [=](const auto& flow, const Tensors& data) {
          return flow_loss(flow, data[0], session(data));
        }};
  });
}

template <class A>
Block<A> block_of(const Size& size) {
  return {formula_potential<A>(size)};
}

PotentialSize potential_size(const Size& size) { return {size.dim, size.units, size.layers}; }

template <class A>
void add_cg(std::vector<Workload>& list, const std::string& name, const Size& size, std::int64_t iterations) {
  const CgLogdet estimator{.tolerance = 0, .max_iterations = iterations};  // 0: no row stops early
  const double flops = logdet_flops(estimator, potential_size(size), static_cast<double>(iterations));
  const auto session = [=](const Tensors& data) { return LogdetSession(estimator, data[1]); };
  add_step<A>(list, name, size, block_of<A>(size), flops, session);
}

// What a flow on tabular data is made of; the numbers of the second block follow from those of the first.
template <class A>
void add_two_blocks(std::vector<Workload>& list, const std::string& name, const Size& size, std::int64_t iterations) {
  const CgLogdet estimator{.tolerance = 0, .max_iterations = iterations};
  const double flops = 2 * logdet_flops(estimator, potential_size(size), static_cast<double>(iterations));
  const auto session = [=](const Tensors& data) { return LogdetSession(estimator, data[1]); };
  add_step<A>(list, name, size, TwoBlocks<A>{{block_of<A>(size), block_of<A>(size)}}, flops, session);
}

template <class A>
void add_exact(std::vector<Workload>& list, const std::string& name, const Size& size) {
  const double flops = logdet_flops(ExactLogdet(), potential_size(size));
  add_step<A>(list, name, size, block_of<A>(size), flops,
              [](const Tensors&) { return LogdetSession(ExactLogdet(), RandomKey(0, 0)); });
}

template <class A>
void add_block(std::vector<Workload>& list, const char* activation) {
  for (const auto& [name, size] : {std::pair{"c1", kB1}, std::pair{"c2", kB2}})
    add_cg<A>(list, str(name, "/", activation, "/step"), size, 2);
  add_two_blocks<A>(list, str("c3/", activation, "/step"), kB2, 2);
  add_exact<A>(list, str("c1/", activation, "/exact"), kB1);
}

}  // namespace

void add_flows(std::vector<Workload>& list) {
  add_block<GaussianSoftplus>(list, "gaussian");
  add_block<Softplus>(list, "logistic");
  for (const std::int64_t dim : {6, 16, 43}) {
    const Size size{"c", kB2.batch, dim, kB2.units, kB2.layers};
    add_exact<GaussianSoftplus>(list, str("c/d", dim, "/exact"), size);
    for (const std::int64_t iterations : {std::int64_t{2}, std::int64_t{4}, std::min<std::int64_t>(8, dim)})
      add_cg<GaussianSoftplus>(list, str("c/d", dim, "/cg", iterations), size, iterations);
  }
}

}  // namespace brenier::bench
