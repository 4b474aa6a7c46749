#!/bin/sh
# ./run data without a network: sets of small files from a folder and from an address that is a file, and all that can be
# wrong with them. Prints the failed checks; exit status 1 if there is one.
# shellcheck disable=SC2016  # what check evaluates
set -u
cd "$(dirname "$0")/../.." || exit 1
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
unset BRENIER_DATA
failures=0

# expect STATUS PATTERN ARGUMENTS...: runs it. Where it fails, a single line on standard error is to match.
expect() {
  status=$1
  pattern=$2
  shift 2
  DATA_TABLE="$scratch/table" sh experiments/data.sh "$@" >"$scratch/output" 2>"$scratch/errors"
  actual=$?
  sentences=$(wc -l <"$scratch/errors")
  if [ "$status" -eq 0 ]; then said=$scratch/output wanted=0; else said=$scratch/errors wanted=1; fi
  if [ "$actual" -ne "$status" ] || [ "$sentences" -ne "$wanted" ] || ! grep -qe "$pattern" "$said"; then
    printf 'data %s: status %s, expected %s and "%s", got:\n' "$*" "$actual" "$status" "$pattern"
    cat "$scratch/output" "$scratch/errors"
    failures=$((failures + 1))
  fi
}
check() {
  if ! eval "$1"; then
    echo "failed: $1"
    failures=$((failures + 1))
  fi
}
sum() { sha256sum <"$1" | cut -d ' ' -f 1; }

mkdir -p "$scratch/origin/small" "$scratch/origin/cifar-10-batches-bin"
printf 'first file' >"$scratch/origin/small/one.gz"
printf 'second' >"$scratch/origin/small/two.gz"
printf 'records' >"$scratch/origin/cifar-10-batches-bin/data_batch_1.bin"
tar -czf "$scratch/origin/cifar.tar.gz" -C "$scratch/origin" cifar-10-batches-bin
cat >"$scratch/table" <<END
small|one.gz|10:$(sum "$scratch/origin/small/one.gz") 4:0000|file://$scratch/origin/small/one.gz
small|two.gz|6:$(sum "$scratch/origin/small/two.gz")|file://$scratch/nowhere/two.gz file://$scratch/origin/small/two.gz
cifar10|cifar.tar.gz|1:$(sum "$scratch/origin/cifar.tar.gz")|
END
to=$scratch/to

expect 0 '^  small ' --to "$to"
expect 2 "there is no data set 'smal'" smal --to "$to"
expect 2 "there is no option '--form'" small --form x
expect 2 "one data set at a time: 'small' or 'cifar10'" small cifar10
expect 2 '--to needs a value' small --to
expect 2 '--from needs the NAME' --from "$scratch"
expect 2 "--from: there is no folder" small --from "$scratch/nowhere" --to "$to"
check '[ ! -e "$to" ]'

# From a folder, or one above it.
expect 0 "small is in $to/small" small --from "$scratch/origin/small" --to "$to"
check 'cmp -s "$to/small/one.gz" "$scratch/origin/small/one.gz" && cmp -s "$to/small/two.gz" "$scratch/origin/small/two.gz"'
rm "$to/small/two.gz"
expect 0 'Fetching two.gz' small --from "$scratch/origin" --to "$to"
check '[ -e "$to/small/two.gz" ] && ! grep -q "Fetching one.gz" "$scratch/output"'
expect 0 "cifar10 is in" cifar10 --from "$scratch/origin" --to "$to"
check '[ "$(cat "$to/cifar10/cifar-10-batches-bin/data_batch_1.bin")" = records ] && [ ! -e "$to/cifar10/cifar.tar.gz" ]'
expect 0 'is there already' cifar10 --from "$scratch/origin" --to "$to"
check '[ "$(ls -A "$to")" = "cifar10
small" ]'
rm -rf "$to"

# From addresses; the second place helps where the first fails.
if command -v curl >/dev/null 2>&1; then
  expect 0 "small is in" small --to "$to"
  check 'cmp -s "$to/small/two.gz" "$scratch/origin/small/two.gz"'
  rm -rf "$to"
  expect 0 "small is in" small --from "file://$scratch/origin/small/" --to "$to"
  rm -rf "$to"
  expect 2 'cannot be read' small --from "file://$scratch/nowhere" --to "$to"
fi

# Wrong and truncated files leave nothing, also where the set was begun.
mkdir -p "$scratch/bad"
cp "$scratch/origin/small/one.gz" "$scratch/bad/one.gz"
printf 'sEcond' >"$scratch/bad/two.gz"
expect 2 'small/two.gz: .* is not the published file: its SHA-256 is' small --from "$scratch/bad" --to "$to"
check '[ ! -e "$to" ]'
printf 'seco' >"$scratch/bad/two.gz"
expect 2 'small/two.gz: .* has only 4 bytes of 6' small --from "$scratch/bad" --to "$to"
check '[ ! -e "$to" ]'
rm "$scratch/bad/two.gz"
expect 2 'small/two.gz: .* cannot be read' small --from "$scratch/bad" --to "$to"
check '[ ! -e "$to" ]'
mkdir -p "$to/small"
printf 'kept' >"$to/small/notes"
expect 2 'cannot be read' small --from "$scratch/bad" --to "$to"
check '[ "$(ls -A "$to/small")" = notes ] && [ "$(ls -A "$to")" = small ]'
printf 'a file' >"$scratch/file"
expect 2 '--to: the folder .* cannot be made' small --from "$scratch/origin" --to "$scratch/file"

# The table of the sets that there are: four sets, each with its size and what it is.
sh experiments/data.sh >"$scratch/output" || failures=$((failures + 1))
check '[ "$(grep -c -E "^  (mnist|fashion-mnist|cifar10|photos) +[0-9.]+ MB  [A-Za-z]" "$scratch/output")" -eq 4 ]' 
[ "$failures" -eq 0 ] && echo "data: all checks passed"
[ "$failures" -eq 0 ]
