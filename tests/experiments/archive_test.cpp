// One description of a state saves it and restores it, bit for bit.
#include <doctest/doctest.h>

#include "engine/autodiff.h"
#include "experiments/support/checkpoint.h"
#include "solvers/adam.h"
#include "tests/support/message_of.h"

using namespace brenier;
using namespace brenier::experiments;
using brenier::testing::lacks;
using brenier::testing::message_of;

namespace {

struct Line {
  Tensor slope, offset;
  template <class Visitor>
  void for_each_parameter(Visitor&& visit) {
    visit("slope", slope);
    visit("offset", offset);
  }
};

struct Everything {
  Line model{zeros({2}), zeros({1})};
  Adam adam{.learning_rate = 0.1};
  std::int64_t step = 0;
  double best = 0;
  bool done = false;
  std::string name;
  std::vector<double> history;
  std::vector<Tensor> list;
  Tensor optional;

  void operator()(Archive& archive) {
    archive("model", model);
    archive("adam", adam);
    archive("step", step);
    archive("best", best);
    archive("done", done);
    archive("name", name);
    archive("history", history);
    archive("list", list);
    archive("optional", optional);
  }
};

void train(Everything& all, int steps) {
  for (int i = 0; i < steps; ++i) {
    Tape tape;
    const Line line = tape.watch(all.model);
    const Tensor loss = sum(square(line.slope - 3.0)) + sum(square(line.offset + 1.0));
    all.adam.step(all.model, grad(loss, line));
    all.history.push_back(loss.item());
    ++all.step;
  }
}

std::string saved(Everything& all) {
  TensorFile file;
  Archive archive(Archive::Direction::Save, file, "s/", "test");
  all(archive);
  return to_safetensors(file);
}

void restore(Everything& all, const std::string& bytes) {
  TensorFile file = from_safetensors(bytes, "test");
  Archive archive(Archive::Direction::Restore, file, "s/", "test");
  all(archive);
}

}  // namespace

TEST_CASE("training that continues from a saved state equals training in one go, bit for bit") {
  Everything whole, first, second;
  train(whole, 20);
  train(first, 7);
  first.best = 0.1 + 0.2;
  first.done = true;
  first.name = "a line";
  first.list = {tensor(1.0), index_tensor({4, 5})};
  restore(second, saved(first));
  CHECK(saved(second) == saved(first));
  CHECK(second.name == "a line");
  CHECK(second.best == 0.1 + 0.2);
  CHECK(second.list.size() == 2);
  CHECK_FALSE(second.optional.defined());
  second.best = whole.best;
  second.done = whole.done;
  second.name = whole.name;
  second.list = whole.list;
  train(second, 13);
  CHECK(saved(second) == saved(whole));
}

TEST_CASE("a state that does not fit is refused with the name of the tensor") {
  Everything small, large;
  large.model.slope = zeros({3});
  const std::string bytes = saved(small);
  CHECK(lacks(message_of([&] { restore(large, bytes); }), {"test: tensor 's/model.slope' is float64 [2]", "[3]"}) ==
        "");
  CHECK(lacks(message_of([&] { restore(small, to_safetensors({})); }), {"test: there is no tensor 's/model.slope'"}) ==
        "");
}
