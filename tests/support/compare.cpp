// See compare.h. All comparisons are made in double, on copies, so that no engine operation judges itself.
#include "tests/support/compare.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include "engine/str.h"

namespace brenier::testing {

namespace {

// The distance of two numbers, where NaN and the infinities equal themselves and differ from all else.
double distance(double a, double b) {
  if (a == b || (std::isnan(a) && std::isnan(b))) return 0;
  const double d = std::abs(a - b);
  return std::isnan(d) ? std::numeric_limits<double>::infinity() : d;
}

// The sum of f(a_i b_i) over all entries of two equally shaped lists.
template <class F>
double sum_of_products(const std::vector<Tensor>& a, const std::vector<Tensor>& b, F&& f) {
  if (a.size() != b.size()) throw std::logic_error("inner: lists of different length");
  double sum = 0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    if (a[k].shape() != b[k].shape()) throw std::logic_error(str("inner: ", a[k].shape(), " and ", b[k].shape()));
    const auto x = a[k].to_vector<double>(), y = b[k].to_vector<double>();
    for (std::size_t i = 0; i < x.size(); ++i) sum += f(x[i] * y[i]);
  }
  return sum;
}

}  // namespace

double epsilon(DType dtype) {
  return dtype == DType::Float32 ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
}

double rounding_tolerance(DType dtype, double scale, std::int64_t terms) {
  // Two evaluations, and up to eight roundings in each term before it is added.
  return 2 * (8 + static_cast<double>(terms)) * epsilon(dtype) * scale;
}

std::string mismatch(const Tensor& got, const Tensor& expected, double tolerance) {
  if (!got.defined()) return "got an undefined tensor";
  if (got.shape() != expected.shape()) return str("got shape ", got.shape(), ", expected ", expected.shape());
  const auto a = got.to_vector<double>(), b = expected.to_vector<double>();
  std::size_t worst = 0;
  for (std::size_t i = 1; i < a.size(); ++i) {
    if (distance(a[i], b[i]) > distance(a[worst], b[worst])) worst = i;
  }
  if (a.empty() || distance(a[worst], b[worst]) <= tolerance) return {};
  std::ostringstream out;
  out.precision(17);
  out << "element " << worst << " of shape " << got.shape() << ": got " << a[worst] << ", expected " << b[worst]
      << ", difference " << distance(a[worst], b[worst]) << " > " << tolerance;
  return out.str();
}

std::string rounding_mismatch(const Tensor& got, const Tensor& expected, std::int64_t terms) {
  return mismatch(got, expected, rounding_tolerance(got.dtype(), max_abs(expected), terms));
}

double max_abs(const Tensor& x) {
  double largest = 0;
  for (double v : x.to_vector<double>()) {
    if (!(std::abs(v) <= largest)) largest = std::abs(v);
  }
  return largest;
}

double max_abs(const std::vector<Tensor>& xs) {
  double largest = 0;
  for (const Tensor& x : xs) largest = std::max(largest, max_abs(x));
  return largest;
}

double inner(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  return sum_of_products(a, b, [](double p) { return p; });
}

double absolute_inner(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  return sum_of_products(a, b, [](double p) { return std::abs(p); });
}

std::int64_t total_size(const std::vector<Tensor>& xs) {
  std::int64_t count = 0;
  for (const Tensor& x : xs) count += x.size();
  return count;
}

}  // namespace brenier::testing
