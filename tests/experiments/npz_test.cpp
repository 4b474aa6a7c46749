// Archives of arrays: put together here byte by byte, stored and deflated, as numpy.savez and numpy.savez_compressed
// lay them out; refusal of damage.
#include "experiments/support/npz.h"

#include <doctest/doctest.h>
#include <zlib.h>

#include "engine/ops.h"
#include "experiments/support/gzip.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/support/message_of.h"

using namespace brenier;
using namespace brenier::experiments;
using brenier::testing::lacks;
using brenier::testing::message_of;
using brenier::testing::TemporaryFolder;

namespace {

std::string little(std::uint64_t value, int size) {
  std::string bytes;
  for (int i = 0; i < size; ++i) bytes += i < 8 ? static_cast<char>(value >> (8 * i) & 0xFF) : '\0';
  return bytes;
}

// Without gzip's frame: ten bytes before and eight behind.
std::string deflated(const std::string& data) {
  const std::string framed = gzip(data);
  return framed.substr(10, framed.size() - 18);
}

struct Member {
  std::string name, data;
  unsigned method = 0, flags = 0;
  std::uint64_t announced = ~std::uint64_t{0};  // unpacked size; the true one by default
  std::uint32_t checksum_error = 0;
};

// The local headers have the 64-bit extension that numpy.savez asks for, and no sizes.
std::string archive(const std::vector<Member>& members, const std::string& comment = {}) {
  std::string bytes, directory;
  for (const Member& member : members) {
    const std::string packed = member.method == 8 ? deflated(member.data) : member.data;
    const auto* first = reinterpret_cast<const Bytef*>(member.data.data());
    const auto checksum = static_cast<std::uint32_t>(crc32_z(0, first, member.data.size())) ^ member.checksum_error;
    const std::uint64_t size = member.announced == ~std::uint64_t{0} ? member.data.size() : member.announced;
    const std::string common = little(20, 2) + little(member.flags, 2) + little(member.method, 2) + little(0, 4);
    directory += "PK\x01\x02" + little(20, 2) + common + little(checksum, 4) + little(packed.size(), 4) +
                 little(size, 4) + little(member.name.size(), 2) + little(0, 12) + little(bytes.size(), 4) +
                 member.name;
    bytes += "PK\x03\x04" + common + little(checksum, 4) + little(0xFFFFFFFFFFFFFFFF, 8) +
             little(member.name.size(), 2) + little(20, 2) + member.name + little(1, 2) + little(16, 2) +
             little(size, 8) + little(packed.size(), 8) + packed;
  }
  const std::size_t begin = bytes.size();
  return bytes + directory + "PK\x05\x06" + little(0, 4) + little(members.size(), 2) + little(members.size(), 2) +
         little(directory.size(), 4) + little(begin, 4) + little(comment.size(), 2) + comment;
}

// Functions, for nothing may be computed before main() has begun.
std::string numbers() { return to_npy(tensor({{1.0, 2.0}, {3.0, 4.0}})); }
std::string range() { return to_npy(arange(1000)); }

std::string refusal(const std::string& bytes, const std::string& name = "a", std::uint64_t limit = 1 << 20) {
  return message_of([&] { NpzFile(bytes, "x.npz", limit).at(name); });
}

}  // namespace

TEST_CASE("stored and deflated arrays are read by name") {
  const NpzFile file(archive({{"b.npy", range(), 8}, {"a.npy", numbers()}}, "a comment"), "test");
  CHECK(file.names() == std::vector<std::string>{"a", "b"});
  CHECK(to_npy(file.at("a")) == numbers());
  CHECK(to_npy(file.at("b")) == range());
  CHECK(NpzFile(archive({}), "test").names().empty());
  const TemporaryFolder folder;
  write_file(folder / "x.npz", archive({{"a.npy", numbers()}}));
  CHECK(read_npz(folder / "x.npz").at("a").shape() == Shape{2, 2});
}

