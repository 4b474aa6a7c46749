// Random numbers as operations: constants, functions of (seed, counter, index) alone.
//
// The counter is a tensor so that it can be an input of a recorded computation. The generator is in the kernels
// (engine/philox.h); Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (2011).
#include <stdexcept>

#include "engine/op.h"
#include "engine/ops.h"
#include "engine/str.h"

namespace brenier {
namespace {

OutputType random_type(const Op& op, std::span<const Tensor* const> in, const Attributes& attributes) {
  if (in[0]->dtype() != DType::Int64 || in[0]->rank() != 0)
    misuse(op, str("the counter must be an int64 scalar, got ", in[0]->dtype(), " ", in[0]->shape()));
  if (attributes.dtype == DType::Int64 && op.code != OpCode::RandomPermutation)
    misuse(op, "int64 is not a type for random numbers");
  return {attributes.shape, attributes.dtype};
}

const Op uniform_op = constant("random_uniform", OpCode::RandomUniform, random_type);
const Op normal_op = constant("random_normal", OpCode::RandomNormal, random_type);
const Op rademacher_op = constant("random_rademacher", OpCode::RandomRademacher, random_type);
const Op permutation_op = constant("random_permutation", OpCode::RandomPermutation, random_type);

Tensor draw(const Op& op, const RandomKey& key, const Shape& shape, DType dtype) {
  return apply(op, key.counter, {.shape = shape, .dtype = dtype, .seed = key.seed});
}

}  // namespace

RandomKey::RandomKey(std::uint64_t seed, std::uint64_t counter) : seed(seed) {
  const std::int64_t value = static_cast<std::int64_t>(counter);
  this->counter = index_tensor(std::span(&value, 1), {});
}

Tensor random_uniform(const RandomKey& key, const Shape& shape, DType dtype) {
  return draw(uniform_op, key, shape, dtype);
}
Tensor random_normal(const RandomKey& key, const Shape& shape, DType dtype) {
  return draw(normal_op, key, shape, dtype);
}
Tensor random_rademacher(const RandomKey& key, const Shape& shape, DType dtype) {
  return draw(rademacher_op, key, shape, dtype);
}
Tensor random_permutation(const RandomKey& key, std::int64_t n) {
  if (n < 0) misuse(permutation_op, str("the length must not be negative, got ", n));
  return draw(permutation_op, key, {n}, DType::Int64);
}

}  // namespace brenier
