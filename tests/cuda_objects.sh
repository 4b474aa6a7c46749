#!/bin/sh
# Reads what nvcc made of the kernels, without a GPU. usage: cuda_objects.sh OBJECT...
#
# For the kernels that tests/cuda/hot_kernels.txt names, and for each architecture in the objects: no more stack than
# the list allows, so that no register is spilled; the instructions that the kernel was written for, and no more than
# the list allows of those that make it wait; and a table of registers, shared memory and occupancy. The occupancy is that of sm_90: 65,536 registers, handed out to warps by 256,
# 2,048 threads, 32 blocks and 228 KiB of shared memory, of which each block takes one KiB more than it asks for.
#
# Exit status 1 if something is not as listed or a line of the list names no kernel; 77 where there is no cuobjdump. It
# is looked for in $CUOBJDUMP, on the PATH, and beside nvcc.
set -eu
list=$(dirname "$0")/cuda/hot_kernels.txt
if [ $# -eq 0 ]; then
  echo "usage: $0 OBJECT..." >&2
  exit 2
fi

beside_nvcc=$(dirname "$(command -v nvcc || echo nvcc)")/cuobjdump
cuobjdump=${CUOBJDUMP:-$(command -v cuobjdump || echo "$beside_nvcc")}
if ! command -v "$cuobjdump" >/dev/null || ! command -v c++filt >/dev/null; then
  echo "cuobjdump or c++filt is not installed: what the kernels became was not checked"
  exit 77
fi
PATH=$(dirname "$cuobjdump"):$PATH  # cuobjdump starts nvdisasm

# Lines of words: `usage ARCH KERNEL REGISTERS STACK SHARED` and `does ARCH KERNEL INSTRUCTION TIMES`, with mangled
# names.
facts() {
  "$cuobjdump" --dump-resource-usage "$1" >"$scratch/usage"
  grep -qE "$listed" "$scratch/usage" || return 0  # to disassemble all would take a minute
  awk '
    $1 == "arch" { arch = $3 }
    $1 == "Function" { sub(/:$/, "", $2); kernel = $2 }
    /REG:/ {
      for (i = 1; i <= NF; ++i) { split($i, part, ":"); value[part[1]] = part[2] }
      print "usage", arch, kernel, value["REG"], value["STACK"], value["SHARED"]
    }' "$scratch/usage"
  "$cuobjdump" -sass "$1" | awk '
    $1 == "code" { arch = $3 }
    $1 == "Function" { kernel = $3 }
    $1 ~ /^\/\*[0-9a-f]+\*\/$/ {
      name = $2 ~ /^@/ ? $3 : $2
      ++times[arch " " kernel " " name]
    }
    END { for (key in times) print "does", key, times[key] }'
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
listed=$(sed -n 's/^\([a-z0-9_]*\)<.*/\1/p' "$list" | sort -u | paste -s -d '|')
for object in "$@"; do facts "$object"; done >"$scratch/facts"
awk '{ print $3 }' "$scratch/facts" | c++filt >"$scratch/names"

# The names of the second file go with the lines of the third.
awk -v list="$list" -v names="$scratch/names" '
  function trimmed(text) { gsub(/^ +| +$/, "", text); return text }
  function complain(what) { print what; status = 1 }
  function smaller(a, b) { return a < b ? a : b }
  # Blocks per multiprocessor of sm_90.
  function blocks_at_once(registers, shared, threads,   warps, by_registers) {
    warps = int((threads + 31) / 32)
    by_registers = int(65536 / (int((registers * 32 + 255) / 256) * 256 * warps))
    return smaller(smaller(32, int(2048 / threads)), smaller(by_registers, int(228 * 1024 / (shared + 1024))))
  }
  # How often instructions occur that match a pattern, up to a dot or the end.
  function times(key, pattern,   names, n, i, sum) {
    n = split(does[key], names, " ")
    for (i = 1; i <= n; ++i) if (names[i] ~ "^(" pattern ")([.]|$)") sum += count_of[key, names[i]]
    return sum + 0
  }
  # Without namespaces, the types of enumerators, and parameters.
  function short_name(name) {
    gsub(/\(anonymous namespace\)::|brenier::cuda::|_GLOBAL__N__[0-9a-zA-Z_]*::|^void /, "", name)
    gsub(/\([A-Za-z]+\)/, "", name)
    sub(/\(.*/, "", name)
    return name
  }
  BEGIN {
    while ((getline line <list) > 0) {
      if (line ~ /^ *(#|$)/) continue
      split(line, field, "|")
      pattern[++count] = trimmed(field[1]); threads[count] = trimmed(field[2]); dynamic[count] = trimmed(field[3])
      stack[count] = trimmed(field[4]) + 0; needed[count] = trimmed(field[5]); only_on[count] = trimmed(field[6])
    }
  }
  {
    getline name <names
    key = $2 SUBSEP short_name(name)
  }
  $1 == "usage" { registers[key] = $4; stack_of[key] = $5; shared[key] = $6 }
  $1 == "does" { does[key] = does[key] " " $4; count_of[key, $4] = $5 }
  END {
    printf "%-52s %-7s %9s %7s %6s %8s %7s %10s\n", "kernel", "arch", "registers", "shared", "stack", "threads",
      "blocks", "occupancy"
    for (i = 1; i <= count; ++i) {
      found = 0
      for (key in registers) {
        split(key, part, SUBSEP)
        if (part[2] !~ "^" pattern[i] || (only_on[i] != "" && part[1] != only_on[i])) continue
        ++found; ++checked
        name = part[2]
        # What sm_90 reports includes the KiB that each block takes for the system.
        own = shared[key] - (part[1] ~ /^sm_9/ ? 1024 : 0)
        bytes = (own > 0 ? own : 0) + dynamic[i]
        blocks = blocks_at_once(registers[key], bytes, threads[i])
        printf "%-52s %-7s %9d %7d %6d %8d %7d %8.0f %%\n", name, part[1], registers[key], bytes, stack_of[key],
          threads[i], blocks, 100 * blocks * threads[i] / 2048 | "sort"
        if (stack_of[key] + 0 > stack[i])
          complain(name " for " part[1] " has " stack_of[key] " bytes of stack, allowed are " stack[i])
        if (blocks == 0) complain(name " for " part[1] " does not fit a multiprocessor")
        n = split(needed[i], wanted, " ")
        for (k = 1; k <= n; ++k) {
          split(wanted[k], item, "<=")
          occurs = times(key, item[1])
          if (item[2] == "" && !occurs) complain(name " for " part[1] " has no instruction " item[1])
          if (item[2] != "" && occurs > item[2] + 0) complain(name " for " part[1] " has " occurs " times " item[1])
        }
      }
      if (!found) complain("no kernel matches " pattern[i])
    }
    close("sort")
    print checked + 0 " kernels checked"
    exit status
  }' "$scratch/facts"
