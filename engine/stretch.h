// The stretch of tape between some arguments and some results: what sweeps walk over.
//
// Private to the derivatives: engine/autodiff.cpp, engine/hessian.cpp.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "engine/op.h"
#include "engine/str.h"
#include "engine/tape.h"

namespace brenier {

class Stretch {
 public:
  Stretch(const char* query, const std::vector<Tensor>& ys, const std::vector<Tensor>& xs) {
    if (ys.empty() || xs.empty()) throw std::invalid_argument(str("[", query, "] needs an output and an input"));
    for (const Tensor& y : ys) require_recorded(query, y, "output");
    for (const Tensor& x : xs) require_recorded(query, x, "input");
    first_ = xs[0].slot();
    last_ = ys[0].slot();
    for (const Tensor& x : xs) first_ = std::min(first_, x.slot());
    for (const Tensor& y : ys) last_ = std::max(last_, y.slot());
    mark_dependent(xs);
  }

  Tape& tape() const { return *tape_; }
  std::int32_t first() const { return first_; }
  std::int32_t last() const { return last_; }
  // Whether the value at a position can change with an argument.
  bool depends(std::int32_t slot) const { return slot >= first_ && slot <= last_ && depends_[index(slot)]; }
  std::size_t index(std::int32_t slot) const { return static_cast<std::size_t>(slot - first_); }
  std::size_t length() const { return last_ < first_ ? 0 : static_cast<std::size_t>(last_ - first_) + 1; }
  // By index: 1 where a value changes with an argument and one of `ys` with it.
  std::vector<char> needed_for(const std::vector<Tensor>& ys) const {
    std::vector<char> needed(length(), 0);
    for (const Tensor& y : ys)
      if (depends(y.slot())) needed[index(y.slot())] = 1;
    for (std::int32_t slot = last_; slot >= first_; --slot) {
      if (!needed[index(slot)]) continue;
      for (std::int32_t input : tape_->inputs(tape_->node(slot)))
        if (depends(input)) needed[index(input)] = 1;
    }
    return needed;
  }

 private:
  void require_recorded(const char* query, const Tensor& tensor, const char* role) {
    if (!tensor.recorded())
      throw std::invalid_argument(str("[", query, "] the ", role, " of shape ", tensor.shape(),
                                      " is not recorded on a living tape; use Tape::watch() first"));
    if (!tape_) tape_ = tensor.tape();
    if (tape_ != tensor.tape())
      throw std::invalid_argument(str("[", query, "] the ", role, " of shape ", tensor.shape(), " is on another tape"));
  }

  void mark_dependent(const std::vector<Tensor>& xs) {
    depends_.assign(length(), 0);
    for (const Tensor& x : xs)
      if (x.slot() <= last_) depends_[index(x.slot())] = 1;
    for (std::int32_t slot = first_; slot <= last_; ++slot) {
      const Node& node = tape_->node(slot);
      if (node.op->kind == OpKind::Constant) continue;
      for (std::int32_t input : tape_->inputs(node)) depends_[index(slot)] |= depends(input) ? 1 : 0;
    }
  }

  Tape* tape_ = nullptr;
  std::int32_t first_ = 0, last_ = -1;
  std::vector<char> depends_;
};

}  // namespace brenier
