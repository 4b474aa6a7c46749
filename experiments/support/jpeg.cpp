// JPEG through libjpeg. Its errors leave by longjmp, over frames of C only: the frame that calls setjmp owns nothing
// that would have to be destroyed. Its warnings mean damaged data, and are errors here.
#include <csetjmp>
#include <cstdio>  // jpeglib.h needs it before

#include <jpeglib.h>

#include "engine/str.h"
#include "experiments/support/images.h"
#include "experiments/support/input_error.h"

namespace brenier::experiments {
namespace {

constexpr int kMaxScans = 100;  // a progressive file has about ten; thousands would be made to waste time

struct ErrorManager {
  jpeg_error_mgr base;
  std::jmp_buf escape;
  char message[JMSG_LENGTH_MAX];
};

void leave(j_common_ptr info) {
  auto* errors = reinterpret_cast<ErrorManager*>(info->err);
  (*info->err->format_message)(info, errors->message);
  std::longjmp(errors->escape, 1);
}

void leave_on_warning(j_common_ptr info, int level) {
  if (level < 0) leave(info);
}

void check_scans(j_common_ptr info) {
  const auto* decoder = reinterpret_cast<jpeg_decompress_struct*>(info);
  if (decoder->input_scan_number <= kMaxScans) return;
  auto* errors = reinterpret_cast<ErrorManager*>(info->err);
  std::snprintf(errors->message, sizeof errors->message, "more than %d scans", kMaxScans);
  std::longjmp(errors->escape, 1);
}

class Decoder {
 public:
  Decoder() {
    info_.err = jpeg_std_error(&errors_.base);
    errors_.base.error_exit = leave;
    errors_.base.emit_message = leave_on_warning;
    errors_.message[0] = '\0';
    progress_.progress_monitor = check_scans;
  }
  ~Decoder() { jpeg_destroy_decompress(&info_); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  // Each returns whether it succeeded; message() says why not.
  bool read_header(std::string_view bytes) {
    if (setjmp(errors_.escape) != 0) return false;
    jpeg_create_decompress(&info_);
    info_.progress = &progress_;
    jpeg_mem_src(&info_, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
    jpeg_read_header(&info_, TRUE);
    return true;
  }
  bool read_pixels(Image& image) {
    if (setjmp(errors_.escape) != 0) return false;
    info_.out_color_space = image.channels == 3 ? JCS_RGB : JCS_GRAYSCALE;
    jpeg_start_decompress(&info_);
    while (info_.output_scanline < info_.output_height) {
      const auto line = static_cast<std::size_t>(info_.output_scanline);
      JSAMPROW row = image.values.data() + line * info_.output_width * static_cast<std::size_t>(image.channels);
      jpeg_read_scanlines(&info_, &row, 1);
    }
    jpeg_finish_decompress(&info_);  // reads on to the end marker
    return true;
  }
  const jpeg_decompress_struct& info() const { return info_; }
  const char* message() const { return errors_.message; }

 private:
  ErrorManager errors_{};
  jpeg_progress_mgr progress_{};
  jpeg_decompress_struct info_{};
};

// 1 or 3; 0 for spaces that are not read.
std::int64_t channels_of(J_COLOR_SPACE space) {
  if (space == JCS_GRAYSCALE) return 1;
  return space == JCS_YCbCr || space == JCS_RGB ? 3 : 0;
}

}  // namespace

Image from_jpeg(std::string_view bytes, const std::string& source, std::int64_t max_pixels) {
  const auto fail = [&](const std::string& message) { throw InputError(str(source, ": ", message)); };
  Decoder decoder;
  if (!decoder.read_header(bytes)) fail(str("is not a valid JPEG picture (", decoder.message(), ")"));
  const auto height = static_cast<std::int64_t>(decoder.info().image_height);
  const auto width = static_cast<std::int64_t>(decoder.info().image_width);
  if (height > max_pixels / width)
    fail(str("a picture of ", width, " x ", height, " pixels; at most ", max_pixels, " are allowed"));
  Image image{height, width, channels_of(decoder.info().jpeg_color_space), {}};
  if (image.channels == 0) fail("a JPEG picture of other colours than grey, RGB or YCbCr");
  image.values.resize(static_cast<std::size_t>(height * width * image.channels));
  if (!decoder.read_pixels(image)) fail(str("the picture is damaged (", decoder.message(), ")"));
  return image;
}

}  // namespace brenier::experiments
