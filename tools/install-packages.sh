#!/usr/bin/env bash
# Installs the Debian packages that building and running sujip needs (Debian 12 and 13).
#
#   install-packages.sh [--only-build] [--with-tests] [--with-lint] [--list]
#
#   --only-build   only what compiling needs (a container image, say)
#   --with-tests   also what ./test needs
#   --with-lint    also clang-format, clang-tidy and shellcheck
#   --list         print the packages and whether they are installed; install nothing
#
# Nothing missing: returns at once and needs no rights. Otherwise root, or sudo. No service is
# started or left enabled by it, and no PostgreSQL cluster is created.
# Exit codes: 0 all there, 1 installing failed, 2 usage.
set -euo pipefail

# "a|b": the first that the distribution has. Debian 12 has several Boost versions, its default too
# old for us; Debian 13 has newer compilers and Java.
build=(
  ca-certificates cmake ninja-build g++ ccache pkg-config mold zstd
  'libboost1.81-dev|libboost-dev' libcurl4-openssl-dev
  librdkafka-dev libpq-dev libsimdjson-dev librocksdb-dev libyaml-cpp-dev
  libjemalloc-dev libzstd-dev libssl-dev libxxhash-dev
  libcli11-dev libspdlog-dev libfmt-dev prometheus-cpp-dev zlib1g-dev
)
run=(
  'openjdk-17-jre-headless|openjdk-21-jre-headless|default-jre-headless' maven
  postgresql python3 python3-aiohttp python3-yaml tzdata
)
tests=(
  libgtest-dev libgmock-dev librapidcheck-dev libbenchmark-dev kcat prometheus
  prometheus-alertmanager docker-compose python3-psycopg2 python3-jsonschema python3-pytest
  python3-confluent-kafka
)
lint=('clang-format-16|clang-format-19|clang-format' 'clang-tidy-16|clang-tidy-19|clang-tidy' shellcheck)
# Packages whose service Debian starts and enables. We want the programs only.
services=(prometheus prometheus-alertmanager)

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; }
die() { echo "install-packages: $*" >&2; exit 1; }

wanted=("${build[@]}" "${run[@]}")
list=0
for option in "$@"; do
  case $option in
    --only-build) wanted=("${build[@]}") ;;
    --with-tests) wanted+=("${tests[@]}") ;;
    --with-lint) wanted+=("${lint[@]}") ;;
    --list) list=1 ;;
    -h|--help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

if ! command -v dpkg-query >/dev/null; then
  echo "install-packages: not a Debian system; make sure that you have the like of:" >&2
  echo "  ${wanted[*]}" >&2
  exit 0
fi

# Fills `missing` with the entries of `wanted` of which no alternative is installed.
find_missing() {
  local -A installed=()
  local name state entry alternative names
  IFS=$' |' read -ra names <<<"${wanted[*]}"
  # One query for everything: this runs at every start.
  while read -r name state; do
    [[ $state != installed ]] || installed[$name]=1
  done < <(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${names[@]}" 2>/dev/null || true)
  missing=()
  for entry in "${wanted[@]}"; do
    local found=
    for alternative in ${entry//|/ }; do
      if [[ -n ${installed[$alternative]:-} ]]; then found=$alternative; break; fi
    done
    [[ -n $found ]] || missing+=("$entry")
    ((!list)) || echo "${found:-$entry} ${found:+installed}"
  done
}

find_missing
((!list)) || exit 0
((${#missing[@]})) || exit 0

if ((EUID != 0)); then
  command -v sudo >/dev/null || die "missing ${missing[*]}: run this as root, or install sudo"
  echo "install-packages: asking for root rights to install ${missing[*]}" >&2
  exec sudo -- bash "${BASH_SOURCE[0]}" "$@"
fi

apt_get() {
  env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -y -qq \
    -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 "$@"
}

policy=/usr/sbin/policy-rc.d
policy_saved=$policy.before-sujip
no_cluster=/etc/postgresql-common/createcluster.d/sujip-no-cluster.conf
fresh_services=()

# While packages unpack: no service starts (policy-rc.d is Debian's own switch for it), and
# PostgreSQL makes no cluster. Both are taken back, also after a failure or an interrupted run.
hold_services() {
  local service
  for service in "${services[@]}"; do
    dpkg-query -W -f '${db:Status-Status}' "$service" 2>/dev/null | grep -qx installed \
      || fresh_services+=("$service")
  done
  trap release_services EXIT
  if [[ ! -e $policy_saved && -e $policy ]]; then mv "$policy" "$policy_saved"; fi
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  mkdir -p "${no_cluster%/*}"
  echo 'create_main_cluster = false' >"$no_cluster"
}

release_services() {
  rm -f "$policy" "$no_cluster"
  [[ ! -e $policy_saved ]] || mv "$policy_saved" "$policy"
  local service
  for service in "${fresh_services[@]}"; do
    systemctl disable --quiet "$service.service" 2>/dev/null || true
  done
}

log=$(mktemp /tmp/sujip-packages.XXXXXX)
echo "install-packages: installing ${missing[*]}" >&2
apt_get update >"$log" 2>&1 || { tail -n 20 "$log" >&2; die "apt-get update failed"; }

choose() { # prints the first alternative of $1 that can be installed
  local alternative candidate
  for alternative in ${1//|/ }; do
    candidate=$(apt-cache policy "$alternative" | sed -n 's/^ *Candidate: //p')
    if [[ -n $candidate && $candidate != '(none)' ]]; then
      echo "$alternative"
      return
    fi
  done
  return 1
}

packages=()
for entry in "${missing[@]}"; do
  packages+=("$(choose "$entry")") || die "this distribution has none of ${entry//|/, }"
done
hold_services
apt_get install --no-install-recommends "${packages[@]}" >>"$log" 2>&1 \
  || { tail -n 30 "$log" >&2; die "apt-get install failed, see $log"; }
rm -f "$log"
