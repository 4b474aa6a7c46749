// The parts of experiments/cpflow_estimators.cpp, one file each, and what they share.
#pragma once

#include "experiments/support/program.h"

namespace brenier::experiments {

enum class Study { All, Tolerance, Cost, Error, Training, Time, Architecture };

struct Settings {
  Study study = Study::All;
  std::int64_t matrices = 10, draws = 100'000;                  // of the study of tolerances
  std::int64_t dim = 43, units = 256, layers = 5, batch = 256;  // of the potential in the study of cost
  std::int64_t error_batch = 64, probes = 8, repetitions = 3;
  std::int64_t training_dim = 32, training_steps = 800;
  std::int64_t blocks = 2, architecture_steps = 150, architecture_batch = 1024;  // of the flows on MINIBOONE
  std::int64_t time_units = 64, time_steps = 1500;                               // of the flows in the study of time
  double stretch = 300;  // largest by smallest standard deviation of the data of training
};

// Rows and figures of one part each.
void study_tolerance(Run& run, const Settings& settings);
void study_cost(Run& run, const Settings& settings);
void study_error(Run& run, const Settings& settings);
void study_training(Run& run, const Settings& settings);
void study_time(Run& run, const Settings& settings);
void study_architecture(Run& run, const Settings& settings);

// 1 … d, denser at the beginning: numbers of steps of Lanczos or conjugate gradients.
std::vector<std::int64_t> step_counts(std::int64_t d);

}  // namespace brenier::experiments
