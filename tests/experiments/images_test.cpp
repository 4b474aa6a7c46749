// Pictures: PNG of all kinds, put together here chunk by chunk, JPEG, damage, sheets, and tensors.
#include "experiments/support/images.h"

#include <doctest/doctest.h>
#include <zlib.h>

#include <cmath>
#include <cstdio>  // jpeglib.h needs it before
#include <cstdlib>

#include <jpeglib.h>

#include "engine/ops.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/support/message_of.h"

using namespace brenier;
using namespace brenier::experiments;
using brenier::testing::lacks;
using brenier::testing::message_of;
using brenier::testing::TemporaryFolder;

namespace {

using Values = std::vector<std::uint8_t>;

std::string big_endian(std::size_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xFF);
  return bytes;
}

std::string chunk(const std::string& type, const std::string& data) {
  const std::string checked = type + data;
  return big_endian(data.size()) + checked +
         big_endian(crc32(0, reinterpret_cast<const Bytef*>(checked.data()), static_cast<uInt>(checked.size())));
}

std::string deflated(const std::string& data) {
  std::string result(compressBound(data.size()), '\0');
  uLongf size = result.size();
  REQUIRE(compress(reinterpret_cast<Bytef*>(result.data()), &size, reinterpret_cast<const Bytef*>(data.data()),
                   data.size()) == Z_OK);
  result.resize(size);
  return result;
}

// A PNG file of given depth and colour type whose lines, each led by its filter byte, are `lines`.
std::string png(std::size_t width, std::size_t height, int depth, int type, const std::string& lines,
                const std::string& before_data = {}) {
  const std::string header = big_endian(width) + big_endian(height) + static_cast<char>(depth) +
                             static_cast<char>(type) + std::string(3, '\0');
  return "\x89PNG\r\n\x1a\n" + chunk("IHDR", header) + before_data + chunk("IDAT", deflated(lines)) + chunk("IEND", "");
}

std::string jpeg(int width, int height, int components, J_COLOR_SPACE space, const Values& values) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &buffer, &size);
  info.image_width = static_cast<JDIMENSION>(width);
  info.image_height = static_cast<JDIMENSION>(height);
  info.input_components = components;
  info.in_color_space = space;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 100, TRUE);
  jpeg_start_compress(&info, TRUE);
  for (int y = 0; y < height; ++y) {
    Values line(values.begin() + y * width * components, values.begin() + (y + 1) * width * components);
    JSAMPROW row = line.data();
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  std::string bytes(reinterpret_cast<const char*>(buffer), size);
  jpeg_destroy_compress(&info);
  std::free(buffer);
  return bytes;
}

Values ramp(std::size_t size) {
  Values values(size);
  for (std::size_t i = 0; i < size; ++i) values[i] = static_cast<std::uint8_t>(i * 255 / size);
  return values;
}

std::string png_refusal(const std::string& bytes, std::int64_t max_pixels = kMaxPixels) {
  return message_of([&] { from_png(bytes, "x.png", max_pixels); });
}

std::string jpeg_refusal(const std::string& bytes, std::int64_t max_pixels = kMaxPixels) {
  return message_of([&] { from_jpeg(bytes, "x.jpg", max_pixels); });
}

int largest_difference(const Values& a, const Values& b) {
  REQUIRE(a.size() == b.size());
  int largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

}  // namespace

TEST_CASE("grey and coloured pictures come back from PNG bit for bit") {
  for (const std::int64_t channels : {1, 3}) {
    const Image image{5, 7, channels, ramp(static_cast<std::size_t>(35 * channels))};
    const Image back = from_png(to_png(image), "test");
    CHECK(back.height == 5);
    CHECK(back.width == 7);
    CHECK(back.channels == channels);
    CHECK(back.values == image.values);
  }
  CHECK(lacks(message_of([] { to_png({2, 2, 1, {1, 2, 3}}); }), {"[to_png] 3 values for 2 x 2 pixels of 1"}) == "");
  CHECK(lacks(message_of([] { to_png({1, 1, 2, {1, 2}}); }), {"[to_png] 2 values for 1 x 1 pixels of 2"}) == "");
}

