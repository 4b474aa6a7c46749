// Figures: data and script are complete without gnuplot, and the picture is drawn where there is one.
#include "experiments/support/figure.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>

#include "engine/ops.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/support/message_of.h"

using namespace brenier;
using namespace brenier::experiments;
using brenier::testing::lacks;
using brenier::testing::message_of;
using brenier::testing::TemporaryFolder;

namespace {

HeatMaps two_maps() {
  return {.name = "maps",
          .title = "it's a \"title\"",
          .color_label = "error (1)",
          .panels = {{.title = "left", .values = tensor({{1.0, 2.0}, {3.0, std::nan("")}})},
                     {.title = "right_1", .values = tensor({10.0, 20.0, 30.0, 40.0})}}};
}

// Everything a panel can show, on a grid of 2 x 2.
Panels four_panels() {
  return {.name = "panels",
          .title = "A map",
          .x = {-1, 1},
          .y = {-1, 1},
          .panels = {{.title = "density", .colors = tensor({1.0, 2.0, 3.0, 4.0})},
                     {.title = "potential", .heights = tensor({{0.0, 1.0}, {1.0, 169.0}})},
                     {.title = "grid", .lines = reshape(arange(8), {2, 2, 2})},
                     {.title = "data", .points = tensor({{0.5, std::nan("")}, {-0.5, 1.0}})}}};
}

class WithoutPrograms {
 public:
  WithoutPrograms() : path_(std::getenv("PATH")) { setenv("PATH", "/nowhere", 1); }
  ~WithoutPrograms() { setenv("PATH", path_.c_str(), 1); }
  WithoutPrograms(const WithoutPrograms&) = delete;
  WithoutPrograms& operator=(const WithoutPrograms&) = delete;

 private:
  std::string path_;
};

}  // namespace

TEST_CASE("the data of heat maps are plain columns: x, y, one per panel") {
  const TemporaryFolder folder;
  draw(two_maps(), folder.path());
  CHECK(read_file(folder / "maps.dat") == "# x y 'left' 'right_1'\n0 0 1 10\n1 0 2 20\n\n0 1 3 30\n1 1 NaN 40\n\n");
  const std::string script = read_file(folder / "maps.gp");
  CHECK(script.find("set cbrange [1:40]") != std::string::npos);
  CHECK(script.find("'it''s a \"title\"'") != std::string::npos);
}

TEST_CASE("the colour range of a logarithmic scale leaves out zeros and spans at most five decades") {
  const TemporaryFolder folder;
  HeatMaps figure = two_maps();
  figure.color_scale = Scale::Log;
  figure.panels[0].values = tensor({{0.0, 1e-30}, {1.0, -1.0}});
  draw(figure, folder.path());
  CHECK(read_file(folder / "maps.gp").find("set cbrange [0.0004:40]") != std::string::npos);
}

TEST_CASE("the data of line plots are one block per curve, with gaps where an axis cannot show a point") {
  const TemporaryFolder folder;
  draw(LinePlot{.name = "lines",
                .y_scale = Scale::Log,
                .curves = {{.label = "a", .x = {1, 2, 3}, .y = {1, 0, 4}}, {.label = "b"}}},
       folder.path());
  CHECK(read_file(folder / "lines.dat") == "# x y of 'a'\n1 1\n\n3 4\n\n\n# x y of 'b'\nNaN NaN\n\n\n");
}

TEST_CASE("a band adds two columns to its curve, and is drawn under all curves") {
  const TemporaryFolder folder;
  draw(LinePlot{.name = "bands",
                .curves = {{.label = "a", .x = {1, 2}, .y = {1, 2}},
                           {.label = "b", .x = {1, 2}, .y = {3, 4}, .low = {2, std::nan("")}, .high = {4, 5}}}},
       folder.path());
  CHECK(read_file(folder / "bands.dat") == "# x y of 'a'\n1 1\n2 2\n\n\n# x y low high of 'b'\n1 3 2 4\n\n\n\n");
  const std::string script = read_file(folder / "bands.gp");
  CHECK(script.find("index 1 using 1:3:4 with filledcurves") < script.find("index 0 using 1:2 with lines"));
  CHECK(script.find("index 0 using 1:3:4") == std::string::npos);
}

