// Heat maps: panels of equal size in rows of at most four, placed by screen coordinates so that the shared colour bar
// and all labels have room whatever the number of panels.
#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <stdexcept>

#include "engine/ops.h"
#include "engine/str.h"
#include "experiments/support/figure.h"
#include "experiments/support/gnuplot.h"

namespace brenier::experiments {
namespace {

// Lengths in pixels at twice the density of the text on a page, for sharp prints and screens.
constexpr double kPanel = 620, kGap = 70, kLeft = 190, kRight = 270, kTop = 90, kBottom = 130, kRowGap = 200;
constexpr double kPanelTitle = 50, kBarWidth = 36, kBarGap = 44;
constexpr int kMaxColumns = 4;
constexpr double kDecades = 1e-5;  // a logarithmic scale shows at most five

struct Layout {
  int columns, rows;
  double width, height, panel_height;
};

Layout layout_of(const HeatMaps& figure) {
  const int count = static_cast<int>(figure.panels.size());
  const int rows = (count + kMaxColumns - 1) / kMaxColumns;
  const int columns = (count + rows - 1) / rows;
  const double ratio = std::clamp((figure.y[1] - figure.y[0]) / (figure.x[1] - figure.x[0]), 0.5, 2.0);
  const double panel_height = kPanel * ratio;
  return {columns, rows, kLeft + columns * kPanel + (columns - 1) * kGap + kRight,
          kTop + kPanelTitle + rows * panel_height + (rows - 1) * kRowGap + kBottom, panel_height};
}

Tensor as_map(const HeatMaps& figure, const HeatMap& panel) {
  const Tensor& values = panel.values;
  if (values.defined() && values.rank() == 2) return values;
  const auto side =
      static_cast<std::int64_t>(std::llround(std::sqrt(values.defined() ? static_cast<double>(values.size()) : 0)));
  if (!values.defined() || values.rank() != 1 || side * side != values.size())
    throw std::invalid_argument(
        str("[draw] panel '", panel.title, "' of ", figure.name, " is neither [ny, nx] nor [n * n]"));
  return reshape(values, {side, side});
}

void check(const HeatMaps& figure) {
  if (figure.panels.empty()) throw std::invalid_argument(str("[draw] ", figure.name, " has no panels"));
  if (!(figure.x[0] < figure.x[1] && figure.y[0] < figure.y[1]))
    throw std::invalid_argument(str("[draw] ", figure.name, " has an empty range"));
  const Shape shape = as_map(figure, figure.panels.front()).shape();
  for (const HeatMap& panel : figure.panels) {
    if (as_map(figure, panel).shape() != shape || shape[0] < 2 || shape[1] < 2)
      throw std::invalid_argument(str("[draw] the panels of ", figure.name, " need one shape of at least [2, 2]"));
  }
}

// The colour range over all panels; [1e-5 m, m] at most for a logarithmic scale with maximum m.
Interval color_range(const HeatMaps& figure) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const HeatMap& panel : figure.panels) {
    for (const double value : panel.values.to_vector<double>()) {
      if (!std::isfinite(value) || (figure.color_scale == Scale::Log && value <= 0)) continue;
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  if (low > high) return {figure.color_scale == Scale::Log ? 0.1 : 0, 1};
  if (figure.color_scale == Scale::Log) low = std::max(low, kDecades * high);
  if (low == high) return figure.color_scale == Scale::Log ? Interval{low / 2, high * 2} : Interval{low - 1, high + 1};
  return {low, high};
}

// Columns x, y and one per panel; an empty line after each row of pixels, as gnuplot wants it.
std::string data_text(const HeatMaps& figure) {
  std::vector<std::vector<double>> maps;
  for (const HeatMap& panel : figure.panels) maps.push_back(panel.values.to_vector<double>());
  const Shape shape = as_map(figure, figure.panels.front()).shape();
  std::ostringstream out;
  out.precision(9);
  out << "# x y";
  for (const HeatMap& panel : figure.panels) out << ' ' << gnuplot_quoted(panel.title);
  out << '\n';
  const auto coordinate = [](const Interval& range, std::int64_t i, std::int64_t n) {
    return range[0] + (range[1] - range[0]) * static_cast<double>(i) / static_cast<double>(n - 1);
  };
  for (std::int64_t j = 0; j < shape[0]; ++j) {
    for (std::int64_t i = 0; i < shape[1]; ++i) {
      out << coordinate(figure.x, i, shape[1]) << ' ' << coordinate(figure.y, j, shape[0]);
      for (const std::vector<double>& map : maps) {
        const double value = map[static_cast<std::size_t>(j * shape[1] + i)];
        if (std::isfinite(value))
          out << ' ' << value;
        else
          out << " NaN";
      }
      out << '\n';
    }
    out << '\n';
  }
  return out.str();
}

void write_head(std::ostream& out, const HeatMaps& figure, const Layout& layout) {
  const Interval range = color_range(figure);
  const double bar_x = (layout.width - kRight + kBarGap) / layout.width;
  const double bar_height = layout.height - kTop - kPanelTitle - kBottom;
  out << "set encoding utf8\n"
      << "set terminal pngcairo size " << std::llround(layout.width) << ',' << std::llround(layout.height)
      << " font ',12' fontscale 2 linewidth 2 background 'white'\n"
      << "set output " << gnuplot_quoted(figure.name + ".png") << "\n"
      << "# viridis\n"
      << "set palette defined (0 '#440154', 1 '#472d7b', 2 '#3b528b', 3 '#2c728e', 4 '#21918c', 5 '#28ae80', "
         "6 '#5ec962', 7 '#addc30', 8 '#fde725')\n"
      << "set xrange [" << figure.x[0] << ':' << figure.x[1] << "]\nset yrange [" << figure.y[0] << ':' << figure.y[1]
      << "]\nset cbrange [" << range[0] << ':' << range[1] << "]\n"
      << "set xtics nomirror out\nset ytics nomirror out\nunset key\nset border lw 0.6\n";
  if (figure.color_scale == Scale::Log) out << "set logscale cb\nset format cb '10^{%L}'\n";
  out << "set cblabel " << gnuplot_quoted(figure.color_label) << " noenhanced offset 1,0\n"
      << "set colorbox user origin screen " << bar_x << ", screen " << kBottom / layout.height << " size screen "
      << kBarWidth / layout.width << ", screen " << bar_height / layout.height << "\n"
      << "set multiplot\n"
      << "set label 1 " << gnuplot_quoted(figure.title) << " at screen " << (kLeft / layout.width) << ", screen "
      << 1 - 0.5 * kTop / layout.height << " left noenhanced font ',14'\n";
}

void write_panel(std::ostream& out, const HeatMaps& figure, const Layout& layout, int index) {
  const int column = index % layout.columns, row = index / layout.columns;
  const double left = kLeft + column * (kPanel + kGap);
  const double top = kTop + kPanelTitle + row * (layout.panel_height + kRowGap);
  const bool below = index + layout.columns < static_cast<int>(figure.panels.size());
  const auto screen = [](double position, double whole) { return str("screen ", position / whole); };
  out << "set lmargin at " << screen(left, layout.width) << "\nset rmargin at " << screen(left + kPanel, layout.width)
      << "\nset tmargin at " << screen(layout.height - top, layout.height) << "\nset bmargin at "
      << screen(layout.height - top - layout.panel_height, layout.height) << "\n"
      << "set title " << gnuplot_quoted(figure.panels[static_cast<std::size_t>(index)].title)
      << " noenhanced offset 0,-0.4 font ',12'\n"
      << "set xlabel " << gnuplot_quoted(below ? "" : figure.x_label) << " noenhanced\n"
      << "set ylabel " << gnuplot_quoted(column == 0 ? figure.y_label : "") << " noenhanced\n"
      << "set format y '" << (column == 0 ? "%g" : "") << "'\n"
      << (index == 0 ? "" : "unset colorbox\nunset label 1\n")  // both belong to the whole figure
      << "plot " << gnuplot_quoted(figure.name + ".dat") << " using 1:2:" << index + 3 << " with image\n";
}

std::string script_text(const HeatMaps& figure) {
  const Layout layout = layout_of(figure);
  std::ostringstream out;
  write_head(out, figure, layout);
  for (int index = 0; index < static_cast<int>(figure.panels.size()); ++index) write_panel(out, figure, layout, index);
  out << "unset multiplot\n";
  return out.str();
}

}  // namespace

Tensor grid_points(const Interval& x, const Interval& y, std::int64_t n, DType dtype) {
  const Shape shape{n, n};
  const Tensor along_x = broadcast_to(linspace(x[0], x[1], n, dtype), shape);
  const Tensor along_y = broadcast_to(reshape(linspace(y[0], y[1], n, dtype), {n, 1}), shape);
  return reshape(stack({along_x, along_y}, -1), {n * n, 2});
}

DrawnFigure draw(const HeatMaps& figure, const Path& folder) {
  check(figure);
  return draw_script(figure.name, data_text(figure), script_text(figure), folder);
}

}  // namespace brenier::experiments
