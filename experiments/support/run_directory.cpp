// Every state of the folder is recognisable from which metrics.json files exist:
//
//   OUT/metrics.json               a finished run
//   OUT/unfinished/metrics.json    a finished run that still has to move up
//
// Files move by rename, metrics.json always last, so a move can be cut short anywhere and taken up again.
#include "experiments/support/run_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

#include "engine/str.h"
#include "experiments/support/input_error.h"

namespace brenier::experiments {
namespace {

namespace fs = std::filesystem;

// Below the folder it is put into, whatever a file list says.
bool stays_inside(const Path& name) {
  if (name.empty() || name.is_absolute()) return false;
  for (const Path& part : name) {
    if (part == ".." || part == ".") return false;
  }
  return true;
}

Row read_row(const Path& path) {
  const Value value = parse_json(read_file(path), path.string());
  return value.as_row() ? *value.as_row() : Row{};
}

std::string text_of(const Row& row, const char* key) {
  const Value* value = row.find(key);
  return value && value->as_string() ? *value->as_string() : std::string();
}

constexpr const char* kFinalModel = "model.safetensors.final";  // what replaces the checkpoint once the run is finished

// Moves the listed files that exist, then metrics.json.
void move_run(const Path& from, const Path& to) {
  const Row metrics = read_row(from / "metrics.json");
  const Value* files = metrics.find("files");
  if (files && files->as_list()) {
    for (const Value& file : *files->as_list()) {
      if (!file.as_string() || !stays_inside(*file.as_string()) || !fs::exists(from / *file.as_string())) continue;
      const Path target = to / *file.as_string();
      fs::create_directories(target.parent_path());
      fs::rename(from / *file.as_string(), target);
      std::error_code not_empty;
      if (Path(*file.as_string()).has_parent_path()) fs::remove((from / *file.as_string()).parent_path(), not_empty);
    }
  }
  fs::create_directories(to);
  fs::rename(from / "metrics.json", to / "metrics.json");
}

void remove_temporaries(const Path& folder) {
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().extension() == ".tmp") fs::remove(entry.path());
  }
}

}  // namespace

RunDirectory::RunDirectory(Path out, std::string experiment)
    : out_(std::move(out)), unfinished_(out_ / "unfinished"), experiment_(std::move(experiment)) {
  std::error_code error;
  if (fs::exists(out_, error) && !fs::is_directory(out_, error))
    throw InputError(str("--out: ", out_.string(), " is a file, not a folder"));
  if (has_finished_run()) check_owner(metrics());
  if (!fs::exists(unfinished_ / "metrics.json", error)) return;
  check_owner(unfinished_ / "metrics.json");
  lock();
  promote();
}

RunDirectory::~RunDirectory() {
  if (log_ >= 0) ::close(log_);
  if (lock_ >= 0) ::close(lock_);
}

bool RunDirectory::has_finished_run() const {
  std::error_code error;
  return fs::exists(metrics(), error);
}

bool RunDirectory::has_unfinished_run() const {
  std::error_code error;
  return fs::exists(checkpoint(), error);
}

void RunDirectory::check_owner(const Path& metrics) const {
  const std::string owner = text_of(read_row(metrics), "experiment");
  if (owner.empty()) throw InputError(str("--out: ", metrics.string(), " was not written by an experiment"));
  if (owner != experiment_)
    throw InputError(str("--out: ", out_.string(), " holds results of another experiment, ", owner));
}

void RunDirectory::lock() {
  if (lock_ >= 0) return;
  std::error_code error;
  fs::create_directories(unfinished_, error);
  lock_ = error ? -1 : ::open(unfinished_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock_ < 0)
    throw InputError(
        str("--out: cannot create ", unfinished_.string(), ": ", error ? error.message() : std::strerror(errno)));
  // Released by the system when the process ends, however it ends.
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0)
    throw InputError(str("--out: another process is writing to ", out_.string()));
  remove_temporaries(unfinished_);
}

Path RunDirectory::file(const std::string& name) {
  if (!stays_inside(name))
    throw std::invalid_argument(str("[RunDirectory] '", name, "' is not a name inside the folder"));
  lock();
  files_.insert(name);
  const Path path = unfinished_ / name;
  fs::create_directories(path.parent_path());
  return path;
}

void RunDirectory::open_log(std::int64_t lines) {
  const Path path = file("log.jsonl");
  const std::string old = fs::exists(path) ? read_file(path) : std::string();
  std::size_t kept = 0;
  for (log_lines_ = 0; log_lines_ < lines && old.find('\n', kept) != std::string::npos; ++log_lines_)
    kept = old.find('\n', kept) + 1;
  write_file(path, std::string_view(old).substr(0, kept));
  if (log_ >= 0) ::close(log_);
  log_ = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (log_ < 0) throw std::runtime_error(str("cannot write ", path.string(), ": ", std::strerror(errno)));
}

void RunDirectory::append_log(const Row& row) {
  const std::string line = to_json(row) + "\n";
  if (log_ < 0) throw std::invalid_argument("[RunDirectory] the log is not open");
  if (::write(log_, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    throw std::runtime_error(str("cannot write ", (unfinished_ / "log.jsonl").string(), ": ", std::strerror(errno)));
  ++log_lines_;
}

void RunDirectory::finish(Row metrics, const std::string& model) {
  lock();
  if (!model.empty()) {
    files_.insert("model.safetensors");
    write_file(unfinished_ / kFinalModel, model);
  }
  metrics.set("files", std::vector<std::string>(files_.begin(), files_.end()));
  write_file(unfinished_ / "metrics.json", to_indented_json(metrics) + "\n");
  promote();
}

void RunDirectory::promote() {
  if (fs::exists(unfinished_ / kFinalModel)) fs::rename(unfinished_ / kFinalModel, checkpoint());
  if (has_finished_run()) keep_previous();
  move_run(unfinished_, out_);
  std::error_code not_empty;
  fs::remove(unfinished_, not_empty);
  ::close(lock_);
  lock_ = -1;
}

// The folder is named by the date of the run it keeps. One with a metrics.json is complete, and is of another run.
void RunDirectory::keep_previous() const {
  std::string date = text_of(read_row(metrics()), "date");
  std::erase(date, ':');
  if (!stays_inside(date)) date = "undated";
  Path folder = out_ / "previous" / date;
  for (int number = 2; fs::exists(folder / "metrics.json"); ++number)
    folder = out_ / "previous" / str(date, "-", number);
  move_run(out_, folder);
}

}  // namespace brenier::experiments
