// Whole files as bytes. Writing is atomic: a reader, or the next run after a power cut, sees the old or the new
// content, never a mixture.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace brenier::experiments {

using Path = std::filesystem::path;

// Throws InputError naming the file if it is missing, a folder, unreadable, or larger than `limit` bytes.
std::string read_file(const Path& path, std::uint64_t limit = std::uint64_t{1} << 36);

// Writes beside the target, flushes to disk, renames. Makes missing folders. Throws std::runtime_error naming the file.
void write_file(const Path& path, std::string_view bytes);

}  // namespace brenier::experiments
