// The invertible linear map: a rotation at first, any matrix later.
#include "models/invertible_linear.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/support/compare.h"
#include "tests/support/message_of.h"

using namespace brenier;
using brenier::testing::mismatch;
using brenier::testing::rounding_tolerance;

static_assert(Flow<InvertibleLinear>);

TEST_CASE("an invertible linear map starts as a rotation, to rounding") {
  for (const DType dtype : {DType::Float32, DType::Float64}) {
    for (const std::int64_t dim : {1, 2, 7, 40}) {
      CAPTURE(dim);
      const Tensor w = InvertibleLinear::random({2, 5}, dim, dtype).weight;
      CHECK(w.dtype() == dtype);
      CHECK(mismatch(matmul(w, transpose(w)), eye(dim, dtype), rounding_tolerance(dtype, 1, dim)) == "");
      CHECK(slogdet(w).sign.item() == 1);
    }
  }
}

TEST_CASE("rotations are drawn evenly: in the plane the angle is uniform") {
  // Means of cos, sin, cos 2a, sin 2a over 400 angles have a standard deviation of √(1/800) each.
  double c = 0, s = 0, c2 = 0, s2 = 0;
  for (std::uint64_t k = 0; k < 400; ++k) {
    const auto w = InvertibleLinear::random({3, k}, 2).weight.to_vector<double>();
    c += w[0] / 400;
    s += w[2] / 400;
    c2 += (2 * w[0] * w[0] - 1) / 400;
    s2 += 2 * w[0] * w[2] / 400;
  }
  for (const double moment : {c, s, c2, s2}) CHECK(std::abs(moment) < 4 * std::sqrt(1.0 / 800));
}

TEST_CASE("rows are multiplied by the matrix") {
  const InvertibleLinear map{tensor({{1.0, 2.0}, {0.0, -3.0}})};
  const Transformed z = map.forward(tensor({{1.0, 1.0}, {0.0, 2.0}}));
  CHECK(z.value.to_vector<double>() == std::vector<double>{3, -3, 4, -6});
  CHECK(z.logdet.shape() == Shape{2});
  CHECK(z.logdet.at({1}) == doctest::Approx(std::log(3.0)).epsilon(1e-15));
  CHECK(count_parameters(map) == 4);
}

TEST_CASE("a singular matrix has an infinite logarithm and no inverse") {
  const InvertibleLinear map{tensor({{1.0, 2.0}, {2.0, 4.0}})};
  CHECK(map.forward(ones({1, 2})).logdet.item() == -HUGE_VAL);
  const Preimage x = map.inverse(tensor({{1.0, 1.0}}));
  CHECK(x.report.status == SolveStatus::NotFinite);
  CHECK(x.report.rows.at(0).status == SolveStatus::NotFinite);
}

TEST_CASE("a map of no coordinates is refused") {
  CHECK(testing::lacks(testing::message_of([] {
                         InvertibleLinear::random({1, 0}, 0);
                       }),
                       {"[InvertibleLinear]", "0"}) == "");
}
