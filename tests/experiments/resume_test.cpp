// Interruption and --resume: at every step, by signals and by death, the final files are the same bytes.
#include <doctest/doctest.h>

#include <csignal>

#include "tests/experiments/miniature_program.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/support/message_of.h"

using namespace brenier;
using namespace brenier::experiments;
using namespace brenier::experiments::testing;
using brenier::testing::lacks;
using brenier::testing::TemporaryFolder;

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

TEST_CASE("a line for a step that has been logged is dropped") {
  const TemporaryFolder folder;
  execute_body({"--out", (folder / "out").string(), "--quiet"}, [](Run& run) {
    Stage stage = run.stage("", 1, [](Archive&) {});
    for (const std::int64_t step : {0, 0, 5, 3, 6}) stage.log(step, {{"loss", 1.5}});
  });
  CHECK(log_of(folder / "out") == "{\"step\":0,\"loss\":1.5}\n{\"step\":5,\"loss\":1.5}\n{\"step\":6,\"loss\":1.5}\n");
}
