// A user's table of numbers from whatever file it is in.
#pragma once

#include "engine/tensor.h"
#include "experiments/support/file_io.h"

namespace brenier::experiments {

// .npy, .npy.gz, .csv, .tsv or .txt by extension -> [rows, columns] of finite numbers in `dtype`. A one-dimensional
// array is one column. Throws InputError naming the file, with line or offset, for anything else.
Tensor read_matrix(const Path& path, DType dtype = DType::Float64);

// The same by extension; atomic.
void write_matrix(const Path& path, const Tensor& values);

}  // namespace brenier::experiments
