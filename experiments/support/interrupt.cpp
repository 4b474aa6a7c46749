// The signal handler does only what is allowed in one: it stores a number, or leaves.
#include "experiments/support/interrupt.h"

#include <unistd.h>

#include <array>
#include <csignal>

namespace brenier::experiments {
namespace {

constexpr std::array<int, 2> kSignals = {SIGINT, SIGTERM};
volatile std::sig_atomic_t pending = 0;
std::array<struct sigaction, kSignals.size()> replaced;

void on_signal(int signal) {
  if (pending != 0) _exit(128 + signal);
  pending = signal;
}

}  // namespace

InterruptGuard::InterruptGuard() {
  pending = 0;
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &action, &replaced[i]);
}

InterruptGuard::~InterruptGuard() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &replaced[i], nullptr);
  pending = 0;
}

int pending_interrupt() { return pending; }

}  // namespace brenier::experiments
