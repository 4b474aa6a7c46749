// Rows of results as the experiments build them: ordered keys, plain values.
//
//   Row row{{"model", "icgn"}, {"hidden", 5}, {"mse", 2.3e-6}, {"sizes", std::vector<double>{1, 2}}};
//   row.set("seconds", 12.5);
//
// NaN and infinities have no JSON form and are written as null. Doubles are written with the fewest digits that read
// back to the same number. The JSON library itself stays behind json.cpp.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace brenier::experiments {

class Value;
struct Field;

// An ordered list of named values; a JSON object.
class Row {
 public:
  Row();
  Row(std::initializer_list<Field> fields);
  Row(const Row&);
  Row(Row&&) noexcept;
  Row& operator=(const Row&);
  Row& operator=(Row&&) noexcept;
  ~Row();

  // Replaces the value of an existing key in place, or appends.
  void set(std::string key, Value value);
  const Value* find(std::string_view key) const;  // null if there is no such key
  const Field* begin() const;
  const Field* end() const;
  std::size_t size() const;
  bool empty() const { return size() == 0; }

 private:
  std::vector<Field> fields_;
};

class Value {
 public:
  Value() = default;
  Value(std::nullptr_t) {}
  Value(std::same_as<bool> auto value) : value_(value) {}
  Value(std::integral auto value) requires(!std::same_as<decltype(value), bool>)
      : value_(static_cast<std::int64_t>(value)) {}
  Value(std::floating_point auto value) : value_(static_cast<double>(value)) {}
  Value(const char* text) : value_(std::string(text)) {}
  Value(std::string text) : value_(std::move(text)) {}
  Value(Row row) : value_(std::move(row)) {}
  Value(std::vector<Value> values) : value_(std::move(values)) {}
  template <class T>
  Value(const std::vector<T>& values) : value_(std::vector<Value>(values.begin(), values.end())) {}

  // Null if the value is of another kind. as_double() accepts integers too; NaN stands for anything else.
  const bool* as_bool() const { return std::get_if<bool>(&value_); }
  const std::int64_t* as_integer() const { return std::get_if<std::int64_t>(&value_); }
  const std::string* as_string() const { return std::get_if<std::string>(&value_); }
  const std::vector<Value>* as_list() const { return std::get_if<std::vector<Value>>(&value_); }
  const Row* as_row() const { return std::get_if<Row>(&value_); }
  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_number() const { return as_integer() || std::holds_alternative<double>(value_); }
  double as_double() const;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, std::vector<Value>, Row> value_;
};

struct Field {
  std::string key;
  Value value;
};

// One line, or indented by two spaces.
std::string to_json(const Value& value);
std::string to_indented_json(const Value& value);

// Throws InputError "SOURCE:LINE: …" for text that is not JSON or is nested deeper than 64 levels.
Value parse_json(std::string_view text, const std::string& source);

}  // namespace brenier::experiments
