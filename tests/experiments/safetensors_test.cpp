// The safetensors format: exact round trips, equal bytes for equal content, and refusal of every kind of damage.
#include "experiments/support/safetensors.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>

#include "engine/ops.h"
#include "engine/str.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/support/message_of.h"

using namespace brenier;
using namespace brenier::experiments;
using brenier::testing::lacks;
using brenier::testing::message_of;
using brenier::testing::TemporaryFolder;

namespace {

TensorFile example() {
  TensorFile file;
  file.add("b.weight", tensor({{1.0, -0.0, 1.0 / 3}, {5e-324, 1e308, std::nan("")}}));
  file.add("a.bias", tensor({0.1, 2.0}, DType::Float32));
  file.add("count", index_tensor({-5, std::int64_t{1} << 62}));
  file.add("scalar", tensor(7.0));
  file.add("empty", zeros({0, 3}));
  file.metadata["config"] = R"({"steps":3})";
  return file;
}

// A file from a header as text, and data.
std::string bytes_of(const std::string& header, const std::string& data = {}) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(header.size() >> (8 * i) & 0xFF);
  return bytes + header + data;
}

std::string refusal(const std::string& bytes) {
  return message_of([&] { from_safetensors(bytes, "m.safetensors"); });
}

struct TwoTensors {
  Tensor weight, bias;
  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit("weight", weight);
    visit("bias", bias);
  }
};

}  // namespace

TEST_CASE("a safetensors file comes back bit for bit, in order, with its metadata") {
  const TensorFile file = example();
  const std::string bytes = to_safetensors(file);
  const TensorFile back = from_safetensors(bytes, "test");
  REQUIRE(back.tensors().size() == file.tensors().size());
  for (std::size_t i = 0; i < file.tensors().size(); ++i) {
    CHECK(back.tensors()[i].name == file.tensors()[i].name);
    CHECK(back.tensors()[i].value.shape() == file.tensors()[i].value.shape());
    CHECK(back.tensors()[i].value.dtype() == file.tensors()[i].value.dtype());
  }
  CHECK(back.metadata == file.metadata);
  CHECK(to_safetensors(back) == bytes);
}

TEST_CASE("the layout is the published one") {
  TensorFile file;
  file.add("x", tensor({1.0}, DType::Float32));
  // The header, padded to a multiple of eight bytes, then 1.0f in little-endian order.
  const std::string header = R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  CHECK(to_safetensors(file) ==
        bytes_of(header + std::string(56 - header.size(), ' '), std::string("\0\0\x80\x3f", 4)));
}

TEST_CASE("views are stored as the numbers they show") {
  TensorFile file;
  file.add("t", transpose(tensor({{1.0, 2.0}, {3.0, 4.0}})));
  file.add("b", broadcast_to(tensor(5.0), {3}));
  const TensorFile back = from_safetensors(to_safetensors(file), "test");
  CHECK(back.find("t")->to_vector<double>() == std::vector<double>{1, 3, 2, 4});
  CHECK(back.find("b")->to_vector<double>() == std::vector<double>{5, 5, 5});
}

TEST_CASE("names are unique and tensors defined") {
  TensorFile file = example();
  CHECK(lacks(message_of([&] { file.add("count", tensor(1.0)); }), {"[TensorFile]", "'count' is taken"}) == "");
  CHECK(lacks(message_of([&] { file.add("new", Tensor()); }), {"[TensorFile]", "'new' is undefined"}) == "");
  CHECK(lacks(message_of([&] { file.add("__metadata__", tensor(1.0)); }), {"[TensorFile]"}) == "");
  file.erase_prefix("b.");
  CHECK(file.find("b.weight") == nullptr);
  CHECK(file.find("scalar")->item() == 7);
}

TEST_CASE("every truncation of a file is refused") {
  const std::string bytes = to_safetensors(example());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    CAPTURE(length);
    CHECK(lacks(refusal(bytes.substr(0, length)), {"m.safetensors: offset "}) == "");
  }
  CHECK(lacks(refusal(bytes + "x"), {"m.safetensors: offset ", "the tensors end here"}) == "");
}

