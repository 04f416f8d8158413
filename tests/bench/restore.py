#!/usr/bin/env python3
"""A processor without its local state: reading it back from its output topics.

    tests/bench/run restore [--events 15000000]    (a third of the events are rows: 5 million)
"""
import json
import pathlib
import re
import shutil
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
from bench import Broker, Sujip, finish, peak_rss_mb, say
from streams import arguments, end_profile, load, profile, run_sujip, workload


def main():
    parser = arguments(__doc__)
    parser.set_defaults(events=15_000_000, lanes=2)
    args = parser.parse_args()
    data = workload(args.events, args.work)
    expected = json.load(open(data / "expected.json", encoding="utf-8"))
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
    finally:
        broker.close()
    records, took = sum(int(n) for _, n in found), max(int(ms) for ms, _ in found)
    finish({"bench": "restore", "exact": filled["exact"], "rows": expected["changes"]["created"],
            "records": records, "records_per_s": round(records / took * 1000),
            "rows_per_s": round(expected["changes"]["created"] / took * 1000),
            "ready_s": round(ready, 2), "rss_mb": rss})


if __name__ == "__main__":
    main()
