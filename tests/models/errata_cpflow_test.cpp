// Errata of the paper on convex potential flows and of the code released with it (models/ERRATA.md, C): what is printed
// fails here, and what is right holds.
#include <doctest/doctest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "models/autoregressive.h"
#include "models/certificates.h"
#include "models/convex_flow.h"
#include "models/flow_stack.h"
#include "models/normalized_icnn.h"
#include "models/sigmoidal_flow.h"
#include "solvers/conjugate_gradient.h"
#include "solvers/slq.h"
#include "tests/support/compare.h"
#include "tests/support/sampler.h"
#include "tests/support/spectrum.h"

using namespace brenier;
using brenier::testing::max_abs;
using brenier::testing::mismatch;
using brenier::testing::rounding_tolerance;
using brenier::testing::Sampler;
using brenier::testing::Spectrum;

namespace {

const double kRounding = rounding_tolerance(DType::Float64, 10, 40);
const double kIdentityBias = std::log(std::numbers::e - 1);  // softplus of it is 1

using Potential = AugmentedIcnn<GaussianSoftplus, Symmetrized<GaussianSoftplus>>;
using Block = ConvexFlow<Potential>;

Block started_block(std::uint64_t counter, std::int64_t dim) {
  Block block = Block::around(Potential::random({31, counter}, dim, 16, 3));
  block.initialize_from(2.0 * random_normal({32, counter}, {200, dim}));
  return block;
}

// The derivative of an elementwise function at every entry of x.
template <class F>
Tensor slope(F f, const Tensor& x) {
  Tape tape;
  const Tensor input = tape.watch(x);
  return grad(sum(f(input)), input).detached();
}

// ∫ max(x - y, 0) p(y) dy by the midpoint rule on [-40, 40]; off by at most the square of the step.
template <class Density>
double convolved_with_relu(Density p, double x) {
  constexpr int kCount = 160000;
  constexpr double kStep = 80.0 / kCount;
  double sum = 0;
  for (int i = 0; i < kCount; ++i) {
    const double y = -40 + (i + 0.5) * kStep;
    sum += std::max(x - y, 0.0) * p(y) * kStep;
  }
  return sum;
}
double softplus_of(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }
double sigmoid_of(double x) { return 1 / (1 + std::exp(-x)); }

Spectrum with_eigenvalues(const std::vector<double>& eigenvalues, Sampler& sampler) {
  const auto d = static_cast<std::int64_t>(eigenvalues.size());
  return {tensor(eigenvalues, {1, d}), sampler.uniform({1, d}, 0.2, 1)};
}

}  // namespace

TEST_CASE(
    "C1: slopes of convex functions lie between their difference quotients; how small a step must be depends on n") {
  // F_n = softplus(nx)/n, with the limit relu.
  const auto value = [](double n, double x) { return softplus_of(n * x) / n; };
  const auto slope_at = [](double n, double x) { return sigmoid_of(n * x); };
  const double x = 0.01;
  for (double n = 1; n < 2000; n *= 2)
    for (double h = 1; h > 1e-3; h /= 2) {
      CHECK((value(n, x) - value(n, x - h)) / h <= slope_at(n, x) + 1e-12);
      CHECK((value(n, x + h) - value(n, x)) / h >= slope_at(n, x) - 1e-12);
    }
  // The proof chooses m with |f_nm - f_n| <= ε for this n, and then takes n to infinity with the m kept.
  const auto steps_needed = [&](double n) {
    double m = 1;
    while (std::abs((value(n, x) - value(n, x - 1 / m)) * m - slope_at(n, x)) > 0.01) ++m;
    return m;
  };
  CHECK(steps_needed(100) > 5 * steps_needed(1));
  // Without convexity the bounds fail, and so does the theorem: sin(nx)/√n tends to 0, its slopes do not.
  const auto wave = [](double n, double t) { return std::sin(n * t) / std::sqrt(n); };
  const double n = 100, t = 2 * std::numbers::pi / 100, h = 0.5 * t;
  CHECK(std::sqrt(n) * std::cos(n * t) > (wave(n, t + h) - wave(n, t)) / h + 1);
}

