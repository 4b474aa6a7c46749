// Reading a results folder for the report.
#include <algorithm>
#include <system_error>

#include "engine/str.h"
#include "experiments/support/input_error.h"
#include "experiments/support/report_page.h"

namespace brenier::experiments {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t kMaxFile = std::uint64_t{1} << 28;  // of metrics and pictures, bytes

std::vector<Path> folders_with_metrics(const Path& results) {
  std::vector<Path> folders;
  if (fs::exists(results / "metrics.json")) folders.push_back(results);
  constexpr auto kOptions = fs::directory_options::skip_permission_denied;
  for (auto entry = fs::recursive_directory_iterator(results, kOptions); entry != fs::recursive_directory_iterator();
       ++entry) {
    if (!entry->is_directory()) continue;
    const Path name = entry->path().filename();
    if (name == "unfinished" || name == "previous") {
      entry.disable_recursion_pending();
    } else if (fs::exists(entry->path() / "metrics.json")) {
      folders.push_back(entry->path());
    }
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

// Pictures are what lies in figures/, so a file list cannot point elsewhere.
std::vector<ReportPicture> pictures_in(const Path& folder) {
  std::vector<Path> paths;
  std::error_code none;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder / "figures", none)) {
    if (entry.path().extension() == ".png") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<ReportPicture> pictures;
  for (const Path& path : paths) pictures.push_back({path.stem().string(), read_file(path, kMaxFile)});
  return pictures;
}

ReportEntry read_run(const Path& folder, const Path& results) {
  const Path path = folder / "metrics.json";
  const Value metrics = parse_json(read_file(path, kMaxFile), path.string());
  const Value* experiment = metrics.as_row() ? metrics.as_row()->find("experiment") : nullptr;
  if (!experiment || !experiment->as_string()) throw InputError(str(path.string(), ": not written by an experiment"));
  return {folder.lexically_relative(results).string(), *metrics.as_row(), pictures_in(folder)};
}

}  // namespace

std::vector<ReportEntry> collect_runs(const Path& results, std::vector<std::string>& complaints) {
  if (!fs::is_directory(results)) throw InputError(str(results.string(), ": no such folder"));
  std::vector<ReportEntry> entries;
  for (const Path& folder : folders_with_metrics(results)) {
    try {
      entries.push_back(read_run(folder, results));
    } catch (const InputError& error) {
      complaints.push_back(error.what());
    }
  }
  return entries;
}

}  // namespace brenier::experiments
