// The parts of experiments/mgn_gradient_field.cpp, one file each, and what they share: the settings, and every family of
// models in the sizes that are compared.
//
//   plane     fields on [0, 1]², at most 100 parameters. mGradNet-C has 4 layers of 7 units and mGradNet-M 4 modules of 7, as
//             published; the sign-free ones are the same without the guarantee.
//   polymax   as many parameters as published, at most 1024 d. The number of layers and modules is the published one.
#pragma once

#include <algorithm>
#include <string>

#include "experiments/support/map_fitting.h"
#include "experiments/support/program.h"
#include "models/gradnet.h"
#include "models/icgn.h"
#include "models/mgn.h"

namespace brenier::experiments {

struct Settings {
  std::string fields = "all", models = "all";
  std::int64_t seeds = 5;
  FitOptions fit{.adam_steps = 500, .lbfgs_steps = 400, .batch = 1024, .learning_rate = 0.03};
  std::int64_t training_grid = 32;
  std::int64_t polymax_seeds = 1, polymax_steps = 3000, polymax_batch = 100, polymax_points = 10'000;
  double polymax_rate = 1e-3;  // of Adam at the start; ends at a hundredth
};

inline bool is_wanted(const std::string& chosen, const std::string& group, const std::string& name) {
  return chosen == "all" || chosen == group || chosen == name;
}

// x -> map(x - ½): points of the unit cube are taken from its centre. A shift of the argument keeps gradients gradients.
template <class Map>
struct Centred {
  Map map;
  Tensor operator()(const Tensor& x) const { return map(x - 0.5); }
  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    map.for_each_parameter(visit);
  }
};

// Six times as large as the others: how near a monotone map with many parameters comes to a field that is not monotone.
inline auto wide_monotone_model(const RandomKey& key, DType dtype) {
  return MonotoneCascadedGradNet<Tanh>::random(key, 2, 32, 6, dtype);  // 642 parameters
}

// visit(name, is_monotone, make), where make(key, dtype) is a model in the plane.
template <class Visit>
void for_each_plane_model(Visit&& visit) {
  visit("C-MGN", true, [](const RandomKey& key, DType dtype) {
    return CascadedMgn<Tanh>::random(key, 2, 15, 4, 2, dtype);  // 96 parameters
  });
  visit("M-MGN", true, [](const RandomKey& key, DType dtype) {
    return ModularMgn<LogCosh>::random(key, 2, 15, 2, 2, dtype);  // 96
  });
  visit("mGradNet-C", true, [](const RandomKey& key, DType dtype) {
    return MonotoneCascadedGradNet<Tanh>::random(key, 2, 7, 4, dtype);  // 100
  });
  visit("mGradNet-M", true, [](const RandomKey& key, DType dtype) {
    return MonotoneModularGradNet<Softmax>::random(key, 2, 7, 4, dtype);  // 94
  });
  visit("ICGN", true, [](const RandomKey& key, DType dtype) {
    // With smaller weights it starts in a poor minimum (experiments/icgn_polynomial.cpp).
    auto icgn = scale_parameters(OneLayerIcgn<Sigmoid>::random(key, 2, 32, dtype), 3);
    icgn.origin = zeros({2}, dtype);
    return icgn;  // 98
  });
  visit("GradNet-C", false, [](const RandomKey& key, DType dtype) {
    return CascadedGradNet<Tanh, FreeGain>::random(key, 2, 7, 4, dtype);  // 100
  });
  visit("GradNet-M", false, [](const RandomKey& key, DType dtype) {
    return ModularGradNet<Softmax, FreeGain>::random(key, 2, 7, 4, dtype);  // 94
  });
}

// The same in d dimensions with at most 1024 d parameters; V has at most 512 rows.
template <class Visit>
void for_each_large_model(std::int64_t d, Visit&& visit) {
  const std::int64_t rank = std::min<std::int64_t>(d, 512), left = (1023 - rank) * d;
  const std::int64_t cascade = left / (d + 4), module = left / (3 * (d + 1));
  visit("C-MGN", true, [=](const RandomKey& key, DType dtype) {
    return Centred<CascadedMgn<Tanh>>{CascadedMgn<Tanh>::random(key, d, cascade, 4, rank, dtype)};
  });
  visit("M-MGN", true, [=](const RandomKey& key, DType dtype) {
    return Centred<ModularMgn<LogCosh>>{ModularMgn<LogCosh>::random(key, d, module, 3, rank, dtype)};
  });
  const std::int64_t gained_cascade = 1023 * d / (d + 12), gained_module = (1023 * d / 4 - 2) / (d + 1);
  visit("mGradNet-C", true, [=](const RandomKey& key, DType dtype) {
    using Model = MonotoneCascadedGradNet<Tanh>;
    return Centred<Model>{Model::random(key, d, gained_cascade, 4, dtype)};
  });
  visit("mGradNet-M", true, [=](const RandomKey& key, DType dtype) {
    using Model = MonotoneModularGradNet<SymmetricSoftmax>;
    return Centred<Model>{Model::random(key, d, gained_module, 4, dtype)};
  });
  visit("ICGN", true, [=](const RandomKey& key, DType dtype) {
    using Model = OneLayerIcgn<Softplus>;
    return Centred<Model>{Model::random(key, d, 1023 * d / (d + 1), dtype)};
  });
  visit("GradNet-C", false, [=](const RandomKey& key, DType dtype) {
    using Model = CascadedGradNet<Tanh, FreeGain>;
    return Centred<Model>{Model::random(key, d, gained_cascade, 4, dtype)};
  });
  visit("GradNet-M", false, [=](const RandomKey& key, DType dtype) {
    using Model = ModularGradNet<SymmetricSoftmax, FreeGain>;
    return Centred<Model>{Model::random(key, d, gained_module, 4, dtype)};
  });
}

// Whether a model of this name is asked for.
inline bool wants_model(const Settings& settings, const std::string& name, bool is_monotone) {
  return is_wanted(settings.models, is_monotone ? "monotone" : "sign-free", name);
}

int count_plane_stages(const Settings& settings);
void study_plane(Run& run, const Settings& settings);
int count_polymax_stages(const Settings& settings);
void study_polymax(Run& run, const Settings& settings);

}  // namespace brenier::experiments
