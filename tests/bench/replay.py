#!/usr/bin/env python3
"""The whole raw history folded again beside live traffic: rate, what it does to live latency, swaps under readers.

The raw topics get days of retail, snapshots of danawa (real ones with --data, else the samples) and --events rows of
the streams workload. Then rows of that workload come at --rate, with probes among them, as in the latency benchmark:
first alone, then while `sujip replay` builds the next generation. Both are compared row by row, and readers that never
rest see swaps there and back: each reads lines and totals in one statement, and they have to agree.

    tests/bench/run replay [--events 1000000] [--rate 1000] [--seconds 20] [--data DIR]
"""
import argparse
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
import confluent_kafka
import psycopg2

from bench import Broker, Database, ROOT, Sujip, finish, ratio, say
from latency import Rows, percentile
from streams import workload

RAW = "bench.report.raw"
PROBE = ('{"medium":"%s","account":"probe","date":"2026-01-05","campaign":"c","keyword_id":"kw","device":"PC",'
         '"impressions":1,"clicks":1,"cost":1,"conversions":0,"conversion_value":0}')


class Traffic(threading.Thread):
    """Rows of the workload at a fixed rate, over and over, and probes among them."""

    def __init__(self, address, uri, file, rate, probes):
        super().__init__(daemon=True)
        self.file, self.rate, self.probes = file, rate, probes
        self.producer = confluent_kafka.Producer({"bootstrap.servers": address, "linger.ms": 5, "compression.type": "lz4"})
        self.sent_at, self.stop = {}, threading.Event()
        self.rows = Rows(uri, self.sent_at)

    def lines(self):
        while True:
            with open(self.file, "rb") as events:
                yield from events

    def run(self):
        self.rows.start()
        began, lines = time.monotonic(), self.lines()
        sent = probed = 0
        while not self.stop.is_set():
            elapsed = time.monotonic() - began
            for line in itertools.islice(lines, max(0, int(elapsed * self.rate) - sent)):
                key, value = line.rstrip(b"\n").split(b"\t", 1)
                self.producer.produce(RAW, value, key)
                sent += 1
            if elapsed * self.probes > probed:
                name = f"probe-{probed}"
                probed += 1
                self.sent_at[name] = time.monotonic()
                self.producer.produce(RAW, PROBE % name, f"{name}|probe|2026-01-05|kw|PC")
            self.producer.poll(0)
            time.sleep(0.001)  # paces the feed
        self.producer.flush(30)

    def latencies(self, since, until):
        """Milliseconds of the probes sent in between, and how many never arrived."""
        mine = {n: t for n, t in self.sent_at.items() if since <= t < until}
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and not all(n in self.rows.seen for n in mine):
            time.sleep(0.05)
        return [1000 * (self.rows.seen[n] - t) for n, t in mine.items() if n in self.rows.seen], \
            sum(n not in self.rows.seen for n in mine)


class Reader(threading.Thread):
    """Reads lines and totals in one statement, again and again; counts errors and mixes of two generations."""

    def __init__(self, uri):
        super().__init__(daemon=True)
        self.uri, self.stop = uri, threading.Event()
        self.reads, self.errors = 0, []

    def run(self):
        connection = psycopg2.connect(self.uri)
        connection.autocommit = True
        cursor = connection.cursor()
        while not self.stop.is_set():
            try:
                cursor.execute("select (select sum(quantity) from sujip.order_item), (select sum(quantity) from"
                               " sujip.order_item_rollup where grain = 'all' and period = 'month')")
                lines, totals = cursor.fetchone()
                if lines != totals:
                    self.errors.append(f"{lines} in lines, {totals} in totals")
                self.reads += 1
            except psycopg2.Error as error:
                self.errors.append(str(error))
                return


def caught_up(sujip, seconds):
    deadline = time.monotonic() + seconds
    while subprocess.run([sujip.program, "lag"], env=sujip.environment, capture_output=True).returncode != 0:
        if time.monotonic() > deadline:
            raise SystemExit("it does not catch up")
        time.sleep(0.5)