TEST_CASE("damaged headers are refused with the place and the tensor") {
  struct Case {
    std::string bytes;
    const char* message;
  };
  const std::string eight(8, '\0');
  const Case cases[] = {
      {std::string(8, '\xff'), "offset 0: header length 18446744073709551615 exceeds the file's 8 bytes"},
      {bytes_of("not json"), "offset 8: header"},
      {bytes_of("[]"), "the header is not a JSON object"},
      {bytes_of(R"({"__metadata__":[]})"), "the metadata is not a JSON object"},
      {bytes_of(R"({"__metadata__":{"a":1}})"), "metadata 'a' is not text"},
      {bytes_of(R"({"x":3})"), "tensor 'x' needs dtype, shape and data_offsets"},
      {bytes_of(R"({"x":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}})"), "has dtype F16; F32, F64 and I64"},
      {bytes_of(R"({"x":{"dtype":"F64","shape":[1],"data_offsets":[8,0]}})", eight), "two ascending numbers"},
      {bytes_of(R"({"x":{"dtype":"F64","shape":[1],"data_offsets":[0]}})", eight), "two ascending numbers"},
      {bytes_of(R"({"x":{"dtype":"F64","shape":[2],"data_offsets":[0,8]}})", eight),
       "does not fit its range of 8 bytes"},
      {bytes_of(R"({"x":{"dtype":"F64","shape":[-1],"data_offsets":[0,8]}})", eight), "a size that is no size"},
      {bytes_of(R"({"x":{"dtype":"F64","shape":[0.5],"data_offsets":[0,8]}})", eight), "a size that is no size"},
      {bytes_of(R"({"x":{"dtype":"F64","shape":1,"data_offsets":[0,8]}})", eight), "is no list"},
      {bytes_of(R"({"x":{"dtype":"F64","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,8]}})", eight),
       "more than 8 axes"},
      {bytes_of(R"({"x":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,0]}})"), "does not fit"},
      {bytes_of(R"({"x":{"dtype":"F64","shape":[0,9007199254740992,9007199254740992],"data_offsets":[0,0]}})"),
       "does not fit"},
      {bytes_of(R"({"x":{"dtype":"F64","shape":[1],"data_offsets":[1000,1008]}})", eight), "reaches beyond the file's"},
      {bytes_of(R"({"x":{"dtype":"F64","shape":[1],"data_offsets":[8,16]}})", eight + eight), "'x' leaves a gap"},
      {bytes_of(
           R"({"x":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"y":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}})",
           eight),
       "'y' overlaps the one before it"},
      {bytes_of(
           R"({"x":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"x":{"dtype":"F64","shape":[1],"data_offsets":[8,16]}})",
           eight + eight),
       "two values for one key"},
  };
  for (const Case& example : cases) {
    CAPTURE(example.message);
    CHECK(lacks(refusal(example.bytes), {"m.safetensors: ", example.message}) == "");
  }
}

TEST_CASE("a model is loaded by names, and the first mismatch is named") {
  TensorFile file;
  file.add("model.weight", ones({2, 3}));
  file.add("model.bias", ones({3}));
  TwoTensors model{zeros({2, 3}), zeros({3})};
  load_into(model, file, "model.", "m");
  CHECK(model.weight.to_vector<double>() == std::vector<double>(6, 1.0));
  TwoTensors wrong_shape{zeros({2, 3}), zeros({4})}, wrong_type{zeros({2, 3}, DType::Float32), zeros({3})};
  CHECK(lacks(message_of([&] { load_into(wrong_shape, file, "model.", "m"); }),
              {"m: tensor 'model.bias' is float64 [3], the model needs float64 [4]"}) == "");
  CHECK(wrong_shape.weight.to_vector<double>() == std::vector<double>(6, 0.0));  // nothing is half loaded
  CHECK(lacks(message_of([&] { load_into(wrong_type, file, "model.", "m"); }),
              {"m: tensor 'model.weight'", "float32"}) == "");
  CHECK(lacks(message_of([&] { load_into(model, file, "", "m"); }), {"m: there is no tensor 'weight'"}) == "");
}

TEST_CASE("a missing file and a folder are refused by name") {
  const TemporaryFolder folder;
  CHECK(lacks(message_of([&] { load_safetensors(folder / "none"); }), {(folder / "none").string(), "no such file"}) ==
        "");
  CHECK(lacks(message_of([&] { load_safetensors(folder.path()); }), {folder.path().string(), "is a folder"}) == "");
}

TEST_CASE("writing a file replaces it whole and leaves nothing else behind") {
  const TemporaryFolder folder;
  save_safetensors(folder / "m.safetensors", example());
  TensorFile small;
  small.add("x", tensor(1.0));
  save_safetensors(folder / "m.safetensors", small);
  CHECK(load_safetensors(folder / "m.safetensors").tensors().size() == 1);
  CHECK(folder.count() == 1);
}
