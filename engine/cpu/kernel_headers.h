// What the kernel texts use from outside. A file isa_*.cpp includes this before it opens its namespace and its target
// region, so that nothing foreign is compiled inside either.
#pragma once

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
#include "engine/cpu/target.h"
#include "engine/cpu/threads.h"
#include "engine/philox.h"
#include "engine/str.h"
