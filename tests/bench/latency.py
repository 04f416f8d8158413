#!/usr/bin/env python3
"""Produce -> total visible to a reader of committed records, and -> row in PostgreSQL, at a fixed rate.

Rows of the streams workload are produced at --rate; among them probes, rows with a medium of their own.
A probe's clock runs from the hand-over to the producer until its day's total of the medium arrives at a
read_committed consumer, and until its row is seen by a query that is repeated every few milliseconds.

    tests/bench/run latency [--rate 5000] [--seconds 60] [--probes 20]
"""
import argparse
import pathlib
import sys
import threading
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
import confluent_kafka
import psycopg2

from bench import Database, Broker, Sujip, cpu_seconds, finish, free_port, peak_rss_mb, say
from streams import workload

RAW, ROLLUP = "bench.report.raw", "bench.rollup.ad_report"


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))]


class Totals(threading.Thread):
    """When the first total of each probe's medium arrived."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.seen, self.stop = {}, threading.Event()
        self.consumer = confluent_kafka.Consumer({
            "bootstrap.servers": address, "group.id": "latency", "isolation.level": "read_committed",
            "fetch.wait.max.ms": 5, "enable.auto.commit": False})
        count = len(self.consumer.list_topics(ROLLUP, timeout=30).topics[ROLLUP].partitions)
        self.consumer.assign([confluent_kafka.TopicPartition(ROLLUP, p, 0) for p in range(count)])

    def run(self):
        while not self.stop.is_set():
            for message in self.consumer.consume(500, 0.005):
                key = message.key()
                if not message.error() and b'"grain":"medium","period":"day"' in key and b"probe-" in key:
                    at = key.index(b"probe-")
                    self.seen.setdefault(key[at:key.index(b'"', at)].decode(), time.monotonic())


class Rows(threading.Thread):
    """When each probe's row was first seen in the table."""

    def __init__(self, uri, waiting):
        super().__init__(daemon=True)
        self.seen, self.waiting, self.stop = {}, waiting, threading.Event()
        self.connection = psycopg2.connect(uri)
        self.connection.autocommit = True

    def run(self):
        cursor = self.connection.cursor()
        while not self.stop.is_set():
            wanted = [name for name in list(self.waiting) if name not in self.seen][:50]
            if not wanted:
                self.stop.wait(0.002)
                continue
            # All of the primary key, so that the query itself costs next to nothing.
            cursor.execute("select medium from sujip.ad_report where medium = any(%s) and account = 'probe' "
                           "and date = '2026-01-05' and keyword_id = 'kw' and device = 'PC'", (wanted,))
            now = time.monotonic()
            for (name,) in cursor.fetchall():
                self.seen[name] = now
            self.stop.wait(0.003)  # a query that never rests would take a core from what it measures


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rate", type=int, default=5000)
    p.add_argument("--seconds", type=int, default=60)
    p.add_argument("--warm", type=int, default=40, help="seconds before the first probe, half of them at four times the "
                   "rate: a broker starts cold, and its compiler would be measured")
    p.add_argument("--probes", type=int, default=20, help="probes a second")
    p.add_argument("--commit-interval", type=int, default=30)
    p.add_argument("--program", default=str(HERE.parents[1] / "build/release/sujip"))
    p.add_argument("--work", default="/var/tmp/sujip-bench")
    p.add_argument("--metrics", metavar="FILE", help="keep the processor's metrics of the end: where the time goes")
    args = p.parse_args()
    data = workload(3_000_000, args.work)
    broker = Broker()
    database = Database(broker.folder)
    roles = []
    try:
        sujip = Sujip(broker, args.program, [HERE / "streams/ad_report.yaml"])
        sujip.environment["SUJIP_PG"] = database.uri
        sujip.call("topics", "apply")
        sujip.call("db", "migrate")
        metrics = f"127.0.0.1:{free_port()}" if args.metrics else ""
        roles = [sujip.start("process", "--commit-interval", str(args.commit_interval), SUJIP_METRICS=metrics),
                 sujip.start("sink")]
        waiting = {}
        totals, rows = Totals(broker.address), Rows(database.uri, waiting)
        totals.start()
        rows.start()
        producer = confluent_kafka.Producer({"bootstrap.servers": broker.address, "linger.ms": 5, "queue.buffering.max.messages": 1000000,
                                             "compression.type": "lz4"})
        probe = ('{"medium":"%s","account":"probe","date":"2026-01-05","campaign":"c","keyword_id":"kw",'
                 '"device":"PC","impressions":1,"clicks":1,"cost":1,"conversions":0,"conversion_value":0}')
        began = time.monotonic()
        cpu = None
        sent = 0
        warm = args.warm
        with open(data / "events.jsonl", "rb") as events:
            while (elapsed := time.monotonic() - began) < args.seconds + warm:
                while sent < args.rate * (elapsed + 3 * min(elapsed, warm / 2)):
                    key, value = events.readline().rstrip(b"\n").split(b"\t", 1)
                    producer.produce(RAW, value, key)
                    sent += 1
                number = int((elapsed - warm) * args.probes)
                if number >= 0 and f"probe-{number}" not in waiting:
                    cpu = cpu or [cpu_seconds(*(r.pid for r in roles)), cpu_seconds(broker.pid)]
                    name = f"probe-{number}"
                    waiting[name] = time.monotonic()
                    producer.produce(RAW, probe % name, f"{name}|probe|2026-01-05|kw|PC")
                producer.poll(0)
                time.sleep(0.001)  # paces the feed
        producer.flush(30)
        used = [cpu_seconds(*(r.pid for r in roles)) - cpu[0], cpu_seconds(broker.pid) - cpu[1]]
        if args.metrics:
            with urllib.request.urlopen(f"http://{metrics}/metrics", timeout=5) as page:
                pathlib.Path(args.metrics).write_bytes(page.read())
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and not (len(totals.seen) == len(rows.seen) == len(waiting)):
            time.sleep(0.05)
        totals.stop.set()
        rows.stop.set()
        to_total = [1000 * (totals.seen[n] - t) for n, t in waiting.items() if n in totals.seen]
        to_row = [1000 * (rows.seen[n] - t) for n, t in waiting.items() if n in rows.seen]
        slow = [(round(t - began, 1), round(1000 * (totals.seen.get(n, t) - t)), round(1000 * (rows.seen.get(n, t) - t)))
                for n, t in waiting.items()
                if max(totals.seen.get(n, t), rows.seen.get(n, t)) - t > 0.4]
        if slow:
            say(f"slow probes (sent at s, total after ms, row after ms): {slow[:40]}")
        result = {"bench": "latency", "rate": args.rate, "probes": len(waiting),
                  "exact": len(to_total) == len(to_row) == len(waiting),
                  "rollup_p50_ms": round(percentile(to_total, 0.5), 1),
                  "rollup_p99_ms": round(percentile(to_total, 0.99), 1),
                  "postgres_p50_ms": round(percentile(to_row, 0.5), 1),
                  "postgres_p99_ms": round(percentile(to_row, 0.99), 1),
                  "cores_used": round(used[0] / (args.seconds or 1), 2),
                  "broker_cores": round(used[1] / (args.seconds or 1), 2),
                  "rss_mb": [peak_rss_mb(r.pid) for r in roles]}
        say(sujip.log.read_text()[-500:] if not result["exact"] else "every probe arrived")
    finally:
        for role in roles:
            sujip.stop(role)
        database.close()
        broker.close()
    finish(result)


if __name__ == "__main__":
    main()
