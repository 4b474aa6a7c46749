#!/bin/sh
# Runs the commands of the READMEs that finish in seconds: every fenced sh block that directly follows the line
#
#   <!-- tested -->
#
# Each block runs from the root of the repository with `sh -e`, for at most 120 seconds. Prints what failed with its
# output, and a count at the end; exit status 1 if a block failed or if there is none.
set -eu
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for readme in README.md */README.md */*/README.md; do
  [ -e "$readme" ] || continue
  # Writes each marked block to a file named after the README and the line of its fence.
  awk -v prefix="$scratch/$(printf '%s' "$readme" | tr / _)" '
    block != "" && /^```/ { close(block); block = ""; next }
    block != "" { print >> block; next }
    marked && /^```sh/ { block = sprintf("%s:%04d", prefix, NR); printf "" > block }
    { marked = /^<!-- tested -->/ }' "$readme"
done
passed=0
failed=0
for block in "$scratch"/*.md:*; do
  [ -e "$block" ] || break
  if timeout 120 sh -e "$block" >"$scratch/output" 2>&1 </dev/null; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "failed: $(basename "$block")"
    sed 's/^/  $ /' "$block"
    tail -n 20 "$scratch/output" | sed 's/^/  /'
  fi
done
echo "README commands: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
