// Linear algebra, one thread for each matrix, or for each column of right-hand sides: the plain texts in global memory.
// Right for every order, and the yardstick for faster kernels.
//
// Threads step through their work by the grid and have scratch memory each, so that this does not grow with the batch.
#include "engine/cuda/linalg_tasks.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {
namespace linalg {
namespace {

// -- factors --

template <class T>
__global__ void cholesky_tasks(T* out, Matrices<T> matrices, std::int64_t n, std::int64_t tasks, Work<T> work) {
  for (std::int64_t task = thread_in_grid(); task < tasks; task += threads_in_grid()) {
    const Strided<const T> a = matrices.at(task);
    const Strided<T> l{out + task * n * n, n, 1};
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < n; ++j) l.at(i, j) = j <= i ? T(0.5) * (a.at(i, j) + a.at(j, i)) : T(0);
    factor_in_place<1>(l, n, work.mine());
  }
}

template <class T>
__global__ void lu_tasks(T* out, Matrices<T> matrices, std::int64_t n, std::int64_t tasks, Work<T>) {
  for (std::int64_t task = thread_in_grid(); task < tasks; task += threads_in_grid()) {
    const Strided<const T> a = matrices.at(task);
    T* f = out + task * (n + 1) * n;
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < n; ++j) f[i * n + j] = a.at(i, j);
    factor_lu<T>(Strided<T>{f, n, 1}, f + n * n, n);
  }
}

// -- systems --

enum class System { Lower, Upper, Spd, Lu, LuTransposed };

template <class T>
__device__ void exchange_entries(T* b, const Strided<const T>& f, std::int64_t n, bool backwards) {
  for (std::int64_t step = 0; step < n; ++step) {
    const std::int64_t k = backwards ? n - 1 - step : step;
    exchange_rows(b + k, b + static_cast<std::int64_t>(f.at(n, k)), 1, 1);
  }
}

template <class T>
__device__ void solve_column(System system, const Strided<const T>& f, std::int64_t n, T* b, T* reciprocals) {
  for (std::int64_t i = 0; i < n; ++i) reciprocals[i] = T(1) / f.at(i, i);
  const T* const none = nullptr;
  if (system == System::Lu) exchange_entries(b, f, n, false);
  if (system == System::Lower || system == System::Spd) solve_down<1, 1>(f, reciprocals, 0, 0, n, b);
  if (system == System::Lu) solve_down<1, 1>(f, none, 0, 0, n, b);
  if (system == System::LuTransposed) solve_down<1, 1>(f.transposed(), reciprocals, 0, 0, n, b);
  if (system == System::Upper || system == System::Lu) solve_up<1, 1>(f, reciprocals, n, 0, n, b);
  if (system == System::Spd) solve_up<1, 1>(f.transposed(), reciprocals, n, 0, n, b);
  if (system == System::LuTransposed) solve_up<1, 1>(f.transposed(), none, n, 0, n, b);
  if (system == System::LuTransposed) exchange_entries(b, f, n, true);
}

struct SolutionShape {
  std::int64_t n, columns;
  bool inverts;  // right-hand sides are the identity
};

template <class T>
__global__ void solve_tasks(System system, T* out, Matrices<T> factors, Matrices<T> right_sides, SolutionShape shape,
                            std::int64_t tasks, Work<T> work) {
  T *b = work.mine(), *reciprocals = b + shape.n;
  for (std::int64_t task = thread_in_grid(); task < tasks; task += threads_in_grid()) {
    const std::int64_t index = task / shape.columns, column = task % shape.columns;
    for (std::int64_t i = 0; i < shape.n; ++i)
      b[i] = shape.inverts ? T(i == column ? 1 : 0) : right_sides.at(index).at(i, column);
    solve_column(system, factors.at(index), shape.n, b, reciprocals);
    T* to = out + index * shape.n * shape.columns + column;
    for (std::int64_t i = 0; i < shape.n; ++i) to[i * shape.columns] = b[i];
  }
}

