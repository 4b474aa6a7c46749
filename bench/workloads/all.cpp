#include "bench/workloads/workload.h"

namespace brenier::bench {

const std::vector<Workload>& workloads() {
  static const std::vector<Workload> list = [] {
    std::vector<Workload> all;
    add_operations(all);
    add_potentials(all);
    add_flows(all);
    add_transport(all);
    add_couplings(all);
    add_gradient_networks(all);
    add_inversion(all);
    add_products(all);
    add_matrices(all);
    add_sinkhorn(all);
    add_stream(all);
    return all;
  }();
  return list;
}

}  // namespace brenier::bench
