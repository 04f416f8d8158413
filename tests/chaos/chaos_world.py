"""Broker, database, proxies and the processes of one chaos run."""

import mmap
import pathlib
import shutil
import struct
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))

import psycopg2  # noqa: E402

import servers as servers_module  # noqa: E402
from world import World  # noqa: E402

MAPPING = "source: chaos\ndatasets:\n" + "".join(
    f"  {name}:\n    passthrough: true\n    fields: {{currency: \"{{{{ record['currency'] }}}}\"}}\n"
    for name in ("order_item", "product", "ad_performance"))


class Proxy:
    def __init__(self, kind, listen, server):
        self.process = subprocess.Popen(
            [sys.executable, str(pathlib.Path(__file__).with_name("proxy.py")), kind, str(listen),
             str(server)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def say(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


class Process:
    """A role that is started again whenever it has ended, as a supervisor would."""

    def __init__(self, chaos, name, *arguments):
        self.chaos, self.name, self.arguments = chaos, name, arguments
        self.process = None
        self.wanted = False
        self.starts = 0
        self.clock_file = chaos.folder / f"{name}.clock"
        self.clock_file.write_bytes(struct.pack("q", 0))

    def start(self, **environment):
        assert not self.alive()
        self.wanted = True
        self.starts += 1
        environment = dict(environment, SUJIP_INSTANCE=self.name)
        if self.chaos.shim:
            environment |= {"LD_PRELOAD": str(self.chaos.shim), "CHAOS_CLOCK": str(self.clock_file)}
        with open(self.chaos.folder / f"{self.name}.log", "ab") as log:
            log.write(f"--- start {self.starts} {environment.get('SUJIP_FAULT', '')}\n".encode())
            log.flush()
            self.process = subprocess.Popen(
                [self.chaos.binary, *self.arguments], stdout=log, stderr=log,
                env=self.chaos.world.environment | environment)
        return self

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def stopped(self):
        try:
            text = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text()
        except OSError:
            return False
        return text.rsplit(")", 1)[1].split()[0] == "T"

    def signal(self, number):
        if self.alive():
            self.process.send_signal(number)

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait(30)

    def stop(self):
        """Orderly; the seconds it took."""
        self.wanted = False
        began = time.monotonic()
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
        return time.monotonic() - began

    def set_clock(self, seconds):
        with open(self.clock_file, "r+b") as file, mmap.mmap(file.fileno(), 8) as at:
            at[:8] = struct.pack("q", seconds)


class ChaosWorld:
    def __init__(self, binary, session_ms, keep_logs=None):
        self.binary, self.keep_logs = binary, keep_logs
        kafka_port = servers_module.free_port(5)  # broker, controller, and three of ours
        direct, self.proxy_port, self.pg_proxy_port = kafka_port + 2, kafka_port + 3, kafka_port + 4
        extra = "|".join([
            f"listeners=PLAINTEXT://127.0.0.1:{kafka_port},DIRECT://127.0.0.1:{direct},"
            f"CONTROLLER://127.0.0.1:{kafka_port + 1}",
            f"advertised.listeners=PLAINTEXT://127.0.0.1:{self.proxy_port},DIRECT://127.0.0.1:{direct}",
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,DIRECT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            # What the broker sends to itself is not what is to be cut.
            "inter.broker.listener.name=DIRECT"])
        self.servers = servers_module.Servers(KAFKA_PORT=str(kafka_port), KAFKA_EXTRA=extra)
        self.folder = self.servers.folder
        self.direct = f"127.0.0.1:{direct}"
        self.kafka_proxy = Proxy("kafka", self.proxy_port, kafka_port)
        self.pg_proxy = Proxy("postgres", self.pg_proxy_port, self.servers.pg_port)
        share = self.folder / "share"
        for name in ("topics", "sql", "monitoring", "producers"):
            shutil.copytree(ROOT / name, share / name, ignore=shutil.ignore_patterns("*.cc", "*.h"))
        connector = share / "producers/connectors/chaos"
        connector.mkdir()
        (connector / "mapping.yaml").write_text(MAPPING)
        self.servers.kafka_address = f"127.0.0.1:{self.proxy_port}"
        self.world = World(self.servers, "chaos", share=share)
        self.pg = self.servers.pg("chaos")
        self.world.environment["SUJIP_PG"] = self.pg.replace(
            f":{self.servers.pg_port}/", f":{self.pg_proxy_port}/")
        self.shim = self.build_shim()
        options = ("--session-timeout", str(session_ms), "--lanes")
        self.processors = [Process(self, "p1", "process", *options, "1"),
                           Process(self, "p2", "process", *options, "2"),
                           Process(self, "p3", "process", *options, "1")]
        self.sinks = [Process(self, f"s{n}", "sink") for n in (1, 2)]
        self.ended_by_themselves = []

    def build_shim(self):
        out = self.folder / "clock.so"
        done = subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(out),
                               str(pathlib.Path(__file__).with_name("clock.c")), "-ldl"],
                              capture_output=True, text=True)
        if done.returncode != 0:
            print(f"no clock to jump with: {done.stderr[:300]}", file=sys.stderr)
            return None
        return out

    @property
    def all(self):
        return self.processors + self.sinks

    def tend(self):
        """What has ended by itself starts again."""
        for one in self.all:
            if one.wanted and not one.alive():
                self.ended_by_themselves.append((one.name, one.process.returncode))
                one.start()

    def state_folder(self, name):
        return self.folder / "chaos/home/state" / f"{self.world.prefix}process-{name}"

    def sql(self, text):
        connection = psycopg2.connect(self.pg, connect_timeout=5)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(text)
                return cursor.fetchall()
        finally:
            connection.close()

    def broker_forgot(self):
        """Whether the broker that runs now says that it could not load a part of the groups' offsets."""
        log = (self.folder / "kafka/broker.log").read_text(errors="replace")
        return "is out of sync with the underlying log" in log

    def told_by_servers(self):
        """When something stands still: transactions, members of groups, who owns a sink's partitions, what sessions wait for."""
        told = ""
        tools = "org.apache.kafka.tools."
        for words in ([tools + "TransactionsCommand", "list"],
                      [tools + "TransactionsCommand", "find-hanging", "--broker-id", "1",
                       "--max-transaction-timeout", "0"],
                      [tools + "consumer.group.ConsumerGroupCommand", "--describe", "--all-groups", "--members",
                       "--verbose"]):
            done = subprocess.run(
                [servers_module.KAFKA, "tool", words[0], "--bootstrap-server", self.direct, *words[1:]],
                env=self.servers.environment, capture_output=True, text=True, timeout=60)
            told += done.stdout + done.stderr[-500:]
        for question in ("select member, owner, heartbeat_at::text from sujip.sink_member",
                         "select owner, count(*), max(updated_at)::text from sujip.sink_progress group by 1",
                         "select application_name, state, wait_event, pg_blocking_pids(pid), left(query, 100)"
                         " from pg_stat_activity where application_name like 'sujip%'"):
            told += "".join(f"{row}\n" for row in self.sql(question))
        return told

    def close(self):
        for one in self.all:
            one.wanted = False
            one.kill()
        if self.keep_logs:
            pathlib.Path(self.keep_logs).mkdir(parents=True, exist_ok=True)
            for log in (*self.folder.glob("*.log"), *self.folder.glob("kafka/broker.log*")):
                shutil.copy(log, self.keep_logs)
        self.kafka_proxy.close()
        self.pg_proxy.close()
        self.world.close()
        self.servers.close()
