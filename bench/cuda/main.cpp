// Benches of the CUDA backend: cuda_bench [--filter REGEX] [--out FILE] [--list].
//
// Prints a table, and with --out writes a line of JSON per row; the file must not exist. Exit status: 1 if a case
// failed, 2 for a wrong command line, 3 without a CUDA device.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <regex>

#include "bench/cuda/gemm.h"
#include "bench/cuda/register.h"
#include "engine/backend.h"
#include "engine/cuda/runtime.h"

namespace {

using namespace brenier;
using namespace brenier::bench;

constexpr const char* kUsage = "usage: cuda_bench [--filter REGEX] [--out FILE] [--list]";

struct Options {
  std::regex filter{""};
  std::string out{};
  bool list = false;
};

[[noreturn]] void refuse(const std::string& what) {
  std::cerr << "cuda_bench: " << what << '\n';
  std::exit(2);
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--list") {
      options.list = true;
      continue;
    }
    if (option == "--help") {
      std::cout << kUsage << '\n';
      std::exit(0);
    }
    if (option != "--filter" && option != "--out") refuse("there is no option '" + option + "'; " + kUsage);
    if (++i == argc) refuse(option + " needs a value; " + kUsage);
    try {
      option == "--out" ? void(options.out = argv[i]) : void(options.filter = std::regex(argv[i]));
    } catch (const std::regex_error&) {
      refuse(std::string("--filter is not a regular expression: ") + argv[i]);
    }
  }
  if (!options.out.empty() && std::filesystem::exists(options.out)) refuse(options.out + " exists");
  return options;
}

std::vector<GpuCase> chosen_cases(const std::regex& filter) {
  std::vector<GpuCase> cases;
  for (const auto add : {add_ceilings, add_gemms, add_streams, add_reductions, add_launches}) add(cases);
  std::erase_if(cases, [&](const GpuCase& item) { return !std::regex_search(item.name, filter); });
  if (cases.empty()) refuse("no bench matches --filter; --list prints them");
  return cases;
}

// Returns the exit status.
int measure_all(const std::vector<GpuCase>& cases, const std::string& out) {
  std::ofstream file;
  if (!out.empty()) file.open(out);
  if (!out.empty() && !file) refuse("cannot write " + out);
  const std::string device = cuda::device_name();
  std::cout << device << "\n" << table_header() << std::endl;
  int failed = 0;
  for (const GpuCase& item : cases) {
    try {
      GpuRow row = item.measure();
      row.name = item.name;
      std::cout << table_line(row) << std::endl;
      if (file.is_open()) file << to_json(row, device) << std::endl;
    } catch (const std::exception& error) {
      ++failed;
      std::cout << item.name << " failed: " << error.what() << std::endl;
    }
  }
  return failed > 0 ? 1 : 0;
}

}  // namespace

namespace brenier::bench {

void add_ceilings(std::vector<GpuCase>& cases) {
  cases.push_back({"ceiling/copy", [] { return GpuRow{.name = {}, .gbps = copy_bandwidth()}; }});
  for (const DType dtype : {DType::Float32, DType::Float64})
    cases.push_back({dtype == DType::Float32 ? "ceiling/cublas_sgemm" : "ceiling/cublas_dgemm",
                     [=] { return GpuRow{.name = {}, .tflops = gemm_ceiling(dtype)}; }});
}

}  // namespace brenier::bench

int main(int argc, char** argv) {
  setenv("NVIDIA_TF32_OVERRIDE", "0", 1);  // cuBLAS computes in float32 what it is given in float32
  const Options options = parse(argc, argv);
  const std::vector<GpuCase> cases = chosen_cases(options.filter);
  if (options.list) {
    for (const GpuCase& item : cases) std::cout << item.name << '\n';
    return 0;
  }
  if (!cuda::available()) {
    std::cerr << "cuda_bench: no CUDA device\n";
    return 3;
  }
  set_default_backend(backend_named("cuda"));
  return measure_all(cases, options.out);
}
