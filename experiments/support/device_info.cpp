// Linux: the model name stands in /proc/cpuinfo, the usable cores in the process's affinity mask.
#include "experiments/support/device_info.h"

#include <sched.h>

#include <fstream>
#include <thread>

namespace brenier::experiments {
namespace {

std::string cpu_model() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    const bool names_model =
        line.starts_with("model name") || line.starts_with("Model") || line.starts_with("cpu model");
    const std::size_t colon = line.find(": ");
    if (names_model && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

int usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return static_cast<int>(std::thread::hardware_concurrency());
}

}  // namespace

DeviceInfo device_info() { return {cpu_model(), usable_cores() > 0 ? usable_cores() : 1}; }

}  // namespace brenier::experiments
