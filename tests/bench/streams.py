#!/usr/bin/env python3
"""Raw rows to changes and day/week/month totals, beside Kafka Streams and Flink on the same broker.

The input is that of the peers' `workload` (3 deliveries of each row: new, restated, the same again);
its expected.json is the oracle. Each program gets the same raw topic; our side writes its own topics
and formats, and is compared with the oracle here, the peers by their own harness.

    tests/bench/run streams [--events 3000000] [--rounds 1] [--lanes 2] [--only-sujip] [--full] [--snapshots]

Needs kcat and the peers' folder (SUJIP_PEERS) for the generator; java and mvn for the peers themselves.
"""
import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "support"), str(HERE.parent / "chaos")]
from bench import (Broker, Progress, Sujip, best, cpu_seconds, finish, peak_rss_mb, peers_folder,
                   random_name, ratio, read_topic, say)

from oracle import partition_of
from snapshot_rows import MAPPING, load_snapshots

METRICS = ("impressions", "clicks", "cost", "conversions", "conversion_value")
LEVELS = {"all": (), "medium": ("medium",), "campaign": ("medium", "account", "campaign")}
RAW, CHANGES, ROLLUP = "bench.report.raw", "bench.change.ad_report", "bench.rollup.ad_report"


def workload(events, folder):
    """The generated input, made once."""
    peers = peers_folder("workload")
    if not peers:
        raise SystemExit("the generator is not there: set SUJIP_PEERS to the peers' folder")
    data = pathlib.Path(folder) / f"events-{events}"
    if not (data / "expected.json").exists():
        say(f"generating {events} events")
        data.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, peers / "generate.py", "--events", str(events), "--seed",
                        "20260307", "--out", data], check=True, stdout=subprocess.DEVNULL)
    return data


def create_raw(broker):
    broker.tool("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", broker.address, "--create",
                "--topic", RAW, "--partitions", "6")


def load(broker, data):
    say("loading the raw topic")
    create_raw(broker)
    with open(data / "events.jsonl", "rb") as events:
        subprocess.run(["kcat", "-P", "-b", broker.address, "-t", RAW, "-K", "\t", "-z", "lz4", "-X",
                        "linger.ms=20", "-X", "batch.num.messages=5000", "-X", "enable.idempotence=true",
                        "-X", "queue.buffering.max.kbytes=262144", "-l", data / "events.jsonl"],
                       stdin=events, check=True)


def verify(broker, expected, full):
    """What differs from the oracle, in words; [] when nothing does."""
    sys.path.insert(0, str(peers_folder("workload")))
    from generate import AUDIT, fnv
    wrong = []
    last = {}
    records = 0
    for line in read_topic(broker.address, ROLLUP, "%k\t%s"):
        key, value = line.split(b"\t", 1)
        last[key] = value
        records += 1
    got, fingerprint = {}, 0
    campaign = {kind: {"groups": 0, **dict.fromkeys(METRICS, 0)} for kind in ("day", "week", "month")}
    for value in last.values():
        row = json.loads(value)
        if row["period"] == "year":
            continue
        sums = [row[m] for m in METRICS]
        key = "|".join([row["grain"], row["period"], row["period_start"],
                        *(row[d] for d in LEVELS[row["grain"]])])
        if row["grain"] == "campaign":
            entry = campaign[row["period"]]
            entry["groups"] += 1
            for m, v in zip(METRICS, sums):
                entry[m] += v
            fingerprint = (fingerprint + fnv(key + "".join("|%d" % v for v in sums))) % (1 << 64)
        else:
            got[key] = dict(zip(METRICS, sums))
    if got != expected["rollup"]:
        wrong.append("totals of all and medium differ")
    if campaign != expected["campaign"] or "%016x" % fingerprint != expected["campaign_fingerprint"]:
        wrong.append("totals of campaigns differ")
    counts = {"created": 0, "updated": 0}
    rows = {}
    for line in read_topic(broker.address, CHANGES, "%k\t%s"):
        key, value = line.split(b"\t", 1)
        if not full:
            op = "created" if b',"op":"c"' in value else "updated" if b',"op":"u"' in value else None
            counts[op] = counts.get(op, 0) + 1
            continue
        change = json.loads(value)
        content = [None if change[side] is None else
                   hash(tuple((k, v) for k, v in sorted(change[side].items()) if k not in AUDIT))
                   for side in ("before", "after")]
        counts["created" if change["op"] == "c" else "updated"] += 1
        if rows.get(key) != content[0] or content[0] == content[1]:
            wrong.append(f"before is not the previous row: {key.decode()}")
        rows[key] = content[1]
    if counts != expected["changes"]:
        wrong.append(f"changes: expected {expected['changes']}, found {counts}")
    return wrong[:10], records


