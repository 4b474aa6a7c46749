// Rows as an aligned text table for the terminal: numbers to the right, text to the left, four significant digits.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "experiments/support/json.h"

namespace brenier::experiments {

// Columns in the given order, or, if none are given, all keys in order of first appearance. Missing values are blank,
// null is "-".
void print_table(std::ostream& out, const std::vector<Row>& rows, const std::vector<std::string>& columns = {});

// One value as a table shows it: four significant digits, "yes"/"no", nested values as JSON.
std::string display_text(const Value& value);

// The keys of all rows in order of first appearance.
std::vector<std::string> column_names(const std::vector<Row>& rows);

}  // namespace brenier::experiments
