// The state of a run as named tensors, and back.
#include <algorithm>
#include <stdexcept>

#include "engine/str.h"
#include "solvers/lbfgs.h"

namespace brenier {
namespace {

using Vector = std::vector<double>;

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
