// Column widths first, then lines; a column whose values are all numbers is aligned to the right.
#include "experiments/support/table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ostream>

namespace brenier::experiments {
namespace {

// Width on screen: continuation bytes of UTF-8 take no column.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

struct Column {
  std::vector<std::string> cells;  // the name first
  bool numeric = true;
  std::size_t width = 0;
};

Column make_column(const std::vector<Row>& rows, const std::string& name) {
  Column column{.cells = {name}};
  for (const Row& row : rows) {
    const Value* value = row.find(name);
    column.cells.push_back(value ? display_text(*value) : "");
    if (value && !value->is_number() && !value->is_null()) column.numeric = false;
  }
  for (const std::string& cell : column.cells) column.width = std::max(column.width, width_of(cell));
  return column;
}

void print_line(std::ostream& out, const std::vector<Column>& columns, std::size_t line) {
  std::string text;
  for (const Column& column : columns) {
    const std::string& cell = column.cells[line];
    const std::string blanks(column.width - width_of(cell), ' ');
    text += (text.empty() ? "" : "  ") + (column.numeric ? blanks + cell : cell + blanks);
  }
  out << text.substr(0, text.find_last_not_of(' ') + 1) << '\n';
}

}  // namespace

std::string display_text(const Value& value) {
  if (value.is_null()) return "-";
  if (const bool* flag = value.as_bool()) return *flag ? "yes" : "no";
  if (const std::int64_t* integer = value.as_integer()) return std::to_string(*integer);
  if (const std::string* text = value.as_string()) return *text;
  if (!value.is_number()) return to_json(value);
  const double number = value.as_double();
  if (!std::isfinite(number)) return "-";
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.4g", number);
  return buffer;
}

std::vector<std::string> column_names(const std::vector<Row>& rows) {
  std::vector<std::string> names;
  for (const Row& row : rows) {
    for (const Field& field : row) {
      if (std::find(names.begin(), names.end(), field.key) == names.end()) names.push_back(field.key);
    }
  }
  return names;
}

void print_table(std::ostream& out, const std::vector<Row>& rows, const std::vector<std::string>& columns) {
  std::vector<Column> laid_out;
  for (const std::string& name : columns.empty() ? column_names(rows) : columns) {
    laid_out.push_back(make_column(rows, name));
  }
  if (laid_out.empty()) return;
  print_line(out, laid_out, 0);
  std::size_t total = 2 * (laid_out.size() - 1);
  for (const Column& column : laid_out) total += column.width;
  out << std::string(total, '-') << '\n';
  for (std::size_t line = 1; line <= rows.size(); ++line) print_line(out, laid_out, line);
}

}  // namespace brenier::experiments
