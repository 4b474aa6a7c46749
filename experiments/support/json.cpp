// Conversion between Row/Value and JSON text. The only translation unit that sees the JSON library.
#include "experiments/support/json.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/str.h"
#include "experiments/support/input_error.h"

namespace brenier::experiments {
namespace {

using Json = nlohmann::ordered_json;
constexpr int kMaxDepth = 64;  // bounds the recursion below; our own files need 5

Json to_library(const Value& value) {
  if (const bool* flag = value.as_bool()) return *flag;
  if (const std::int64_t* integer = value.as_integer()) return *integer;
  if (const std::string* text = value.as_string()) return *text;
  if (const std::vector<Value>* list = value.as_list()) {
    Json result = Json::array();
    for (const Value& entry : *list) result.push_back(to_library(entry));
    return result;
  }
  if (const Row* row = value.as_row()) {
    Json result = Json::object();
    for (const Field& field : *row) result[field.key] = to_library(field.value);
    return result;
  }
  return value.is_number() ? Json(value.as_double()) : Json();
}

Value from_library(const Json& json) {
  switch (json.type()) {
    case Json::value_t::boolean:
      return json.get<bool>();
    case Json::value_t::number_integer:
      return json.get<std::int64_t>();
    case Json::value_t::number_unsigned: {
      const auto number = json.get<std::uint64_t>();
      if (number <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return number;
      return static_cast<double>(number);
    }
    case Json::value_t::number_float:
      return json.get<double>();
    case Json::value_t::string:
      return json.get<std::string>();
    case Json::value_t::array: {
      std::vector<Value> list;
      for (const Json& entry : json) list.push_back(from_library(entry));
      return list;
    }
    case Json::value_t::object: {
      Row row;
      for (const auto& [key, entry] : json.items()) row.set(key, from_library(entry));
      return row;
    }
    default:
      return nullptr;
  }
}

std::string dump(const Value& value, int indent) {
  // Text from outside may hold invalid UTF-8; it is replaced rather than refused.
  return to_library(value).dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

Row::Row() = default;
Row::Row(std::initializer_list<Field> fields) {
  for (const Field& field : fields) set(field.key, field.value);
}
Row::Row(const Row&) = default;
Row::Row(Row&&) noexcept = default;
Row& Row::operator=(const Row&) = default;
Row& Row::operator=(Row&&) noexcept = default;
Row::~Row() = default;

void Row::set(std::string key, Value value) {
  const auto found = std::find_if(fields_.begin(), fields_.end(), [&](const Field& field) { return field.key == key; });
  if (found != fields_.end()) {
    found->value = std::move(value);
  } else {
    fields_.push_back({std::move(key), std::move(value)});
  }
}

const Value* Row::find(std::string_view key) const {
  const auto found = std::find_if(fields_.begin(), fields_.end(), [&](const Field& field) { return field.key == key; });
  return found == fields_.end() ? nullptr : &found->value;
}

const Field* Row::begin() const { return fields_.data(); }
const Field* Row::end() const { return fields_.data() + fields_.size(); }
std::size_t Row::size() const { return fields_.size(); }

double Value::as_double() const {
  if (const double* number = std::get_if<double>(&value_)) return *number;
  if (const std::int64_t* integer = as_integer()) return static_cast<double>(*integer);
  return std::numeric_limits<double>::quiet_NaN();
}

std::string to_json(const Value& value) { return dump(value, -1); }
std::string to_indented_json(const Value& value) { return dump(value, 2); }

Value parse_json(std::string_view text, const std::string& source) {
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  const auto check = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kMaxDepth) throw InputError(str(source, ": JSON nested deeper than ", kMaxDepth, " levels"));
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second)
      throw InputError(str(source, ": JSON with two values for one key, ", to_json(parsed.get<std::string>())));
    return true;
  };
  try {
    return from_library(Json::parse(text, check));
  } catch (const Json::exception& error) {
    std::size_t position = 0;
    if (const auto* parse = dynamic_cast<const Json::parse_error*>(&error)) position = parse->byte;
    const auto last = text.begin() + static_cast<std::ptrdiff_t>(std::min(position, text.size()));
    throw InputError(str(source, ":", 1 + std::count(text.begin(), last, '\n'), ": not valid JSON"));
  }
}

}  // namespace brenier::experiments
