// The header is a Python dict literal with three known keys; a small scanner reads exactly that and refuses the rest.
#include "experiments/support/npy.h"

#include <bit>
#include <cstring>
#include <optional>
#include <vector>

#include "engine/backend.h"
#include "engine/ops.h"
#include "engine/str.h"
#include "experiments/support/bounded_size.h"
#include "experiments/support/gzip.h"
#include "experiments/support/input_error.h"

namespace brenier::experiments {
namespace {

static_assert(std::endian::native == std::endian::little, "files are little-endian and are copied as they are");

constexpr std::string_view kMagic("\x93NUMPY", 6);
constexpr std::uint64_t kMaxElements = std::uint64_t{1} << 40;
constexpr std::size_t kAlignment = 64;  // of the data, as NumPy writes it

[[noreturn]] void fail(const std::string& source, std::size_t offset, const std::string& message) {
  throw InputError(str(source, ": offset ", offset, ": ", message));
}

struct Header {
  std::string descr;
  bool fortran_order = false;
  std::vector<std::int64_t> shape;
  std::size_t data = 0;  // offset of the first element
};

// Scans {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }.
class HeaderScanner {
 public:
  HeaderScanner(std::string_view bytes, std::size_t begin, std::size_t end, const std::string& source)
      : text_(bytes.substr(0, end)), position_(begin), source_(source) {}

  Header scan() {
    Header header;
    expect("{");
    int seen = 0;
    while (!accept("}")) {
      const std::string key = quoted();
      expect(":");
      if (key == "descr")
        header.descr = quoted();
      else if (key == "fortran_order")
        header.fortran_order = truth();
      else if (key == "shape")
        header.shape = tuple();
      else
        fail(source_, position_, str("unknown header entry '", key, "'"));
      ++seen;
      if (!accept(",") && !peek("}")) fail(source_, position_, "expected ',' or '}' in the header");
    }
    if (seen != 3 || header.descr.empty())
      fail(source_, position_, "the header needs descr, fortran_order and shape once each");
    return header;
  }

 private:
  void skip_blanks() {
    while (position_ < text_.size() && (text_[position_] == ' ' || text_[position_] == '\n')) ++position_;
  }
  bool peek(std::string_view token) {
    skip_blanks();
    return text_.substr(position_).starts_with(token);
  }
  bool accept(std::string_view token) {
    const bool found = peek(token);
    if (found) position_ += token.size();
    return found;
  }
  void expect(std::string_view token) {
    if (!accept(token)) fail(source_, position_, str("expected '", token, "' in the header"));
  }
  std::string quoted() {
    const std::string_view quote = accept("\"") ? "\"" : "'";
    if (quote == "'") expect("'");
    const std::size_t end = text_.find(quote, position_);
    if (end == std::string_view::npos) fail(source_, position_, "text without an end in the header");
    const std::string result(text_.substr(position_, end - position_));
    position_ = end + 1;
    return result;
  }
  bool truth() {
    if (accept("True")) return true;
    expect("False");
    return false;
  }
  std::int64_t number() {
    skip_blanks();
    const std::size_t start = position_;
    std::int64_t value = 0;
    for (; position_ < text_.size() && text_[position_] >= '0' && text_[position_] <= '9'; ++position_) {
      if (position_ - start >= 15) fail(source_, start, "an axis length has more than 15 digits");
      value = 10 * value + (text_[position_] - '0');
    }
    if (position_ == start) fail(source_, start, "expected an axis length in the header");
    return value;
  }
  std::vector<std::int64_t> tuple() {
    std::vector<std::int64_t> lengths;
    expect("(");
    while (!accept(")")) {
      if (lengths.size() == static_cast<std::size_t>(kMaxRank))
        fail(source_, position_, str("more than ", kMaxRank, " axes"));
      lengths.push_back(number());
      if (!accept(",") && !peek(")")) fail(source_, position_, "expected ',' or ')' in the shape");
    }
    return lengths;
  }

