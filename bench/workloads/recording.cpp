#include "bench/workloads/recording.h"

#include "bench/workloads/numbers.h"

namespace brenier::bench {

Tensor formula_tensor(std::uint32_t stream, const Shape& shape, double scale, DType dtype) {
  std::vector<double> values(static_cast<std::size_t>(element_count(shape)));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = scale * number(stream, static_cast<std::uint32_t>(i));
  return tensor(values, shape, dtype);
}

Prepared evaluated(const Formula& formula, const Tensors& inputs) {
  return {.run = [=] { return formula(inputs); }, .values = {}};
}

Prepared recorded(const Formula& formula, const Tensors& inputs) {
  return {.run =
              [=] {
                Tape tape;
                Tensors watched;
                for (const Tensor& input : inputs) watched.push_back(tape.watch(input));
                return formula(watched);  // constants once the tape has ended
              },
          .values = {}};
}

Prepared compiled(const Formula& formula, const Tensors& inputs) {
  Tape tape({.recording_program = true});
  Tensors watched;
  for (const Tensor& input : inputs) watched.push_back(tape.watch(input));
  const Program program = compile(watched, formula(watched));
  return {.run = [=] { return program(inputs); }, .values = {}, .arena_bytes = program.arena_bytes()};
}

void add_formula(std::vector<Workload>& list, const std::string& name, const Work& work,
                 Prepared (*eager)(const Formula&, const Tensors&), std::function<std::pair<Formula, Tensors>()> make) {
  const auto prepare = [make](Prepared (*form)(const Formula&, const Tensors&)) {
    return [make, form] {
      const auto [formula, inputs] = make();
      return form(formula, inputs);
    };
  };
  list.push_back({.name = name, .work = work, .eager = prepare(eager), .compiled = prepare(compiled)});
}

}  // namespace brenier::bench
