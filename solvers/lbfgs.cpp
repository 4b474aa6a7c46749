// The iteration itself. Every trial point is computed by the same expression x + t d that makes the next iterate, so
// the value and gradient kept from the line search belong to it exactly. If a direction built from curvature pairs
// fails, they are forgotten and the gradient gets one chance before the solver gives up.
#include "solvers/lbfgs.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace brenier {
namespace {

using Vector = std::vector<double>;

double inner(const Vector& a, const Vector& b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }

double max_norm(const Vector& a) {
  double largest = 0;
  for (double value : a) largest = std::max(largest, std::abs(value));
  return largest;
}

// a + t b
Vector moved(Vector a, double t, const Vector& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] += t * b[i];
  return a;
}

bool finite(const LbfgsState& state) {
  const auto is_finite_number = [](double value) { return std::isfinite(value); };
  return std::isfinite(state.value) && std::all_of(state.gradient.begin(), state.gradient.end(), is_finite_number);
}

double first_step(const LbfgsState& state) {
  if (!state.pairs.empty()) return 1;
  double one_norm = 0;
  for (double slope : state.gradient) one_norm += std::abs(slope);
  return std::min(1.0, 1 / one_norm);
}

LineSearchResult search(const Objective& objective, LbfgsState& state, const Vector& direction,
                        const LineSearchOptions& options) {
  const auto phi = [&](double step) {
    LinePoint point{.step = step, .gradient = Vector(state.x.size())};
    point.value = objective(moved(state.x, step, direction), point.gradient);
    point.slope = inner(point.gradient, direction);
    return point;
  };
  const LinePoint start{.step = 0, .value = state.value, .slope = inner(state.gradient, direction)};
  LineSearchResult result = strong_wolfe(phi, start, first_step(state), options);
  state.evaluations += result.evaluations;
  return result;
}

void remember(LbfgsState& state, CurvaturePair pair, const LbfgsOptions& options) {
  const double scale = std::sqrt(inner(pair.s, pair.s)) * std::sqrt(inner(pair.y, pair.y));
  if (inner(pair.s, pair.y) > options.curvature_threshold * scale) state.pairs.push_back(std::move(pair));
  while (static_cast<int>(state.pairs.size()) > std::max(options.memory, 0)) state.pairs.pop_front();
}

// One iteration; false if no step decreases the objective even along -g.
bool advance(const Objective& objective, LbfgsState& state, const LbfgsOptions& options) {
  const Vector direction = two_loop_recursion(state.pairs, state.gradient);
  LineSearchResult found = search(objective, state, direction, options.line_search);
  if (found.point.step == 0) {
    // The pairs may be at fault: forget them, and let the next iteration try the gradient.
    const bool may_retry = !state.pairs.empty();
    state.pairs.clear();
    return may_retry;
  }
  Vector s = direction;
  for (double& component : s) component *= found.point.step;
  remember(state, {std::move(s), moved(found.point.gradient, -1, state.gradient)}, options);
  state.x = moved(std::move(state.x), found.point.step, direction);
  state.value = found.point.value;
  state.gradient = std::move(found.point.gradient);
  return true;
}

SolveReport report(SolveStatus status, const LbfgsState& state, std::int64_t iterations, const LbfgsOptions& options) {
  const double norm = max_norm(state.gradient);
  const std::string numbers = str(iterations, " iterations, f = ", state.value, ", max |g| = ", norm);
  const std::string tolerance = str(options.gradient_tolerance);
  const auto sentence = [&]() -> std::string {
    switch (status) {
      case SolveStatus::Converged:
        return str("converged after ", numbers, " <= ", tolerance);
      case SolveStatus::IterationLimit:
        return str("stopped after ", numbers, " > ", tolerance, "; see max_iterations");
      case SolveStatus::NotFinite:
        return "the objective or its gradient is not finite at the start";
      default:
        return str("no step along -g decreases f after ", numbers, " > ", tolerance,
                   "; rounding may hide the decrease, see gradient_tolerance");
    }
  };
  return {status, iterations, norm, "lbfgs: " + sentence()};
}

const Tensor& entry(const std::vector<NamedParameter>& state, const std::string& name) {
  for (const NamedParameter& candidate : state)
    if (candidate.name == name) return candidate.value;
  throw std::invalid_argument(str("[LbfgsState] the saved state has no entry \"", name, "\""));
}

