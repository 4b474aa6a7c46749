// Figures: a data file of plain columns, a gnuplot script, and the PNG drawn by it, all kept side by side, so that a
// reader can redraw or re-plot them with anything.
//
// Without gnuplot the data and the script are still written, and draw() returns a sentence that says how to draw them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/tensor.h"
#include "experiments/support/file_io.h"
#include "experiments/support/images.h"

namespace brenier::experiments {

enum class Scale { Linear, Log };
using Interval = std::array<double, 2>;

// The points at which a HeatMap's values are expected: [n * n, 2], x varies fastest, both ends included.
Tensor grid_points(const Interval& x, const Interval& y, std::int64_t n, DType dtype = DType::Float64);

// One or several maps of numbers with one shared colour scale.
struct HeatMap {
  std::string title = {};
  Tensor values = {};  // [ny, nx], or [n * n] in the order of grid_points; non-finite values are left white
};
struct HeatMaps {
  std::string name = {};  // of the files: NAME.dat, NAME.gp, NAME.png
  std::string title = {};
  std::string x_label = "x";
  std::string y_label = "y";
  std::string color_label = {};  // with unit, e.g. "error |T - F| (1)"
  Interval x = {0, 1};
  Interval y = {0, 1};
  Scale color_scale = Scale::Linear;
  std::vector<HeatMap> panels = {};
};

// Panels of one plane side by side, on equal scales of x and y: densities, samples, potentials, warped grids.
struct Panel {
  std::string title = {};
  // What is given is drawn, in this order.
  Tensor colors = {};   // [ny, nx] or [n * n], as in a HeatMap; one colour scale for all panels
  Tensor heights = {};  // [ny, nx] or [n * n]: contour lines of this function
  Tensor lines = {};    // [count, length, 2]: each a chain of points
  Tensor points = {};   // [n, 2]
};
struct Panels {
  std::string name = {};
  std::string title = {};
  std::string x_label = {};
  std::string y_label = {};
  std::string color_label = {};  // empty: no colour bar
  Interval x = {-1, 1};
  Interval y = {-1, 1};
  Scale color_scale = Scale::Linear;
  int columns = 4;  // at most so many panels in a row
  std::vector<Panel> panels = {};
};

// `lines` lines along x and as many along y, of `length` points each, that fill the rectangle: [2 lines, length, 2]. What
// a map f makes of them is a warped grid: reshape(f(reshape(grid, {-1, 2})), grid.shape()).
Tensor grid_lines(const Interval& x, const Interval& y, std::int64_t lines, std::int64_t length,
                  DType dtype = DType::Float64);

struct Curve {
  std::string label = {};
  std::vector<double> x = {}, y = {};       // same length; non-finite points are gaps
  std::vector<double> low = {}, high = {};  // of a band around the curve, of the same length; none if empty
};
struct LinePlot {
  std::string name = {};
  std::string title = {};
  std::string x_label = {};
  std::string y_label = {};
  Scale x_scale = Scale::Linear;
  Scale y_scale = Scale::Linear;
  std::vector<Curve> curves = {};
};

// Pictures of one size, row by row, with titles over the columns and beside the rows, or a caption over each picture.
// NAME.dat is then the sheet without titles, a PNG file. Small pictures are magnified.
struct PictureSheet {
  std::string name = {};
  std::string title = {};
  std::vector<Image> pictures = {};
  std::int64_t columns = 1;
  std::int64_t gap = 2;  // pixels between and around pictures
  std::vector<std::string> column_titles = {}, row_titles = {};
  std::vector<std::string> captions = {};  // stand in the gap, which is widened for them
};

struct DrawnFigure {
  Path png = {};                 // where the picture is or would be
  std::vector<Path> files = {};  // all that were written
  std::string note = {};         // empty, or why there is no picture and how to get it
};

// Writes into `folder`. Throws std::invalid_argument for figures that cannot be drawn (no panels, wrong shapes).
DrawnFigure draw(const HeatMaps& figure, const Path& folder);
DrawnFigure draw(const Panels& figure, const Path& folder);
DrawnFigure draw(const LinePlot& figure, const Path& folder);
DrawnFigure draw(const PictureSheet& figure, const Path& folder);

}  // namespace brenier::experiments
