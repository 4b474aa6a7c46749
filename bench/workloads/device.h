// Where the workloads run: `--device NAME` on the command line of brenier_worker and brenier_bench.
#pragma once

namespace brenier::bench {

// Makes the device named after --device the default and takes both words out of the arguments. Without them the CPU
// stays. Ends the program with status 2 and a sentence for a name that is none, 3 where there is no such device.
void choose_device(int& argc, char** argv);

// Whether it is the CPU, the device that the bounds of bench/peaks.h are about.
bool on_cpu();

// Waits until the device has done what it was given.
void finish_device();

}  // namespace brenier::bench
