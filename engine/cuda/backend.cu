// The GPU as a device, or, compiled for the host, the CPU that plays one: memory, copies, the table of kernels, and
// recorded sequences of launches.
#include <stdexcept>
#include <vector>

#include "engine/cuda/kernels.h"

namespace brenier::BRENIER_CUDA_NAMESPACE {

namespace {

// What kernels called in this thread ask for while a sequence is recorded; null otherwise.
thread_local std::vector<StoragePtr>* recorded_scratch = nullptr;

class RecordedLaunches : public LaunchSequence {
 public:
  explicit RecordedLaunches(const std::function<void()>& body) : graph_(capture_keeping_scratch(body)) {}
  void run() override { replay(graph_); }

 private:
  LaunchGraph capture_keeping_scratch(const std::function<void()>& body) {
    struct Restore {
      ~Restore() { recorded_scratch = nullptr; }
    } restore;
    recorded_scratch = &scratch_;
    return capture(body);
  }

  std::vector<StoragePtr> scratch_;
  LaunchGraph graph_;
};

std::unique_ptr<LaunchSequence> record(const std::function<void()>& body) {
  return std::make_unique<RecordedLaunches>(body);
}

std::array<Kernel, kOpCount> kernel_table() {
  std::array<Kernel, kOpCount> table = elementwise_kernels();
  const auto set = [&](OpCode code, Kernel kernel) { table[static_cast<std::size_t>(code)] = kernel; };
  set(OpCode::Cast, cast_kernel);
  set(OpCode::Reshape, reshape_kernel);
  set(OpCode::Pad, pad_kernel);
  set(OpCode::Concat, concat_kernel);
  set(OpCode::Sum, sum_kernel);
  set(OpCode::Max, max_kernel);
  set(OpCode::ArgMax, argmax_kernel);
  set(OpCode::MatMul, matmul_kernel);
  set(OpCode::Cholesky, cholesky_kernel);
  set(OpCode::TriangularSolve, triangular_solve_kernel);
  set(OpCode::SpdSolve, spd_solve_kernel);
  set(OpCode::SpdInverse, spd_inverse_kernel);
  set(OpCode::SpdLogdet, spd_logdet_kernel);
  set(OpCode::LuFactor, lu_factor_kernel);
  set(OpCode::LuSolve, lu_solve_kernel);
  set(OpCode::LuInverse, lu_inverse_kernel);
  set(OpCode::LuLogdet, lu_logdet_kernel);
  set(OpCode::LuSign, lu_sign_kernel);
  set(OpCode::SymmetricEigen, symmetric_eigen_kernel);
  set(OpCode::TridiagonalEigen, tridiagonal_eigen_kernel);
  set(OpCode::LogMatVec, log_matvec_kernel);
  set(OpCode::Gather, gather_kernel);
  set(OpCode::ScatterAdd, scatter_add_kernel);
  set(OpCode::TakeAlong, take_along_kernel);
  set(OpCode::ScatterAddAlong, scatter_add_along_kernel);
  set(OpCode::ArgSort, argsort_kernel);
  set(OpCode::RandomUniform, random_uniform_kernel);
  set(OpCode::RandomNormal, random_normal_kernel);
  set(OpCode::RandomRademacher, random_rademacher_kernel);
  set(OpCode::RandomPermutation, random_permutation_kernel);
  return table;
}

}  // namespace

Scratch::Scratch(std::size_t bytes) : storage_(allocate_storage(bytes, backend())) {
  if (recorded_scratch) recorded_scratch->push_back(storage_);
}

const Backend& backend() {
  if (!available()) throw std::invalid_argument("[device] no CUDA device");
  static const Backend instance{.name = BRENIER_CUDA_ON_HOST ? "cuda-on-host" : "cuda",
                                .allocate = allocate,
                                .release = release,
                                .kernels = kernel_table(),
                                .copies = {copy_to_device, copy_to_host},
                                .synchronize = synchronize,
                                .description = device_name,
                                .record = record,
                                .fusible = fusible,
                                .fused_limits = fused_limits(),
                                .prepare = prepare_fused,
                                .runs_epilogues = true};
  return instance;
}

}  // namespace brenier::BRENIER_CUDA_NAMESPACE
