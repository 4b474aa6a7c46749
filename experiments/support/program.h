// An experiment is a description, its own options, and a body. run_program does the rest: command line, results folder,
// checkpoints and --resume, Ctrl-C, progress, log, metrics, figures, error sentences and exit codes.
//
//   #include "engine/brenier.h"
//   #include "experiments/support/program.h"
//   #include "solvers/adam.h"
//
//   using namespace brenier;
//
//   int main(int argc, char** argv) {
//     std::int64_t steps = 2000;
//     return experiments::run_program(
//         argc, argv,
//         {.name = "fit_parabola",
//          .claim = "A one-unit model learns a parabola.",
//          .source = "Example, section 1",
//          .description = "Fits a number to another."},
//         [&](experiments::OptionTable& options) {
//           options.integer("steps", steps, {.min = 1, .max = 1'000'000, .quick = 100}, "training steps");
//         },
//         [&](experiments::Run& run) {
//           Tensor w = tensor(0.0, run.dtype());
//           std::int64_t step = 0;
//           experiments::Stage stage = run.stage("parabola", steps, [&](experiments::Archive& archive) {
//             archive("w", w);
//             archive("step", step);
//           });
//           for (; stage.keep_going(step); ++step) {
//             Tape tape;
//             Tensor watched = tape.watch(w);
//             Tensor loss = square(watched - 3.0);
//             w = w - 0.01 * grad(loss, watched).detached();
//             if (step % 10 == 0) stage.log(step, {{"loss", loss.item()}});
//           }
//           run.add_result({{"w", w.item()}, {"seconds", stage.seconds()}});
//           run.add_paper({{"w", 3.0}});
//         });
//   }
//
// Exit codes: 0 success, 1 failure, 2 bad input (one sentence on stderr, nothing written), 128 + signal when
// interrupted (130 for Ctrl-C; the state is saved).
#pragma once

#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include "experiments/support/checkpoint.h"
#include "experiments/support/figure.h"
#include "experiments/support/input_error.h"
#include "experiments/support/interrupt.h"
#include "experiments/support/json.h"
#include "experiments/support/options.h"
#include "experiments/support/progress.h"
#include "experiments/support/run_directory.h"

namespace brenier::experiments {

struct Experiment {
  std::string name = {};                  // of the binary; results go to results/NAME by default
  std::string claim = {};                 // what the paper says, in one or two sentences
  std::string source = {};                // paper and section
  std::string description = {};           // for --help: what the program does and which files it writes
  std::vector<std::string> columns = {};  // of the table printed at the end; all if empty
};

class Stage;

class Run {
 public:
  const CommonOptions& options() const { return options_; }
  DType dtype() const { return options_.precision; }
  std::uint64_t seed() const { return static_cast<std::uint64_t>(options_.seed); }
  bool quick() const { return options_.quick; }

  // Announces how many stages there will be: progress then shows "3/40", and a time budget is shared equally among
  // the stages that are left. Without it each stage may use all the time that is left.
  void plan_stages(int count) { planned_stages_ = count; }

  // A piece of training with its own state. If the run is resumed and the checkpoint has a state for this name, `state`
  // is restored here: a finished stage then has step == steps and its loop does not run again.
  // Everything `state` refers to must outlive the stage. `name` becomes the prefix "name/" of its tensors, so names
  // must differ, and "a" excludes "a/b". The empty name, for a program with one stage, means no prefix.
  Stage stage(const std::string& name, std::int64_t steps, State state);

  void add_result(Row row) { results_.push_back(std::move(row)); }
  void add_paper(Row row) { paper_.push_back(std::move(row)); }
  const std::vector<Row>& results() const { return results_; }

  // The path for a file of this run, in the results folder: write_npy(run.file("predictions.npy"), values).
  Path file(const std::string& name) { return directory_.file(name); }
  // Text for whoever opens model.safetensors: sizes, names. Must not depend on time or machine.
  void set_metadata(const std::string& key, const std::string& text) { checkpoint_.metadata[key] = text; }
  // Into figures/; if gnuplot is missing, one sentence is printed.
  void draw(const HeatMaps& figure);
  void draw(const Panels& figure);
  void draw(const LinePlot& figure);
  void draw(const PictureSheet& figure);
  // A line on standard output unless --quiet.
  void print(const std::string& line);
  // For long evaluations between stages: throws Interrupted if Ctrl-C has been pressed, after saving.
  void poll_interrupt();

 private:
  friend class Stage;
  friend int run_program(const std::vector<std::string>&, const Experiment&, const std::function<void(OptionTable&)>&,
                         const std::function<void(Run&)>&, std::ostream&, std::ostream&);
  Run(const Experiment& experiment, OptionTable& table, const CommonOptions& options, std::ostream& out,
      std::ostream& err);
  void restore(const Row& config, const std::string& where);
  void save_checkpoint();
  void finish();
  double seconds() const;
  Row metrics() const;
  template <class Figure>
  void draw_into_folder(const Figure& figure);

  const Experiment& experiment_;
  OptionTable& table_;
  const CommonOptions& options_;
  std::ostream& out_;
  RunDirectory directory_;
  Progress progress_;
  TensorFile checkpoint_;  // the states of all stages so far
  Stage* active_ = nullptr;
  std::vector<std::string> stage_names_;
  int planned_stages_ = 0;
  bool stopped_early_ = false;
  bool already_finished_ = false;  // --resume of a run that has nothing left to do
  double save_interval_ = 0;       // seconds
  double seconds_before_ = 0;      // of earlier processes of this run
  Progress::Clock::time_point start_ = Progress::Clock::now(), last_save_{};
  std::vector<Row> results_, paper_;
};

class Stage {
 public:
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  // Whether to do the step number `step` (counting from 0, so `step` steps are done). A consistent point: the state is
  // saved here every few seconds, and Ctrl-C leaves here by throwing Interrupted, after saving. False after the last
  // step or when the time budget is used up.
  bool keep_going(std::int64_t step);

  // One line of log.jsonl: {"stage", "step", …, "seconds"}. Steps must increase; a line for a step that has been logged
  // before is dropped, so that a resumed run logs nothing twice. The first number is shown as progress.
  void log(std::int64_t step, const Row& row);

  // Seconds of this stage so far, over all interruptions.
  double seconds() const;

 private:
  friend class Run;
  Stage(Run& run, std::string name, std::int64_t steps, State state);
  void save();
  std::string prefix() const { return name_.empty() ? "" : name_ + "/"; }
  void restore(const std::string& record);

  Run& run_;
  std::string name_;
  std::int64_t steps_;
  State state_;
  std::int64_t last_logged_ = -1;
  std::string note_;
  double seconds_before_ = 0;
  double share_ = 0;  // seconds this stage may use
  Progress::Clock::time_point start_;
  int exceptions_;  // in flight when the stage began
  bool progress_begun_ = false;
};

using AddOptions = std::function<void(OptionTable&)>;
using Body = std::function<void(Run&)>;

int run_program(int argc, char** argv, const Experiment& experiment, const AddOptions& add_options, const Body& body);
// The same with the streams named: what the tests call. `arguments` exclude the program's name.
int run_program(const std::vector<std::string>& arguments, const Experiment& experiment, const AddOptions& add_options,
                const Body& body, std::ostream& out, std::ostream& err);

}  // namespace brenier::experiments
