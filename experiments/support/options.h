// The command line: options common to every program, and a table to which a program adds its own.
//
//   std::int64_t steps = 5000;
//   Kind kind = Kind::Icgn;
//   options.integer("steps", steps, {.min = 1, .max = 1'000'000, .quick = 300}, "training steps for each seed");
//   options.choice("model", kind, {{"icgn", Kind::Icgn}, {"icnn", Kind::Icnn}}, "what is fitted");
//
// The variable's value at the time of the call is the default. Names are given without "--". `quick` is the default
// under --quick. The help text is completed with range and default. Bad values throw InputError with one sentence.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/tensor.h"
#include "experiments/support/json.h"

namespace brenier::experiments {

struct CommonOptions {
  std::string out;                                               // --out; results/NAME
  std::int64_t seed = 0;                                         // --seed, at least 0
  std::int64_t threads = 0;                                      // --threads; all cores
  std::string device = "cpu";                                    // --device cpu|cuda|cuda-on-host
  DType precision = DType::Float64;                              // --precision f32|f64
  std::string data;                                              // --data; $BRENIER_DATA, else "data"
  bool quick = false;                                            // --quick
  double time_budget = std::numeric_limits<double>::infinity();  // --time-budget
  bool resume = false;                                           // --resume
  bool quiet = false;                                            // --quiet
};

struct IntegerRange {
  std::int64_t min = 0;
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
  std::optional<std::int64_t> quick = {};  // the default under --quick
};

struct NumberRange {
  double min = 0;  // both ends are allowed values; NaN never is
  double max = std::numeric_limits<double>::max();
  std::optional<double> quick = {};
};

// How an option takes part in --resume.
enum class OnResume {
  MustMatch,  // it decides the numbers: taken from the checkpoint; giving another value is an error
  MayDiffer   // it does not: where results go, what is printed
};

class OptionTable {
 public:
  void integer(std::string name, std::int64_t& value, IntegerRange range, std::string help);
  void number(std::string name, double& value, NumberRange range, std::string help);
  // A comma-separated list, each entry within the range: --hidden 64,64. At most 64 entries.
  void integers(std::string name, std::vector<std::int64_t>& value, IntegerRange range, std::string help);
  void text(std::string name, std::string& value, std::string help, OnResume on_resume = OnResume::MustMatch);
  // An input file: exists and is readable, or is empty when not given.
  void file(std::string name, std::string& value, std::string help);
  void flag(std::string name, bool& value, std::string help, OnResume on_resume = OnResume::MustMatch);
  // One of several words, each standing for a value.
  template <class T>
  void choice(std::string name, T& value, std::initializer_list<std::pair<const char*, T>> choices, std::string help);

  // Below: for run_program and tests.
  struct Entry {
    std::string name = {};
    std::string help = {};      // complete, with range and default
    std::string argument = {};  // "N", "X", "DIR", …; empty for a flag
    OnResume on_resume = OnResume::MustMatch;
    std::function<void(const std::string&)> read = {};  // from text; throws InputError
    std::function<Value()> write = {};                  // the resolved value
    std::function<void()> use_quick = {};               // sets the default under --quick
    bool given = false;                                 // on the command line
    Value initial = {};                                 // the default, or the default under --quick
  };
  // Throws std::invalid_argument if two options have the same name.
  void add(Entry entry);
  void use_quick_defaults();
  std::vector<Entry>& entries() { return entries_; }
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  void add_choice(std::string name, std::vector<std::string> words, std::function<std::size_t()> get,
                  std::function<void(std::size_t)> set, std::string help);
  std::vector<Entry> entries_;
};

void add_common_options(OptionTable& table, CommonOptions& options, const std::string& program_name);

enum class ParseOutcome { Run, Help };
// Fills the variables. Throws InputError with one sentence for anything that does not fit. `arguments` exclude the
// program's name. After Help nothing but the help text should be printed.
ParseOutcome parse_options(OptionTable& table, const std::vector<std::string>& arguments);
std::string help_text(const OptionTable& table, const std::string& program_name, const std::string& description);

// All options by name, resolved.
Row config_of(const OptionTable& table);
// The part of it that decides the numbers: what a checkpoint remembers.
Row checkpoint_config_of(const OptionTable& table);
// The shortest command line that gives the same numbers: "./run experiment NAME -- --seed 3".
std::string command_of(const OptionTable& table, const std::string& program_name);
// For --resume: options that were not given take the checkpoint's value; throws InputError for one that was given
// differently. `where` names the checkpoint in the message.
void adopt_config(OptionTable& table, const Row& checkpoint_config, const std::string& where);

template <class T>
void OptionTable::choice(std::string name, T& value, std::initializer_list<std::pair<const char*, T>> choices,
                         std::string help) {
  std::vector<std::string> words;
  std::vector<T> values;
  for (const auto& [word, meaning] : choices) {
    words.emplace_back(word);
    values.push_back(meaning);
  }
  auto get = [&value, values] {
    std::size_t i = 0;
    while (i + 1 < values.size() && !(values[i] == value)) ++i;
    return i;
  };
  add_choice(
      std::move(name), std::move(words), get, [&value, values](std::size_t i) { value = values[i]; }, std::move(help));
}

}  // namespace brenier::experiments
