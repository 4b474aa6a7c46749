// Errata of the paper on input-convex gradient networks (models/ERRATA.md, A): each printed formula fails here, and its
// correction holds to rounding.
//
// Which of them is right is decided by neither: a matrix field is a Jacobian if its rows are closed 1-forms, which is
// differentiated here as it stands; and for one layer G = act(Ax + b) everything has a closed form.
#include <doctest/doctest.h>

#include <cmath>

#include "models/certificates.h"
#include "models/icgn.h"
#include "models/icnn.h"
#include "tests/support/compare.h"

using namespace brenier;
using brenier::testing::max_abs;
using brenier::testing::mismatch;
using brenier::testing::rounding_tolerance;

namespace {

// What sums of some dozens of terms of size one may be off by; what is wrong here is off by more than kWrong.
const double kRounding = rounding_tolerance(DType::Float64, 40, 40);
constexpr double kWrong = 0.02;

// G(x) = tanh(Ax + b) on the plane, with the H of the paper's third example: DH(G(x)) = DG(x)ᵀ.
struct Invertible {
  Tensor a = tensor({{1.0, 0.6}, {-0.7, 0.9}}), b = tensor({0.3, -0.2});

  Tensor operator()(const Tensor& x) const { return tanh(matmul(x, transpose(a)) + b); }
  Tensor inverse_at(const Tensor& y) const {
    return matmul(0.5 * log((1.0 + y) / (1.0 - y)) - b, transpose(inverse(a)));
  }
  // Aᵀγ(y) with γ' = act'(act⁻¹(y)) = 1 - y²
  Tensor convexifier(const Tensor& y) const { return matmul(y - y * square(y) / 3.0, a); }
};

using Layer = ActivatedLinear<Tanh>;

Layer layer(std::int64_t dim, std::int64_t units) {
  Layer result = Layer::random({21, 0}, dim, units);
  result.affine.weight = 2.0 * result.affine.weight;
  return result;
}

// act(a_i x_i + b_i) for every coordinate: the gradient of a separable convex function.
template <Activation A>
ActivatedLinear<A> separable() {
  return {Linear{tensor({{1.5, 0.0}, {0.0, 0.8}}), tensor({0.3, -0.4})}};
}

GradientMap<ShallowIcnn<Softplus>> gradient_of_icnn(std::uint64_t counter) {
  auto icnn = ShallowIcnn<Softplus>::random({22, counter}, 2, 4);
  icnn.for_each_parameter([](const std::string&, Tensor& parameter) { parameter = 3.0 * parameter; });
  return {icnn};
}

Tensor points(std::int64_t dim = 2) { return random_normal({23, 0}, {6, dim}); }

// The derivative of a field of matrices or tensors p -> [rows, …]: [rows, …, d].
template <class Field>
Tensor derivative(const Field& field, const Tensor& x) {
  Shape shape = field(x).shape();
  const auto flat = [&](const Tensor& p) { return reshape(field(p), {p.dim(0), -1}); };
  shape.push_back(x.dim(1));
  return reshape(map_jacobian(flat, x), shape);
}

// ∂_i∂_jG_m at (m, i, j): [rows, m, d, d].
template <class Map>
Tensor second_derivatives(const Map& map, const Tensor& x) {
  return derivative([&](const Tensor& p) { return map_jacobian(map, p); }, x);
}

// ∂_jW_ki - ∂_iW_kj at (k, i, j) for a field W of matrices: zero where its rows are closed.
template <class Field>
Tensor curl(const Field& field, const Tensor& x) {
  const Tensor slopes = derivative(field, x);
  return slopes - transpose(slopes);
}

// DGᵀDG
template <class Map>
auto gram_of(const Map& map) {
  return [map](const Tensor& p) {
    const Tensor jacobian = map_jacobian(map, p);
    return matmul(transpose(jacobian), jacobian);
  };
}

// ∂_k∂_iA · ∂_jB at (k, i, j): [rows, d, d, d].
template <class A, class B>
Tensor products(const A& a, const B& b, const Tensor& x) {
  const std::int64_t rows = x.dim(0), d = x.dim(1);
  const Tensor second = reshape(second_derivatives(a, x), {rows, -1, d * d});
  return reshape(matmul(transpose(second), map_jacobian(b, x)), {rows, d, d, d});
}

}  // namespace

TEST_CASE("A1: without its factor x, definition (4) is another function, even where the shapes agree") {
  const auto model = OneLayerIcgn<Tanh>::random({24, 0}, 1, 5);
  const QuadratureRule rule = gauss_legendre(24);
  // On the line the missing factor is a number: the printed integral is ours over x.
  const auto printed = [&](const Tensor& p) { return integrate_gram(model.hidden, rule, p) / p; };
  const auto right = [&](const Tensor& p) { return integrate_gram(model.hidden, rule, p); };
  const Tensor x = reshape(tensor({0.5, -1.0, 2.0}), {3, 1}), gram = gram_of(model.hidden)(x);
  CHECK(max_abs(map_jacobian(printed, x) - gram) > kWrong);
  CHECK(mismatch(map_jacobian(right, x), gram, kRounding) == "");
  CHECK(mismatch(right(x), model(x), kRounding) == "");
}

