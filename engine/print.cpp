// Tapes as text and as Graphviz DOT. See engine/print.h.
#include "engine/print.h"

#include <sstream>

#include "engine/op.h"
#include "engine/str.h"

namespace brenier {
namespace {

bool is_leaf(const Node& node) { return node.op->code == OpCode::Input || node.op->code == OpCode::Constant; }

std::string values_of(const Node& node, const PrintOptions& options) {
  if (!options.values || !node.value.has_value() || node.value.size() > options.largest_value) return "";
  std::string text;
  for (double value : node.value.to_vector<double>()) text += str(text.empty() ? "" : " ", value);
  return node.value.rank() == 0 ? text : "[" + text + "]";
}

// Quotes and backslashes would end a DOT string early.
std::string escaped(std::string_view text) {
  std::string result;
  for (char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

// The words of one node, separated: operation, label, shape, values.
std::string describe(const Tape& tape, std::int32_t slot, const PrintOptions& options, const char* separator) {
  const Node& node = tape.node(slot);
  std::string text = str("#", slot, " ", node.op->name);
  const std::string_view label = tape.label_of(node);
  if (!label.empty()) text += str(separator, "'", label, "'");
  text += str(separator, node.value.shape());
  const std::string values = values_of(node, options);
  if (!values.empty()) text += str(separator, "= ", values);
  return text;
}

}  // namespace

std::string to_text(const Tape& tape, PrintOptions options) {
  std::ostringstream out;
  for (std::int32_t slot = 0; slot < tape.size(); ++slot) {
    out << describe(tape, slot, options, "  ");
    const char* separator = "  <- ";
    for (std::int32_t input : tape.inputs(tape.node(slot))) {
      out << separator << '#' << input;
      separator = ", ";
    }
    out << '\n';
  }
  return out.str();
}

std::string to_dot(const Tape& tape, PrintOptions options) {
  std::ostringstream out;
  out << "digraph tape {\n  rankdir=TB;\n  node [fontname=\"Helvetica\", fontsize=10];\n";
  for (std::int32_t slot = 0; slot < tape.size(); ++slot) {
    const Node& node = tape.node(slot);
    std::string words = describe(tape, slot, options, "\n");
    std::string lines;
    std::istringstream stream(words);
    for (std::string line; std::getline(stream, line);) lines += (lines.empty() ? "" : "\\n") + escaped(line);
    out << "  n" << slot << " [label=\"" << lines << "\", shape=" << (is_leaf(node) ? "box" : "ellipse");
    if (node.op->code == OpCode::Input) out << ", style=bold";
    out << "];\n";
    for (std::int32_t input : tape.inputs(node)) out << "  n" << input << " -> n" << slot << ";\n";
  }
  out << "}\n";
  return out.str();
}

namespace {

// How many entries of an axis are shown at each end when it is shortened.
constexpr std::int64_t kShownEnds = 3;

void print_axis(std::ostream& out, const Tensor& x, Dims index) {
  const int axis = index.rank();
  if (axis == x.rank()) {
    out << x.at(index);
    return;
  }
  out << '[';
  for (std::int64_t i = 0; i < x.shape()[axis]; ++i) {
    if (i) out << ", ";
    if (i == kShownEnds && x.shape()[axis] > 2 * kShownEnds) {
      out << "…, ";
      i = x.shape()[axis] - kShownEnds;
    }
    Dims inner = index;
    inner.push_back(i);
    print_axis(out, x, inner);
  }
  out << ']';
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Tensor& x) {
  if (!x.defined()) return out << "undefined";
  out << x.dtype() << ' ' << x.shape() << ' ';
  print_axis(out, x, {});
  return out;
}

}  // namespace brenier
