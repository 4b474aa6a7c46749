// Tapes as text and as Graphviz DOT: every node, its name, label, shape, values and inputs are there.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "engine/autodiff.h"
#include "engine/print.h"
#include "tests/support/sampler.h"

namespace brenier::testing {
namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// The line of a printed tape that begins with the given node number.
std::string line_of(const std::string& text, int slot) {
  const std::string start = "#" + std::to_string(slot) + " ";
  std::size_t begin = text.rfind(start, 0) == 0 ? 0 : text.find("\n" + start);
  if (begin == std::string::npos) return "no line";
  if (text[begin] == '\n') ++begin;
  return text.substr(begin, text.find('\n', begin) - begin);
}

TEST_SUITE("printing") {
  TEST_CASE("the text has a line per node with name, label, shape, values and inputs") {
    Tape tape;
    const Tensor x = tape.watch(tensor({1.5, -2.0}), "points");
    const Tensor y = tape.label(square(x), "squares");
    const Tensor z = sum(y * tensor({3.0, 4.0}));
    const std::string text = to_text(tape);
    INFO(text);
    CHECK(std::count(text.begin(), text.end(), '\n') == tape.size());
    for (const char* part : {"input", "points", "[2]", "1.5", "-2"}) CHECK(contains(line_of(text, x.slot()), part));
    for (const char* part : {"square", "squares", "2.25", "4"}) CHECK(contains(line_of(text, y.slot()), part));
    CHECK(contains(line_of(text, y.slot()), "#" + std::to_string(x.slot())));
    for (const char* part : {"sum", "[]", "22.75"}) CHECK(contains(line_of(text, z.slot()), part));
    CHECK(contains(text, "constant"));
  }

  TEST_CASE("large values are left out, and all values on request") {
    Tape tape;
    const Tensor x = tape.watch(full({100}, 0.125));
    const Tensor y = tape.watch(tensor(0.375));
    CHECK_FALSE(contains(line_of(to_text(tape), x.slot()), "0.125"));
    CHECK(contains(line_of(to_text(tape), y.slot()), "0.375"));
    CHECK_FALSE(contains(to_text(tape, {.values = false}), "0.375"));
    CHECK(contains(to_text(tape, {.largest_value = 100}), "0.125"));
  }

  TEST_CASE("scopes label nodes with their path, and an own label extends it") {
    Tape tape;
    const Tensor x = tape.watch(ones({2}), "x");
    Tensor in_outer, in_inner, labelled, after;
    {
      Tape::Scope outer(tape, "potential");
      in_outer = exp(x);
      {
        Tape::Scope inner(tape, "layer");
        in_inner = sin(x);
        labelled = tape.label(cos(x), "angle");
      }
      after = tanh(x);
    }
    const Tensor outside = neg(x);
    const auto label = [&](const Tensor& t) { return std::string(tape.label_of(tape.node(t.slot()))); };
    CHECK(label(x) == "x");
    CHECK(label(in_outer) == "potential");
    CHECK(label(in_inner) == "potential/layer");
    CHECK(label(labelled) == "potential/layer/angle");
    CHECK(label(after) == "potential");
    CHECK(label(outside) == "");
  }

  TEST_CASE("the picture has a node and an edge for everything, and quotes are escaped") {
    Tape tape;
    const Tensor x = tape.watch(tensor({1.5, 2.0}), "a \"quoted\" name");
    const Tensor y = sum(exp(x) * x);
    const std::string dot = to_dot(tape);
    INFO(dot);
    CHECK(dot.rfind("digraph", 0) == 0);
    std::size_t edges = 0;
    for (std::int32_t slot = 0; slot < tape.size(); ++slot) {
      CHECK(contains(dot, "n" + std::to_string(slot) + " [label="));
      for (std::int32_t input : tape.inputs(tape.node(slot))) {
        CHECK(contains(dot, "n" + std::to_string(input) + " -> n" + std::to_string(slot)));
        ++edges;
      }
    }
    CHECK(edges == 4);
    CHECK(contains(dot, "a \\\"quoted\\\" name"));
    for (const char* part : {"exp", "mul", "sum", "[2]", "1.5"}) CHECK(contains(dot, part));
    CHECK(dot.find_last_not_of("\n") == dot.rfind('}'));
    CHECK(y.recorded());
  }

  TEST_CASE("the tape of a Hessian-vector product can be printed") {
    Tape tape;
    const Tensor x = tape.watch(tensor({0.5, -0.5}), "x");
    const Tensor product = tape.label(hvp(sum(softplus(matmul(eye(2), x))), x, tensor({1.0, 0.0})), "Hv");
    const std::string text = to_text(tape);
    CHECK(contains(line_of(text, product.slot()), "Hv"));
    CHECK(contains(text, "matmul"));
    CHECK(contains(text, "sigmoid"));
  }
}

}  // namespace
}  // namespace brenier::testing