TEST_CASE("A2: the factor V of the Gram product is the Jacobian of G, which need not be square") {
  const Layer g = layer(2, 5);
  const Tensor x = points(), factor = map_jacobian(g, x), gram = matmul(transpose(factor), factor);
  CHECK(factor.shape() == Shape{6, 5, 2});
  const OneLayerIcgn<Tanh> model{g};
  CHECK(mismatch(map_jacobian(model, x), gram, kRounding) == "");
  // A square factor of the same product exists, but it is not the Jacobian of anything the model computes.
  const Tensor square_factor = symmetric_sqrt(gram);
  CHECK(mismatch(matmul(transpose(square_factor), square_factor), gram, kRounding) == "");
  const auto roots = [&](const Tensor& p) { return symmetric_sqrt(gram_of(g)(p)); };
  CHECK(max_abs(curl(roots, x)) > kWrong);
}

TEST_CASE("A4: the 1-forms of proposition 3 are closed with both indices exchanged, not with one") {
  const Invertible g;
  const Tensor y = 0.8 * tanh(points());
  // γ_k = Σ_i ∂_kG_i(G⁻¹) dx^i
  const auto forms = [&](const Tensor& p) { return transpose(map_jacobian(g, g.inverse_at(p))); };
  CHECK(max_abs(curl(forms, y)) <= kRounding);
  // Printed: ∂_i(∂_kG_i) - ∂_j(∂_kG_i), for i = 1 and j = 2.
  const Tensor slopes = derivative(forms, y), first = select(slopes, 2, 0);
  CHECK(max_abs(select(first, 2, 0) - select(first, 2, 1)) > kWrong);
}

TEST_CASE("A5: the potentials of closed forms make up H, whose derivative is DG at the inverse, transposed") {
  const Invertible g;
  const Tensor y = 0.8 * tanh(points()), forms = transpose(map_jacobian(g, g.inverse_at(y)));
  const auto h = [&](const Tensor& p) { return g.convexifier(p); };
  CHECK(mismatch(map_jacobian(h, y), forms, kRounding) == "");
  CHECK(max_abs(map_jacobian(g, y) - forms) > kWrong);
}

TEST_CASE("A6: rows of DGᵀDG are closed where (3) holds, and the scalar condition has nothing to do with it") {
  const Tensor x = points();
  const Composed<Layer, Layer> any{layer(3, 2), layer(2, 3)};
  const Tensor product = products(any, any, x);
  // dω_k has the coefficients ∂_j∂_kG·∂_iG - ∂_i∂_kG·∂_jG, for any G.
  CHECK(mismatch(curl(gram_of(any), x), transpose(product) - product, 10 * kRounding) == "");

  // Printed: ∂_j∂_kG_i - ∂_k∂_iG_j = 0. One layer is closed without it; a gradient has it and is not closed.
  const auto printed = [&](const auto& g) {
    const Tensor second = second_derivatives(g, x);
    return max_abs(second - permute(second, {0, 3, 1, 2}));
  };
  CHECK(max_abs(curl(gram_of(layer(2, 2)), x)) <= kRounding);
  CHECK(max_abs(pde_residual(layer(2, 2), x)) <= kRounding);
  CHECK(printed(layer(2, 2)) > kWrong);
  CHECK(max_abs(curl(gram_of(gradient_of_icnn(0)), x)) > kWrong);
  CHECK(max_abs(pde_residual(gradient_of_icnn(0), x)) > kWrong);
  CHECK(printed(gradient_of_icnn(0)) <= kRounding);
}

TEST_CASE("A7: in theorem 3, H(G(x)) and the integral differ by the constant H(G(0))") {
  const Invertible g;
  const Tensor x = points(), integral = integrate_gram(g, gauss_legendre(48), x);
  const Tensor composed = g.convexifier(g(x)), constant = g.convexifier(g(zeros({1, 2})));
  CHECK(max_abs(composed - integral) > kWrong);
  CHECK(mismatch(composed - constant, integral, 1e-10) == "");
}

