// What a misuse says: the message of the std::invalid_argument that a call throws.
#pragma once

#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>

namespace brenier::testing {

// Empty if the call throws nothing; any other exception passes through and fails the test.
template <class Call>
std::string message_of(Call&& call) {
  try {
    call();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return {};
}

// Empty if the message begins with the first part and contains all others; otherwise a sentence saying what is missing.
inline std::string lacks(const std::string& message, std::initializer_list<std::string_view> parts) {
  if (message.empty()) return "nothing was thrown";
  if (message.rfind(*parts.begin(), 0) != 0)
    return "does not begin with " + std::string(*parts.begin()) + ": " + message;
  for (std::string_view part : parts) {
    if (message.find(part) == std::string::npos) return "does not contain " + std::string(part) + ": " + message;
  }
  return {};
}

}  // namespace brenier::testing
