// zlib's streaming interface, with the result growing as data comes, so that a lying size field costs nothing.
#include "experiments/support/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <stdexcept>

#include "engine/str.h"
#include "experiments/support/input_error.h"

namespace brenier::experiments {
namespace {

constexpr int kGzipWindow = 15 + 16;  // the largest window; + 16 selects the gzip wrapper
constexpr int kRawWindow = -15;       // negative: no wrapper
constexpr std::size_t kPiece = 1 << 18;

Bytef* input_pointer(std::string_view bytes) {
  // zlib's interface is not const-correct; it does not write through next_in.
  return const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data()));
}

// Gives the stream its next piece of input; avail_in is only 32 bits wide.
void refill(z_stream& stream, std::string_view& rest) {
  if (stream.avail_in != 0 || rest.empty()) return;
  const std::string_view piece = rest.substr(0, std::size_t{1} << 30);
  stream.next_in = input_pointer(piece);
  stream.avail_in = static_cast<uInt>(piece.size());
  rest.remove_prefix(piece.size());
}

class Inflater {
 public:
  explicit Inflater(int window) {
    if (inflateInit2(&stream_, window) != Z_OK) throw std::runtime_error("zlib cannot be started");
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  z_stream& stream() { return stream_; }

 private:
  z_stream stream_{};
};

struct Piece {
  int status;
  std::size_t made;
};

// Appends what comes out of one call.
Piece inflate_piece(z_stream& stream, std::string& piece, std::string& result) {
  stream.next_out = reinterpret_cast<Bytef*>(piece.data());
  stream.avail_out = static_cast<uInt>(piece.size());
  const int status = inflate(&stream, Z_NO_FLUSH);
  const std::size_t made = piece.size() - stream.avail_out;
  result.append(piece, 0, made);
  return {status, made};
}

}  // namespace

bool is_gzip(std::string_view bytes) { return bytes.size() >= 2 && bytes[0] == '\x1f' && bytes[1] == '\x8b'; }

std::string gunzip(std::string_view bytes, const std::string& source, std::uint64_t limit) {
  Inflater inflater(kGzipWindow);
  z_stream& stream = inflater.stream();
  std::string result, piece(kPiece, '\0');
  for (std::string_view rest = bytes;;) {
    refill(stream, rest);
    const bool starved = stream.avail_in == 0;
    const auto [status, made] = inflate_piece(stream, piece, result);
    if (result.size() > limit) throw InputError(str(source, ": unpacks to more than ", limit, " bytes"));
    const bool at_end = stream.avail_in == 0 && rest.empty();
    if (status == Z_STREAM_END) {
      // A gzip file may consist of several members; what follows must be another one.
      if (at_end) return result;
      if (inflateReset(&stream) != Z_OK) throw std::runtime_error("zlib cannot be restarted");
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      throw InputError(str(source, ": damaged gzip data near byte ", bytes.size() - rest.size() - stream.avail_in));
    } else if (starved && made == 0) {
      throw InputError(str(source, ": gzip data ends early, after ", bytes.size(), " bytes"));
    }
  }
}

std::string inflate_raw(std::string_view bytes, const std::string& source, std::uint64_t size) {
  Inflater inflater(kRawWindow);
  z_stream& stream = inflater.stream();
  std::string result, piece(kPiece, '\0');
  int status = Z_OK;
  for (std::string_view rest = bytes; status != Z_STREAM_END;) {
    refill(stream, rest);
    const bool starved = stream.avail_in == 0;
    const Piece step = inflate_piece(stream, piece, result);
    status = step.status;
    if (result.size() > size) throw InputError(str(source, ": unpacks to more than the ", size, " bytes it announces"));
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
      throw InputError(str(source, ": damaged deflate data after ", result.size(), " bytes of the result"));
    if (status != Z_STREAM_END && starved && step.made == 0)
      throw InputError(str(source, ": deflate data ends early, after ", bytes.size(), " bytes"));
  }
  if (result.size() != size || stream.avail_in != 0)
    throw InputError(str(source, ": unpacks to ", result.size(), " bytes, not to the ", size, " it announces"));
  return result;
}

std::string gzip(std::string_view bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::runtime_error("zlib cannot be started");
  }
  std::string result, piece(kPiece, '\0');
  int status = Z_OK;
  for (std::string_view rest = bytes; status != Z_STREAM_END;) {
    refill(stream, rest);
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = static_cast<uInt>(piece.size());
    status = deflate(&stream, rest.empty() ? Z_FINISH : Z_NO_FLUSH);
    result.append(piece, 0, piece.size() - stream.avail_out);
  }
  deflateEnd(&stream);
  return result;
}

std::string read_unpacked(const Path& path) {
  std::string bytes = read_file(path);
  return is_gzip(bytes) ? gunzip(bytes, path.string()) : bytes;
}

}  // namespace brenier::experiments
