"""Topics, tables and processes of one test: a prefix, a database and a folder of its own."""

import contextlib
import json
import os
import pathlib
import subprocess
import time
import urllib.request

import confluent_kafka
import confluent_kafka.admin
import psycopg2
import psycopg2.extras
import pytest

from servers import ROOT, free_port

TRANSIENT = (confluent_kafka.KafkaError.NOT_LEADER_FOR_PARTITION, confluent_kafka.KafkaError._TRANSPORT,
             confluent_kafka.KafkaError._TIMED_OUT, confluent_kafka.KafkaError._ALL_BROKERS_DOWN,
             confluent_kafka.KafkaError.LEADER_NOT_AVAILABLE)
TIMELESS = "to_jsonb(t) - 'run' - 'updated_at' - 'rev' - 'snapshot_at'"
BINARY = os.environ.get("SUJIP_BIN", "")


def data_folder(name):
    """The folder of real data, or a visible skip."""
    base = pathlib.Path(os.environ.get("SUJIP_DATA") or ROOT.parent / "shared/data")
    if not (base / name).is_dir():
        pytest.skip(f"no real data: {base / name} is not there (SUJIP_DATA)")
    return base / name


def wait_for(what, condition, seconds=60):
    deadline = time.monotonic() + seconds
    while True:
        began = time.monotonic()
        last = condition()
        if last:
            return last
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds} s for {what}; last seen: {last!r}")
        # Between two looks at the condition; one that starts a program must not take all of the machine.
        time.sleep(max(0.02, time.monotonic() - began))


def caught_up(world):
    wait_for("all to be caught up", lambda: world.run("lag", code=None).code == 0, 90)


class Done:
    """What a command said."""

    def __init__(self, command, process):
        self.command = command
        self.code, self.out, self.err = process.returncode, process.stdout, process.stderr

    @property
    def text(self):
        return self.out + self.err

    @property
    def json(self):
        """The last line."""
        return json.loads(self.out.strip().splitlines()[-1])

    def lines(self):
        return [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]


