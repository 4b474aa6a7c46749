// A learning rate that is reduced when a loss stops falling, with the rules of PyTorch's ReduceLROnPlateau.
//
// A loss is better if it is below best (1 - threshold), or, for losses that may be negative, such as log-likelihoods,
// below best - threshold. After more than `patience` losses in a row that are not better the rate is multiplied by
// `factor`, and for `cooldown` losses after that nothing is counted.
//
//   PlateauSchedule schedule{.rate = 1e-3};
//   adam.learning_rate = schedule.update(validation_loss);
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "engine/parameters.h"

namespace brenier {

enum class PlateauThreshold { Relative, Absolute };

struct PlateauSchedule {
  double rate = 1e-3;          // the rate at present
  double factor = 0.1;         // in (0, 1)
  std::int64_t patience = 10;  // losses without improvement that are tolerated
  double threshold = 1e-4;     // what counts as an improvement
  PlateauThreshold threshold_mode = PlateauThreshold::Relative;
  std::int64_t cooldown = 0;    // losses after a reduction that are not counted
  double minimum_rate = 0;      // the rate does not fall below
  double smallest_step = 1e-8;  // reductions by less than this are not made

  double best = std::numeric_limits<double>::infinity();
  std::int64_t bad_losses = 0;     // in a row
  std::int64_t cooldown_left = 0;  // losses

  // Takes the next loss and returns the rate for what follows. A NaN is not better than anything.
  double update(double loss);

  // Rate, best and counters, so that a resumed run takes the same decisions: "rate_and_best" float64 [2], "counters"
  // int64 [2]; and back. load() throws std::invalid_argument if one is missing.
  std::vector<NamedParameter> state() const;
  void load(const std::vector<NamedParameter>& state);
};

}  // namespace brenier
