#!/usr/bin/env bash
# A private Apache Kafka broker (one KRaft node) in a folder, for ./run and for tests.
#
#   kafka-local.sh fetch     get the broker's jars (once per machine, about 55 MB), and let Java keep what it
#                            learns from them: a broker starts in half of the time then
#   kafka-local.sh start     format the folder if new, start, return when the broker serves
#   kafka-local.sh stop      orderly stop; SIGKILL after 30 s
#   kafka-local.sh kill      SIGKILL, as a power cut would
#   kafka-local.sh status    one line; exit 0 running, 3 not running
#   kafka-local.sh wipe      stop and remove the folder
#   kafka-local.sh properties   print the server.properties that start would use
#   kafka-local.sh tool CLASS ARGS...   one of Kafka's own command line classes
#
# Every command may be repeated. Environment:
#   KAFKA_PORT    29092   127.0.0.1:KAFKA_PORT for clients, KAFKA_PORT+1 for the controller
#   KAFKA_DATA    .local/kafka of this checkout
#   KAFKA_HEAP    1g      most heap the broker may use
#   KAFKA_JVM     ""      more options for the broker's Java, separated by spaces
#   KAFKA_EXTRA   ""      more lines for server.properties, separated by |
#   KAFKA_JARS            folder of jars of an unpacked Kafka 4 (its libs/): nothing is fetched then
# Exit codes: 0 done, 1 failed, 2 usage, 3 not running (status).
set -euo pipefail

# Not newer: 4.2.0 to 4.3.1 forget to end transactions when they are killed (KAFKA-20734). Before a change of
# this number, tests/chaos/broker_crash has to pass.
version=4.1.2
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tools/processes.sh
. "$root/tools/processes.sh"

port=${KAFKA_PORT:-29092}
data=${KAFKA_DATA:-$root/.local/kafka}
heap=${KAFKA_HEAP:-1g}
read -ra jvm <<<"${KAFKA_JVM:-}"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sujip/kafka-$version
jars=${KAFKA_JARS:-$cache/lib}
java=${JAVA_HOME:+$JAVA_HOME/bin/}java

die() { echo "kafka: $*" >&2; exit 1; }

