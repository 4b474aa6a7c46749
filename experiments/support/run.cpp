// Run and Stage: what happens around a training loop. The checkpoint in memory holds the states of all stages so far;
// saving it means bringing the open stage up to date and writing one file.
//
// What depends on time or on the history of interruptions is kept in metadata that begins with "unfinished." and is
// dropped from the file of a finished run, which therefore depends on the configuration alone.
#include <algorithm>
#include <ctime>
#include <exception>
#include <ostream>
#include <stdexcept>

#include "engine/backend.h"
#include "engine/str.h"
#include "experiments/support/device_info.h"
#include "experiments/support/program.h"
#include "experiments/support/table.h"

namespace brenier::experiments {
namespace {

constexpr double kSaveInterval = 5;            // seconds between checkpoints, or
constexpr double kSaveIntervalPerSecond = 50;  // so many times what saving takes, if that is longer: 2 % of the time
constexpr const char* kVolatile = "unfinished.";

std::string now_utc() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char buffer[32];
  std::strftime(buffer, sizeof buffer, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return buffer;
}

Row row_from(const std::string& json, const std::string& source) {
  const Value value = parse_json(json, source);
  return value.as_row() ? *value.as_row() : Row{};
}

double number_in(const Row& row, const char* key, double otherwise) {
  const Value* value = row.find(key);
  return value && value->is_number() ? value->as_double() : otherwise;
}

std::string stage_key(const std::string& name) { return kVolatile + ("stage." + name); }
const std::string kRunKey = std::string(kVolatile) + "run";

}  // namespace

Run::Run(const Experiment& experiment, OptionTable& table, const CommonOptions& options, std::ostream& out,
         std::ostream& err)
    : experiment_(experiment),
      table_(table),
      options_(options),
      out_(out),
      directory_(options.out, experiment.name),
      progress_(err, progress_style(options.quiet)) {
  set_threads(static_cast<int>(options.threads));
  set_default_backend(backend_named(options.device));
  const bool unfinished = directory_.has_unfinished_run();
  if (unfinished && !options.resume)
    throw InputError(str(directory_.unfinished().string(),
                         " holds an unfinished run; continue it with --resume, or remove that folder to start again"));
  if (unfinished) {
    const std::string source = directory_.checkpoint().string();
    checkpoint_ = load_safetensors(source);
    if (checkpoint_.metadata["experiment"] != experiment.name)
      throw InputError(str(source, " is not a checkpoint of ", experiment.name));
    restore(row_from(checkpoint_.metadata["config"], source), source);
    if (default_backend().name != options.device) {
      set_default_backend(backend_named(options.device));
      checkpoint_ = load_safetensors(source);
    }
  } else if (options.resume && directory_.has_finished_run()) {
    const std::string source = directory_.metrics().string();
    const Row metrics = row_from(read_file(source), source);
    const Value* config = metrics.find("config");
    restore(config && config->as_row() ? *config->as_row() : Row{}, source);
    already_finished_ = true;
  } else if (options.resume && !options.quiet) {
    err << experiment.name << ": nothing to resume in " << options.out << ", starting from the beginning\n";
  }
  checkpoint_.metadata["experiment"] = experiment.name;
  checkpoint_.metadata["config"] = to_json(checkpoint_config_of(table));
}

void Run::restore(const Row& config, const std::string& where) {
  adopt_config(table_, config, where);
  const auto record = checkpoint_.metadata.find(kRunKey);
  if (record != checkpoint_.metadata.end()) seconds_before_ = number_in(row_from(record->second, where), "seconds", 0);
}

double Run::seconds() const { return seconds_before_ + seconds_since(start_); }

void Run::save_checkpoint() {
  const auto start = Progress::Clock::now();
  if (active_) active_->save();
  checkpoint_.metadata[kRunKey] = to_json(Row{{"seconds", seconds()}, {"log_lines", directory_.log_lines()}});
  save_safetensors(directory_.file("model.safetensors"), checkpoint_);
  last_save_ = Progress::Clock::now();
  save_interval_ = std::max(kSaveInterval, kSaveIntervalPerSecond * seconds_since(start));
}

void Run::poll_interrupt() {
  const int signal = pending_interrupt();
  if (signal == 0) return;
  if (stage_names_.empty()) throw Interrupted(signal, "interrupted before there was anything to save");
  save_checkpoint();
  throw Interrupted(signal, str("interrupted; the state is saved in ", directory_.unfinished().string(),
                                ", --resume continues from it"));
}

void Run::print(const std::string& line) {
  if (options_.quiet) return;
  progress_.finish();
  out_ << line << std::endl;
}

template <class Figure>
void Run::draw_into_folder(const Figure& figure) {
  const DrawnFigure drawn = experiments::draw(figure, directory_.file("figures/" + figure.name + ".png").parent_path());
  for (const Path& path : drawn.files) directory_.file("figures/" + path.filename().string());
  if (!drawn.note.empty()) print(drawn.note);
}

void Run::draw(const HeatMaps& figure) { draw_into_folder(figure); }
void Run::draw(const Panels& figure) { draw_into_folder(figure); }
void Run::draw(const LinePlot& figure) { draw_into_folder(figure); }
void Run::draw(const PictureSheet& figure) { draw_into_folder(figure); }

Row Run::metrics() const {
  const DeviceInfo device = device_info();
  return {{"experiment", experiment_.name},
          {"claim", experiment_.claim},
          {"source", experiment_.source},
          {"command", command_of(table_, experiment_.name)},
          {"config", config_of(table_)},
          {"results", results_},
          {"paper", paper_},
          {"stopped_early", stopped_early_},
          {"seconds", seconds()},
          {"device", Row{{"kind", options_.device},
                         {"model", default_backend().description ? default_backend().description() : device.cpu},
                         {"cores", device.cores},
                         {"threads", options_.threads}}},
          {"date", now_utc()}};
}

void Run::finish() {
  progress_.finish();
  std::erase_if(checkpoint_.metadata, [](const auto& entry) { return entry.first.starts_with(kVolatile); });
  directory_.finish(metrics(), stage_names_.empty() ? "" : to_safetensors(checkpoint_));
  if (options_.quiet) return;
  print_table(out_, results_, experiment_.columns);
  out_ << "\nResults in " << directory_.metrics().string() << " (" << duration_text(seconds()) << ")" << std::endl;
}

Stage Run::stage(const std::string& name, std::int64_t steps, State state) {
  if (active_) throw std::invalid_argument(str("[Run::stage] stage '", active_->name_, "' is still open"));
  for (const std::string& other : stage_names_) {
    // The states are told apart by the beginning of their tensors' names.
    const bool overlap = (name + "/").starts_with(other + "/") || (other + "/").starts_with(name + "/");
    if (overlap || name.empty() || other.empty())
      throw std::invalid_argument(
          str("[Run::stage] the names '", name, "' and '", other, "' are not distinct prefixes"));
  }
  return Stage(*this, name, steps, std::move(state));
}

Stage::Stage(Run& run, std::string name, std::int64_t steps, State state)
    : run_(run),
      name_(std::move(name)),
      steps_(steps),
      state_(std::move(state)),
      exceptions_(std::uncaught_exceptions()) {
  const bool first = run_.stage_names_.empty();
  auto& metadata = run_.checkpoint_.metadata;
  if (first) {
    const auto record = metadata.find(kRunKey);
    const Row row = record == metadata.end() ? Row{} : row_from(record->second, run_.directory_.checkpoint().string());
    run_.directory_.open_log(static_cast<std::int64_t>(number_in(row, "log_lines", 0)));
  }
  const auto found = metadata.find(stage_key(name_));
  if (found != metadata.end()) restore(found->second);
  run_.stage_names_.push_back(name_);
  start_ = Progress::Clock::now();
  const int left = std::max(1, run_.planned_stages_ - static_cast<int>(run_.stage_names_.size()) + 1);
  share_ = seconds_before_ + std::max(0.0, run_.options_.time_budget - run_.seconds()) / left;
  save();
  run_.active_ = this;
  // From the first stage on, the folder is recognised as an unfinished run.
  if (first) run_.save_checkpoint();
}

void Stage::restore(const std::string& record) {
  const std::string source = run_.directory_.checkpoint().string();
  Archive archive(Archive::Direction::Restore, run_.checkpoint_, prefix(), source);
  state_(archive);
  const Row row = row_from(record, source);
  seconds_before_ = number_in(row, "seconds", 0);
  last_logged_ = static_cast<std::int64_t>(number_in(row, "last_logged", -1));
}

Stage::~Stage() {
  // A stage left by an exception stays as it was last saved: its state may be half way through a step.
  if (std::uncaught_exceptions() == exceptions_) save();
  run_.active_ = nullptr;
}

void Stage::save() {
  run_.checkpoint_.erase_prefix(prefix());
  Archive archive(Archive::Direction::Save, run_.checkpoint_, prefix(), "the checkpoint");
  state_(archive);
  run_.checkpoint_.metadata[stage_key(name_)] = to_json(Row{{"seconds", seconds()}, {"last_logged", last_logged_}});
}

double Stage::seconds() const { return seconds_before_ + seconds_since(start_); }

bool Stage::keep_going(std::int64_t step) {
  if (!progress_begun_) {
    progress_begun_ = true;
    const std::size_t number = run_.stage_names_.size();
    std::string label = name_.empty() ? run_.experiment_.name : name_;
    if (run_.planned_stages_ > 0) label += str(" (", number, "/", run_.planned_stages_, ")");
    run_.progress_.begin(std::move(label), step, steps_);
  }
  run_.progress_.update(step, note_);
  run_.poll_interrupt();
  if (seconds_since(run_.last_save_) >= run_.save_interval_) run_.save_checkpoint();
  if (step >= steps_) return false;
  if (seconds() < share_) return true;
  run_.stopped_early_ = true;
  return false;
}

void Stage::log(std::int64_t step, const Row& row) {
  for (const Field& field : row) {
    if (!field.value.is_number()) continue;
    note_ = field.key + " " + display_text(field.value);
    break;
  }
  if (step <= last_logged_) return;
  last_logged_ = step;
  Row line;
  if (!name_.empty()) line.set("stage", name_);
  line.set("step", step);
  for (const Field& field : row) line.set(field.key, field.value);
  line.set("seconds", run_.seconds());
  run_.directory_.append_log(line);
}

}  // namespace brenier::experiments
