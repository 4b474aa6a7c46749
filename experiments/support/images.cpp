#include "experiments/support/images.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "engine/ops.h"
#include "engine/str.h"
#include "experiments/support/input_error.h"

namespace brenier::experiments {
namespace {

// NaN becomes black.
std::uint8_t byte_of(double intensity) {
  return intensity > 0 ? static_cast<std::uint8_t>(255 * std::min(intensity, 1.0) + 0.5) : std::uint8_t{0};
}

// A picture whose element (y, x, c) is value(y, x, c), asked for in that order.
template <class F>
Image make_image(std::int64_t height, std::int64_t width, std::int64_t channels, F&& value) {
  Image image{height, width, channels, {}};
  image.values.reserve(static_cast<std::size_t>(height * width * channels));
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t x = 0; x < width; ++x)
      for (std::int64_t c = 0; c < channels; ++c) image.values.push_back(value(y, x, c));
  return image;
}

std::size_t index_of(const Image& image, std::int64_t y, std::int64_t x, std::int64_t c) {
  return static_cast<std::size_t>((y * image.width + x) * image.channels + std::min(c, image.channels - 1));
}

}  // namespace

Image read_image(const Path& path) {
  const std::string bytes = read_file(path, std::uint64_t{1} << 30);
  if (bytes.starts_with("\x89PNG")) return from_png(bytes, path.string());
  if (bytes.starts_with("\xFF\xD8")) return from_jpeg(bytes, path.string());
  throw InputError(str(path.string(), ": is neither a PNG nor a JPEG picture"));
}

void write_png(const Path& path, const Image& image) { write_file(path, to_png(image)); }

Tensor pixels_of(const Image& image, DType dtype) {
  std::vector<double> intensities(image.values.size());
  std::transform(image.values.begin(), image.values.end(), intensities.begin(), [](int byte) { return byte / 255.0; });
  return tensor(intensities, {image.height * image.width, image.channels}, dtype);
}

Image image_of_pixels(const Tensor& pixels, std::int64_t height, std::int64_t width) {
  if (pixels.rank() != 2 || pixels.dim(0) != height * width || (pixels.dim(1) != 1 && pixels.dim(1) != 3))
    throw std::invalid_argument(
        str("[image_of_pixels] ", height, " x ", width, " pixels of 1 or 3 channels, got shape ", pixels.shape()));
  const std::vector<double> values = cast(pixels, DType::Float64).to_vector<double>();
  std::size_t next = 0;
  return make_image(height, width, pixels.dim(1), [&](auto, auto, auto) { return byte_of(values[next++]); });
}

std::vector<Image> images_of_rows(const Tensor& rows, std::int64_t height, std::int64_t width, std::int64_t channels) {
  const std::int64_t plane = height * width;
  if (rows.rank() != 2 || rows.dim(1) != channels * plane)
    throw std::invalid_argument(
        str("[images_of_rows] rows of ", channels, " x ", height, " x ", width, ", got shape ", rows.shape()));
  const std::vector<double> values = cast(rows, DType::Float64).to_vector<double>();
  std::vector<Image> images;
  for (std::int64_t row = 0; row < rows.dim(0); ++row) {
    const double* picture = values.data() + row * channels * plane;
    images.push_back(make_image(height, width, channels, [&](std::int64_t y, std::int64_t x, std::int64_t c) {
      return byte_of(picture[c * plane + y * width + x]);
    }));
  }
  return images;
}

Image image_sheet(const std::vector<Image>& images, std::int64_t columns, std::int64_t gap, std::uint8_t background) {
  if (images.empty() || columns < 1 || gap < 0)
    throw std::invalid_argument(
        str("[image_sheet] ", images.size(), " pictures in ", columns, " columns with gaps of ", gap, " pixels"));
  const std::int64_t height = images[0].height, width = images[0].width;
  std::int64_t channels = 1;
  for (const Image& image : images) {
    if (image.height != height || image.width != width)
      throw std::invalid_argument(str("[image_sheet] pictures of ", height, " x ", width, " and of ", image.height,
                                      " x ", image.width, " in one sheet"));
    channels = std::max(channels, image.channels);
  }
  const auto count = static_cast<std::int64_t>(images.size());
  const std::int64_t across = std::min(columns, count), down = (count + across - 1) / across;
  return make_image(down * (height + gap) + gap, across * (width + gap) + gap, channels,
                    [&](std::int64_t y, std::int64_t x, std::int64_t c) {
                      const std::int64_t row = y / (height + gap), column = x / (width + gap);
                      const std::int64_t inner_y = y % (height + gap) - gap, inner_x = x % (width + gap) - gap;
                      const std::int64_t index = row * across + column;
                      if (row >= down || column >= across || index >= count || inner_y < 0 || inner_x < 0)
                        return background;
                      const Image& image = images[static_cast<std::size_t>(index)];
                      return image.values[index_of(image, inner_y, inner_x, c)];
                    });
}

Image as_rgb(const Image& image) {
  return make_image(image.height, image.width, 3, [&](std::int64_t y, std::int64_t x, std::int64_t c) {
    return image.values[index_of(image, y, x, c)];
  });
}

Image fitted(const Image& image, std::int64_t height, std::int64_t width) {
  if (height < 1 || width < 1) throw std::invalid_argument(str("[fitted] into ", height, " x ", width, " pixels"));
  const auto ratio = [](std::int64_t a, std::int64_t b) { return static_cast<double>(a) / static_cast<double>(b); };
  const double factor = std::max({ratio(image.height, height), ratio(image.width, width), 1.0});
  const auto inner_height = std::clamp<std::int64_t>(std::llround(ratio(image.height, 1) / factor), 1, height);
  const auto inner_width = std::clamp<std::int64_t>(std::llround(ratio(image.width, 1) / factor), 1, width);
  const std::int64_t top = (height - inner_height) / 2, left = (width - inner_width) / 2;
  return make_image(height, width, image.channels, [&](std::int64_t y, std::int64_t x, std::int64_t c) {
    const std::int64_t i = y - top, j = x - left;
    if (i < 0 || i >= inner_height || j < 0 || j >= inner_width) return std::uint8_t{255};
    // The pixels whose first corner lies in the new one's area.
    std::int64_t total = 0, count = 0;
    for (std::int64_t v = i * image.height / inner_height; v < (i + 1) * image.height / inner_height; ++v)
      for (std::int64_t u = j * image.width / inner_width; u < (j + 1) * image.width / inner_width; ++u, ++count)
        total += image.values[index_of(image, v, u, c)];
    return static_cast<std::uint8_t>((total + count / 2) / count);
  });
}

}  // namespace brenier::experiments
