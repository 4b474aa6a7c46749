// Tables of numbers as text: columns separated by commas, semicolons, tabs or spaces; one optional header line; LF or
// CRLF; empty lines at the end and lines that start with # are ignored.
//
// Errors are InputError "points.csv:17: 'abc' is not a number". NaN and infinities are refused.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/tensor.h"
#include "experiments/support/file_io.h"

namespace brenier::experiments {

// [rows, columns], float64.
Tensor from_csv(std::string_view text, const std::string& source);
Tensor read_csv(const Path& path);

// Numbers with the fewest digits that read back to the same value; a header line if names are given.
std::string to_csv(const Tensor& values, const std::vector<std::string>& header = {}, char separator = ',');
// Separated by tabs if the name ends in .tsv; atomic.
void write_csv(const Path& path, const Tensor& values, const std::vector<std::string>& header = {});

}  // namespace brenier::experiments
