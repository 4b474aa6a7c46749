// The figures of solvers/README.md: what theory says about four methods, beside what they do.
//
//   cg_convergence    the error of conjugate gradients under its bound 2 γᵐ, γ = (√κ-1)/(√κ+1)
//   slq_bias          how much a truncated ln det is too large, for every number of probes
//   descent           gradient descent, L-BFGS and Newton–CG in the valley of Rosenbrock's function
//   sinkhorn_limit    the Sinkhorn divergence of two Gaussian clouds tends to ½|m₁ - m₂|²
//
// Sources are named in the headers of the solvers. Next on the walk: solvers/README.md.
#include <cmath>
#include <vector>

#include "engine/brenier.h"
#include "experiments/support/program.h"
#include "solvers/conjugate_gradient.h"
#include "solvers/gradient_descent.h"
#include "solvers/lbfgs.h"
#include "solvers/newton_cg.h"
#include "solvers/sinkhorn.h"
#include "solvers/slq.h"

using namespace brenier;
using namespace brenier::experiments;

namespace {

std::vector<double> numbers(const Tensor& x) { return x.to_vector<double>(); }

// Eigenvalues with even logarithms from 1 to each condition number, [conditions, d].
Tensor log_uniform_spectra(const std::vector<double>& conditions, std::int64_t d) {
  std::vector<Tensor> rows;
  for (double condition : conditions) rows.push_back(exp(linspace(0, std::log(condition), d)));
  return stack(rows);
}

LinearOperator diagonal_operator(const Tensor& eigenvalues) {
  return LinearOperator([eigenvalues](const Tensor& v) { return eigenvalues * v; });
}

// ‖z - A⁻¹b‖_A relative to that of z = 0, row by row, after each number of iterations.
void draw_cg_convergence(Run& run) {
  const std::vector<double> conditions{10, 100, 1000};
  constexpr std::int64_t kDimension = 500;
  const std::int64_t most = run.quick() ? 40 : 120;
  const Tensor eigenvalues = log_uniform_spectra(conditions, kDimension);
  const Tensor b = random_normal({run.seed(), 0}, eigenvalues.shape()), exact = b / eigenvalues;
  const auto energy = [&](const Tensor& error) { return sqrt(sum(eigenvalues * square(error), {-1})); };
  LinePlot plot{.name = "cg_convergence", .title = "Conjugate gradients, 500 unknowns"};
  plot.x_label = "iterations";
  plot.y_label = "error in the A-norm, relative";
  plot.y_scale = Scale::Log;
  for (double condition : conditions) plot.curves.push_back({str("condition ", condition)});
  for (double condition : conditions) plot.curves.push_back({str("bound, condition ", condition)});
  for (std::int64_t m = 0; m <= most; ++m) {
    run.poll_interrupt();
    const auto [z, report] = conjugate_gradient(diagonal_operator(eigenvalues), b,
                                                {.relative_tolerance = 1e-14, .max_iterations = m, .confirm = false});
    const std::vector<double> errors = numbers(energy(z - exact) / energy(exact));
    for (std::size_t i = 0; i < conditions.size(); ++i) {
      const double root = std::sqrt(conditions[i]), bound = 2 * std::pow((root - 1) / (root + 1), m);
      plot.curves[i].x.push_back(static_cast<double>(m));
      plot.curves[i].y.push_back(errors[i]);
      if (bound < 1e-12) continue;
      plot.curves[i + conditions.size()].x.push_back(static_cast<double>(m));
      plot.curves[i + conditions.size()].y.push_back(bound);
    }
  }
  run.draw(plot);
}

// A is diagonal, so vᵀ ln(A) v is ln det A for every vector of signs: what is left is truncation.
void draw_slq_bias(Run& run) {
  const std::vector<double> conditions{1e2, 1e3, 1e4, 1e5, 1e6};
  constexpr std::int64_t kDimension = 784, kProbes = 16;
  const Tensor eigenvalues = log_uniform_spectra(conditions, kDimension), exact = sum(log(eigenvalues), {-1});
  const double bits = 1 / (static_cast<double>(kDimension) * std::log(2.0));
  LinePlot plot{.name = "slq_bias", .title = "Truncated Lanczos quadrature of ln det, 784 unknowns"};
  plot.x_label = "Lanczos steps";
  plot.y_label = "excess over the truth (bits per dimension)";
  plot.x_scale = plot.y_scale = Scale::Log;
  for (double condition : conditions) plot.curves.push_back({str("condition 1e", std::lround(std::log10(condition)))});
  const std::vector<std::int64_t> all_steps =
      run.quick() ? std::vector<std::int64_t>{5, 10, 20} : std::vector<std::int64_t>{5, 10, 20, 40, 80, 160};
  for (const std::int64_t steps : all_steps) {
    run.poll_interrupt();
    const SlqEstimate estimate = slq_logdet(diagonal_operator(eigenvalues), eigenvalues.shape(), {run.seed(), 1},
                                            {.steps = steps, .probes = kProbes, .lower_bound = 1 - 1e-9});
    const std::vector<double> gauss = numbers((estimate.value - exact) * bits);
    const std::vector<double> radau = numbers((estimate.lower - exact) * bits);
    for (std::size_t i = 0; i < conditions.size(); ++i) {
      run.add_result({{"study", "slq_bias"},
                      {"condition", conditions[i]},
                      {"steps", steps},
                      {"gauss_excess", gauss[i]},
                      {"radau_excess", radau[i]}});
      plot.curves[i].x.push_back(static_cast<double>(steps));
      plot.curves[i].y.push_back(gauss[i] > 1e-8 ? gauss[i] : std::nan(""));
    }
  }
  run.draw(plot);
}

Tensor rosenbrock(const Tensor& x) {
  const Tensor first = slice(x, -1, 0, 1), second = slice(x, -1, 1, 2);
  return sum(100.0 * square(second - square(first)) + square(1.0 - first), {-1});
}

// The value reached against evaluations of f with gradient and products with the Hessian.
template <class Solve>
Curve descent_curve(const std::string& label, std::int64_t most, const Solve& solve) {
  Curve curve{label};
  const Tensor start = tensor({{-1.2, 1.0}});
  for (std::int64_t iterations = 0; iterations <= most;
       iterations = iterations < 40 ? iterations + 1 : iterations * 5 / 4) {
    const Minimum<Tensor> found = solve(start, iterations);
    curve.x.push_back(static_cast<double>(found.report.row_evaluations));
    curve.y.push_back(std::max(rosenbrock(found.solution).item(), 1e-20));
    if (found.report.converged()) break;
  }
  return curve;
}

void draw_descent(Run& run) {
  LinePlot plot{.name = "descent", .title = "Rosenbrock's valley"};
  plot.x_label = "evaluations of the gradient, and products with the Hessian";
  plot.y_label = "value";
  plot.x_scale = plot.y_scale = Scale::Log;
  constexpr double kTolerance = 1e-9;
  plot.curves.push_back(
      descent_curve("gradient descent", run.quick() ? 200 : 5000, [](const Tensor& start, std::int64_t iterations) {
        return gradient_descent(rosenbrock, start, {.max_iterations = iterations, .gradient_tolerance = kTolerance});
      }));
  plot.curves.push_back(descent_curve("L-BFGS", 200, [](const Tensor& start, std::int64_t iterations) {
    return lbfgs(rosenbrock, start, {.max_iterations = iterations, .gradient_tolerance = kTolerance});
  }));
  plot.curves.push_back(descent_curve("Newton-CG", 200, [](const Tensor& start, std::int64_t iterations) {
    return newton_cg(rosenbrock, start, {.max_iterations = iterations, .gradient_tolerance = kTolerance});
  }));
  run.draw(plot);
}

// Two clouds of n points from unit Gaussians in 2 dimensions, their means (2, 1) apart: ½|m₁ - m₂|² = 2.5.
void draw_sinkhorn_limit(Run& run) {
  const double limit = 2.5;
  const std::vector<double> blurs{1, 0.3, 0.1};
  const std::uint64_t repetitions = run.quick() ? 4 : 16;
  LinePlot plot{.name = "sinkhorn_limit", .title = "Sinkhorn divergence of two Gaussian clouds"};
  plot.x_label = "points in each cloud";
  plot.y_label = "mean error of the divergence";
  plot.x_scale = plot.y_scale = Scale::Log;
  std::uint64_t counter = 2;
  for (double blur : blurs) {
    Curve curve{str("blur ", blur)};
    for (std::int64_t n = 32; n <= (run.quick() ? 128 : 1024); n *= 2) {
      double error = 0;
      for (std::uint64_t i = 0; i < repetitions; ++i) {
        run.poll_interrupt();
        const Tensor x = random_normal({run.seed(), counter++}, {n, 2});
        const Tensor y = random_normal({run.seed(), counter++}, {n, 2}) + tensor({2.0, 1.0});
        error += std::abs(sinkhorn_divergence(x, y, {.blur = blur}).item() - limit) / static_cast<double>(repetitions);
      }
      curve.x.push_back(static_cast<double>(n));
      curve.y.push_back(error);
      run.add_result({{"study", "sinkhorn_limit"}, {"blur", blur}, {"points", n}, {"mean_error", error}});
    }
    plot.curves.push_back(curve);
  }
  run.draw(plot);
}

}  // namespace

int main(int argc, char** argv) {
  return run_program(
      argc, argv,
      {.name = "solver_figures",
       .claim =
           "Conjugate gradients, Lanczos quadrature, descent methods and Sinkhorn divergences do what theory says.",
       .source = "solvers/README.md and the references there",
       .description = "Draws the figures of solvers/README.md and tabulates the bias of truncated Lanczos quadrature.",
       .columns = {"study", "condition", "steps", "gauss_excess", "radau_excess", "blur", "points", "mean_error"}},
      [](OptionTable&) {},
      [](Run& run) {
        draw_cg_convergence(run);
        draw_slq_bias(run);
        draw_descent(run);
        draw_sinkhorn_limit(run);
      });
}
