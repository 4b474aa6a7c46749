#!/bin/sh
# Checks that every .cpp and .cu file is named in the CMakeLists.txt of its room or of a folder between, by its path
# from there. A file that nobody lists is neither compiled nor tested, and nothing else would say so. Exit status 1 if
# one is missing.
set -eu
cd "$(dirname "$0")/.."
status=0
count=0
# listed FILE FOLDER: whether the CMakeLists.txt of the folder names the file.
listed() {
  [ -e "$2/CMakeLists.txt" ] || return 1
  pattern=$(printf '%s\n' "${1#"$2"/}" | sed 's/[.]/[.]/g')
  grep -qE "(^|[[:space:](])$pattern([[:space:])]|\$)" "$2/CMakeLists.txt"
}
for room in engine solvers models experiments tests bench; do
  for file in $(find "$room" \( -name '*.cpp' -o -name '*.cu' \) -not -path 'tests/consumer/*' | sort); do
    count=$((count + 1))
    folder=$(dirname "$file")
    until listed "$file" "$folder" || [ "$folder" = "$room" ]; do folder=$(dirname "$folder"); done
    if ! listed "$file" "$folder"; then
      echo "$file is not in $room/CMakeLists.txt or one below"
      status=1
    fi
  done
done
echo "$count source files checked"
exit $status
