// What an operation costs by itself, in a chain of a hundred, x ← f(x) or x ← x + y; times are per operation.
//
//   evaluated   on constants
//   recorded    on a tape
//   gradient    on a tape, and the derivative of the end with respect to the start
//   replay      the chain as a program
#include "bench/workloads/recording.h"
#include "engine/str.h"

namespace brenier::bench {
namespace {

constexpr int kChain = 100;

// A chain that stays finite: exp, erf and softplus start from y again.
Tensor step(const std::string& operation, const Tensor& x, const Tensor& y) {
  if (operation == "exp") return exp(y);
  if (operation == "erf") return erf(y);
  if (operation == "softplus") return softplus(y);
  return x + y;
}

Formula chain_of(const std::string& operation) {
  return [=](const Tensors& in) {
    Tensor x = in[0];
    for (int i = 0; i < kChain; ++i) x = step(operation, x, in[1]);
    return Tensors{x};
  };
}

Tensors gradient_of_chain(const Tensors& in) { return {grad(sum(chain_of("add")(in)[0]), in[0])}; }

std::string size_name(const Shape& shape) { return shape.rank() == 1 ? str(shape[0]) : str(shape[0], "x", shape[1]); }

void add_chain(std::vector<Workload>& list, const std::string& operation, const Shape& shape, const char* form,
               std::function<Prepared(const Tensors&)> prepare) {
  // Bytes of one operation: an addition reads two arrays, the others one; each writes one.
  const double arrays = operation == "add" ? 3 : 2;
  const double bytes = arrays * sizeof(float) * static_cast<double>(element_count(shape));
  const auto make = [=] {
    return prepare({formula_tensor(kPoints, shape, 1.0), formula_tensor(kTarget, shape, 0.01)});
  };
  list.push_back({.name = str("a/", operation, "/", size_name(shape), "/", form),
                  .work = {.bytes = element_count(shape) > 1 ? bytes * kChain : 0},
                  .operations = kChain,
                  .eager = std::string_view(form) == "replay" ? std::function<Prepared()>() : make,
                  .compiled = std::string_view(form) == "replay" ? make : std::function<Prepared()>()});
}

}  // namespace

void add_operations(std::vector<Workload>& list) {
  for (const Shape& shape : {Shape{1}, Shape{128, 32}, Shape{1024, 256}}) {
    for (const char* operation : {"add", "exp", "erf", "softplus"})
      add_chain(list, operation, shape, "evaluated",
                [=](const Tensors& in) { return evaluated(chain_of(operation), in); });
    add_chain(list, "add", shape, "recorded", [](const Tensors& in) { return recorded(chain_of("add"), in); });
    add_chain(list, "add", shape, "gradient", [](const Tensors& in) { return recorded(gradient_of_chain, in); });
    add_chain(list, "add", shape, "replay", [](const Tensors& in) { return compiled(chain_of("add"), in); });
  }
}

}  // namespace brenier::bench
