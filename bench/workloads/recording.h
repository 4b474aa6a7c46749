// From a formula to the two forms of a workload. A formula is a function of a list of tensors to a list of tensors; it
// may ask for derivatives with respect to what it is given, if that is recorded.
#pragma once

#include <cmath>

#include "bench/workloads/workload.h"
#include "engine/autodiff.h"

namespace brenier::bench {

using Formula = std::function<Tensors(const Tensors&)>;

// number(stream, i) times `scale` in row-major order.
Tensor formula_tensor(std::uint32_t stream, const Shape& shape, double scale, DType dtype = DType::Float32);

// The streams of the data of a workload; parameter t of a model, in visiting order, is stream kParameterStream + t.
enum Stream : std::uint32_t { kPoints = 1, kTarget = 2, kDirection = 3, kParameterStream = 100 };

// Every parameter by formula: those of rank 2, [out, in], within ±1/√in, the others within ±0.1.
template <HasParameters Model>
Model with_formula_parameters(Model model) {
  std::uint32_t stream = kParameterStream;
  model.for_each_parameter([&](const std::string&, Tensor& parameter) {
    const double scale = parameter.rank() == 2 ? 1 / std::sqrt(static_cast<double>(parameter.dim(1))) : 0.1;
    parameter = formula_tensor(stream++, parameter.shape(), scale, parameter.dtype());
  });
  return model;
}

// Evaluates the formula on constants.
Prepared evaluated(const Formula& formula, const Tensors& inputs);
// The same with the inputs on a tape of its own for each call.
Prepared recorded(const Formula& formula, const Tensors& inputs);
// Recorded once and compiled.
Prepared compiled(const Formula& formula, const Tensors& inputs);

// Adds the workload `name` whose formula is evaluated eagerly by `eager`, and compiled.
void add_formula(std::vector<Workload>& list, const std::string& name, const Work& work,
                 Prepared (*eager)(const Formula&, const Tensors&), std::function<std::pair<Formula, Tensors>()> make);

}  // namespace brenier::bench
