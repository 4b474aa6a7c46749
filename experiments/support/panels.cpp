// Panels: one block of the data file per thing that is drawn, in the order of drawing.
//
// Contour lines are traced by gnuplot itself, before the panels: into a named block of memory, as a multiplot allows no
// tables. Heights are spaced by squares, i² h, so that the lines of a quadratic function are evenly apart.
#include <sstream>
#include <stdexcept>

#include "engine/ops.h"
#include "engine/str.h"
#include "experiments/support/gnuplot.h"
#include "experiments/support/panel_grid.h"

namespace brenier::experiments {
namespace {

constexpr int kContours = 12;
constexpr const char* kHeatOverlay = "#ffffff";  // lines on colours

PanelGrid grid_of(const Panels& figure) {
  const auto count = static_cast<int>(figure.panels.size());
  int first_colored = 0;
  while (first_colored < count && !figure.panels[static_cast<std::size_t>(first_colored)].colors.defined())
    ++first_colored;
  return panel_grid({.figure = figure.name,
                     .title = figure.title,
                     .x_label = figure.x_label,
                     .y_label = figure.y_label,
                     .color_label = figure.color_label,
                     .x = figure.x,
                     .y = figure.y,
                     .count = count,
                     .columns = figure.columns,
                     .color_bar = !figure.color_label.empty() && first_colored < count,
                     .first_colored = first_colored});
}

void check(const Panels& figure, const Panel& panel) {
  const auto require = [&](bool valid, const char* what) {
    if (!valid) throw std::invalid_argument(str("[draw] panel '", panel.title, "' of ", figure.name, " ", what));
  };
  require(panel.colors.defined() || panel.heights.defined() || panel.lines.defined() || panel.points.defined(),
          "is empty");
  for (const Tensor& map : {panel.colors, panel.heights}) {
    if (!map.defined()) continue;
    const Shape shape = grid_values(map, panel.title, figure.name).shape();
    require(shape[0] > 1 && shape[1] > 1, "needs a grid of at least [2, 2]");
  }
  const Tensor &lines = panel.lines, &points = panel.points;
  require(!lines.defined() || (lines.rank() == 3 && lines.dim(2) == 2), "has lines that are not [count, length, 2]");
  require(!points.defined() || (points.rank() == 2 && points.dim(1) == 2), "has points that are not [n, 2]");
}

// The blocks of the data file, and the commands that draw them.
class Layers {
 public:
  explicit Layers(const Panels& figure) : figure_(figure) {
    data_.precision(9);
    for (const Panel& panel : figure.panels) add(panel);
  }

  std::string data() const { return data_.str(); }
  std::string tables() const { return tables_.str(); }  // before the multiplot
  const std::string& plot(int panel) const { return plots_[static_cast<std::size_t>(panel)]; }

 private:
  void add(const Panel& panel) {
    plot_.clear();
    if (panel.colors.defined()) {
      grid(panel, panel.colors, "colours");
      layer(str(file(), " using 1:2:3 with image"));
    }
    if (panel.heights.defined()) {
      grid(panel, panel.heights, "heights");
      trace(grid_values(panel.heights, panel.title, figure_.name));
      layer(str("$contours", block_, " using 1:2 with lines lw 0.5 lc rgb '",
                panel.colors.defined() ? kHeatOverlay : "#555555", "'"));
    }
    if (panel.lines.defined()) {
      polylines(panel);
      layer(str(file(), " using 1:2 with lines lw 0.5 lc rgb '#0072B2'"));
    }
    if (panel.points.defined()) {
      head(panel, "points");
      rows(panel.points);
      data_ << "\n\n";
      layer(str(file(), " using 1:2 with points pt 7 ps 0.25 lc rgb '#a00072B2'"));
    }
    plots_.push_back(plot_);
  }

  void head(const Panel& panel, const char* what) {
    ++block_;
    data_ << "# " << what << " of " << gnuplot_quoted(panel.title) << '\n';
  }

  void grid(const Panel& panel, const Tensor& values, const char* what) {
    head(panel, what);
    write_grid_data(data_, figure_.x, figure_.y, {grid_values(values, panel.title, figure_.name)});
    data_ << '\n';
  }

  void polylines(const Panel& panel) {
    head(panel, "lines");
    for (std::int64_t i = 0; i < panel.lines.dim(0); ++i) {
      rows(select(panel.lines, 0, i));
      data_ << '\n';
    }
    data_ << '\n';
  }

  void rows(const Tensor& points) {
    const std::vector<double> numbers = points.to_vector<double>();
    for (std::size_t i = 0; i + 1 < numbers.size(); i += 2) {
      write_number(data_, numbers[i]);
      write_number(data_ << ' ', numbers[i + 1]);
      data_ << '\n';
    }
  }

  void trace(const Tensor& heights) {
    const Interval range = color_range({heights}, Scale::Linear);
    tables_ << "set cntrparam levels discrete ";
    for (int i = 1; i <= kContours; ++i) {
      const double root = i / (kContours + 1.0);
      tables_ << (i > 1 ? "," : "") << range[0] + (range[1] - range[0]) * root * root;
    }
    tables_ << "\nset contour base\nunset surface\nset table $contours" << block_ << "\nsplot " << file()
            << " using 1:2:3 with lines\nunset table\nunset contour\n";
  }

  std::string file() const { return str(gnuplot_quoted(figure_.name + ".dat"), " index ", block_); }
  void layer(const std::string& command) { plot_ += (plot_.empty() ? "plot " : ", \\\n     ") + command; }

  const Panels& figure_;
  std::ostringstream data_, tables_;
  std::string plot_;
  std::vector<std::string> plots_;
  int block_ = -1;
};

std::string script_text(const Panels& figure, const PanelGrid& grid, const Layers& layers) {
  std::vector<Tensor> maps;
  for (const Panel& panel : figure.panels)
    if (panel.colors.defined()) maps.push_back(panel.colors);
  std::ostringstream out;
  out << layers.tables();
  write_grid_head(out, grid, color_range(maps, figure.color_scale), figure.color_scale);
  for (int index = 0; index < grid.count; ++index) {
    write_panel_frame(out, grid, index, figure.panels[static_cast<std::size_t>(index)].title);
    out << layers.plot(index) << '\n';
  }
  out << "unset multiplot\n";
  return out.str();
}

}  // namespace

Tensor grid_lines(const Interval& x, const Interval& y, std::int64_t lines, std::int64_t length, DType dtype) {
  const Shape shape{lines, length};
  const auto across = [&](const Interval& range) {
    return broadcast_to(reshape(linspace(range[0], range[1], lines, dtype), {lines, 1}), shape);
  };
  const auto along = [&](const Interval& range) {
    return broadcast_to(linspace(range[0], range[1], length, dtype), shape);
  };
  return concat({stack({along(x), across(y)}, -1), stack({across(x), along(y)}, -1)}, 0);
}

DrawnFigure draw(const Panels& figure, const Path& folder) {
  const PanelGrid grid = grid_of(figure);
  for (const Panel& panel : figure.panels) check(figure, panel);
  const Layers layers(figure);
  return draw_script(figure.name, layers.data(), script_text(figure, grid, layers), folder);
}

}  // namespace brenier::experiments
