#!/bin/sh
# Checks that the paths a README names exist: every `path/like/this.h` in backquotes and every [text](relative/link),
# seen from the root of the repository or from the folder of the README. Paths with a placeholder (<, *, capital NAME)
# or under build/ and results/, which programs make, are left alone. Exit status 1 if one does not exist.
set -eu
cd "$(dirname "$0")/.."
status=0
count=0
# Outside fenced blocks only: prints one candidate per line.
candidates() {
  awk '
    /^ *```/ { fenced = !fenced; next }
    fenced { next }
    {
      line = $0
      while (match(line, /`[^`]+`|\]\([^)]+\)/)) {
        word = substr(line, RSTART, RLENGTH)
        line = substr(line, RSTART + RLENGTH)
        link = word ~ /^\]/
        gsub(/^`|`$|^\]\(|\)$|#.*$/, "", word)
        if (word ~ /^[A-Za-z0-9_.\/-]+$/ && word !~ /NAME|\/X([.]|$)|^(build|results|\/)/ &&
            (link || word ~ /^(engine|models|solvers|experiments|tests|bench|[.]ci)\//)) print word
      }
    }' "$1"
}
for readme in README.md */README.md */*/README.md; do
  [ -e "$readme" ] || continue
  for path in $(candidates "$readme" | sort -u); do
    count=$((count + 1))
    if [ ! -e "$path" ] && [ ! -e "$(dirname "$readme")/$path" ]; then
      echo "$readme names $path, which does not exist"
      status=1
    fi
  done
done
echo "$count paths checked"
exit $status
