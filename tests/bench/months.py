#!/usr/bin/env python3
"""A large table by month beside the same in one piece: the sink fills both from the same records, in turns.

    tests/bench/run months [--rows N] [--months N] [--runs N]

Rows of change.ad_keyword are created (days in order, as reports come) and then restated (every third one, spread over all months, as
the worst case), each part in one go: the clock runs from the start of the sink to the last row. A third part is live
traffic: one small report after the other, each timed until it is in the table; p50 of them, in milliseconds.
The last line is one JSON object: the best of the runs, rows a second, and what months cost as a ratio.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time

import confluent_kafka
import psycopg2

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))
import feeds  # noqa: E402
import servers as support  # noqa: E402

KEY = "source account stat_date campaign_id ad_group_id keyword_id ad_id media_code device".split()
T0 = 1_717_200_000_000


def day(n, months):
    """The n-th of all days: 28 a month."""
    n %= months * 28
    return f"{2015 + n // 28 // 12}-{n // 28 % 12 + 1:02d}-{n % 28 + 1:02d}"


class Bench:
    def __init__(self, args):
        self.args, self.number = args, 0
        self.servers = support.Servers(PG_EXTRA="shared_buffers = 1GB|max_wal_size = 8GB|checkpoint_timeout = 30min")
        self.shares = {"months": ROOT, "whole": feeds.in_one_piece(feeds.copied_share(self.servers, "whole"))}

    def produce(self, numbers, rev, clicks):
        for n in numbers:
            key = dict(zip(KEY, ["medium", f"a{n % 10}", day(n // 1000, self.args.months), "cmp-a001-01", f"grp-{n % 100}",
                                 f"nkw-{n:08d}", "ad-1", "122875", "pc"]))
            row = {**key, "keyword": "노트북 추천", "campaign_type": "search", "impressions": 1000 + n % 77, "clicks": clicks,
                   "cost": 12345.5, "currency": "KRW"}
            self.producer.produce(self.topic, key=json.dumps(key), value=json.dumps(
                {"before": None, "after": row, "op": "u", "ts_ms": T0,
                 "source": {"name": "medium", "run": "20240601T000000000Z-1", "rev": rev}}, ensure_ascii=False))
            self.producer.poll(0)
        assert self.producer.flush(120) == 0

    def wait(self, sql, wanted):
        while self.value(sql) != wanted:
            assert self.sink.poll() is None, "the sink ended"
            time.sleep(0.005 if wanted == 1 else 0.1)

    def value(self, sql):
        with self.db.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchone()[0]

    def timed(self, environment, sql, wanted):
        began = time.monotonic()
        self.sink = subprocess.Popen([self.args.program, "sink"], env=environment, stderr=subprocess.DEVNULL)
        self.wait(sql, wanted)
        seconds = time.monotonic() - began
        self.sink.terminate()
        self.sink.wait(30)
        return seconds

    def run(self, kind):
        self.number += 1
        name = f"bench{self.number}"
        admin = psycopg2.connect(self.servers.pg("sujip"))
        admin.autocommit = True
        admin.cursor().execute(f"create database {name}")
        admin.close()
        environment = self.servers.environment | {
            "SUJIP_KAFKA": self.servers.kafka_address, "SUJIP_PG": self.servers.pg(name), "SUJIP_PREFIX": name + ".",
            "SUJIP_SHARE": str(self.shares[kind]), "SUJIP_HOME": str(self.servers.folder / name), "SUJIP_METRICS": ""}
        for command in (("topics", "apply"), ("db", "migrate")):
            subprocess.run([self.args.program, *command], env=environment, check=True, stdout=subprocess.DEVNULL)
        self.db = psycopg2.connect(self.servers.pg(name))
        self.db.autocommit = True
        self.topic = name + ".change.ad_keyword"
        self.producer = confluent_kafka.Producer({"bootstrap.servers": self.servers.kafka_address, "partitioner": "murmur2",
                                                  "linger.ms": 5, "compression.type": "lz4",
                                                  "queue.buffering.max.messages": 1_000_000})
        rows = self.args.rows
        self.produce(range(rows), 1, 1)
        made = self.timed(environment, "select count(*) from sujip.ad_keyword", rows)
        self.db.cursor().execute("checkpoint")
        restated = [n for n in range(rows) if n % 3 == 0]
        restated = [restated[i * 7919 % len(restated)] for i in range(len(restated))]  # no order of days
        self.produce(restated, 2, 2)
        again = self.timed(environment, "select count(*) from sujip.ad_keyword where clicks = 2", len(set(restated)))
        self.sink = subprocess.Popen([self.args.program, "sink"], env=environment, stderr=subprocess.DEVNULL)
        live = []
        for n in range(60):
            self.produce(range(n * 50 % 1000, n * 50 % 1000 + 50), 3 + n, 10 + n)
            began = time.monotonic()
            key = f"source = 'medium' and account = 'a9' and stat_date = '{day(0, 1)}' and keyword_id = 'nkw-{n * 50 % 1000 + 49:08d}'"
            self.wait(f"select count(*) from sujip.ad_keyword where clicks = {10 + n} and {key}", 1)
            live.append(time.monotonic() - began)
        self.sink.terminate()
        self.sink.wait(30)
        self.db.close()
        out = {"kind": kind, "made": round(rows / made), "restated": round(len(set(restated)) / again),
               "live_ms": round(statistics.median(live[10:]) * 1000, 1)}
        print(json.dumps(out), file=sys.stderr, flush=True)
        return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/release/sujip"))
    parser.add_argument("--rows", type=int, default=600_000)
    parser.add_argument("--months", type=int, default=36)
    parser.add_argument("--runs", type=int, default=2)
    args = parser.parse_args()
    args.program = str(pathlib.Path(args.program).resolve())
    bench = Bench(args)
    try:
        runs = [bench.run(kind) for _ in range(args.runs) for kind in ("whole", "months")]
    finally:
        bench.servers.close()
    best = {kind: {"made": max(r["made"] for r in runs if r["kind"] == kind),
                   "restated": max(r["restated"] for r in runs if r["kind"] == kind),
                   "live_ms": min(r["live_ms"] for r in runs if r["kind"] == kind)} for kind in ("whole", "months")}
    print(json.dumps({"bench": "months", "rows": args.rows, "months": args.months, **best,
                      "made_ratio": round(best["months"]["made"] / best["whole"]["made"], 2),
                      "restated_ratio": round(best["months"]["restated"] / best["whole"]["restated"], 2)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
