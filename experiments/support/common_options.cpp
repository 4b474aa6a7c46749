// The options every program has, and what becomes of options when a run is resumed.
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "engine/backend.h"
#include "engine/str.h"
#include "experiments/support/device_info.h"
#include "experiments/support/input_error.h"
#include "experiments/support/options.h"

namespace brenier::experiments {
namespace {

constexpr double kMaxTimeBudget = 1e9;  // seconds; 30 years

OptionTable::Entry device_option(std::string& device) {
  const auto read = [&device](const std::string& text) {
    try {
      backend_named(text);
    } catch (const std::invalid_argument& error) {
      throw InputError(str("--device: ", std::string_view(error.what()).substr(std::strlen("[device] "))));
    }
    device = text;
  };
  return {.name = "device",
          .help = "where to compute: the CPU, a GPU, or the GPU's kernels played by the CPU, for tests [cpu]",
          .argument = "NAME",
          .read = read,
          .write = [&device] { return Value(device); }};
}

void may_differ(OptionTable& table) { table.entries().back().on_resume = OnResume::MayDiffer; }

// What was typed, or would have to be typed, for a value.
std::string typed(const Value& value) {
  if (const std::string* text = value.as_string()) return *text;
  return to_json(value);
}

bool same(const Value& a, const Value& b) { return to_json(a) == to_json(b); }

std::string shell_quoted(const std::string& text) {
  constexpr const char* kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=.,/:";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace

void add_common_options(OptionTable& table, CommonOptions& options, const std::string& program_name) {
  options.out = "results/" + program_name;
  const char* data = std::getenv("BRENIER_DATA");
  options.data = data && *data ? data : "data";
  options.threads = device_info().cores;
  table.text("out", options.out, "folder for the results", OnResume::MayDiffer);
  table.entries().back().argument = "DIR";
  table.integer("seed", options.seed, {}, "all random numbers follow from it");
  table.add(device_option(options.device));
  table.integer("threads", options.threads, {.min = 1, .max = 4096},
                "threads to use; the results are the same for every number");
  may_differ(table);
  table.choice("precision", options.precision, {{"f64", DType::Float64}, {"f32", DType::Float32}},
               "floating-point type of all tensors");
  table.text("data", options.data, "folder with data sets; the default is $BRENIER_DATA if set", OnResume::MayDiffer);
  table.entries().back().argument = "DIR";
  table.flag("quick", options.quick, "a smaller version of everything, under a minute on two cores");
  table.number("time-budget", options.time_budget, {.min = 0, .max = kMaxTimeBudget}, "");
  table.entries().back().help = "training stops after X seconds and the results so far are reported [none]";
  may_differ(table);
  table.flag("resume", options.resume, "continue the unfinished run in --out, with its options", OnResume::MayDiffer);
  table.flag("quiet", options.quiet, "print nothing but errors", OnResume::MayDiffer);
}

Row config_of(const OptionTable& table) {
  Row config;
  for (const OptionTable::Entry& entry : table.entries()) config.set(entry.name, entry.write());
  return config;
}

Row checkpoint_config_of(const OptionTable& table) {
  Row config;
  for (const OptionTable::Entry& entry : table.entries()) {
    if (entry.on_resume == OnResume::MustMatch) config.set(entry.name, entry.write());
  }
  return config;
}

void adopt_config(OptionTable& table, const Row& checkpoint_config, const std::string& where) {
  const Value* quick = checkpoint_config.find("quick");
  if (quick && quick->as_bool() && *quick->as_bool()) table.use_quick_defaults();
  for (OptionTable::Entry& entry : table.entries()) {
    if (entry.on_resume == OnResume::MayDiffer) continue;
    const Value* stored = checkpoint_config.find(entry.name);
    if (!stored) throw InputError(str(where, " was made by a version of this program without --", entry.name));
    if (same(*stored, entry.write())) continue;
    if (entry.given)
      throw InputError(str("--", entry.name, ": '", typed(entry.write()), "' differs from '", typed(*stored),
                           "', with which ", where, " was made"));
    entry.read(typed(*stored));
  }
}

std::string command_of(const OptionTable& table, const std::string& program_name) {
  std::string command = "./run experiment " + program_name;
  const char* separator = " -- ";
  for (const OptionTable::Entry& entry : table.entries()) {
    if (entry.on_resume == OnResume::MayDiffer || same(entry.initial, entry.write())) continue;
    command += separator + ("--" + entry.name);
    if (!entry.argument.empty()) command += " " + shell_quoted(typed(entry.write()));
    separator = " ";
  }
  return command;
}

}  // namespace brenier::experiments