TEST_CASE("C2: where the density jumps, its softplus is differentiable once, not twice") {
  // The softplus of the uniform density on [-1, 1].
  const auto uniform = [](const Tensor& x) { return 0.25 * square(clamp(x, -1, 1) + 1.0) + relu(x - 1.0); };
  CHECK(mismatch(slope(uniform, tensor({-3.0, -0.5, 0.5, 3.0})), tensor({0.0, 0.25, 0.75, 1.0}), kRounding) == "");
  // The difference of the one-sided second derivatives at 1, by quotients of slopes.
  const auto jump = [](const auto& s, double h) {
    const auto f = slope(s, tensor({1 - 2 * h, 1 - h, 1 + h, 1 + 2 * h})).template to_vector<double>();
    return std::abs((f[3] - f[2]) / h - (f[1] - f[0]) / h);
  };
  for (double h : {1e-2, 1e-3, 1e-4}) {
    CHECK(jump(uniform, h) == doctest::Approx(0.5).epsilon(1e-9));
    CHECK(jump(Softplus(), h) < h);
  }
}

TEST_CASE("C3: the published sizes have no ActNorm on the first layer, nor on the fresh half of the others") {
  struct Row {
    std::int64_t dim, units, flows, published;
  };
  const Row rows[] = {
      {6, 512, 10, 5463272}, {8, 512, 5, 2757276}, {21, 512, 5, 2923897}, {43, 256, 2, 379232}, {63, 256, 10, 2152456}};
  for (const Row& row : rows) {
    CAPTURE(row.dim);
    const std::int64_t layers = 5, potential = count_parameters(Potential::random({1, 0}, row.dim, row.units, layers));
    const std::int64_t others = row.flows * 2 + (row.flows + 1) * 2 * row.dim;
    // The released class owns norms it does not use, of h/2 channels, and a shift of its output.
    CHECK(row.flows * (potential + row.units + 1) + others == row.published);
    // As described: two numbers for each of h channels in the first layer, and of h/2 in every other one.
    const std::int64_t described = potential + 2 * row.units + (layers - 1) * row.units;
    CHECK(row.flows * described + others > row.published);
  }
}

TEST_CASE("C4: w1 = 0 gives the potential the weight ln 2, and positive layers divide their biases too") {
  const Block block = started_block(0, 3);
  const Tensor x = 2.0 * random_normal({33, 0}, {200, 3});
  CHECK(softplus(block.potential.convex_weight).item() == doctest::Approx(std::numbers::ln2).epsilon(1e-15));
  const auto distance = [&](const Block& b) { return (mean(abs(b(x) - x)) / mean(abs(x))).item(); };
  CHECK(distance(block) > 0.1);
  Block near = block;
  near.potential.convex_weight = tensor({-6.0});
  CHECK(distance(near) < 0.01);

  const auto layer = NonNegativeLinear::random({34, 0}, 16, 5);
  const Tensor at_zero = layer(zeros({1, 16})), bias = expand_axis(*layer.raw.bias, 0);
  CHECK(mismatch(at_zero, bias / 16.0, kRounding) == "");
  CHECK(max_abs(at_zero - bias) > 0.1);
}

TEST_CASE("C12: with four hidden layers the convolutional potentials for MNIST have 4.2M parameters, with three 2.9M") {
  // 3x3 convolutions c → h, twice; then three h → h/2 per layer; norms of h and of h/2 channels; two weights.
  const auto block = [](std::int64_t c, std::int64_t h, std::int64_t layers) {
    const std::int64_t unused = h;  // norms of h/2 channels that the released class owns
    return 2 * (9 * c * h + h) + 2 * h + (layers - 1) * (3 * (9 * h * h / 2 + h / 2) + h) + 2 + unused;
  };
  const auto flow = [&](const std::vector<std::int64_t>& channels, std::int64_t blocks, std::int64_t layers) {
    std::int64_t count = 2 * channels[0];
    for (std::int64_t c : channels) count += blocks * (block(c, 64, layers) + 2 * c);
    return count;
  };
  CHECK(flow({3, 12, 48, 192}, 2, 4) == 1922066);  // printed as 1.9M
  CHECK(flow({1, 4, 16}, 8, 3) == 2863490);        // printed as 2.9M
  CHECK(flow({1, 4, 16}, 8, 4) == 4194434);
}

TEST_CASE("C9, C13: ten Lanczos steps over-state ln det for every single probe, by a tenth of a bit per dimension") {
  Sampler sampler(35);
  const std::int64_t d = 256;
  const Spectrum a = with_eigenvalues(testing::log_uniform(d, 1, 1e3), sampler);
  const Tensor probes = draw_probes({36, 0}, 16, {1, d});
  const Tensor exact = sum(probes * a.apply(brenier::log, probes), {-1});
  const SlqEstimate truncated = slq_logdet(a.matrix(), probes, {.steps = 10});
  CHECK(min(truncated.per_probe - exact).item() > 0);
  const double bits = mean(truncated.per_probe - exact).item() / (static_cast<double>(d) * std::numbers::ln2);
  CHECK(bits > 0.08);
  CHECK(bits < 0.2);
  // The standard error knows nothing of it: it measures the spread of probes.
  CHECK(mean(truncated.per_probe - exact).item() > 5 * truncated.standard_error.item());
}

