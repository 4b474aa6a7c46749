// One HTML page from finished runs: claim, published figures, our rows, pictures, and the command behind each.
//
// The page is one file: style and pictures are inside, nothing is loaded from anywhere. All text from outside is
// escaped.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "experiments/support/file_io.h"
#include "experiments/support/json.h"

namespace brenier::experiments {

struct ReportPicture {
  std::string name;  // shown below, and for readers that cannot see it
  std::string png;   // bytes
};

struct ReportEntry {
  std::string folder;  // where the run lies, relative to the results folder
  Row metrics;         // its metrics.json
  std::vector<ReportPicture> pictures;
};

// All runs below `results`, ordered by folder; "unfinished" and "previous" are not searched. For each file that cannot
// be read a sentence is added to `complaints`, and the rest is read.
std::vector<ReportEntry> collect_runs(const Path& results, std::vector<std::string>& complaints);

std::string report_page(const std::vector<ReportEntry>& entries);

std::string base64(std::string_view bytes);
std::string html_escaped(const std::string& text);

}  // namespace brenier::experiments
