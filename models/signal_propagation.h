// What a layer with positive weights makes of random inputs: means, variances and correlations of its pre-activations,
// for any activation.
//
// Inputs are standard normal, x ~ N(0, I). Let φ(a), a ~ N(0, 1), have the Hermite coefficients
//   α_k = E φ(a) He_k(a) / √k!            so that   E φ(a) ψ(b) = Σ_k α_k β_k ρᵏ   if corr(a, b) = ρ   (Mehler)
// Then α₀ is the mean of φ, α₁ = E φ' its mean slope, and Σ_{k≥1} α_k² its variance. Two units whose pre-activations
// hold a share s of variance directly from the input, by rows of random directions at an angle with cosine t, and c
// from what positive weights average, have the correlation c + s t, and E tᵏ is known. For n features φ_j and weights
// with Σ_j w_j = R and Σ_j w_j² = S,
//   Var Σ_j w_j φ_j = S V + (R² - S) C,    Cov(Σ_j w_j φ_j, Σ_j w'_j φ_j) = R² (V/n + (1 - 1/n) C)
// with V the mean variance of a feature and C the mean covariance of two. The second, c of the next layer, does not
// fall with n: rows of positive weights are never orthogonal. Reference: Hoedt & Klambauer, Principled weight
// initialisation for input-convex neural networks (2023), for relu in closed form.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "engine/ops.h"

namespace brenier {

struct HermiteSeries {
  std::vector<double> coefficients;  // α₀, α₁, …
  double variance = 0;               // of φ(a), by its own integral: the tail of the series shows in the difference

  double mean() const { return coefficients[0]; }
  double slope() const { return coefficients[1]; }
};

// Of a function of any shape, elementwise, smooth but for a kink at 0. By Gauss-Legendre quadrature on both sides of 0.
HermiteSeries hermite_series(const std::function<Tensor(const Tensor&)>& activation);

// E tᵏ for the cosine t of the angle between two random directions in `dim` dimensions.
double cosine_moment(std::int64_t dim, int k);

// Σ_{k≥1} α_k β_k E (c + s t)ᵏ: the covariance of φ and ψ of two units.
double unit_covariance(const HermiteSeries& a, const HermiteSeries& b, double correlation, double share,
                       std::int64_t dim);

// Where positive weights lead: R, S and what follows from them.
struct RowLaw {
  double row_sum = 0;      // R
  double row_squares = 0;  // S
  double variance = 0;     // of Σ_j w_j φ_j
  double shared = 0;       // the covariance of two such sums with different weights, c of the next layer
};

// The features that a layer reads, in groups of the same activation and kind.
class FeatureStatistics {
 public:
  explicit FeatureStatistics(std::int64_t dim) : dim_(dim) {}

  // `count` functions of the input alone, φ(w·x) for random directions w of length one.
  void add_fresh(const HermiteSeries& activation, std::int64_t count);
  // `count` units that read the features by this law and have the rest of their variance 1 directly from the input.
  // Those read stay, unless `replace`.
  void add_layer(const HermiteSeries& activation, std::int64_t count, const RowLaw& law, bool replace);

  // Of weights with the sum R and `inputs` = R²/S effective inputs, as many as there are at most.
  RowLaw law(double row_sum, double inputs) const;
  // Of the weights for which a correlation c of all units would be kept, with variance 1 from positive weights alone.
  RowLaw fixed_point(double correlation) const;
  std::vector<double> means() const;  // of every feature

 private:
  struct Group {
    HermiteSeries activation;
    std::int64_t count;
    double share;  // of its variance that comes from the input directly
  };
  std::int64_t count() const;
  double mean_variance() const;
  // The mean of covariance(g, h) over all pairs of different features.
  double mean_over_pairs(const std::function<double(std::size_t, std::size_t)>& covariance) const;
  double covariance(std::size_t g, std::size_t h) const;

  std::int64_t dim_;
  std::vector<Group> groups_{};
  std::vector<std::vector<double>> correlation_{};  // c of units of two groups, different ones of the same group
};

// Positive weights [out, in] with the sum R and the sum of squares S in every row, log-normal but for that. Needs R²/in
// ≤ S ≤ R².
Tensor draw_positive_rows(const RandomKey& key, std::int64_t in, std::int64_t out, const RowLaw& law, DType dtype);
// Rows [out, in] of random direction, their lengths √share.
Tensor draw_directions(const RandomKey& key, std::int64_t in, std::int64_t out, double share, DType dtype);

}  // namespace brenier