TEST_CASE("every kind of PNG becomes 8-bit grey or RGB") {
  const std::string palette = chunk("PLTE", std::string("\x0A\x14\x1E\x28\x32\x3C", 6));
  CHECK(from_png(png(2, 1, 8, 0, std::string("\0\x07\xF0", 3)), "grey").values == Values{7, 240});
  CHECK(from_png(png(2, 1, 8, 2, std::string("\0\1\2\3\4\5\6", 7)), "RGB").values == Values{1, 2, 3, 4, 5, 6});
  CHECK(from_png(png(2, 1, 1, 3, std::string("\0\x40", 2), palette), "palette").values ==
        Values{10, 20, 30, 40, 50, 60});
  CHECK(from_png(png(4, 1, 2, 0, std::string("\0\x1B", 2)), "two bits").values == Values{0, 85, 170, 255});
  CHECK(from_png(png(2, 1, 16, 0, std::string("\0\x80\x80\xFF\xFF", 5)), "16 bits").values == Values{128, 255});
  // Opaque, then half transparent black and fully transparent red: the latter two on white.
  const Image alpha = from_png(png(3, 1, 8, 6, std::string("\0\1\2\3\xFF\0\0\0\x80\xFF\0\0\0", 13)), "alpha");
  CHECK(alpha.channels == 3);
  CHECK(Values(alpha.values.begin(), alpha.values.begin() + 3) == Values{1, 2, 3});
  CHECK(alpha.values[3] > 100);
  CHECK(alpha.values[3] < 220);
  CHECK(Values(alpha.values.end() - 3, alpha.values.end()) == Values{255, 255, 255});
}

TEST_CASE("every truncation and every flipped byte of a PNG is refused") {
  const std::string bytes = png(2, 2, 8, 0, std::string("\0\1\2\0\3\4", 6));
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    CAPTURE(length);
    CHECK(lacks(png_refusal(bytes.substr(0, length)), {"x.png: "}) == "");
    std::string damaged = bytes;
    damaged[length] = static_cast<char>(damaged[length] ^ 0x10);
    CHECK(lacks(png_refusal(damaged), {"x.png: "}) == "");
  }
}

TEST_CASE("a PNG that is no picture, or a bomb, is refused") {
  std::string damaged = png(2, 2, 8, 0, std::string("\0\1\2\0\3\4", 6));
  damaged[damaged.size() - 14] = static_cast<char>(damaged[damaged.size() - 14] ^ 1);
  CHECK(lacks(png_refusal(damaged), {"x.png: the checksum of the chunk at byte 33 is wrong"}) == "");
  CHECK(lacks(png_refusal("GIF89a"), {"x.png: does not begin with the PNG signature"}) == "");
  CHECK(lacks(png_refusal(png(2, 2, 8, 7, std::string(6, '\0'))), {"x.png: is not a valid PNG picture"}) == "");
  CHECK(lacks(png_refusal(png(0, 2, 8, 0, "")), {"x.png: is not a valid PNG picture"}) == "");
  CHECK(lacks(png_refusal(png(100'000, 100'000, 8, 0, std::string(1000, '\0'))),
              {"x.png: a picture of 100000 x 100000 pixels; at most 67108864"}) == "");
  // Less data than pixels; more data than pixels is cut off.
  CHECK(lacks(png_refusal(png(2, 2, 8, 0, std::string("\0\1\2", 3))), {"x.png: the picture is damaged"}) == "");
  CHECK(lacks(png_refusal(png(3, 2, 8, 0, std::string(8, '\0')), 5), {"x.png: a picture of 3 x 2 pixels"}) == "");
}

TEST_CASE("JPEG pictures are read to within their loss") {
  const Image grey = from_jpeg(jpeg(16, 8, 1, JCS_GRAYSCALE, ramp(128)), "test");
  CHECK(grey.height == 8);
  CHECK(grey.width == 16);
  CHECK(grey.channels == 1);
  CHECK(largest_difference(grey.values, ramp(128)) <= 3);
  Values colours;
  for (int i = 0; i < 64; ++i) colours.insert(colours.end(), {200, 100, 50});
  const Image rgb = from_jpeg(jpeg(8, 8, 3, JCS_RGB, colours), "test");
  CHECK(rgb.channels == 3);
  CHECK(largest_difference(rgb.values, colours) <= 3);
}

TEST_CASE("truncated, damaged and other JPEG files are refused") {
  const std::string bytes = jpeg(16, 8, 1, JCS_GRAYSCALE, ramp(128));
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    CAPTURE(length);
    CHECK(lacks(jpeg_refusal(bytes.substr(0, length)), {"x.jpg: "}) == "");
  }
  CHECK(lacks(jpeg_refusal("GIF89a"), {"x.jpg: is not a valid JPEG picture"}) == "");
  CHECK(lacks(jpeg_refusal(bytes, 127), {"x.jpg: a picture of 16 x 8 pixels; at most 127"}) == "");
  CHECK(lacks(jpeg_refusal(jpeg(8, 8, 4, JCS_CMYK, Values(256, 9))), {"x.jpg: a JPEG picture of other colours"}) == "");
}

