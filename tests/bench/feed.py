#!/usr/bin/env python3
"""Files to PostgreSQL: how long a whole history of snapshots takes, all roles, broker and database here.

    tests/bench/feed.py [--data DIR] [--program build/release/sujip] [--runs N]

DIR holds CPU/ VGA/ SSD/ with one CSV a snapshot (unpacked from danawa/*.tar.zst with
tools/unpack-archives.sh). Starts a private broker and database in a temporary folder, ends both.
The last line is one JSON object: wall seconds, CPU seconds of sujip, broker and database, rows a second.
"""
import argparse
import json
import os
import pathlib
import resource
import shutil
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TICKS = os.sysconf("SC_CLK_TCK")


def free_ports():
    """A port with two free neighbours: broker, its controller, database."""
    for base in range(36000, 60000, 10):
        try:
            for offset in range(3):
                with socket.socket() as s:
                    s.bind(("127.0.0.1", base + offset))
            return base
        except OSError:
            continue
    raise SystemExit("no free ports")


def cpu_of(pids):
    total = 0.0
    for pid in pids:
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += (int(fields[11]) + int(fields[12]) + int(fields[13]) + int(fields[14])) / TICKS
        except OSError:
            pass
    return total


def children_of(pid):
    out = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()
    return [pid] + [int(p) for p in out]


def one_run(args, number):
    work = tempfile.mkdtemp(prefix="sujip-bench-", dir="/var/tmp")
    os.chmod(work, 0o755)
    base = free_ports()
    env = dict(os.environ, KAFKA_PORT=str(base), KAFKA_DATA=f"{work}/kafka", PG_PORT=str(base + 2),
               PG_DATA=f"{work}/postgres", SUJIP_KAFKA=f"127.0.0.1:{base}",
               SUJIP_PG=f"postgresql://postgres@127.0.0.1:{base + 2}/sujip", SUJIP_HOME=f"{work}/home",
               SUJIP_SHARE=str(ROOT), SUJIP_METRICS="", SUJIP_BOARD=f"127.0.0.1:{base + 1000}")

    def call(*command):
        return subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout

    def pid_of(script):
        words = call(str(ROOT / "tools" / script), "status").replace("=", " ").split()
        return int(words[words.index("pid") + 1])

    try:
        call(str(ROOT / "tools/kafka-local.sh"), "start")
        call(str(ROOT / "tools/postgres-local.sh"), "start")
        broker, database = pid_of("kafka-local.sh"), pid_of("postgres-local.sh")
        call(args.program, "topics", "apply")
        call(args.program, "db", "migrate")
        call(args.program, "source", "add", "danawa", "--path", str(args.data), "--no-guard")
        broker_before, pg_before = cpu_of([broker]), cpu_of(children_of(database))
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.monotonic()
        done = subprocess.run([args.program, "up", "--once"], env=env, capture_output=True, text=True)
        wall = time.monotonic() - began
        now = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode != 0:
            raise SystemExit(done.stderr[-2000:] + done.stdout[-2000:])
        said = json.loads(done.stdout.strip().splitlines()[-1])
        rows = said["collected"]["rows"]
        return {"run": number, "complete": said["complete"], "rows": rows, "wall_s": round(wall, 1),
                "rows_per_s": int(rows / wall),
                "sujip_cpu_s": round(now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime, 1),
                "broker_cpu_s": round(cpu_of([broker]) - broker_before, 1),
                "postgres_cpu_s": round(cpu_of(children_of(database)) - pg_before, 1),
                "created": said["created"], "updated": said["updated"], "deleted": said["deleted"]}
    finally:
        for script in ("kafka-local.sh", "postgres-local.sh"):
            subprocess.run([str(ROOT / "tools" / script), "stop"], env=env, capture_output=True)
        shutil.rmtree(work, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, default=ROOT / ".local/data/danawa")
    parser.add_argument("--program", default=str(ROOT / "build/release/sujip"))
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    runs = []
    for n in range(args.runs):
        runs.append(one_run(args, n + 1))
        print(json.dumps(runs[-1]), flush=True)
    best = min(runs, key=lambda r: r["wall_s"])
    print(json.dumps({"bench": "feed", **best, "runs": len(runs),
                      "exact": best["created"] == 21301 and best["deleted"] == 19486}))


if __name__ == "__main__":
    main()
