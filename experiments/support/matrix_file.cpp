// Dispatch by extension, and the checks that all formats need.
#include "experiments/support/matrix_file.h"

#include <cmath>
#include <stdexcept>

#include "engine/ops.h"
#include "engine/str.h"
#include "experiments/support/csv.h"
#include "experiments/support/input_error.h"
#include "experiments/support/npy.h"

namespace brenier::experiments {
namespace {

bool is_npy(const Path& path) { return path.extension() == ".npy" || path.string().ends_with(".npy.gz"); }
bool is_text(const Path& path) {
  return path.extension() == ".csv" || path.extension() == ".tsv" || path.extension() == ".txt";
}

[[noreturn]] void unknown_extension(const Path& path) {
  throw InputError(str(path.string(), ": the name must end in .npy, .npy.gz, .csv, .tsv or .txt"));
}

void check_finite(const Tensor& matrix, const Path& path) {
  const std::vector<double> values = matrix.to_vector<double>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i])) continue;
    const auto columns = static_cast<std::size_t>(matrix.dim(1));
    throw InputError(str(path.string(), ": row ", i / columns, ", column ", i % columns, " is ", values[i],
                         ", not a finite number"));
  }
}

}  // namespace

Tensor read_matrix(const Path& path, DType dtype) {
  if (!is_npy(path) && !is_text(path)) unknown_extension(path);
  Tensor matrix = is_npy(path) ? read_npy(path) : read_csv(path);
  if (matrix.rank() == 1) matrix = reshape(matrix, {matrix.dim(0), 1});
  if (matrix.rank() != 2)
    throw InputError(str(path.string(), ": has shape ", matrix.shape(), "; rows and columns are needed"));
  if (matrix.size() == 0) throw InputError(str(path.string(), ": contains no numbers"));
  check_finite(matrix, path);
  if (matrix.dtype() == dtype) return matrix;
  matrix = cast(matrix, dtype);
  check_finite(matrix, path);  // a double may be too large for a float
  return matrix;
}

void write_matrix(const Path& path, const Tensor& values) {
  if (is_npy(path)) return write_npy(path, values);
  if (is_text(path)) return write_csv(path, values);
  unknown_extension(path);
}

}  // namespace brenier::experiments
