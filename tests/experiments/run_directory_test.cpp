// The results folder: nothing is written early, nothing valuable is lost, nothing foreign is touched.
#include "experiments/support/run_directory.h"

#include <doctest/doctest.h>

#include "tests/experiments/temporary_folder.h"
#include "tests/support/message_of.h"

using namespace brenier::experiments;
using brenier::testing::lacks;
using brenier::testing::message_of;
using brenier::testing::TemporaryFolder;

namespace {

Row metrics(const std::string& date) { return {{"experiment", "example"}, {"date", date}}; }

// A finished run with one result file and one figure.
void finished_run(const Path& out, const std::string& text, const std::string& date) {
  RunDirectory directory(out, "example");
  write_file(directory.file("predictions.csv"), text);
  write_file(directory.file("figures/error.png"), text);
  directory.finish(metrics(date));
}

std::string refusal(const Path& out, const std::string& experiment = "example") {
  return message_of([&] { RunDirectory(out, experiment); });
}

}  // namespace

TEST_CASE("looking at a folder creates nothing") {
  const TemporaryFolder folder;
  const RunDirectory directory(folder / "out", "example");
  CHECK_FALSE(directory.has_finished_run());
  CHECK_FALSE(directory.has_unfinished_run());
  CHECK(folder.count() == 0);
}

TEST_CASE("a run works in a folder of its own and moves up when it has finished") {
  const TemporaryFolder folder;
  RunDirectory directory(folder / "out", "example");
  write_file(directory.file("predictions.csv"), "1");
  CHECK(exists(folder / "out/unfinished/predictions.csv"));
  CHECK_FALSE(exists(folder / "out/predictions.csv"));
  directory.finish(metrics("d"));
  CHECK(read_file(folder / "out/predictions.csv") == "1");
  CHECK_FALSE(exists(folder / "out/unfinished"));
  CHECK(read_file(folder / "out/metrics.json").find("\"predictions.csv\"") != std::string::npos);
}

TEST_CASE("a finished run is kept when a later one replaces it") {
  const TemporaryFolder folder;
  const Path out = folder / "out";
  finished_run(out, "first", "2026-01-01T10:00:00Z");
  write_file(out / "notes.txt", "mine");
  finished_run(out, "second", "2026-01-01T10:00:00Z");
  finished_run(out, "third", "x/../../y");
  finished_run(out, "fourth", "z");
  CHECK(read_file(out / "predictions.csv") == "fourth");
  CHECK(read_file(out / "previous/2026-01-01T100000Z/predictions.csv") == "first");
  CHECK(read_file(out / "previous/2026-01-01T100000Z/figures/error.png") == "first");
  CHECK(read_file(out / "previous/2026-01-01T100000Z-2/predictions.csv") == "second");
  CHECK(read_file(out / "previous/undated/predictions.csv") == "third");
  CHECK(read_file(out / "notes.txt") == "mine");
}

TEST_CASE("a run that stops early leaves the finished one as it was") {
  const TemporaryFolder folder;
  const Path out = folder / "out";
  finished_run(out, "first", "d");
  {
    RunDirectory directory(out, "example");
    write_file(directory.file("predictions.csv"), "half");
    write_file(directory.file("model.safetensors"), "");
  }
  CHECK(read_file(out / "predictions.csv") == "first");
  const RunDirectory directory(out, "example");
  CHECK(directory.has_finished_run());
  CHECK(directory.has_unfinished_run());
}

TEST_CASE("a move that was cut short anywhere is completed at the next start") {
  const TemporaryFolder folder;
  const Path out = folder / "out";
  finished_run(out, "old", "old");
  // The state after: new metrics written, old prediction already moved away, old metrics not yet.
  write_file(out / "unfinished/metrics.json",
             R"({"experiment": "example", "date": "new", "files": ["predictions.csv"]})");
  write_file(out / "unfinished/predictions.csv", "new");
  create_directories(out / "previous/old");
  rename(out / "predictions.csv", out / "previous/old/predictions.csv");
  { const RunDirectory directory(out, "example"); }
  CHECK(read_file(out / "predictions.csv") == "new");
  CHECK(read_file(out / "previous/old/predictions.csv") == "old");
  CHECK(read_file(out / "previous/old/metrics.json").find("\"old\"") != std::string::npos);
  CHECK_FALSE(exists(out / "unfinished"));
  // The state after: everything moved but metrics.json.
  write_file(out / "unfinished/metrics.json",
             R"({"experiment": "example", "date": "newer", "files": ["predictions.csv"]})");
  { const RunDirectory directory(out, "example"); }
  CHECK(read_file(out / "metrics.json").find("newer") != std::string::npos);
}

