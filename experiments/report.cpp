// Turns a results folder into one page: report [--results DIR] [--page FILE].
//
// Every folder below DIR with a metrics.json becomes a section: the claim, the published figures, our rows, pictures,
// and the command to reproduce them. Next: experiments/support/report_page.cpp.
#include <exception>
#include <iostream>

#include "experiments/support/input_error.h"
#include "experiments/support/options.h"
#include "experiments/support/report_page.h"

namespace brenier::experiments {
namespace {

constexpr const char* kDescription = "Makes one self-contained HTML page of all finished runs in a results folder.";

int make_report(const std::vector<std::string>& arguments) {
  std::string results = "results", page;
  OptionTable table;
  table.text("results", results, "folder with the results of experiments");
  table.text("page", page, "file to write; by default report.html in that folder");
  if (parse_options(table, arguments) == ParseOutcome::Help) {
    std::cout << help_text(table, "report", kDescription);
    return 0;
  }
  std::vector<std::string> complaints;
  const std::vector<ReportEntry> entries = collect_runs(results, complaints);
  for (const std::string& complaint : complaints) std::cerr << "report: left out " << complaint << '\n';
  if (entries.empty()) throw InputError(results + ": holds no finished run; run an experiment first");
  const Path target = page.empty() ? Path(results) / "report.html" : Path(page);
  write_file(target, report_page(entries));
  std::cout << "Report of " << entries.size() << (entries.size() == 1 ? " run" : " runs") << ": " << target.string()
            << '\n';
  return 0;
}

}  // namespace
}  // namespace brenier::experiments

int main(int argc, char** argv) {
  try {
    return brenier::experiments::make_report({argv + 1, argv + argc});
  } catch (const brenier::experiments::InputError& error) {
    std::cerr << "report: " << error.what() << '\n';
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "report: " << error.what() << '\n';
    return 1;
  }
}
