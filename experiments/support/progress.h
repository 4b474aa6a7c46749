// How far a run is and how long it will take: one rewritten line on a terminal, plain lines every few seconds
// elsewhere, nothing when quiet.
#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <string>

namespace brenier::experiments {

enum class ProgressStyle { Silent, Lines, Rewritten };
// Rewritten if standard error is a terminal.
ProgressStyle progress_style(bool quiet);

class Progress {
 public:
  using Clock = std::chrono::steady_clock;
  Progress(std::ostream& out, ProgressStyle style);

  // Starts a new bar of `total` steps of which `done` are done already (a resumed run).
  void begin(std::string label, std::int64_t done, std::int64_t total);
  // `note` is shown behind the numbers, e.g. "loss 1.2e-4". Cheap: the clock is read, the line only sometimes written.
  void update(std::int64_t done, const std::string& note);
  // Ends a rewritten line, so that other output starts on its own line.
  void finish();

 private:
  std::string line(std::int64_t done, const std::string& note, double seconds) const;
  std::ostream& out_;
  ProgressStyle style_;
  std::string label_;
  std::int64_t first_ = 0, total_ = 0;
  Clock::time_point start_{}, last_{};
  bool line_open_ = false;
};

// "4 s", "3 min 12 s", "2 h 5 min".
std::string duration_text(double seconds);

inline double seconds_since(Progress::Clock::time_point start) {
  return std::chrono::duration<double>(Progress::Clock::now() - start).count();
}

}  // namespace brenier::experiments
