// One description of a program's state that serves both saving and restoring.
//
//   auto state = [&](Archive& archive) {
//     archive("model", model);       // anything with for_each_parameter
//     archive("adam", adam);         // anything with state() and load(), or a static from(): the optimisers
//     archive("step", step);
//   };
//
// Numbers are stored as tensors of one element, so they come back bit for bit. While restoring, a tensor that is
// already defined must have the stored shape and dtype.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/parameters.h"
#include "experiments/support/safetensors.h"

namespace brenier::experiments {

// How the optimisers give out their state: as named tensors.
template <class T>
concept HasState = requires(const T& object) {
  { object.state() } -> std::same_as<std::vector<NamedParameter>>;
};

class Archive {
 public:
  enum class Direction { Save, Restore };
  // `prefix` is put before every name. `source` names the file in messages.
  Archive(Direction direction, TensorFile& file, std::string prefix, std::string source);
  bool restoring() const { return direction_ == Direction::Restore; }

  void operator()(const std::string& name, Tensor& value);
  void operator()(const std::string& name, double& value);
  void operator()(const std::string& name, bool& value);
  void operator()(const std::string& name, std::string& value);
  void operator()(const std::string& name, std::vector<double>& values);
  void operator()(const std::string& name, std::vector<Tensor>& values);

  template <std::integral Integer>
  void operator()(const std::string& name, Integer& value) {
    std::int64_t wide = static_cast<std::int64_t>(value);
    integer(name, wide);
    value = static_cast<Integer>(wide);
  }
  template <HasParameters Model>
  void operator()(const std::string& name, Model& model) {
    nested(name, [&] { model.for_each_parameter(*this); });
  }
  template <HasState Object>
  requires(!HasParameters<Object>) void operator()(const std::string& name, Object& object) {
    if (!restoring()) return save_list(name, object.state());
    if constexpr (requires { object.load(restored_list(name)); }) {
      object.load(restored_list(name));
    } else {
      object = Object::from(restored_list(name));
    }
  }

 private:
  void save_list(const std::string& name, const std::vector<NamedParameter>& entries);
  std::vector<NamedParameter> restored_list(const std::string& name) const;
  void integer(const std::string& name, std::int64_t& value);
  template <class Body>
  void nested(const std::string& name, Body&& body) {
    const std::size_t length = prefix_.size();
    prefix_ += name + ".";
    body();
    prefix_.resize(length);
  }

  Direction direction_;
  TensorFile& file_;
  std::string prefix_;
  std::string source_;
};

using State = std::function<void(Archive&)>;

}  // namespace brenier::experiments
