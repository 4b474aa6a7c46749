// What the GPU benches found, as a table to read and as lines of JSON for programs. Nothing here needs CUDA.
#pragma once

#include <limits>
#include <string>

namespace brenier::bench {

// One operation. A rate, ceiling or error of 0 or NaN was not measured and is left out.
struct GpuRow {
  std::string name;
  double us = 0;      // median
  double spread = 0;  // distance of the quartiles over the median
  double tflops = 0, gbps = 0;
  double ceiling = 0;  // in the unit of the rate, measured in the same run
  std::string peer{};  // who else did the same work
  double peer_us = 0;
  // Largest distance from the result in exact arithmetic, relative to the sum of the absolute values of its terms, over
  // a sample of entries.
  double error = std::numeric_limits<double>::quiet_NaN();
  double peer_error = std::numeric_limits<double>::quiet_NaN();

  double rate() const { return tflops > 0 ? tflops : gbps; }
  double fraction_of_ceiling() const { return ceiling > 0 ? rate() / ceiling : 0; }
  double ratio() const { return us > 0 ? peer_us / us : 0; }  // above 1: faster than the peer
};

// An object on one line; `device` is the name of the GPU.
std::string to_json(const GpuRow& row, const std::string& device);

std::string table_header();
std::string table_line(const GpuRow& row);

}  // namespace brenier::bench
