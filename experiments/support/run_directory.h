// The folder a run writes into, and the rules by which nothing valuable is lost.
//
//   OUT/                  metrics.json, log.jsonl, model.safetensors, figures/ of the latest finished run
//   OUT/unfinished/       the same files of a run in progress or interrupted; --resume continues it
//   OUT/previous/DATE/    finished runs that a later one has replaced
//
// A run works in OUT/unfinished and moves its files up only when it has finished; files of the run that was there
// before go to OUT/previous. Starting over an unfinished run is refused, with a sentence that names --resume. A folder
// with results of another experiment is refused. Nothing is created before the first file is written. Two processes
// cannot write to one folder. If the process dies while files move, the next start completes the move.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "experiments/support/file_io.h"
#include "experiments/support/json.h"

namespace brenier::experiments {

class RunDirectory {
 public:
  // Creates nothing. Completes a move that was cut short. Throws InputError for a folder with results of another
  // experiment, or one that is no folder.
  RunDirectory(Path out, std::string experiment);
  ~RunDirectory();
  RunDirectory(const RunDirectory&) = delete;
  RunDirectory& operator=(const RunDirectory&) = delete;

  const Path& out() const { return out_; }
  bool has_finished_run() const;
  bool has_unfinished_run() const;  // one with a checkpoint
  Path checkpoint() const { return unfinished_ / "model.safetensors"; }
  Path metrics() const { return out_ / "metrics.json"; }
  const Path& unfinished() const { return unfinished_; }

  // The path of a file of this run; made on first use are the folder and the lock. `name` may contain one folder:
  // "figures/error.png". Throws InputError if another process writes here.
  Path file(const std::string& name);

  // log.jsonl: keeps the first `lines` lines of what is there, then appends.
  void open_log(std::int64_t lines);
  void append_log(const Row& row);
  std::int64_t log_lines() const { return log_lines_; }

  // Writes metrics.json with the list of files, and moves everything to its place. `model` is the content of the final
  // model.safetensors; empty if there is none. The checkpoint stays valid until metrics.json is written.
  void finish(Row metrics, const std::string& model = {});

 private:
  void check_owner(const Path& metrics) const;
  void lock();
  void promote();
  void keep_previous() const;
  Path out_, unfinished_;
  std::string experiment_;
  std::set<std::string> files_;
  int lock_ = -1;
  int log_ = -1;
  std::int64_t log_lines_ = 0;
};

}  // namespace brenier::experiments
