#!/usr/bin/env python3
"""A topic of 2 million rows into a table: PostgreSQL's own limit, sujip, and the best peer, in turns.

    SUJIP_PEERS=../shared/peers tests/bench/run sink [--program build/release/sujip] [--runs N] [--quick]

Wants the workload's generate.py, schema.sql and verify.sql in $SUJIP_PEERS/sink, and kcat. Starts a broker
and a database in a temporary folder and ends both. The peer, $SUJIP_PEERS/sink/python/sink.py in two
processes, wants a Python with its requirements.txt: --peer-python, else one is made in
.local/bench/peer-python if packages can be fetched; without it peer_ratio is null.

The clock runs from the start of the sink to the final table. cpu_per_million is the sink's own user and system
time, pg_cpu_per_million that of all processes of the database. The best of N runs counts.
The last line is one JSON object. Exit code 1 when a table is not exact.
"""
import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import confluent_kafka
import confluent_kafka.admin
import psycopg2

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/support"), str(ROOT / "tests/bench/sink")]
import floor  # noqa: E402
import poison  # noqa: E402
import servers as support  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
TOPIC = "bench.sink.changes"
MAPPING = """\
sink: {name}
tables:
  - topic: {topic}
    table: public.bench_products
    key: [supplier, product_code]
    columns:
      supplier: text
      product_code: text
      name: text
      price: bigint
      stock: integer
      category: text
      url: text
      attributes: jsonb
      updated_at: timestamptz
"""


def say(text):
    print(text, file=sys.stderr, flush=True)


def stat(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def cpu_of_tree(pid):
    """CPU seconds of a process, of its children, and of those it has seen end."""
    ticks = sum(map(int, stat(pid)[11:15]))
    for child in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            fields = stat(child.name)
        except OSError:
            continue
        if int(fields[1]) == pid:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS


class Bench:
    def __init__(self, args):
        self.args = args
        self.peers = args.peers / "sink"
        self.servers = support.Servers(
            PG_EXTRA="shared_buffers = 1GB|max_wal_size = 8GB|checkpoint_timeout = 30min",
            KAFKA_HEAP="1g")
        self.uri = self.servers.pg("sujip")
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="sujip-bench-"))
        self.number = 0
        self.db = psycopg2.connect(self.uri)
        self.db.autocommit = True
        self.pg_pid = self.pid_of(support.POSTGRES)
        self.broker_pid = self.pid_of(support.KAFKA)
        self.env = self.servers.environment | {
            "SUJIP_KAFKA": self.servers.kafka_address, "SUJIP_PG": self.uri, "SUJIP_SHARE": str(ROOT),
            "SUJIP_HOME": str(self.work), "SUJIP_METRICS": ""}
        for command in (("topics", "apply"), ("db", "migrate")):
            subprocess.run([args.program, *command], env=self.env, check=True, stdout=subprocess.DEVNULL)

    def close(self):
        self.db.close()
        self.servers.close()
        subprocess.run(["rm", "-rf", str(self.work)], check=False)

    def pid_of(self, script):
        said = subprocess.run([script, "status"], env=self.servers.environment, check=True,
                              capture_output=True, text=True).stdout.replace("=", " ").split()
        return int(said[said.index("pid") + 1])

    def query(self, sql, *parameters):
        with self.db.cursor() as cursor:
            cursor.execute(sql, parameters or None)
            return cursor.fetchone() if cursor.description else None

    # ---- the workload

    def make_data(self):
        sizes = ("20000", "12000", "6000", "2000") if self.args.quick else ("1000000", "600000", "300000", "100000")
        self.data = self.args.data or ROOT / f".local/bench/sink-{sizes[0]}"
        if not (self.data / "expected.json").exists():
            say(f"generating the workload into {self.data}")
            command = [sys.executable, str(self.peers / "generate.py"), "--out", str(self.data)]
            for option, size in zip(("--keys", "--updates", "--redeliver", "--deletes"), sizes):
                command += [option, size]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        self.expected = json.loads((self.data / "expected.json").read_text())
        self.want = (self.expected["rows"], self.expected["sum_price"], self.expected["sum_stock"])

    def make_topic(self, name, partitions):
        admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": self.servers.kafka_address})
        config = {"retention.ms": "-1"}
        for made in admin.create_topics([confluent_kafka.admin.NewTopic(name, partitions, 1, config=config)]).values():
            made.result(30)

    def load(self):
        say("loading the topic")
        self.make_topic(TOPIC, self.expected["partitions"])
        with open(self.data / "messages.tsv", "rb") as messages:
            subprocess.run(["kcat", "-b", self.servers.kafka_address, "-t", TOPIC, "-P", "-K", "\t", "-Z", "-z", "lz4",
                            "-X", "partitioner=murmur2_random", "-X", "enable.idempotence=true",
                            "-X", "linger.ms=20", "-X", "queue.buffering.max.messages=200000"],
                           stdin=messages, check=True)

    # ---- one run

    def fresh_table(self):
        self.query((self.peers / "schema.sql").read_text())
        self.query("checkpoint")
        self.query("delete from sujip.dead_letter")

    def is_final(self):
        ends = self.query("select count(*) from bench_products where supplier = 'zz-end' and product_code = any(%s)",
                          self.expected["ends"])
        if ends[0] != len(self.expected["ends"]):
            return False
        sums = self.query("select count(*), coalesce(sum(price), 0), coalesce(sum(stock), 0) from bench_products")
        return tuple(map(int, sums)) == self.want

    def is_exact(self):
        found = self.query((self.peers / "verify.sql").read_text().replace("%", "%%"))
        return found[0] == self.expected["rows"] and found[3] == self.expected["md5"]

    def measure(self, name, start):
        """start() begins the work and returns a function that says whether it is done, and one that ends it
        and says its CPU seconds."""
        self.fresh_table()
        lsn = self.query("select pg_current_wal_lsn()")[0]
        pg, broker = cpu_of_tree(self.pg_pid), cpu_of_tree(self.broker_pid)
        began = time.monotonic()
        done, end = start()
        while not done():
            if time.monotonic() - began > self.args.timeout:
                end()
                raise SystemExit(f"{name}: not done after {self.args.timeout} s, see {self.work}")
            time.sleep(0.1)
        wall = time.monotonic() - began
        pg, broker = cpu_of_tree(self.pg_pid) - pg, cpu_of_tree(self.broker_pid) - broker
        wal = self.query("select pg_wal_lsn_diff(pg_current_wal_lsn(), %s)", lsn)[0]
        cpu, rss = end()
        millions = self.expected["messages"] / 1e6
        run = {"name": name, "exact": self.is_exact(), "wall_s": round(wall, 2),
               "rows_s": round(self.expected["messages"] / wall), "cpu_per_million": round(cpu / millions, 2),
               "pg_cpu_per_million": round(pg / millions, 2), "broker_cpu_s": round(broker, 1),
               "rss_mb": rss, "wal_mb": round(float(wal) / 1e6)}
        say(json.dumps(run))
        return run

    def process(self, command, env):
        """A sink in its own process group; what it used is known when it has ended."""
        self.number += 1
        log = open(self.work / f"{self.number}.log", "wb")
        child = subprocess.Popen(["bash", "-c", command], env=env, stdout=log, stderr=log, start_new_session=True)

        def done():
            if os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                raise SystemExit(f"the sink ended early: {(self.work / f'{self.number}.log').read_text()[-2000:]}")
            return self.is_final()

        def end():
            os.killpg(child.pid, signal.SIGTERM)
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            return used.ru_utime + used.ru_stime, used.ru_maxrss // 1024

        return done, end

    def run_sujip(self):
        self.number += 1
        mapping = self.work / f"mapping-{self.number}.yaml"
        mapping.write_text(MAPPING.format(name=f"run-{self.number}", topic=TOPIC))
        command = f"exec {self.args.program} sink --mapping {mapping} {self.args.options}"
        return self.measure("sujip", lambda: self.process(command, self.env))

    def run_floor(self, batches):
        def start():
            wall = floor.run(self.uri, batches)
            return (lambda: True), (lambda: (0, 0)) if wall else None
        return self.measure("floor", start)

    def run_peer(self, python):
        sink = f"{python} {self.peers}/python/sink.py --mode copy"
        command = f"trap : TERM; for i in 1 2; do {sink} & done; wait; wait"
        env = dict(os.environ, BROKER=self.servers.kafka_address, TOPIC=TOPIC, GROUP=f"peer-{self.number}",
                   PGHOST="127.0.0.1", PGPORT=str(self.servers.pg_port), PGUSER="postgres", PGDATABASE="sujip")
        return self.measure("peer", lambda: self.process(command, env))

    def run_poison(self):
        topic = "bench.sink.poison"
        self.make_topic(topic, 1)
        codes = poison.fill(self.servers.kafka_address, topic)
        self.fresh_table()
        mapping = self.work / "mapping-poison.yaml"
        mapping.write_text(MAPPING.format(name="poison", topic=topic))
        _, end = self.process(f"exec {self.args.program} sink --mapping {mapping}", self.env)
        result = poison.outcome(self.uri, topic, codes)
        end()
        say(json.dumps({"name": "poison", **result}, ensure_ascii=False))
        return result