TEST_CASE("the data of panels are one block per thing that is drawn") {
  const TemporaryFolder folder;
  draw(four_panels(), folder.path());
  CHECK(read_file(folder / "panels.dat") ==
        "# colours of 'density'\n-1 -1 1\n1 -1 2\n\n-1 1 3\n1 1 4\n\n\n"
        "# heights of 'potential'\n-1 -1 0\n1 -1 1\n\n-1 1 1\n1 1 169\n\n\n"
        "# lines of 'grid'\n0 1\n2 3\n\n4 5\n6 7\n\n\n"
        "# points of 'data'\n0.5 NaN\n-0.5 1\n\n\n");
  const std::string script = read_file(folder / "panels.gp");
  CHECK(lacks(script, {"set cntrparam levels discrete 1,4,9,16,25,36,49,64,81,100,121,144\n", "set cbrange [1:4]",
                       "unset colorbox", "index 0 using 1:2:3 with image", "$contours1 using 1:2 with lines",
                       "index 2 using 1:2 with lines", "index 3 using 1:2 with points"}) == "");
}

TEST_CASE("one panel can show several things, and rows are filled evenly") {
  const TemporaryFolder folder;
  Panels figure = four_panels();
  figure.color_label = "density";
  figure.panels[0].points = zeros({1, 2});
  figure.panels.push_back(figure.panels[0]);
  draw(figure, folder.path());
  const std::string script = read_file(folder / "panels.gp");
  CHECK(lacks(script, {"set cntrparam", "set colorbox user",
                       "index 0 using 1:2:3 with image, \\\n     'panels.dat' index 1 using 1:2 with points"}) == "");
  CHECK(script.find("unset colorbox") > script.find("with image"));
  // Five panels of at most four make rows of three: 190 + 3 * 620 + 2 * 70 + 270 pixels.
  CHECK(script.find("size 2460,") != std::string::npos);
}

TEST_CASE("the colour bar comes with the first panel that has colours") {
  const TemporaryFolder folder;
  Panels figure = four_panels();
  figure.color_label = "density";
  std::swap(figure.panels[0], figure.panels[2]);
  draw(figure, folder.path());
  const std::string script = read_file(folder / "panels.gp");
  CHECK(script.find("unset colorbox") > script.find("with image"));
  CHECK(script.find("unset colorbox") != std::string::npos);
  for (Panel& panel : figure.panels) panel.colors = Tensor();
  figure.panels[2].points = zeros({1, 2});
  draw(figure, folder.path());
  CHECK(read_file(folder / "panels.gp").find("set colorbox user") == std::string::npos);
}

TEST_CASE("grid lines fill the rectangle in both directions") {
  const Tensor grid = grid_lines({0, 1}, {2, 4}, 3, 5);
  CHECK(grid.shape() == Shape{6, 5, 2});
  CHECK(grid.at({1, 4, 0}) == 1);
  CHECK(grid.at({1, 4, 1}) == 3);
  CHECK(grid.at({5, 0, 0}) == 1);
  CHECK(grid.at({5, 4, 1}) == 4);
  CHECK(grid.at({4, 2, 0}) == 0.5);
  CHECK(grid.at({4, 2, 1}) == 3);
}

TEST_CASE("without gnuplot data and script are written and a sentence says what to do") {
  const TemporaryFolder folder;
  const WithoutPrograms guard;
  const DrawnFigure drawn = draw(two_maps(), folder.path());
  CHECK(drawn.files.size() == 2);
  CHECK(lacks(drawn.note, {"No picture was drawn because gnuplot is missing", "apt-get install", "gnuplot maps.gp"}) ==
        "");
  CHECK(exists(folder / "maps.dat"));
}

TEST_CASE("with gnuplot the picture is a PNG") {
  if (std::system("gnuplot --version > /dev/null 2>&1") != 0) {
    MESSAGE("gnuplot is not installed; no picture is drawn in this test");
    return;
  }
  const TemporaryFolder folder;
  for (const DrawnFigure& drawn :
       {draw(two_maps(), folder.path()), draw(four_panels(), folder.path()),
        draw(LinePlot{.name = "one", .curves = {{.x = {1, 2}, .y = {3, 4}}}}, folder.path())}) {
    CHECK(drawn.note == "");
    REQUIRE(exists(drawn.png));
    CHECK(read_file(drawn.png).starts_with("\x89PNG\r\n"));
  }
}

