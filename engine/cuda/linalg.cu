// Linear algebra on the device: each operation is an algorithm that a team of threads runs on one matrix, and one kernel
// does what is around it. engine/ops/cholesky.cpp, lu.cpp and eigen.cpp have the definitions.
//
// A block takes as many matrices as it has teams: all its threads read them into its space, the teams work, and all
// threads write the results. The space is shared memory, or global memory for matrices that do not fit. Teams are
// threads for the smallest matrices, then warps, then blocks; where one gives way to the next is not yet measured.
#include <algorithm>

#include "engine/cuda/kernels.h"
#include "engine/cuda/matrix_algorithms.h"
#include "engine/cuda/pack.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {
namespace {

constexpr int kThreadSide = 16, kWarpSide = 64, kThreadTeams = 32, kWarpTeams = 4;
constexpr int kBlock = 256;

// The matrices of an argument: entry (i, j) of each. Where each begins is in the Walk of the call.
template <class T>
struct Source {
  const T* data = nullptr;
  std::int64_t row = 0, col = 0;
};

enum class RightSide { None, Given, Identity };

// What does not depend on the type of numbers. a is n x n, or n + 1 rows if it is a factor of lu(); b is n x cols.
struct MatrixProblem {
  int n = 0, cols = 0;
  int rows_read = 0;                  // of a
  bool symmetric = false;             // a stands for its symmetric part
  RightSide right = RightSide::None;  // what b is before
  bool second_form = false;           // an upper triangle, or a transposed matrix
  MatrixSize a{}, b{}, lists{};       // what a team has space for
  MatrixSize result{};                // its part that is written: of b where there is one, else of a
  __host__ __device__ int space() const { return a.entries() + b.entries() + lists.entries(); }
};

template <class T>
struct MatrixCall {
  MatrixProblem problem;
  Source<T> a, b;
  T* result;
  Walk<2> batch{};
  std::int64_t batches = 0;
  T* space = nullptr;  // null: shared memory
  int teams = 1;       // of a block
};

template <class T>
struct Workspace {
  Entries<T> a, b, lists;
};

// The algorithms.
struct CholeskyFactor {
  template <class Team, class T>
  __device__ static void run(const Workspace<T>& w, const MatrixProblem& p) {
    cholesky<Team>(w.a, p.n);
  }
};
struct Substitution {
  template <class Team, class T>
  __device__ static void run(const Workspace<T>& w, const MatrixProblem& p) {
    substitute<Team>(w.a, p.n, w.b, p.cols, p.second_form ? Direction::Backward : Direction::Forward, false);
  }
};
struct CholeskySolve {
  template <class Team, class T>
  __device__ static void run(const Workspace<T>& w, const MatrixProblem& p) {
    substitute_twice<Team>(w.a, w.a.transposed(), p.n, w.b, p.cols, UnitDiagonal::None);
  }
};
struct LuFactor {
  template <class Team, class T>
  __device__ static void run(const Workspace<T>& w, const MatrixProblem& p) {
    lu<Team>(w.a, p.n);
  }
};
struct LuSolve {
  template <class Team, class T>
  __device__ static void run(const Workspace<T>& w, const MatrixProblem& p) {
    lu_solve<Team>(w.a, p.n, w.b, p.cols, p.second_form);
  }
};
struct DenseEigen {
  template <class Team, class T>
  __device__ static void run(const Workspace<T>& w, const MatrixProblem& p) {
    jacobi_eigen<Team>(EigenSpace<T>{w.a, w.b, w.lists}, p.n);
  }
};

// The space of team `lane` of the block.
template <class Team, class T>
__device__ __forceinline__ Workspace<T> workspace(const MatrixCall<T>& call, int lane) {
  const MatrixProblem& p = call.problem;
  const std::int64_t size = p.space();
  T* base = call.space ? call.space + blockIdx.x * size * call.teams : dynamic_shared<T>();
  const int interleave = Team::kInterleaved ? call.teams : 1;
  base += Team::kInterleaved ? lane : lane * size;
  const auto part = [&](std::int64_t offset, const MatrixSize& matrix) {
    return Entries<T>{base + offset * interleave, matrix.stride() * interleave, interleave};
  };
  return {part(0, p.a), part(p.a.entries(), p.b), part(p.a.entries() + p.b.entries(), p.lists)};
}

// Calls f(matrix, i, j) for all entries of `count` matrices of this size, shared among the block.
template <class F>
__device__ __forceinline__ void for_block_entries(int count, int rows, int cols, const F& f) {
  const int size = rows * cols;
  for (int e = static_cast<int>(threadIdx.x); e < count * size; e += static_cast<int>(blockDim.x))
    f(e / size, e % size / cols, e % size % cols);
}

template <class Team, class T>
__device__ void read_matrices(const MatrixCall<T>& call, std::int64_t first, int count) {
  const MatrixProblem& p = call.problem;
  for_block_entries(count, p.rows_read, p.n, [&](int matrix, int i, int j) {
    const T* const a = call.a.data + call.batch.offsets(first + matrix).of[0];
    const T entry = a[i * call.a.row + j * call.a.col];
    workspace<Team>(call, matrix).a(i, j) = p.symmetric ? (entry + a[j * call.a.row + i * call.a.col]) / 2 : entry;
  });
  if (p.right == RightSide::None) return;
  for_block_entries(count, p.n, p.cols, [&](int matrix, int i, int j) {
    T entry = i == j;
    if (p.right == RightSide::Given)
      entry = call.b.data[call.batch.offsets(first + matrix).of[1] + i * call.b.row + j * call.b.col];
    workspace<Team>(call, matrix).b(i, j) = entry;
  });
}

template <class Team, class T>
__device__ void write_matrices(const MatrixCall<T>& call, std::int64_t first, int count) {
  const MatrixProblem& p = call.problem;
  const int rows = p.result.rows, cols = p.result.cols;
  for_block_entries(count, rows, cols, [&](int matrix, int i, int j) {
    const Workspace<T> w = workspace<Team>(call, matrix);
    const T entry = p.right == RightSide::None ? w.a(i, j) : w.b(i, j);
    call.result[((first + matrix) * rows + i) * cols + j] = entry;
  });
}

template <class Algorithm, class Team, class T>
__global__ void __launch_bounds__(kBlock, 2) run_on_matrices(const __grid_constant__ MatrixCall<T> call) {
  for (std::int64_t first = std::int64_t{blockIdx.x} * call.teams; first < call.batches;
       first += std::int64_t{gridDim.x} * call.teams) {
    const std::int64_t left = call.batches - first;
    const int count = left < call.teams ? static_cast<int>(left) : call.teams;
    read_matrices<Team>(call, first, count);
    __syncthreads();
    if (Team::index() < count) Algorithm::template run<Team>(workspace<Team>(call, Team::index()), call.problem);
    __syncthreads();
    write_matrices<Team>(call, first, count);
    __syncthreads();
  }
}

template <class Algorithm, class Team, class T>
void launch_teams(const char* op, MatrixCall<T>& call, int teams, int threads) {
  call.teams = teams;
  const std::size_t bytes =
      static_cast<std::size_t>(call.problem.space()) * sizeof(T) * static_cast<std::size_t>(teams);
  const bool fits = bytes <= kMostShared;
  const std::int64_t blocks =
      std::min(ceil_div(call.batches, teams), std::int64_t{multiprocessors()} * (fits ? 32 : 2));
  const Scratch scratch(fits ? 0 : bytes * static_cast<std::size_t>(blocks));
  if (!fits) call.space = scratch.data<T>();
  launch({.grid = {static_cast<unsigned>(blocks)},
          .block = {static_cast<unsigned>(threads)},
          .dynamic_shared = fits ? bytes : 0,
          .op = op},
         run_on_matrices<Algorithm, Team, T>, call);
}

template <class Algorithm, class T>
void launch_algorithm(const char* op, MatrixCall<T> call) {
  const MatrixProblem& p = call.problem;
  const std::size_t bytes = static_cast<std::size_t>(p.space()) * sizeof(T);
  if (std::max(p.n, p.cols) <= kThreadSide && bytes * kThreadTeams <= kMostShared)
    return launch_teams<Algorithm, ThreadTeam>(op, call, kThreadTeams, kThreadTeams);
  if (std::max(p.n, p.cols) <= kWarpSide && bytes * kWarpTeams <= kMostShared)
    return launch_teams<Algorithm, WarpTeam>(op, call, kWarpTeams, kWarpTeams * 32);
  launch_teams<Algorithm, BlockTeam>(op, call, 1, kBlock);
}

template <class T>
Source<T> source_of(const Tensor& x) {
  return {x.data<T>(), x.strides()[-2], x.strides()[-1]};
}

// `a` and `b` are inputs of the call; b may be null.
template <class Algorithm>
void for_each_matrix(const char* op, const KernelCall& call, const MatrixProblem& problem, const Tensor& a,
                     const Tensor* b = nullptr) {
  if (call.output.size() == 0) return;
  check_inputs(op, call, call.output.dtype());
  const Shape batch = call.output.shape().part(0, call.output.rank() - 2);
  for_floating(op, call.output.dtype(), [&](auto type) {
    using T = typename decltype(type)::type;
    MatrixCall<T> matrices{.problem = problem, .a = source_of<T>(a), .b = {}, .result = call.output.mutable_data<T>()};
    if (b) matrices.b = source_of<T>(*b);
    matrices.batch = make_walk<2>(batch, {batch_strides(a, batch.rank()), batch_strides(b ? *b : a, batch.rank())});
    matrices.batches = element_count(batch);
    launch_algorithm<Algorithm>(op, matrices);
  });
}

int side_of(const Tensor& a) { return static_cast<int>(a.shape()[-1]); }

// A solve by a factor with `rows` rows more than columns.
MatrixProblem system(const Tensor& factor, const KernelCall& call, RightSide right) {
  const int n = side_of(factor), rows = static_cast<int>(factor.shape()[-2]);
  const int cols = static_cast<int>(call.output.shape()[-1]);
  return {.n = n,
          .cols = cols,
          .rows_read = rows,
          .right = right,
          .second_form = call.attributes.count != 0,
          .a = {rows, n},
          .b = {n, cols},
          .result = {n, cols}};
}

// Matrices [..., n + 1, n] or [..., n, n] that are the whole result.
MatrixProblem factorisation(const KernelCall& call, bool symmetric) {
  const int n = side_of(call.output);
  const MatrixSize size{static_cast<int>(call.output.shape()[-2]), n};
  return {.n = n, .rows_read = n, .symmetric = symmetric, .a = size, .result = size};
}

}  // namespace

