// A complete program in miniature, run in the process of the test: two fits of one number, a stage each.
#pragma once

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "engine/autodiff.h"
#include "experiments/support/program.h"

namespace brenier::experiments::testing {

struct Outcome {
  int code = 0;
  std::string out, err;
};

// What happens in the body at a step of the training of a seed.
using Event = std::function<void(int seed, std::int64_t step)>;

inline void two_fits(Run& run, std::int64_t steps, const Event& event) {
  run.plan_stages(2);
  for (int seed = 0; seed < 2; ++seed) {
    Tensor w = tensor(0.0, run.dtype());
    std::int64_t step = 0;
    Stage stage = run.stage("seed " + std::to_string(seed), steps, [&](Archive& archive) {
      archive("w", w);
      archive("step", step);
    });
    for (; stage.keep_going(step); ++step) {
      Tape tape;
      const Tensor watched = tape.watch(w);
      const Tensor noise = random_normal({run.seed(), static_cast<std::uint64_t>(100 * seed + step)}, {}, run.dtype());
      const Tensor loss = square(watched - 3.0 + 0.1 * noise);
      w = (w - 0.1 * grad(loss, watched)).detached();
      stage.log(step, {{"loss", loss.item()}});
      event(seed, step);
    }
    run.add_result({{"seed", seed}, {"w", w.item()}});
  }
  run.add_paper({{"w", 3.0}});
}

inline Outcome execute(
    std::vector<std::string> arguments, const Event& event = [](int, std::int64_t) {}) {
  std::int64_t steps = 6;
  std::ostringstream out, err;
  const auto options = [&](OptionTable& table) { table.integer("steps", steps, {.min = 1, .max = 100}, "steps"); };
  const auto body = [&](Run& run) { two_fits(run, steps, event); };
  const Experiment experiment{.name = "example", .claim = "It fits.", .source = "Section 1", .description = "Fits."};
  const int code = run_program(arguments, experiment, options, body, out, err);
  return {code, out.str(), err.str()};
}

inline Outcome execute_body(std::vector<std::string> arguments, const Body& body) {
  std::ostringstream out, err;
  const int code = run_program(
      arguments, {.name = "example"}, [](OptionTable&) {}, body, out, err);
  return {code, out.str(), err.str()};
}

// The log without its times.
inline std::string log_of(const Path& out) {
  std::istringstream lines(read_file(out / "log.jsonl"));
  std::string result;
  for (std::string line; std::getline(lines, line);) result += line.substr(0, line.find(",\"seconds\"")) + "}\n";
  return result;
}

inline Row metrics_of(const Path& out) { return *parse_json(read_file(out / "metrics.json"), "metrics").as_row(); }

inline bool one_sentence(const Outcome& outcome) {
  return outcome.err.starts_with("example: ") && std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1;
}

}  // namespace brenier::experiments::testing
