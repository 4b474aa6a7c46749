// Second derivatives of a three-layer ICNN: every composition of the two modes gives the same Hessian-vector product,
// which can be differentiated once more, and vector mode gives the same Hessian as one product per unit vector.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "engine/autodiff.h"
#include "engine/op.h"
#include "tests/support/compare.h"
#include "tests/support/difference_quotient.h"
#include "tests/support/sampler.h"
#include "tests/support/small_icnn.h"

namespace brenier::testing {
namespace {

constexpr std::int64_t kBatch = 3, kDim = 4, kHidden = 5;

struct Composition {
  const char* name;
  Tensor (*hvp)(const Tensor& y, const Tensor& x, const Tensor& v);
};

// y is a scalar; each returns the Hessian times v.
const Composition kCompositions[] = {
    {"forward over reverse", [](const Tensor& y, const Tensor& x, const Tensor& v) { return jvp(grad(y, x), x, v); }},
    {"reverse over reverse",
     [](const Tensor& y, const Tensor& x, const Tensor& v) { return grad(dot(grad(y, x), v), x); }},
    {"reverse over forward", [](const Tensor& y, const Tensor& x, const Tensor& v) { return grad(jvp(y, x, v), x); }},
    {"hvp", [](const Tensor& y, const Tensor& x, const Tensor& v) { return hvp(y, x, v); }}};

struct Setting {
  explicit Setting(std::uint64_t seed)
      : sampler(seed),
        icnn(make_small_icnn(kDim, kHidden, sampler)),
        points(sampler.uniform({kBatch, kDim})),
        v(sampler.direction({kBatch, kDim})),
        w(sampler.direction({kBatch, kDim})) {}
  Sampler sampler;
  SmallIcnn icnn;
  Tensor points, v, w;
};

// 1e-12 of the largest entry, as the acceptance of the engine demands; about 4500 roundings in double.
std::string differs(const Tensor& got, const Tensor& expected) {
  return mismatch(got, expected, 1e-12 * max_abs(expected));
}

TEST_SUITE("Hessian-vector products") {
  TEST_CASE("all compositions of the two modes agree for a three-layer ICNN") {
    for (std::uint64_t seed : {1, 2, 3}) {
      Setting s(seed);
      INFO("seed ", seed);
      Tape tape;
      const Tensor x = tape.watch(s.points);
      const Tensor y = sum(s.icnn(x));
      const Tensor expected = jvp(grad(y, x), x, s.v);
      CHECK(max_abs(expected) > 1e-3);
      for (const Composition& composition : kCompositions) {
        INFO(composition.name);
        CHECK(differs(composition.hvp(y, x, s.v), expected) == "");
      }
    }
  }

  TEST_CASE("the product agrees with difference quotients of the gradient") {
    Setting s(4);
    const auto gradient_along = [&](double step) {
      Tape tape;
      const Tensor x = tape.watch(s.points + step * s.v);
      return grad(sum(s.icnn(x)), x).to_vector<double>();
    };
    Tape tape;
    const Tensor x = tape.watch(s.points);
    const Tensor product = hvp(sum(s.icnn(x)), x, s.v);
    const DifferenceQuotient quotient = difference_quotient(gradient_along, DType::Float64);
    REQUIRE(quotient.judges);
    CHECK(mismatch(product, tensor(quotient.values, product.shape()), quotient.error) == "");
  }

  TEST_CASE("the derivative of a product by the parameters agrees with Richardson differences to 1e-7") {
    Setting s(5);
    const std::vector<NamedParameter> parameters = parameters_of(s.icnn);
    std::vector<Tensor> directions;
    for (const NamedParameter& p : parameters) directions.push_back(s.sampler.direction(p.value.shape()));
    for (const Composition& composition : kCompositions) {
      INFO(composition.name, ", seed ", s.sampler.seed());
      const auto score = [&](Tape& tape, const SmallIcnn& icnn) {
        const Tensor x = tape.watch(s.points);
        return dot(composition.hvp(sum(icnn(x)), x, s.v), s.w);
      };
      const auto along = [&](double step) {
        std::vector<Tensor> moved;
        for (std::size_t i = 0; i < parameters.size(); ++i) moved.push_back(parameters[i].value + step * directions[i]);
        Tape tape;
        return std::vector<double>{score(tape, tape.watch(with_parameters(s.icnn, moved))).item()};
      };
      const DifferenceQuotient quotient = difference_quotient(along, DType::Float64);

      Tape tape;
      const SmallIcnn watched = tape.watch(s.icnn);
      const SmallIcnn gradient = grad(score(tape, watched), watched);
      std::vector<Tensor> slopes;
      for (const NamedParameter& p : parameters_of(gradient)) slopes.push_back(p.value);
      const double slope = inner(slopes, directions);
      CHECK(std::abs(slope) > 1e-3);
      CHECK(std::abs(slope - quotient.values[0]) <= 1e-7 * std::abs(slope));
    }
  }

  TEST_CASE("the Hessian by vector mode equals one product per unit vector") {
    Setting s(6);
    Tape tape;
    const Tensor x = tape.watch(select(s.points, 0, 0));
    const Tensor y = sum(s.icnn(expand_axis(x, 0)));
    const Tensor h = hessian(y, x);
    REQUIRE(h.shape() == Shape{kDim, kDim});
    std::vector<Tensor> columns;
    for (std::int64_t k = 0; k < kDim; ++k) columns.push_back(hvp(y, x, select(eye(kDim), 0, k)));
    CHECK(differs(h, stack(columns, 1)) == "");
    CHECK(differs(h, transpose(h)) == "");
  }

  TEST_CASE("assembled Hessians are the tangents of gradients, for what can be assembled and what cannot") {
    const auto weight = random_normal({95, 0}, {5, 6});
    struct Potential {
      const char* name;
      std::function<Tensor(const Tensor&)> u;
    };
    const Tensor mask = sign(random_normal({95, 1}, {4, 5}));
    const auto features = [weight](const Tensor& x) { return matmul(x, transpose(weight)); };
    const std::vector<Potential> potentials{
        {"square",
         [](const Tensor& x) {
           return sum(square(x) * tensor({1.0, 2.0, 3.0, 4.0, 5.0, 6.0}), {1});
         }},
        {"softplus of affine", [&](const Tensor& x) { return sum(softplus(features(x) + 0.3), {1}, true); }},
        {"two layers", [&](const Tensor& x) { return sum(exp(0.1 * matmul(softplus(features(x)), weight)), {1}); }},
        {"logsumexp", [&](const Tensor& x) { return logsumexp(features(x), {1}); }},
        {"division and root", [&](const Tensor& x) { return sum(sqrt(1.0 / (1.0 + square(features(x)))), {1}); }},
        {"choice", [&](const Tensor& x) { return sum(where(mask, tanh(features(x)), square(features(x))), {1}); }},
        {"product of two", [&](const Tensor& x) { return sum(sin(features(x)) * exp(0.2 * features(x)), {1}); }},
        {"inner products",
         [&](const Tensor& x) {
           return sum(matmul(expand_axis(x, 1), expand_axis(x, 2)), {1, 2});
         }},
        {"other layout",
         [&](const Tensor& x) { return sum(softplus(matmul(slice(weight, 0, 0, 4), transpose(x))), {0}); }},
        {"linear", [&](const Tensor& x) { return sum(features(x), {1}); }},
        {"root of a sum", [&](const Tensor& x) { return sqrt(1.0 + sum(square(features(x)), {1})); }},
    };
    for (const auto& [name, u] : potentials) {
      INFO(name);
      Tape tape;
      const Tensor x = tape.watch(random_normal({96, 0}, {4, 6}));
      const Tensor h = batch_hessian(u(x), x), reference = batch_jacobian(grad(sum(u(x)), x), x);
      CHECK(mismatch(h, reference, 1e-12) == "");
      // And their derivatives, in both modes.
      const Tensor ct = random_normal({97, 0}, h.shape()), t = random_normal({98, 0}, x.shape());
      CHECK(mismatch(vjp(h, x, ct), vjp(reference, x, ct), 1e-11) == "");
      CHECK(mismatch(jvp(h, x, t), jvp(reference, x, t), 1e-11) == "");
    }
  }

  TEST_CASE("an assembled Hessian makes half the products of the tangents of a gradient") {
    constexpr std::int64_t kUnits = 40, kDimensions = 6;
    const auto multiply_adds = [](const auto& hessian) {
      Tape tape;
      const Tensor x = tape.watch(random_normal({99, 0}, {4, kDimensions}));
      Tensor z = softplus(matmul(x, ones({kDimensions, kUnits})));
      for (int layer = 0; layer < 3; ++layer) z = softplus(matmul(z, ones({kUnits, kUnits})));
      const Tensor u = sum(z, {1});
      const std::int32_t before = tape.size();
      hessian(u, x);
      std::int64_t count = 0;
      for (std::int32_t slot = before; slot < tape.size(); ++slot) {
        const Node& node = tape.node(slot);
        if (node.op->code != OpCode::MatMul) continue;
        count += node.value.size() * tape.at(tape.inputs(node)[0]).dim(-1);
      }
      return static_cast<double>(count);
    };
    const double assembled = multiply_adds([](const Tensor& u, const Tensor& x) { return batch_hessian(u, x); });
    const double tangents =
        multiply_adds([](const Tensor& u, const Tensor& x) { return batch_jacobian(grad(sum(u), x), x); });
    CHECK(assembled < 0.7 * tangents);
  }

  TEST_CASE("batch_hessian is the Hessian of every row") {
    Setting s(7);
    Tape tape;
    const Tensor x = tape.watch(s.points);
    const Tensor all = batch_hessian(s.icnn(x), x);
    CHECK(differs(batch_hessian(expand_axis(s.icnn(x), 1), x), all) == "");
    REQUIRE(all.shape() == Shape{kBatch, kDim, kDim});
    for (std::int64_t row = 0; row < kBatch; ++row) {
      Tape single;
      const Tensor point = single.watch(select(s.points, 0, row));
      CHECK(differs(select(all, 0, row), hessian(sum(s.icnn(expand_axis(point, 0))), point)) == "");
    }
  }

  TEST_CASE("the Hessian of the convex network is symmetric and positive semidefinite along random directions") {
    Setting s(8);
    Tape tape;
    const Tensor x = tape.watch(s.points);
    const Tensor y = sum(s.icnn(x));
    for (int i = 0; i < 20; ++i) {
      const Tensor v = s.sampler.direction(s.points.shape()), w = s.sampler.direction(s.points.shape());
      const Tensor hv = hvp(y, x, v), hw = hvp(y, x, w);
      CHECK(inner({v}, {hv}) >= 0);
      CHECK(std::abs(inner({w}, {hv}) - inner({v}, {hw})) <= 1e-12 * absolute_inner({w}, {hv}));
    }
  }

  TEST_CASE("a bundle of products equals single products, and third derivatives are symmetric") {
    Setting s(9);
    Tape tape;
    const Tensor x = tape.watch(s.points);
    const Tensor y = sum(s.icnn(x));
    const Tensor bundle = hvp(y, x, stack({s.v, s.w}));
    CHECK(differs(select(bundle, 0, 0), hvp(y, x, s.v)) == "");
    CHECK(differs(select(bundle, 0, 1), hvp(y, x, s.w)) == "");
    const Tensor vw = jvp(hvp(y, x, s.v), x, s.w), wv = jvp(hvp(y, x, s.w), x, s.v);
    CHECK(max_abs(vw) > 1e-3);
    CHECK(differs(vw, wv) == "");
  }
}

}  // namespace
}  // namespace brenier::testing
