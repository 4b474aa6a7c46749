#!/bin/sh
# Checks that a room of the house includes only rooms below it:
#
#   experiments > models > solvers > engine        inside the engine: autodiff > ops > tape, tensor, shape; cpu and cuda alone
#
# Tests and benches may include everything. The library includes nobody else's headers, only the standard library and
# the compiler's intrinsics, in engine/cuda the CUDA runtime's, and in its shim the system's and the sanitizers'. Prints each offence as file:line; exit status 1 if there is one.
set -eu
cd "$(dirname "$0")/.."
grep -rnE '^[[:space:]]*#[[:space:]]*include' engine models solvers experiments --include='*.h' --include='*.cpp' --include='*.cu' |
  awk -F: '
    BEGIN {
      allowed["experiments"] = "^(experiments|models|solvers|engine)/"
      allowed["models"] = "^(models|solvers|engine)/"
      allowed["solvers"] = "^(solvers|engine)/"
      allowed["engine"] = "^engine/"
      # By folder, what it may not include although its room may.
      forbidden["engine/ops"] = "^engine/(autodiff|print|brenier)[.]|^engine/(cpu|cuda|program|replay)/"
      forbidden["engine/cpu"] = "^engine/(autodiff|print|brenier|tape|op|ops)[.]|^engine/(cuda|program|replay)/"
      cuda = "^engine/((backend|fused|shape|tensor|op_code|memory|str|host_device|philox)[.]h$|ops/[a-z_]+-inl[.]h$|cuda/)"
      only["engine/cuda"] = only["engine/cuda/host"] = cuda
      # By folder, headers of others.
      foreign["engine/cuda"] = "^cuda_runtime[.]h$"
      foreign["engine/cuda/host"] = "^(sys/mman|unistd|ucontext|sanitizer/[a-z_]+)[.]h$"
      forbidden["models"] = forbidden["solvers"] = forbidden["experiments"] = "^engine/(cpu|cuda)/"
    }
    {
      room = folder = $1
      sub("/.*", "", room)
      sub("/[^/]*$", "", folder)
      ours = $3 ~ /include *"/
      target = $3
      gsub(/^[^"<]*["<]|[">].*$/, "", target)
      if (ours) bad = target !~ allowed[room] || (folder in forbidden && target ~ forbidden[folder]) ||
                      (folder in only && target !~ only[folder])
      else bad = room != "experiments" && target ~ /[.\/]/ && target !~ /^(immintrin|arm_neon)[.]h$/ &&
                 !(folder in foreign && target ~ foreign[folder])
      if (bad) { print $1 ":" $2 ": " folder " may not include " target; offences = 1 }
    }
    END { print NR " includes checked"; exit offences }'
