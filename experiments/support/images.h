// Pictures of bytes: PNG and JPEG files, sheets of many small pictures, and the way to tensors and back.
//
// Reading makes 8-bit grey or RGB of anything that a file holds: palettes are looked up, 16 bits are rounded to 8,
// transparent parts stand on white. Files that are damaged or end early, and pictures above `max_pixels`, are an
// InputError "FILE: …". Tensors hold intensities from 0 to 1.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tensor.h"
#include "experiments/support/file_io.h"

namespace brenier::experiments {

struct Image {
  std::int64_t height = 0, width = 0, channels = 1;  // 1: grey, 3: RGB
  std::vector<std::uint8_t> values = {};             // [height, width, channels]
};

inline constexpr std::int64_t kMaxPixels = std::int64_t{1} << 26;

Image from_png(std::string_view bytes, const std::string& source, std::int64_t max_pixels = kMaxPixels);
Image from_jpeg(std::string_view bytes, const std::string& source, std::int64_t max_pixels = kMaxPixels);
std::string to_png(const Image& image);

Image read_image(const Path& path);                    // PNG or JPEG, told apart by content
void write_png(const Path& path, const Image& image);  // atomic

// The pixels of a picture as points, [height * width, channels], and back; values are clamped to [0, 1] and rounded.
Tensor pixels_of(const Image& image, DType dtype = DType::Float64);
Image image_of_pixels(const Tensor& pixels, std::int64_t height, std::int64_t width);
// Pictures in rows whose channels follow one another, as MNIST and CIFAR-10 store them: [n, channels * height * width].
std::vector<Image> images_of_rows(const Tensor& rows, std::int64_t height, std::int64_t width,
                                  std::int64_t channels = 1);

// Pictures of one size side by side, `columns` in a row, `gap` pixels of `background` between and around them. RGB if
// one of them is. Throws std::invalid_argument if there are none or sizes differ.
Image image_sheet(const std::vector<Image>& images, std::int64_t columns, std::int64_t gap = 2,
                  std::uint8_t background = 255);

// The same with three channels.
Image as_rgb(const Image& image);

// Shrunk to fit into height x width, by averaging over the area of each new pixel, and centred on white. Never enlarged.
Image fitted(const Image& image, std::int64_t height, std::int64_t width);

}  // namespace brenier::experiments