TEST_CASE("A8: the printed condition on two solutions of (3) does not make their sum one") {
  const Tensor x = points(), distinct = 1.0 - eye(2);  // where i and j are not equal
  const Layer f = layer(2, 2);
  const auto swapped = [&](const Tensor& p) { return flip(f(p), {-1}); };
  const auto sum_of_both = [&](const Tensor& p) { return f(p) + swapped(p); };
  CHECK(max_abs(pde_residual(f, x)) <= kRounding);
  CHECK(max_abs(pde_residual(swapped, x)) <= kRounding);
  // ∂_k∂_iG·∂_jF = ∂_k∂_iF·∂_jG holds, and the sum is no solution. With i and j exchanged on the right it does not.
  CHECK(max_abs(products(swapped, f, x) - products(f, swapped, x)) <= kRounding);
  CHECK(max_abs(pde_residual(sum_of_both, x)) > kWrong);
  CHECK(max_abs(distinct * (products(swapped, f, x) - transpose(products(f, swapped, x)))) > kWrong);

  const auto u = separable<Tanh>();
  const auto v = separable<Softplus>();
  const auto sum_of_separable = [&](const Tensor& p) { return u(p) + v(p); };
  CHECK(max_abs(products(u, v, x)) > kWrong);
  CHECK(max_abs(distinct * (products(v, u, x) - transpose(products(u, v, x)))) <= kRounding);
  CHECK(max_abs(pde_residual(sum_of_separable, x)) <= kRounding);
}

TEST_CASE("A9: the condition for Hadamard products has indices i, j under both second derivatives, and another sign") {
  const Tensor x = points();
  // Left less right of the corrected and of the printed condition, at (k, i, j).
  struct Conditions {
    Tensor curl, corrected, printed;
  };
  const auto conditions = [&](const auto& f, const auto& g) {
    const Tensor f1 = map_jacobian(f, x), g1 = map_jacobian(g, x);
    const Tensor f2 = second_derivatives(f, x), g2 = second_derivatives(g, x);
    const Tensor f_gap = expand_axis(f1, 3) - expand_axis(f1, 2), g_gap = expand_axis(g1, 3) - expand_axis(g1, 2);
    const auto of_k = [](const Tensor& second) {  // ∂_i∂_kG_k at (k, i, 1)
      return sum(second * reshape(eye(2), {2, 1, 2}), {3}, true);
    };
    const auto hadamard = [&](const Tensor& p) { return map_jacobian(f, p) * map_jacobian(g, p); };
    return Conditions{curl(hadamard, x), g2 * f_gap + f2 * g_gap, of_k(f2) * g_gap - of_k(g2) * f_gap};
  };
  const Conditions any = conditions(gradient_of_icnn(0), gradient_of_icnn(100));
  CHECK(max_abs(any.curl) > kWrong);
  CHECK(mismatch(any.curl, any.corrected, kRounding) == "");
  CHECK(max_abs(any.curl - any.printed) > kWrong);
  CHECK(max_abs(any.curl + any.printed) > kWrong);

  const Conditions closed = conditions(separable<Tanh>(), separable<Softplus>());
  CHECK(max_abs(closed.curl) <= kRounding);
  CHECK(max_abs(closed.corrected) <= kRounding);
  CHECK(max_abs(closed.printed) > kWrong);
}

TEST_CASE("A10: a linear map is P U, not P U⁻¹: the rearrangement comes first, and is the one nearest to the map") {
  const Tensor g = tensor({{1.0, -2.0, 0.5}, {0.3, 0.8, 1.1}, {-0.9, 0.2, 1.7}});
  const Tensor gradient = symmetric_sqrt(matmul(g, transpose(g))), rearrangement = solve(gradient, g);
  CHECK(mismatch(matmul(rearrangement, transpose(rearrangement)), eye(3), kRounding) == "");
  CHECK(mismatch(matmul(gradient, rearrangement), g, kRounding) == "");  // G = ∇φ ∘ S
  const Tensor printed = matmul(g, rearrangement);                       // G ∘ S
  CHECK(max_abs(printed - gradient) > kWrong);
  CHECK(max_abs(printed - transpose(printed)) > kWrong);
  // Of all maps that keep the normal distribution, S is next to G in the mean: the distance is the Frobenius norm.
  const double nearest = sum(square(rearrangement - g)).item();
  for (int turn = 1; turn < 12; ++turn) {
    const double c = std::cos(0.5 * turn), s = std::sin(0.5 * turn);
    const Tensor rotation = tensor({{c, -s, 0.0}, {s, c, 0.0}, {0.0, 0.0, 1.0}});
    CHECK(sum(square(matmul(rotation, rearrangement) - g)).item() > nearest + kWrong);
  }
}

TEST_CASE("A13: matching gradients cannot move the kinks of a ReLU network, but it can move a softplus") {
  const Tensor x = random_uniform({25, 0}, {50, 2}), target = random_normal({25, 1}, {50, 2});
  const auto bias_slope = [&](const auto& icnn) {
    Tape tape;
    const auto recorded = tape.watch(icnn);
    return max_abs(grad(mean(square(gradient_map(recorded, x) - target)), *recorded.hidden.bias));
  };
  CHECK(bias_slope(ShallowIcnn<Relu>::random({26, 0}, 2, 25)) == 0);
  CHECK(bias_slope(ShallowIcnn<Softplus>::random({26, 0}, 2, 25)) > 1e-4);
}
