// Each family of benches adds itself to Google Benchmark's list. Called by bench/main.cpp, in the order printed.
#pragma once

namespace brenier::bench {

void register_elementwise();
void register_reduce();
void register_vector_math();
void register_workloads();

}  // namespace brenier::bench
