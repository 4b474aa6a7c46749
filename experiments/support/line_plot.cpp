// Line plots: one block of the data file per curve, a legend beside the plot so that it never covers a curve. Bands lie
// under all curves.
#include <algorithm>
#include <cmath>
#include <sstream>
#include <stdexcept>

#include "engine/str.h"
#include "experiments/support/figure.h"
#include "experiments/support/gnuplot.h"

namespace brenier::experiments {
namespace {

// Distinct for all common kinds of colour vision (Okabe & Ito 2008), with enough contrast on white.
constexpr const char* kColors[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000"};
constexpr std::size_t kColorCount = 7;

// Pixels, at twice the density of the text on a page.
constexpr double kWidth = 1500, kKeyWidth = 100, kLetterWidth = 18;

double longest_label(const LinePlot& figure) {
  std::size_t length = 0;
  for (const Curve& curve : figure.curves) length = std::max(length, curve.label.size());
  return static_cast<double>(length);
}

void check(const LinePlot& figure) {
  if (figure.curves.empty()) throw std::invalid_argument(str("[draw] ", figure.name, " has no curves"));
  for (const Curve& curve : figure.curves) {
    if (curve.x.size() != curve.y.size())
      throw std::invalid_argument(str("[draw] curve '", curve.label, "' of ", figure.name, " has ", curve.x.size(),
                                      " x and ", curve.y.size(), " y"));
    if (curve.low.size() != curve.high.size() || (!curve.low.empty() && curve.low.size() != curve.x.size()))
      throw std::invalid_argument(str("[draw] the band of curve '", curve.label, "' of ", figure.name, " has ",
                                      curve.low.size(), " low and ", curve.high.size(), " high ends for ",
                                      curve.x.size(), " x"));
  }
}

// A point that a logarithmic axis cannot show is left out like a non-finite one.
bool drawable(double value, Scale scale) { return std::isfinite(value) && (scale == Scale::Linear || value > 0); }

std::string data_text(const LinePlot& figure) {
  std::ostringstream out;
  out.precision(9);
  for (const Curve& curve : figure.curves) {
    const bool band = !curve.low.empty();
    out << (band ? "# x y low high of " : "# x y of ") << gnuplot_quoted(curve.label) << '\n';
    for (std::size_t i = 0; i < curve.x.size(); ++i) {
      bool shown = drawable(curve.x[i], figure.x_scale) && drawable(curve.y[i], figure.y_scale);
      if (band) shown = shown && drawable(curve.low[i], figure.y_scale) && drawable(curve.high[i], figure.y_scale);
      if (shown) {
        out << curve.x[i] << ' ' << curve.y[i];
        if (band) out << ' ' << curve.low[i] << ' ' << curve.high[i];
        out << '\n';
      } else {
        out << '\n';  // one empty line interrupts the curve
      }
    }
    if (curve.x.empty()) out << "NaN NaN\n";  // the block must exist for the next ones to keep their numbers
    out << "\n\n";
  }
  return out.str();
}

void write_curves(std::ostream& out, const LinePlot& figure) {
  const char* separator = "plot ";
  const auto block = [&](std::size_t i) {
    out << separator << gnuplot_quoted(figure.name + ".dat") << " index " << i;
    separator = ", \\\n     ";
  };
  const auto color = [](std::size_t i) { return kColors[i % kColorCount]; };
  for (std::size_t i = 0; i < figure.curves.size(); ++i) {
    if (figure.curves[i].low.empty()) continue;
    block(i);
    out << " using 1:3:4 with filledcurves fs transparent solid 0.15 noborder lc rgb '" << color(i) << "' notitle";
  }
  for (std::size_t i = 0; i < figure.curves.size(); ++i) {
    block(i);
    out << " using 1:2 with lines lw 1.3 dt " << 1 + i / kColorCount << " lc rgb '" << color(i) << "' title "
        << gnuplot_quoted(figure.curves[i].label);
  }
  out << '\n';
}

std::string script_text(const LinePlot& figure) {
  std::ostringstream out;
  const bool legend = figure.curves.size() > 1;
  const long width = std::lround(kWidth + (legend ? kKeyWidth + kLetterWidth * longest_label(figure) : 0));
  out << "set encoding utf8\n"
      << "set terminal pngcairo size " << width << ",900 font ',12' fontscale 2 linewidth 2 background 'white'\n"
      << "set output " << gnuplot_quoted(figure.name + ".png") << "\n"
      << "set title " << gnuplot_quoted(figure.title) << " noenhanced font ',14'\n"
      << "set xlabel " << gnuplot_quoted(figure.x_label) << " noenhanced\n"
      << "set ylabel " << gnuplot_quoted(figure.y_label) << " noenhanced\n"
      << "set border 3 lw 0.6\nset xtics nomirror out\nset ytics nomirror out\n"
      << "set autoscale xfix\nset grid xtics ytics lt 1 lc rgb '#d5d9de' lw 0.6\nset datafile missing 'NaN'\n"
      << (legend ? "set key outside right top Left reverse noenhanced samplen 2 spacing 1.2\n" : "unset key\n");
  if (figure.x_scale == Scale::Log) out << "set logscale x\nset format x '10^{%L}'\n";
  if (figure.y_scale == Scale::Log) out << "set logscale y\nset format y '10^{%L}'\n";
  write_curves(out, figure);
  return out.str();
}

}  // namespace

DrawnFigure draw(const LinePlot& figure, const Path& folder) {
  check(figure);
  return draw_script(figure.name, data_text(figure), script_text(figure), folder);
}

}  // namespace brenier::experiments