TEST_CASE("C14: one block is the gradient of a convex function; two are not, nor is one between ActNorms") {
  const Tensor x = random_normal({37, 0}, {40, 2});
  Block first = started_block(0, 2), second = started_block(100, 2);
  for (Block* block : {&first, &second}) block->potential.convex_weight = tensor({6.0});  // bend as trained ones do
  CHECK(certify(first, x).accepts());
  CHECK(certify(second, x).accepts());
  const Certificate two = certify(Sequence{std::tuple{first, second}}, x);
  CHECK_FALSE(two.accepts());
  CHECK(two.largest_asymmetry > 1e-3);

  auto normed = NormalizedStack<Block>::of({first}, 2);
  CHECK(certify(normed, x).accepts());  // norms that scale both coordinates alike do no harm
  normed.norms[0].scale.log_scale = tensor({0.5, -0.5});
  const Certificate one = certify(normed, x);
  CHECK_FALSE(one.accepts());
  CHECK(one.largest_asymmetry > 1e-2);
  // In one dimension increasing functions are closed under composition.
  const Sequence line{std::tuple{started_block(0, 1), started_block(100, 1)}};
  CHECK(certify(line, random_normal({38, 0}, {40, 1})).accepts());
}

TEST_CASE("C15, C21: the rows of table 4 are the relu convolved with their densities, and no two are the same") {
  const auto logistic = [](double y) { return sigmoid_of(y) * sigmoid_of(-y); };
  const auto laplace = [](double y) { return 0.5 * std::exp(-std::abs(y)); };
  const auto normal = [](double y) { return std::exp(-0.5 * y * y) / std::sqrt(2 * std::numbers::pi); };
  for (double x : {-2.0, -0.3, 0.0, 0.7, 3.0}) {
    CAPTURE(x);
    CHECK(std::abs(Softplus()(tensor(x)).item() - convolved_with_relu(logistic, x)) < 1e-6);
    CHECK(std::abs(LaplaceSoftplus()(tensor(x)).item() - convolved_with_relu(laplace, x)) < 1e-6);
    const double gaussian = convolved_with_relu(normal, x);
    CHECK(std::abs(GaussianSoftplus()(tensor(x)).item() - gaussian) < 1e-6);
    // As typeset, with z = √(π/2).
    const double z = std::sqrt(0.5 * std::numbers::pi), root = std::sqrt(2 * std::numbers::pi);
    CHECK(std::abs((z * x * std::erf(x / std::numbers::sqrt2) + std::exp(-0.5 * x * x) + z * x) / root - gaussian) <
          1e-6);
  }
  // What the released code returns for the name of the Laplace one is the Gaussian one.
  CHECK(LaplaceSoftplus()(tensor(0.0)).item() - GaussianSoftplus()(tensor(0.0)).item() > 0.1);
}

TEST_CASE("C17: the norm of an error is √d times its root mean square") {
  const Tensor error = 1e-3 * random_normal({39, 0}, {1, 3072});
  const double norm = sqrt(sum(square(error))).item(), rmse = sqrt(mean(square(error))).item();
  CHECK(norm / rmse == doctest::Approx(std::sqrt(3072.0)).epsilon(1e-13));
  CHECK(norm > 55 * rmse);
}

TEST_CASE("C18: without its exponent the bound of conjugate gradients says nothing") {
  Sampler sampler(40);
  const Spectrum a = with_eigenvalues(testing::log_uniform(48, 1, 100), sampler);
  const Tensor b = sampler.direction({1, 48}), exact = a.solve(b);
  const auto energy_norm = [&](const Tensor& v) { return std::sqrt(dot(v, a.matrix()(v)).item()); };
  const auto solution = conjugate_gradient(a.matrix(), b, {.relative_tolerance = 1e-14, .max_iterations = 20}).solution;
  const double gamma = (std::sqrt(100.0) - 1) / (std::sqrt(100.0) + 1);
  CHECK(2 * gamma > 1.6);  // times the error at the start: it may grow
  CHECK(2 * std::pow(gamma, 20) < 0.04);
  CHECK(energy_norm(solution - exact) <= 2 * std::pow(gamma, 20) * energy_norm(exact));
}

