// Rows and values: order, exact numbers, and refusal of what is not JSON.
#include "experiments/support/json.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tests/support/message_of.h"

using namespace brenier::experiments;
using brenier::testing::lacks;
using brenier::testing::message_of;

TEST_CASE("a row keeps the order of its keys and replaces a value in place") {
  Row row{{"z", 1}, {"a", "text"}, {"m", true}};
  row.set("a", 2.5);
  row.set("b", nullptr);
  CHECK(to_json(row) == R"({"z":1,"a":2.5,"m":true,"b":null})");
}

TEST_CASE("nested rows and lists are written as objects and arrays") {
  const Row row{
      {"list", std::vector<double>{1, 0.5}}, {"rows", std::vector<Row>{{{"x", 1}}, {}}}, {"row", Row{{"y", "q\"\n"}}}};
  CHECK(to_json(row) == R"({"list":[1.0,0.5],"rows":[{"x":1},{}],"row":{"y":"q\"\n"}})");
}

TEST_CASE("NaN and infinities are written as null") {
  CHECK(to_json(Row{{"a", std::nan("")}, {"b", std::numeric_limits<double>::infinity()}}) == R"({"a":null,"b":null})");
}

TEST_CASE("doubles and integers come back bit for bit") {
  for (const double number : {0.1, -1.0 / 3, 5e-324, std::numeric_limits<double>::max(), -0.0, 1e22}) {
    CAPTURE(number);
    const double back = parse_json(to_json(number), "test").as_double();
    CHECK(back == number);
    CHECK(std::signbit(back) == std::signbit(number));
  }
  const std::int64_t large = std::numeric_limits<std::int64_t>::min();
  CHECK(*parse_json(to_json(large), "test").as_integer() == large);
}

TEST_CASE("text with invalid UTF-8 is written with replacement characters instead of failing") {
  const std::string text = to_json(Value(std::string("a\xFF")));
  CHECK(*parse_json(text, "test").as_string() == "a\xEF\xBF\xBD");
}

TEST_CASE("text that is not JSON is refused with its line") {
  const auto refusal = [](const std::string& text) { return message_of([&] { parse_json(text, "m.json"); }); };
  CHECK(lacks(refusal("{\n\"a\": 1,\n}"), {"m.json:3: not valid JSON"}) == "");
  CHECK(lacks(refusal(""), {"m.json:1: not valid JSON"}) == "");
  CHECK(lacks(refusal("{} {}"), {"m.json:1: not valid JSON"}) == "");
  CHECK(lacks(refusal("1e999"), {"m.json:1: not valid JSON"}) == "");
  CHECK(lacks(refusal(R"({"a": 1, "a": 2})"), {"m.json: JSON with two values", "\"a\""}) == "");
  CHECK(lacks(refusal(std::string(100000, '[')), {"m.json: JSON nested deeper than 64 levels"}) == "");
}

TEST_CASE("an integer beyond int64 becomes a double") {
  CHECK(parse_json("18446744073709551615", "test").as_double() == 18446744073709551615.0);
}
