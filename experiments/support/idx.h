// IDX files, in which MNIST and Fashion-MNIST are published, also gzip-compressed.
//
// Four bytes 0, 0, type, rank; the lengths of the axes as big-endian uint32; the elements. Reading accepts unsigned
// bytes (type 8), with at most eight axes. Other types are named in the refusal. Anything else, and any disagreement
// between lengths and file size, is an InputError "FILE: offset N: …".
// Reference: Y. LeCun, C. Cortes & C. Burges, The MNIST database, http://yann.lecun.com/exdb/mnist/
#pragma once

#include <string>
#include <string_view>

#include "experiments/support/byte_array.h"
#include "experiments/support/file_io.h"

namespace brenier::experiments {

ByteArray from_idx(std::string_view bytes, const std::string& source);
std::string to_idx(const ByteArray& array);

ByteArray read_idx(const Path& path);  // decompressed if the content is gzip

}  // namespace brenier::experiments