  std::string_view text_;
  std::size_t position_;
  const std::string& source_;
};

Header read_header(std::string_view bytes, const std::string& source) {
  if (!bytes.starts_with(kMagic)) fail(source, 0, "does not begin with the .npy signature");
  const std::size_t version = bytes.size() > 6 ? static_cast<unsigned char>(bytes[6]) : 0;
  if (version < 1 || version > 3) fail(source, 6, str(".npy format version ", version, "; 1 to 3 are supported"));
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  const std::size_t start = 8 + length_bytes;
  if (bytes.size() < start) fail(source, bytes.size(), "ends before the header length");
  std::size_t length = 0;
  for (std::size_t i = start; i-- > 8;) length = length << 8 | static_cast<unsigned char>(bytes[i]);
  if (length > bytes.size() - start)
    fail(source, 8, str("header length ", length, " exceeds the file's ", bytes.size(), " bytes"));
  Header header = HeaderScanner(bytes, start, start + length, source).scan();
  header.data = start + length;
  return header;
}

template <class Stored, class T>
void convert(std::string_view data, T* target) {
  for (std::size_t i = 0; i * sizeof(Stored) < data.size(); ++i) {
    Stored element;
    std::memcpy(&element, data.data() + i * sizeof(Stored), sizeof(Stored));
    target[i] = static_cast<T>(element);
  }
}

template <class Stored, class T>
Tensor make(std::string_view data, const Shape& shape) {
  Tensor result = Tensor::uninitialized(shape, dtype_of<T>(), cpu_backend());
  convert<Stored>(data, result.mutable_data<T>());
  return result.to(default_backend());
}

// One stored type: how NumPy calls it, its size, and how it becomes a tensor.
struct StoredType {
  const char* descr;
  std::size_t size;
  Tensor (*make)(std::string_view, const Shape&);
};
constexpr StoredType kStoredTypes[] = {
    {"f4", 4, make<float, float>},
    {"f8", 8, make<double, double>},
    {"i8", 8, make<std::int64_t, std::int64_t>},
    {"i4", 4, make<std::int32_t, std::int64_t>},
    {"i2", 2, make<std::int16_t, std::int64_t>},
    {"i1", 1, make<std::int8_t, std::int64_t>},
    {"u4", 4, make<std::uint32_t, std::int64_t>},
    {"u2", 2, make<std::uint16_t, std::int64_t>},
    {"u1", 1, make<std::uint8_t, std::int64_t>},
    {"b1", 1, make<std::uint8_t, std::int64_t>},
};

const StoredType& stored_type(const Header& header, const std::string& source) {
  const std::string_view descr = header.descr;
  if (descr.starts_with('>')) fail(source, 10, str("big-endian data (", descr, "); little-endian is supported"));
  const bool marked = descr.starts_with('<') || descr.starts_with('|') || descr.starts_with('=');
  for (const StoredType& type : kStoredTypes) {
    if (descr.substr(marked ? 1 : 0) == type.descr) return type;
  }
  fail(source, 10, str("elements of type '", descr, "'; f4, f8, bool and integers up to i8 are supported"));
}

const char* descr_of(DType dtype) { return dtype == DType::Float32 ? "<f4" : dtype == DType::Float64 ? "<f8" : "<i8"; }

template <class T>
void append_elements(std::string& bytes, const Tensor& values) {
  const std::vector<T> elements = values.to_vector<T>();
  bytes.append(reinterpret_cast<const char*>(elements.data()), elements.size() * sizeof(T));
}

}  // namespace

Tensor from_npy(std::string_view bytes, const std::string& source) {
  const Header header = read_header(bytes, source);
  const StoredType& type = stored_type(header, source);
  const auto elements = bounded_element_count(header.shape, kMaxElements);
  const std::string_view data = bytes.substr(header.data);
  Shape shape{std::span<const std::int64_t>(header.shape)};
  if (!elements || *elements * type.size != data.size())
    fail(source, header.data, str(data.size(), " bytes of data do not fit shape ", shape, " of ", header.descr));
  if (!header.fortran_order) return type.make(data, shape);
  // Fortran order is C order with the axes reversed: the result is a transposed view.
  Axes reversed;
  Shape swapped;
  for (int axis = shape.rank(); axis-- > 0;) {
    reversed.push_back(axis);
    swapped.push_back(shape[axis]);
  }
  return permute(type.make(data, swapped), reversed);
}

std::string to_npy(const Tensor& values) {
  std::string shape;
  for (const std::int64_t length : values.shape()) shape += str(length, values.rank() == 1 ? "," : ", ");
  if (values.rank() > 1) shape.resize(shape.size() - 2);
  std::string header =
      str("{'descr': '", descr_of(values.dtype()), "', 'fortran_order': False, 'shape': (", shape, "), }");
  const std::size_t before = kMagic.size() + 4;
  header.append(kAlignment - (before + header.size() + 1) % kAlignment, ' ');
  header += '\n';
  std::string bytes(kMagic);
  bytes += '\x01';
  bytes += '\x00';
  bytes += static_cast<char>(header.size() & 0xFF);
  bytes += static_cast<char>(header.size() >> 8);
  bytes += header;
  if (values.dtype() == DType::Float32) append_elements<float>(bytes, values);
  if (values.dtype() == DType::Float64) append_elements<double>(bytes, values);
  if (values.dtype() == DType::Int64) append_elements<std::int64_t>(bytes, values);
  return bytes;
}

void write_npy(const Path& path, const Tensor& values) {
  const std::string bytes = to_npy(values);
  write_file(path, path.extension() == ".gz" ? gzip(bytes) : bytes);
}

Tensor read_npy(const Path& path) { return from_npy(read_unpacked(path), path.string()); }

}  // namespace brenier::experiments
