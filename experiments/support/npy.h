// NumPy's .npy files (format versions 1 to 3), also gzip-compressed.
//
// Reading accepts little-endian f4, f8 (kept as float32, float64), i8 (int64), and bool, i1, i2, i4, u1, u2, u4
// (converted to int64), in C and Fortran order, with at most eight axes. Anything else, and any disagreement between
// header and file length, is an InputError "FILE: offset N: …". Writing makes version 1.0 files in C order.
// Reference: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once

#include <string>
#include <string_view>

#include "engine/tensor.h"
#include "experiments/support/file_io.h"

namespace brenier::experiments {

std::string to_npy(const Tensor& values);
Tensor from_npy(std::string_view bytes, const std::string& source);

void write_npy(const Path& path, const Tensor& values);  // atomic; compressed if the name ends in .gz
Tensor read_npy(const Path& path);                       // decompressed if the content is gzip

}  // namespace brenier::experiments
