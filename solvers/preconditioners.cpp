// Both restrict to rows by taking the rows of what they store.
#include "solvers/preconditioners.h"

#include <stdexcept>

#include "engine/str.h"

namespace brenier {

LinearOperator diagonal_preconditioner(const Tensor& diagonal) {
  if (diagonal.rank() != 1 && diagonal.rank() != 2)
    throw std::invalid_argument(
        str("[diagonal_preconditioner] expected a diagonal [d] or [rows, d], got ", diagonal.shape()));
  const auto map = [diagonal](const Tensor& v) { return v / diagonal; };
  return {map, [diagonal](const Tensor& rows) {
            return diagonal_preconditioner(diagonal.rank() == 1 ? diagonal : gather(diagonal, rows, 0));
          }};
}

}  // namespace brenier
