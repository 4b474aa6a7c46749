// The GPU benches: cases with a name like a path, each of which makes its data on the device and measures itself.
// bench/cuda/main.cpp runs those that are chosen.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/cuda/report.h"

namespace brenier::bench {

struct GpuCase {
  std::string name;
  std::function<GpuRow()> measure;  // all but the name
};

void add_ceilings(std::vector<GpuCase>& cases);
void add_gemms(std::vector<GpuCase>& cases);
void add_streams(std::vector<GpuCase>& cases);
void add_reductions(std::vector<GpuCase>& cases);
void add_launches(std::vector<GpuCase>& cases);

}  // namespace brenier::bench
