#!/usr/bin/env python3
"""The streams workload with 1, 2 and 4 lanes, and with 1 and 2 processes: what more of them cost.

    tests/bench/run scale [--events 3000000] [--rounds 1]
"""
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
from bench import Broker, best, finish
from streams import arguments, load, run_sujip, workload


def main():
    args = arguments(__doc__).parse_args()
    data = workload(args.events, args.work)
    expected = json.load(open(data / "expected.json", encoding="utf-8"))
    shapes = {"lanes_1": (1, 1), "lanes_2": (2, 1), "lanes_4": (4, 1), "processes_2": (1, 2)}
    runs = {name: [] for name in shapes}
    broker = Broker()
    try:
        load(broker, data)
        for _ in range(args.rounds):
            for name, (args.lanes, args.processes) in shapes.items():
                runs[name].append(run_sujip(broker, args, expected))
    finally:
        broker.close()
    result = {"bench": "scale", "events": args.events,
              "exact": all(r["exact"] for one in runs.values() for r in one)}
    one_lane = best(runs["lanes_1"], "cpu_per_million")
    for name, one in runs.items():
        result[name] = {"events_per_s": best(one, "events_per_s", True),
                        "cpu_per_million": best(one, "cpu_per_million"),
                        "cpu_to_one_lane": round(best(one, "cpu_per_million") / one_lane, 2)}
    finish(result)


if __name__ == "__main__":
    main()
