// Heat maps: one table with a column per panel, so that all panels share their grid and their colour scale.
#include <sstream>
#include <stdexcept>

#include "engine/ops.h"
#include "engine/str.h"
#include "experiments/support/gnuplot.h"
#include "experiments/support/panel_grid.h"

namespace brenier::experiments {
namespace {

constexpr int kMaxColumns = 4;

PanelGrid grid_of(const HeatMaps& figure) {
  return panel_grid({.figure = figure.name,
                     .title = figure.title,
                     .x_label = figure.x_label,
                     .y_label = figure.y_label,
                     .color_label = figure.color_label,
                     .x = figure.x,
                     .y = figure.y,
                     .count = static_cast<int>(figure.panels.size()),
                     .columns = kMaxColumns});
}

std::vector<Tensor> maps_of(const HeatMaps& figure) {
  std::vector<Tensor> maps;
  for (const HeatMap& panel : figure.panels) {
    maps.push_back(grid_values(panel.values, panel.title, figure.name));
    const Shape shape = maps.back().shape();
    if (shape != maps.front().shape() || shape[0] < 2 || shape[1] < 2)
      throw std::invalid_argument(str("[draw] the panels of ", figure.name, " need one shape of at least [2, 2]"));
  }
  return maps;
}

std::string data_text(const HeatMaps& figure, const std::vector<Tensor>& maps) {
  std::ostringstream out;
  out.precision(9);
  out << "# x y";
  for (const HeatMap& panel : figure.panels) out << ' ' << gnuplot_quoted(panel.title);
  out << '\n';
  write_grid_data(out, figure.x, figure.y, maps);
  return out.str();
}

std::string script_text(const HeatMaps& figure, const PanelGrid& grid, const std::vector<Tensor>& maps) {
  std::ostringstream out;
  write_grid_head(out, grid, color_range(maps, figure.color_scale), figure.color_scale);
  for (int index = 0; index < grid.count; ++index) {
    write_panel_frame(out, grid, index, figure.panels[static_cast<std::size_t>(index)].title);
    out << "plot " << gnuplot_quoted(figure.name + ".dat") << " using 1:2:" << index + 3 << " with image\n";
  }
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
  const PanelGrid grid = grid_of(figure);
  const std::vector<Tensor> maps = maps_of(figure);
  return draw_script(figure.name, data_text(figure, maps), script_text(figure, grid, maps), folder);
}

}  // namespace brenier::experiments
