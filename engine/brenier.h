// The whole engine in one include.
#pragma once

#include "engine/autodiff.h"
#include "engine/compile_gradient.h"
#include "engine/ops.h"
#include "engine/parameters.h"
#include "engine/print.h"
#include "engine/program/program.h"
#include "engine/str.h"
#include "engine/tape.h"
#include "engine/tensor.h"
