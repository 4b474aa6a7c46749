// Recording for every call, or programs kept by the number of rows.
#include "solvers/batch_objective.h"

#include <algorithm>
#include <bit>
#include <map>
#include <stdexcept>
#include <tuple>

#include "engine/str.h"

namespace brenier {
namespace {

Tensor as_list(const Tensor& values, std::int64_t rows) {
  if (values.shape() != Shape{rows} && values.shape() != Shape{rows, 1})
    throw std::invalid_argument(
        str("[BatchObjective] the potential of ", rows, " rows is ", values.shape(), ", not one number for each row"));
  return values.rank() == 1 ? values : reshape(values, {rows});
}

// To a multiple of a quarter of the power of two below: four programs for every doubling, and at most a quarter of the
// rows in vain.
std::int64_t rounded_up(std::int64_t rows) {
  const auto quarter =
      static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(std::max<std::int64_t>(rows, 4))) / 4);
  return (rows + quarter - 1) / quarter * quarter;
}

// `count` rows: those of x, and the last one repeated.
Tensor filled_up(const Tensor& x, std::int64_t count) {
  if (x.dim(0) == count) return x;
  std::vector<std::int64_t> indices(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) indices[static_cast<std::size_t>(i)] = std::min(i, x.dim(0) - 1);
  return gather(x, index_tensor(indices, {count}), 0);
}

// The Hessian at rows of a batch whose data are gathered; restricted to some of these rows, theirs.
LinearOperator hessian_at(const std::vector<Tensor>& data, const BatchObjective::PotentialOfData& potential,
                          const Tensor& x, const Tensor& rows) {
  const auto own = [potential, part = gather_rows(data, rows)](const Tensor& points) {
    return potential(points, part);
  };
  return {[a = hessian_operator(own, x)](const Tensor& v) { return a(v); },
          [=](const Tensor& some) { return hessian_at(data, potential, gather(x, some, 0), gather(rows, some, 0)); }};
}

ValueAndGradient recorded_at(const BatchObjective::PotentialOfData& potential, const Tensor& x,
                             const std::vector<Tensor>& data) {
  Tape tape;
  const auto [value, gradient] = value_and_gradient(potential, tape.watch(x), data);
  return {value.detached(), gradient.detached()};
}

}  // namespace

// One program for each number of rows and dtype.
class ProgramsByRows {
 public:
  explicit ProgramsByRows(BatchObjective::PotentialOfData potential) : potential_(std::move(potential)) {}

  ValueAndGradient operator()(const Tensor& x, const std::vector<Tensor>& data, const Tensor& rows) {
    const std::int64_t m = x.dim(0), count = rounded_up(m);
    std::vector<Tensor> inputs{filled_up(x, count)};
    for (const Tensor& part : gather_rows(data, filled_up(rows, count))) inputs.push_back(part);
    const std::vector<Tensor> results = program_for(inputs)(inputs);
    return {slice(results[0], 0, 0, m), slice(results[1], 0, 0, m)};
  }

 private:
  const Program& program_for(const std::vector<Tensor>& examples) {
    const auto [entry, is_new] = programs_.try_emplace({examples[0].dim(0), examples[0].dim(1), examples[0].dtype()});
    if (is_new) entry->second = recorded(examples);
    return entry->second;
  }
  Program recorded(const std::vector<Tensor>& examples) const {
    Tape tape({.recording_program = true});
    std::vector<Tensor> inputs;
    for (const Tensor& example : examples) inputs.push_back(tape.watch(example));
    const auto [value, gradient] = value_and_gradient(potential_, inputs[0], {inputs.begin() + 1, inputs.end()});
    return compile(inputs, {value, gradient});
  }

  BatchObjective::PotentialOfData potential_;
  std::map<std::tuple<std::int64_t, std::int64_t, DType>, Program> programs_;
};

std::vector<Tensor> gather_rows(const std::vector<Tensor>& data, const Tensor& rows) {
  std::vector<Tensor> result;
  for (const Tensor& part : data) result.push_back(gather(part, rows, 0));
  return result;
}

ValueAndGradient value_and_gradient(const BatchObjective::PotentialOfData& potential, const Tensor& x,
                                    const std::vector<Tensor>& data) {
  const Tensor values = as_list(potential(x, data), x.dim(0));
  return {values, grad(sum(values), x)};
}

BatchObjective::BatchObjective(std::vector<Tensor> data, PotentialOfData potential)
    : data_(std::move(data)), potential_(std::move(potential)) {
  for (const Tensor& part : data_)
    if (part.rank() == 0 || data_[0].rank() == 0 || part.dim(0) != data_[0].dim(0))
      throw std::invalid_argument(
          str("[BatchObjective] data of shapes ", data_[0].shape(), " and ", part.shape(), " differ in rows"));
}

BatchObjective BatchObjective::compiled() const {
  if (!potential_)
    throw std::invalid_argument("[BatchObjective] compiled() needs an objective that is made from a potential");
  BatchObjective result = *this;
  if (!result.programs_) result.programs_ = std::make_shared<ProgramsByRows>(potential_);
  return result;
}

BatchObjective BatchObjective::with_data(std::vector<Tensor> data) const {
  if (!potential_)
    throw std::invalid_argument("[BatchObjective] with_data() needs an objective that is made from a potential");
  BatchObjective result(std::move(data), potential_);
  result.programs_ = programs_;
  return result;
}

ValueAndGradient BatchObjective::operator()(const Tensor& x, const Tensor& rows) const {
  ValueAndGradient result = evaluate_   ? evaluate_(x, rows)
                            : programs_ ? (*programs_)(x, data_, rows)
                                        : recorded_at(potential_, x, gather_rows(data_, rows));
  if (result.value.shape() != Shape{x.dim(0)} || result.gradient.shape() != x.shape())
    throw std::invalid_argument(str("[BatchObjective] value ", result.value.shape(), " and gradient ",
                                    result.gradient.shape(), " for x ", x.shape()));
  return result;
}

LinearOperator BatchObjective::hessian(const Tensor& x, const Tensor& rows) const {
  if (!has_hessian())
    throw std::invalid_argument("[BatchObjective] an objective made by hand without a Hessian has none");
  return hessian_ ? hessian_(x, rows) : hessian_at(data_, potential_, x, rows);
}

}  // namespace brenier
