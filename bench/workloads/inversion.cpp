// The inversion of a flow's block: x with ∇F(x) = y for 256 rows y, to max |∇F(x) - y| <= 1e-5 in float32 and 1e-10 in
// float64 in every row, from x = y.
//
//   F(x) = 100 u(x) + 0.05 |x|²        u as in flow_potential.h: curvatures from 0.1 to some tens
//
// The programs are compiled beforehand; they are kept from call to call (solvers/invert_gradient.h). The work depends
// on the numbers, so there is no bound.
#include <cmath>

#include "bench/workloads/flow_potential.h"
#include "engine/str.h"
#include "solvers/invert_gradient.h"

namespace brenier::bench {
namespace {

constexpr double kConvex = 100, kQuadratic = 0.1;  // the softplus of w₁ is itself to rounding

Prepared inversion(const Size& size, DType dtype) {
  auto potential = formula_potential<GaussianSoftplus>(size, dtype);
  potential.convex_weight = full({1}, kConvex, dtype);
  potential.quadratic_weight = full({1}, std::log(std::expm1(kQuadratic)), dtype);
  const Tensor images = formula_tensor(kTarget, {size.batch, size.dim}, 1.7, dtype);
  return {.run = [inverse = GradientInverse(potential), images] { return Tensors{inverse(images).solution}; },
          .values = {}};
}

}  // namespace

void add_inversion(std::vector<Workload>& list) {
  for (const Size& size : {Size{"d2", 256, 2, 32, 3}, Size{"d43", 256, 43, 256, 5}, Size{"d784", 256, 784, 256, 3}})
    for (const auto& [name, dtype] : {std::pair{"f32", DType::Float32}, std::pair{"f64", DType::Float64}})
      list.push_back({.name = str("inversion/", size.name, "/", name),
                      .work = {.dtype = dtype},
                      .eager = {},
                      .compiled = [size, dtype = dtype] { return inversion(size, dtype); }});
}

}  // namespace brenier::bench
