#!/usr/bin/env bash
# A private PostgreSQL server in a folder, for ./run and for tests.
#
#   postgres-local.sh start     create the cluster if new, start, create the database, return when it serves
#   postgres-local.sh stop      orderly stop; open sessions are ended
#   postgres-local.sh kill      SIGKILL, as a power cut would
#   postgres-local.sh status    one line; exit 0 running, 3 not running
#   postgres-local.sh wipe      stop and remove the folder
#   postgres-local.sh config    print the configuration that start would use
#   postgres-local.sh psql ARGS...   psql on the database
#
# Every command may be repeated. Environment:
#   PG_PORT   25432   127.0.0.1:PG_PORT (no password from this machine, user postgres)
#   PG_DATA   .local/postgres of this checkout
#   PG_NAME   sujip   the database
#   PG_OWNER  postgres   the user that runs the server when this script runs as root
#   PG_BIN            folder of initdb and postgres; default: the newest in /usr/lib/postgresql
#   PG_EXTRA  ""      more lines for the server's configuration, separated by |
# Exit codes: 0 done, 1 failed, 2 usage, 3 not running (status).
#
# PostgreSQL refuses to run as root, and its own user may not be able to enter the checkout (in
# /root, say). The data then live under /var/tmp; PG_DATA/location tells where.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tools/processes.sh
. "$root/tools/processes.sh"

port=${PG_PORT:-25432}
data=${PG_DATA:-$root/.local/postgres}
database=${PG_NAME:-sujip}
owner=${PG_OWNER:-postgres}

die() { echo "postgres: $*" >&2; exit 1; }