TEST_CASE("an array that is not there is named beside those that are") {
  CHECK(lacks(refusal(archive({{"a.npy", numbers()}, {"b.npy", numbers()}}), "c"),
              {"x.npz: has no array 'c'; it has a, b"}) == "");
  CHECK(lacks(refusal(archive({}), "c"), {"x.npz: has no array 'c'; it has none"}) == "");
}

TEST_CASE("every truncation of an archive is refused") {
  for (const unsigned method : {0u, 8u}) {
    const std::string bytes = archive({{"a.npy", numbers(), method}});
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      CAPTURE(length);
      CHECK(lacks(refusal(bytes.substr(0, length)), {"x.npz: "}) == "");
    }
  }
}

TEST_CASE("no flipped bit of the data gives another array") {
  for (const unsigned method : {0u, 8u}) {
    const std::string bytes = archive({{"a.npy", numbers(), method}});
    const std::size_t begin = 30 + 5 + 20, end = bytes.find("PK\x01\x02");
    for (std::size_t i = begin; i < end; ++i) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ 4);
      CAPTURE(i);
      // Bits that fill up the last byte of deflate data mean nothing.
      if (refusal(damaged).empty())
        CHECK(to_npy(NpzFile(damaged, "test").at("a")) == numbers());
      else
        CHECK(lacks(refusal(damaged), {"x.npz: a.npy: "}) == "");
    }
  }
}

TEST_CASE("damaged and unsupported archives are refused") {
  struct Case {
    std::string bytes;
    const char* message;
  };
  std::string misplaced = archive({{"a.npy", numbers()}});
  misplaced[misplaced.size() - 3] = '\x7F';  // the offset of the directory
  std::string not_entry = archive({{"a.npy", numbers()}});
  not_entry[not_entry.find("PK\x01\x02")] = 'Q';
  std::string no_header = archive({{"a.npy", numbers()}});
  no_header[0] = 'Q';
  std::string wide = archive({{"a.npy", numbers()}});
  wide.replace(wide.size() - 6, 4, "\xFF\xFF\xFF\xFF");
  const Case cases[] = {
      {"no archive", "x.npz: no directory at the end of its 10 bytes"},
      {misplaced, "is not inside the file"},
      {not_entry, "x.npz: the directory is damaged at byte"},
      {no_header, "x.npz: a.npy: no header at byte 0"},
      {wide, "x.npz: a zip archive with 64-bit sizes"},
      {archive({{"a.npy", numbers(), 0, 0, 0xFFFFFFFF}}), "x.npz: a.npy: has 64-bit sizes"},
      {archive({{"a.npy", numbers(), 0, 1}}), "x.npz: a.npy: is encrypted"},
      {archive({{"a.npy", numbers(), 12}}), "x.npz: a.npy: compression method 12"},
      {archive({{"a.npy", numbers()}, {"a.npy", numbers()}}), "x.npz: a.npy: is there twice"},
      {archive({{"a.npy", numbers(), 0, 0, 7}}), "is stored in 160 bytes, but announces 7"},
      {archive({{"a.npy", numbers(), 8, 0, 7}}), "unpacks to more than the 7 bytes"},
      {archive({{"a.npy", numbers(), 8, 0, 7000}}), "unpacks to 160 bytes, not to the 7000"},
      {archive({{"a.npy", numbers(), 8, 0, ~std::uint64_t{0}, 1}}), "the checksum is wrong"},
      {archive({{"a.npy", "text"}}), "x.npz: a.npy: offset 0: does not begin with the .npy signature"},
      // A bomb: three million zeros in three thousand bytes, announced or not.
      {archive({{"a.npy", std::string(3'000'000, '\0'), 8}}), "unpacks to 3000000 bytes; at most 1048576"},
      {archive({{"a.npy", std::string(3'000'000, '\0'), 8, 0, 1000}}), "unpacks to more than the 1000 bytes"},
  };
  for (const Case& example : cases) {
    CAPTURE(example.message);
    CHECK(lacks(refusal(example.bytes), {"x.npz: ", example.message}) == "");
  }
}
