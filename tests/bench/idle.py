#!/usr/bin/env python3
"""What an installation at rest costs: CPU of broker, database and our processors and sink while nothing comes.

    tests/bench/run idle [--seconds 30] [--warm 20]

In percent of one processor, and the broker's beside what it takes without readers.
"""
import argparse
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "support")]
from bench import Broker, Database, ROOT, Sujip, cpu_seconds, finish, say


def percent(seconds, clocks):
    """How busy each of the clocks is, over a while."""
    before = [clock() for clock in clocks]
    time.sleep(seconds)
    return [round((clock() - b) / seconds * 100, 1) for clock, b in zip(clocks, before)]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--seconds", type=int, default=30)
    p.add_argument("--warm", type=int, default=20, help="seconds before: everything starts busy")
    p.add_argument("--program", default=str(ROOT / "build/release/sujip"))
    args = p.parse_args()
    broker = Broker()
    database = Database(broker.folder)
    try:
        sujip = Sujip(broker, args.program, sorted((ROOT / "topics/datasets").glob("*.yaml")))
        sujip.environment["SUJIP_PG"] = database.uri
        sujip.call("topics", "apply")
        sujip.call("db", "migrate")
        say("broker alone")
        time.sleep(args.warm)
        alone, = percent(args.seconds, [lambda: cpu_seconds(broker.pid)])
        say("with processors and sink")
        roles = [sujip.start("process"), sujip.start("sink")]
        time.sleep(args.warm)
        with_us, rest, ours = percent(args.seconds, [
            lambda: cpu_seconds(broker.pid), database.cpu_seconds,
            lambda: cpu_seconds(*(role.pid for role in roles))])
        dead = [role.args for role in roles if role.poll() is not None]
        for role in roles:
            sujip.stop(role)
    finally:
        database.close()
        broker.close()
    if dead:
        raise SystemExit(f"ended by itself: {dead}\n{sujip.log}")
    finish({"bench": "idle", "broker_percent": with_us, "broker_alone_percent": alone,
            "postgres_percent": rest, "sujip_percent": ours})


if __name__ == "__main__":
    main()
