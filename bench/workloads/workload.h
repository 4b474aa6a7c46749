// The workloads: what this project wants to be fast at, listed once for brenier_bench and brenier_worker.
//
//   a        what an operation costs by itself
//   b        an input-augmented ICNN, its gradient, Hessian product and double backward, in four sizes
//   c        a training step of a convex potential flow
//   d        a training step of a monotone gradient network through Sinkhorn iterations
//   m        a training step of a monotone gradient network by the Sinkhorn divergence
//   e        a training step of an input-convex gradient network
//   inversion of gradient maps, row by row
//   gemm     matrix products in the shapes of these
//   linalg   factorisations of many small matrices
//   sinkhorn the divergence of two clouds with its gradient, 100 iterations
//   stream   a long elementwise chain in main memory
//
// Names are paths, GROUP/VARIANT/OPERATION, for example b1/gaussian/double_backward.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/workloads/bound.h"
#include "engine/program/program.h"
#include "engine/tensor.h"

namespace brenier::bench {

using Tensors = std::vector<Tensor>;

// A workload with its data, in one of its two forms.
struct Prepared {
  std::function<Tensors()> run;     // one call
  std::function<Tensors()> values;  // what peers must agree on, from a fresh start; empty: the results of run()
  std::size_t arena_bytes = 0;      // of a program
};

struct Workload {
  std::string name;
  Work work;                           // the least, per call
  double operations = 1;               // a peer's time and ours are divided by it
  std::function<Prepared()> eager;     // either may be empty
  std::function<Prepared()> compiled;  // preparing compiles
  bool has_peers = true;               // false: brenier_bench only
};

const std::vector<Workload>& workloads();

// The form that stands for Brenier in a comparison: compiled where there is such a form.
inline const std::function<Prepared()>& best_form(const Workload& workload) {
  return workload.compiled ? workload.compiled : workload.eager;
}

// Called by workloads().
void add_operations(std::vector<Workload>& list);
void add_potentials(std::vector<Workload>& list);
void add_flows(std::vector<Workload>& list);
void add_transport(std::vector<Workload>& list);
void add_couplings(std::vector<Workload>& list);
void add_gradient_networks(std::vector<Workload>& list);
void add_inversion(std::vector<Workload>& list);
void add_products(std::vector<Workload>& list);
void add_matrices(std::vector<Workload>& list);
void add_sinkhorn(std::vector<Workload>& list);
void add_stream(std::vector<Workload>& list);

}  // namespace brenier::bench
