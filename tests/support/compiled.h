// Compiled against eager, bit for bit.
#pragma once

#include <string>

#include "engine/program/program.h"
#include "tests/support/maps.h"

namespace brenier::testing {

// Empty if shapes, dtypes and bits agree; all NaN count as equal, 0 and -0 do not.
std::string bit_mismatch(const Tensor& got, const Tensor& expected);

// Records the map at its own arguments as a program, runs that on `arguments`, and compares every result with the
// eager evaluation there. Empty, or a sentence.
std::string compare_compiled(const Map& map, const Tensors& arguments);
// The same with rows in tiles of `tile_rows`, up to `tolerance` relative to the largest entry of a result: sums over
// rows then have another order. Adds 1 to `tiled` if the program has such a part.
std::string compare_tiled(const Map& map, const Tensors& arguments, std::int64_t tile_rows, double tolerance,
                          int& tiled);

}  // namespace brenier::testing
