#!/bin/sh
# Checks that every .cpp file is named in the CMakeLists.txt of its room, by its path from there. A file that nobody
# lists is neither compiled nor tested, and nothing else would say so. Exit status 1 if one is missing.
set -eu
cd "$(dirname "$0")/.."
status=0
count=0
for room in engine solvers models experiments tests bench; do
  for file in $(find "$room" -name '*.cpp' -not -path 'tests/consumer/*' | sort); do
    count=$((count + 1))
    listed=$(printf '%s\n' "${file#"$room"/}" | sed 's/[.]/[.]/g')
    if ! grep -qE "(^|[[:space:](])$listed([[:space:])]|\$)" "$room/CMakeLists.txt"; then
      echo "$file is not in $room/CMakeLists.txt"
      status=1
    fi
  done
done
echo "$count source files checked"
exit $status
