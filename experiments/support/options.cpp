// The table is parsed by CLI11, which sees every option as text; ranges, words and their sentences are ours.
#include "experiments/support/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <stdexcept>

#include "engine/str.h"
#include "experiments/support/file_io.h"
#include "experiments/support/input_error.h"

namespace brenier::experiments {
namespace {

[[noreturn]] void reject(const std::string& name, const std::string& text, const std::string& reason) {
  throw InputError(str("--", name, ": '", text, "' ", reason));
}

template <class T>
T number_from(const std::string& name, const std::string& text, const char* kind) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) reject(name, text, str("is not ", kind));
  return value;
}

template <class Range>
std::string range_text(const Range& range) {
  using Number = decltype(range.min);
  const bool above = range.max < std::numeric_limits<Number>::max();
  return above ? str("from ", range.min, " to ", range.max) : str("at least ", range.min);
}

template <class Range, class Number>
void check_range(const std::string& name, const std::string& text, const Range& range, Number value) {
  if (!(value >= range.min && value <= range.max))
    reject(name, text, str("is out of range; allowed is ", range_text(range)));
}

std::int64_t integer_from(const std::string& name, const std::string& text, const IntegerRange& range) {
  const auto value = number_from<std::int64_t>(name, text, "a whole number");
  check_range(name, text, range, value);
  return value;
}

template <class T>
std::string quick_text(const std::optional<T>& quick) {
  return quick ? str("; ", *quick, " with --quick") : "";
}

std::string joined(const std::vector<std::string>& words, const char* separator) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : separator) + word;
  return text;
}

std::string list_text(const std::vector<std::int64_t>& values) {
  std::vector<std::string> words;
  for (const std::int64_t value : values) words.push_back(std::to_string(value));
  return joined(words, ",");
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == ',')
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

// The number of single-character edits between two words.
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

[[noreturn]] void reject_unknown(const OptionTable& table, const std::string& argument) {
  if (!argument.starts_with("--")) throw InputError(str("unexpected argument '", argument, "'; options begin with --"));
  const std::string name = argument.substr(2, argument.find('=') - 2);
  std::string hint = "see --help";
  std::size_t nearest = 3;  // more than two typing errors are another word
  for (const OptionTable::Entry& entry : table.entries()) {
    const std::size_t distance = edit_distance(name, entry.name);
    if (distance < nearest) {
      nearest = distance;
      hint = str("did you mean --", entry.name, "?");
    }
  }
  throw InputError(str("unknown option '--", name, "'; ", hint));
}

// Texts found on the command line, by option; several if an option was repeated.
using Found = std::map<std::string, std::vector<std::string>>;

void declare(CLI::App& app, const OptionTable& table, Found& found) {
  for (const OptionTable::Entry& entry : table.entries()) {
    const std::string name = entry.name;
    if (entry.argument.empty()) {
      app.add_flag_callback(
          "--" + name, [&found, name] { found[name].push_back("true"); }, entry.help);
    } else {
      app.add_option("--" + name, found[name], entry.help)
          ->type_name(entry.argument)
          ->expected(1)
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    }
  }
}

// CLI11 would accept --quick=3 and drop the value.
void reject_flag_values(const OptionTable& table, const std::vector<std::string>& arguments) {
  for (const OptionTable::Entry& entry : table.entries()) {
    for (const std::string& argument : arguments) {
      if (entry.argument.empty() && argument.starts_with("--" + entry.name + "="))
        throw InputError(str("--", entry.name, " takes no value"));
    }
  }
}

void read_entry(OptionTable::Entry& entry, const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  if (texts.size() > 1 && !entry.argument.empty()) throw InputError(str("--", entry.name, " is given twice"));
  entry.read(texts.front());
  entry.given = true;
}

}  // namespace

void OptionTable::add(Entry entry) {
  for (const Entry& other : entries_) {
    if (other.name == entry.name) throw std::invalid_argument(str("[OptionTable] two options named --", entry.name));
  }
  entry.initial = entry.write();
  entries_.push_back(std::move(entry));
}

void OptionTable::use_quick_defaults() {
  for (Entry& entry : entries_) {
    if (!entry.use_quick || entry.given) continue;
    entry.use_quick();
    entry.initial = entry.write();
  }
}

