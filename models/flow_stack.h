// Flows applied in turn: the determinants multiply, the inverses are taken in the opposite order.
//
//   f = f_n ∘ … ∘ f_1      ln |det ∂f/∂x| = Σ_k ln |det ∂f_k/∂x_{k-1}|      f⁻¹ = f_1⁻¹ ∘ … ∘ f_n⁻¹
//
//   Sequence<Flows...>        flows of any types, in the order of the list
//   NormalizedStack<Layer>    AN, layer, AN, …, layer, AN: flows of one type between ActNorms
//
// Further arguments of forward(x, estimator...) reach the layers that have a forward of these arguments, as lvalues; other
// layers are called with x alone. A composition of gradients of convex functions is in general not such a gradient:
// no stack is an optimal transport map, only a single layer without norms may be one.
//
// Reference: Dinh, Krueger & Bengio, NICE (2014), for composing; Huang et al., Convex potential flows (2021), appendix E,
// for the place of the norms.
#pragma once

#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/str.h"
#include "models/layers.h"

namespace brenier {

// flow.forward(x, estimator...) if there is one, else flow.forward(x).
template <class F, class... Estimator>
Transformed forward_of(const F& flow, const Tensor& x, Estimator&... estimator) {
  if constexpr (requires { flow.forward(x, estimator...); }) {
    return flow.forward(x, estimator...);
  } else {
    return flow.forward(x);
  }
}

// The result so far, carried through one more flow. An undefined logdet counts as 0.
template <class F, class... Estimator>
void carry_forward(Transformed& so_far, const F& flow, Estimator&... estimator) {
  const Transformed next = forward_of(flow, so_far.value, estimator...);
  so_far = {next.value, so_far.logdet.defined() ? so_far.logdet + next.logdet : next.logdet};
}

// The data-dependent start of a flow that has one; returns the batch as it leaves the flow.
template <class F>
Tensor start_flow(F& flow, const Tensor& batch) {
  if constexpr (requires { flow.initialize_from(batch); }) flow.initialize_from(batch);
  return flow(batch).detached();
}

// The inverse of a composition, from its last flow to its first.
class InverseChain {
 public:
  explicit InverseChain(const Tensor& z) : preimage_{z.detached(), {.status = SolveStatus::Converged, .message = {}}} {}

  template <class F>
  void undo(const F& flow, const std::string& name) {
    const Preimage next = flow.inverse(preimage_.solution);
    preimage_.solution = next.solution;
    merge(next.report, name);
  }
  // Of every row: the worst status, all iterations together, the largest residual. The message is that of the first
  // layer that failed, led by its name.
  Preimage result() const;

 private:
  void merge(const SolveReport& next, const std::string& name);

  Preimage preimage_;
  std::int64_t layers_ = 0;
};

template <Flow... Flows>
struct Sequence {
  static_assert(sizeof...(Flows) > 0, "a sequence of no flows has no determinant");
  std::tuple<Flows...> flows;  // parameters are named 0.…, 1.…, …

  Tensor operator()(Tensor x) const {
    std::apply([&](const auto&... flow) { ((x = flow(x)), ...); }, flows);
    return x;
  }

  template <class... Estimator>
  Transformed forward(const Tensor& x, Estimator&&... estimator) const {
    Transformed result{x, {}};
    std::apply([&](const auto&... flow) { (carry_forward(result, flow, estimator...), ...); }, flows);
    return result;
  }

  Preimage inverse(const Tensor& z) const {
    InverseChain chain(z);
    const auto undo_all = [&]<std::size_t... I>(std::index_sequence<I...>) {
      (chain.undo(std::get<sizeof...(I) - 1 - I>(flows), str(sizeof...(I) - 1 - I)), ...);
    };
    undo_all(std::index_sequence_for<Flows...>());
    return chain.result();
  }

  // Starts the layers that start from data, each from what reaches it.
  void initialize_from(const Tensor& batch) {
    Tensor x = batch.detached();
    std::apply([&](auto&... flow) { ((x = start_flow(flow, x)), ...); }, flows);
  }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) requires(HasParameters<Flows>&&...) {
    const auto visit_all = [&]<std::size_t... I>(std::index_sequence<I...>) {
      (visit_parameters(str(I), std::get<I>(flows), visit), ...);
    };
    visit_all(std::index_sequence_for<Flows...>());
  }
};
template <class... Flows>
Sequence(std::tuple<Flows...>) -> Sequence<Flows...>;

template <Flow Layer>
struct NormalizedStack {
  std::vector<Layer> layers;
  std::vector<ActNorm> norms;  // one more than layers: norms[k] stands before layers[k], the last one at the end

  // With ActNorms that are the identity up to their floor, for layers on rows of `dim` numbers.
  static NormalizedStack of(std::vector<Layer> layers, std::int64_t dim, DType dtype = DType::Float64) {
    std::vector<ActNorm> norms(layers.size() + 1, ActNorm::identity(dim, dtype));
    return {std::move(layers), std::move(norms)};
  }

  Tensor operator()(const Tensor& x) const {
    Tensor z = norms.at(0)(x);
    for (std::size_t k = 0; k < layers.size(); ++k) z = norms.at(k + 1)(layers[k](z));
    return z;
  }

  template <class... Estimator>
  Transformed forward(const Tensor& x, Estimator&&... estimator) const {
    Transformed result = norms.at(0).forward(x);
    for (std::size_t k = 0; k < layers.size(); ++k) {
      carry_forward(result, layers[k], estimator...);
      carry_forward(result, norms.at(k + 1));
    }
    return result;
  }

  Preimage inverse(const Tensor& z) const {
    InverseChain chain(z);
    for (std::size_t k = layers.size(); k > 0; --k) {
      chain.undo(norms.at(k), str("norms.", k));
      chain.undo(layers[k - 1], str("layers.", k - 1));
    }
    chain.undo(norms.at(0), "norms.0");
    return chain.result();
  }

  // Starts norms and layers in the order of the flow, each from what reaches it. Call it once, with a large batch
  // [rows, d]: it fixes the scale of everything behind.
  void initialize_from(const Tensor& batch) {
    Tensor x = start_flow(norms.at(0), batch.detached());
    for (std::size_t k = 0; k < layers.size(); ++k) x = start_flow(norms.at(k + 1), start_flow(layers[k], x));
  }

  template <class Visitor>
  void for_each_parameter(Visitor&& visit) requires HasParameters<Layer> {
    visit_parameters("layers", layers, visit);
    visit_parameters("norms", norms, visit);
  }
};

}  // namespace brenier
