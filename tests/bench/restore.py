#!/usr/bin/env python3
"""A processor without its local state: reading it back from its output topics.

    tests/bench/run restore [--events 15000000]    (a third of the events are rows: 5 million)

As written, a row has two change events there. The topics are compacted: after a while one is left, and --compacted
waits for that before it measures.
"""
import json
import os
import pathlib
import re
import shutil
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
from bench import Broker, Sujip, finish, peak_rss_mb, read_topic, say
from streams import CHANGES, ROLLUP, arguments, end_profile, load, profile, run_sujip, workload

# Segments that are closed early, and a cleaner that looks often.
COMPACTING = "log.segment.bytes=33554432|log.cleaner.backoff.ms=500"


def compact(broker):
    """Waits until the broker has taken away what it can: what is in a closed segment and not its key's last."""
    say("compacting")
    for topic in (CHANGES, ROLLUP):
        done = broker.tool("kafka.admin.ConfigCommand", "--bootstrap-server", broker.address, "--alter", "--entity-type",
                           "topics", "--entity-name", topic, "--add-config",
                           "min.compaction.lag.ms=0,min.cleanable.dirty.ratio=0.01")
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
    files = pathlib.Path(broker.folder) / "kafka"
    began = changed = time.monotonic()
    seen = None
    while time.monotonic() - changed < 20:
        time.sleep(1)
        now = sorted((str(f), f.stat().st_ino) for f in files.glob(f"**/{CHANGES}-*/*.log"))
        if now != seen:
            seen, changed = now, time.monotonic()
        if time.monotonic() - began > 900:
            raise SystemExit("the broker has not compacted its topics in 15 minutes")


def main():
    parser = arguments(__doc__)
    parser.add_argument("--compacted", action="store_true", help="with one change event for each row, or little more")
    parser.set_defaults(events=15_000_000, lanes=2)
    args = parser.parse_args()
    data = workload(args.events, args.work)
    expected = json.load(open(data / "expected.json", encoding="utf-8"))
    if args.compacted:
        os.environ["KAFKA_EXTRA"] = "|".join(filter(None, [COMPACTING, os.environ.get("KAFKA_EXTRA")]))
    broker = Broker()
    try:
        load(broker, data)
        args.keep_home = True
        perf, args.perf = args.perf, None  # of the restore
        filled = run_sujip(broker, args, expected)
        home = pathlib.Path(filled.pop("home"))
        shutil.rmtree(home / "state")
        sujip = Sujip(broker, args.program, [HERE / "streams/ad_report.yaml"], home=home)
        sujip.log.write_text("")
        if args.compacted:
            compact(broker)
        say("restoring")
        began = time.monotonic()
        process = sujip.start("process", "--lanes", str(args.lanes))
        profiler = profile(perf, process)
        told = re.compile(r"entity lane .* (\d+) of them for (\d+) offsets of state")
        while len(found := told.findall(sujip.log.read_text())) < args.lanes:
            if process.poll() is not None or time.monotonic() - began > 600:
                raise SystemExit(sujip.log.read_text()[-2000:])
            time.sleep(0.02)
        ready = time.monotonic() - began
        end_profile(profiler)
        rss = peak_rss_mb(process.pid)
        sujip.stop(process)
        if args.compacted:
            records = sum(1 for _ in read_topic(broker.address, CHANGES, "%p"))
    finally:
        broker.close()
    took = max(int(ms) for ms, _ in found)
    if not args.compacted:
        records = sum(int(n) for _, n in found)
    finish({"bench": "restore", "exact": filled["exact"], "rows": expected["changes"]["created"],
            "records": records, "records_per_s": round(records / took * 1000),
            "rows_per_s": round(expected["changes"]["created"] / took * 1000),
            "ready_s": round(ready, 2), "rss_mb": rss})


if __name__ == "__main__":
    main()