void OptionTable::integer(std::string name, std::int64_t& value, IntegerRange range, std::string help) {
  help += str(" [", value, quick_text(range.quick), "; ", range_text(range), "]");
  add({.name = name,
       .help = std::move(help),
       .argument = "N",
       .read = [=, &value](const std::string& text) { value = integer_from(name, text, range); },
       .write = [&value] { return Value(value); },
       .use_quick = [=, &value] { value = range.quick.value_or(value); }});
}

void OptionTable::number(std::string name, double& value, NumberRange range, std::string help) {
  help += str(" [", value, quick_text(range.quick), "; ", range_text(range), "]");
  const auto read = [=, &value](const std::string& text) {
    const auto number = number_from<double>(name, text, "a number");
    check_range(name, text, range, number);
    value = number;
  };
  add({.name = name,
       .help = std::move(help),
       .argument = "X",
       .read = read,
       .write = [&value] { return Value(value); },
       .use_quick = [=, &value] { value = range.quick.value_or(value); }});
}

void OptionTable::integers(std::string name, std::vector<std::int64_t>& value, IntegerRange range, std::string help) {
  constexpr std::size_t kMaxEntries = 64;
  help += str(" [", list_text(value), "; each ", range_text(range), "]");
  const auto read = [=, &value](const std::string& text) {
    std::vector<std::int64_t> list;
    for (const std::string& part : split(text)) list.push_back(integer_from(name, part, range));
    if (list.size() > kMaxEntries) reject(name, text, str("has more than ", kMaxEntries, " entries"));
    value = list;
  };
  // Written as the text that is typed, so that a checkpoint's value can be read back.
  add({.name = name, .help = std::move(help), .argument = "N,N,...", .read = read, .write = [&value] {
         return Value(list_text(value));
       }});
}

void OptionTable::text(std::string name, std::string& value, std::string help, OnResume on_resume) {
  if (!value.empty()) help += str(" [", value, "]");
  add({.name = std::move(name),
       .help = std::move(help),
       .argument = "TEXT",
       .on_resume = on_resume,
       .read = [&value](const std::string& text) { value = text; },
       .write = [&value] { return Value(value); }});
}

void OptionTable::file(std::string name, std::string& value, std::string help) {
  const auto read = [name, &value](const std::string& text) {
    std::error_code error;
    if (!std::filesystem::exists(text, error)) throw InputError(str("--", name, ": ", text, ": no such file"));
    value = text;
  };
  add({.name = name, .help = std::move(help), .argument = "FILE", .read = read, .write = [&value] {
         return Value(value);
       }});
}

void OptionTable::flag(std::string name, bool& value, std::string help, OnResume on_resume) {
  add({.name = std::move(name),
       .help = std::move(help),
       .argument = "",
       .on_resume = on_resume,
       .read = [&value](const std::string& text) { value = text == "true"; },
       .write = [&value] { return Value(value); }});
}

void OptionTable::add_choice(std::string name, std::vector<std::string> words, std::function<std::size_t()> get,
                             std::function<void(std::size_t)> set, std::string help) {
  help += str(" [", words.at(get()), "]");
  const auto read = [=](const std::string& text) {
    const auto found = std::find(words.begin(), words.end(), text);
    if (found == words.end()) reject(name, text, str("is not one of ", joined(words, ", ")));
    set(static_cast<std::size_t>(found - words.begin()));
  };
  add({.name = name, .help = std::move(help), .argument = joined(words, "|"), .read = read, .write = [=] {
         return Value(words.at(get()));
       }});
}

ParseOutcome parse_options(OptionTable& table, const std::vector<std::string>& arguments) {
  reject_flag_values(table, arguments);
  CLI::App app;
  app.allow_extras();
  Found found;
  declare(app, table, found);
  try {
    // CLI11 wants them in reverse order.
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    return ParseOutcome::Help;
  } catch (const CLI::ArgumentMismatch& error) {
    const std::string message = error.what();  // begins with "--name:"
    throw InputError(message.substr(0, message.find(':')) + " needs a value");
  } catch (const CLI::ParseError& error) {
    throw InputError(error.what());
  }
  if (!app.remaining().empty()) reject_unknown(table, app.remaining().front());
  if (!found["quick"].empty()) table.use_quick_defaults();
  for (OptionTable::Entry& entry : table.entries()) read_entry(entry, found[entry.name]);
  return ParseOutcome::Run;
}

std::string help_text(const OptionTable& table, const std::string& program_name, const std::string& description) {
  CLI::App app(description, program_name);
  app.get_formatter()->column_width(34);
  Found found;
  declare(app, table, found);
  return app.help();
}

}  // namespace brenier::experiments
