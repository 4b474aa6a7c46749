#!/bin/sh
# Checks that a room of the house includes only rooms below it:
#
#   experiments > models > solvers > engine        inside the engine: autodiff > ops > tape, tensor, shape; cpu alone
#
# Tests and benches may include everything. The library includes nobody else's headers, only the standard library and
# the compiler's intrinsics. Prints each offence as file:line; exit status 1 if there is one.
set -eu
cd "$(dirname "$0")/.."
grep -rnE '^[[:space:]]*#[[:space:]]*include' engine models solvers experiments --include='*.h' --include='*.cpp' |
  awk -F: '
    BEGIN {
      allowed["experiments"] = "^(experiments|models|solvers|engine)/"
      allowed["models"] = "^(models|solvers|engine)/"
      allowed["solvers"] = "^(solvers|engine)/"
      allowed["engine"] = "^engine/"
      # By folder, what it may not include although its room may.
      forbidden["engine/ops"] = "^engine/(autodiff|print|brenier)[.]|^engine/(cpu|cuda|program)/"
      forbidden["engine/cpu"] = "^engine/(autodiff|print|brenier|tape|op|ops)[.]|^engine/(cuda|program)/"
      forbidden["models"] = forbidden["solvers"] = forbidden["experiments"] = "^engine/(cpu|cuda)/"
    }
    {
      room = folder = $1
      sub("/.*", "", room)
      sub("/[^/]*$", "", folder)
      ours = $3 ~ /include *"/
      target = $3
      gsub(/^[^"<]*["<]|[">].*$/, "", target)
      if (ours) bad = target !~ allowed[room] || (folder in forbidden && target ~ forbidden[folder])
      else bad = room != "experiments" && target ~ /[.\/]/ && target !~ /^(immintrin|arm_neon)[.]h$/
      if (bad) { print $1 ":" $2 ": " folder " may not include " target; offences = 1 }
    }
    END { print NR " includes checked"; exit offences }'
