// Ctrl-C that saves and exits cleanly.
//
// The first SIGINT or SIGTERM sets a flag that training loops poll (Stage::keep_going does); a second one ends the
// process at once.
#pragma once

#include <stdexcept>

namespace brenier::experiments {

// Catches SIGINT and SIGTERM while it lives, then restores what was there before. One at a time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
};

// The signal that has arrived, or 0.
int pending_interrupt();

// Thrown at a consistent point after the state has been saved. exit_code() is 128 + signal: 130 for Ctrl-C.
class Interrupted : public std::runtime_error {
 public:
  Interrupted(int signal, const std::string& message) : std::runtime_error(message), signal_(signal) {}
  int exit_code() const { return 128 + signal_; }

 private:
  int signal_;
};

}  // namespace brenier::experiments
