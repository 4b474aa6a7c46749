// One pass over the lines. The first line with content decides the separator: the first of comma, semicolon, tab it
// contains, else blanks. Numbers are read independently of the locale.
#include "experiments/support/csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <stdexcept>

#include "engine/str.h"
#include "experiments/support/input_error.h"

namespace brenier::experiments {
namespace {

constexpr std::size_t kShownText = 40;  // of a bad cell, in messages

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// Takes the text up to the separator off `rest`; the separator too.
std::string_view take(std::string_view& rest, char separator) {
  const std::size_t end = rest.find(separator);
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return part;
}

char separator_of(std::string_view line) {
  for (const char separator : {',', ';', '\t'}) {
    if (line.find(separator) != std::string_view::npos) return separator;
  }
  return ' ';
}

std::vector<std::string_view> cells_of(std::string_view line, char separator) {
  std::vector<std::string_view> cells;
  if (separator != ' ') {
    // A separator at the very end closes the last cell; a missing last number is found by the column count.
    for (bool more = true; more;) {
      more = line.find(separator) != std::string_view::npos;
      cells.push_back(trimmed(take(line, separator)));
    }
    return cells;
  }
  for (line = trimmed(line); !line.empty(); line = trimmed(line)) cells.push_back(trimmed(take(line, ' ')));
  return cells;
}

bool is_number(std::string_view cell, double& value) {
  if (cell.starts_with('+')) cell.remove_prefix(1);
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error == std::errc::result_out_of_range && end == cell.data() + cell.size()) {
    // Too small for a double is 0 to within rounding; too large is an infinity, which the caller refuses.
    value = std::strtod(std::string(cell).c_str(), nullptr);
    return true;
  }
  return error == std::errc() && end == cell.data() + cell.size();
}

class Table {
 public:
  explicit Table(const std::string& source) : source_(source) {}

  void add_line(std::string_view line, std::size_t number) {
    if (separator_ == '\0') separator_ = separator_of(line);
    const std::vector<std::string_view> cells = cells_of(line, separator_);
    if (columns_ == 0) {
      columns_ = cells.size();
      if (is_header(cells)) return;
    }
    if (cells.size() != columns_)
      fail(number, str(cells.size(), cells.size() == 1 ? " column" : " columns", ", the lines before have ", columns_));
    for (const std::string_view cell : cells) values_.push_back(number_of(cell, number));
  }

  Tensor finish() const {
    if (values_.empty()) throw InputError(str(source_, ": contains no numbers"));
    const auto columns = static_cast<std::int64_t>(columns_);
    return tensor(std::span<const double>(values_), {static_cast<std::int64_t>(values_.size()) / columns, columns});
  }

 private:
  // A first line with text and without any number is a header; one bad cell among numbers is a mistake.
  static bool is_header(const std::vector<std::string_view>& cells) {
    double ignored = 0;
    const auto number = [&](std::string_view cell) { return is_number(cell, ignored); };
    const auto text = [](std::string_view cell) { return !cell.empty(); };
    return std::any_of(cells.begin(), cells.end(), text) && std::none_of(cells.begin(), cells.end(), number);
  }

  double number_of(std::string_view cell, std::size_t line) const {
    double value = 0;
    if (cell.empty()) fail(line, "an empty cell where a number is needed");
    if (!is_number(cell, value)) fail(line, str("'", cell.substr(0, kShownText), "' is not a number"));
    if (!std::isfinite(value)) fail(line, str("'", cell.substr(0, kShownText), "' is not a finite number"));
    return value;
  }

  [[noreturn]] void fail(std::size_t line, const std::string& message) const {
    throw InputError(str(source_, ":", line, ": ", message));
  }

  const std::string& source_;
  char separator_ = '\0';
  std::size_t columns_ = 0;
  std::vector<double> values_;
};

void append_number(std::string& text, double value) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  text.append(buffer, end);
}

}  // namespace

Tensor from_csv(std::string_view text, const std::string& source) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  Table table(source);
  std::size_t empty_line = 0;  // allowed only if nothing follows
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = take(text, '\n');
    const std::string_view content = trimmed(line);
    if (content.starts_with('#')) continue;
    if (content.empty()) {
      if (empty_line == 0) empty_line = number;
      continue;
    }
    if (empty_line != 0) throw InputError(str(source, ":", empty_line, ": an empty line among the numbers"));
    table.add_line(line, number);
  }
  return table.finish();
}

Tensor read_csv(const Path& path) { return from_csv(read_file(path), path.string()); }

std::string to_csv(const Tensor& values, const std::vector<std::string>& header, char separator) {
  if (values.rank() != 1 && values.rank() != 2)
    throw std::invalid_argument(str("[to_csv] needs a vector or a matrix, got ", values.shape()));
  const auto columns = static_cast<std::size_t>(values.rank() == 2 ? values.dim(1) : 1);
  std::string text;
  for (std::size_t i = 0; i < header.size(); ++i) text += header[i] + (i + 1 < header.size() ? separator : '\n');
  const std::vector<double> numbers = values.to_vector<double>();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    append_number(text, numbers[i]);
    text += (i + 1) % columns == 0 ? '\n' : separator;
  }
  return text;
}

void write_csv(const Path& path, const Tensor& values, const std::vector<std::string>& header) {
  write_file(path, to_csv(values, header, path.extension() == ".tsv" ? '\t' : ','));
}

}  // namespace brenier::experiments
