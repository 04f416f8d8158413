#!/usr/bin/env python3
"""State much larger than memory: 7 million rows behind a cache of 256 MB, beside the same work at 3 million events.

    tests/bench/run big-state [--events 20000000] [--cache-mb 256] [--lanes 2]

`cpu_to_small` is the CPU per event of the large run to that of the small one, in the same run. Needs 25 GB of disk.
"""
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
from bench import Broker, finish, ratio
from streams import arguments, load, run_sujip, workload

SMALL = 3_000_000


def measure(args, events, cache_mb):
    args.events, args.cache_mb = events, cache_mb
    data = workload(events, args.work)
    expected = json.load(open(data / "expected.json", encoding="utf-8"))
    broker = Broker()
    try:
        load(broker, data)
        return run_sujip(broker, args, expected)
    finally:
        broker.close()


def main():
    parser = arguments(__doc__)
    parser.set_defaults(events=20_000_000, cache_mb=256, lanes=2)
    args = parser.parse_args()
    events, cache_mb = args.events, args.cache_mb
    small = measure(args, SMALL, 0)
    large = measure(args, events, cache_mb)
    finish({"bench": "big-state", "events": events, "rows": events // 3, "cache_mb": cache_mb,
            "exact": small["exact"] and large["exact"], "wrong": large["wrong"],
            "events_per_s": large["events_per_s"], "cpu_per_million": large["cpu_per_million"],
            "rss_mb": large["rss_mb"], "small": small,
            "cpu_to_small": ratio(large["cpu_per_million"], small["cpu_per_million"]),
            "wall_to_small": ratio(small["events_per_s"], large["events_per_s"])})


if __name__ == "__main__":
    main()
