// ADOL-C as a worker (bench/workloads/worker.h): the small potential of b1 with the logistic softplus, differentiated
// by a tape of scalars, in double. usage: adolc_peer [--threads N]
//
// One row of the batch is recorded once and replayed for each row: for the gradient map as a function of x alone, for
// the training step as a function of (x, θ). The gradient of
// mean |∇u - t|² with respect to θ is the Hessian in (x, θ) times (2 (∇u - t)/n, 0), one second-order adjoint sweep.
#include <adolc/adolc.h>

#include <cmath>
#include <memory>
#include <utility>

#include "bench/workloads/worker.h"

namespace {

using namespace brenier::bench;

constexpr int kBatch = 128, kDim = 2, kUnits = 32, kLayers = 3, kHalf = kUnits / 2;
constexpr short kTapeOfInput = 1, kTapeOfAll = 2;

// Rounded to float32, as everybody else's.
double rounded(std::uint32_t stream, int index, double scale) {
  return static_cast<double>(static_cast<float>(scale * number(stream, static_cast<std::uint32_t>(index))));
}

// What the tape sees of a parameter: itself, a positive weight softplus(θ), or a scale e^θ + 0.001. These maps and
// their slopes need no tape, which would repeat them for every row.
enum class Kind { Plain, Softplus, Scale };

struct Parameter {
  double effective, slope;  // slope: d effective / dθ
};

Parameter parameter_of(Kind kind, double theta) {
  switch (kind) {
    case Kind::Softplus:
      return {std::log1p(std::exp(theta)), 1 / (1 + std::exp(-theta))};
    case Kind::Scale:
      return {std::exp(theta) + 0.001, std::exp(theta)};
    default:
      return {theta, 1};
  }
}

struct Block {
  int rows, width;  // a width of 0: a vector
  Kind kind = Kind::Plain;
};

// In visiting order, as in bench/peers/worker.py.
std::vector<Parameter> formula_parameters() {
  std::vector<Block> blocks{{kUnits, kDim}, {kUnits, 0}};
  for (int k = 1; k < kLayers; ++k)
    for (const Block& block :
         {Block{kHalf, kUnits, Kind::Softplus}, Block{kHalf, 0}, Block{kHalf, kDim}, Block{kHalf, 0}, Block{kHalf, 0},
          Block{kHalf, 0, Kind::Scale}, Block{kHalf, kDim}, Block{kHalf, 0}})
      blocks.push_back(block);
  for (const Block& block : {Block{1, kUnits, Kind::Softplus}, Block{1, kDim}, Block{1, 0, Kind::Scale},
                             Block{1, 0, Kind::Softplus}, Block{1, 0, Kind::Softplus}})
    blocks.push_back(block);
  std::vector<Parameter> parameters;
  std::uint32_t stream = 100;
  for (const auto& [rows, width, kind] : blocks) {
    const double scale = width > 0 ? 1 / std::sqrt(width) : 0.1;
    for (int i = 0; i < rows * std::max(width, 1); ++i)
      parameters.push_back(parameter_of(kind, rounded(stream, i, scale)));
    ++stream;
  }
  return parameters;
}

// Arguments are small here.
adouble softplus(const adouble& a) { return log(1.0 + exp(a)); }
adouble symmetrized(const adouble& a) { return softplus(a) - 0.5 * a; }

// Takes the next parameters of a list, in order. They are variables of the tape, adouble, or constants, double.
template <class P>
struct Reader {
  const P* next;
  const P* take(int count) { return std::exchange(next, next + count); }
};

template <class P>
adouble row_times(const P* row, const adouble* x, int n) {
  adouble sum = row[0] * x[0];
  for (int i = 1; i < n; ++i) sum += row[i] * x[i];
  return sum;
}

template <class P>
void layer(Reader<P>& p, std::vector<adouble>& z, const adouble* x) {
  const P *weights = p.take(kHalf * kUnits), *raw_bias = p.take(kHalf), *weight = p.take(kHalf * kDim),
          *bias = p.take(kHalf), *shift = p.take(kHalf), *scale = p.take(kHalf), *augment = p.take(kHalf * kDim),
          *augment_bias = p.take(kHalf);
  std::vector<adouble> next(kUnits);
  for (int j = 0; j < kHalf; ++j) {
    adouble sum = raw_bias[j];
    for (int i = 0; i < kUnits; ++i) sum += weights[j * kUnits + i] * z[std::size_t(i)];
    const adouble chain = sum / kUnits + row_times(weight + j * kDim, x, kDim) + bias[j] + shift[j];
    next[std::size_t(j)] = softplus(chain * scale[j]);
    next[std::size_t(kHalf + j)] = symmetrized(row_times(augment + j * kDim, x, kDim) + augment_bias[j]);
  }
  z = next;
}

template <class P>
adouble potential(const adouble* x, const P* parameters) {
  Reader<P> p{parameters};
  const P *first = p.take(kUnits * kDim), *first_bias = p.take(kUnits);
  std::vector<adouble> z(kUnits);
  for (int j = 0; j < kUnits; ++j)
    z[std::size_t(j)] = symmetrized(row_times(first + j * kDim, x, kDim) + first_bias[j]);
  for (int k = 1; k < kLayers; ++k) layer(p, z, x);
  const P *weights = p.take(kUnits), *weight = p.take(kDim), *scale = p.take(1), *quadratic = p.take(1),
          *convex = p.take(1);
  adouble sum = 0;
  for (int i = 0; i < kUnits; ++i) sum += weights[i] * z[std::size_t(i)];
  const adouble u = (sum / kUnits + row_times(weight, x, kDim)) * scale[0];
  return convex[0] * u + quadratic[0] * (0.5 * row_times(x, x, kDim));
}

class Model {
 public:
  Model() {
    point_.assign(kDim, 0.0);
    for (const Parameter& parameter : parameters_) point_.push_back(parameter.effective);
    record();
    slope_.resize(point_.size());
    product_.resize(point_.size());
  }

