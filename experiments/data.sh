#!/bin/sh
# Public data sets, from their authors' addresses into a folder, checked against their published SHA-256.
#
# usage: data.sh [NAME] [--from FOLDER-or-URL] [--to FOLDER]     normally as ./run data
#
# Without NAME: lists the sets. --from takes the files from a folder, or from a mirror that has them under their names,
# instead of the authors' address. --to is where programs look: $BRENIER_DATA, else data. All files of a set are fetched
# into a folder beside and checked before any of them gets its name, so that a set is there or it is not. Exit status: 2 for a
# wrong command line, a file that cannot be had, and one that is not what was published; nothing is left behind then.
#
# DATA_TABLE: a file that replaces the table below, for tests.
set -eu

# SET|FILE|BYTES:SHA-256 of each version that is accepted|ADDRESS of each place, the authors' first
table() {
  if [ -n "${DATA_TABLE:-}" ]; then cat "$DATA_TABLE"; return; fi
  lecun=http://yann.lecun.com/exdb/mnist
  mirror=https://ossci-datasets.s3.amazonaws.com/mnist
  pot=https://raw.githubusercontent.com/PythonOT/POT/3f46a247b174918e24e2e448b21de21bb0037b2c/data
  transfer=https://raw.githubusercontent.com/AwesomeJoey1/ColorTransfer
  cat <<END
mnist|train-images-idx3-ubyte.gz|9912422:440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609 9630610:71524e2cd1ad2968737f7f2f2ff69cbfc32df8ccddff51593f7cb2d4e0eb5b64|$lecun/train-images-idx3-ubyte.gz $mirror/train-images-idx3-ubyte.gz
mnist|train-labels-idx1-ubyte.gz|28881:3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c|$lecun/train-labels-idx1-ubyte.gz $mirror/train-labels-idx1-ubyte.gz
mnist|t10k-images-idx3-ubyte.gz|1648877:8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6|$lecun/t10k-images-idx3-ubyte.gz $mirror/t10k-images-idx3-ubyte.gz
mnist|t10k-labels-idx1-ubyte.gz|4542:f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6|$lecun/t10k-labels-idx1-ubyte.gz $mirror/t10k-labels-idx1-ubyte.gz
fashion-mnist|train-images-idx3-ubyte.gz|26421856:b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7|
fashion-mnist|train-labels-idx1-ubyte.gz|29491:0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056|
fashion-mnist|t10k-images-idx3-ubyte.gz|4422079:cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa|
fashion-mnist|t10k-labels-idx1-ubyte.gz|5125:8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05|
cifar10|cifar-10-binary.tar.gz|170052171:c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd|https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz
photos|ocean_day.jpg|76640:084ae49297ef39834e9ccfbfd8b138aa28db0ad8dc8dd05c1b304598edb1c506|$pot/ocean_day.jpg
photos|ocean_sunset.jpg|131739:616462bfa6f82c1eba1f3395a95aedc4ff57916ea6e9bcc871fe3747f2894dd1|$pot/ocean_sunset.jpg
photos|city_day_trondheim.jpg|656947:d097b307ea3ef2b31b2b1054bdc4c9311377a2f9cac012a518eacf9b00c4c245|$transfer/403ef3c519f85acb79df1ec6d8e08c48eda6501d/media/original1.jpg
photos|sunset_sea_noaa.jpg|157894:ce5cc4dc0c44a14265898b0d43c9a5e5064322069ae3b4b30e4e57ab12358d1e|$transfer/72b0bbb9816f1ccaebb2eea8bc68fd86dd871885/media/sunset.jpg
photos|kodim08_city_day.png|788470:ba23983c76b4832ee0e8af0592664756841a16779acd69f792e268fb6d13d6e7|https://r0k.us/graphics/kodak/kodak/kodim08.png
END
}

say() { printf '%s\n' "$*"; }
fail() { printf 'run data: %s\n' "$*" >&2; exit 2; }
is_command() { command -v "$1" >/dev/null 2>&1; }

about() {
  case $1 in
    mnist) say "MNIST, handwritten digits; LeCun, Cortes & Burges" ;;
    fashion-mnist) say "Fashion-MNIST; Zalando SE, from the Debian package dataset-fashion-mnist" ;;
    cifar10) say "CIFAR-10, small colour pictures; Krizhevsky, unpacked to 184 MB" ;;
    photos) say "photographs for recolouring: Python Optimal Transport, NOAA, Kodak, Pxfuel" ;;
    *) say "" ;;
  esac
}

set_names() { table | cut -d '|' -f 1 | uniq; }
files_of() { table | awk -F '|' -v name="$1" '$1 == name'; }