def profile(file, process):
    """Records what the process does, when a file is wanted."""
    if not file:
        return None
    time.sleep(0.5)  # its threads are there by then
    return subprocess.Popen(["perf", "record", "-q", "-g", "-e", "cpu-clock", "-F", "499", "-o", file,
                             "-p", str(process.pid)])


def end_profile(profiler):
    if profiler:
        profiler.send_signal(signal.SIGINT)
        profiler.wait()


def run_sujip(broker, args, expected):
    say("sujip")
    # Groups keep their offsets: a run has a home of its own and topics made anew.
    for topic in broker.topics():
        if topic.startswith("bench.") and not topic.startswith("bench.report."):
            broker.tool("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", broker.address,
                        "--delete", "--topic", topic)
    for group in ("entity", "rollup", "scope"):
        broker.tool("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "--bootstrap-server",
                    broker.address, "--delete", "--group", f"bench.sujip-{group}")
    sujip = Sujip(broker, args.program, [HERE / "streams/ad_report.yaml"])
    for source in args.sources:
        folder = sujip.home / "share/producers/connectors" / source
        folder.mkdir()
        (folder / "mapping.yaml").write_text(MAPPING.format(source))
    sujip.call("topics", "apply")
    progress = Progress(broker, {"bench.sujip-entity": RAW})
    outputs = [Progress(broker, {"unused": topic}, ends_only=True) for topic in (CHANGES, ROLLUP)]
    broker_before = cpu_seconds(broker.pid)
    began = told = time.monotonic()
    command = ["process", "--lanes", str(args.lanes), "--commit-interval", str(args.commit_interval)]
    if args.cache_mb:
        command += ["--cache-mb", str(args.cache_mb)]
    processes = [sujip.start(*command, SUJIP_INSTANCE=str(n)) for n in range(args.processes)]
    process = processes[0]
    pids = [one.pid for one in processes]
    profiler = profile(args.perf, process)
    # The clock stops at the last growth of an output, which is when the last transaction became
    # visible to readers of committed records.
    first = last = None
    seen = [0, 0]
    figures = {}
    while last is None or time.monotonic() - last < 3 or committed < end:
        time.sleep(0.05)
        committed, end = progress.read("bench.sujip-entity")
        now = time.monotonic()
        ends = [output.read("unused")[1] for output in outputs]
        if ends != seen:
            first = first or now
            last, seen = now, ends
            figures = {"app_cpu_s": round(cpu_seconds(*pids), 2),
                       "broker_cpu_s": round(cpu_seconds(broker.pid) - broker_before, 2),
                       "rss_mb": sum(peak_rss_mb(pid) for pid in pids)}
        if now - told > 5:
            told = now
            say(f"  {committed:,} of {end:,}, {peak_rss_mb(process.pid)} MB")
        if any(one.poll() is not None for one in processes):
            raise SystemExit(f"sujip ended: {sujip.log.read_text()[-2000:]}")
    figures |= {"wall_s": round(last - began, 2), "events_per_s": round(args.events / (last - began)),
                "events_per_s_after_first": round(args.events / (last - first))}
    end_profile(profiler)
    for one in processes:
        sujip.stop(one)
    figures["cpu_per_million"] = round(figures["app_cpu_s"] / args.events * 1e6, 2)
    if args.no_verify:
        wrong, records = [], 0
    else:
        wrong, records = verify(broker, expected, args.full)
    figures |= {"exact": not wrong, "wrong": wrong, "rollup_records": records}
    say(f"  {figures}")
    if args.keep_home:
        return figures | {"home": str(sujip.home)}
    sujip.forget()
    return figures


def warm_up(broker, args):
    """Whoever runs first would pay for the broker's just-in-time compiler: 10 CPU-seconds here."""
    say("warming the broker, figures of no count:")
    run_sujip(broker, argparse.Namespace(**vars(args) | {"no_verify": True, "perf": None}), None)


def run_snapshots(args, data, expected):
    """The same rows, collected as a run of each account and day."""
    say("as scope snapshots")
    broker = Broker()
    try:
        create_raw(broker)
        args.sources = load_snapshots(broker.address, RAW, data / "events.jsonl", partition_of)
        return run_sujip(broker, args, expected)
    finally:
        broker.close()