TEST_CASE("files are told apart by content") {
  const TemporaryFolder folder;
  const Image image{2, 2, 1, {1, 2, 3, 4}};
  write_png(folder / "a.jpg", image);
  CHECK(read_image(folder / "a.jpg").values == image.values);
  write_file(folder / "b.png", jpeg(8, 8, 1, JCS_GRAYSCALE, Values(64, 77)));
  CHECK(largest_difference(read_image(folder / "b.png").values, Values(64, 77)) <= 1);
  write_file(folder / "c.png", "text");
  CHECK(lacks(message_of([&] { read_image(folder / "c.png"); }),
              {(folder / "c.png").string(), "is neither a PNG nor a JPEG picture"}) == "");
}

TEST_CASE("pixels become points and come back") {
  const Image image{1, 2, 3, {0, 51, 255, 1, 2, 3}};
  const Tensor pixels = pixels_of(image);
  CHECK(pixels.shape() == Shape{2, 3});
  CHECK(pixels.at({0, 1}) == doctest::Approx(0.2));
  CHECK(image_of_pixels(pixels, 1, 2).values == image.values);
  CHECK(image_of_pixels(tensor({{-1.0, 2.0, 0.5}, {std::nan(""), 0.0, 1.0}}), 1, 2).values ==
        Values{0, 255, 128, 0, 0, 255});
  CHECK(lacks(message_of([&] { image_of_pixels(pixels, 2, 2); }), {"[image_of_pixels] 2 x 2 pixels", "[2, 3]"}) == "");
}

TEST_CASE("rows of planes become pictures") {
  // Two pictures of 1 x 2 pixels: planes red, green, blue.
  const Tensor rows = tensor({{0.0, 1.0, 0.2, 0.4, 0.6, 0.8}, {1.0, 0.0, 1.0, 0.0, 1.0, 0.0}});
  const std::vector<Image> images = images_of_rows(rows, 1, 2, 3);
  REQUIRE(images.size() == 2);
  CHECK(images[0].values == Values{0, 51, 153, 255, 102, 204});
  CHECK(images[1].values == Values{255, 255, 255, 0, 0, 0});
  CHECK(images_of_rows(rows, 2, 3)[0].values == Values{0, 255, 51, 102, 153, 204});
  CHECK(lacks(message_of([&] { images_of_rows(rows, 2, 2); }), {"[images_of_rows] rows of 1 x 2 x 2", "[2, 6]"}) == "");
}

TEST_CASE("a sheet places pictures row by row with gaps around them") {
  const Image one{1, 1, 1, {1}}, two{1, 1, 1, {2}}, color{1, 1, 3, {3, 4, 5}};
  const Image sheet = image_sheet({one, two, one}, 2, 1, 9);
  CHECK(sheet.height == 5);
  CHECK(sheet.width == 5);
  CHECK(sheet.values == Values{9, 9, 9, 9, 9, 9, 1, 9, 2, 9, 9, 9, 9, 9, 9, 9, 1, 9, 9, 9, 9, 9, 9, 9, 9});
  CHECK(image_sheet({one, color}, 5, 0).values == Values{1, 1, 1, 3, 4, 5});
  CHECK(lacks(message_of([] { image_sheet({}, 2); }), {"[image_sheet] 0 pictures in 2 columns"}) == "");
  CHECK(lacks(message_of([&] {
                image_sheet({one, {1, 2, 1, {1, 2}}}, 2);
              }),
              {"[image_sheet] pictures of 1 x 1 and of 1 x 2"}) == "");
}

TEST_CASE("a fitted picture holds means over areas, centred on white") {
  const Image image{2, 4, 1, {0, 2, 10, 10, 4, 6, 20, 21}};
  CHECK(fitted(image, 1, 2).values == Values{3, 15});
  CHECK(fitted(image, 3, 2).values == Values{255, 255, 3, 15, 255, 255});
  CHECK(fitted(image, 2, 4).values == image.values);
  CHECK(fitted(image, 2, 6).values == Values{255, 0, 2, 10, 10, 255, 255, 4, 6, 20, 21, 255});
  CHECK(fitted({1, 9, 1, Values(9, 7)}, 1, 1).values == Values{7});
  CHECK(lacks(message_of([&] { fitted(image, 0, 2); }), {"[fitted] into 0 x 2"}) == "");
}
