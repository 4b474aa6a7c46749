// Programs: a recorded computation as a function of some of its tensors, made ready to be run many times.
//
//   Tape tape({.recording_program = true});
//   Tensor x = tape.watch(points), w = tape.watch(weight);
//   Tensor loss = …;
//   Program step = compile({x, w}, {loss, grad(loss, w)});
//   std::vector<Tensor> results = step({new_points, new_weight});
//
// Differentiate first, compile last: derivatives are part of what is recorded, and a program itself records nothing.
// The result of a run equals that of the recorded operations bit for bit, unless two layouts of an intermediate value
// lead to two orders of summation; the passes are described in engine/program/README.md.
//
// A program keeps its constants, its arena and nothing of the tape. After the first run it allocates nothing but its
// outputs. It is a handle: copies share one arena, and only one of them may run at a time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace brenier {

class Pipeline;
struct Graph;

struct CompileOptions {
  // How many rows of a batch are taken through the row-wise part of the program at a time; 0: chosen by size, all at once
  // for small programs.
  std::int64_t tile_rows = 0;
};

class Program {
 public:
  Program() = default;  // not callable

  // Runs on inputs with the recorded shapes and dtypes; throws std::invalid_argument for others, and for recorded ones.
  // Inputs with other strides than last time cost a new plan; keep them row-major. An output is a fresh tensor, or a
  // view of an input where the recorded computation returns one.
  std::vector<Tensor> operator()(const std::vector<Tensor>& inputs) const;
  // The same for programs of one input and one output.
  Tensor operator()(const Tensor& input) const;
  // The same without a vector of results: replaces `outputs`, one handle for each. For loops that count every
  // allocation.
  void run(const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs) const;

  std::size_t operations() const;   // in the simplified graph; views count
  std::size_t arena_bytes() const;  // of intermediate values
  const Graph& graph() const;       // after all passes; if rows are computed in tiles, before that and fusion
  // Runs `repetitions` times in one thread. For every step: microseconds, arithmetic operations per second, these as a
  // percentage of what a large matrix product reaches in the same process, bytes per second.
  std::string profile(const std::vector<Tensor>& inputs, int repetitions = 100) const;

 private:
  friend Program compile(const std::vector<Tensor>&, const std::vector<Tensor>&, const CompileOptions&);
  friend std::string to_text(const Program& program);
  Pipeline& pipeline() const;
  std::shared_ptr<Pipeline> pipeline_;
};

// The outputs as a function of the inputs. Inputs are recorded tensors, usually watched ones; what the outputs depend
// on beside them is captured with its present value, which to_text() lists. Throws std::invalid_argument if a tensor is
// not recorded on one living tape.
Program compile(const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs,
                const CompileOptions& options = {});

// Inputs, captured constants with their values if small, steps with what they read and write, buffers with offsets and
// bytes, and the operations and bytes of a run.
std::string to_text(const Program& program);
// A graph between two passes.
std::string to_text(const Graph& graph);

}  // namespace brenier