Tensor stacked(const std::deque<CurvaturePair>& pairs, Vector CurvaturePair::*part) {
  Vector flat;
  for (const CurvaturePair& pair : pairs) flat.insert(flat.end(), (pair.*part).begin(), (pair.*part).end());
  const auto rows = static_cast<std::int64_t>(pairs.size());
  return tensor(flat, {rows, static_cast<std::int64_t>(flat.size()) / rows});
}

}  // namespace

std::vector<double> two_loop_recursion(const std::deque<CurvaturePair>& pairs, const std::vector<double>& gradient) {
  Vector direction = moved(Vector(gradient.size()), -1, gradient);
  Vector alpha(pairs.size());
  for (std::size_t i = pairs.size(); i-- > 0;) {
    const auto& [s, y] = pairs[i];
    alpha[i] = inner(s, direction) / inner(s, y);
    direction = moved(std::move(direction), -alpha[i], y);
  }
  if (!pairs.empty()) {
    const auto& [s, y] = pairs.back();
    const double scale = inner(s, y) / inner(y, y);
    for (double& component : direction) component *= scale;
  }
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const auto& [s, y] = pairs[i];
    const double beta = inner(y, direction) / inner(s, y);  // before direction is moved: arguments have no order
    direction = moved(std::move(direction), alpha[i] - beta, s);
  }
  return direction;
}

LbfgsState lbfgs_start(const Objective& objective, std::vector<double> x) {
  LbfgsState state{.x = std::move(x), .gradient = {}};
  state.gradient.resize(state.x.size());
  state.value = objective(state.x, state.gradient);
  state.evaluations = 1;
  return state;
}

SolveReport lbfgs_continue(const Objective& objective, LbfgsState& state, const LbfgsOptions& options) {
  if (!finite(state)) return report(SolveStatus::NotFinite, state, 0, options);
  for (std::int64_t done = 0;; ++done) {
    if (max_norm(state.gradient) <= options.gradient_tolerance)
      return report(SolveStatus::Converged, state, done, options);
    if (done >= options.max_iterations) return report(SolveStatus::IterationLimit, state, done, options);
    if (!advance(objective, state, options)) return report(SolveStatus::LineSearchFailed, state, done, options);
    ++state.iterations;
  }
}

Minimum<std::vector<double>> minimize(const Objective& objective, std::vector<double> start,
                                      const LbfgsOptions& options) {
  LbfgsState state = lbfgs_start(objective, std::move(start));
  SolveReport outcome = lbfgs_continue(objective, state, options);
  return {std::move(state.x), std::move(outcome)};
}

std::vector<NamedParameter> LbfgsState::state() const {
  const auto n = static_cast<std::int64_t>(x.size());
  std::vector<NamedParameter> result{{"x", tensor(x, {n})},
                                     {"value", tensor({value})},
                                     {"gradient", tensor(gradient, {n})},
                                     {"counts", index_tensor({iterations, evaluations})}};
  if (pairs.empty()) return result;
  result.push_back({"s", stacked(pairs, &CurvaturePair::s)});
  result.push_back({"y", stacked(pairs, &CurvaturePair::y)});
  return result;
}

LbfgsState LbfgsState::from(const std::vector<NamedParameter>& state) {
  const Vector counts = entry(state, "counts").to_vector<double>();
  LbfgsState result{.x = entry(state, "x").to_vector<double>(),
                    .gradient = entry(state, "gradient").to_vector<double>()};
  result.value = entry(state, "value").item();
  if (result.gradient.size() != result.x.size() || counts.size() != 2)
    throw std::invalid_argument("[LbfgsState] the entries \"x\", \"gradient\" and \"counts\" do not fit together");
  result.iterations = static_cast<std::int64_t>(counts[0]);
  result.evaluations = static_cast<std::int64_t>(counts[1]);
  const bool has_pairs = std::any_of(state.begin(), state.end(), [](const auto& e) { return e.name == "s"; });
  if (!has_pairs) return result;
  const Tensor &s = entry(state, "s"), &y = entry(state, "y");
  const auto n = static_cast<std::int64_t>(result.x.size());
  if (s.rank() != 2 || s.shape() != y.shape() || s.dim(1) != n)
    throw std::invalid_argument(
        str("[LbfgsState] pairs of shapes ", s.shape(), " and ", y.shape(), " for ", n, " unknowns"));
  for (std::int64_t i = 0; i < s.dim(0); ++i)
    result.pairs.push_back({select(s, 0, i).to_vector<double>(), select(y, 0, i).to_vector<double>()});
  return result;
}

}  // namespace brenier
