#!/bin/sh
# run_snippet.sh PROGRAM EXPECTED: runs the program and compares what it prints with the file EXPECTED, exactly. Where
# there is no such file, success of the program is enough.
set -eu
if [ ! -e "$2" ]; then exec "$1"; fi
printed=$(mktemp)
trap 'rm -f "$printed"' EXIT
"$1" >"$printed"
diff -u --label "the README" --label "the program" "$2" "$printed"
