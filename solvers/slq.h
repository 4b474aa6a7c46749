// Stochastic Lanczos quadrature: tr f(A) from products with A, one trace per row of a batch.
//
//   vᵀ f(A) v ≈ ‖v‖² Σ_k τ_k² f(θ_k),   θ, τ: eigenvalues and first components of the eigenvectors of T,
//   tr f(A) = E vᵀ f(A) v  for random signs v
//
// m Lanczos steps make a Gauss rule of m nodes. For ln, whose even derivatives are negative, it is above vᵀ f(A) v for
// every single probe: a truncated estimate is biased upwards however many probes are averaged, and the standard error
// does not know. With a lower bound of the spectrum, the Gauss–Radau rule with a node there is below for ln, and the two
// enclose the exact mean over the same probes:
//
//   auto [value, standard_error, lower, upper] = slq_logdet(a, {rows, d}, key, {.lower_bound = 1e-2});
//
// Reference: Golub & Meurant, Matrices, Moments and Quadrature (2010); Ubaru, Chen & Saad (2017).
#pragma once

#include <functional>
#include <optional>

#include "solvers/lanczos.h"
#include "solvers/trace.h"

namespace brenier {

struct SlqOptions {
  std::int64_t steps = 20;  // m, products per probe; at most d are made, and then the quadrature is exact
  std::int64_t probes = 16;
  ProbeDistribution distribution = ProbeDistribution::Rademacher;
  Reorthogonalization reorthogonalization = Reorthogonalization::Full;
  // A number below all eigenvalues of all rows, for brackets. Rows in which a Ritz value lies below it get NaN there.
  std::optional<double> lower_bound{};
  DType dtype = DType::Float64;  // of the probes that are drawn
};

struct SlqEstimate {
  Tensor value;           // [rows], the mean of the Gauss rules over the probes
  Tensor standard_error;  // [rows], over the probes; NaN for one
  // [rows]; undefined without lower_bound. The smaller and the larger of both rules, probe by probe, on average. They
  // enclose the mean of vᵀ f(A) v over these probes if the even derivatives of f have one sign, and the odd ones too.
  Tensor lower, upper;
  Tensor per_probe{};      // [probes, rows], Gauss
  Tensor smallest_ritz{};  // [rows], over all probes: no smaller than the smallest eigenvalue
};

using SpectralFunction = std::function<Tensor(const Tensor& eigenvalues)>;  // elementwise

// For an operator on `shape` [rows, d]. Recorded, and differentiable through all steps, if A is; solvers/README.md says
// why a surrogate is better for training.
SlqEstimate slq(const LinearOperator& a, const Shape& shape, const SpectralFunction& f, const RandomKey& key,
                const SlqOptions& options = {});
// With probes [k, rows, d] of one's own.
SlqEstimate slq(const LinearOperator& a, const Tensor& probes, const SpectralFunction& f,
                const SlqOptions& options = {});

// ln det A; NaN in rows with a Ritz value that is not positive.
SlqEstimate slq_logdet(const LinearOperator& a, const Shape& shape, const RandomKey& key,
                       const SlqOptions& options = {});
SlqEstimate slq_logdet(const LinearOperator& a, const Tensor& probes, const SlqOptions& options = {});

}  // namespace brenier
