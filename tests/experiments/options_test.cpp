// The command line: defaults, ranges, words, and one clear sentence for everything that does not fit.
#include "experiments/support/options.h"

#include <doctest/doctest.h>

#include <cstdlib>

#include "tests/support/message_of.h"

using namespace brenier;
using namespace brenier::experiments;
using brenier::testing::lacks;
using brenier::testing::message_of;

namespace {

enum class Kind { Icgn, Icnn };

struct Settings {
  std::int64_t steps = 200;
  double rate = 0.25;
  std::vector<std::int64_t> hidden = {64, 64};
  Kind kind = Kind::Icgn;
  std::string inputs;
  std::string note;
  bool verbose = false;
  CommonOptions common;
  OptionTable table;

  Settings() {
    add_common_options(table, common, "example");
    table.integer("steps", steps, {.min = 1, .max = 1000, .quick = 20}, "training steps");
    table.number("rate", rate, {.min = 0, .max = 1}, "learning rate");
    table.integers("hidden", hidden, {.min = 1, .max = 512}, "widths");
    table.choice("model", kind, {{"icgn", Kind::Icgn}, {"icnn", Kind::Icnn}}, "what is fitted");
    table.file("inputs", inputs, "points");
    table.text("note", note, "any text");
    table.flag("verbose", verbose, "more");
  }
  Settings(const Settings&) = delete;

  Settings& parse(const std::vector<std::string>& arguments) {
    CHECK(parse_options(table, arguments) == ParseOutcome::Run);
    return *this;
  }
};

std::string refusal(const std::vector<std::string>& arguments) {
  Settings settings;
  return message_of([&] { parse_options(settings.table, arguments); });
}

}  // namespace

TEST_CASE("without arguments every option has its default") {
  Settings settings;
  unsetenv("BRENIER_DATA");
  settings.parse({});
  CHECK(settings.steps == 200);
  CHECK(settings.common.out == "results/example");
  CHECK(settings.common.seed == 0);
  CHECK(settings.common.precision == DType::Float64);
  CHECK(settings.common.threads >= 1);
  CHECK_FALSE(settings.common.quick);
}

TEST_CASE("options are read in both spellings") {
  Settings settings;
  settings.parse({"--steps=7", "--rate", "1e-3", "--hidden", "3,5,8", "--model", "icnn", "--precision", "f32",
                  "--verbose", "--out", "a b", "--seed", "12", "--note", "-x"});
  CHECK(settings.steps == 7);
  CHECK(settings.rate == 1e-3);
  CHECK(settings.hidden == std::vector<std::int64_t>{3, 5, 8});
  CHECK(settings.kind == Kind::Icnn);
  CHECK(settings.common.precision == DType::Float32);
  CHECK(settings.verbose);
  CHECK(settings.common.out == "a b");
  CHECK(settings.common.seed == 12);
  CHECK(settings.note == "-x");
}

TEST_CASE("--quick sets the quick defaults, and an explicit value wins in either order") {
  CHECK(Settings().parse({"--quick"}).steps == 20);
  CHECK(Settings().parse({"--quick", "--steps", "33"}).steps == 33);
  CHECK(Settings().parse({"--steps", "33", "--quick"}).steps == 33);
}

TEST_CASE("every bad argument is refused with one sentence that names the option") {
  struct Case {
    std::vector<std::string> arguments;
    const char* message;
  };
  const Case cases[] = {
      {{"--stesp", "3"}, "unknown option '--stesp'; did you mean --steps?"},
      {{"--zzz"}, "unknown option '--zzz'; see --help"},
      {{"stray"}, "unexpected argument 'stray'; options begin with --"},
      {{"--steps"}, "--steps needs a value"},
      {{"--steps", "0"}, "--steps: '0' is out of range; allowed is from 1 to 1000"},
      {{"--steps", "1001"}, "--steps: '1001' is out of range"},
      {{"--steps", "3.5"}, "--steps: '3.5' is not a whole number"},
      {{"--steps", "99999999999999999999"}, "--steps: '99999999999999999999' is not a whole number"},
      {{"--steps", ""}, "--steps"},
      {{"--steps", "3", "--steps", "4"}, "--steps is given twice"},
      {{"--rate", "nan"}, "--rate: 'nan' is out of range"},
      {{"--rate", "-1"}, "--rate: '-1' is out of range; allowed is from 0 to 1"},
      {{"--rate", "1x"}, "--rate: '1x' is not a number"},
      {{"--hidden", "3,,5"}, "--hidden: '' is not a whole number"},
      {{"--hidden", "3,9999"}, "--hidden: '9999' is out of range"},
      {{"--model", "mlp"}, "--model: 'mlp' is not one of icgn, icnn"},
      {{"--inputs", "/no/such/file"}, "--inputs: /no/such/file: no such file"},
      {{"--quick=3"}, "--quick takes no value"},
      {{"--device", "tpu"}, "--device: must be cpu, cuda or cuda-on-host, got tpu"},
      {{"--seed", "-3"}, "--seed: '-3' is out of range; allowed is at least 0"},
      {{"--threads", "0"}, "--threads: '0' is out of range"},
      {{"--time-budget", "soon"}, "--time-budget: 'soon' is not a number"},
      {{"--precision", "f16"}, "--precision: 'f16' is not one of f64, f32"},
  };
  for (const Case& example : cases) {
    CAPTURE(example.message);
    const std::string message = refusal(example.arguments);
    CHECK(lacks(message, {example.message}) == "");
    CHECK(message.find('\n') == std::string::npos);
  }
}