[[ $port =~ ^[0-9]+$ ]] || { echo "postgres: PG_PORT=$port is not a port number" >&2; exit 2; }
[[ $database =~ ^[a-z_][a-z0-9_]*$ ]] || { echo "postgres: PG_NAME=$database: use a-z, 0-9, _" >&2; exit 2; }
[[ $data == /* ]] || data=$PWD/$data
[[ $data != *\'* ]] || { echo "postgres: a quote in the path $data" >&2; exit 2; }

find_programs() {
  bin=${PG_BIN:-}
  local dir
  for dir in /usr/lib/postgresql/*/bin; do
    # The glob sorts 15 before 16: the last one wins.
    [[ -n ${PG_BIN:-} || ! -x $dir/initdb ]] || bin=$dir
  done
  [[ -n $bin && -x $bin/initdb ]] || die "no server programs: run tools/install-packages.sh"
}

# Runs a command as the server's user with a clean environment (PGHOST, PGSERVICE and the like of
# the caller would lead elsewhere).
as_owner() {
  local clean=(env -i PATH=/usr/bin:/bin LC_ALL=C.UTF-8 HOME=/ "$@")
  if ((EUID != 0)); then "${clean[@]}"; return; fi
  (cd / && exec setpriv --reuid="$owner" --regid="$(id -g "$owner")" --clear-groups "${clean[@]}")
}

# Sets `place`, the folder that really holds the server's files.
find_place() {
  place=$data
  [[ ! -s $data/location ]] || place=$(<"$data/location")
  cluster=$place/cluster
  log=$place/server.log
  config=$place/server.conf
}

make_place() {
  mkdir -p "$data"
  if ((EUID == 0)); then
    id "$owner" >/dev/null 2>&1 || die "no user $owner: run tools/install-packages.sh or set PG_OWNER"
    if [[ ! -s $data/location ]] && ! as_owner test -x "$data"; then
      echo "/var/tmp/sujip-postgres-$(cksum <<<"$data" | tr -dc 0-9)" >"$data/location"
      echo "postgres: user $owner cannot enter $data; the files are in $(<"$data/location")" >&2
      find_place
      # /var/tmp belongs to everybody: a folder somebody else made there is not ours to use.
      mkdir -m 755 "$place" 2>/dev/null || [[ -O $place && ! -L $place \
        || $(stat -c %U "$place") == "$owner" ]] || die "$place belongs to somebody else"
    fi
    chown "$owner" "$place"
    as_owner test -x "$place" -a -w "$place" || die "user $owner cannot write to $place"
  fi
}

# Prints the postmaster's pid when it is alive and serves this cluster.
running() {
  local pid
  { read -r pid <"$cluster/postmaster.pid"; } 2>/dev/null || return 1
  start_time "$pid" >/dev/null && [[ $(command_line "$pid") == *"$cluster"* ]] || return 1
  echo "$pid"
}

# Waits until no process works in the cluster's folder: backends outlive a killed postmaster for a
# moment, and a second server beside them would destroy the data.
wait_backends_gone() {
  local deadline=$((SECONDS + 30)) link busy=1
  while ((busy)); do
    busy=0
    for link in /proc/[0-9]*/cwd; do
      [[ $(readlink "$link" 2>/dev/null) != "$cluster" ]] || busy=1
    done
    ((!busy)) || { ((SECONDS < deadline)) || return 1; sleep 0.05; }
  done
}

print_config() {
  cat <<P
# Written at every start by tools/postgres-local.sh; change PG_EXTRA instead.
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = ''
max_connections = 64
shared_buffers = 256MB
max_wal_size = 2GB
jit = off
log_timezone = 'UTC'
timezone = 'UTC'
logging_collector = off
log_line_prefix = '%m [%p] '
P
  if [[ -n ${PG_EXTRA:-} ]]; then tr '|' '\n' <<<"$PG_EXTRA"; fi
}

sql() {
  as_owner "$bin/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$port" -U postgres \
    -d postgres -c "$1"
}

launch() {
  wait_backends_gone || die "processes of an earlier server still work in $cluster"
  # A killed postmaster may stay as a zombie and its file would keep the next one from starting.
  rm -f "$cluster/postmaster.pid"
  wait_port_free "$port" 5 || die "port $port is in use by another program: choose another PG_PORT"
  if [[ ! -s $cluster/PG_VERSION || -f $place/creating ]]; then
    touch "$place/creating"
    rm -rf "$cluster"
    as_owner "$bin/initdb" -D "$cluster" -U postgres -A trust -E UTF8 --locale=C.UTF-8 \
      >"$place/initdb.log" 2>&1 || { cat "$place/initdb.log" >&2; die "initdb failed"; }
    rm -f "$place/creating"
  fi
  print_config >"$config"
  chmod 644 "$config"
  as_owner "$bin/pg_ctl" -D "$cluster" -s -w -t 90 -l "$log" -o "-c config_file='$config'" start \
    9>&- >&2 || { tail -n 20 "$log" >&2; die "the server did not start, see $log"; }
}

start() {
  make_place
  exec 9>"$data/lock"
  flock 9
  if running >/dev/null; then
    grep -qx "port = $port" "$config" || die "already running in $place on another port: stop it first"
  else
    launch
  fi
  [[ $(sql "select 1 from pg_database where datname = '$database'") == 1 ]] \
    || sql "create database $database"
  exec 9>&-
  status
}

stop() {
  running >/dev/null || return 0
  as_owner "$bin/pg_ctl" -D "$cluster" -s -w -t 60 -m "$1" stop >&2 || die "the server does not stop, see $log"
}

kill_hard() {
  local pid
  pid=$(running) || return 0
  kill -KILL "$pid"
  wait_backends_gone || die "processes of the server do not end"
}

status() {
  local pid
  pid=$(running) || { echo "postgres: not running in $place"; return 3; }
  echo "postgres: running pid=$pid port=$(sed -n 's/^port = //p' "$config") data=$place"
}

wipe() {
  stop immediate
  rm -rf "$place" "$data"
}

find_place
case ${1:-} in
  start|stop|kill|wipe|psql) find_programs ;;
esac
case ${1:-} in
  start) start ;;
  stop) stop fast ;;
  kill) kill_hard ;;
  status) status ;;
  wipe) wipe ;;
  config) print_config ;;
  psql) shift; exec "$bin/psql" -X -h 127.0.0.1 -p "$port" -U postgres -d "$database" "$@" ;;
  -h|--help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" ;;
  *) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
