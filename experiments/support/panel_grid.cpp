// Positions are fractions of the whole picture, computed from lengths in pixels.
#include "experiments/support/panel_grid.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <ostream>
#include <stdexcept>

#include "engine/ops.h"
#include "engine/str.h"
#include "experiments/support/gnuplot.h"

namespace brenier::experiments {
namespace {

// Lengths in pixels at twice the density of the text on a page, for sharp prints and screens.
constexpr double kPanel = 620, kGap = 70, kLeft = 190, kRight = 270, kTop = 90, kBottom = 130, kRowGap = 200;
constexpr double kPanelTitle = 50, kBarWidth = 36, kBarGap = 44, kRightWithoutBar = 50;
constexpr double kDecades = 1e-5;  // a logarithmic scale shows at most five

double right_margin(const PanelGrid& grid) { return grid.color_bar ? kRight : kRightWithoutBar; }

}  // namespace

double PanelGrid::panel_height() const { return kPanel * std::clamp((y[1] - y[0]) / (x[1] - x[0]), 0.5, 2.0); }
double PanelGrid::width() const { return kLeft + columns * kPanel + (columns - 1) * kGap + right_margin(*this); }
double PanelGrid::height() const {
  return kTop + kPanelTitle + rows() * panel_height() + (rows() - 1) * kRowGap + kBottom;
}

PanelGrid panel_grid(PanelGrid grid) {
  if (grid.count == 0) throw std::invalid_argument(str("[draw] ", grid.figure, " has no panels"));
  if (grid.columns < 1)
    throw std::invalid_argument(str("[draw] ", grid.figure, " has rows of ", grid.columns, " panels"));
  if (!(grid.x[0] < grid.x[1] && grid.y[0] < grid.y[1]))
    throw std::invalid_argument(str("[draw] ", grid.figure, " has an empty range"));
  const int rows = grid.rows();
  grid.columns = (grid.count + rows - 1) / rows;
  return grid;
}

Tensor grid_values(const Tensor& values, const std::string& panel, const std::string& figure) {
  if (values.defined() && values.rank() == 2) return values;
  const auto side =
      static_cast<std::int64_t>(std::llround(std::sqrt(values.defined() ? static_cast<double>(values.size()) : 0)));
  if (!values.defined() || values.rank() != 1 || side * side != values.size())
    throw std::invalid_argument(str("[draw] panel '", panel, "' of ", figure, " is neither [ny, nx] nor [n * n]"));
  return reshape(values, {side, side});
}

Interval color_range(const std::vector<Tensor>& maps, Scale scale) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const Tensor& map : maps) {
    for (const double value : map.to_vector<double>()) {
      if (!std::isfinite(value) || (scale == Scale::Log && value <= 0)) continue;
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  if (low > high) return {scale == Scale::Log ? 0.1 : 0, 1};
  if (scale == Scale::Log) low = std::max(low, kDecades * high);
  if (low == high) return scale == Scale::Log ? Interval{low / 2, high * 2} : Interval{low - 1, high + 1};
  return {low, high};
}

void write_number(std::ostream& out, double value) {
  if (std::isfinite(value))
    out << value;
  else
    out << "NaN";
}

void write_grid_data(std::ostream& out, const Interval& x, const Interval& y, const std::vector<Tensor>& maps) {
  const Shape shape = maps.front().shape();
  std::vector<std::vector<double>> values;
  for (const Tensor& map : maps) values.push_back(map.to_vector<double>());
  const auto coordinate = [](const Interval& range, std::int64_t i, std::int64_t n) {
    return range[0] + (range[1] - range[0]) * static_cast<double>(i) / static_cast<double>(n - 1);
  };
  for (std::int64_t j = 0; j < shape[0]; ++j) {
    for (std::int64_t i = 0; i < shape[1]; ++i) {
      out << coordinate(x, i, shape[1]) << ' ' << coordinate(y, j, shape[0]);
      for (const std::vector<double>& map : values)
        write_number(out << ' ', map[static_cast<std::size_t>(j * shape[1] + i)]);
      out << '\n';
    }
    out << '\n';
  }
}

void write_grid_head(std::ostream& out, const PanelGrid& grid, const Interval& colors, Scale scale) {
  const double width = grid.width(), height = grid.height();
  out << "set encoding utf8\n"
      << "set terminal pngcairo size " << std::llround(width) << ',' << std::llround(height)
      << " font ',12' fontscale 2 linewidth 2 background 'white'\n"
      << "set output " << gnuplot_quoted(grid.figure + ".png") << "\n"
      << "# viridis\n"
      << "set palette defined (0 '#440154', 1 '#472d7b', 2 '#3b528b', 3 '#2c728e', 4 '#21918c', 5 '#28ae80', "
         "6 '#5ec962', 7 '#addc30', 8 '#fde725')\n"
      << "set xrange [" << grid.x[0] << ':' << grid.x[1] << "]\nset yrange [" << grid.y[0] << ':' << grid.y[1]
      << "]\nset cbrange [" << colors[0] << ':' << colors[1] << "]\n"
      << "set xtics nomirror out\nset ytics nomirror out\nunset key\nset border lw 0.6\n";
  if (scale == Scale::Log) out << "set logscale cb\nset format cb '10^{%L}'\n";
  if (!grid.color_bar) out << "unset colorbox\n";
  if (grid.color_bar)
    out << "set cblabel " << gnuplot_quoted(grid.color_label) << " noenhanced offset 1,0\n"
        << "set colorbox user origin screen " << (width - kRight + kBarGap) / width << ", screen " << kBottom / height
        << " size screen " << kBarWidth / width << ", screen " << (height - kTop - kPanelTitle - kBottom) / height
        << "\n";
  out << "set multiplot\n"
      << "set label 1 " << gnuplot_quoted(grid.title) << " at screen " << (kLeft / width) << ", screen "
      << 1 - 0.5 * kTop / height << " left noenhanced font ',14'\n";
}

void write_panel_frame(std::ostream& out, const PanelGrid& grid, int index, const std::string& title) {
  const int column = index % grid.columns, row = index / grid.columns;
  const double left = kLeft + column * (kPanel + kGap);
  const double top = kTop + kPanelTitle + row * (grid.panel_height() + kRowGap);
  const bool below = index + grid.columns < grid.count;
  const auto across = [&](double position) { return str("screen ", position / grid.width()); };
  const auto up = [&](double position) { return str("screen ", (grid.height() - position) / grid.height()); };
  out << "set lmargin at " << across(left) << "\nset rmargin at " << across(left + kPanel) << "\nset tmargin at "
      << up(top) << "\nset bmargin at " << up(top + grid.panel_height()) << "\n"
      << "set title " << gnuplot_quoted(title) << " noenhanced offset 0,-0.4 font ',12'\n"
      << "set xlabel " << gnuplot_quoted(below ? "" : grid.x_label) << " noenhanced\n"
      << "set ylabel " << gnuplot_quoted(column == 0 ? grid.y_label : "") << " noenhanced\n"
      << "set format y '" << (column == 0 ? "%g" : "") << "'\n"
      << (index == 0 ? "" : "unset label 1\n")  // this and the bar belong to the whole figure
      << (index > grid.first_colored ? "unset colorbox\n" : "");
}

}  // namespace brenier::experiments
