#!/usr/bin/python3
"""How long a processor that was killed under load takes until it processes again.

    tests/bench/restart.py [--n 20] [--rate 1500] [--program build/release/sujip]

Private broker and database, one writer of raw records, one processor. N times: kill -9 at a random
moment while it works, start it, and take the time from that start to the first commit of the raw topics'
offsets. At the end everything must be as the oracle of tests/chaos says. The last line is one JSON
object.
"""

import argparse
import json
import os
import pathlib
import random
import sys
import time

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/chaos"), str(ROOT / "tests/support")]

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--n", type=int, default=20)
parser.add_argument("--rate", type=float, default=1500, help="raw records a second")
parser.add_argument("--logs", help="folder for the logs of the processes")
parser.add_argument("--program", default=os.environ.get("SUJIP_BIN") or str(ROOT / "build/release/sujip"))
options = parser.parse_args()
os.environ["SUJIP_BIN"] = options.program

import confluent_kafka  # noqa: E402

from chaos_world import ChaosWorld  # noqa: E402
from feed import Feeder  # noqa: E402
from oracle import load_datasets, PARTITIONS  # noqa: E402
from reader import Reader, STAGES  # noqa: E402


def committed(group, prefix):
    parts = [confluent_kafka.TopicPartition(prefix + topic, p)
             for topic in STAGES["entity"] for p in range(PARTITIONS)]
    try:
        return sum(max(tp.offset, 0) for tp in group.committed(parts, timeout=5))
    except confluent_kafka.KafkaException:
        return None  # a transaction is about to end


def measure(chaos, reader, chance):
    one, group, prefix = chaos.processors[0], reader.groups["entity"], chaos.world.prefix
    reader.poll(0.3)
    time.sleep(chance.random() * 0.5)  # the moment of the kill
    one.kill()
    before = committed(group, prefix)
    while before is None:
        before = committed(group, prefix)
    began = time.monotonic()
    one.start()
    while (committed(group, prefix) or 0) <= before:
        assert time.monotonic() - began < 60, "does not come back"
        time.sleep(0.003)
    took = (time.monotonic() - began) * 1000
    # At work again, with its state checkpointed now and then, before the next time.
    deadline = time.monotonic() + 2 + 2 * chance.random()
    while time.monotonic() < deadline:
        reader.poll(0.1)
    return took


def main():
    chance = random.Random(1)
    chaos = ChaosWorld(options.program, 10000, options.logs)
    try:
        chaos.shim = None
        chaos.world.environment["SUJIP_KAFKA"] = chaos.direct
        feeder = Feeder(chaos.direct, chaos.world.prefix, load_datasets(ROOT), 1, options.rate)
        reader = Reader(chaos.direct, chaos.world.prefix, chaos.pg, feeder.oracle)
        chaos.processors[0].start()
        chaos.sinks[0].start()
        feeder.resume()
        while reader.changes < 2000:
            reader.poll(0.1)
        took = []
        for _ in range(options.n):
            took.append(measure(chaos, reader, chance))
            print(f"{len(took):3d} {took[-1]:7.0f} ms", file=sys.stderr, flush=True)
        feeder.pause()
        behind = reader.settle(chaos.tend, 120)
        if not behind:
            reader.compare()
        feeder.close()
        reader.close()
    finally:
        chaos.close()
    took.sort()
    exact = not behind and not reader.found
    print(json.dumps({"bench": "restart", "exact": exact, "p50_ms": round(took[len(took) // 2]),
                      "p99_ms": round(took[min(len(took) - 1, int(len(took) * 0.99))]),
                      "n": len(took), "changes": reader.changes}))
    return 0 if exact else 1


sys.exit(main())
