// Members of a family (engine/backend.h) in a program: computed together wherever two of them read one argument, with
// the bits of the separate operations.
#include <doctest/doctest.h>

#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "engine/backend.h"
#include "engine/ops.h"
#include "engine/program/program.h"
#include "engine/tape.h"
#include "tests/support/compiled.h"
#include "tests/support/sampler.h"

namespace brenier::testing {
namespace {

using Operation = Tensor (*)(const Tensor&);

const std::map<OpCode, Operation> kOperations{{OpCode::Softplus, softplus},
                                              {OpCode::Sigmoid, sigmoid},
                                              {OpCode::LaplaceSoftplus, laplace_softplus},
                                              {OpCode::LaplaceCdf, laplace_cdf},
                                              {OpCode::GaussianSoftplus, gaussian_softplus},
                                              {OpCode::NormalCdf, normal_cdf},
                                              {OpCode::NormalPdf, normal_pdf}};

// A family's function that counts its calls.
TileFunction counted = nullptr;
int calls = 0;
void count_call(const void* const* inputs, const std::int64_t* strides, void* const* outputs, std::int64_t n) {
  ++calls;
  counted(inputs, strides, outputs, n);
}

// The CPU with the function of one family and dtype counted. Blocks of memory remember their backend, hence a static.
const Backend& counting_backend(std::size_t family, DType dtype) {
  static Backend backend;
  backend = cpu_backend();
  counted = std::exchange(backend.families[family].functions[static_cast<std::size_t>(dtype)], count_call);
  calls = 0;
  return backend;
}

// Two tiles, the second with a part of a pack at its end; all sizes of arguments, and what is not finite.
template <class T>
std::vector<T> numbers() {
  Sampler sampler(5);
  std::vector<T> result = cast(sampler.uniform({1500}, -40, 40), dtype_of<T>()).template to_vector<T>();
  for (std::size_t i = 0; i < result.size(); i += 3) result[i] /= 32;
  result[7] = std::numeric_limits<T>::infinity();
  result[70] = -std::numeric_limits<T>::infinity();
  result[700] = result[1499] = std::numeric_limits<T>::quiet_NaN();
  return result;
}

// The operations of -x, compiled, with x on the given backend.
template <class T>
std::vector<Tensor> run_compiled(const std::vector<Operation>& operations, const Backend& backend) {
  const std::vector<T> values = numbers<T>();
  Tensor x = Tensor::uninitialized({static_cast<std::int64_t>(values.size())}, dtype_of<T>(), backend);
  std::copy(values.begin(), values.end(), x.mutable_data<T>());
  Tape tape({.recording_program = true});
  const Tensor watched = tape.watch(x), y = -watched;
  std::vector<Tensor> results;
  for (const Operation operation : operations) results.push_back(operation(y));
  return compile({watched}, results)(std::vector<Tensor>{x});
}

template <class T>
void check_members(std::size_t family, unsigned wanted) {
  const Backend& backend = counting_backend(family, dtype_of<T>());
  std::vector<Operation> operations;
  for (std::size_t k = 0; k < 3; ++k) {
    const OpCode member = backend.families[family].members[k];
    if (wanted >> k & 1 && member != OpCode::Count) operations.push_back(kOperations.at(member));
  }
  if (operations.empty()) return;
  INFO("family ", family, ", members ", wanted, ", ", std::string(name_of(dtype_of<T>())));
  const std::vector<Tensor> results = run_compiled<T>(operations, backend);
  const Tensor y = -tensor(numbers<T>(), {1500});
  for (std::size_t i = 0; i < operations.size(); ++i) CHECK(bit_mismatch(results[i], operations[i](y)) == "");
  CHECK((calls > 0) == (operations.size() > 1));
}

TEST_SUITE("program") {
  TEST_CASE("members of a family that read one argument are computed together, and bit for bit as they are alone") {
    CHECK(cpu_backend().families.size() == 3);
    for (std::size_t family = 0; family < cpu_backend().families.size(); ++family)
      for (unsigned wanted = 1; wanted < 8; ++wanted) {
        check_members<float>(family, wanted);
        check_members<double>(family, wanted);
      }
  }

  TEST_CASE("members that read different arguments are computed apart") {
    const Backend& backend = counting_backend(2, DType::Float64);
    Tensor x = Tensor::uninitialized({3}, DType::Float64, backend);
    for (int i = 0; i < 3; ++i) x.mutable_data<double>()[i] = i;
    Tape tape({.recording_program = true});
    const Tensor watched = tape.watch(x), y = -watched;
    const Program program = compile({watched}, {gaussian_softplus(y) + normal_cdf(normal_pdf(y) * y)});
    program({x});
    CHECK(calls == 1);  // s(y) and p(y)
  }
}

}  // namespace
}  // namespace brenier::testing
