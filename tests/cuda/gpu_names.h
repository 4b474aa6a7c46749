// Put in front of each test file that nvcc compiles. The program may hold the same file for the host shim, and doctest
// keeps one of two test cases with the same line, name and file: for the GPU the names begin with "gpu: ".
#pragma once

#include <doctest/doctest.h>

#undef TEST_CASE
#undef TEST_CASE_TEMPLATE
#define TEST_CASE(name) DOCTEST_TEST_CASE("gpu: " name)
#define TEST_CASE_TEMPLATE(name, T, ...) DOCTEST_TEST_CASE_TEMPLATE("gpu: " name, T, __VA_ARGS__)
