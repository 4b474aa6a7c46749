// The report page: complete, self-contained, escaped. Also the tables and times it shares with the terminal.
#include "experiments/support/report_page.h"

#include <doctest/doctest.h>

#include <cmath>
#include <sstream>

#include "experiments/support/progress.h"
#include "experiments/support/table.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/support/message_of.h"

using namespace brenier::experiments;
using brenier::testing::lacks;
using brenier::testing::message_of;
using brenier::testing::TemporaryFolder;

TEST_CASE("base64 agrees with the examples of RFC 4648") {
  CHECK(base64("") == "");
  CHECK(base64("f") == "Zg==");
  CHECK(base64("fo") == "Zm8=");
  CHECK(base64("foo") == "Zm9v");
  CHECK(base64("foobar") == "Zm9vYmFy");
  CHECK(base64("\xff\xfe") == "//4=");
}

TEST_CASE("the page shows claim, published figures, rows, pictures and command, and loads nothing") {
  ReportEntry entry{.folder = "example",
                    .metrics = {{"experiment", "example"},
                                {"claim", "a < b & \"c\""},
                                {"command", "./run experiment example -- --note '<x>'"},
                                {"results", std::vector<Row>{{{"model", "<script>"}, {"mse", 0.123456}}}},
                                {"paper", std::vector<Row>{{{"model", "theirs"}, {"mse", 0.5}}}},
                                {"seconds", 65.0}},
                    .pictures = {{"error", "foobar"}}};
  const std::string page = report_page({entry});
  for (const char* part : {"a &lt; b &amp; &quot;c&quot;", "&lt;script&gt;", "0.1235", "theirs",
                           "data:image/png;base64,Zm9vYmFy", "--note '&lt;x&gt;'", "1 min 5 s"}) {
    CAPTURE(part);
    CHECK(page.find(part) != std::string::npos);
  }
  for (const char* part : {"<script", "http:", "https:", "url("}) {
    CAPTURE(part);
    CHECK(page.find(part) == std::string::npos);
  }
}

TEST_CASE("runs are found in subfolders, and broken ones are named and left out") {
  const TemporaryFolder folder;
  const std::string good = R"({"experiment": "example", "results": []})";
  write_file(folder / "b/metrics.json", good);
  write_file(folder / "b/figures/error.png", "png");
  write_file(folder / "b/figures/error.dat", "data");
  write_file(folder / "b/previous/old/metrics.json", good);
  write_file(folder / "b/unfinished/metrics.json", good);
  write_file(folder / "a/deep/metrics.json", good);
  write_file(folder / "c/metrics.json", "{");
  write_file(folder / "d/metrics.json", R"({"accuracy": 1})");
  std::vector<std::string> complaints;
  const std::vector<ReportEntry> entries = collect_runs(folder.path(), complaints);
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].folder == "a/deep");
  CHECK(entries[1].folder == "b");
  REQUIRE(entries[1].pictures.size() == 1);
  CHECK(entries[1].pictures[0].png == "png");
  CHECK(complaints.size() == 2);
  CHECK(lacks(message_of([&] { collect_runs(folder / "none", complaints); }), {(folder / "none").string()}) == "");
}

TEST_CASE("metrics with missing or unexpected entries still make a page") {
  const Row odd{{"experiment", "x"}, {"results", "none"}, {"paper", 3},
                {"config", nullptr}, {"device", "gpu"},   {"seconds", "long"}};
  CHECK(report_page({{.folder = ".", .metrics = odd, .pictures = {}}}).ends_with("</html>\n"));
}

TEST_CASE("a table aligns numbers right and text left") {
  std::ostringstream out;
  print_table(out, {{{"model", "icgn"}, {"mse", 0.0012345678}, {"ok", true}},
                    {{"model", "ε"}, {"mse", std::nan("")}, {"steps", 12}}});
  CHECK(out.str() ==
        "model       mse  ok   steps\n"
        "---------------------------\n"
        "icgn   0.001235  yes\n"
        "ε             -          12\n");
  out.str("");
  print_table(out, {});
  CHECK(out.str() == "");
}

TEST_CASE("durations are written in two units") {
  CHECK(duration_text(0.4) == "0 s");
  CHECK(duration_text(59.6) == "1 min 0 s");
  CHECK(duration_text(3725) == "1 h 2 min");
  CHECK(duration_text(std::nan("")) == "?");
}

TEST_CASE("progress is silent when quiet, rewrites its line on a terminal, and keeps its distance elsewhere") {
  std::ostringstream silent, lines, rewritten;
  Progress a(silent, ProgressStyle::Silent), b(lines, ProgressStyle::Lines), c(rewritten, ProgressStyle::Rewritten);
  for (Progress* progress : {&a, &b, &c}) {
    progress->begin("fit", 0, 10);
    for (int step = 0; step <= 10; ++step) progress->update(step, "loss 1");
    progress->finish();
  }
  CHECK(silent.str() == "");
  CHECK(lines.str() == "");  // faster than the distance between lines
  CHECK(rewritten.str().find("\rfit  0/10  loss 1") == std::string::npos);
  CHECK(rewritten.str().find("fit  0/10  loss 1") != std::string::npos);
  CHECK(rewritten.str().find('\n') == std::string::npos);
}
