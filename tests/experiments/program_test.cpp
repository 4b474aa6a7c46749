// A whole program in miniature: exit codes, output, metrics, time budget, and the rules for stages.
#include <doctest/doctest.h>

#include "experiments/support/npy.h"
#include "tests/experiments/miniature_program.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/support/message_of.h"

using namespace brenier;
using namespace brenier::experiments;
using namespace brenier::experiments::testing;
using brenier::testing::lacks;
using brenier::testing::TemporaryFolder;

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

TEST_CASE("bad options write nothing and say one sentence") {
  const TemporaryFolder folder;
  for (const std::vector<std::string>& bad :
       {std::vector<std::string>{"--steps", "0"}, {"--nonsense"}, {"--device", "tpu"}}) {
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
