// gzip streams and raw deflate data in memory, over zlib.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "experiments/support/file_io.h"

namespace brenier::experiments {

bool is_gzip(std::string_view bytes);
std::string gzip(std::string_view bytes);  // deterministic: no name, no time

// Throws InputError naming `source` for damaged or truncated streams and for results above `limit` bytes.
std::string gunzip(std::string_view bytes, const std::string& source, std::uint64_t limit = std::uint64_t{1} << 34);

// Deflate data without a frame, as archives hold it. Throws InputError unless it is whole and unpacks to exactly `size`
// bytes; a lying size costs no memory.
std::string inflate_raw(std::string_view bytes, const std::string& source, std::uint64_t size);

// The content of a file, decompressed if it is gzip.
std::string read_unpacked(const Path& path);

}  // namespace brenier::experiments
