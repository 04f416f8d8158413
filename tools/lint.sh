#!/usr/bin/env bash
# Checks the form of what is written here: C++ with clang-format, shell with shellcheck.
#
#   lint.sh          check
#   lint.sh --fix    let clang-format write the files anew
#
# clang-format 16, because versions differ in what they write: tools/install-packages.sh --with-lint brings
# it on Debian 12. Exit code: 0 all well, 1 something is not, 2 usage, 77 a program or git's list of files is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fix=0
case ${1:-} in
  '') ;;
  --fix) fix=1 ;;
  *) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' tools/lint.sh >&2; exit 2 ;;
esac

for program in clang-format-16 shellcheck; do
  command -v "$program" >/dev/null || { echo "lint: $program is missing: tools/install-packages.sh --with-lint" >&2; exit 77; }
done

git rev-parse --git-dir >/dev/null || { echo "lint: git can't tell which files are ours" >&2; exit 77; }

mapfile -t sources < <(git ls-files '*.cc' '*.h')
if ((fix)); then
  clang-format-16 -i "${sources[@]}"
else
  clang-format-16 --dry-run --Werror "${sources[@]}" || { echo "lint: tools/lint.sh --fix mends that" >&2; exit 1; }
fi
mapfile -t scripts < <(git grep -lE '^#!.*\b(ba)?sh$')
shellcheck -x --severity=warning "${scripts[@]}"
