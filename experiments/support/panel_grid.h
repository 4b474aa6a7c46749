// What figures of several panels share: equal boxes in rows, placed by screen coordinates so that headings, labels and a
// colour bar have room whatever the number of panels; functions on a grid as data; one colour scale for all.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "experiments/support/figure.h"

namespace brenier::experiments {

struct PanelGrid {
  std::string figure = {};  // its name
  std::string title = {};
  std::string x_label = {}, y_label = {}, color_label = {};
  Interval x = {}, y = {};
  int count = 0, columns = 0;  // of panels; at most so many in a row
  bool color_bar = true;
  int first_colored = 0;  // the first panel that draws an image: the bar comes with it

  int rows() const { return (count + columns - 1) / columns; }
  // Pixels.
  double width() const, height() const, panel_height() const;
};

// Rows of at most `columns` panels, filled evenly. Throws std::invalid_argument for no panels or an empty range.
PanelGrid panel_grid(PanelGrid grid);

// [ny, nx] for values of a function on a grid, given like that or as [n * n]. Throws std::invalid_argument for other
// shapes, with the names of panel and figure.
Tensor grid_values(const Tensor& values, const std::string& panel, const std::string& figure);

// The range of all finite values; of the positive ones, and at most five decades, for a logarithmic scale.
Interval color_range(const std::vector<Tensor>& maps, Scale scale);

// A number as gnuplot reads it.
void write_number(std::ostream& out, double value);
// Columns x, y and one per map [ny, nx]; an empty line after each row of pixels.
void write_grid_data(std::ostream& out, const Interval& x, const Interval& y, const std::vector<Tensor>& maps);

// Terminal, colours, ranges and heading, up to the beginning of the multiplot.
void write_grid_head(std::ostream& out, const PanelGrid& grid, const Interval& colors, Scale scale);
// Margins, title and labels of panel `index`; a plot command must follow.
void write_panel_frame(std::ostream& out, const PanelGrid& grid, int index, const std::string& title);

}  // namespace brenier::experiments
