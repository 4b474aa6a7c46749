// IDX files: bytes as MNIST has them, rows as tensors, and refusal of damage.
#include "experiments/support/idx.h"

#include <doctest/doctest.h>

#include "experiments/support/gzip.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/support/message_of.h"

using namespace brenier;
using namespace brenier::experiments;
using brenier::testing::lacks;
using brenier::testing::message_of;
using brenier::testing::TemporaryFolder;

namespace {

// Two pictures of 2 x 3 pixels.
const std::string kPictures(
    "\0\0\x08\x03\0\0\0\x02\0\0\0\x02\0\0\0\x03\x01\x02\x03\x04\x05\x06\xFF\x08\x09\x0A\x0B\x0C", 28);

std::string refusal(const std::string& bytes) {
  return message_of([&] { from_idx(bytes, "x.idx"); });
}

using Numbers = std::vector<double>;

}  // namespace

TEST_CASE("pictures have the shape and the bytes of the file") {
  const ByteArray pictures = from_idx(kPictures, "test");
  CHECK(pictures.shape == std::vector<std::int64_t>{2, 2, 3});
  CHECK(pictures.rows() == 2);
  CHECK(pictures.row_size() == 6);
  CHECK(pictures.values == std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6, 255, 8, 9, 10, 11, 12});
  CHECK(to_idx(pictures) == kPictures);
}

TEST_CASE("chosen rows become a tensor, in the order asked for") {
  const ByteArray pictures = from_idx(kPictures, "test");
  const std::vector<std::int64_t> backwards{1, 0, 1};
  for (const DType dtype : {DType::Float32, DType::Float64, DType::Int64}) {
    const Tensor rows = rows_of(pictures, backwards, dtype);
    CHECK(rows.dtype() == dtype);
    CHECK(rows.shape() == Shape{3, 6});
    CHECK(rows.to_vector<double>() == Numbers{255, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6, 255, 8, 9, 10, 11, 12});
  }
  CHECK(rows_of(pictures, 1, 2).to_vector<double>() == Numbers{255, 8, 9, 10, 11, 12});
  CHECK(rows_of(pictures, 1, 1).shape() == Shape{0, 6});
  CHECK(lacks(message_of([&] { rows_of(pictures, 0, 3); }), {"[rows_of] rows 0 to 3 of an array of 2 rows"}) == "");
  const std::vector<std::int64_t> wrong{-1};
  CHECK(lacks(message_of([&] { rows_of(pictures, wrong); }), {"[rows_of] row -1 of an array of 2 rows"}) == "");
}

TEST_CASE("a halved picture has the rounded averages of squares, plane by plane") {
  const ByteArray planes{{1, 2 * 16}, {0, 2, 10, 20, 1, 3, 30, 41, 255, 255, 0, 0, 255, 254, 0, 1,  //
                                       5, 5, 6,  6,  5, 5, 6,  6,  0,   4,   7, 7, 8,   4,   7, 7}};
  const ByteArray half = halved(planes, 4);
  CHECK(half.shape == std::vector<std::int64_t>{1, 2, 2, 2});
  CHECK(half.values == std::vector<std::uint8_t>{2, 25, 255, 0, 5, 6, 4, 7});
  CHECK(message_of([&] { (void)halved(planes, 3); }) == "[halved] planes of 3 x 3, got 32 bytes");
  CHECK(message_of([&] { (void)halved(planes, 6); }) == "[halved] planes of 6 x 6, got 32 bytes");
}

TEST_CASE("rows of a label are found") {
  const ByteArray labels = from_idx(std::string("\0\0\x08\x01\0\0\0\x04\x07\x01\x07\0", 12), "test");
  CHECK(rows_labelled(labels, 7) == std::vector<std::int64_t>{0, 2});
  CHECK(rows_labelled(labels, 9).empty());
  CHECK(rows_of(labels, 0, 2).to_vector<double>() == Numbers{7, 1});
}

TEST_CASE("compressed files are recognised by their content") {
  const TemporaryFolder folder;
  write_file(folder / "a", gzip(kPictures));
  write_file(folder / "b", kPictures);
  CHECK(read_idx(folder / "a").values == read_idx(folder / "b").values);
  write_file(folder / "c", gzip(kPictures).substr(0, 20));
  CHECK(lacks(message_of([&] { read_idx(folder / "c"); }), {(folder / "c").string(), "gzip data ends early"}) == "");
}

TEST_CASE("every truncation of a file is refused with an offset") {
  for (std::size_t length = 0; length < kPictures.size(); ++length) {
    CAPTURE(length);
    CHECK(lacks(refusal(kPictures.substr(0, length)), {"x.idx: offset "}) == "");
  }
  CHECK(lacks(refusal(kPictures + "x"), {"x.idx: offset 16: 13 bytes of data do not fit shape [2, 2, 3]"}) == "");
}

TEST_CASE("what is no IDX file of bytes is refused") {
  struct Case {
    std::string bytes;
    const char* message;
  };
  const std::string huge("\xFF\xFF\xFF\xFF", 4);
  const Case cases[] = {
      {"PK\x03\x04", "offset 0: does not begin with the two zeros"},
      {std::string("\0\0\x09\x01\0\0\0\0", 8), "offset 2: holds signed bytes (type 9)"},
      {std::string("\0\0\x0B\x01\0\0\0\0", 8), "offset 2: holds 16-bit integers (type 11)"},
      {std::string("\0\0\x0C\x01\0\0\0\0", 8), "offset 2: holds 32-bit integers (type 12)"},
      {std::string("\0\0\x0D\x01\0\0\0\0", 8), "offset 2: holds 32-bit floating-point numbers (type 13)"},
      {std::string("\0\0\x0E\x01\0\0\0\0", 8), "offset 2: holds 64-bit floating-point numbers (type 14)"},
      {std::string("\0\0\x0A\x01\0\0\0\0", 8), "offset 2: element type 10 is not one of IDX"},
      {std::string("\0\0\x08\x09", 4), "offset 3: 9 axes"},
      {std::string("\0\0\x08\x02", 4) + huge + huge, "offset 12: 0 bytes of data do not fit shape"},
      {std::string("\0\0\x08\x04", 4) + huge + huge + huge + huge, "offset 20: 0 bytes of data do not fit shape"},
  };
  for (const Case& example : cases) {
    CAPTURE(example.message);
    CHECK(lacks(refusal(example.bytes), {"x.idx: offset ", example.message}) == "");
  }
}
