// A whole program in miniature: exit codes, checkpoints, interruption at every step, log and metrics.
#include "experiments/support/program.h"

#include <doctest/doctest.h>

#include <csignal>
#include <sstream>

#include "engine/autodiff.h"
#include "experiments/support/npy.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/support/message_of.h"

using namespace brenier;
using namespace brenier::experiments;
using brenier::testing::lacks;
using brenier::testing::TemporaryFolder;

namespace {

struct Outcome {
  int code = 0;
  std::string out, err;
};

// What happens in the body at a step of the training of a seed.
using Event = std::function<void(int seed, std::int64_t step)>;

void two_fits(Run& run, std::int64_t steps, const Event& event) {
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

Outcome execute(
    std::vector<std::string> arguments, const Event& event = [](int, std::int64_t) {}) {
  std::int64_t steps = 6;
  std::ostringstream out, err;
  const auto options = [&](OptionTable& table) { table.integer("steps", steps, {.min = 1, .max = 100}, "steps"); };
  const auto body = [&](Run& run) { two_fits(run, steps, event); };
  const Experiment experiment{.name = "example", .claim = "It fits.", .source = "Section 1", .description = "Fits."};
  const int code = run_program(arguments, experiment, options, body, out, err);
  return {code, out.str(), err.str()};
}

Outcome execute_body(std::vector<std::string> arguments, const Body& body) {
  std::ostringstream out, err;
  const int code = run_program(
      arguments, {.name = "example"}, [](OptionTable&) {}, body, out, err);
  return {code, out.str(), err.str()};
}

// The log without its times.
std::string log_of(const Path& out) {
  std::istringstream lines(read_file(out / "log.jsonl"));
  std::string result;
  for (std::string line; std::getline(lines, line);) result += line.substr(0, line.find(",\"seconds\"")) + "}\n";
  return result;
}

Row metrics_of(const Path& out) { return *parse_json(read_file(out / "metrics.json"), "metrics").as_row(); }

bool one_sentence(const Outcome& outcome) {
  return outcome.err.starts_with("example: ") && std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1;
}

}  // namespace

TEST_CASE("a run writes metrics, log and model, and prints its table") {
  const TemporaryFolder folder;
  const Path out = folder / "out";
  const Outcome outcome = execute({"--out", out.string(), "--seed", "4"});
  CHECK(outcome.code == 0);
  CHECK(outcome.out.find("seed") != std::string::npos);
  const Row metrics = metrics_of(out);
  for (const char* key : {"experiment", "claim", "source", "command", "config", "results", "paper", "stopped_early",
                          "seconds", "device", "date", "files"}) {
    CAPTURE(key);
    CHECK(metrics.find(key) != nullptr);
  }
  CHECK(metrics.find("results")->as_list()->size() == 2);
  CHECK(*metrics.find("command")->as_string() == "./run experiment example -- --seed 4");
  CHECK(*metrics.find("config")->as_row()->find("steps")->as_integer() == 6);
  const std::string log = log_of(out);
  CHECK(std::count(log.begin(), log.end(), '\n') == 12);
  const TensorFile model = load_safetensors(out / "model.safetensors");
  CHECK(model.find("seed 1/w") != nullptr);
  for (const auto& [key, text] : model.metadata) CHECK_FALSE(key.starts_with("unfinished"));
}

TEST_CASE("a run interrupted at any step and resumed gives the same files, byte for byte") {
  const TemporaryFolder folder;
  execute({"--out", (folder / "whole").string(), "--quiet"});
  for (int seed = 0; seed < 2; ++seed) {
    for (std::int64_t at = 0; at < 6; ++at) {
      CAPTURE(seed);
      CAPTURE(at);
      const Path out = folder / (std::to_string(seed) + std::to_string(at));
      const Outcome cut = execute({"--out", out.string()}, [&](int s, std::int64_t step) {
        if (s == seed && step == at) std::raise(SIGINT);
      });
      CHECK(cut.code == 130);
      CHECK(one_sentence(cut));
      CHECK(cut.err.find("--resume") != std::string::npos);
      CHECK_FALSE(exists(out / "metrics.json"));
      const Outcome resumed = execute({"--out", out.string(), "--resume", "--quiet"});
      CHECK(resumed.code == 0);
      CHECK(resumed.err == "");
      CHECK(read_file(out / "model.safetensors") == read_file(folder / "whole/model.safetensors"));
      CHECK(log_of(out) == log_of(folder / "whole"));
      CHECK(to_json(*metrics_of(out).find("results")) == to_json(*metrics_of(folder / "whole").find("results")));
    }
  }
}

TEST_CASE("a run that dies without saving goes on from its last checkpoint, and its log is cut to it") {
  const TemporaryFolder folder;
  const Path out = folder / "out";
  execute({"--out", (folder / "whole").string(), "--quiet"});
  const Outcome died = execute({"--out", out.string(), "--quiet"}, [](int seed, std::int64_t step) {
    if (seed == 1 && step == 3) throw std::runtime_error("the machine stopped");
  });
  CHECK(died.code == 1);
  CHECK(died.err == "example: the machine stopped\n");
  CHECK(execute({"--out", out.string(), "--resume", "--quiet"}).code == 0);
  CHECK(read_file(out / "model.safetensors") == read_file(folder / "whole/model.safetensors"));
  CHECK(log_of(out) == log_of(folder / "whole"));
}

TEST_CASE("an unfinished run is not started over, and other options are refused when it is resumed") {
  const TemporaryFolder folder;
  const Path out = folder / "out";
  execute({"--out", out.string()}, [](int, std::int64_t) { std::raise(SIGTERM); });
  const std::string saved = read_file(out / "unfinished/model.safetensors");
  const Outcome again = execute({"--out", out.string()});
  CHECK(again.code == 2);
  CHECK(one_sentence(again));
  CHECK(lacks(again.err, {"example: ", "holds an unfinished run; continue it with --resume"}) == "");
  const Outcome other = execute({"--out", out.string(), "--resume", "--steps", "7"});
  CHECK(other.code == 2);
  CHECK(lacks(other.err, {"example: --steps: '7' differs from '6'"}) == "");
  CHECK(read_file(out / "unfinished/model.safetensors") == saved);
}

TEST_CASE("SIGTERM ends with exit code 143") {
  const TemporaryFolder folder;
  CHECK(execute({"--out", (folder / "out").string()}, [](int, std::int64_t) { std::raise(SIGTERM); }).code == 143);
}

TEST_CASE("--resume of a finished run changes nothing, and without any run starts from the beginning") {
  const TemporaryFolder folder;
  const Path out = folder / "out";
  const Outcome first = execute({"--out", out.string(), "--resume"});
  CHECK(first.code == 0);
  CHECK(first.err.starts_with("example: nothing to resume"));
  const std::string metrics = read_file(out / "metrics.json");
  const Outcome second = execute({"--out", out.string(), "--resume"});
  CHECK(second.code == 0);
  CHECK(second.out.find("nothing to resume") != std::string::npos);
  CHECK(read_file(out / "metrics.json") == metrics);
  CHECK(execute({"--out", out.string(), "--resume", "--steps", "7"}).code == 2);
}

TEST_CASE("a damaged checkpoint is refused with its name and left alone") {
  const TemporaryFolder folder;
  const Path out = folder / "out";
  write_file(out / "unfinished/model.safetensors", "damaged");
  const Outcome outcome = execute({"--out", out.string(), "--resume"});
  CHECK(outcome.code == 2);
  CHECK(one_sentence(outcome));
  CHECK(outcome.err.find("model.safetensors: offset 0") != std::string::npos);
  CHECK(read_file(out / "unfinished/model.safetensors") == "damaged");
}

TEST_CASE("a checkpoint whose tensors do not fit the program is refused") {
  const TemporaryFolder folder;
  const Path out = folder / "out";
  execute({"--out", out.string()}, [](int, std::int64_t) { std::raise(SIGINT); });
  TensorFile file = load_safetensors(out / "unfinished/model.safetensors");
  file.erase_prefix("seed 0/w");
  file.add("seed 0/w", zeros({2}));
  save_safetensors(out / "unfinished/model.safetensors", file);
  const Outcome outcome = execute({"--out", out.string(), "--resume"});
  CHECK(outcome.code == 2);
  CHECK(lacks(outcome.err, {"example: ", "tensor 'seed 0/w' is float64 [2], the model needs float64 []"}) == "");
}

TEST_CASE("bad options write nothing and say one sentence") {
  const TemporaryFolder folder;
  for (const std::vector<std::string>& bad :
       {std::vector<std::string>{"--steps", "0"}, {"--nonsense"}, {"--device", "cuda"}}) {
    std::vector<std::string> arguments{"--out", (folder / "out").string()};
    arguments.insert(arguments.end(), bad.begin(), bad.end());
    const Outcome outcome = execute(arguments);
    CHECK(outcome.code == 2);
    CHECK(outcome.out == "");
    CHECK(one_sentence(outcome));
  }
  CHECK(folder.count() == 0);
}

TEST_CASE("exceptions of the body become exit codes, and what was there before stays") {
  const TemporaryFolder folder;
  const std::vector<std::string> arguments{"--out", (folder / "out").string(), "--quiet"};
  CHECK(execute(arguments).code == 0);
  const std::string metrics = read_file(folder / "out/metrics.json");
  const auto failing = [&](const auto& exception) { return execute_body(arguments, [&](Run&) { throw exception; }); };
  CHECK(failing(InputError("x.csv:3: wrong")).code == 2);
  CHECK(failing(InputError("x.csv:3: wrong")).err == "example: x.csv:3: wrong\n");
  CHECK(failing(std::invalid_argument("[matmul] shapes")).code == 2);
  CHECK(failing(std::bad_alloc()).err == "example: the sizes asked for do not fit into memory\n");
  CHECK(failing(std::runtime_error("disk")).code == 1);
  CHECK(read_file(folder / "out/metrics.json") == metrics);
  CHECK(folder.count() == 4);  // out/ with metrics, log and model
}

TEST_CASE("--help prints the options and does nothing") {
  const TemporaryFolder folder;
  const Outcome outcome = execute({"--help", "--out", (folder / "out").string()});
  CHECK(outcome.code == 0);
  CHECK(outcome.out.find("--steps") != std::string::npos);
  CHECK(folder.count() == 0);
}

TEST_CASE("--quiet prints nothing, and no progress goes to standard output") {
  const TemporaryFolder folder;
  const Outcome quiet = execute({"--out", (folder / "a").string(), "--quiet"});
  CHECK(quiet.out == "");
  CHECK(quiet.err == "");
}

TEST_CASE("a time budget of zero still gives results, marked as stopped early") {
  const TemporaryFolder folder;
  CHECK(execute({"--out", (folder / "out").string(), "--time-budget", "0", "--quiet"}).code == 0);
  CHECK(*metrics_of(folder / "out").find("stopped_early")->as_bool());
  CHECK(log_of(folder / "out") == "");
}

TEST_CASE("a time budget is shared by the stages that are left") {
  const TemporaryFolder folder;
  std::vector<std::int64_t> steps(2, 0);
  const auto slow = [&](Run& run) {
    run.plan_stages(2);
    for (std::size_t k = 0; k < 2; ++k) {
      std::int64_t step = 0;
      Stage stage = run.stage(std::to_string(k), 1'000'000'000, [&](Archive& archive) { archive("step", step); });
      for (; stage.keep_going(step); ++step) {
      }
      steps[k] = step;
      CHECK(stage.seconds() < 0.2);
    }
  };
  CHECK(execute_body({"--out", (folder / "out").string(), "--time-budget", "0.2", "--quiet"}, slow).code == 0);
  CHECK(steps[0] > 0);
  CHECK(steps[1] > 0);
}

TEST_CASE("stages need distinct names and do not nest") {
  const TemporaryFolder folder;
  const State nothing = [](Archive&) {};
  int number = 0;
  const auto refusal = [&](const Body& body) {
    return execute_body({"--out", (folder / std::to_string(number++)).string(), "--quiet"}, body).err;
  };
  CHECK(lacks(refusal([&](Run& run) {
                const Stage open = run.stage("a", 1, nothing);
                const Stage inner = run.stage("b", 1, nothing);
              }),
              {"example: [Run::stage] stage 'a' is still open"}) == "");
  for (const char* second : {"a", "a/b", ""}) {
    CAPTURE(second);
    CHECK(lacks(refusal([&](Run& run) {
                  { const Stage first = run.stage("a", 1, nothing); }
                  const Stage next = run.stage(second, 1, nothing);
                }),
                {"example: [Run::stage] the names"}) == "");
  }
}

TEST_CASE("a line for a step that has been logged is dropped") {
  const TemporaryFolder folder;
  execute_body({"--out", (folder / "out").string(), "--quiet"}, [](Run& run) {
    Stage stage = run.stage("", 1, [](Archive&) {});
    for (const std::int64_t step : {0, 0, 5, 3, 6}) stage.log(step, {{"loss", 1.5}});
  });
  CHECK(log_of(folder / "out") == "{\"step\":0,\"loss\":1.5}\n{\"step\":5,\"loss\":1.5}\n{\"step\":6,\"loss\":1.5}\n");
}

TEST_CASE("files of the body and figures are part of the run") {
  const TemporaryFolder folder;
  const auto body = [](Run& run) {
    write_npy(run.file("predictions.npy"), tensor({1.0}));
    run.draw(LinePlot{.name = "curve", .curves = {{.label = "a", .x = {1, 2}, .y = {1, 2}}}});
    run.set_metadata("dimension", "2");
  };
  CHECK(execute_body({"--out", (folder / "out").string(), "--quiet"}, body).code == 0);
  CHECK(exists(folder / "out/predictions.npy"));
  CHECK(exists(folder / "out/figures/curve.dat"));
  CHECK(exists(folder / "out/figures/curve.gp"));
  CHECK_FALSE(exists(folder / "out/model.safetensors"));  // nothing was trained
}
