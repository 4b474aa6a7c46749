// NumPy files: bytes as NumPy writes them, all stored types and orders, compression, and refusal of damage.
#include "experiments/support/npy.h"

#include <doctest/doctest.h>

#include <cstring>
#include <limits>

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

std::string npy(const std::string& header, const std::string& data, int version = 1) {
  std::string bytes("\x93NUMPY", 6);
  bytes += static_cast<char>(version);
  bytes += '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) bytes += static_cast<char>(header.size() >> (8 * i) & 0xFF);
  return bytes + header + data;
}

std::string header(const std::string& descr, const std::string& shape, const char* fortran = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }\n";
}

template <class T>
std::string raw(std::initializer_list<T> values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  std::memcpy(bytes.data(), values.begin(), bytes.size());
  return bytes;
}

std::string refusal(const std::string& bytes) {
  return message_of([&] { from_npy(bytes, "x.npy"); });
}

using Integers = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("a written array has the bytes that NumPy writes") {
  const std::string bytes = to_npy(tensor({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}}));
  CHECK(bytes.substr(0, 10) == std::string("\x93NUMPY\x01\x00\x76\x00", 10));
  CHECK(bytes.substr(10, 59) == "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }");
  CHECK(bytes[127] == '\n');
  CHECK(bytes.substr(128) == raw<double>({1, 2, 3, 4, 5, 6}));
}

TEST_CASE("arrays of every dtype and rank come back bit for bit") {
  for (const DType dtype : {DType::Float32, DType::Float64, DType::Int64}) {
    for (const Shape& shape : {Shape{}, Shape{3}, Shape{2, 3}, Shape{2, 0, 3}, Shape{1, 2, 1, 2, 1, 2, 1, 2}}) {
      const Tensor values = cast(reshape(arange(element_count(shape)), shape) * 0.3 - 0.5, dtype);
      const Tensor back = from_npy(to_npy(values), "test");
      CAPTURE(values);
      CHECK(back.shape() == shape);
      CHECK(back.dtype() == dtype);
      CHECK(to_npy(back) == to_npy(values));
    }
  }
}

TEST_CASE("integer and boolean arrays are converted") {
  const auto read = [](const char* descr, const std::string& data) {
    return from_npy(npy(header(descr, "(2,)"), data), "test").to_vector<std::int64_t>();
  };
  CHECK(read("|u1", raw<std::uint8_t>({1, 255})) == Integers{1, 255});
  CHECK(read("|i1", raw<std::int8_t>({1, -1})) == Integers{1, -1});
  CHECK(read("|b1", raw<std::uint8_t>({0, 1})) == Integers{0, 1});
  CHECK(read("<i2", raw<std::int16_t>({-300, 300})) == Integers{-300, 300});
  CHECK(read("<u2", raw<std::uint16_t>({1, 65535})) == Integers{1, 65535});
  CHECK(read("<i4", raw<std::int32_t>({-70000, 7})) == Integers{-70000, 7});
  CHECK(read("<u4", raw<std::uint32_t>({1, 4294967295u})) == Integers{1, 4294967295});
  CHECK(read("<i8", raw<std::int64_t>({1, std::numeric_limits<std::int64_t>::min()})) ==
        Integers{1, std::numeric_limits<std::int64_t>::min()});
}

TEST_CASE("Fortran order is read as the transposed array") {
  const Tensor values = from_npy(npy(header("<f8", "(2, 3)", "True"), raw<double>({1, 4, 2, 5, 3, 6})), "test");
  CHECK(values.shape() == Shape{2, 3});
  CHECK(values.to_vector<double>() == std::vector<double>{1, 2, 3, 4, 5, 6});
}

TEST_CASE("format versions 2 and 3 have a longer header length") {
  for (const int version : {2, 3}) {
    CHECK(from_npy(npy(header("<f8", "()"), raw<double>({2.5}), version), "test").item() == 2.5);
  }
}

