// A worker: a process that times workloads on request. Brenier and every peer are one, so that bench/compare.py can
// let them take turns. It talks in lines on standard input and output:
//
//   (start)      {"peer": "brenier", "version": "0.1.0", "threads": 1}
//   NAME         {"us": 12.3}            median time of a call over about 0.3 s, in microseconds
//   check NAME   {"norm": …, "projection": …}   of its results, see numbers.h
//   list         {"workloads": ["b1/gaussian/forward", …]}
//
// or {"skip": "why"} for what it cannot do. Brenier adds "bound_us" to a time: the least the machine would need.
// This header needs nothing but the standard library and the clocks of POSIX.
#pragma once

#include <time.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iomanip>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "bench/workloads/numbers.h"

namespace brenier::bench {

// One workload, made ready: its data exist and its program is compiled.
struct Task {
  std::function<void()> run;                    // what is timed
  std::function<std::vector<double>()> values;  // from a fresh start, what all sides must agree on
  double operations = 1;                        // a time is divided by it
  double bound_us = 0;                          // per operation; 0: unknown
  std::function<void()> finish = [] {};         // waits for what run() started
};

struct Worker {
  std::string peer, version;
  int threads = 1;
  bool on_cpu = true;  // false: times include waiting for a device
  std::vector<std::string> names;
  // The task of a name; empty: skipped, for the reason left in `why`.
  std::function<std::optional<Task>(const std::string& name, std::string& why)> prepare;
};

// Seconds. A process that computes in one thread is timed by the processor time it used, which other programs on the
// machine do not lengthen; otherwise time is what the clock on the wall says.
inline double seconds_now(bool of_process) {
  timespec now{};
  clock_gettime(of_process ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Median time of a call in microseconds. Calls shorter than 0.1 ms are timed in groups; the clock is read when a group
// has finished.
inline double median_us(const std::function<void()>& run, const std::function<void()>& finish, bool of_process) {
  constexpr double kWarmUp = 0.05, kSampling = 0.3, kShortest = 1e-4;
  const auto seconds_since = [&](double start) { return seconds_now(of_process) - start; };
  long calls = 0;
  double start = seconds_now(of_process);
  do run(), finish();
  while (++calls < 2 || seconds_since(start) < kWarmUp);
  const long group = std::max(1L, static_cast<long>(kShortest * static_cast<double>(calls) / seconds_since(start)));
  std::vector<double> samples;
  const double begin = seconds_now(of_process);
  while (samples.size() < 3 || seconds_since(begin) < kSampling) {
    start = seconds_now(of_process);
    for (long i = 0; i < group; ++i) run();
    finish();
    samples.push_back(seconds_since(start) / static_cast<double>(group));
  }
  std::nth_element(samples.begin(), samples.begin() + static_cast<long>(samples.size() / 2), samples.end());
  return 1e6 * samples[samples.size() / 2];
}

// As Python's JSON has it.
inline std::string json_number(double value) {
  if (!std::isfinite(value)) return "NaN";
  std::ostringstream text;
  text << std::setprecision(9) << value;
  return text.str();
}

// Answers requests until standard input ends. Only the latest task is kept.
inline void serve(const Worker& worker) {
  std::cout << R"({"peer": ")" << worker.peer << R"(", "version": ")" << worker.version << R"(", "threads": )"
            << worker.threads << "}" << std::endl;
  std::string line, prepared, why;
  std::optional<Task> task;
  while (std::getline(std::cin, line)) {
    if (line == "list") {
      std::cout << R"({"workloads": [)";
      for (std::size_t i = 0; i < worker.names.size(); ++i)
        std::cout << (i == 0 ? "\"" : ", \"") << worker.names[i] << '"';
      std::cout << "]}" << std::endl;
      continue;
    }
    const bool is_check = line.starts_with("check ");
    const std::string name = is_check ? line.substr(6) : line;
    if (name != prepared) {
      task.reset();
      why = "no such workload here";
      task = worker.prepare(name, why);
      prepared = name;
    }
    if (!task) {
      std::cout << R"({"skip": ")" << why << "\"}" << std::endl;
    } else if (is_check) {
      const Digest result = digest(task->values());
      std::cout << R"({"norm": )" << json_number(result.norm) << R"(, "projection": )" << json_number(result.projection)
                << "}" << std::endl;
    } else {
      const bool of_process = worker.on_cpu && worker.threads == 1;
      const double us = median_us(task->run, task->finish, of_process) / task->operations;
      std::cout << R"({"us": )" << json_number(us);
      if (task->bound_us > 0) std::cout << R"(, "bound_us": )" << json_number(task->bound_us);
      std::cout << "}" << std::endl;
    }
  }
}

// The number after --threads; 1 without it. Exits with status 2 for anything that is not a number from 1 to 4096.
inline int threads_option(int argc, char** argv) {
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::string(argv[i]) != "--threads") continue;
    char* end = nullptr;
    const long count = std::strtol(argv[i + 1], &end, 10);
    if (*end == '\0' && count >= 1 && count <= 4096) return static_cast<int>(count);
    std::cerr << argv[0] << ": --threads needs a number from 1 to 4096\n";
    std::exit(2);
  }
  return 1;
}

}  // namespace brenier::bench