TEST_CASE("a list of more than 64 entries is refused") {
  std::string list = "1";
  for (int i = 0; i < 64; ++i) list += ",1";
  CHECK(lacks(refusal({"--hidden", list}), {"--hidden: ", "more than 64 entries"}) == "");
}

TEST_CASE("two options of one name are a mistake of the program") {
  OptionTable table;
  std::int64_t value = 0;
  table.integer("n", value, {}, "");
  CHECK(lacks(message_of([&] { table.integer("n", value, {}, ""); }), {"[OptionTable] two options named --n"}) == "");
}

TEST_CASE("the help text names every option with its default and range") {
  Settings settings;
  CHECK(parse_options(settings.table, {"--help"}) == ParseOutcome::Help);
  const std::string help = help_text(settings.table, "example", "Fits a line.");
  CHECK(help.find("Fits a line.") != std::string::npos);
  for (const OptionTable::Entry& entry : settings.table.entries()) {
    CAPTURE(entry.name);
    CHECK(help.find("--" + entry.name) != std::string::npos);
  }
  CHECK(help.find("training steps [200; 20 with --quick; from 1 to 1000]") != std::string::npos);
}

TEST_CASE("BRENIER_DATA is the default of --data") {
  setenv("BRENIER_DATA", "/somewhere", 1);
  CHECK(Settings().parse({}).common.data == "/somewhere");
  CHECK(Settings().parse({"--data", "here"}).common.data == "here");
  unsetenv("BRENIER_DATA");
  CHECK(Settings().parse({}).common.data == "data");
}

TEST_CASE("a resumed run takes its options from the checkpoint") {
  Settings first, resumed;
  first.parse({"--quick", "--rate", "0.125", "--hidden", "9", "--model", "icnn", "--verbose", "--out", "elsewhere"});
  resumed.parse({"--resume"});
  adopt_config(resumed.table, checkpoint_config_of(first.table), "the checkpoint");
  CHECK(resumed.steps == 20);
  CHECK(resumed.rate == 0.125);
  CHECK(resumed.hidden == std::vector<std::int64_t>{9});
  CHECK(resumed.kind == Kind::Icnn);
  CHECK(resumed.verbose);
  CHECK(resumed.common.quick);
  CHECK(resumed.common.out == "results/example");
  CHECK(to_json(checkpoint_config_of(resumed.table)) == to_json(checkpoint_config_of(first.table)));
}

TEST_CASE("a resumed run refuses another value of an option that decides the numbers") {
  Settings first, same, other;
  first.parse({"--steps", "7"});
  same.parse({"--resume", "--steps", "7", "--threads", "1", "--time-budget", "5"});
  adopt_config(same.table, checkpoint_config_of(first.table), "x");
  CHECK(same.steps == 7);
  other.parse({"--resume", "--steps", "8"});
  CHECK(lacks(message_of([&] { adopt_config(other.table, checkpoint_config_of(first.table), "x.safetensors"); }),
              {"--steps: '8' differs from '7', with which x.safetensors was made"}) == "");
}

TEST_CASE("the command to reproduce a run names what differs from the defaults") {
  Settings settings;
  settings.parse({"--quick", "--rate", "0.5", "--note", "it's", "--out", "x", "--verbose"});
  CHECK(command_of(settings.table, "example") ==
        R"(./run experiment example -- --quick --rate 0.5 --note 'it'\''s' --verbose)");
  CHECK(command_of(Settings().parse({}).table, "example") == "./run experiment example");
}
