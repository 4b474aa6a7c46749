// The header is checked completely before the first tensor is made: byte ranges must tile the data without gap or
// overlap, and each range must have exactly the length that dtype and shape ask for.
#include "experiments/support/safetensors.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "engine/backend.h"
#include "engine/str.h"
#include "experiments/support/bounded_size.h"
#include "experiments/support/input_error.h"
#include "experiments/support/json.h"

namespace brenier::experiments {
namespace {

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeader = 1 << 24;  // tens of thousands of tensors; the format itself allows 100 MB
constexpr std::uint64_t kMaxElements = std::uint64_t{1} << 40;  // of one tensor
constexpr const char* kMetadataKey = "__metadata__";

const char* format_name(DType dtype) {
  return dtype == DType::Float32 ? "F32" : dtype == DType::Float64 ? "F64" : "I64";
}

template <class T>
void append_elements(std::string& bytes, const Tensor& value) {
  const std::vector<T> elements = value.to_vector<T>();
  bytes.append(reinterpret_cast<const char*>(elements.data()), elements.size() * sizeof(T));
}

void append_tensor(std::string& bytes, const Tensor& value) {
  if (value.dtype() == DType::Float32) return append_elements<float>(bytes, value);
  if (value.dtype() == DType::Float64) return append_elements<double>(bytes, value);
  append_elements<std::int64_t>(bytes, value);
}

struct Entry {
  std::string name;
  DType dtype = DType::Float64;
  Shape shape;
  std::uint64_t begin = 0, end = 0;  // relative to the data
};

// Reads one file's header; every failure names the file, the place and the tensor.
class HeaderReader {
 public:
  HeaderReader(std::string_view bytes, const std::string& source) : bytes_(bytes), source_(source) {}

  std::string_view header() const {
    if (bytes_.size() < kLengthBytes) fail(0, str("only ", bytes_.size(), " bytes, a header length takes 8"));
    std::uint64_t length = 0;
    for (std::uint64_t i = kLengthBytes; i-- > 0;) length = length << 8 | static_cast<unsigned char>(bytes_[i]);
    if (length > bytes_.size() - kLengthBytes)
      fail(0, str("header length ", length, " exceeds the file's ", bytes_.size(), " bytes"));
    if (length > kMaxHeader) fail(0, str("header length ", length, " exceeds the allowed ", kMaxHeader));
    return bytes_.substr(kLengthBytes, length);
  }

  Entry entry(const std::string& name, const Value& description) const {
    const Row* row = description.as_row();
    const Value* dtype = row ? row->find("dtype") : nullptr;
    const Value* shape = row ? row->find("shape") : nullptr;
    const Value* offsets = row ? row->find("data_offsets") : nullptr;
    if (!dtype || !dtype->as_string() || !shape || !offsets) fail_header(name, "needs dtype, shape and data_offsets");
    Entry result{.name = name, .dtype = dtype_named(name, *dtype->as_string()), .shape = Shape(integers(name, *shape))};
    const std::vector<std::int64_t> range = integers(name, *offsets);
    if (range.size() != 2 || range[0] > range[1]) fail_header(name, "data_offsets are not two ascending numbers");
    result.begin = static_cast<std::uint64_t>(range[0]);
    result.end = static_cast<std::uint64_t>(range[1]);
    check_size(result);
    return result;
  }

  // Sorted by position, the entries must follow each other from the first byte of the data to the last.
  void check_tiling(std::vector<Entry> entries, std::uint64_t data_start) const {
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return a.begin != b.begin ? a.begin < b.begin : a.end < b.end; });
    std::uint64_t position = 0;
    for (const Entry& entry : entries) {
      if (entry.begin != position)
        fail(data_start + entry.begin,
             str("tensor '", entry.name, "' ", entry.begin < position ? "overlaps" : "leaves a gap to",
                 " the one before it"));
      position = entry.end;
    }
    if (data_start + position != bytes_.size())
      fail(data_start + position, str("the tensors end here, the file has ", bytes_.size(), " bytes"));
  }

  std::string text(const std::string& key, const Value& value) const {
    if (!value.as_string()) fail(kLengthBytes, str("metadata '", key, "' is not text"));
    return *value.as_string();
  }

  [[noreturn]] void fail(std::uint64_t offset, const std::string& message) const {
    throw InputError(str(source_, ": offset ", offset, ": ", message));
  }

 private:
  [[noreturn]] void fail_header(const std::string& name, const std::string& message) const {
    fail(kLengthBytes, str("tensor '", name, "' ", message));
  }

  DType dtype_named(const std::string& name, const std::string& dtype) const {
    for (const DType known : {DType::Float32, DType::Float64, DType::Int64}) {
      if (dtype == format_name(known)) return known;
    }
    fail_header(name, str("has dtype ", dtype, "; F32, F64 and I64 are supported"));
  }