list() {
  say "Data sets (./run data NAME fetches one into $to):"
  for each in $(set_names); do
    bytes=$(files_of "$each" | awk -F '|' '{ split($3, version, ":"); sum += version[1] } END { printf "%.1f", sum / 1e6 }')
    printf '  %-14s %6s MB  %s\n' "$each" "$bytes" "$(about "$each")"
  done
}

sha256() {
  if is_command sha256sum; then sha256sum <"$1"; else shasum -a 256 <"$1"; fi | cut -d ' ' -f 1
}

# is_published FILE VERSIONS: whether it is one of them.
is_published() {
  sum=$(sha256 "$1")
  for version in $2; do
    if [ "${version#*:}" = "$sum" ]; then return 0; fi
  done
  return 1
}

# copy_from PLACE FILE: a local file or an address.
copy_from() {
  case $1 in
    http://* | https://* | file://*)
      if is_command curl; then curl -fsSL --retry 2 -o "$2" "$1" 2>/dev/null
      elif is_command wget; then wget -q -O "$2" "$1"
      else fail "neither curl nor wget is installed; install one, or give --from a folder that has the files"
      fi ;;
    *) cat "$1" >"$2" 2>/dev/null ;;
  esac
}

# fetch FILE VERSIONS PLACES: into the staging folder, from the first place that has it as published.
fetch() {
  problem="no place is known for it"
  for place in $3; do
    if ! copy_from "$place" "$staging/$1"; then
      problem="$place cannot be read"
    elif is_published "$staging/$1" "$2"; then
      return 0
    else
      have=$(wc -c <"$staging/$1")
      want=${2%%:*}
      if [ "$have" -lt "$want" ]; then problem="$place has only $((have)) bytes of $want"
      else problem="$place is not the published file: its SHA-256 is $(sha256 "$staging/$1")"
      fi
    fi
  done
  fail "$name/$1: $problem"
}

# places_of FILE ADDRESSES: those, or the one that --from names.
places_of() {
  case $from in
    '') say "$2" ;;
    *://*) say "${from%/}/$1" ;;
    *) if [ -d "$from/$name" ]; then say "$from/$name/$1"; else say "$from/$1"; fi ;;
  esac
}

clean_up() {
  rm -rf "$staging"
  if [ -n "$new_folder" ]; then rmdir "$new_folder" 2>/dev/null || :; fi  # stays if there is something in it
}

get() {
  target=$to/$name
  if [ -d "$target/cifar-10-batches-bin" ]; then say "$target/cifar-10-batches-bin is there already"; return; fi
  new_folder=
  [ -d "$to" ] || new_folder=$to
  mkdir -p "$to" 2>/dev/null || fail "--to: the folder $to cannot be made"
  staging=$to/.$name.$$
  trap clean_up EXIT
  trap 'exit 130' INT TERM
  mkdir "$staging" 2>/dev/null || fail "--to: nothing can be written into $to"
  files_of "$name" >"$staging/.table"
  while IFS='|' read -r _ file versions addresses; do
    if [ -e "$target/$file" ] && is_published "$target/$file" "$versions"; then continue; fi
    say "Fetching $file"
    fetch "$file" "$versions" "$(places_of "$file" "$addresses")"
  done <"$staging/.table"
  for archive in "$staging"/*.tar.gz; do
    [ -e "$archive" ] || continue
    tar -xzf "$archive" -C "$staging" || fail "$archive cannot be unpacked"
    rm "$archive"
  done
  mkdir -p "$target"
  for file in "$staging"/*; do
    if [ -e "$file" ]; then mv -f "$file" "$target/"; fi
  done
  say "$name is in $target"
}

name=
from=
to=${BRENIER_DATA:-data}
while [ $# -gt 0 ]; do
  case $1 in
    --from | --to)
      if [ $# -lt 2 ] || [ -z "$2" ]; then fail "$1 needs a value"; fi
      if [ "$1" = --from ]; then from=$2; else to=$2; fi
      shift
      ;;
    -*) fail "there is no option '$1'; there are --from FOLDER-or-URL and --to FOLDER" ;;
    *) [ -z "$name" ] || fail "one data set at a time: '$name' or '$1'"; name=$1 ;;
  esac
  shift
done
to=${to%/}
if [ -z "$name" ]; then
  [ -z "$from" ] || fail "--from needs the NAME of a data set"
  list
  exit
fi
set_names | grep -qxF -e "$name" || fail "there is no data set '$name'; ./run data lists them"
case $from in
  '' | *://*) ;;
  *) [ -d "$from" ] || fail "--from: there is no folder '$from'" ;;
esac
if [ "$name" = fashion-mnist ] && [ -z "$from" ]; then
  installed=/usr/share/datasets/fashion-mnist
  [ -d "$installed" ] || fail "fashion-mnist comes from a Debian package: sudo apt-get install dataset-fashion-mnist"
  say "fashion-mnist is in $installed, where programs look for it"
  exit
fi
get
