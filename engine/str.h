// str(a, b, …): one string from several printable values. Messages are built with it everywhere, because GCC 12
// has no <format>. Doubles are printed with up to six significant digits.
#pragma once

#include <sstream>
#include <string>

namespace brenier {

template <class... Parts>
std::string str(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

}  // namespace brenier