class World:
    def __init__(self, servers, name, share=ROOT):
        self.servers, self.name = servers, servers.names + name
        self.prefix = self.name + "."
        self.folder = servers.folder / name
        self.folder.mkdir()
        self.processes = []
        self.databases(f"create database {self.name}")
        self.board = f"127.0.0.1:{free_port()}"
        self.environment = servers.environment | {
            "SUJIP_KAFKA": servers.kafka_address, "SUJIP_PG": servers.pg(self.name),
            "SUJIP_PREFIX": self.prefix, "SUJIP_HOME": str(self.folder / "home"),
            "SUJIP_SHARE": str(share), "SUJIP_BOARD": self.board, "SUJIP_METRICS": "",
        }
        self.run("topics", "apply")
        self.run("db", "migrate")

    def databases(self, statement):
        admin = psycopg2.connect(self.servers.pg("sujip"))
        admin.autocommit = True
        admin.cursor().execute(statement)
        admin.close()

    # --- commands and roles ----------------------------------------------------------------------

    def run(self, *arguments, code=0, timeout=300, **environment):
        """Runs a command to its end. `code` None: any exit code will do."""
        done = Done(arguments, subprocess.run([BINARY, *map(str, arguments)], text=True, errors="replace",
                                              capture_output=True, timeout=timeout,
                                              env=self.environment | environment))
        assert code is None or done.code == code, \
            f"sujip {' '.join(map(str, arguments))}: exit code {done.code}\n" \
            f"{done.out[-3000:]}\n{done.err[-3000:]}\n{self.logs()}"
        return done

    def up_once(self, *options, code=0, timeout=300):
        """Collects everything that is due; the JSON object of the summary."""
        return self.run("up", "--once", *options, code=code, timeout=timeout).json

    def start(self, *arguments, **environment):
        log = open(self.folder / f"{arguments[0]}-{len(self.processes)}.log", "wb")
        process = subprocess.Popen([BINARY, *map(str, arguments)], stdout=log, stderr=log,
                                   env=self.environment | environment)
        log.close()
        self.processes.append(process)
        return process

    @contextlib.contextmanager
    def running(self, *arguments, **environment):
        process = self.start(*arguments, **environment)
        try:
            yield process
        finally:
            self.end(process)

    def end(self, process, seconds=20):
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait(seconds)

    def logs(self, most=2500):
        """The ends of the logs of the roles, for messages."""
        text = ""
        for file in sorted((self.folder / "home/log").glob("*.log")) + sorted(self.folder.glob("*.log")):
            text += f"--- {file.name}\n" + file.read_text(errors="replace")[-most:] + "\n"
        return text

    # --- what came out ---------------------------------------------------------------------------

    def query(self, sql, *parameters):
        """Rows as tuples, through a connection of their own: the database may have been restarted."""
        connection = psycopg2.connect(self.environment["SUJIP_PG"])
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql, parameters or None)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def value(self, sql, *parameters):
        return self.query(sql, *parameters)[0][0]

    def table(self, name):
        """Every row of a table as sorted text, without the columns that say when or how often."""
        return [row[0] for row in self.query(
            f"select ({TIMELESS})::text from sujip.{name} t order by 1")]

    def fingerprint(self, name):
        """The same for tables of any size: how many rows, and a sum over all of them."""
        return self.query(f"select count(*), sum(hashtextextended(({TIMELESS})::text, 0)::numeric)"
                          f" from sujip.{name} t")[0]

    def messages(self, name, committed=True):
        """Every message of a topic in the order of (partition, offset), as another client reads it."""
        consumer = confluent_kafka.Consumer({
            "bootstrap.servers": self.servers.kafka_address, "group.id": "reader",
            "enable.auto.commit": False, "enable.partition.eof": True, "fetch.wait.max.ms": 20,
            "isolation.level": "read_committed" if committed else "read_uncommitted"})
        try:
            partitions = consumer.list_topics(self.prefix + name, 20).topics[self.prefix + name].partitions
            consumer.assign([confluent_kafka.TopicPartition(self.prefix + name, p, 0)
                             for p in partitions])
            ended, found = set(), []
            deadline = time.monotonic() + 120
            while len(ended) < len(partitions):
                assert time.monotonic() < deadline, f"reading {name} takes too long"
                for message in consumer.consume(20000, 0.05):
                    if message.error() is None:
                        found.append(message)
                    elif message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
                        ended.add(message.partition())
                    else:
                        raise AssertionError(message.error())
            return sorted(found, key=lambda message: (message.partition(), message.offset()))
        finally:
            consumer.close()

    def topic(self, name, committed=True):
        """Its records as (partition, offset, key, value)."""
        return [(message.partition(), message.offset(), message.key(), message.value())
                for message in self.messages(name, committed)]

    def ends(self, name):
        """The end of every partition of a topic: grows with every record, and with every transaction."""
        consumer = confluent_kafka.Consumer({
            "bootstrap.servers": self.servers.kafka_address, "group.id": "reader"})
        try:
            topic = self.prefix + name
            partitions = sorted(consumer.list_topics(topic, 20).topics[topic].partitions)

            def look():
                try:
                    return [consumer.get_watermark_offsets(confluent_kafka.TopicPartition(topic, p), 20)[1]
                            for p in partitions]
                except confluent_kafka.KafkaException as error:
                    if error.args[0].code() not in TRANSIENT:
                        raise
                    return None  # a topic or a broker that is just starting
            return wait_for(f"the ends of {topic}", look, 30)
        finally:
            consumer.close()

    def board_json(self, path="/api/board.json"):
        with urllib.request.urlopen(f"http://{self.board}{path}", timeout=10) as answer:
            return json.load(answer)

    def close(self):
        for process in self.processes:
            self.end(process)
        if self.servers.names:  # they go on for others
            admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": self.servers.kafka_address})
            topics = [topic for topic in admin.list_topics(timeout=20).topics if topic.startswith(self.prefix)]
            for deleted in admin.delete_topics(topics).values():
                deleted.result(60)
            self.databases(f"drop database {self.name} with (force)")
