// Elementwise operations on activations of the two smaller ICNN sizes of bench/README.md.
#include "bench/measure.h"
#include "bench/register.h"
#include "engine/ops.h"
#include "engine/str.h"

namespace brenier::bench {
namespace {

struct UnaryCase {
  const char* name;
  Tensor (*function)(const Tensor&);
};
struct BinaryCase {
  const char* name;
  Tensor (*function)(const Tensor&, const Tensor&);
};

const UnaryCase kUnary[] = {{"exp", exp},         {"tanh", tanh},         {"erf", erf},
                            {"sigmoid", sigmoid}, {"softplus", softplus}, {"gaussian_softplus", gaussian_softplus},
                            {"square", square}};
const BinaryCase kBinary[] = {{"add", add}, {"mul", mul}, {"div", div}};
const Shape kShapes[] = {{128, 32}, {1024, 256}};

std::string name_of_case(const char* operation, DType dtype, const Shape& shape) {
  return str("elementwise/", operation, "/", short_name(dtype), "/", shape_name(shape));
}

double bytes_of(const Shape& shape, DType dtype, int arrays) {
  return static_cast<double>(element_count(shape)) * static_cast<double>(size_of(dtype)) * arrays;
}

void register_shape(const Shape& shape, DType dtype) {
  for (const BinaryCase& row : kBinary)
    benchmark::RegisterBenchmark(name_of_case(row.name, dtype, shape).c_str(), [=](benchmark::State& state) {
      const Tensor a = sample(shape, dtype, 1), b = sample(shape, dtype, 2);
      measure(state, {.bytes = bytes_of(shape, dtype, 3), .dtype = dtype}, [&] { return row.function(a, b); });
    });
  for (const UnaryCase& row : kUnary)
    benchmark::RegisterBenchmark(name_of_case(row.name, dtype, shape).c_str(), [=](benchmark::State& state) {
      const Tensor x = sample(shape, dtype);
      measure(state, {.bytes = bytes_of(shape, dtype, 2), .dtype = dtype}, [&] { return row.function(x); });
    });
}

}  // namespace

void register_elementwise() {
  for (const DType dtype : {DType::Float32, DType::Float64})
    for (const Shape& shape : kShapes) register_shape(shape, dtype);
}

}  // namespace brenier::bench
