// See experiments/support/monotone_projection.h. Offsets are counted in grid steps: the constraints do not change when
// both sides of the inner product are scaled.
#include "experiments/support/monotone_projection.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "engine/str.h"

namespace brenier::experiments {
namespace {

struct Offset {
  std::int64_t p, q;
};

// One of each pair of opposite directions.
std::vector<Offset> primitive_offsets(std::int64_t reach) {
  std::vector<Offset> offsets;
  for (std::int64_t p = 0; p <= reach; ++p)
    for (std::int64_t q = p == 0 ? 1 : -reach; q <= reach; ++q)
      if (std::gcd(p, q) == 1) offsets.push_back({p, q});
  return offsets;
}

struct Constraint {
  std::size_t from, to;
  double p, q;
  double multiplier = 0;
};

class Hildreth {
 public:
  Hildreth(std::vector<double> field, std::int64_t n, const ProjectionOptions& options)
      : field_(std::move(field)), f_(field_), n_(n), options_(options), offsets_(primitive_offsets(options.reach)) {}

  void run() {
    constexpr std::int64_t kSearchInterval = 25;
    for (std::int64_t sweep = 0; sweep < options_.sweeps; ++sweep) {
      if (sweep % kSearchInterval == 0) add_violated();
      for (Constraint& c : working_) ascend(c);
    }
  }

  MonotoneProjection result() {
    double squares = 0, linear = 0;
    for (std::size_t i = 0; i < f_.size(); ++i) squares += (f_[i] - field_[i]) * (f_[i] - field_[i]);
    for (const Constraint& c : working_) linear += c.multiplier * slope(field_, c);
    const double points = static_cast<double>(n_ * n_);
    MonotoneProjection projection{.floor = std::max(0.0, (-squares - 2 * linear) / points), .attained = squares / points};
    for_each_pair([&](const Constraint& c) {
      projection.worst_violation = std::min(projection.worst_violation, slope(f_, c) / (c.p * c.p + c.q * c.q));
    });
    projection.values = tensor(f_, {n_ * n_, 2});
    return projection;
  }

 private:
  // ⟨F_j - F_i, x_j - x_i⟩
  static double slope(const std::vector<double>& f, const Constraint& c) {
    return (f[2 * c.to] - f[2 * c.from]) * c.p + (f[2 * c.to + 1] - f[2 * c.from + 1]) * c.q;
  }

  // The best multiplier of this constraint with all others fixed.
  void ascend(Constraint& c) {
    const double step = std::max(-slope(f_, c) / (2 * (c.p * c.p + c.q * c.q)), -c.multiplier);
    c.multiplier += step;
    f_[2 * c.to] += step * c.p;
    f_[2 * c.to + 1] += step * c.q;
    f_[2 * c.from] -= step * c.p;
    f_[2 * c.from + 1] -= step * c.q;
  }

  template <class Visit>
  void for_each_pair(Visit visit) const {
    for (const auto& [p, q] : offsets_)
      for (std::int64_t row = std::max<std::int64_t>(0, -q); row < n_ - std::max<std::int64_t>(0, q); ++row)
        for (std::int64_t column = 0; column < n_ - p; ++column) {
          const std::int64_t from = row * n_ + column, to = from + q * n_ + p;
          visit(Constraint{static_cast<std::size_t>(from), static_cast<std::size_t>(to), static_cast<double>(p),
                           static_cast<double>(q)});
        }
  }

  // Those already at work are violated too now and then: they are known by their ends.
  void add_violated() {
    constexpr double kNegligible = -1e-14;
    std::vector<Constraint> found;
    for_each_pair([&](const Constraint& c) {
      if (slope(f_, c) < kNegligible) found.push_back(c);
    });
    const auto by_ends = [](const Constraint& a, const Constraint& b) {
      return a.from != b.from ? a.from < b.from : a.to < b.to;
    };
    std::sort(found.begin(), found.end(), by_ends);
    std::vector<Constraint> merged;  // of equal ones, set_union keeps the first range's, with its multiplier
    std::set_union(working_.begin(), working_.end(), found.begin(), found.end(), std::back_inserter(merged), by_ends);
    working_ = std::move(merged);
  }

  std::vector<double> field_, f_;
  std::int64_t n_;
  ProjectionOptions options_;
  std::vector<Offset> offsets_;
  std::vector<Constraint> working_;
};

}  // namespace

MonotoneProjection project_on_monotone(const Tensor& field, const ProjectionOptions& options) {
  const auto n = static_cast<std::int64_t>(std::llround(std::sqrt(static_cast<double>(field.size()) / 2)));
  if (field.shape() != Shape{n * n, 2})
    throw std::invalid_argument(str("[project_on_monotone] needs values [n * n, 2] on a square grid, got ", field.shape()));
  Hildreth hildreth(field.to_vector<double>(), n, options);
  hildreth.run();
  return hildreth.result();
}

}  // namespace brenier::experiments
