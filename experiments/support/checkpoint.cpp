// What Archive writes for each kind of value. Names are prefix + name; lists add ".0", ".1", … and ".size".
#include "experiments/support/checkpoint.h"

#include "engine/str.h"
#include "experiments/support/input_error.h"

namespace brenier::experiments {
namespace {

const std::string kTextKey = "text.";  // in the metadata, where other keys live too

}  // namespace

Archive::Archive(Direction direction, TensorFile& file, std::string prefix, std::string source)
    : direction_(direction), file_(file), prefix_(std::move(prefix)), source_(std::move(source)) {}

void Archive::operator()(const std::string& name, Tensor& value) {
  const std::string full_name = prefix_ + name;
  if (restoring()) {
    // An undefined tensor may have been undefined when it was saved, too.
    if (value.defined() || file_.find(full_name)) value = tensor_like(file_, full_name, value, source_);
  } else if (value.defined()) {
    file_.add(full_name, value);
  }
}

void Archive::operator()(const std::string& name, double& value) {
  Tensor stored = tensor(value);
  (*this)(name, stored);
  value = stored.item();
}

void Archive::integer(const std::string& name, std::int64_t& value) {
  Tensor stored = index_tensor({value});
  (*this)(name, stored);
  value = stored.to_vector<std::int64_t>().front();
}

void Archive::operator()(const std::string& name, bool& value) {
  std::int64_t stored = value ? 1 : 0;
  integer(name, stored);
  value = stored != 0;
}

void Archive::operator()(const std::string& name, std::string& value) {
  const std::string full_name = prefix_ + name;
  if (!restoring()) {
    file_.metadata[kTextKey + full_name] = value;
    return;
  }
  const auto found = file_.metadata.find(kTextKey + full_name);
  if (found == file_.metadata.end()) throw InputError(str(source_, ": there is no text '", full_name, "'"));
  value = found->second;
}

void Archive::operator()(const std::string& name, std::vector<double>& values) {
  Tensor stored;
  if (!restoring()) stored = tensor(std::span<const double>(values), {static_cast<std::int64_t>(values.size())});
  (*this)(name, stored);
  if (!stored.defined()) throw InputError(str(source_, ": there is no tensor '", prefix_ + name, "'"));
  values = stored.to_vector<double>();
}

void Archive::operator()(const std::string& name, std::vector<Tensor>& values) {
  auto size = static_cast<std::int64_t>(values.size());
  integer(name + ".size", size);
  if (restoring() && (size < 0 || size > static_cast<std::int64_t>(file_.tensors().size())))
    throw InputError(str(source_, ": '", prefix_ + name, "' cannot have ", size, " entries"));
  values.resize(static_cast<std::size_t>(size));
  for (std::size_t i = 0; i < values.size(); ++i) (*this)(str(name, ".", i), values[i]);
}

void Archive::save_list(const std::string& name, const std::vector<NamedParameter>& entries) {
  for (const NamedParameter& entry : entries) file_.add(prefix_ + name + "." + entry.name, entry.value);
}

std::vector<NamedParameter> Archive::restored_list(const std::string& name) const {
  const std::string prefix = prefix_ + name + ".";
  std::vector<NamedParameter> entries;
  for (const auto& [full_name, value] : file_.tensors()) {
    if (full_name.starts_with(prefix)) entries.push_back({full_name.substr(prefix.size()), value});
  }
  return entries;
}

}  // namespace brenier::experiments
