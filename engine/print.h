// Looking at a tape: as text, and as a Graphviz picture.
#pragma once

#include <string>

#include "engine/tape.h"

namespace brenier {

struct PrintOptions {
  bool values = true;     // print the values of small tensors
  int largest_value = 6;  // how many elements still count as small
};

// One line per node: position, operation, label, inputs, shape, values.
std::string to_text(const Tape& tape, PrintOptions options = {});
// A directed graph in Graphviz DOT: `dot -Tsvg` draws it. Leaves are boxes, watched ones drawn bold.
std::string to_dot(const Tape& tape, PrintOptions options = {});

}  // namespace brenier