TEST_CASE("every truncation of an array is refused with an offset") {
  const std::string bytes = to_npy(tensor({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}}));
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    CAPTURE(length);
    CHECK(lacks(refusal(bytes.substr(0, length)), {"x.npy: offset "}) == "");
  }
  CHECK(lacks(refusal(bytes + "x"), {"x.npy: offset 128: 49 bytes of data do not fit shape [2, 3]"}) == "");
}

TEST_CASE("damaged headers are refused") {
  struct Case {
    std::string bytes;
    const char* message;
  };
  const std::string one = raw<double>({1});
  const Case cases[] = {
      {"PK\x03\x04", "offset 0: does not begin with the .npy signature"},
      {npy(header("<f8", "(1,)"), one, 9), "offset 6: .npy format version 9"},
      {std::string("\x93NUMPY\x01\x00\xff\xff{}", 12), "offset 8: header length 65535 exceeds"},
      {npy(header(">f8", "(1,)"), one), "big-endian"},
      {npy(header("<c16", "(1,)"), one + one), "type '<c16'"},
      {npy(header("|O", "(1,)"), one), "type '|O'"},
      {npy(header("<f8", "(2,)"), one), "8 bytes of data do not fit shape [2]"},
      {npy(header("<f8", "(-1,)"), one), "expected an axis length"},
      {npy(header("<f8", "(99999999999999999999,)"), one), "more than 15 digits"},
      {npy(header("<f8", "(4294967296, 4294967296)"), ""), "do not fit"},
      {npy(header("<f8", "(0, 999999999999999, 999999999999999)"), ""), "do not fit"},
      {npy(header("<f8", "(1,1,1,1,1,1,1,1,1)"), one), "more than 8 axes"},
      {npy(header("<f8", "(1 1)"), one), "expected ',' or ')'"},
      {npy("{'descr': '<f8', 'shape': (1,)}", one), "needs descr, fortran_order and shape"},
      {npy("{'descr': '<f8', 'shape': (1,), 'order': 1}", one), "unknown header entry 'order'"},
      {npy("{'descr: 1", one), "text without an end"},
      {npy("[]", one), "expected '{'"},
  };
  for (const Case& example : cases) {
    CAPTURE(example.message);
    CHECK(lacks(refusal(example.bytes), {"x.npy: offset ", example.message}) == "");
  }
}

TEST_CASE("compressed arrays are recognised by their content") {
  const TemporaryFolder folder;
  const Tensor values = arange(1000);
  write_npy(folder / "x.npy.gz", values);
  write_npy(folder / "x.npy", values);
  CHECK(file_size(folder / "x.npy.gz") < file_size(folder / "x.npy"));
  CHECK(read_npy(folder / "x.npy.gz").to_vector<double>() == values.to_vector<double>());
  CHECK(read_npy(folder / "x.npy").to_vector<double>() == values.to_vector<double>());
}

TEST_CASE("gzip streams come back, also when they consist of several members") {
  const std::string text(300000, 'a');
  CHECK(gunzip(gzip(text), "test") == text);
  CHECK(gunzip(gzip(""), "test").empty());
  CHECK(gunzip(gzip("one ") + gzip("two"), "test") == "one two");
  CHECK(gzip(text) == gzip(text));
}

TEST_CASE("damaged, truncated and oversized gzip streams are refused") {
  const std::string bytes = gzip("some text that is long enough to be compressed, compressed, compressed");
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    CAPTURE(length);
    CHECK(lacks(message_of([&] { gunzip(bytes.substr(0, length), "x.gz"); }), {"x.gz: "}) == "");
  }
  std::string damaged = bytes;
  damaged[bytes.size() - 6] = static_cast<char>(damaged[bytes.size() - 6] ^ 1);  // the checksum
  CHECK(lacks(message_of([&] { gunzip(damaged, "x.gz"); }), {"x.gz: damaged gzip data"}) == "");
  CHECK(lacks(message_of([&] { gunzip(bytes + "rest", "x.gz"); }), {"x.gz: damaged gzip data"}) == "");
  CHECK(lacks(message_of([&] { gunzip(gzip(std::string(5000, 'a')), "x.gz", 4999); }),
              {"x.gz: unpacks to more than 4999"}) == "");
}
