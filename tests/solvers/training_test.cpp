// What goes with optimisers: AdamW, Adamax and Nesterov's momentum by hand, steps as programs, the plateau schedule,
// clipping by the global norm, and averages of weights; each with its stored state.
#include <doctest/doctest.h>

#include <cmath>

#include "engine/autodiff.h"
#include "solvers/adam.h"
#include "solvers/adamax.h"
#include "solvers/clip.h"
#include "solvers/ema.h"
#include "solvers/plateau.h"
#include "solvers/sgd.h"
#include "tests/support/compare.h"
#include "tests/support/message_of.h"
#include "tests/support/point_model.h"
#include "tests/support/sampler.h"

using namespace brenier;
using namespace brenier::testing;

namespace {

// Steps along given slopes of a single parameter that starts at 1.
template <class Optimiser>
std::vector<double> path(Optimiser optimiser, const std::vector<double>& slopes) {
  Point point{tensor({1.0}), tensor(0.0)};
  std::vector<double> positions;
  for (double slope : slopes) {
    optimiser.step(point, Point{tensor({slope}), tensor(0.0)});
    positions.push_back(point.x.item());
  }
  return positions;
}

void check_path(const std::vector<double>& got, const std::vector<double>& expected) {
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(got[i] == doctest::Approx(expected[i]).epsilon(1e-14));
}

// Ten steps through step(), and ten runs of one program made of update().
template <class Optimiser>
void check_program(Optimiser optimiser, DType dtype) {
  Point eager = start(dtype);
  std::vector<Tensor> values = parameter_values(eager), state = optimiser.initial_state(values);
  Tape tape({.recording_program = true});
  const Tensor rate = tape.watch(tensor(0.0, dtype));
  const Point p = tape.watch(eager);
  std::vector<Tensor> inputs{rate, p.x, p.y}, recorded_state;
  for (const Tensor& tensor : state) recorded_state.push_back(tape.watch(tensor));
  inputs.insert(inputs.end(), recorded_state.begin(), recorded_state.end());
  const std::vector<Tensor> parameters{p.x, p.y};
  const OptimiserStep next = optimiser.update(parameters, grad(loss_of(p), parameters), recorded_state, rate);
  std::vector<Tensor> outputs = next.parameters;
  outputs.insert(outputs.end(), next.state.begin(), next.state.end());
  const Program program = compile(inputs, outputs);

  std::vector<Tensor> now = values;
  now.insert(now.end(), state.begin(), state.end());
  for (int step = 0; step < 10; ++step) {
    optimiser.learning_rate = 0.02 / (1 + step);
    optimiser.step(eager, slope_at(eager));
    now.insert(now.begin(), tensor(optimiser.learning_rate, dtype));
    now = program(now);
  }
  const double tolerance = 100 * epsilon(dtype);
  CHECK(mismatch(now[0], eager.x, tolerance) == "");
  CHECK(mismatch(now[1], eager.y, 3 * tolerance) == "");
  CHECK(now[2].item() == 10);  // the count of steps
}

template <class Optimiser>
void check_resume(Optimiser whole) {
  Optimiser first = whole, second = whole;
  Point a = start(), b = start();
  for (int i = 0; i < 7; ++i) whole.step(a, slope_at(a));
  for (int i = 0; i < 3; ++i) first.step(b, slope_at(b));
  second.load(first.state());
  for (int i = 0; i < 4; ++i) second.step(b, slope_at(b));
  CHECK(a.x.to_vector<double>() == b.x.to_vector<double>());
  CHECK(a.y.item() == b.y.item());
}

}  // namespace

TEST_CASE("AdamW shrinks parameters beside the moments") {
  // As in the test of Adam, with λ = 0.5 and α = 0.1: before each step θ is multiplied by 0.95.
  const double ratios[] = {1 / 1.01, (2.0 / 3) / (std::sqrt(4.0 / 7) + 0.01),
                           (-6.0 / 7) / (std::sqrt(76.0 / 37) + 0.01)};
  std::vector<double> expected;
  double theta = 1;
  for (double ratio : ratios) expected.push_back(theta = 0.95 * theta - 0.1 * ratio);
  check_path(
      path(Adam{.learning_rate = 0.1, .beta1 = 0.5, .beta2 = 0.75, .epsilon = 0.01, .weight_decay = 0.5}, {1, 0.5, -2}),
      expected);
}

TEST_CASE("Adamax's first three steps are the ones computed by hand") {
  // β₁ = 0.5, β₂ = 0.75, α = 0.1, ε = 0, gradients 1, 0.5, -2:
  //   t = 1: m = 0.5,    u = 1,     step 0.1/0.5   · 0.5         = 0.1
  //   t = 2: m = 0.5,    u = 0.75,  step 0.1/0.75  · 0.5/0.75    = 4/45
  //   t = 3: m = -0.75,  u = 2,     step 0.1/0.875 · (-0.75)/2   = -3/70
  check_path(path(Adamax{.learning_rate = 0.1, .beta1 = 0.5, .beta2 = 0.75, .epsilon = 0}, {1, 0.5, -2}),
             {1 - 0.1, 1 - 0.1 - 4.0 / 45, 1 - 0.1 - 4.0 / 45 + 3.0 / 70});
}

