// CIFAR-10 in its binary form, also gzip-compressed: records of 3,073 bytes, a label 0 … 9 followed by the planes red,
// green and blue of 32 x 32 pixels. A file whose length is no multiple, or a larger label, is an InputError "FILE: …".
// Reference: A. Krizhevsky, Learning multiple layers of features from tiny images (2009),
// https://www.cs.toronto.edu/~kriz/cifar.html
#pragma once

#include <string>
#include <string_view>

#include "experiments/support/byte_array.h"
#include "experiments/support/file_io.h"

namespace brenier::experiments {

inline constexpr std::int64_t kCifarSide = 32, kCifarChannels = 3;

struct CifarRecords {
  ByteArray labels{{0}, {}};        // [n]
  ByteArray images{{0, 3072}, {}};  // [n, 3072]
};

CifarRecords from_cifar(std::string_view bytes, const std::string& source);
std::string to_cifar(const CifarRecords& records);
CifarRecords read_cifar(const Path& path);  // decompressed if the content is gzip

// The records of both, one after the other.
CifarRecords joined(CifarRecords first, const CifarRecords& second);

}  // namespace brenier::experiments
