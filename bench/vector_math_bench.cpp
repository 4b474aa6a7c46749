// The elementary functions under every instruction set of this machine, in one process, and the C library's scalar
// functions beside them: names vector/FUNCTION/DTYPE/ISA, counter ns/element. Families (engine/backend.h) are timed with
// all their members together: vector/FIRST_family. 4096 numbers in (-4, 4) stay in the L1 cache, so that the arithmetic
// is measured and not the memory.
#include <cmath>

#include "bench/measure.h"
#include "bench/register.h"
#include "engine/cpu/kernel_table.h"
#include "engine/ops.h"
#include "engine/str.h"

namespace brenier::bench {
namespace {

constexpr std::int64_t kCount = 4096;

struct Case {
  const char* name;
  OpCode code;
  bool positive;                  // the first argument is sampled in (0, 4)
  double (*f64)(double, double);  // the second argument matters to pow only
  float (*f32)(float, float);
};

#define BRENIER_C_FUNCTION(f) [](double x, double) { return std::f(x); }, [](float x, float) { return std::f(x); }
const Case kCases[] = {{"exp", OpCode::Exp, false, BRENIER_C_FUNCTION(exp)},
                       {"expm1", OpCode::Expm1, false, BRENIER_C_FUNCTION(expm1)},
                       {"log", OpCode::Log, true, BRENIER_C_FUNCTION(log)},
                       {"log1p", OpCode::Log1p, true, BRENIER_C_FUNCTION(log1p)},
                       {"tanh", OpCode::Tanh, false, BRENIER_C_FUNCTION(tanh)},
                       {"erf", OpCode::Erf, false, BRENIER_C_FUNCTION(erf)},
                       {"erfc", OpCode::Erfc, false, BRENIER_C_FUNCTION(erfc)},
                       {"sin", OpCode::Sin, false, BRENIER_C_FUNCTION(sin)},
                       {"cos", OpCode::Cos, false, BRENIER_C_FUNCTION(cos)},
                       {"pow", OpCode::Pow, true, [](double x, double y) { return std::pow(x, y); },
                        [](float x, float y) { return std::pow(x, y); }},
                       {"sigmoid", OpCode::Sigmoid, false, nullptr, nullptr},
                       {"softplus", OpCode::Softplus, false, nullptr, nullptr},
                       {"log_cosh", OpCode::LogCosh, false, nullptr, nullptr},
                       {"gaussian_softplus", OpCode::GaussianSoftplus, false, nullptr, nullptr},
                       {"normal_cdf", OpCode::NormalCdf, false, nullptr, nullptr},
                       {"normal_pdf", OpCode::NormalPdf, false, nullptr, nullptr}};
#undef BRENIER_C_FUNCTION

Tensor arguments(const Case& row, DType dtype) {
  const Tensor x = sample({kCount}, dtype) * 4.0;
  return row.positive ? abs(x) : x;
}

template <class Run>
void time_elements(benchmark::State& state, Run&& run) {
  for (auto iteration : state) {
    static_cast<void>(iteration);
    run();
    benchmark::ClobberMemory();
  }
  state.counters["ns/element"] = benchmark::Counter(
      static_cast<double>(kCount) * 1e-9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void register_kernel(const Case& row, DType dtype, const cpu::InstructionSet& isa) {
  const Kernel kernel = isa.tables().kernels[static_cast<std::size_t>(row.code)];
  const std::string name = str("vector/", row.name, "/", short_name(dtype), "/", isa.name);
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    const Tensor x = arguments(row, dtype), power = sample({kCount}, dtype) * 4.0;
    Tensor y = Tensor::uninitialized({kCount}, dtype, cpu_backend());
    const Tensor* const inputs[] = {&x, &power};
    const Attributes attributes;
    time_elements(state, [&] { kernel({inputs, y, attributes}); });
  });
}

void register_family(const OpFamily& family, DType dtype, const cpu::InstructionSet& isa) {
  const std::string name = str("vector/", name_of(family.members[0]), "_family/", short_name(dtype), "/", isa.name);
  const TileFunction function = family.functions[static_cast<std::size_t>(dtype)];
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    const Tensor x = sample({kCount}, dtype) * 4.0;
    std::vector<Tensor> results;
    void* outputs[3] = {};
    for (std::size_t k = 0; k < 3 && family.members[k] != OpCode::Count; ++k) {
      results.push_back(Tensor::uninitialized({kCount}, dtype, cpu_backend()));
      outputs[k] = dtype == DType::Float32 ? static_cast<void*>(results[k].mutable_data<float>())
                                           : results[k].mutable_data<double>();
    }
    const void* const inputs[] = {dtype == DType::Float32 ? static_cast<const void*>(x.data<float>())
                                                          : x.data<double>()};
    const std::int64_t stride = 1;
    time_elements(state, [&] { function(inputs, &stride, outputs, kCount); });
  });
}

template <class T>
void register_library(const Case& row, DType dtype, T (*function)(T, T)) {
  const std::string name = str("vector/", row.name, "/", short_name(dtype), "/libc");
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    const Tensor x = arguments(row, dtype), power = sample({kCount}, dtype) * 4.0;
    Tensor y = Tensor::uninitialized({kCount}, dtype, cpu_backend());
    const T *from = x.data<T>(), *exponent = power.data<T>();
    T* to = y.mutable_data<T>();
    time_elements(state, [&] {
      for (std::int64_t i = 0; i < kCount; ++i) to[i] = function(from[i], exponent[i]);
    });
  });
}

}  // namespace

void register_vector_math() {
  for (const Case& row : kCases) {
    for (const DType dtype : {DType::Float32, DType::Float64}) {
      for (const cpu::InstructionSet& isa : cpu::instruction_sets()) {
        if (isa.supported) register_kernel(row, dtype, isa);
      }
    }
    if (row.f32 != nullptr) register_library(row, DType::Float32, row.f32);
    if (row.f64 != nullptr) register_library(row, DType::Float64, row.f64);
  }
  for (const cpu::InstructionSet& isa : cpu::instruction_sets()) {
    if (!isa.supported) continue;
    for (const OpFamily& family : isa.tables().families) {
      for (const DType dtype : {DType::Float32, DType::Float64}) register_family(family, dtype, isa);
    }
  }
}

}  // namespace brenier::bench
