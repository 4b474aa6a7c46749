// Tables of numbers as text, and a user's matrix from any supported file.
#include "experiments/support/csv.h"

#include <doctest/doctest.h>

#include <cmath>

#include "engine/ops.h"
#include "experiments/support/matrix_file.h"
#include "experiments/support/npy.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/support/message_of.h"

using namespace brenier;
using namespace brenier::experiments;
using brenier::testing::lacks;
using brenier::testing::message_of;
using brenier::testing::TemporaryFolder;

namespace {

using Numbers = std::vector<double>;

std::string refusal(const std::string& text) {
  return message_of([&] { from_csv(text, "points.csv"); });
}

}  // namespace

TEST_CASE("commas, semicolons, tabs and blanks separate columns") {
  for (const char* text : {"1,2\n3,4\n", "1;2\n3;4", "1\t2\n3\t4\n", "  1   2  \n3 4\n", "1, 2\r\n3, 4\r\n",
                           "\xEF\xBB\xBF"
                           "1,2\n3,4\n"}) {
    CAPTURE(text);
    const Tensor values = from_csv(text, "test");
    CHECK(values.shape() == Shape{2, 2});
    CHECK(values.to_vector<double>() == Numbers{1, 2, 3, 4});
  }
}

TEST_CASE("a header line, comments and empty lines at the end are allowed") {
  CHECK(from_csv("x,y\n1,2\n", "test").shape() == Shape{1, 2});
  CHECK(from_csv(",x,y\n0,1,2\n", "test").shape() == Shape{1, 3});
  CHECK(from_csv("# made by hand\nx y\n1 2\n# more\n3 4\n\n \n\r\n", "test").shape() == Shape{2, 2});
  CHECK(from_csv("value\n5", "test").to_vector<double>() == Numbers{5});
}

TEST_CASE("numbers are read in every usual notation") {
  CHECK(from_csv("+1,-.5,1e-3,2E+2,1e-400,007", "test").to_vector<double>() == Numbers{1, -0.5, 1e-3, 200, 0, 7});
}

TEST_CASE("mistakes are named with file and line") {
  struct Case {
    const char* text;
    const char* message;
  };
  const Case cases[] = {
      {"", "points.csv: contains no numbers"},
      {"\n\n", "points.csv: contains no numbers"},
      {"x,y\n", "points.csv: contains no numbers"},
      {"1,2\n3,abc\n", "points.csv:2: 'abc' is not a number"},
      {"x,y\n1,2\n\n", nullptr},
      {"1,2\n\n3,4\n", "points.csv:2: an empty line among the numbers"},
      {"1,2\n3\n", "points.csv:2: 1 column, the lines before have 2"},
      {"1,2\n3,4,5\n", "points.csv:2: 3 columns, the lines before have 2"},
      {"1,2\n3,\n", "points.csv:2: an empty cell"},
      {"1,2\n3,nan\n", "points.csv:2: 'nan' is not a finite number"},
      {"inf,2\n", "points.csv:1: 'inf' is not a finite number"},
      {"1,1e999\n", "points.csv:1: '1e999' is not a finite number"},
      {"1,0x10\n", "points.csv:1: '0x10' is not a number"},
      {"1,2 3\n", "points.csv:1: '2 3' is not a number"},
      {"1,x\n", "points.csv:1: 'x' is not a number"},
      {"a,b\nc,d\n", "points.csv:2: 'c' is not a number"},
  };
  for (const Case& example : cases) {
    CAPTURE(example.text);
    if (example.message)
      CHECK(lacks(refusal(example.text), {example.message}) == "");
    else
      CHECK(refusal(example.text) == "");
  }
}

TEST_CASE("a binary file given as text is refused with a short sentence") {
  CHECK(refusal(std::string(10000, '\x01')).size() < 120);
}

TEST_CASE("written tables come back bit for bit") {
  const Tensor values = tensor({{0.1, -1.0 / 3}, {5e-324, 1.7976931348623157e308}});
  CHECK(from_csv(to_csv(values, {"a", "b"}), "test").to_vector<double>() == values.to_vector<double>());
  CHECK(to_csv(tensor({{1.0, 2.5}}), {"a", "b"}) == "a,b\n1,2.5\n");
  CHECK(to_csv(tensor({1.0, 2.0})) == "1\n2\n");
  CHECK(lacks(message_of([] { to_csv(zeros({1, 1, 1})); }), {"[to_csv]", "[1, 1, 1]"}) == "");
}

TEST_CASE("a matrix is read by extension, in the dtype asked for") {
  const TemporaryFolder folder;
  const Tensor values = tensor({{1.0, 2.0}, {3.0, 4.5}});
  for (const char* name : {"m.npy", "m.npy.gz", "m.csv", "m.tsv", "m.txt"}) {
    CAPTURE(name);
    write_matrix(folder / name, values);
    CHECK(read_matrix(folder / name).to_vector<double>() == values.to_vector<double>());
    CHECK(read_matrix(folder / name, DType::Float32).dtype() == DType::Float32);
  }
  CHECK(read_file(folder / "m.tsv") == "1\t2\n3\t4.5\n");
  write_npy(folder / "v.npy", index_tensor({1, 2, 3}));
  CHECK(read_matrix(folder / "v.npy").shape() == Shape{3, 1});
}

TEST_CASE("what is no matrix of finite numbers is refused by file name") {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& name, DType dtype = DType::Float64) {
    const std::string message = message_of([&] { read_matrix(folder / name, dtype); });
    CHECK(message.starts_with((folder / name).string()));
    return message;
  };
  write_npy(folder / "cube.npy", zeros({2, 2, 2}));
  write_npy(folder / "empty.npy", zeros({0, 2}));
  write_npy(folder / "nan.npy", tensor({{1.0, 2.0}, {3.0, std::nan("")}}));
  write_npy(folder / "large.npy", full({1, 1}, 1e300));
  write_file(folder / "text.npy", "1,2\n");
  CHECK(lacks(refused("cube.npy"), {"", "has shape [2, 2, 2]"}) == "");
  CHECK(lacks(refused("empty.npy"), {"", "contains no numbers"}) == "");
  CHECK(lacks(refused("nan.npy"), {"", "row 1, column 1 is nan"}) == "");
  CHECK(lacks(refused("large.npy", DType::Float32), {"", "row 0, column 0 is inf"}) == "");
  CHECK(lacks(refused("text.npy"), {"", "offset 0: does not begin with the .npy signature"}) == "");
  CHECK(lacks(refused("none.csv"), {"", "no such file"}) == "");
  CHECK(lacks(refused("points.xls"), {"", "the name must end in .npy"}) == "");
}
