#!/usr/bin/env bash
# Unpacks a folder of archives NAME.tar.zst, each holding a folder NAME/ of files.
#
#   unpack-archives.sh FROM TO
#
# An archive that is already in TO, unchanged in size and time, is left alone; an interrupted
# unpacking leaves nothing half done. Exit codes: 0 done, 1 failed, 2 usage.
set -euo pipefail

if [[ ${1:-} == --one ]]; then
  archive=$2 to=$3
  name=$(basename "$archive" .tar.zst)
  stamp=$(stat -L -c '%s %Y' "$archive")
  [[ ! -d $to/$name || $(cat "$to/.$name.stamp" 2>/dev/null) != "$stamp" ]] || exit 0
  part=$to/.$name.part
  rm -rf "$part"
  mkdir -p "$part"
  # Long window: such archives are packed with zstd --long.
  tar --no-same-owner -I 'zstd -d -q --long=27' -xf "$archive" -C "$part"
  [[ -d $part/$name ]] || { echo "unpacking $archive: no folder $name/ inside" >&2; exit 1; }
  rm -rf "${to:?}/$name"
  mv "$part/$name" "$to/$name"
  rm -rf "$part"
  echo "$stamp" >"$to/.$name.stamp"
  exit 0
fi

if (($# != 2)) || [[ ! -d $1 ]]; then
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2
  exit 2
fi
mkdir -p "$2"
# shellcheck disable=SC2016  # the inner shell expands these
find -L "$1" -maxdepth 1 -name '*.tar.zst' -print0 \
  | xargs -0 -r -n 1 -P "$(nproc)" sh -c 'exec "$0" --one "$2" "$1"' "${BASH_SOURCE[0]}" "$2"
