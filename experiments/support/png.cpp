// PNG through libpng's simplified interface, which reports errors by return value. What that interface leaves
// unread, the checksums of the last chunks and the end of the file, is checked here first.
#include <png.h>
#include <zlib.h>

#include <stdexcept>

#include "engine/str.h"
#include "experiments/support/images.h"
#include "experiments/support/input_error.h"

namespace brenier::experiments {
namespace {

constexpr std::string_view kSignature("\x89PNG\r\n\x1a\n", 8);
constexpr std::size_t kChunkFrame = 12;  // length, type and checksum, four bytes each

[[noreturn]] void fail(const std::string& source, const std::string& message) {
  throw InputError(str(source, ": ", message));
}

std::uint32_t big_endian(std::string_view bytes, std::size_t offset) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[offset + i]);
  return value;
}

// A file is its signature and a chain of chunks that ends with IEND.
void check_chunks(std::string_view bytes, const std::string& source) {
  if (!bytes.starts_with(kSignature)) fail(source, "does not begin with the PNG signature");
  for (std::size_t offset = kSignature.size();;) {
    if (bytes.size() - offset < kChunkFrame)
      fail(source, str("the picture ends early, after ", bytes.size(), " bytes"));
    const std::uint32_t length = big_endian(bytes, offset);
    if (length > bytes.size() - offset - kChunkFrame)
      fail(source, str("the picture ends early, after ", bytes.size(), " bytes"));
    const std::string_view checked = bytes.substr(offset + 4, 4 + length);
    const auto* data = reinterpret_cast<const Bytef*>(checked.data());
    if (crc32(0, data, static_cast<uInt>(checked.size())) != big_endian(bytes, offset + 8 + length))
      fail(source, str("the checksum of the chunk at byte ", offset, " is wrong"));
    if (checked.starts_with("IEND")) return;
    offset += kChunkFrame + length;
  }
}

// Frees what libpng holds for a picture.
class PngImage {
 public:
  PngImage() { image_.version = PNG_IMAGE_VERSION; }
  ~PngImage() { png_image_free(&image_); }
  PngImage(const PngImage&) = delete;
  PngImage& operator=(const PngImage&) = delete;
  png_image& get() { return image_; }

 private:
  png_image image_{};
};

}  // namespace

Image from_png(std::string_view bytes, const std::string& source, std::int64_t max_pixels) {
  check_chunks(bytes, source);
  PngImage png;
  png_image& image = png.get();
  if (!png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()))
    fail(source, str("is not a valid PNG picture (", image.message, ")"));
  const auto height = static_cast<std::int64_t>(image.height), width = static_cast<std::int64_t>(image.width);
  if (height > max_pixels / width)
    fail(source, str("a picture of ", width, " x ", height, " pixels; at most ", max_pixels, " are allowed"));
  const bool color = (image.format & PNG_FORMAT_FLAG_COLOR) != 0;
  image.format = color ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  image.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
  Image result{height, width, color ? 3 : 1, {}};
  result.values.resize(static_cast<std::size_t>(height * width * result.channels));
  const png_color white{255, 255, 255};
  if (!png_image_finish_read(&image, &white, result.values.data(), 0, nullptr))
    fail(source, str("the picture is damaged (", image.message, ")"));
  return result;
}

std::string to_png(const Image& picture) {
  if ((picture.channels != 1 && picture.channels != 3) || picture.height < 1 || picture.width < 1 ||
      picture.values.size() != static_cast<std::size_t>(picture.height * picture.width * picture.channels))
    throw std::invalid_argument(str("[to_png] ", picture.values.size(), " values for ", picture.height, " x ",
                                    picture.width, " pixels of ", picture.channels, " channels"));
  PngImage png;
  png_image& image = png.get();
  image.height = static_cast<png_uint_32>(picture.height);
  image.width = static_cast<png_uint_32>(picture.width);
  image.format = picture.channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  png_alloc_size_t size = 0;
  if (!png_image_write_to_memory(&image, nullptr, &size, 0, picture.values.data(), 0, nullptr))
    throw std::runtime_error(str("libpng cannot write a picture: ", image.message));
  std::string bytes(size, '\0');
  if (!png_image_write_to_memory(&image, bytes.data(), &size, 0, picture.values.data(), 0, nullptr))
    throw std::runtime_error(str("libpng cannot write a picture: ", image.message));
  bytes.resize(size);
  return bytes;
}

}  // namespace brenier::experiments