TEST_CASE("C19: masked networks without an activation are affine, however deep they are") {
  const Tensor a = 3.0 * random_normal({41, 0}, {50, 2}), b = 3.0 * random_normal({41, 1}, {50, 2});
  const auto bend = [&](auto made) {  // of what it says of the second coordinate, relative to its size
    const Tensor chord = 0.5 * (made(a) + made(b)), middle = made(0.5 * (a + b));
    return max_abs(chord - middle) / max_abs(chord);
  };
  const MadeSizes sizes{.dim = 2, .units = 32, .hidden_layers = 3, .blocks = 2};
  CHECK(bend(Made<Identity>::random({42, 0}, sizes)) < 1e-13);
  CHECK(bend(Made<Relu>::random({42, 0}, sizes)) > 0.1);
}

TEST_CASE("C22: the constant of (6) is minus the sum of |w1| w2 over negative w1") {
  const Tensor w1 = tensor({1.3, -0.7, -2.1, 0.4}), w2 = tensor({0.5, 1.1, 0.3, 0.9}),
               b = tensor({0.2, -1.0, 0.6, 0.1});
  const Tensor x = reshape(linspace(-4, 4, 17), {17, 1});
  const auto potential = [&](const Tensor& p) { return sum(w2 * softplus(w1 * p + b), {-1}, true); };
  const Tensor sign = tensor({1.0, -1.0, -1.0, 1.0});
  const Tensor mixture = sum(abs(w1) * w2 * sigmoid(abs(w1) * x + sign * b), {-1}, true);
  const double constant = -(0.7 * 1.1 + 2.1 * 0.3);
  CHECK(max_abs(gradient_map(potential, x) - mixture) > 1);
  CHECK(mismatch(gradient_map(potential, x), mixture + constant, kRounding) == "");
}

TEST_CASE("C23: with a start for the first slope only, a sigmoidal flow shrinks what it is given") {
  auto flow = SigmoidalAutoregressive<Relu>::random({43, 0}, 2, 16, 2);
  const Tensor x = random_normal({44, 0}, {60, 2});
  CHECK(max_abs(flow(x) - x) < 0.05);
  // The first of 16 slopes for each of two coordinates keeps ln(e - 1).
  Linear& output = flow.conditioner.layers.back().linear;
  const Tensor others = greater(arange(96), full({96}, 1.5)) * greater(full({96}, 31.5), arange(96));
  output.bias = *output.bias - kIdentityBias * others;
  CHECK(max_abs(flow(x) - x) > 0.2);
  const double expected = 2 * std::log((1 + 15 * std::numbers::ln2) / 16);  // ln det at 0: the mean of the slopes
  CHECK(flow.forward(zeros({1, 2})).logdet.item() == doctest::Approx(expected).epsilon(0.02));
}

TEST_CASE("C24: a gate starts at 1 for ln(e - 1), not for the exponential of ln 1 - 1") {
  CHECK(softplus(tensor(kIdentityBias)).item() == doctest::Approx(1).epsilon(1e-15));
  CHECK(softplus(tensor(std::exp(std::log(1.0) - 1))).item() == doctest::Approx(0.894).epsilon(1e-3));
}

TEST_CASE("C25: x/2 makes a softplus even, but not twice a softplus") {
  using Two = std::ratio<2>;
  const Tensor x = linspace(-5, 5, 41);
  const auto oddness = [&](const auto& g) { return max_abs(g(x) - g(-x)); };
  CHECK(oddness(Symmetrized<Scaled<GaussianSoftplus, Two>>()) > 1);
  CHECK(oddness(Scaled<Symmetrized<GaussianSoftplus>, Two>()) <= kRounding);
}

TEST_CASE("C26: repeated eigenvalues of H are no obstacle: those of the tridiagonal matrix are distinct") {
  Sampler sampler(45);
  const Spectrum a = with_eigenvalues({1, 1, 3, 3}, sampler);
  std::vector<double> signs;
  for (int pattern = 0; pattern < 16; ++pattern)
    for (int i = 0; i < 4; ++i) signs.push_back((pattern >> i) & 1 ? 1 : -1);
  const Tensor probes = tensor(signs, {16, 1, 4});
  // Two steps find the two numbers, once each.
  const LanczosResult found = lanczos(a.matrix(), probes, {.steps = 2});
  const Tensor ritz = tridiagonal_eigen(found.diagonal, found.offdiagonal).values;
  CHECK(min(select(ritz, 2, 1) - select(ritz, 2, 0)).item() > 1.9);
  Tape tape;
  const Tensor matrix = tape.watch(a.dense());
  const Tensor slopes = grad(sum(slq_logdet(matrix_operator(matrix), probes, {.steps = 2}).value), matrix);
  CHECK(mismatch(0.5 * (slopes + transpose(slopes)), spd_inverse(a.dense()), 1e-10) == "");
}