TEST_CASE("the checkpoint stays valid until the run is known to be finished") {
  const TemporaryFolder folder;
  const Path out = folder / "out";
  write_file(out / "unfinished/model.safetensors", "checkpoint");
  write_file(out / "unfinished/model.safetensors.final", "final");
  CHECK(RunDirectory(out, "example").has_unfinished_run());
  CHECK(read_file(out / "unfinished/model.safetensors") == "checkpoint");
  write_file(out / "unfinished/metrics.json", R"({"experiment": "example", "files": ["model.safetensors"]})");
  CHECK_FALSE(RunDirectory(out, "example").has_unfinished_run());
  CHECK(read_file(out / "model.safetensors") == "final");
  CHECK_FALSE(exists(out / "unfinished"));
}

TEST_CASE("a folder that belongs to something else is refused and left alone") {
  const TemporaryFolder folder;
  finished_run(folder / "out", "1", "d");
  CHECK(lacks(refusal(folder / "out", "other"), {"--out: ", "holds results of another experiment, example"}) == "");
  write_file(folder / "foreign/metrics.json", R"({"accuracy": 1})");
  CHECK(lacks(refusal(folder / "foreign"), {"--out: ", "was not written by an experiment"}) == "");
  write_file(folder / "broken/metrics.json", "{");
  CHECK(lacks(refusal(folder / "broken"), {(folder / "broken/metrics.json").string(), "not valid JSON"}) == "");
  write_file(folder / "file", "");
  CHECK(lacks(refusal(folder / "file"), {"--out: ", "is a file, not a folder"}) == "");
}

TEST_CASE("a file list cannot name files outside the folder") {
  const TemporaryFolder folder;
  write_file(folder / "victim.txt", "precious");
  write_file(folder / "out/metrics.json",
             R"({"experiment": "example", "date": "d", "files": ["../victim.txt", "/etc/hostname", 3, ""]})");
  finished_run(folder / "out", "1", "e");
  CHECK(read_file(folder / "victim.txt") == "precious");
  RunDirectory directory(folder / "out", "example");
  CHECK(lacks(message_of([&] { directory.file("../x"); }), {"[RunDirectory] '../x' is not a name inside"}) == "");
  CHECK(lacks(message_of([&] { directory.file("/x"); }), {"[RunDirectory]"}) == "");
}

TEST_CASE("two processes cannot write to one folder") {
  const TemporaryFolder folder;
  RunDirectory first(folder / "out", "example"), second(folder / "out", "example");
  first.file("a");
  CHECK(lacks(message_of([&] { second.file("a"); }), {"--out: another process is writing to "}) == "");
}

TEST_CASE("the log is cut to the lines that the checkpoint knows") {
  const TemporaryFolder folder;
  {
    RunDirectory directory(folder / "out", "example");
    directory.open_log(0);
    for (int step = 0; step < 5; ++step) directory.append_log({{"step", step}});
  }
  RunDirectory directory(folder / "out", "example");
  directory.open_log(3);
  CHECK(directory.log_lines() == 3);
  directory.append_log({{"step", 30}});
  CHECK(directory.log_lines() == 4);
  CHECK(read_file(folder / "out/unfinished/log.jsonl") == "{\"step\":0}\n{\"step\":1}\n{\"step\":2}\n{\"step\":30}\n");
}

TEST_CASE("a half-written last line of the log is dropped") {
  const TemporaryFolder folder;
  write_file(folder / "out/unfinished/log.jsonl", "{\"step\":0}\n{\"st");
  RunDirectory directory(folder / "out", "example");
  directory.open_log(7);
  CHECK(directory.log_lines() == 1);
  CHECK(read_file(folder / "out/unfinished/log.jsonl") == "{\"step\":0}\n");
}

TEST_CASE("temporary files of a killed process are removed") {
  const TemporaryFolder folder;
  write_file(folder / "out/unfinished/model.safetensors.123.tmp", "half");
  RunDirectory directory(folder / "out", "example");
  write_file(directory.file("a"), "");
  CHECK_FALSE(exists(folder / "out/unfinished/model.safetensors.123.tmp"));
  directory.finish(metrics("d"));
  CHECK_FALSE(exists(folder / "out/unfinished"));
}
