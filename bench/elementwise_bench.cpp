// Elementwise operations on activations of the two ICNN sizes of bench/README.md, and on one number, where nothing but
// the cost of an operation itself is left: evaluated, recorded, and recorded with its derivative.
#include "bench/measure.h"
#include "bench/register.h"
#include "engine/autodiff.h"
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

// A chain of additions on one number; divide the time by the length for the cost of one operation.
constexpr int kChain = 100;

Tensor chain_of_additions(Tensor x) {
  for (int i = 0; i < kChain; ++i) x = x + 1.0;
  return x;
}

void register_overhead() {
  benchmark::RegisterBenchmark("overhead/100_additions/eager", [](benchmark::State& state) {
    const Tensor x = tensor(1.0, DType::Float32);
    measure(state, {}, [&] { return chain_of_additions(x); });
  });
  benchmark::RegisterBenchmark("overhead/100_additions/recorded", [](benchmark::State& state) {
    const Tensor x = tensor(1.0, DType::Float32);
    measure(state, {}, [&] {
      Tape tape;
      return chain_of_additions(tape.watch(x)).detached();
    });
  });
  benchmark::RegisterBenchmark("overhead/100_additions/gradient", [](benchmark::State& state) {
    const Tensor value = tensor(1.0, DType::Float32);
    measure(state, {}, [&] {
      Tape tape;
      const Tensor x = tape.watch(value);
      return grad(chain_of_additions(x), x).detached();
    });
  });
}

}  // namespace

void register_elementwise() {
  for (const DType dtype : {DType::Float32, DType::Float64})
    for (const Shape& shape : kShapes) register_shape(shape, dtype);
  register_overhead();
}

}  // namespace brenier::bench
