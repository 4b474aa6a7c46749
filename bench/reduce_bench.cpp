// Sums of a matrix over everything, over its columns, over its rows: the three strides a reduction can meet.
#include "bench/measure.h"
#include "bench/register.h"
#include "engine/ops.h"
#include "engine/str.h"

namespace brenier::bench {
namespace {

struct AxesCase {
  const char* name;
  Axes axes;
};
const AxesCase kAxes[] = {{"all", {}}, {"first_axis", {0}}, {"last_axis", {1}}};
const Shape kShapes[] = {{128, 32}, {1024, 256}};

void register_case(const AxesCase& row, DType dtype, const Shape& shape) {
  const std::string name = str("sum/", row.name, "/", short_name(dtype), "/", shape_name(shape));
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    const Tensor x = sample(shape, dtype);
    const double bytes = static_cast<double>(x.size()) * static_cast<double>(size_of(dtype));
    measure(state, {.bytes = bytes, .dtype = dtype}, [&] { return sum(x, row.axes); });
  });
}

}  // namespace

void register_reduce() {
  for (const AxesCase& row : kAxes)
    for (const DType dtype : {DType::Float32, DType::Float64})
      for (const Shape& shape : kShapes) register_case(row, dtype, shape);
}

}  // namespace brenier::bench