  // ∇u for all rows.
  std::vector<double> gradient_map() {
    std::vector<double> result;
    for (int row = 0; row < kBatch; ++row) {
      differentiate(row, kTapeOfInput, kDim);
      result.insert(result.end(), slope_.begin(), slope_.begin() + kDim);
    }
    return result;
  }

  // The loss and its gradient.
  std::vector<double> double_backward() {
    std::vector<double> result(1 + parameters_.size(), 0.0), direction(point_.size(), 0.0);
    for (int row = 0; row < kBatch; ++row) {
      differentiate(row, kTapeOfAll, size());
      for (int i = 0; i < kDim; ++i) {
        const double gap = slope_[std::size_t(i)] - rounded(2, row * kDim + i, 1.7);
        result[0] += gap * gap / (kBatch * kDim);
        direction[std::size_t(i)] = 2 * gap / (kBatch * kDim);
      }
      hess_vec(kTapeOfAll, size(), point_.data(), direction.data(), product_.data());
      for (std::size_t i = 0; i < parameters_.size(); ++i) result[1 + i] += product_[kDim + i] * parameters_[i].slope;
    }
    return result;
  }

 private:
  int size() const { return static_cast<int>(point_.size()); }
  void record() {
    double result = 0;
    std::vector<adouble> x(kDim), all(point_.size());
    trace_on(kTapeOfInput);
    for (std::size_t i = 0; i < kDim; ++i) x[i] <<= point_[i];
    potential(x.data(), point_.data() + kDim) >>= result;
    trace_off();
    trace_on(kTapeOfAll);
    for (std::size_t i = 0; i < all.size(); ++i) all[i] <<= point_[i];
    potential(all.data(), all.data() + kDim) >>= result;
    trace_off();
  }
  void differentiate(int row, short tape, int variables) {
    for (int i = 0; i < kDim; ++i) point_[std::size_t(i)] = rounded(1, row * kDim + i, 1.7);
    gradient(tape, variables, point_.data(), slope_.data());
  }

  std::vector<Parameter> parameters_ = formula_parameters();
  std::vector<double> point_, slope_, product_;  // in x and the effective parameters
};

std::optional<Task> prepare(const std::string& name, std::string& why) {
  const bool is_map = name == "b1/logistic/grad_x";
  if (!is_map && name != "b1/logistic/double_backward") {
    why = "written for b1 with the logistic softplus only";
    return std::nullopt;
  }
  const auto model = std::make_shared<Model>();
  const auto values = [=] { return is_map ? model->gradient_map() : model->double_backward(); };
  return Task{.run = [=] { values(); }, .values = values};
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = threads_option(argc, argv);
  serve({.peer = "adolc", .version = ADOLC_RELEASE, .threads = threads, .names = {}, .prepare = prepare});
}