TEST_CASE("figures that cannot be drawn are refused") {
  const TemporaryFolder folder;
  const auto refusal = [&](const auto& figure) { return message_of([&] { draw(figure, folder.path()); }); };
  HeatMaps uneven = two_maps(), empty_range = two_maps(), no_square = two_maps(), undefined = two_maps();
  uneven.panels[1].values = zeros({3, 3});
  empty_range.x = {1, 1};
  no_square.panels[0].values = zeros({5});
  undefined.panels[0].values = Tensor();
  CHECK(lacks(refusal(HeatMaps{.name = "none"}), {"[draw] none has no panels"}) == "");
  CHECK(lacks(refusal(uneven), {"[draw] the panels of maps"}) == "");
  CHECK(lacks(refusal(empty_range), {"[draw] maps has an empty range"}) == "");
  CHECK(lacks(refusal(no_square), {"[draw] panel 'left' of maps"}) == "");
  CHECK(lacks(refusal(undefined), {"[draw] panel 'left' of maps"}) == "");
  CHECK(lacks(refusal(LinePlot{.name = "none"}), {"[draw] none has no curves"}) == "");
  CHECK(lacks(refusal(LinePlot{.name = "l", .curves = {{.label = "c", .x = {1}}}}),
              {"[draw] curve 'c' of l has 1 x and 0 y"}) == "");
  Panels nothing = four_panels(), no_points = four_panels(), no_lines = four_panels(), point = four_panels();
  nothing.panels[3].points = Tensor();
  no_points.panels[3].points = zeros({2, 3});
  no_lines.panels[2].lines = zeros({2, 2});
  point.panels[0].colors = zeros({1, 1});
  CHECK(lacks(refusal(Panels{.name = "none"}), {"[draw] none has no panels"}) == "");
  CHECK(lacks(refusal(nothing), {"[draw] panel 'data' of panels is empty"}) == "");
  CHECK(lacks(refusal(no_points), {"[draw] panel 'data' of panels has points that are not [n, 2]"}) == "");
  CHECK(lacks(refusal(no_lines), {"[draw] panel 'grid' of panels has lines that are not [count, length, 2]"}) == "");
  CHECK(lacks(refusal(point), {"[draw] panel 'density' of panels needs a grid of at least [2, 2]"}) == "");
  CHECK(lacks(refusal(LinePlot{.name = "l", .curves = {{.label = "c", .x = {1}, .y = {1}, .low = {1}}}}),
              {"[draw] the band of curve 'c' of l has 1 low and 0 high ends for 1 x"}) == "");
  CHECK(folder.count() == 0);
}

TEST_CASE("a sheet of pictures is kept as it is, and titled over its columns and beside its rows") {
  const TemporaryFolder folder;
  const Image dark{1, 2, 1, {0, 1}}, red{1, 2, 3, {200, 0, 0, 201, 0, 0}};
  PictureSheet sheet{.name = "sheet", .title = "It's", .pictures = {dark, red, red}, .columns = 2, .gap = 1};
  sheet.column_titles = {"left", "right"};
  sheet.row_titles = {"above", "below"};
  const DrawnFigure drawn = draw(sheet, folder.path());
  const Image data = from_png(read_file(folder / "sheet.dat"), "sheet.dat");
  CHECK(data.height == 5);
  CHECK(data.width == 7);
  CHECK(data.channels == 3);
  CHECK(data.values[3 * 8] == 0);     // the first pixel of the first picture
  CHECK(data.values[3 * 11] == 200);  // of the second
  const std::string script = read_file(folder / "sheet.gp");
  for (const char* text : {"'It''s'", "'left'", "'right'", "'above'", "'below'", "filetype=png"})
    CHECK(script.find(text) != std::string::npos);
  if (drawn.note.empty()) CHECK(read_file(folder / "sheet.png").starts_with("\x89PNG"));
  sheet.row_titles.push_back("third");
  CHECK(lacks(message_of([&] { draw(sheet, folder.path()); }), {"[draw] sheet has more titles"}) == "");
  CHECK(lacks(message_of([&] { draw(PictureSheet{.name = "x"}, folder.path()); }), {"[draw] x has 0 pictures"}) == "");
}

TEST_CASE("grid points run along x first and include both ends") {
  const Tensor points = grid_points({0, 1}, {2, 4}, 3);
  CHECK(points.shape() == Shape{9, 2});
  CHECK(points.at({1, 0}) == 0.5);
  CHECK(points.at({1, 1}) == 2);
  CHECK(points.at({3, 1}) == 3);
  CHECK(points.at({8, 0}) == 1);
  CHECK(points.at({8, 1}) == 4);
}
