// See models/flow.h.
#include "models/flow.h"

#include "engine/str.h"

namespace brenier {

Preimage exact_preimage(const Tensor& x) {
  Preimage result{x, {.status = SolveStatus::Converged, .iterations = 0, .residual_norm = 0, .message = ""}};
  const std::vector<double> sizes = sum(abs(x), {-1}).to_vector<double>();
  std::int64_t broken = 0;
  for (const double size : sizes) {
    const bool finite = std::isfinite(size);
    broken += !finite;
    result.report.rows.push_back({finite ? SolveStatus::Converged : SolveStatus::NotFinite, 0, finite ? 0 : size});
  }
  result.report.message = str("inverse: in closed form, ", sizes.size() - static_cast<std::size_t>(broken), " of ",
                              sizes.size(), " rows finite");
  if (broken > 0) result.report.status = SolveStatus::NotFinite;
  return result;
}

}  // namespace brenier
