#!/bin/sh
# Everything that only a GPU can show: tests, sanitizers, repeatability, speed against cuBLAS and PyTorch.
#
# usage: gpu_check.sh [--out DIR] [--build DIR] [--check-options]      normally as ./run gpu-check
#
# Builds the preset release with the CUDA backend, without the shim that stands in for a GPU, in --build (default
# build/gpu), runs the steps at the end of this file, and writes DIR/gpu-CHIP-DATE.json and .md (default bench/results).
# A step that fails does not stop the next ones. Exit status: 1 if a step failed, 2 for a wrong command line, 3 where
# there is no GPU or no nvcc.
set -u
cd "$(dirname "$0")/.." || exit 1

refuse() { printf 'gpu-check: %s\n' "$1" >&2; exit "$2"; }
is_command() { command -v "$1" >/dev/null 2>&1; }

out=bench/results
build=build/gpu
only_check=
while [ $# -gt 0 ]; do
  case $1 in
    --out | --build)
      [ $# -ge 2 ] && [ -n "$2" ] || refuse "$1 needs a folder" 2
      if [ "$1" = --out ]; then out=$2; else build=$2; fi
      shift
      ;;
    --check-options) only_check=yes ;;  # for ./run, before it installs anything
    *) refuse "there is no option '$1'; there are --out DIR and --build DIR" 2 ;;
  esac
  shift
done
[ ! -e "$out" ] || [ -d "$out" ] || refuse "$out is not a folder" 2

chip=$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | head -n 1)
[ -n "$chip" ] || refuse "no CUDA device: nvidia-smi names none" 3
is_command nvcc || refuse "nvcc is not on the PATH; it comes with the CUDA toolkit" 3
[ -z "$only_check" ] || exit 0

mkdir -p "$out" build || exit 1
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
# The Python that has PyTorch, as in bench/compare.py; $PYTHON names another.
own=build/peers/bin/python
python=${PYTHON:-$([ -x "$own" ] && echo "$own" || echo python3)}
failed=0
skipped=77

# step NAME COMMAND...: runs it and notes how it went; status 77 means skipped, and the last line printed says why.
step() {
  name=$1
  shift
  printf '\n=== %s\n' "$name"
  start=$(date +%s)
  { "$@" 2>&1; echo $? >"$scratch/status"; } | tee "$scratch/log"
  status=$(cat "$scratch/status")
  note=$(tail -n 1 "$scratch/log" | tr '\t\r' '  ')
  case $status in
    0) result=passed note= ;;
    "$skipped") result=skipped ;;
    *) result=failed failed=$((failed + 1)) ;;
  esac
  printf '%s\t%s\t%s\t%s\n' "$name" "$result" $(($(date +%s) - start)) "$note" >>"$scratch/steps.tsv"
  printf -- '--- %s: %s\n' "$name" "$result"
}

compile() {
  if is_command ninja; then export CMAKE_GENERATOR="${CMAKE_GENERATOR:-Ninja}"; fi
  cmake --preset release -B "$build" -DBRENIER_CUDA=ON -DBRENIER_CUDA_ON_HOST=OFF \
    >"$scratch/configure.log" 2>&1 || {
    cat "$scratch/configure.log"
    return 1
  }
  cmake --build "$build" --parallel "$(nproc)"
}

suites() { ctest --test-dir "$build" -L '^gpu$' --no-tests=error --output-on-failure; }
# shellcheck disable=SC2046  # a list of words
machine_code() { sh tests/cuda_objects.sh $(find "$build/engine/cuda" -name '*.cu.o'); }

# sanitize TOOL: the values of all operations, and the kernels for matrix products and reductions.
sanitize() {
  if ! is_command compute-sanitizer; then
    echo "compute-sanitizer is not installed; it comes with the CUDA toolkit"
    return $skipped
  fi
  for files in '*/engine/values_test.cpp' '*/gpu/gemm_test.cu,*/gpu/reduce_test.cu'; do
    BRENIER_DEVICE=cuda compute-sanitizer --tool "$1" --error-exitcode 9 "$build/tests/brenier_tests" \
      "--source-file=$files" || return 1
  done
}

# Equal seeds give equal bits, also where thousands of threads add up.
two_trainings() {
  for i in 1 2; do
    "$build/experiments/icgn_polynomial" --quick --device cuda --seed 1 --quiet --out "$scratch/training$i" || return 1
  done
  cmp "$scratch/training1/model.safetensors" "$scratch/training2/model.safetensors" && echo "the models are equal"
}

benches() { "$build/bench/cuda_bench" --out "$scratch/bench.jsonl"; }

against_torch() {
  if ! "$python" -c 'import torch' 2>/dev/null; then
    echo "PyTorch is not installed: python3 -m venv build/peers && build/peers/bin/pip install torch geomloss"
    return $skipped
  fi
  python3 bench/compare.py --device cuda --rounds 3 --brenier "$build/bench/brenier_worker" \
    --out "$scratch/compare.jsonl"
}

step "build" compile
step "tests" suites
step "machine code" machine_code
step "memcheck" sanitize memcheck
step "racecheck" sanitize racecheck
step "two trainings agree" two_trainings
step "benches" benches
step "against PyTorch" against_torch
step "report" python3 bench/gpu_report.py "$scratch" "$out" "$chip"

printf '\n%d of the steps failed\n' "$failed"
[ "$failed" -eq 0 ]