void cholesky_kernel(const KernelCall& call) {
  for_each_matrix<CholeskyFactor>("cholesky", call, factorisation(call, true), *call.inputs[0]);
}
void triangular_solve_kernel(const KernelCall& call) {
  const Tensor& t = *call.inputs[0];
  for_each_matrix<Substitution>("triangular_solve", call, system(t, call, RightSide::Given), t, call.inputs[1]);
}
void spd_solve_kernel(const KernelCall& call) {
  const Tensor& l = *call.inputs[1];
  for_each_matrix<CholeskySolve>("spd_solve", call, system(l, call, RightSide::Given), l, call.inputs[2]);
}
void spd_inverse_kernel(const KernelCall& call) {
  const Tensor& l = *call.inputs[1];
  for_each_matrix<CholeskySolve>("spd_inverse", call, system(l, call, RightSide::Identity), l);
}
void lu_factor_kernel(const KernelCall& call) {
  for_each_matrix<LuFactor>("lu_factor", call, factorisation(call, false), *call.inputs[0]);
}
void lu_solve_kernel(const KernelCall& call) {
  const Tensor& f = *call.inputs[1];
  for_each_matrix<LuSolve>("solve", call, system(f, call, RightSide::Given), f, call.inputs[2]);
}
void lu_inverse_kernel(const KernelCall& call) {
  const Tensor& f = *call.inputs[1];
  for_each_matrix<LuSolve>("inverse", call, system(f, call, RightSide::Identity), f);
}
void symmetric_eigen_kernel(const KernelCall& call) {
  MatrixProblem problem = factorisation(call, true);
  problem.b = {problem.n, problem.n};
  problem.lists = {2, problem.n};
  for_each_matrix<DenseEigen>("symmetric_eigen", call, problem, *call.inputs[0]);
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE
