// Bad input: an option, a file or a folder that cannot be used as asked.
//
// The message is one complete sentence that names the option or the file (with line or offset). run_program() prints
// it on stderr and exits with code 2; nothing has been overwritten then.
#pragma once

#include <stdexcept>

namespace brenier::experiments {

class InputError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

}  // namespace brenier::experiments