// `right_sides` is null for the identity.
void solve_system(const char* op, System system, const KernelCall& call, const Tensor& factor,
                  const Tensor* right_sides) {
  for_output(op, call, [&](auto type) {
    using T = typename decltype(type)::type;
    const Shape batch = batch_shape(call.output);
    const SolutionShape shape{call.output.shape()[-2], call.output.shape()[-1], right_sides == nullptr};
    launch_tasks<T>(op, call.output.size() / shape.n, 2 * shape.n, solve_tasks<T>, system,
                    call.output.mutable_data<T>(), matrices_of<T>(factor, batch),
                    matrices_of<T>(right_sides ? *right_sides : factor, batch), shape);
  });
}

template <class T>
__global__ void spd_inverse_tasks(T* out, Matrices<T> factors, std::int64_t n, std::int64_t tasks, Work<T> work) {
  for (std::int64_t task = thread_in_grid(); task < tasks; task += threads_in_grid()) {
    const Strided<const T> factor = factors.at(task);
    const Strided<T> l{out + task * n * n, n, 1};
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j <= i; ++j) l.at(i, j) = factor.at(i, j);
    T* reciprocals = work.mine();
    for (std::int64_t i = 0; i < n; ++i) reciprocals[i] = T(1) / l.at(i, i);
    invert_factored<1>(l, n, reciprocals, reciprocals + n);
  }
}

// -- determinants and eigenvalues --

enum class Determinant { SpdLog, LuLog, LuSign };

template <class T>
__global__ void determinant_tasks(Determinant what, T* out, Matrices<T> factors, std::int64_t n, std::int64_t tasks,
                                  Work<T>) {
  for (std::int64_t task = thread_in_grid(); task < tasks; task += threads_in_grid()) {
    const Strided<const T> f = factors.at(task);
    if (what == Determinant::LuSign)
      out[task] = sign_of_determinant(f, n);
    else
      out[task] = static_cast<T>((what == Determinant::SpdLog ? 2 : 1) * log_of_diagonal(f, n));
  }
}

void determinants(const char* op, Determinant what, const KernelCall& call, const Tensor& factor) {
  for_output(op, call, [&](auto type) {
    using T = typename decltype(type)::type;
    launch_tasks<T>(op, call.output.size(), 0, determinant_tasks<T>, what, call.output.mutable_data<T>(),
                    matrices_of<T>(factor, batch_shape(factor)), factor.shape()[-1]);
  });
}

template <class T>
__global__ void symmetric_eigen_tasks(T* out, Matrices<T> matrices, std::int64_t n, std::int64_t tasks, Work<T> work) {
  T *matrix = work.mine(), *vectors = matrix + n * n, *rows = vectors + n * n;
  for (std::int64_t task = thread_in_grid(); task < tasks; task += threads_in_grid()) {
    const Strided<const T> a = matrices.at(task);
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < n; ++j) matrix[i * n + j] = T(0.5) * (a.at(i, j) + a.at(j, i));
    symmetric_eigen(EigenWork<T>{matrix, vectors, rows, rows + n, rows + 2 * n, n, n}, rows + 3 * n,
                    out + task * (n + 1) * n);
  }
}

template <class T>
__global__ void tridiagonal_eigen_tasks(T* out, Matrices<T> diagonals, Matrices<T> offdiagonals, std::int64_t m,
                                        std::int64_t tasks, Work<T> work) {
  T* memory = work.mine();
  for (std::int64_t task = thread_in_grid(); task < tasks; task += threads_in_grid()) {
    for (std::int64_t i = 0; i < m; ++i) memory[i] = diagonals.at(task).at(0, i);
    for (std::int64_t i = 0; i + 1 < m; ++i) memory[m + i] = offdiagonals.at(task).at(0, i);
    tridiagonal_eigen(EigenWork<T>{nullptr, memory + 2 * m, memory, memory + m, nullptr, m, 1}, out + task * 2 * m);
  }
}

// -- the table --

// One task for each matrix of the first input that is read, [.., n, n] or with another row.
template <class F>
void for_matrices(const char* op, const KernelCall& call, const Tensor& input, const F& run) {
  for_output(op, call, [&](auto type) {
    using T = typename decltype(type)::type;
    const std::int64_t n = input.shape()[-1];
    run(type, call.output.mutable_data<T>(), matrices_of<T>(input, batch_shape(input)), n,
        element_count(batch_shape(input)));
  });
}