TEST_CASE("Adamax leaves a parameter alone that never had a gradient") {
  check_path(path(Adamax{}, {0, 0, 0}), {1, 1, 1});
}

TEST_CASE("Nesterov's momentum looks a step ahead") {
  // μ = 0.5, α = 0.1, gradients 1, 2, -4: v = 1, 2.5, -2.75; g + μ v = 1.5, 3.25, -5.375.
  check_path(path(Sgd{.learning_rate = 0.1, .momentum = 0.5, .nesterov = true}, {1, 2, -4}),
             {1 - 0.15, 1 - 0.475, 1 + 0.0625});
}

TEST_CASE("on a quadratic Nesterov's iterates are his recurrence in the shifted points") {
  // y = x + μ v is what the model holds: x₊ = y - α f'(y), y₊ = x₊ + μ (x₊ - x), for f = 3 y²/2.
  Sgd sgd{.learning_rate = 0.1, .momentum = 0.6, .nesterov = true};
  Point point{tensor({2.0}), tensor(0.0)};
  double x = 2, y = 2;
  for (int i = 0; i < 8; ++i) {
    sgd.step(point, Point{3.0 * point.x, tensor(0.0)});
    const double next = y - 0.1 * 3 * y;
    y = next + 0.6 * (next - x);
    x = next;
    CHECK(point.x.item() == doctest::Approx(y).epsilon(1e-13));
  }
}

TEST_CASE("every optimiser's step can be part of a program, with its state as inputs and outputs") {
  for (DType dtype : {DType::Float32, DType::Float64}) {
    check_program(Adam{}, dtype);
    check_program(Adam{.weight_decay = 0.1}, dtype);
    check_program(Adamax{}, dtype);
    check_program(Sgd{.momentum = 0.9}, dtype);
    check_program(Sgd{.momentum = 0.9, .nesterov = true}, dtype);
  }
}

TEST_CASE("optimisers continue bit for bit from their stored state") {
  check_resume(Adam{.learning_rate = 0.05, .weight_decay = 0.1});
  check_resume(Adamax{.learning_rate = 0.05});
  check_resume(Sgd{.learning_rate = 0.01, .momentum = 0.9, .nesterov = true});
  CHECK(lacks(message_of([] { Adamax().load({}); }), {"[Adamax]", "steps"}) == "");
}

TEST_CASE("a model may mix precisions") {
  Point point{tensor({1.0, -2.0}, DType::Float32), tensor(3.0)};
  Adam adam{.weight_decay = 0.1};
  adam.step(point, Point{ones({2}, DType::Float32), tensor(1.0)});
  CHECK(point.x.dtype() == DType::Float32);
  CHECK(point.y.item() == doctest::Approx(3 - 1e-3 * 0.3 - 1e-3).epsilon(1e-7));
}

TEST_CASE("a state of another size is refused") {
  const std::vector<Tensor> values{zeros({2})};
  const auto wrong = [&] { Adam().update(values, values, {tensor(0.0)}, tensor(1e-3)); };
  CHECK(lacks(message_of(wrong), {"[Adam] the state has 1 tensors, expected 3"}) == "");
  const auto missing = [&] { Sgd().update(values, {}, {tensor(0.0), zeros({2})}, tensor(1e-3)); };
  CHECK(lacks(message_of(missing), {"[Sgd] 1 parameters, but 0 gradients"}) == "");
}

TEST_CASE("the plateau schedule waits, reduces and cools down") {
  PlateauSchedule schedule{
      .rate = 1, .factor = 0.5, .patience = 2, .threshold = 0.1, .cooldown = 2, .minimum_rate = 0.2};
  //            better than 0.9 best?  yes  no   no    no: reduced  (cooling)  counted again: 1, 2, 3: reduced
  const double losses[] = {10, 9.5, 9.2, 9.1, 9.1, 9.1, 9.1, 9.1, 9.1};
  const double rates[] = {1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.25};
  for (int i = 0; i < 9; ++i) CHECK(schedule.update(losses[i]) == rates[i]);
  CHECK(schedule.update(5) == 0.25);  // better: all is forgotten
  CHECK(schedule.best == 5);
  for (int i = 0; i < 20; ++i) schedule.update(5);
  CHECK(schedule.rate == 0.2);
}

// torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.3, patience=1, threshold=0.05, cooldown=1,
// min_lr=0.01) of an SGD with lr=1 on these losses, torch 2.15.
TEST_CASE("the plateau schedule takes PyTorch's decisions") {
  PlateauSchedule schedule{
      .rate = 1, .factor = 0.3, .patience = 1, .threshold = 0.05, .cooldown = 1, .minimum_rate = 0.01};
  const double losses[] = {3,    2,    1.95, 1.93, 1.92, 1.7,  1.69, 1.68, 1.67, 1.66,
                           1.65, 1.64, 0.5,  0.49, 0.48, 0.51, 0.5,  0.5,  0.5,  0.5};
  const double rates[] = {1,     1,     1,     0.3,   0.3,  0.3,  0.3,  0.09, 0.09, 0.09,
                          0.027, 0.027, 0.027, 0.027, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01};
  for (int i = 0; i < 20; ++i) CHECK(schedule.update(losses[i]) == doctest::Approx(rates[i]).epsilon(1e-12));
}

TEST_CASE("losses that may be negative need an absolute threshold") {
  PlateauSchedule relative{.rate = 1, .patience = 0, .threshold = 0.5};
  PlateauSchedule absolute = relative;
  absolute.threshold_mode = PlateauThreshold::Absolute;
  for (PlateauSchedule* schedule : {&relative, &absolute}) schedule->update(-10);
  CHECK(relative.update(-6) == 1);    // below -10 (1 - 0.5): PyTorch's rule takes this for better
  CHECK(absolute.update(-6) == 0.1);  // not below -10.5
  CHECK(absolute.update(std::nan("")) == doctest::Approx(0.01));
}

TEST_CASE("the plateau schedule resumes") {
  const PlateauSchedule fresh{.rate = 1, .factor = 0.5, .patience = 1, .cooldown = 1};
  PlateauSchedule whole = fresh, first = fresh, second = fresh;
  const double losses[] = {3, 3, 3, 2, 2, 2, 2, 2, 2};
  for (double loss : losses) whole.update(loss);
  for (int i = 0; i < 4; ++i) first.update(losses[i]);
  second.load(first.state());
  for (int i = 4; i < 9; ++i) second.update(losses[i]);
  CHECK(second.rate == whole.rate);
  CHECK(second.best == whole.best);
  CHECK(second.bad_losses == whole.bad_losses);
  CHECK(lacks(message_of([&] { second.load({}); }), {"[PlateauSchedule]", "rate_and_best"}) == "");
}

TEST_CASE("gradients are scaled to the limit of their common norm, and only if above it") {
  const Point gradients{tensor({3.0, 0.0}), tensor(-4.0)};
  CHECK(global_norm(gradients).item() == 5);
  const Point clipped = clip_global_norm(gradients, 2.5), kept = clip_global_norm(gradients, 5);
  CHECK(mismatch(clipped.x, tensor({1.5, 0.0}), 1e-15) == "");
  CHECK(clipped.y.item() == -2);
  CHECK(kept.x.to_vector<double>() == gradients.x.to_vector<double>());
  CHECK(clip_global_norm(Point{zeros({2}), tensor(0.0)}, 1).y.item() == 0);
  CHECK(std::isnan(clip_global_norm(Point{tensor({NAN, 1.0}), tensor(1.0)}, 1).x.at({0})));
  CHECK(lacks(message_of([&] { clip_global_norm(gradients, 0); }), {"[clip_global_norm]", "positive", "0"}) == "");
  CHECK(lacks(message_of([] { global_norm(std::vector<Tensor>{}); }), {"[global_norm]"}) == "");
}

TEST_CASE("an average forgets its start exponentially") {
  Ema<Point> ema{.average = start(), .decay = 0.5};
  const Point other{tensor({5.0, 6.0}), tensor(-1.0)};
  for (int i = 0; i < 3; ++i) ema.update(other);
  CHECK(mismatch(ema.average.x, tensor({5 - 4.0 / 8, 6 - 8.0 / 8}), 1e-15) == "");
  CHECK(ema.average.y.item() == -1 + 4.0 / 8);
}

TEST_CASE("an average resumes, records nothing and refuses other models") {
  Sampler sampler(1);
  Ema<Point> whole{.average = start(), .decay = 0.9}, resumed{.average = start(), .decay = 0.9};
  for (int i = 0; i < 4; ++i) {
    const Point next{sampler.uniform({2}), tensor(0.1 * i)};
    Tape tape;
    whole.update(tape.watch(next));
    CHECK(tape.size() == 2);
    CHECK_FALSE(whole.average.x.recorded());
    Ema<Point> from_state{.average = start(), .decay = 0.9};
    from_state.load(resumed.state());
    from_state.update(next);
    resumed = from_state;
  }
  CHECK(whole.average.x.to_vector<double>() == resumed.average.x.to_vector<double>());
  CHECK(lacks(message_of([&] { whole.update(Point{zeros({3}), tensor(0.0)}); }), {"[Ema]", "[3]", "[2]"}) == "");
  CHECK(lacks(message_of([&] { whole.load({}); }), {"[Ema]", "\"x\""}) == "");
}
