// Named tensors in one file, in the safetensors format: eight bytes little-endian header length, a JSON header that
// gives for each tensor its dtype, shape and byte range, then the row-major bytes.
//
// The bytes are a function of the content alone (tensors in the order given, header padded to eight bytes), so equal
// states make equal files, and the order survives. Reading trusts nothing: every length is checked against the file
// before it is used; errors are InputError "FILE: offset N: …". Reference: https://github.com/huggingface/safetensors,
// section Format.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/parameters.h"
#include "engine/tensor.h"
#include "experiments/support/file_io.h"

namespace brenier::experiments {

// The content of a file: float32, float64 and int64 tensors with unique names in a definite order, and text metadata.
class TensorFile {
 public:
  const std::vector<NamedParameter>& tensors() const { return tensors_; }
  const Tensor* find(const std::string& name) const;  // null if there is none of that name
  // Appends; throws std::invalid_argument for a name that is taken or an undefined tensor.
  void add(const std::string& name, const Tensor& value);
  void erase_prefix(const std::string& prefix);  // all tensors whose names begin so

  std::map<std::string, std::string> metadata;

 private:
  std::vector<NamedParameter> tensors_;
  std::map<std::string, std::size_t> positions_;
};

std::string to_safetensors(const TensorFile& content);
TensorFile from_safetensors(std::string_view bytes, const std::string& source);

void save_safetensors(const Path& path, const TensorFile& content);  // atomic
TensorFile load_safetensors(const Path& path);

// The tensor of that name. Throws InputError naming file and tensor if it is missing, or if its shape or dtype are not
// those of `like` (not checked where `like` is undefined).
const Tensor& tensor_like(const TensorFile& content, const std::string& name, const Tensor& like,
                          const std::string& source);

// Sets all parameters of a model from the tensors named `prefix` + parameter name.
template <HasParameters Model>
void load_into(Model& model, const TensorFile& content, const std::string& prefix, const std::string& source) {
  Model loaded = model;
  loaded.for_each_parameter([&](const std::string& name, Tensor& parameter) {
    parameter = tensor_like(content, prefix + name, parameter, source);
  });
  model = loaded;
}

}  // namespace brenier::experiments