def run_copy(broker, args):
    """The floor: the same records from topic to topic in transactions, nothing else done."""
    say("copy floor")
    program = pathlib.Path(args.program).parent / "tests/bench/copy_topic"
    if not program.exists():
        return None
    broker.tool("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", broker.address, "--delete",
                "--topic", "copy.of.raw")
    broker.tool("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", broker.address, "--create",
                "--topic", "copy.of.raw", "--partitions", "6")
    done = subprocess.run([program, broker.address, RAW, "copy.of.raw", "copy-" + random_name()],
                          capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    figures = json.loads(done.stdout.splitlines()[-1])
    say(f"  {figures}")
    return figures


def run_peer(broker, args, data, name):
    peer = peers_folder(name)
    if not peer:
        return None
    say(name)
    environment = os.environ | {"BOOTSTRAP": broker.address, "TMPDIR": str(broker.folder),
                                "STATE_DIR": str(broker.folder / f"{name}-state")}
    if name == "kstreams":
        environment |= {"TOPOLOGY": "tuned", "THREADS": "2", "COMMIT_MS": "1000", "CACHE_MB": "128",
                        "CLIENTS": "tuned", "ROCKS": "tuned", "JVM": "-Xms1g -Xmx1g -XX:+UseG1GC",
                        "GROUP_INSTANCE_ID": "a"}
    # The peers build in their own folder: a copy, so that theirs stays as it is.
    work = pathlib.Path(args.work) / "peers"
    work.mkdir(parents=True, exist_ok=True)
    for part in (name, "workload"):
        if not (work / part).exists():
            subprocess.run(["cp", "-r", peers_folder(part), work / part], check=True)
    done = subprocess.run([work / name / "run.sh", "--data", data, "--broker-pid", str(broker.pid)],
                          env=environment, capture_output=True, text=True)
    # Maven leaves its colours around the line.
    lines = [line[line.index("{"):line.rindex("}") + 1] for line in done.stdout.splitlines()
             if "{" in line and "}" in line]
    if done.returncode or not lines:
        say(f"  {name} failed: {(done.stdout + done.stderr)[-1500:]}")
        return None
    figures = json.loads(lines[-1])
    figures["cpu_per_million"] = round(figures["app_cpu_s"] / args.events * 1e6, 2)
    say(f"  {figures}")
    return figures


def arguments(doc):
    p = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--events", type=int, default=3_000_000)
    p.add_argument("--rounds", type=int, default=1)
    p.add_argument("--lanes", type=int, default=2)
    p.add_argument("--cache-mb", type=int, default=0)
    p.add_argument("--commit-interval", type=int, default=30)
    p.add_argument("--full", action="store_true", help="check every change against the one before it")
    p.add_argument("--no-verify", action="store_true", help="for profiling")
    p.add_argument("--perf", metavar="FILE", help="record a profile of our side")
    p.add_argument("--program", default=str(HERE.parents[1] / "build/release/sujip"))
    p.add_argument("--work", default="/var/tmp/sujip-bench", help="generated input and built peers")
    p.set_defaults(processes=1, keep_home=False, sources=[])
    return p


def main():
    p = arguments(__doc__)
    p.add_argument("--only-sujip", action="store_true")
    p.add_argument("--cold", action="store_true", help="measure on a broker that has done nothing yet")
    p.add_argument("--snapshots", action="store_true", help="and the same rows as runs of scopes")
    p.add_argument("--only-peers", action="store_true", help="for the peers' own settings")
    args = p.parse_args()
    data = workload(args.events, args.work)
    expected = json.load(open(data / "expected.json", encoding="utf-8"))
    broker = Broker()
    ours, copies, streams, flinks = [], [], [], []
    try:
        load(broker, data)
        if not args.cold:
            warm_up(broker, args)
        for _ in range(args.rounds):
            if not args.only_peers:
                copies.append(run_copy(broker, args))
                ours.append(run_sujip(broker, args, expected))
            if not args.only_sujip:
                streams.append(run_peer(broker, args, data, "kstreams"))
                flinks.append(run_peer(broker, args, data, "flink"))
    finally:
        broker.close()
    snapshots = run_snapshots(args, data, expected) if args.snapshots else None
    cpu, rate = best(ours, "cpu_per_million"), best(ours, "events_per_s", True)
    finish({
        "bench": "streams", "events": args.events, "exact": None if args.no_verify else all(r["exact"] for r in ours),
        "events_per_s": rate, "cpu_per_million": cpu, "broker_cpu_s": best(ours, "broker_cpu_s"),
        "rss_mb": best(ours, "rss_mb", True),
        "cpu_ratio": ratio(best(streams, "cpu_per_million"), cpu),
        "wall_ratio": ratio(rate, best(streams, "events_per_s", True)),
        "flink_cpu_ratio": ratio(best(flinks, "cpu_per_million"), cpu),
        "flink_wall_ratio": ratio(rate, best(flinks, "events_per_s", True)),
        "flink_memory_ratio": ratio(best(ours, "rss_mb", True), best(flinks, "app_peak_rss_mb")),
        "copy_ratio": ratio(cpu, best(copies, "cpu_per_million")), "snapshots": snapshots})


if __name__ == "__main__":
    main()
