# shellcheck shell=bash
# Processes that this checkout started, and how to find them again. Sourced by run and tools/*.sh.
#
# A pid file holds "PID START", START being the kernel's start time of that process (field 22 of
# /proc/PID/stat). A pid alone may belong to somebody else after a crash or a reboot; the pair,
# together with a piece of the command line, does not. Nothing else is ever signalled.
#
# Callers hold their locks on fd 9; it is closed for children, who would otherwise keep the lock.

# start_time PID: prints the start time; fails when the process is gone or a zombie.
start_time() {
  local stat='' fields
  # Not $(<file): where the file is gone, bash 5.2 ends the whole shell there under set -e.
  { IFS= read -r -d '' stat <"/proc/$1/stat" || [[ -n $stat ]]; } 2>/dev/null || return 1
  # The name in parentheses may hold anything, so the fields are counted after the last ")".
  read -ra fields <<<"${stat##*) }"
  [[ ${fields[0]} != Z && ${fields[0]} != X ]] || return 1
  echo "${fields[19]}"
}

# command_line PID: the command line with spaces between the arguments.
command_line() { { tr '\0' ' ' <"/proc/$1/cmdline"; } 2>/dev/null; }

# live_process FILE MARK: prints the pid when FILE names a live process whose command line has MARK.
live_process() {
  local pid started
  { read -r pid started <"$1"; } 2>/dev/null || return 1
  [[ $pid =~ ^[0-9]+$ && $(start_time "$pid") == "$started" ]] || return 1
  [[ $(command_line "$pid") == *"$2"* ]] || return 1
  echo "$pid"
}

# remember_process FILE PID: in one step, so that nobody reads half of it.
remember_process() { echo "$2 $(start_time "$2")" >"$1.$BASHPID" && mv "$1.$BASHPID" "$1"; }

# start_process FILE LOG COMMAND...: starts COMMAND in a session of its own, so that neither the end
# of this shell nor Ctrl-C in the terminal reaches it. FILE is written before COMMAND begins: whenever this shell
# is killed, the next one finds the process.
start_process() {
  local file=$1 log=$2
  shift 2
  (remember_process "$file" "$BASHPID" && exec setsid "$@" </dev/null >>"$log" 2>&1) 9>&- &
  local pid=$!
  remember_process "$file" "$pid"
  until [[ $(command_line "$pid") == *"$1"* ]] || ! start_time "$pid" >/dev/null; do sleep 0.01; done
}

# wait_gone PID START SECONDS: fails when that process is still there after so long.
wait_gone() {
  local deadline=$((SECONDS + $3))
  while [[ $(start_time "$1") == "$2" ]]; do
    ((SECONDS < deadline)) || return 1
    sleep 0.05
  done
}

# end_process FILE MARK SECONDS [SIGNAL]: asks the process to end, kills it after SECONDS.
end_process() {
  local pid started
  if pid=$(live_process "$1" "$2"); then
    started=$(start_time "$pid") || started=gone
    kill "-${4:-TERM}" "$pid" 2>/dev/null || true
    if ! wait_gone "$pid" "$started" "$3"; then
      kill -KILL "$pid" 2>/dev/null || true
      wait_gone "$pid" "$started" 10 || return 1
    fi
  fi
  rm -f "$1"
}

# end_session SID MARK: kills what is left of the session that process SID led, as far as the
# command line has MARK. For children whose parent was killed.
end_session() {
  local dir pid stat fields
  for dir in /proc/[0-9]*; do
    pid=${dir#/proc/}
    stat=''
    { IFS= read -r -d '' stat <"$dir/stat" || [[ -n $stat ]]; } 2>/dev/null || continue
    read -ra fields <<<"${stat##*) }"
    [[ ${fields[3]} == "$1" && $(command_line "$pid") == *"$2"* ]] || continue
    kill -KILL "$pid" 2>/dev/null || true
  done
}

# port_open PORT: does something listen on 127.0.0.1:PORT?
port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# wait_port_free PORT SECONDS: a killed process keeps its sockets a moment longer than its pid.
wait_port_free() {
  local deadline=$((SECONDS + $2))
  while port_open "$1"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}