[[ $port =~ ^[0-9]+$ ]] || { echo "kafka: KAFKA_PORT=$port is not a port number" >&2; exit 2; }
[[ $data == /* ]] || data=$PWD/$data
controller=$((port + 1))
properties=$data/server.properties
pid_file=$data/broker.pid
log=$data/broker.log

fetch() {
  [[ -z ${KAFKA_JARS:-} && ! -f $cache/complete ]] || return 0
  command -v mvn >/dev/null || die "mvn not found: run tools/install-packages.sh"
  mkdir -p "$cache"
  exec 9>"$cache/lock"
  flock 9
  if [[ ! -f $cache/complete ]]; then
    echo "kafka: fetching Apache Kafka $version" >&2
    rm -rf "$cache/lib.part"
    cp "$root/tools/kafka/pom.xml" "$cache/pom.xml"
    # A repository of its own: the user's ~/.m2 is neither needed nor filled. Kept on failure, so
    # that the next try goes on where this one stopped.
    mvn --batch-mode --quiet --no-transfer-progress --strict-checksums -f "$cache/pom.xml" \
      -Dmaven.repo.local="$cache/repository" -Dkafka.version=$version \
      org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
      -DincludeScope=runtime -DoutputDirectory="$cache/lib.part" >&2 \
      || die "fetching the jars of Kafka $version failed: is the Maven repository reachable?"
    rm -rf "${cache:?}/lib" "${cache:?}/repository"
    mv "$cache/lib.part" "$cache/lib"
    touch "$cache/complete"
  fi
  exec 9>&-
}

print_properties() {
  cat <<P
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$port
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=$data/log

# One node: one copy of everything.
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=8
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=2

# Topics are made by "sujip topics apply" only. The raw log is kept for good, and so are the
# offsets of its readers: a laptop closed for a month must go on where it stopped (100 years).
auto.create.topics.enable=false
num.partitions=6
log.retention.hours=-1
log.segment.bytes=268435456
offsets.retention.minutes=52560000

# Readers: no wait for more members of a new group, short sessions allowed.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# A dead writer's transaction is looked for every second, not every ten.
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
# After kill -9 a broker waits until its old registration has run out: 3 s instead of 9.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
controlled.shutdown.enable=true

num.network.threads=2
num.io.threads=4
num.recovery.threads.per.data.dir=2
background.threads=4
log.cleaner.threads=1
P
  if [[ -n ${KAFKA_EXTRA:-} ]]; then tr '|' '\n' <<<"$KAFKA_EXTRA"; fi
}

# Java's archive of loaded classes; one of another Java or other jars is ignored by it.
archive=$cache/classes.jsa
mapped() { [[ ! -f $archive || -n ${KAFKA_JARS:-} ]] || echo "-XX:SharedArchiveFile=$archive"; }

make_archive() {
  [[ ! -f $archive && -z ${KAFKA_JARS:-} ]] || return 0
  local place
  place=$(mktemp -d)
  export KAFKA_DATA=$place KAFKA_PORT=$((20000 + RANDOM % 9000)) KAFKA_EXTRA=''
  if KAFKA_JVM="-XX:TieredStopAtLevel=1 -XX:ArchiveClassesAtExit=$place/classes.jsa" "${BASH_SOURCE[0]}" start >/dev/null \
    && "${BASH_SOURCE[0]}" stop && [[ -s $place/classes.jsa ]]; then
    # In one step: a broker that starts at this moment must not map half of it.
    mv "$place/classes.jsa" "$archive.$$" && mv "$archive.$$" "$archive"
  else
    echo "kafka: no archive of classes was made; the broker works without, and starts slower" >&2
  fi
  "${BASH_SOURCE[0]}" wipe
}

format() {
  [[ ! -f $data/log/meta.properties ]] || return 0
  local id=-
  # A cluster id is 16 random bytes in url-safe base64; a leading "-" would look like an option.
  while [[ $id == -* ]]; do
    id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')
  done
  # shellcheck disable=SC2046  # nothing, or one word
  "$java" -Xmx128m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC $(mapped) \
    -Dlog4j2.configurationFile="$root/tools/kafka/log4j2.properties" -cp "$jars/*" \
    kafka.tools.StorageTool format -t "$id" -c "$properties" >"$data/format.log" 2>&1 \
    || { cat "$data/format.log" >&2; die "formatting $data/log failed"; }
}

# Says so when the jars are of a version that is known to lose the ends of transactions.
warn_of_version() {
  local file
  for file in "$jars"/kafka-metadata-4.2.*.jar "$jars"/kafka-metadata-4.3.[01].jar; do
    [[ ! -e $file ]] || echo "kafka: warning: $(basename "$file" .jar) may leave transactions open for good when" \
      "the broker is killed (KAFKA-20734); docs/operating.md says more" >&2
  done
}

running() { live_process "$pid_file" "$properties"; }

launch() {
  local p
  for p in "$port" "$controller"; do
    wait_port_free "$p" 5 || die "port $p is in use by another program: choose another KAFKA_PORT"
  done
  [[ -f $data/log/meta.properties ]] || rm -rf "$data/log"
  print_properties >"$properties"
  format
  [[ ! -f $log ]] || mv "$log" "$log.1"
  ulimit -n "$(ulimit -Hn)" 2>/dev/null || true
  # shellcheck disable=SC2046  # nothing, or one word
  start_process "$pid_file" "$log" "$java" $(mapped) -Xms256m "-Xmx$heap" -XX:+UseG1GC \
    -XX:MaxGCPauseMillis=20 -XX:+ExitOnOutOfMemoryError -Djava.awt.headless=true "${jvm[@]}" \
    -Dlog4j2.configurationFile="$root/tools/kafka/log4j2.properties" -cp "$jars/*" \
    kafka.Kafka "$properties"
}

start() {
  command -v "$java" >/dev/null || die "java not found: run tools/install-packages.sh"
  fetch
  warn_of_version
  mkdir -p "$data"
  exec 9>"$data/lock"
  flock 9
  if running >/dev/null; then
    grep -qF "listeners=PLAINTEXT://127.0.0.1:$port," "$properties" \
      || die "already running in $data on another port: stop it first"
  else
    launch
  fi
  local deadline=$((SECONDS + 90))
  # The port opens a while before the broker serves; this line comes when it does.
  until grep -q 'Kafka Server started' "$log" 2>/dev/null; do
    running >/dev/null || { tail -n 20 "$log" >&2; die "the broker ended while starting, see $log"; }
    ((SECONDS < deadline)) || die "not ready after 90 s, see $log"
    sleep 0.05
  done
  exec 9>&-
  status
}

stop() {
  [[ -d $data ]] || return 0
  end_process "$pid_file" "$properties" 30 "$1" || die "the broker does not end"
}

status() {
  local pid rss ticks
  pid=$(running) || { echo "kafka: not running in $data"; return 3; }
  rss=$(awk '/^VmRSS/ {print $2}' "/proc/$pid/status")
  ticks=$(sed 's/.*) //' "/proc/$pid/stat" | awk '{print $12 + $13}')
  awk -v pid="$pid" -v port="$(sed -n 's/^advertised.listeners=.*://p' "$properties" | head -n 1)" \
    -v rss="$rss" -v cpu="$ticks" -v hz="$(getconf CLK_TCK)" -v data="$data" 'BEGIN {
      printf "kafka: running pid=%s port=%s rss_mb=%d cpu_s=%.1f data=%s\n",
             pid, port, rss / 1024, cpu / hz, data }'
}

case ${1:-} in
  fetch) fetch; make_archive ;;
  start) start ;;
  stop) stop TERM ;;
  kill) stop KILL ;;
  status) status ;;
  wipe) stop TERM; rm -rf "$data" ;;
  properties) print_properties ;;
  tool) shift; fetch; exec "$java" -Xmx256m -cp "$jars/*" "$@" ;;
  -h|--help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" ;;
  *) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
