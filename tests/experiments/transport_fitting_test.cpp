// Training by the Sinkhorn divergence: what is kept, what is left out, and what an interruption changes (nothing).
#include "experiments/support/transport_fitting.h"

#include <doctest/doctest.h>

#include <csignal>

#include "models/monotone_gradient.h"
#include "solvers/gaussian_transport.h"
#include "tests/experiments/miniature_program.h"
#include "tests/experiments/temporary_folder.h"

using namespace brenier;
using namespace brenier::experiments;
using namespace brenier::experiments::testing;
using brenier::testing::TemporaryFolder;

namespace {

Tensor normal(const RandomKey& key) { return random_normal(key, {64, 2}); }

// x -> VᵀV x + a with V = c I: the simplest monotone map.
struct Affine {
  GramLinear linear;
  Tensor offset;

  static Affine scaled(double c) { return {{c * eye(2)}, zeros({2})}; }
  Tensor operator()(const Tensor& x) const { return linear(x) + offset; }
  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit_parameters("linear", linear, visit);
    visit("offset", offset);
  }
};

TransportFitOptions short_fit(std::int64_t steps) {
  return {.steps = steps, .batch = 64, .learning_rate = 0.05, .blur = 0.5, .validations = 5};
}

// Runs a body once, in a folder of its own.
void in_a_run(const Body& body) {
  const TemporaryFolder folder;
  const Outcome outcome = execute_body({"--out", (folder / "out").string(), "--quiet"}, body);
  CHECK(outcome.err == "");
  REQUIRE(outcome.code == 0);
}

bool equal(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  bool same = a.size() == b.size();
  for (std::size_t i = 0; same && i < a.size(); ++i) same = a[i].to_vector<double>() == b[i].to_vector<double>();
  return same;
}

}  // namespace

TEST_CASE("the identity stays where source and target are the same, and another start comes to it") {
  in_a_run([](Run& run) {
    const Tensor points = random_normal({7, 0}, {2000, 2});
    for (const double c : {1.0, 1.5}) {
      CAPTURE(c);
      Affine map = Affine::scaled(c);
      const double before = l2_uvp(map(points), points, 2).item();
      fit_transport(run, c == 1 ? "identity" : "wide", map, draws_of(normal, 1), draws_of(normal, 2), short_fit(200));
      const double after = l2_uvp(map(points), points, 2).item();
      CHECK(after < 0.5);
      if (c != 1) CHECK(before > 100);
    }
  });
}

TEST_CASE("the parameters of the best score are kept, without a score the last ones") {
  in_a_run([](Run& run) {
    std::vector<std::vector<Tensor>> seen;
    const std::vector<double> scores{3, 1, 2, 1, 4};  // of two equal ones the first
    const auto scripted = [&](const Affine& now) {
      seen.push_back(parameter_values(now));
      return scores[seen.size() - 1];
    };
    Affine scored = Affine::scaled(2), plain = Affine::scaled(2);
    const TransportFit fit =
        fit_transport<Affine>(run, "scored", scored, draws_of(normal, 1), draws_of(normal, 2), short_fit(20), scripted);
    CHECK(fit.scores == scores);
    CHECK(fit.best_score == 1);
    CHECK(equal(parameter_values(scored), seen[1]));
    CHECK_FALSE(equal(seen[1], seen[3]));
    const TransportFit same =
        fit_transport(run, "plain", plain, draws_of(normal, 1), draws_of(normal, 2), short_fit(20));
    CHECK(equal(parameter_values(plain), seen.back()));
    CHECK(same.losses == fit.losses);
    CHECK(same.losses.size() == 5);
  });
}

TEST_CASE("the loss of a last interval is the mean of the steps that it has") {
  in_a_run([](Run& run) {
    // The rate is so small that nothing moves: all losses of one batch are the same.
    const BatchOfStep always =
                          [](std::int64_t) {
                            return normal({3, 0});
                          },
                      other = [](std::int64_t) {
                        return normal({4, 0});
                      };
    Affine map = Affine::scaled(2);
    TransportFitOptions options = short_fit(7);  // intervals of 3, 3 and 1
    options.validations = 2, options.learning_rate = 1e-12;
    const TransportFit fit = fit_transport(run, "", map, always, other, options);
    REQUIRE(fit.losses.size() == 3);
    CHECK(fit.losses[2] == doctest::Approx(fit.losses[0]).epsilon(1e-9));
  });
}

