// Misuse of operations: std::invalid_argument, led by the operation's name, with the shapes or numbers that do not fit.
#include <doctest/doctest.h>

#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/ops.h"
#include "tests/support/message_of.h"

namespace brenier::testing {
namespace {

using Binary = Tensor (*)(const Tensor&, const Tensor&);

template <class Call>
void refuses(Call&& call, std::initializer_list<std::string_view> parts) {
  INFO(std::string(*parts.begin()), " …", std::string(*(parts.end() - 1)));
  CHECK(lacks(message_of(call), parts) == "");
}

const std::pair<const char*, Binary> kBinary[] = {
    {"[add]", add},         {"[sub]", sub},         {"[mul]", mul},     {"[div]", div},   {"[pow]", pow},
    {"[maximum]", maximum}, {"[minimum]", minimum}, {"[equal]", equal}, {"[less]", less}, {"[less_equal]", less_equal}};

TEST_SUITE("misuse of operations") {
  TEST_CASE("shapes that do not broadcast are both named") {
    for (const auto& [name, f] : kBinary) refuses([f = f] { f(ones({2, 3}), ones({4})); }, {name, "[2, 3]", "[4]"});
    refuses([] { where(ones({2}), ones({3}), ones({3})); }, {"[where]", "[2]", "[3]"});
    refuses([] { broadcast_to(ones({2}), {3}); }, {"[broadcast", "[2]", "[3]"});
    refuses([] { broadcast_to(ones({2, 3}), {3}); }, {"[broadcast", "[2, 3]", "[3]"});
    refuses([] { sum_to(ones({2, 3}), {2}); }, {"[sum_to]", "[2, 3]", "[2]"});
  }

  TEST_CASE("dtypes that differ are both named, and integers are refused where they make no sense") {
    for (const auto& [name, f] : kBinary)
      refuses([f = f] { f(ones({2}), ones({2}, DType::Float32)); }, {name, "float64", "float32"});
    refuses([] { matmul(ones({2, 2}), ones({2, 2}, DType::Float32)); }, {"[matmul]", "float64", "float32"});
    refuses([] { concat({ones({2}), ones({2}, DType::Float32)}, 0); }, {"[concat]", "float64", "float32"});
    refuses([] { exp(index_tensor({1})); }, {"[exp]", "int64"});
    refuses([] { index_tensor({1}) / index_tensor({1}); }, {"[div]", "int64"});
    refuses([] { matmul(index_tensor({1}), index_tensor({1})); }, {"[matmul]", "int64"});
  }

  TEST_CASE("undefined arguments are refused by name") {
    const Tensor none;
    refuses([&] { exp(none); }, {"[exp]", "undefined"});
    refuses([&] { add(ones({2}), none); }, {"[add]", "undefined"});
    refuses([&] { where(none, ones({2}), ones({2})); }, {"[where]", "undefined"});
    refuses([&] { sum(none); }, {"[sum]", "undefined"});
    refuses([&] { matmul(none, ones({2, 2})); }, {"[matmul]", "undefined"});
    refuses([&] { reshape(none, {2}); }, {"[reshape]", "undefined"});
    refuses([&] { permute(none, {0}); }, {"[permute]", "undefined"});
    refuses([&] { broadcast_to(none, {2}); }, {"[broadcast", "undefined"});
    refuses([&] { slice(none, 0, 0, 0); }, {"[slice]", "undefined"});
    refuses([&] { flip(none, {0}); }, {"[flip]", "undefined"});
    refuses([&] { pad(none, {}, {}); }, {"[pad]", "undefined"});
    refuses([&] { concat({none}, 0); }, {"[concat]", "undefined"});
    refuses([&] { concat({ones({2}), none}, 0); }, {"[concat]"});
    refuses([&] { gather(none, index_tensor({0})); }, {"[gather]", "undefined"});
    refuses([&] { argsort(none); }, {"[argsort]", "undefined"});
    refuses([&] { cast(none, DType::Float32); }, {"[cast]", "undefined"});
    refuses([&] { stop_gradient(none); }, {"[stop_gradient]", "undefined"});
  }

  TEST_CASE("matrix products name both shapes") {
    refuses([] { matmul(ones({32, 64}), ones({63, 10})); }, {"[matmul]", "[32, 64]", "[63, 10]"});
    refuses([] { matmul(ones({2, 2, 3}), ones({2, 2})); }, {"[matmul]", "[2, 2, 3]", "[2, 2]"});
    refuses([] { matmul(ones({2, 2, 3}), ones({3, 3, 2})); }, {"[matmul]", "[2]", "[3]"});
    refuses([] { matmul(tensor(1.0), ones({2, 2})); }, {"[matmul]", "[]", "[2, 2]"});
    refuses([] { matmul(ones({3}), ones({2, 2})); }, {"[matmul]", "3", "[2, 2]"});
    refuses([] { dot(ones({2}), ones({3})); }, {"[dot]", "[2]", "[3]"});
    refuses([] { outer(ones({2}), ones({3, 1})); }, {"[outer]", "[2]", "[3, 1]"});
  }

  TEST_CASE("axes out of range or named twice are refused") {
    refuses([] { sum(ones({2, 3}), {2}); }, {"[sum]", "2"});
    refuses([] { mean(ones({2, 3}), {-3}); }, {"[", "-3"});
    refuses([] { max(ones({2, 3}), {0, 0}); }, {"[max]", "twice"});
    refuses([] { prod(ones({2}), {1}); }, {"[prod]", "1"});
    refuses([] { logsumexp(ones({2}), {1}); }, {"[logsumexp]", "1"});
    refuses([] { argmax(ones({2}), 1); }, {"[argmax]", "1"});
    refuses([] { softmax(ones({2}), 1); }, {"[", "1"});
    refuses([] { max(zeros({2, 0}), {1}); }, {"[max]", "[2, 0]"});
    refuses([] { argmax(zeros({0}), 0); }, {"[argmax]", "[0]"});
    refuses([] { flip(ones({2}), {1}); }, {"[flip]", "1"});
    refuses([] { argsort(ones({2}), 1); }, {"[argsort]", "1"});
    refuses([] { concat({ones({2})}, 1); }, {"[concat]", "1", "[2]"});
    refuses([] { expand_axis(ones({2}), 3); }, {"[", "3", "[2]"});
    refuses([] { squeeze(ones({2, 1}), 0); }, {"[", "0", "[2, 1]"});
    refuses([] { transpose(ones({2})); }, {"[", "[2]"});
    refuses([] { permute(ones({2, 3}), {0}); }, {"[permute]", "[0]", "[2, 3]"});
    refuses([] { permute(ones({2, 3}), {0, 0}); }, {"[permute]", "[0, 0]", "[2, 3]"});
    refuses([] { move_axis(ones({2, 3}), 0, 2); }, {"[", "2", "[2, 3]"});
    refuses([] { stack({ones({2})}, 2); }, {"[", "2"});
  }

  TEST_CASE("reshape, slice and pad say what does not fit") {
    refuses([] { reshape(ones({2, 3}), {4}); }, {"[reshape]", "[2, 3]", "[4]"});
    refuses([] { reshape(ones({2, 3}), {4, -1}); }, {"[reshape]", "[2, 3]", "[4, -1]"});
    refuses([] { reshape(ones({2, 3}), {-1, -1}); }, {"[reshape]", "[-1, -1]"});
    refuses([] { reshape(ones({2, 3}), {-2, -3}); }, {"[reshape]", "[-2, -3]"});
    refuses([] { reshape(zeros({0, 3}), {0, -1}); }, {"[reshape]", "[0, 3]", "[0, -1]"});
    refuses([] { slice(ones({4}), 0, 1, 5); }, {"[slice]", "5", "[4]"});
    refuses([] { slice(ones({4}), 0, -1, 2); }, {"[slice]", "-1", "[4]"});
    refuses([] { slice(ones({4}), 0, 3, 2); }, {"[slice]", "3", "2", "[4]"});
    refuses([] { slice(ones({4}), 0, 0, 4, 0); }, {"[slice]", "0", "[4]"});
    refuses([] { slice(ones({4}), 0, 4, 0, -1); }, {"[slice]", "-1", "[4]"});
    refuses([] { select(ones({4}), 0, 4); }, {"[s", "4", "[4]"});
    refuses([] { select(ones({4}), 0, -5); }, {"[s", "[4]"});
    refuses([] { pad(ones({2}), {1, 1}, {0}); }, {"[pad]", "[2]", "[1, 1]"});
    refuses([] { pad(ones({2}), {-1}, {0}); }, {"[pad]", "[-1]"});
    refuses([] { concat({}, 0); }, {"[concat]"});
    refuses([] { stack({}); }, {"[concat]"});
    refuses([] { concat({ones({2, 3}), ones({2, 4})}, 0); }, {"[concat]", "[2, 3]", "[2, 4]"});
    refuses([] { concat({ones({2, 3}), ones({3})}, 0); }, {"[concat]", "[2, 3]", "[3]"});
    refuses([] { stack({ones({2}), ones({3})}); }, {"[concat]", "2", "3"});
  }

  TEST_CASE("indices must be int64, in range, and of a fitting shape") {
    const Tensor x = ones({3, 2});
    refuses([&] { gather(x, tensor({0.0})); }, {"[gather]", "int64", "float64"});
    refuses([&] { gather(x, index_tensor({3})); }, {"[gather]", "3"});
    refuses([&] { gather(x, index_tensor({-1})); }, {"[gather]", "-1"});
    refuses([&] { gather(x, index_tensor({0}), 2); }, {"[gather]", "2"});
    refuses([&] { scatter_add(x, index_tensor({0, 1, 5}), 0, 4); }, {"[scatter_add]", "5"});
    refuses([&] { scatter_add(x, index_tensor({0, 1}), 0, 4); }, {"[scatter_add]", "[3, 2]", "[2]"});
    refuses([&] { scatter_add(x, index_tensor({0, 0, 0}), 0, -1); }, {"[scatter_add]", "-1"});
    refuses([&] { take_along_axis(x, index_tensor({0, 1}), 0); }, {"[take_along_axis]", "[3, 2]", "[2]"});
    refuses(
        [&] {
          take_along_axis(x, index_tensor(std::vector<std::int64_t>{0, 2}, {1, 2}), 1);
        },
        {"[take_along_axis]"});
    refuses(
        [&] {
          take_along_axis(x, index_tensor(std::vector<std::int64_t>{0, 3}, {1, 2}), 0);
        },
        {"[take_along_axis]", "3"});
    refuses(
        [&] {
          scatter_add_along_axis(x, index_tensor(std::vector<std::int64_t>{0, 1}, {1, 2}), 0, 4);
        },
        {"[scatter_add_along_axis]", "[3, 2]", "[1, 2]"});
  }

  TEST_CASE("a ninth axis is refused") {
    Tensor x = ones({1, 1, 1, 1, 1, 1, 1, 1});
    refuses([&] { expand_axis(x, 0); }, {"[shape]", "8"});
    refuses([&] { stack({x, x}); }, {"[shape]", "8"});
  }
}

}  // namespace
}  // namespace brenier::testing
