#include "experiments/support/idx.h"

#include "engine/shape.h"
#include "engine/str.h"
#include "experiments/support/bounded_size.h"
#include "experiments/support/gzip.h"
#include "experiments/support/input_error.h"

namespace brenier::experiments {
namespace {

constexpr std::uint64_t kMaxElements = std::uint64_t{1} << 40;
constexpr std::size_t kLengthBytes = 4;
constexpr unsigned kUnsignedByte = 0x08;

[[noreturn]] void fail(const std::string& source, std::size_t offset, const std::string& message) {
  throw InputError(str(source, ": offset ", offset, ": ", message));
}

unsigned byte_at(std::string_view bytes, std::size_t offset) { return static_cast<unsigned char>(bytes[offset]); }

// Of the types that the format defines; empty for others.
std::string_view type_name(unsigned type) {
  switch (type) {
    case 0x09:
      return "signed bytes";
    case 0x0B:
      return "16-bit integers";
    case 0x0C:
      return "32-bit integers";
    case 0x0D:
      return "32-bit floating-point numbers";
    case 0x0E:
      return "64-bit floating-point numbers";
    default:
      return "";
  }
}

// The number of axes.
std::size_t check_magic(std::string_view bytes, const std::string& source) {
  if (bytes.size() < 4) fail(source, bytes.size(), "ends before the four bytes that begin an IDX file");
  if (byte_at(bytes, 0) != 0 || byte_at(bytes, 1) != 0) fail(source, 0, "does not begin with the two zeros of IDX");
  const unsigned type = byte_at(bytes, 2), rank = byte_at(bytes, 3);
  if (type != kUnsignedByte) {
    const std::string_view name = type_name(type);
    if (name.empty()) fail(source, 2, str("element type ", type, " is not one of IDX"));
    fail(source, 2, str("holds ", name, " (type ", type, "); only unsigned bytes (type 8) are supported"));
  }
  if (rank > static_cast<unsigned>(kMaxRank)) fail(source, 3, str(rank, " axes; at most ", kMaxRank, " are supported"));
  return rank;
}

}  // namespace

ByteArray from_idx(std::string_view bytes, const std::string& source) {
  const std::size_t rank = check_magic(bytes, source), header = 4 + rank * kLengthBytes;
  if (bytes.size() < header) fail(source, bytes.size(), str("ends before the lengths of its ", rank, " axes"));
  ByteArray array;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    std::int64_t length = 0;
    for (std::size_t i = 0; i < kLengthBytes; ++i) length = length << 8 | byte_at(bytes, 4 + axis * kLengthBytes + i);
    array.shape.push_back(length);
  }
  const auto elements = bounded_element_count(array.shape, kMaxElements);
  const std::string_view data = bytes.substr(header);
  if (!elements || *elements != data.size())
    fail(source, header,
         str(data.size(), " bytes of data do not fit shape ", Shape{std::span<const std::int64_t>(array.shape)}));
  array.values.assign(data.begin(), data.end());
  return array;
}

std::string to_idx(const ByteArray& array) {
  std::string bytes{'\0', '\0', static_cast<char>(kUnsignedByte), static_cast<char>(array.shape.size())};
  for (const std::int64_t length : array.shape) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(length >> shift & 0xFF);
  }
  return bytes.append(array.values.begin(), array.values.end());
}

ByteArray read_idx(const Path& path) { return from_idx(read_unpacked(path), path.string()); }

}  // namespace brenier::experiments
