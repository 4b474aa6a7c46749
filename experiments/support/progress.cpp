// The remaining time is extrapolated from the steps of this process, not from restored ones.
#include "experiments/support/progress.h"

#include <unistd.h>

#include <cmath>
#include <ostream>

#include "engine/str.h"

namespace brenier::experiments {
namespace {

constexpr double kRewriteInterval = 0.1;  // seconds
constexpr double kLineInterval = 5.0;

double seconds_between(Progress::Clock::time_point from, Progress::Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

ProgressStyle progress_style(bool quiet) {
  if (quiet) return ProgressStyle::Silent;
  return ::isatty(STDERR_FILENO) ? ProgressStyle::Rewritten : ProgressStyle::Lines;
}

std::string duration_text(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "?";
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 60) return str(whole, " s");
  if (whole < 3600) return str(whole / 60, " min ", whole % 60, " s");
  return str(whole / 3600, " h ", whole % 3600 / 60, " min");
}

Progress::Progress(std::ostream& out, ProgressStyle style) : out_(out), style_(style) {}

void Progress::begin(std::string label, std::int64_t done, std::int64_t total) {
  label_ = std::move(label);
  first_ = done;
  total_ = total;
  start_ = Clock::now();
  // A rewritten line shows at once; plain lines keep their distance over short stages too.
  if (style_ == ProgressStyle::Rewritten || last_ == Clock::time_point{}) last_ = start_ - std::chrono::seconds(1);
}

std::string Progress::line(std::int64_t done, const std::string& note, double seconds) const {
  std::string text = str(label_, "  ", done, "/", total_);
  if (!note.empty()) text += "  " + note;
  if (done > first_ && done < total_) {
    const double left = seconds / static_cast<double>(done - first_) * static_cast<double>(total_ - done);
    text += "  " + duration_text(left) + " left";
  }
  return text;
}

void Progress::update(std::int64_t done, const std::string& note) {
  if (style_ == ProgressStyle::Silent) return;
  const Clock::time_point now = Clock::now();
  const double interval = style_ == ProgressStyle::Rewritten ? kRewriteInterval : kLineInterval;
  if (seconds_between(last_, now) < interval) return;
  last_ = now;
  const std::string text = line(done, note, seconds_between(start_, now));
  if (style_ == ProgressStyle::Rewritten) {
    out_ << "\r\x1b[K" << text << std::flush;
    line_open_ = true;
  } else {
    out_ << text << std::endl;
  }
}

void Progress::finish() {
  if (line_open_) out_ << "\r\x1b[K" << std::flush;
  line_open_ = false;
}

}  // namespace brenier::experiments
