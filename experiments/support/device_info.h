// What the numbers were computed on.
#pragma once

#include <string>

namespace brenier::experiments {

struct DeviceInfo {
  std::string cpu;  // model name as the system reports it, or "unknown"
  int cores = 1;    // available to this process
};

DeviceInfo device_info();

}  // namespace brenier::experiments
