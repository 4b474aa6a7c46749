// Options, body, exit code. Nothing below this function ends the process.
#include "experiments/support/program.h"

#include <iostream>
#include <new>
#include <stdexcept>

#include "engine/str.h"

namespace brenier::experiments {
namespace {

constexpr const char* kHelpFooter =
    R"(Files in --out: metrics.json (results beside the published figures), log.jsonl (one line per logged step),
figures/ (pictures with their data and scripts), model.safetensors (models and the state of training).
A run in progress works in --out/unfinished, from which --resume continues it; a finished run that was there
before is kept in --out/previous. Ctrl-C saves and ends; a second Ctrl-C ends at once.
Exit codes: 0 success, 1 failure, 2 bad input, 130 interrupted.
)";

}  // namespace

int run_program(int argc, char** argv, const Experiment& experiment, const AddOptions& add_options, const Body& body) {
  return run_program(std::vector<std::string>(argv + 1, argv + argc), experiment, add_options, body, std::cout,
                     std::cerr);
}

int run_program(const std::vector<std::string>& arguments, const Experiment& experiment, const AddOptions& add_options,
                const Body& body, std::ostream& out, std::ostream& err) {
  const auto failed = [&](int code, const std::string& sentence) {
    err << experiment.name << ": " << sentence << std::endl;
    return code;
  };
  try {
    const InterruptGuard guard;
    OptionTable table;
    CommonOptions options;
    add_common_options(table, options, experiment.name);
    add_options(table);
    if (parse_options(table, arguments) == ParseOutcome::Help) {
      out << help_text(table, experiment.name, experiment.description) << kHelpFooter;
      return 0;
    }
    Run run(experiment, table, options, out, err);
    if (run.already_finished_) {
      run.print(str(run.directory_.metrics().string(), " is finished, nothing to resume"));
      return 0;
    }
    body(run);
    run.finish();
    return 0;
  } catch (const Interrupted& interrupted) {
    return failed(interrupted.exit_code(), interrupted.what());
  } catch (const std::length_error&) {
    return failed(2, "the sizes asked for do not fit into memory");
  } catch (const std::bad_alloc&) {
    return failed(2, "the sizes asked for do not fit into memory");
  } catch (const std::invalid_argument& error) {  // InputError is one
    return failed(2, error.what());
  } catch (const std::exception& error) {
    return failed(1, error.what());
  }
}

}  // namespace brenier::experiments