TEST_CASE("a step that is not finite is left out") {
  in_a_run([](Run& run) {
    const BatchOfStep fine = draws_of(normal, 1);
    const BatchOfStep broken = [&](std::int64_t step) {
      return step == 4 || step == 11 ? fine(step) * std::numeric_limits<double>::quiet_NaN() : fine(step);
    };
    Affine map = Affine::scaled(1.5);
    const TransportFit fit = fit_transport(run, "", map, broken, draws_of(normal, 2), short_fit(20));
    for (const Tensor& parameter : parameter_values(map)) CHECK(std::isfinite(sum(parameter).item()));
    CHECK(std::isnan(fit.losses[1]));
    CHECK(std::isfinite(fit.losses.back()));
  });
}

TEST_CASE("batches are functions of the step") {
  const BatchOfStep fresh = draws_of(normal, 5), rows = minibatches_of(random_normal({6, 0}, {100, 2}), 30, 5);
  for (const BatchOfStep& batch : {fresh, rows}) {
    const std::vector<double> third = batch(3).to_vector<double>();
    CHECK(batch(4).to_vector<double>() != third);
    CHECK(batch(3).to_vector<double>() == third);
  }
  CHECK(rows(0).shape() == Shape{30, 2});
}

TEST_CASE("the diagonal of the box around both clouds") {
  CHECK(box_diagonal(tensor({{0.0, 0.0}, {1.0, 2.0}}), tensor({{3.0, -2.0}})) == doctest::Approx(5));
}

TEST_CASE("training interrupted at any step and resumed gives the same model, byte for byte") {
  const TemporaryFolder folder;
  const auto train = [](const Path& out, std::int64_t interrupt_at, bool resumes) {
    return execute_body({"--out", out.string(), "--quiet", resumes ? "--resume" : "--seed=0"}, [&](Run& run) {
      Affine map = Affine::scaled(2);
      const BatchOfStep source = draws_of(normal, 1);
      const BatchOfStep watched = [&](std::int64_t step) {
        if (step == interrupt_at && step > 0) std::raise(SIGINT);
        return source(step);
      };
      const Tensor x = normal({8, 0}), y = normal({9, 0});
      const TransportFit fit = fit_transport<Affine>(
          run, "map", map, watched, draws_of(normal, 2), short_fit(12),
          [&](const Affine& now) { return sinkhorn_divergence(now(x), y, {.blur = 0.5, .diameter = 10}).item(); });
      run.add_result({{"losses", fit.losses}, {"scores", fit.scores}, {"best", fit.best_score}});
      run.add_result({{"factor", map.linear.factor.to_vector<double>()}});
    });
  };
  REQUIRE(train(folder / "whole", -1, false).code == 0);
  const std::string results = to_json(*metrics_of(folder / "whole").find("results"));
  for (const std::int64_t at : {1, 2, 5, 6, 11}) {
    CAPTURE(at);
    const Path out = folder / std::to_string(at);
    CHECK(train(out, at, false).code == 130);
    CHECK(train(out, -1, true).code == 0);
    CHECK(to_json(*metrics_of(out).find("results")) == results);
  }
}

TEST_CASE("what a time budget leaves is validated") {
  const TemporaryFolder folder;
  const Outcome outcome =
      execute_body({"--out", (folder / "out").string(), "--quiet", "--time-budget", "0.3"}, [](Run& run) {
        Affine map = Affine::scaled(2);
        TransportFitOptions options = short_fit(100'000'000);  // an interval of 20 million steps
        const TransportFit fit = fit_transport<Affine>(run, "", map, draws_of(normal, 1), draws_of(normal, 2), options,
                                                       [](const Affine&) { return 1.0; });
        CHECK(fit.scores == std::vector<double>{1});
        CHECK_FALSE(equal(parameter_values(map), parameter_values(Affine::scaled(2))));
      });
  CHECK(outcome.code == 0);
}