void cholesky_kernel(const KernelCall& call) {
  for_matrices("cholesky", call, *call.inputs[0], [](auto type, auto* out, const auto& in, auto n, auto tasks) {
    using T = typename decltype(type)::type;
    launch_tasks<T>("cholesky", tasks, n, cholesky_tasks<T>, out, in, n);
  });
}

void spd_inverse_kernel(const KernelCall& call) {
  for_matrices("spd_inverse", call, *call.inputs[1], [](auto type, auto* out, const auto& in, auto n, auto tasks) {
    using T = typename decltype(type)::type;
    launch_tasks<T>("spd_inverse", tasks, n * n + n, spd_inverse_tasks<T>, out, in, n);
  });
}

void lu_factor_kernel(const KernelCall& call) {
  for_matrices("lu_factor", call, *call.inputs[0], [](auto type, auto* out, const auto& in, auto n, auto tasks) {
    using T = typename decltype(type)::type;
    launch_tasks<T>("lu_factor", tasks, 0, lu_tasks<T>, out, in, n);
  });
}

void symmetric_eigen_kernel(const KernelCall& call) {
  for_matrices("symmetric_eigen", call, *call.inputs[0], [](auto type, auto* out, const auto& in, auto n, auto tasks) {
    using T = typename decltype(type)::type;
    launch_tasks<T>("symmetric_eigen", tasks, 3 * n * n + 4 * n, symmetric_eigen_tasks<T>, out, in, n);
  });
}

void tridiagonal_eigen_kernel(const KernelCall& call) {
  const Tensor offdiagonal = as_rows(*call.inputs[1]);
  for_matrices("tridiagonal_eigen", call, as_rows(*call.inputs[0]),
               [&](auto type, auto* out, const auto& in, auto m, auto tasks) {
                 using T = typename decltype(type)::type;
                 launch_tasks<T>("tridiagonal_eigen", tasks, 3 * m, tridiagonal_eigen_tasks<T>, out, in,
                                 matrices_of<T>(offdiagonal, batch_shape(offdiagonal)), m);
               });
}

void triangular_solve_kernel(const KernelCall& call) {
  const System system = call.attributes.count == 0 ? System::Lower : System::Upper;
  solve_system("triangular_solve", system, call, *call.inputs[0], call.inputs[1]);
}
void spd_solve_kernel(const KernelCall& call) {
  solve_system("spd_solve", System::Spd, call, *call.inputs[1], call.inputs[2]);
}
void lu_solve_kernel(const KernelCall& call) {
  const System system = call.attributes.count == 0 ? System::Lu : System::LuTransposed;
  solve_system("solve", system, call, *call.inputs[1], call.inputs[2]);
}
void lu_inverse_kernel(const KernelCall& call) { solve_system("inverse", System::Lu, call, *call.inputs[1], nullptr); }
void spd_logdet_kernel(const KernelCall& call) {
  determinants("spd_logdet", Determinant::SpdLog, call, *call.inputs[1]);
}
void lu_logdet_kernel(const KernelCall& call) { determinants("slogdet", Determinant::LuLog, call, *call.inputs[1]); }
void lu_sign_kernel(const KernelCall& call) { determinants("slogdet", Determinant::LuSign, call, *call.inputs[0]); }

}  // namespace
}  // namespace linalg

void add_linear_algebra(std::array<Kernel, kOpCount>& table) {
  const auto set = [&](OpCode code, Kernel kernel) { table[static_cast<std::size_t>(code)] = kernel; };
  set(OpCode::Cholesky, linalg::cholesky_kernel);
  set(OpCode::TriangularSolve, linalg::triangular_solve_kernel);
  set(OpCode::SpdSolve, linalg::spd_solve_kernel);
  set(OpCode::SpdInverse, linalg::spd_inverse_kernel);
  set(OpCode::SpdLogdet, linalg::spd_logdet_kernel);
  set(OpCode::LuFactor, linalg::lu_factor_kernel);
  set(OpCode::LuSolve, linalg::lu_solve_kernel);
  set(OpCode::LuInverse, linalg::lu_inverse_kernel);
  set(OpCode::LuLogdet, linalg::lu_logdet_kernel);
  set(OpCode::LuSign, linalg::lu_sign_kernel);
  set(OpCode::SymmetricEigen, linalg::symmetric_eigen_kernel);
  set(OpCode::TridiagonalEigen, linalg::tridiagonal_eigen_kernel);
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE
