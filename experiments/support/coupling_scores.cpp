#include "experiments/support/coupling_scores.h"

#include <cmath>

#include "experiments/support/map_fitting.h"
#include "solvers/sinkhorn.h"
#include "solvers/wasserstein.h"

namespace brenier::experiments {
namespace {

Tensor as_tensor(const std::vector<double>& values) { return tensor(values, {std::ssize(values)}); }

}  // namespace

double marginal_w1(const Tensor& x, const Tensor& y) { return mean(wasserstein_1d(transpose(x), transpose(y))).item(); }

double judged_sinkhorn(const Tensor& x, const Tensor& y) {
  return sinkhorn_divergence(x, y, {.blur = 0.05, .scaling = 0.8}).item();
}

void add_scores(Row& row, Run& run, std::int64_t repetitions, const CloudOf& images, const CloudOf& targets) {
  constexpr std::int64_t kCostly = 3;
  std::vector<double> marginal, w2, sinkhorn;
  for (std::int64_t r = 0; r < repetitions; ++r) {
    run.poll_interrupt();
    const Tensor x = images(r), y = targets(r);
    marginal.push_back(marginal_w1(x, y));
    if (r >= kCostly) continue;
    w2.push_back(wasserstein_exact(x, y));
    sinkhorn.push_back(judged_sinkhorn(x, y));
  }
  row.set("marginal_w1", mean(as_tensor(marginal)).item());
  row.set("marginal_w1_deviation", std::sqrt(variance(as_tensor(marginal)).item()));
  row.set("w2", mean(as_tensor(w2)).item());
  row.set("sinkhorn", mean(as_tensor(sinkhorn)).item());
}

Row median_of_seeds(const std::vector<Row>& rows) {
  Row result = rows.front();
  bool certified = true;
  for (const Row& row : rows) certified = certified && *row.find("certified")->as_bool();
  for (const Field& field : rows.front()) {
    if (!field.value.is_number() || field.key == "parameters") continue;
    std::vector<double> values;
    for (const Row& row : rows) values.push_back(row.find(field.key)->as_double());
    result.set(field.key, median(values));
  }
  result.set("seed", "median");
  result.set("certified", certified);
  return result;
}

}  // namespace brenier::experiments
