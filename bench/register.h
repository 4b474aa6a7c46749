// Each family of benches adds itself to Google Benchmark's list. Called by bench/main.cpp, in the order printed.
#pragma once

namespace brenier::bench {

void register_elementwise();
void register_reduce();
void register_matmul();
void register_icnn();
void register_vector_math();
void register_program();

}  // namespace brenier::bench
