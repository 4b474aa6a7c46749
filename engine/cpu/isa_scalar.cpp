// The kernels for the instructions every machine of the architecture has. The compiler vectorises the texts as far as
// the baseline allows. Standard headers come first: nothing outside the project is compiled inside the namespace.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/backend.h"
#include "engine/cpu/kernel_table.h"
#include "engine/cpu/philox.h"
#include "engine/cpu/threads.h"
#include "engine/cpu/vec_scalar.h"
#include "engine/str.h"

#define BRENIER_TARGET scalar

namespace brenier::cpu::BRENIER_TARGET {

#include "engine/cpu/kernels-inl.h"

}  // namespace brenier::cpu::BRENIER_TARGET
