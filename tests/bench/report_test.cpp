// What cuda_bench writes, on results that were made up.
#include "bench/cuda/report.h"

#include <doctest/doctest.h>

using brenier::bench::GpuRow;
using brenier::bench::table_header;
using brenier::bench::table_line;
using brenier::bench::to_json;

TEST_SUITE("bench") {
  TEST_CASE("a row with a peer says how both did") {
    const GpuRow row{.name = "gemm/x",
                     .us = 50,
                     .spread = 0.02,
                     .tflops = 40,
                     .ceiling = 50,
                     .peer = "cublas",
                     .peer_us = 45,
                     .error = 1.5e-7,
                     .peer_error = 1e-7};
    CHECK(to_json(row, "H100") ==
          R"({"name": "gemm/x", "device": "H100", "us": 50, "spread": 0.02, "tflops": 40, )"
          R"("fraction_of_ceiling": 0.8, "peer": "cublas", "peer_us": 45, "ratio": 0.9, "peer_error": 1e-07, )"
          R"("error": 1.5e-07})");
  }

  TEST_CASE("what was not measured is left out, and an error of zero is not") {
    CHECK(to_json({.name = "a", .us = 2, .gbps = 3000}, "") == R"({"name": "a", "device": "", "us": 2, "gbps": 3000})");
    CHECK(to_json({.name = "a", .us = 2, .error = 0}, "") == R"({"name": "a", "device": "", "us": 2, "error": 0})");
  }

  TEST_CASE("names are quoted") {
    CHECK(to_json({.name = "a\"b\\c\n", .us = 1}, "") == R"({"name": "a\"b\\c ", "device": "", "us": 1})");
  }

  TEST_CASE("the columns of the table stand under their titles") {
    const GpuRow row{.name = "sum/all", .us = 400, .spread = 0.01, .gbps = 2684, .ceiling = 2900};
    const std::string header = table_header(), line = table_line(row);
    CHECK(line.rfind("2684") + 4 == header.rfind("GB/s") + 4);
    CHECK(line.rfind("93 %") + 4 == header.rfind("ceiling") + 7);
    CHECK(line.find("400.00") + 6 == header.find("  us") + 4);
  }
}
