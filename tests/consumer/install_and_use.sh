#!/bin/sh
# install_and_use.sh BUILD_FOLDER CMAKE CXX: installs the library from a build folder into a scratch prefix, builds the
# project in this folder against it with nothing but the prefix, and checks what that prints.
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