def load(broker, sujip, args):
    data = workload(args.events, args.work)
    say(f"loading {args.events} events, retail and danawa")
    with open(data / "events.jsonl", "rb") as events:
        subprocess.run(["kcat", "-P", "-b", broker.address, "-t", RAW, "-K", "\t", "-z", "lz4", "-X", "linger.ms=20",
                        "-X", "batch.num.messages=5000", "-X", "enable.idempotence=true", "-l", data / "events.jsonl"],
                       stdin=events, check=True)
    for source, folder in (("online_retail", "retail"), ("danawa", "danawa")):
        path = args.data / folder if args.data else ROOT / f"producers/connectors/{source}/samples"
        sujip.call("source", "add", source, "--path", str(path), "--no-guard")
    sujip.call("collect", "--once")
    return data


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--events", type=int, default=1_000_000, help="rows of the workload in the history, up to 20 million")
    p.add_argument("--rate", type=int, default=1000, help="live rows a second")
    p.add_argument("--probes", type=int, default=20, help="probes a second")
    p.add_argument("--seconds", type=int, default=20, help="live traffic alone, before the replay")
    p.add_argument("--swaps", type=int, default=6)
    p.add_argument("--data", type=pathlib.Path, help="a folder with retail/ and danawa/, unpacked")
    p.add_argument("--program", default=str(HERE.parents[1] / "build/release/sujip"))
    p.add_argument("--work", default="/var/tmp/sujip-bench")
    args = p.parse_args()
    broker = Broker()
    database = Database(broker.folder)
    roles = []
    traffic = None
    try:
        datasets = ROOT / "topics/datasets"
        sujip = Sujip(broker, args.program, [HERE / "streams/ad_report.yaml", datasets / "product.yaml",
                                             datasets / "order_item.yaml"])
        for source in ("online_retail", "danawa"):
            shutil.copytree(ROOT / "producers/connectors" / source,
                            pathlib.Path(sujip.environment["SUJIP_SHARE"]) / "producers/connectors" / source)
        sujip.environment["SUJIP_PG"] = database.uri
        sujip.call("topics", "apply")
        sujip.call("db", "migrate")
        data = load(broker, sujip, args)
        roles = [sujip.start("process"), sujip.start("sink")]
        caught_up(sujip, 60 + args.events / 10_000)
        os.sync()  # what was loaded is still being written, and whoever calls fsync would wait for it
        say("live traffic alone")
        traffic = Traffic(broker.address, database.uri, data / "events.jsonl", args.rate, args.probes)
        traffic.start()
        began = time.monotonic() + 5  # the first seconds of a client are not what is measured
        time.sleep(args.seconds + 5)
        before, lost_before = traffic.latencies(began, time.monotonic())
        say("replay beside it")
        began = time.monotonic()
        done = subprocess.run([args.program, "replay"], env=sujip.environment, capture_output=True, text=True)
        ended = time.monotonic()
        if done.returncode:
            raise SystemExit(f"sujip replay: {done.stderr[-2000:]}")
        sys.stderr.write(done.stderr)
        replayed = json.loads(done.stdout.strip().splitlines()[-1])
        during, lost_during = traffic.latencies(began, ended)
        p99 = percentile(before, 0.99), percentile(during, 0.99)
        say(f"live rows visible after {p99[0]:.0f} ms (p99) alone, {p99[1]:.0f} ms beside the replay; swaps under readers")
        readers = [Reader(database.uri) for _ in range(2)]
        for reader in readers:
            reader.start()
        swap_ms = []
        for n in range(args.swaps):
            at = time.monotonic()
            sujip.call("generation", "swap", "2" if n % 2 == 0 else "1", "--wait", "900")
            swap_ms.append(1000 * (time.monotonic() - at))
        for reader in readers:
            reader.stop.set()
            reader.join()
        traffic.stop.set()
        traffic.join()
        traffic.rows.stop.set()
        caught_up(sujip, 120)
        diff = subprocess.run([args.program, "generation", "diff", "2", "1", "--json"], env=sujip.environment,
                              capture_output=True, text=True)
        tables = json.loads(diff.stdout.strip().splitlines()[-1])["tables"]
        differ = [t for t, d in tables.items() if d["only_from"] or d["only_to"] or d["different"]]
        errors = [e for reader in readers for e in reader.errors]
        if differ or errors:
            say(f"differ: {differ}; readers: {errors[:5]}")
        result = {"bench": "replay", "events": replayed["events"],
                  "exact": not differ and not errors and not lost_before and not lost_during,
                  "events_per_s": replayed["events_per_s"], "seconds": replayed["seconds"],
                  "live_rate": args.rate, "probes": [len(before), len(during)],
                  "live_p50_before_ms": round(percentile(before, 0.5), 1), "live_p50_during_ms": round(percentile(during, 0.5), 1),
                  "live_p99_before_ms": round(p99[0], 1), "live_p99_during_ms": round(p99[1], 1),
                  "p99_ratio": ratio(p99[1], p99[0]), "swaps": args.swaps, "swap_ms": round(percentile(swap_ms, 0.5)),
                  "swap_errors": len(errors), "reads": sum(r.reads for r in readers),
                  "rows": sum(d["rows_to"] for d in tables.values())}
    finally:
        if traffic:
            traffic.stop.set()
        for role in roles:
            sujip.stop(role)
        database.close()
        broker.close()
    finish(result)


if __name__ == "__main__":
    main()