  // A list of numbers from 0 to 2^53, few enough for a shape.
  std::vector<std::int64_t> integers(const std::string& name, const Value& value) const {
    const std::vector<Value>* list = value.as_list();
    if (!list) fail_header(name, "has a shape or range that is no list");
    if (list->size() > static_cast<std::size_t>(kMaxRank)) fail_header(name, str("has more than ", kMaxRank, " axes"));
    std::vector<std::int64_t> result;
    for (const Value& entry : *list) {
      const std::int64_t* number = entry.as_integer();
      if (!number || *number < 0 || *number > (std::int64_t{1} << 53)) fail_header(name, "has a size that is no size");
      result.push_back(*number);
    }
    return result;
  }

  void check_size(const Entry& entry) const {
    if (entry.end > bytes_.size()) fail_header(entry.name, str("reaches beyond the file's ", bytes_.size(), " bytes"));
    const std::uint64_t bytes = entry.end - entry.begin;
    const auto elements = bounded_element_count({entry.shape.begin(), entry.shape.end()}, kMaxElements);
    if (!elements || *elements * size_of(entry.dtype) != bytes)
      fail_header(entry.name, str("of shape ", entry.shape, " does not fit its range of ", bytes, " bytes"));
  }

  std::string_view bytes_;
  const std::string& source_;
};

Tensor tensor_from(const Entry& entry, std::string_view data) {
  Tensor result = Tensor::uninitialized(entry.shape, entry.dtype, cpu_backend());
  if (entry.end > entry.begin)
    std::memcpy(result.mutable_data<char>(), data.data() + entry.begin, entry.end - entry.begin);
  return result.to(default_backend());
}

}  // namespace

const Tensor* TensorFile::find(const std::string& name) const {
  const auto found = positions_.find(name);
  return found == positions_.end() ? nullptr : &tensors_[found->second].value;
}

void TensorFile::add(const std::string& name, const Tensor& value) {
  if (!value.defined()) throw std::invalid_argument(str("[TensorFile] tensor '", name, "' is undefined"));
  if (name == kMetadataKey || !positions_.emplace(name, tensors_.size()).second)
    throw std::invalid_argument(str("[TensorFile] the name '", name, "' is taken"));
  tensors_.push_back({name, value.detached()});
}

void TensorFile::erase_prefix(const std::string& prefix) {
  std::erase_if(tensors_, [&](const NamedParameter& entry) { return entry.name.starts_with(prefix); });
  positions_.clear();
  for (std::size_t i = 0; i < tensors_.size(); ++i) positions_[tensors_[i].name] = i;
}

std::string to_safetensors(const TensorFile& content) {
  Row header;
  if (!content.metadata.empty()) {
    Row metadata;
    for (const auto& [key, text] : content.metadata) metadata.set(key, text);
    header.set(kMetadataKey, metadata);
  }
  std::string data;
  for (const auto& [name, value] : content.tensors()) {
    const std::size_t begin = data.size();
    append_tensor(data, value);
    header.set(name, Row{{"dtype", format_name(value.dtype())},
                         {"shape", std::vector<std::int64_t>(value.shape().begin(), value.shape().end())},
                         {"data_offsets", std::vector<std::size_t>{begin, data.size()}}});
  }
  std::string text = to_json(header);
  text.append((kLengthBytes - text.size() % kLengthBytes) % kLengthBytes, ' ');
  std::string bytes;
  for (std::uint64_t i = 0; i < kLengthBytes; ++i) bytes += static_cast<char>(text.size() >> (8 * i) & 0xFF);
  return bytes + text + data;
}

TensorFile from_safetensors(std::string_view bytes, const std::string& source) {
  const HeaderReader reader(bytes, source);
  const std::string_view header = reader.header();
  const Value parsed = parse_json(header, source + ": offset 8: header");
  if (!parsed.as_row()) reader.fail(kLengthBytes, "the header is not a JSON object");
  TensorFile result;
  std::vector<Entry> entries;
  for (const Field& field : *parsed.as_row()) {
    if (field.key != kMetadataKey) {
      entries.push_back(reader.entry(field.key, field.value));
    } else if (const Row* metadata = field.value.as_row()) {
      for (const Field& item : *metadata) result.metadata[item.key] = reader.text(item.key, item.value);
    } else {
      reader.fail(kLengthBytes, "the metadata is not a JSON object");
    }
  }
  reader.check_tiling(entries, kLengthBytes + header.size());
  for (const Entry& entry : entries)
    result.add(entry.name, tensor_from(entry, bytes.substr(kLengthBytes + header.size())));
  return result;
}

void save_safetensors(const Path& path, const TensorFile& content) { write_file(path, to_safetensors(content)); }

TensorFile load_safetensors(const Path& path) { return from_safetensors(read_file(path), path.string()); }

const Tensor& tensor_like(const TensorFile& content, const std::string& name, const Tensor& like,
                          const std::string& source) {
  const Tensor* found = content.find(name);
  if (!found) throw InputError(str(source, ": there is no tensor '", name, "'"));
  if (like.defined() && (found->shape() != like.shape() || found->dtype() != like.dtype()))
    throw InputError(str(source, ": tensor '", name, "' is ", found->dtype(), " ", found->shape(), ", the model needs ",
                         like.dtype(), " ", like.shape()));
  return *found;
}

}  // namespace brenier::experiments
