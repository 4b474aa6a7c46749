// Epilogues of matrix products, and threads that share fused groups: bit for bit the numbers of eager evaluation, for
// every way in which a product is computed and every number of threads.
#include <doctest/doctest.h>

#include "engine/ops.h"
#include "engine/program/program.h"
#include "engine/str.h"
#include "engine/tape.h"
#include "tests/support/compiled.h"
#include "tests/support/with_threads.h"

namespace brenier::testing {
namespace {

struct Sizes {
  std::int64_t rows, cols, depth;
};

// Parts of tiles and several; one row, one column, few terms, few columns, several blocks of columns and of terms.
const std::vector<Sizes> kSizes{{1, 1, 1},    {1, 40, 9},   {37, 1, 20},  {1, 300, 64},   {15, 17, 5},    {29, 33, 300},
                                {200, 70, 7}, {257, 3, 50}, {5, 600, 6},  {43, 1100, 60}, {600, 40, 2},   {257, 2, 1},
                                {4, 5, 0},    {14, 32, 16}, {1000, 8, 8}, {64, 64, 64},   {130, 520, 270}};

bool has_epilogue(const Program& program) {
  return to_text(program).find("product and epilogue over") != std::string::npos;
}

Program compiled(const VectorFunction& f, const Tensors& arguments, const CompileOptions& options = {}) {
  Tape tape({.recording_program = true});
  Tensors watched;
  for (const Tensor& x : arguments) watched.push_back(tape.watch(x));
  return compile(watched, f(watched), options);
}

// Two runs in 1, 2 and 4 threads against eager evaluation in one.
std::string differences(const VectorFunction& f, const Tensors& arguments, const Program& program) {
  const Tensors expected = f(arguments);
  for (const int count : {1, 2, 4, 4}) {
    const WithThreads with(count);
    const Tensors got = program(arguments);
    for (std::size_t i = 0; i < expected.size(); ++i)
      if (const std::string wrong = bit_mismatch(got[i], expected[i]); !wrong.empty())
        return str(count, " threads, result ", i, ": ", wrong);
  }
  return {};
}

// A matrix of these sizes, possibly stored column by column.
Tensor matrix(Sampler& sampler, std::int64_t rows, std::int64_t cols, DType dtype, bool by_columns) {
  return by_columns ? transpose(sampler.uniform({cols, rows}, -1, 1, dtype))
                    : sampler.uniform({rows, cols}, -1, 1, dtype);
}

// What may follow the product c of x[0] and x[1]: x[2] is a bias [n], x[3] a column [m, 1], x[4] a matrix like c, x[5]
// one that is stored by columns.
struct Follower {
  const char* name;
  Tensors (*f)(const Tensor& c, const Tensors& x);
};
const std::vector<Follower> kFollowers{
    {"one addition", [](const Tensor& c, const Tensors& x) -> Tensors { return {c + x[2]}; }},
    {"an activation, its derivatives and the product",
     [](const Tensor& c, const Tensors& x) -> Tensors {
       const Tensor y = c + x[2];
       return {gaussian_softplus(y), normal_cdf(y), normal_pdf(y), c};
     }},
    {"factors of all kinds",
     [](const Tensor& c, const Tensors& x) -> Tensors {
       return {tanh(c * x[3] - x[4]) * 2.0, square(x[5] - c)};
     }},
    {"a product again",
     [](const Tensor& c, const Tensors& x) -> Tensors { return {matmul(exp(-(c * c) + c) + x[2], transpose(x[4]))}; }}};

TEST_SUITE("program") {
  TEST_CASE("a group after a product runs on its rows, bit for bit as it does alone") {
    Sampler sampler(11);
    for (const auto& [m, n, k] : kSizes)
      for (const DType dtype : {DType::Float32, DType::Float64})
        for (const int layout : {0, 1, 2, 3})
          for (const Follower& follower : kFollowers) {
            INFO(follower.name, " [", m, ", ", k, "] x [", k, ", ", n, "], layout ", layout, " ",
                 std::string(name_of(dtype)));
            const Tensors x{matrix(sampler, m, k, dtype, layout & 1), matrix(sampler, k, n, dtype, layout & 2),
                            sampler.uniform({n}, -1, 1, dtype),       matrix(sampler, m, 1, dtype, false),
                            matrix(sampler, m, n, dtype, false),      matrix(sampler, m, n, dtype, true)};
            const VectorFunction f = [&](const Tensors& y) { return follower.f(matmul(y[0], y[1]), y); };
            const Program program = compiled(f, x);
            CHECK(has_epilogue(program));
            CHECK(differences(f, x, program) == "");
          }
  }

  TEST_CASE("a group after the product of a matrix with its transpose may write over it") {
    Sampler sampler(15);
    for (const DType dtype : {DType::Float32, DType::Float64})
      for (const std::int64_t n : {60, 120, 131, 400}) {
        INFO(n, " ", std::string(name_of(dtype)));
        const Tensors x{matrix(sampler, n, 40, dtype, false), matrix(sampler, n, n, dtype, false)};
        const VectorFunction f = [](const Tensors& y) {
          return Tensors{matmul(tanh(matmul(y[0], transpose(y[0])) * y[1]), y[1])};
        };
        const Program program = compiled(f, x);
        CHECK(has_epilogue(program));
        CHECK(differences(f, x, program) == "");
      }
  }

  TEST_CASE("batches of products have epilogues") {
    Sampler sampler(12);
    struct Batch {
      Shape a, b, other;
    };
    for (const Batch& batch : {Batch{{3, 29, 8}, {8, 17}, {3, 29, 17}}, Batch{{3, 29, 8}, {3, 8, 17}, {29, 1}},
                               Batch{{3, 1, 9, 6}, {2, 6, 5}, {2, 1, 5}}, Batch{{40, 2, 3}, {40, 3, 2}, {40, 1, 2}},
                               Batch{{7, 1, 30}, {30, 40}, {40}}, Batch{{2, 60, 90}, {2, 90, 120}, {2, 1, 1}},
                               Batch{{5, 11, 12}, {12, 3}, {11, 1}}}) {
      INFO(batch.a, " x ", batch.b);
      const Tensors x{sampler.uniform(batch.a), sampler.uniform(batch.b), sampler.uniform(batch.other)};
      const VectorFunction f = [](const Tensors& y) -> Tensors {
        const Tensor c = matmul(y[0], y[1]);
        return {softplus(c + y[2]), sigmoid(c * y[2])};
      };
      const Program program = compiled(f, x);
      CHECK(has_epilogue(program));
      CHECK(differences(f, x, program) == "");
    }
  }

  TEST_CASE("an epilogue does not write over what its product still reads") {
    Sampler sampler(13);
    const Tensors x{sampler.uniform({150, 150}), sampler.uniform({150, 150}), sampler.uniform({150})};
    const VectorFunction f = [](const Tensors& y) -> Tensors {
      Tensor z = exp(y[0]);
      for (int layer = 0; layer < 4; ++layer) z = tanh(matmul(z, y[1]) + y[2]);
      return {sum(z)};
    };
    const Program program = compiled(f, x);
    CHECK(has_epilogue(program));
    CHECK(differences(f, x, program) == "");
  }

  TEST_CASE("a group that reads other elements of the product waits for all of it") {
    Sampler sampler(14);
    const Tensors x{sampler.uniform({100, 40}), sampler.uniform({40, 100})};
    for (const VectorFunction& f : {VectorFunction([](const Tensors& y) -> Tensors {
                                      const Tensor c = matmul(y[0], y[1]);
                                      return {tanh(c - transpose(c))};
                                    }),
                                    VectorFunction([](const Tensors& y) -> Tensors {
                                      const Tensor c = matmul(y[0], y[1]);
                                      return {c * flip(exp(c), {0})};
                                    })}) {
      CHECK(differences(f, x, compiled(f, x)) == "");
    }
  }

  TEST_CASE("rows in tiles have epilogues too, and the same bits for every number of threads") {
    Sampler sampler(15);
    const Tensors x{sampler.uniform({90, 20}), sampler.uniform({20, 33}), sampler.uniform({33})};
    const VectorFunction f = [](const Tensors& y) -> Tensors { return {softplus(matmul(y[0], y[1]) + y[2])}; };
    const Program program = compiled(f, x, {.tile_rows = 8});
    CHECK(to_text(program).find("for each tile of 8") != std::string::npos);
    CHECK(has_epilogue(program));
    CHECK(differences(f, x, program) == "");
  }

  TEST_CASE("threads share fused groups of all shapes and layouts") {
    Sampler sampler(16);
    const VectorFunction f = [](const Tensors& y) -> Tensors {
      const Tensor z = y[0] * y[1] + y[2];
      return {exp(z), softplus(z) - sigmoid(z), square(y[2] - z)};
    };
    CHECK(differences(f, Tensors(3, sampler.uniform({100003})), compiled(f, Tensors(3, zeros({100003})))) == "");
    const Tensors rows{sampler.uniform({700, 301}), sampler.uniform({301}), transpose(sampler.uniform({301, 700}))};
    CHECK(differences(f, rows, compiled(f, rows)) == "");
    const Tensors columns{sampler.uniform({3, 20000}), sampler.uniform({3, 1}), transpose(sampler.uniform({20000, 3}))};
    CHECK(differences(f, columns, compiled(f, columns)) == "");
    const Tensors planes{sampler.uniform({31, 7, 211}), sampler.uniform({31, 1, 1}),
                         permute(sampler.uniform({211, 31, 7}), {1, 2, 0})};
    CHECK(differences(f, planes, compiled(f, planes)) == "");
  }

  TEST_CASE("a product and its epilogue are one step") {
    const Tensors x{ones({6, 4}), ones({4, 5})};
    const auto f = [](const Tensors& y) -> Tensors { return {tanh(matmul(y[0], y[1]))}; };
    CHECK(compiled(f, x).profile(x, 2).find("us in 1 steps") != std::string::npos);
  }
}

}  // namespace
}  // namespace brenier::testing
