// Collecting what does not lie in memory in the order of a tile: rows of other strides, repeated rows, repeated elements.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace brenier::cpu {

inline constexpr std::int64_t kShortRow = 256;  // bytes; a call of memcpy for each row costs more than the copy

// A short row of at least one chunk, in chunks that may overlap at its end.
inline void copy_short_row(char* to, const char* from, std::int64_t bytes) {
  struct Chunk {
    char bytes[16];
  };
  constexpr auto size = static_cast<std::int64_t>(sizeof(Chunk));
  for (std::int64_t i = 0; i < bytes; i += size) {
    const std::int64_t start = std::min(i, bytes - size);
    std::memcpy(to + start, from + start, sizeof(Chunk));
  }
}

// One element again and again.
template <std::size_t Bytes>
void fill(char* to, const char* from, std::int64_t count) {
  std::conditional_t<Bytes == 4, std::uint32_t, std::uint64_t> element;
  std::memcpy(&element, from, Bytes);
  for (std::int64_t i = 0; i < count; ++i) std::memcpy(to + i * static_cast<std::int64_t>(Bytes), &element, Bytes);
}

// The first `row` bytes again and again: `total` bytes in all, by doubling what there is.
inline void repeat_row(char* to, std::int64_t row, std::int64_t total) {
  for (std::int64_t done = row; done < total; done *= 2)
    std::memcpy(to + done, to, static_cast<std::size_t>(std::min(done, total - done)));
}

// row_count x col_count elements of `Bytes` bytes, strides in bytes, to consecutive ones.
template <std::size_t Bytes>
void gather(char* to, const char* from, std::int64_t row_count, std::int64_t col_count, std::int64_t row_stride,
            std::int64_t col_stride) {
  const std::int64_t row_bytes = col_count * static_cast<std::int64_t>(Bytes), total = row_count * row_bytes;
  if (row_stride == 0) row_count = 1;
  const bool dense = col_stride == static_cast<std::int64_t>(Bytes);
  const bool short_rows = dense && row_bytes >= 16 && row_bytes <= kShortRow;
  char* row = to;
  for (std::int64_t i = 0; i < row_count; ++i, from += row_stride, row += row_bytes) {
    if (short_rows) {
      copy_short_row(row, from, row_bytes);
    } else if (dense) {
      std::memcpy(row, from, static_cast<std::size_t>(row_bytes));
    } else if (col_stride == 0) {
      fill<Bytes>(row, from, col_count);
    } else {
      for (std::int64_t col = 0; col < col_count; ++col)
        std::memcpy(row + col * static_cast<std::int64_t>(Bytes), from + col * col_stride, Bytes);
    }
  }
  if (row_stride == 0) repeat_row(to, row_bytes, total);
}

}  // namespace brenier::cpu
