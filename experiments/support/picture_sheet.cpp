// Picture sheets: NAME.dat is the sheet itself as a PNG file, to which gnuplot adds the titles.
#include <algorithm>
#include <cmath>
#include <sstream>
#include <stdexcept>

#include "engine/str.h"
#include "experiments/support/gnuplot.h"
#include "experiments/support/images.h"

namespace brenier::experiments {
namespace {

// Lengths in pixels at twice the density of the text on a page; a letter's is the mean of many.
constexpr double kTitle = 70, kColumnTitle = 50, kMargin = 20, kLetter = 15, kSide = 1600, kMostMagnified = 8;
constexpr std::int64_t kCaptionGap = 48;

void check(const PictureSheet& figure) {
  const auto count = std::ssize(figure.pictures);
  if (count == 0 || figure.columns < 1)
    throw std::invalid_argument(
        str("[draw] ", figure.name, " has ", count, " pictures in ", figure.columns, " columns"));
  const std::int64_t rows = (count + figure.columns - 1) / figure.columns;
  if (std::ssize(figure.column_titles) > figure.columns || std::ssize(figure.row_titles) > rows)
    throw std::invalid_argument(str("[draw] ", figure.name, " has more titles than columns or rows"));
  if (std::ssize(figure.captions) > count)
    throw std::invalid_argument(str("[draw] ", figure.name, " has more captions than pictures"));
}

double text_width(const std::string& text) { return kLetter * static_cast<double>(text.size()); }

// Where things are, in pixels from the upper left corner.
struct Layout {
  double scale, shown_width, shown_height, left, top, width, height;

  Layout(const PictureSheet& figure, const Image& sheet) {
    const auto sheet_width = static_cast<double>(sheet.width), sheet_height = static_cast<double>(sheet.height);
    // A whole number, so that small pictures stay sharp.
    scale = std::clamp(std::floor(kSide / std::max(sheet_width, sheet_height)), 1.0, kMostMagnified);
    shown_width = scale * sheet_width;
    shown_height = scale * sheet_height;
    left = kMargin;
    for (const std::string& title : figure.row_titles) left = std::max(left, 2 * kMargin + text_width(title));
    top = kTitle + (figure.column_titles.empty() ? 0 : kColumnTitle);
    width = std::max(left + shown_width, left + text_width(figure.title)) + kMargin;
    height = top + shown_height + kMargin;
  }
};

void write_label(std::ostream& out, const Layout& at, const std::string& text, double x, double y, const char* where) {
  out << "set label " << gnuplot_quoted(text) << " at screen " << x / at.width << ", screen " << 1 - y / at.height
      << ' ' << where << " noenhanced\n";
}

void write_titles(std::ostream& out, const PictureSheet& figure, const Layout& at) {
  write_label(out, at, figure.title, at.left, 0.5 * kTitle, "left");
  const double step_x = at.scale * static_cast<double>(figure.pictures[0].width + figure.gap);
  const double step_y = at.scale * static_cast<double>(figure.pictures[0].height + figure.gap);
  double x = at.left + 0.5 * step_x, y = at.top + 0.5 * step_y;
  for (const std::string& title : figure.column_titles) {
    write_label(out, at, title, x, at.top - 0.4 * kColumnTitle, "center");
    x += step_x;
  }
  for (const std::string& title : figure.row_titles) {
    write_label(out, at, title, at.left - kMargin, y, "right");
    y += step_y;
  }
  const double half_gap = 0.5 * at.scale * static_cast<double>(figure.gap);
  for (std::size_t i = 0; i < figure.captions.size(); ++i) {
    const auto across = static_cast<std::size_t>(figure.columns);
    const double picture = at.scale * static_cast<double>(figure.pictures[0].width) + half_gap;
    const auto row = static_cast<double>(i / across), column = static_cast<double>(i % across);
    const double middle = at.left + half_gap + column * step_x + 0.5 * picture;
    write_label(out, at, figure.captions[i], middle, at.top + half_gap + row * step_y, "center");
  }
}

std::string script_text(const PictureSheet& figure, const Image& sheet) {
  const Layout at(figure, sheet);
  std::ostringstream out;
  out << "set encoding utf8\nset terminal pngcairo size " << std::llround(at.width) << ',' << std::llround(at.height)
      << " font ',12' fontscale 2 background 'white'\nset output " << gnuplot_quoted(figure.name + ".png")
      << "\nunset key\nunset border\nunset tics\nunset colorbox\nset lmargin at screen " << at.left / at.width
      << "\nset rmargin at screen " << (at.left + at.shown_width) / at.width << "\nset tmargin at screen "
      << 1 - at.top / at.height << "\nset bmargin at screen " << kMargin / at.height
      << "\nset xrange [-0.5:" << sheet.width - 1 << ".5]\nset yrange [-0.5:" << sheet.height - 1 << ".5]\n";
  write_titles(out, figure, at);
  out << "plot " << gnuplot_quoted(figure.name + ".dat") << " binary filetype=png with rgbimage pixels\n";
  return out.str();
}

}  // namespace

DrawnFigure draw(const PictureSheet& given, const Path& folder) {
  check(given);
  PictureSheet figure = given;
  if (!figure.captions.empty()) figure.gap = std::max(figure.gap, kCaptionGap);
  const Image sheet = as_rgb(image_sheet(figure.pictures, figure.columns, figure.gap));
  return draw_script(figure.name, to_png(sheet), script_text(figure, sheet), folder);
}

}  // namespace brenier::experiments
