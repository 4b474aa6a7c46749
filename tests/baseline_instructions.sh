#!/bin/sh
# Checks that the library runs on a machine with nothing but the baseline of x86-64: no AVX instruction outside the
# namespaces of the wide instruction sets, which are entered only after asking the processor. Inside isa_avx2 and
# isa_avx512 this concerns what comes from headers: the linker keeps one copy of an inline function, whose it may be.
#
#   baseline_instructions.sh OBJECT...        exit status 1 on an offence, 77 where there is nothing to check
set -eu
case "$(uname -m)" in x86_64) ;; *) echo "skipped: not an x86-64 machine"; exit 77 ;; esac
command -v objdump > /dev/null || { echo "skipped: objdump is missing"; exit 77; }
for object in "$@"; do objdump -d "$object"; done |
  awk -v objects=$# '
    /file format/ { object = $1; sub(/.*\//, "", object) }
    /^[0-9a-f]+ <.*>:$/ { symbol = $2; wide = object ~ /isa_avx/ && symbol ~ /brenier3cpu(4avx2|6avx512)/ }
    {
      # A VEX or EVEX instruction: its name begins with v, or it touches a wide register or a mask.
      split($0, column, "\t")
      if (column[3] ~ /^v[a-z]|%[yz]mm|%k[0-7]/) { if (wide) inside++; else if (!seen[object symbol]++) { print object " " symbol; bad = 1 } }
    }
    END { print objects " objects checked, " inside + 0 " wide instructions, all where they belong: " (bad ? "no" : "yes"); exit bad }'
