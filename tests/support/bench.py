"""What the benchmarks share: a broker of their own, CPU and memory of processes, the peers' folder."""

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import confluent_kafka

from servers import KAFKA, POSTGRES, ROOT, clean_environment, free_port

TICKS = os.sysconf("SC_CLK_TCK")


def peers_folder(name):
    """The folder of a peer, or None: then only our own side is measured."""
    base = pathlib.Path(os.environ.get("SUJIP_PEERS") or ROOT.parent / "shared/peers")
    return base / name if (base / name).is_dir() else None


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def finish(result):
    """The last line of every benchmark."""
    print(json.dumps(result), flush=True)
    raise SystemExit(0 if result.get("exact") in (True, None) else 1)


def cpu_seconds(*pids):
    """User and system seconds of live processes, ended and waited-for children included."""
    total = 0
    for pid in pids:
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += sum(int(n) for n in fields[11:15])
    return total / TICKS


def peak_rss_mb(pid):
    try:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) // 1024
    except OSError:
        pass
    return 0


class Broker:
    """A private broker in a temporary folder on a real disk."""

    def __init__(self, heap="1g"):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sujip-bench-", dir="/var/tmp"))
        port = free_port(2)
        self.address = f"127.0.0.1:{port}"
        self.environment = clean_environment() | {
            "KAFKA_PORT": str(port), "KAFKA_DATA": str(self.folder / "kafka"), "KAFKA_HEAP": heap,
            # Every change is counted afterwards, those too that compaction would take away.
            "KAFKA_EXTRA": "|".join(["log.cleaner.min.compaction.lag.ms=86400000",
                                     *filter(None, [os.environ.get("KAFKA_EXTRA")])])}
        done = subprocess.run([KAFKA, "start"], env=self.environment, capture_output=True, text=True)
        if done.returncode:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise SystemExit(done.stderr)
        words = subprocess.run([KAFKA, "status"], env=self.environment, check=True,
                               capture_output=True, text=True).stdout.replace("=", " ").split()
        self.pid = int(words[words.index("pid") + 1])

    def tool(self, *words):
        return subprocess.run([KAFKA, "tool", *words], env=self.environment, capture_output=True, text=True)

    def topics(self):
        client = confluent_kafka.Consumer({"bootstrap.servers": self.address, "group.id": "unused"})
        return {t.topic: len(t.partitions) for t in client.list_topics(timeout=30).topics.values()}

    def close(self):
        subprocess.run(["sh", "-c", '"$0" kill; "$0" wipe', KAFKA], env=self.environment,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.folder, ignore_errors=True)


class Database:
    """A private PostgreSQL beside the broker."""

    def __init__(self, folder):
        folder.chmod(0o755)  # PostgreSQL's own user has to enter it
        port = free_port()
        self.environment = clean_environment() | {"PG_PORT": str(port), "PG_DATA": str(folder / "postgres")}
        done = subprocess.run([POSTGRES, "start"], env=self.environment, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr)
        self.uri = f"postgresql://postgres@127.0.0.1:{port}/sujip"
        words = subprocess.run([POSTGRES, "status"], env=self.environment, check=True,
                               capture_output=True, text=True).stdout.replace("=", " ").split()
        self.pid = int(words[words.index("pid") + 1])

    def cpu_seconds(self):
        children = subprocess.run(["pgrep", "-P", str(self.pid)], capture_output=True, text=True).stdout
        return cpu_seconds(self.pid, *children.split())

    def close(self):
        subprocess.run(["sh", "-c", '"$0" kill; "$0" wipe', POSTGRES], env=self.environment,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Sujip:
    """One program with a home, a prefix and declarations of its own."""

    def __init__(self, broker, program, declarations, prefix="bench.", home=None):
        self.broker, self.program, self.prefix = broker, str(program), prefix
        self.home = pathlib.Path(home or tempfile.mkdtemp(prefix="home-", dir=broker.folder))
        share = self.home / "share"
        (share / "topics/datasets").mkdir(parents=True, exist_ok=True)
        (share / "producers/connectors").mkdir(parents=True, exist_ok=True)
        if not (share / "sql").exists():
            (share / "sql").symlink_to(ROOT / "sql")
        for file in declarations:
            shutil.copy(file, share / "topics/datasets")
        self.environment = clean_environment() | {
            "SUJIP_KAFKA": broker.address, "SUJIP_HOME": str(self.home), "SUJIP_SHARE": str(share),
            "SUJIP_PREFIX": prefix, "SUJIP_METRICS": "", "SUJIP_LOG": "info"}
        self.log = self.home / "log"

    def call(self, *words):
        done = subprocess.run([self.program, *words], env=self.environment, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"sujip {' '.join(words)}: {done.stderr}")
        return done.stdout

    def start(self, *words, **environment):
        with open(self.log, "ab") as log:
            return subprocess.Popen([self.program, *words], env=self.environment | environment,
                                    stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def stop(self, process):
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def forget(self):
        shutil.rmtree(self.home, ignore_errors=True)


class Progress:
    """How far groups are: committed offsets against the last stable offset of their input."""

    def __init__(self, broker, groups, ends_only=False):
        """groups: {group: topic}"""
        self.groups = not ends_only
        self.consumers = {}
        for group, topic in groups.items():
            consumer = confluent_kafka.Consumer({"bootstrap.servers": broker.address, "group.id": group,
                                                 "isolation.level": "read_committed"})
            count = len(consumer.list_topics(topic, timeout=30).topics[topic].partitions)
            parts = [confluent_kafka.TopicPartition(topic, p) for p in range(count)]
            self.consumers[group] = (consumer, parts)

    def read(self, group):
        """(committed, end) summed over the partitions."""
        deadline = time.monotonic() + 30
        while True:
            try:
                return self.read_once(group)
            except confluent_kafka.KafkaException:
                # Leaders of topics just made are not known everywhere yet.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def read_once(self, group):
        # One request for all ends: a benchmark that polls must not be what the broker works for.
        consumer, parts = self.consumers[group]
        committed = sum(max(0, p.offset) for p in consumer.committed(parts, timeout=30)) if self.groups else 0
        asked = [confluent_kafka.TopicPartition(p.topic, p.partition, confluent_kafka.OFFSET_END) for p in parts]
        ends = consumer.offsets_for_times(asked, timeout=30)
        if any(p.error for p in ends):
            raise confluent_kafka.KafkaException(next(p.error for p in ends if p.error))
        return committed, sum(p.offset for p in ends)


def read_topic(address, topic, form):
    """Every committed record of a topic, as kcat prints it: bytes without the line end."""
    reader = subprocess.Popen(
        ["kcat", "-C", "-q", "-b", address, "-t", topic, "-e", "-o", "beginning", "-f", form + "\n",
         "-X", "isolation.level=read_committed", "-X", "enable.partition.eof=true"],
        stdout=subprocess.PIPE, bufsize=1 << 20)
    for line in reader.stdout:
        yield line[:-1]
    if reader.wait():
        raise SystemExit(f"kcat failed on {topic}")


def random_name():
    return f"{random.randrange(1 << 32):08x}"


def best(runs, key, largest=False):
    values = [r[key] for r in runs if r]
    return (max if largest else min)(values) if values else None


def ratio(a, b):
    return round(a / b, 2) if a is not None and b else None