def peer_python(args):
    """A Python that has what the peer imports; None when there is none to be had."""
    place = args.peer_python or ROOT / ".local/bench/peer-python/bin/python"
    check = "import confluent_kafka, orjson, psycopg"
    if not place.exists() and not args.peer_python:
        say("making a Python for the peer")
        wanted = args.peers / "sink/requirements.txt"
        if subprocess.run([sys.executable, "-m", "venv", str(place.parents[1])], capture_output=True).returncode != 0 \
                or subprocess.run([place, "-m", "pip", "install", "-q", "-r", wanted],
                                  capture_output=True).returncode != 0:
            return None
    found = subprocess.run([place, "-c", check], capture_output=True).returncode == 0 if place.exists() else False
    return place if found else None


def ratio(runs, name, other):
    rates = {n: [run["rows_s"] for run in runs if run["name"] == n] for n in (name, other)}
    return round(max(rates[name]) / max(rates[other]), 2) if rates[name] and rates[other] else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--peers", type=pathlib.Path,
                        default=pathlib.Path(os.environ.get("SUJIP_PEERS", ROOT / "../shared/peers")))
    parser.add_argument("--data", type=pathlib.Path, help="folder with messages.tsv and expected.json")
    parser.add_argument("--program", default=str(ROOT / "build/release/sujip"))
    parser.add_argument("--options", default="", help="more options of `sujip sink`")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="floor,sujip,peer,poison")
    parser.add_argument("--quick", action="store_true", help="40,000 messages, one run: does it work at all")
    parser.add_argument("--peer-python", type=pathlib.Path)
    parser.add_argument("--timeout", type=float, default=600)
    args = parser.parse_args()
    args.peers = args.peers.resolve()
    args.program = str(pathlib.Path(args.program).resolve())
    if not (args.peers / "sink/generate.py").exists():
        raise SystemExit(f"no workload in {args.peers}: set SUJIP_PEERS")
    only = set(args.only.split(","))
    python = peer_python(args) if "peer" in only else None
    bench = Bench(args)
    try:
        bench.make_data()
        bench.load()
        batches = floor.prepare(bench.data / "messages.tsv", 20000, 2) if "floor" in only else None
        runs = []
        for _ in range(1 if args.quick else args.runs):
            if batches:
                runs.append(bench.run_floor(batches))
            if "sujip" in only:
                runs.append(bench.run_sujip())
            if python:
                runs.append(bench.run_peer(python))
        letters = bench.run_poison() if "poison" in only else None
    finally:
        bench.close()
    ours = [run for run in runs if run["name"] == "sujip"]
    best = max(ours, key=lambda run: run["rows_s"]) if ours else {}
    exact = all(run["exact"] for run in runs) and (letters is None or letters["exact"])
    print(json.dumps({
        "bench": "sink", "exact": exact, "messages": bench.expected["messages"], "rows_s": best.get("rows_s"),
        "cpu_per_million": min((run["cpu_per_million"] for run in ours), default=None),
        "pg_cpu_per_million": best.get("pg_cpu_per_million"), "rss_mb": best.get("rss_mb"),
        "floor_ratio": ratio(runs, "sujip", "floor"), "peer_ratio": ratio(runs, "sujip", "peer"),
        "runs": len(ours), "poison": letters and {k: letters[k] for k in ("rows", "dead_letters", "exact")}}))
    return 0 if exact else 1


if __name__ == "__main__":
    sys.exit(main())
