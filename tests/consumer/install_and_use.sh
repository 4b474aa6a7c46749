#!/bin/sh
# install_and_use.sh BUILD_FOLDER CMAKE CXX: installs the library from a build folder into a scratch prefix, builds the
# project in this folder against it with nothing but the prefix, and checks what that prints. Also compiles all
# installed headers together: none may need a header that is not installed.
set -eu
source_folder=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$2" --install "$1" --prefix "$scratch/prefix" >"$scratch/log"
"$2" -S "$source_folder" -B "$scratch/build" -DCMAKE_PREFIX_PATH="$scratch/prefix" -DCMAKE_CXX_COMPILER="$3" >"$scratch/log"
"$2" --build "$scratch/build" >"$scratch/log" || { cat "$scratch/log"; exit 1; }
printed=$("$scratch/build/consumer")
echo "the consumer prints: $printed"
[ "$printed" = "0.5 0.25" ]

cd "$scratch/prefix/include/brenier"
find . -name '*.h' -not -name '*-inl.h' | sort | sed 's|^[.]/\(.*\)|#include "\1"|' >"$scratch/all.cpp"
"$3" -std=c++20 -fsyntax-only -I. "$scratch/all.cpp"
echo "$(wc -l <"$scratch/all.cpp") installed headers compile"
