// The classical way to give a picture the colours of another: every channel for itself is carried onto the distribution
// of the other's by the increasing map between them, y = F_target⁻¹(F_source(x)). The optimal transport between the
// marginals, and the simple rival of maps that know how channels go together.
// Reference: Gonzalez & Woods, Digital image processing (4th edition, 2018), section 3.3.
#pragma once

#include <vector>

#include "engine/tensor.h"

namespace brenier::experiments {

class HistogramMatching {
 public:
  // From the columns of [n, d] to those of [m, d]; n and m at least 1. Throws std::invalid_argument for other shapes.
  HistogramMatching(const Tensor& source, const Tensor& target);
  // [rows, d] -> [rows, d]. Between the values of the source it is interpolated, outside it is constant.
  Tensor operator()(const Tensor& x) const;

 private:
  struct Column {
    std::vector<double> from, to;  // increasing, of equal length
  };
  std::vector<Column> columns_;
};

}  // namespace brenier::experiments
