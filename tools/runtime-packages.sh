#!/usr/bin/env bash
# Prints the Debian packages that hold the shared libraries of a program, one per line.
#
#   runtime-packages.sh PROGRAM
#
# The container image installs exactly these. Exit codes: 0 done, 1 a library is missing or belongs
# to no package, 2 usage.
set -euo pipefail

if (($# != 1)) || [[ ! -x $1 ]]; then
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2
  exit 2
fi

libraries=$(ldd "$1")
if grep -q 'not found' <<<"$libraries"; then
  grep 'not found' <<<"$libraries" >&2
  exit 1
fi
awk '$2 == "=>" && $3 ~ /^\// {print $3}' <<<"$libraries" | while read -r library; do
  real=$(readlink -f "$library")
  # dpkg knows a file by the path it was packed with, which may lack the /usr of today.
  owner=$(dpkg-query -S "$real" 2>/dev/null || dpkg-query -S "${real#/usr}" 2>/dev/null) \
    || { echo "runtime-packages: $real belongs to no package" >&2; exit 1; }
  echo "${owner%%:*}"
done | sort -u
