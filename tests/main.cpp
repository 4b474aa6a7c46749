// The entry point of the test program. doctest brings main(); every other file only adds test cases.
//
// `brenier_tests --test-case="*Hessian*"` runs a selection, `--list-test-cases` prints all names.
// Every random number in the tests comes from a seeded std::mt19937_64; the seed is part of the failure message.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
