#include "experiments/support/npz.h"

#include <zlib.h>

#include "engine/str.h"
#include "experiments/support/gzip.h"
#include "experiments/support/input_error.h"

namespace brenier::experiments {
namespace {

constexpr std::string_view kLocalHeader("PK\x03\x04", 4), kEntry("PK\x01\x02", 4), kEnd("PK\x05\x06", 4);
constexpr std::size_t kLocalHeaderSize = 30, kEntrySize = 46, kEndSize = 22, kMaxComment = 65535;
constexpr std::uint32_t kSee64 = 0xFFFFFFFF;  // the value stands in a 64-bit extension
constexpr unsigned kEncrypted = 1, kStored = 0, kDeflated = 8;

[[noreturn]] void fail(const std::string& source, const std::string& message) {
  throw InputError(str(source, ": ", message));
}

std::uint32_t number(std::string_view bytes, std::size_t offset, int size) {
  std::uint32_t value = 0;
  for (int i = size; i-- > 0;)
    value = value << 8 | static_cast<unsigned char>(bytes[offset + static_cast<std::size_t>(i)]);
  return value;
}

// Where the end record begins: the last one whose comment reaches exactly to the end of the file.
std::size_t find_end(std::string_view bytes, const std::string& source) {
  if (bytes.size() >= kEndSize) {
    const std::size_t last = bytes.size() - kEndSize;
    for (std::size_t back = 0; back <= std::min(last, kMaxComment); ++back) {
      const std::size_t offset = last - back;
      if (bytes.substr(offset, 4) == kEnd && number(bytes, offset + 20, 2) == back) return offset;
    }
  }
  fail(source, str("no directory at the end of its ", bytes.size(), " bytes; it is no zip archive or ends early"));
}

}  // namespace

NpzFile::NpzFile(std::string bytes, std::string source, std::uint64_t limit)
    : bytes_(std::move(bytes)), source_(std::move(source)), limit_(limit) {
  const std::size_t end = find_end(bytes_, source_);
  const std::uint32_t entries = number(bytes_, end + 10, 2), size = number(bytes_, end + 12, 4);
  const std::uint32_t begin = number(bytes_, end + 16, 4);
  if (begin == kSee64 || entries == 0xFFFF) fail(source_, "a zip archive with 64-bit sizes, which are not supported");
  if (number(bytes_, end + 4, 4) != 0 || number(bytes_, end + 8, 2) != entries)
    fail(source_, "one part of a zip archive of several");
  if (begin > end || size > end - begin) fail(source_, str("the directory at byte ", begin, " is not inside the file"));
  read_directory(begin, entries);
}

void NpzFile::read_directory(std::size_t begin, std::size_t entries) {
  for (std::size_t i = 0, offset = begin; i < entries; ++i) offset = read_entry(offset);
}

// Returns where the next entry begins.
std::size_t NpzFile::read_entry(std::size_t offset) {
  if (bytes_.size() - offset < kEntrySize || std::string_view(bytes_).substr(offset, 4) != kEntry)
    fail(source_, str("the directory is damaged at byte ", offset));
  const std::size_t name_size = number(bytes_, offset + 28, 2);
  const std::size_t after = kEntrySize + name_size + number(bytes_, offset + 30, 2) + number(bytes_, offset + 32, 2);
  if (after > bytes_.size() - offset) fail(source_, str("the directory is damaged at byte ", offset));
  std::string name = bytes_.substr(offset + kEntrySize, name_size);
  const std::string where = str(source_, ": ", name);
  Member member{.header = number(bytes_, offset + 42, 4),
                .packed = number(bytes_, offset + 20, 4),
                .unpacked = number(bytes_, offset + 24, 4),
                .checksum = number(bytes_, offset + 16, 4)};
  if ((number(bytes_, offset + 8, 2) & kEncrypted) != 0) fail(where, "is encrypted");
  const unsigned method = number(bytes_, offset + 10, 2);
  if (method != kStored && method != kDeflated)
    fail(where, str("compression method ", method, "; stored (0) and deflate (8) are supported"));
  if (member.packed == kSee64 || member.unpacked == kSee64 || member.header == kSee64)
    fail(where, "has 64-bit sizes, which are not supported");
  member.deflated = method == kDeflated;
  if (name.ends_with(".npy")) name.resize(name.size() - 4);
  if (!members_.emplace(name, member).second) fail(where, "is there twice");
  return offset + after;
}

std::vector<std::string> NpzFile::names() const {
  std::vector<std::string> names;
  for (const auto& [name, member] : members_) names.push_back(name);
  return names;
}

// The local header repeats what the directory says; only its own length is needed.
std::string_view NpzFile::data_of(const Member& member, const std::string& where) const {
  const std::string_view bytes = bytes_;
  if (member.header > bytes.size() || bytes.size() - member.header < kLocalHeaderSize ||
      bytes.substr(member.header, 4) != kLocalHeader)
    fail(where, str("no header at byte ", member.header));
  const std::size_t begin =
      member.header + kLocalHeaderSize + number(bytes, member.header + 26, 2) + number(bytes, member.header + 28, 2);
  if (begin > bytes.size() || member.packed > bytes.size() - begin)
    fail(where, str("its ", member.packed, " bytes are not inside the file"));
  return bytes.substr(begin, member.packed);
}

Tensor NpzFile::at(const std::string& name) const {
  const auto found = members_.find(name);
  if (found == members_.end()) {
    std::string there;
    for (const std::string& other : names()) there += (there.empty() ? "" : ", ") + other;
    fail(source_, str("has no array '", name, "'; it has ", there.empty() ? "none" : there));
  }
  const Member& member = found->second;
  const std::string where = str(source_, ": ", name, ".npy");
  const std::string_view data = data_of(member, where);
  if (member.unpacked > limit_)
    fail(where, str("unpacks to ", member.unpacked, " bytes; at most ", limit_, " are allowed"));
  if (!member.deflated && member.packed != member.unpacked)
    fail(where, str("is stored in ", member.packed, " bytes, but announces ", member.unpacked));
  const std::string unpacked = member.deflated ? inflate_raw(data, where, member.unpacked) : std::string(data);
  const auto* first = reinterpret_cast<const Bytef*>(unpacked.data());
  if (crc32_z(0, first, unpacked.size()) != member.checksum) fail(where, "the checksum is wrong");
  return from_npy(unpacked, where);
}

NpzFile read_npz(const Path& path) { return NpzFile(read_file(path), path.string()); }

}  // namespace brenier::experiments
