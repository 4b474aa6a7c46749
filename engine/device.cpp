// Which devices there are, and which one tensors are made on. See engine/backend.h.
#include <atomic>
#include <stdexcept>

#include "engine/backend.h"
#include "engine/str.h"

namespace brenier {
namespace {

std::atomic<const Backend*>& chosen() {
  static std::atomic<const Backend*> backend = &cpu_backend();
  return backend;
}

}  // namespace

const Backend& default_backend() { return *chosen().load(std::memory_order_acquire); }

void set_default_backend(const Backend& backend) { chosen().store(&backend, std::memory_order_release); }

#if BRENIER_HAS_CUDA
namespace cuda {
const Backend& backend();
}
#endif
#if BRENIER_HAS_CUDA_ON_HOST
namespace cuda_on_host {
const Backend& backend();
}
#endif

const Backend& backend_named(std::string_view name) {
  if (name == "cpu") return cpu_backend();
#if BRENIER_HAS_CUDA
  if (name == "cuda") return cuda::backend();
#endif
#if BRENIER_HAS_CUDA_ON_HOST
  if (name == "cuda-on-host") return cuda_on_host::backend();
#endif
  if (name == "cuda" || name == "cuda-on-host")
    throw std::invalid_argument(
        str("[device] ", name, " was not compiled in; see BRENIER_CUDA in engine/cuda/README.md"));
  throw std::invalid_argument(str("[device] must be cpu, cuda or cuda-on-host, got ", name));
}

}  // namespace brenier
