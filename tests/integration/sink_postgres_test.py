"""The sink against a real broker and database: whatever is killed, tables equal the oracle.

The oracle is a few dictionaries here, filled while the records are produced. The sink is the program
under test, started as a user would; SUJIP_BIN names it.
"""
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import confluent_kafka
import confluent_kafka.admin
import psycopg2
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("SUJIP_BIN", "")
PARTITIONS = 6
T0 = 1_593_936_000_000  # 2020-07-05

pytestmark = pytest.mark.skipif(not BINARY, reason="SUJIP_BIN names no program to test")


def free_port():
    while True:
        port = random.randrange(20000, 30000)
        try:
            for p in (port, port + 1):
                with socket.socket() as s:
                    s.bind(("127.0.0.1", p))
            return port
        except OSError:
            continue


def wait_for(what, condition, seconds=60):
    deadline = time.monotonic() + seconds
    last = None
    while time.monotonic() < deadline:
        last = condition()
        if last:
            return last
        time.sleep(0.02)
    pytest.fail(f"waited {seconds} s for {what}; last seen: {last}")


@pytest.fixture(scope="module")
def servers():
    with tempfile.TemporaryDirectory(prefix="sujip-sink-test-") as folder:
        env = dict(os.environ)
        env.update(
            KAFKA_PORT=str(free_port()), KAFKA_DATA=f"{folder}/kafka", KAFKA_HEAP="512m",
            PG_PORT=str(free_port()), PG_DATA=f"{folder}/pg",
        )
        kafka, postgres = ROOT / "tools/kafka-local.sh", ROOT / "tools/postgres-local.sh"
        try:
            for script in (kafka, postgres):
                subprocess.run([script, "start"], env=env, check=True, timeout=120,
                               stdout=subprocess.DEVNULL)
            env.update(
                SUJIP_KAFKA=f"127.0.0.1:{env['KAFKA_PORT']}",
                SUJIP_PG=f"postgresql://postgres@127.0.0.1:{env['PG_PORT']}/sujip",
                SUJIP_SHARE=str(ROOT), SUJIP_HOME=folder,
            )
            yield env
        finally:
            for script in (kafka, postgres):
                subprocess.run([script, "wipe"], env=env, check=False, stdout=subprocess.DEVNULL)


class World:
    """Topics and tables of one test: a prefix and a database of its own."""

    def __init__(self, servers, name):
        self.env = dict(servers)
        admin = psycopg2.connect(servers["SUJIP_PG"])
        admin.autocommit = True
        admin.cursor().execute(f"create database {name}")
        admin.close()
        self.env["SUJIP_PG"] = servers["SUJIP_PG"].replace("/sujip", f"/{name}")
        self.env["SUJIP_PREFIX"] = self.prefix = name + "."
        self.log = open(f"{servers['SUJIP_HOME']}/{name}.log", "ab")
        self.sinks = []
        self.run("db", "migrate")
        self.run("topics", "apply")
        self.connect()
        self.watcher = confluent_kafka.Consumer({
            "bootstrap.servers": servers["SUJIP_KAFKA"], "group.id": "oracle",
            # A commit returns before its markers are written: the stable end may still lie before
            # the records just committed, the real end never does.
            "isolation.level": "read_uncommitted",
        })

    def run(self, *args):
        return subprocess.run([BINARY, *args], env=self.env, check=True, timeout=60,
                              capture_output=True, text=True).stdout

    def run_failing(self, *args):
        done = subprocess.run([BINARY, *args], env=self.env, timeout=60, capture_output=True, text=True)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def start(self, *args):
        sink = subprocess.Popen([BINARY, "sink", *args], env=self.env, stderr=self.log)
        self.sinks.append(sink)
        return sink

    def query(self, sql, *params):
        with self.db.cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchall()

    def connect(self):
        self.db = psycopg2.connect(self.env["SUJIP_PG"])
        self.db.autocommit = True

    def query_none(self, sql):
        with self.db.cursor() as cursor:
            cursor.execute(sql)

    def producer(self, transactional=True):
        # Idempotent: without it a batch that is sent again (a topic just made, a slow broker) may come behind
        # later ones, and the oracle of the test would not be what is in the topic.
        config = {"bootstrap.servers": self.env["SUJIP_KAFKA"], "linger.ms": 5,
                  "partitioner": "murmur2", "enable.idempotence": True}
        if transactional:
            config["transactional.id"] = self.prefix + "test"
        producer = confluent_kafka.Producer(config)
        if transactional:
            producer.init_transactions(30)
        return producer

    def behind(self):
        """Partitions whose end the sink has not committed."""
        at = {(topic, part): offset for topic, part, offset in
              self.query("select topic, part, next_offset from sujip.sink_progress")}
        # A partition that nobody has taken yet has no line, and is behind all the same.
        parts = [(topic, part) for topic in {topic for topic, _ in at}
                 for part in self.watcher.list_topics(topic, timeout=10).topics[topic].partitions]
        out = []
        for topic, part in parts:
            low, high = self.watcher.get_watermark_offsets(
                confluent_kafka.TopicPartition(topic, part), timeout=10)
            offset = at.get((topic, part), low)
            if offset < high:
                out.append((topic, part, offset, high))
        return out if at else ["no progress yet"]

    def wait_until_caught_up(self, seconds=90):
        wait_for("the sink to catch up", lambda: not self.behind(), seconds)

    def close(self):
        for sink in self.sinks:
            if sink.poll() is None:
                sink.kill()
            sink.wait()
        self.watcher.close()
        self.db.close()
        self.log.close()


@pytest.fixture
def world(servers, request):
    made = World(servers, request.node.name.removeprefix("test_")[:40])
    yield made
    made.close()


class Products:
    """Writes change.product and keeps the table and the price history it must lead to."""

    def __init__(self, world, seed, keys=400):
        self.random = random.Random(seed)
        self.topic = world.prefix + "change.product"
        self.rows = {}
        self.rev = 0
        self.history = []
        self.brand = None  # of rows from now on
        self.keys = [f"{i:05d}" for i in range(keys)]

    def key(self, code):
        return json.dumps({"source": "shop", "account": "main", "section": "CPU",
                           "product_code": code}, separators=(",", ":"))

    def change(self, produce):
        code = self.random.choice(self.keys)
        before = self.rows.get(code)
        after = None
        if before is None or self.random.random() > 0.2:
            price = self.random.choice([None, "1000", "2000.5", "99999999999999.0001"])
            after = {"source": "shop", "account": "main", "section": "CPU", "product_code": code,
                     "name": self.random.choice(["탭\t\n줄 \\N \"따옴표\" {a,b}", "", "plain", "😀"]),
                     "price": price, "price_text": None if price is None else f"{price}원",
                     "stock": self.random.randrange(1000), **({"brand": self.brand} if self.brand else {}),
                     "extra": {"색": ["빨강", {"x": None}], "n": self.rev}}
        self.rev += 1
        ts = T0 + self.rev * 1000
        value = {"before": before, "after": after,
                 "op": "c" if before is None else "d" if after is None else "u", "ts_ms": ts,
                 "source": {"version": "1", "connector": "sujip", "name": "shop", "ts_ms": ts,
                            "account": "main", "dataset": "product", "scope": "shop/main/product/CPU",
                            "run": "20200705T000000000Z-1", "rev": self.rev, "minor": False}}
        text = json.dumps(value, ensure_ascii=False)
        for price in ("1000", "2000.5", "99999999999999.0001"):  # numbers, not texts
            text = text.replace(f'"price": "{price}"', f'"price": {price}')
        produce(self.topic, key=self.key(code), value=text.encode())
        if after is None:
            produce(self.topic, key=self.key(code), value=None)
            del self.rows[code]
            return
        if self.random.random() < 0.1:
            produce(self.topic, key=self.key(code), value=text.encode())  # delivered again
        old = (None, None) if before is None else (before["price"], before["price_text"])
        new = (after["price"], after["price_text"])
        if old != new:
            self.history.append((code, self.rev, old[0], new[0], old[1], new[1]))
        after = dict(after)
        self.rows[code] = after
        self.revs = getattr(self, "revs", {})
        self.revs[code] = self.rev

    def check(self, world):
        found = world.query("select product_code, name, price::text, price_text, stock, extra, rev "
                            "from sujip.product order by 1")
        expected = sorted((c, r["name"], r["price"], r["price_text"], r["stock"], r["extra"],
                           self.revs[c]) for c, r in self.rows.items())
        assert found == expected
        history = world.query("select product_code, rev, price_before::text, price::text, "
                              "price_text_before, price_text from sujip.product_price_history "
                              "order by rev")
        assert history == self.history


def transaction(producer, body):
    producer.begin_transaction()
    body(producer.produce)
    producer.commit_transaction(30)


def aborted(producer, products):
    """Records that must never be seen."""
    producer.begin_transaction()
    producer.produce(products.topic, key=products.key("00001"), value=b'{"after":null}')
    producer.flush(10)
    producer.abort_transaction(30)


def test_upserts_deletes_and_duplicates(world):
    products, producer = Products(world, seed=1), world.producer()
    world.start()
    for _ in range(30):
        transaction(producer, lambda p: [products.change(p) for _ in range(100)])
        aborted(producer, products)
    world.wait_until_caught_up()
    products.check(world)


def test_large_batches_go_by_copy(world):
    products, producer = Products(world, seed=2, keys=20000), world.producer()
    transaction(producer, lambda p: [products.change(p) for _ in range(30000)])
    world.start("--writers", "2")
    world.wait_until_caught_up()
    products.check(world)


def test_killed_again_and_again(world):
    products, producer = Products(world, seed=3), world.producer()
    chance = random.Random(3)
    for _ in range(12):
        sink = world.start("--batch", "500")
        transaction(producer, lambda p: [products.change(p) for _ in range(1500)])
        try:
            sink.wait(timeout=0.3 + chance.random())
        except subprocess.TimeoutExpired:
            sink.kill()
        sink.wait()
    world.start()
    world.wait_until_caught_up()
    products.check(world)


def test_two_sinks_that_come_and_go(world):
    products, producer = Products(world, seed=4), world.producer()
    steady = world.start("--batch", "300")
    for round_number in range(6):
        other = world.start("--batch", "300")
        transaction(producer, lambda p: [products.change(p) for _ in range(1000)])
        # Both take part before one of them goes.
        wait_for("both sinks to own partitions", lambda: world.query(
            "select count(distinct owner) from sujip.sink_progress")[0][0] == 2)
        transaction(producer, lambda p: [products.change(p) for _ in range(1000)])
        other.send_signal(signal.SIGKILL if round_number % 2 else signal.SIGTERM)
        assert other.wait(timeout=10) in (0, -signal.SIGKILL)
    world.wait_until_caught_up()
    assert steady.poll() is None
    products.check(world)


def test_a_sink_that_has_written_nothing_gives_partitions_back(world):
    """Its writers have no session yet, so what they give back has to be said by somebody else."""
    first = world.start("--writers", "3")

    def owners():
        return dict(world.query("select split_part(owner, ':', 2), count(*) from sujip.sink_progress "
                                "group by 1"))
    wait_for("the first sink to own all", lambda: len(owners()) == 1 and None not in owners())
    world.start("--writers", "3")
    wait_for("both sinks to own half", lambda: len(owners()) == 2 and None not in owners()
             and max(owners().values()) - min(owners().values()) <= 2 * len(owners()), 15)
    products, producer = Products(world, seed=13), world.producer()
    transaction(producer, lambda p: [products.change(p) for _ in range(500)])
    world.wait_until_caught_up()
    assert first.poll() is None
    products.check(world)


def test_sessions_lost_while_partitions_move(world):
    products, producer = Products(world, seed=14), world.producer()
    world.start("--batch", "300")
    for _ in range(4):
        other = world.start("--batch", "300")
        for _ in range(6):
            transaction(producer, lambda p: [products.change(p) for _ in range(200)])
            world.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = "
                        "current_database() and application_name like 'sujip sink%%'")
        other.kill()
        other.wait()
    world.wait_until_caught_up()
    products.check(world)


def test_frozen_sink_is_fenced(world):
    products, producer = Products(world, seed=5), world.producer()
    frozen = world.start("--batch", "200")
    transaction(producer, lambda p: [products.change(p) for _ in range(2000)])
    world.wait_until_caught_up()
    frozen.send_signal(signal.SIGSTOP)
    transaction(producer, lambda p: [products.change(p) for _ in range(2000)])
    world.start()
    world.wait_until_caught_up()
    products.check(world)
    frozen.send_signal(signal.SIGCONT)
    transaction(producer, lambda p: [products.change(p) for _ in range(2000)])
    world.wait_until_caught_up()
    products.check(world)


def test_sessions_terminated_by_the_database(world):
    products, producer = Products(world, seed=6), world.producer()
    sink = world.start("--batch", "200")
    for _ in range(20):
        transaction(producer, lambda p: [products.change(p) for _ in range(500)])
        world.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = "
                    "current_database() and application_name like 'sujip sink writer%%'")
    world.wait_until_caught_up()
    assert sink.poll() is None
    products.check(world)


@contextlib.contextmanager
def commits_that_hang(world):
    """COMMIT is done and never answered: it waits for a standby that does not exist."""
    def standby(name):
        world.query_none(f"alter system set synchronous_standby_names = '{name}'")
        world.query("select pg_reload_conf()")

    world.query_none("set synchronous_commit = local")
    standby("nobody")
    try:
        yield
    finally:
        standby("")


def test_commits_that_are_never_answered(world):
    products, producer = Products(world, seed=9), world.producer()
    sink = world.start("--batch", "300")
    transaction(producer, lambda p: [products.change(p) for _ in range(1000)])
    world.wait_until_caught_up()
    cut = "select count(pg_terminate_backend(pid)) from pg_stat_activity where wait_event = 'SyncRep'"
    with commits_that_hang(world):
        transaction(producer, lambda p: [products.change(p) for _ in range(3000)])
        # Each of them is committed and its session is lost before the sink hears of it.
        waits = []
        wait_for("commits to be cut", lambda: waits.append(world.query(
            cut + " and application_name like 'sujip sink writer%%'")[0][0]) or sum(waits) >= 6)
        while world.query(cut)[0][0]:
            pass
    world.wait_until_caught_up()
    assert sink.poll() is None
    products.check(world)


def test_transactions_cut_before_their_commit(world):
    products, producer = Products(world, seed=10), world.producer()
    # COMMIT takes its time and then fails with the session.
    world.query_none("create function slow() returns trigger language plpgsql as "
                     "$$ begin perform pg_sleep(0.05); return null; end $$")
    world.query_none("create constraint trigger slow after insert on sujip_g1.product deferrable initially "
                     "deferred for each row when (new.product_code like '%7') execute function slow()")
    sink = world.start("--batch", "200")
    transaction(producer, lambda p: [products.change(p) for _ in range(3000)])
    cuts = []
    wait_for("commits to be cut", lambda: cuts.append(world.query(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity where wait_event = 'PgSleep'")[0][0])
        or sum(cuts) >= 5)
    world.query_none("drop trigger slow on sujip_g1.product")
    world.wait_until_caught_up()
    assert sink.poll() is None
    products.check(world)


def test_database_killed_and_started_again(world, servers):
    products, producer = Products(world, seed=11), world.producer()
    sink = world.start("--batch", "500")
    for _ in range(3):
        transaction(producer, lambda p: [products.change(p) for _ in range(3000)])
        wait_for("some of it to arrive", lambda: world.query("select 1 from sujip.product limit 1"))
        for command in ("kill", "start"):
            done = subprocess.run([ROOT / "tools/postgres-local.sh", command], env=servers, timeout=120,
                                  capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
        world.connect()
    world.wait_until_caught_up()
    assert sink.poll() is None
    products.check(world)


def test_column_added_while_readers_work(world, tmp_path):
    """A declaration gains a field: the table follows, while one reader polls and another one holds the
    table in a long transaction."""
    products, producer = Products(world, seed=12), world.producer()
    old = world.start()
    transaction(producer, lambda p: [products.change(p) for _ in range(2000)])
    world.wait_until_caught_up()
    for folder in ("sql", "topics"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    declaration = tmp_path / "topics/datasets/product.yaml"
    declaration.write_text(declaration.read_text() + "  - {name: brand, ko: 상표, en: Brand}\n")
    holder, reader = (psycopg2.connect(world.env["SUJIP_PG"]) for _ in range(2))
    holder.cursor().execute("select count(*) from sujip.product")  # its lock stays until the end
    reader.autocommit = True
    reader.cursor().execute("set statement_timeout = '10s'")  # 5 times what the sink may wait for its lock
    polls, failed, done, asked_for_lock = [0], [], threading.Event(), []

    def read():
        try:
            while not done.is_set():
                with reader.cursor() as cursor:
                    cursor.execute("select count(*) from sujip.product")
                polls[0] += 1
        except psycopg2.Error as error:
            failed.append(error)

    def asked():
        # Beside the reader, which stands behind the sink for as long as that waits.
        asked_for_lock.extend(world.query(
            "select 1 from pg_locks where mode = 'AccessExclusiveLock' and not granted"))
        return len(asked_for_lock) >= 2 and polls[0] >= 50

    world.env["SUJIP_SHARE"] = str(tmp_path)
    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    new = world.start()
    wait_for("the new sink to ask for the table while readers go on", asked)
    done.set()
    reading.join(30)
    assert not failed and not reading.is_alive(), failed
    columns = "select 1 from information_schema.columns where table_name = 'product' and column_name = 'brand'"
    assert not world.query(columns)
    transaction(producer, lambda p: [products.change(p) for _ in range(1000)])  # the old one goes on, too
    holder.rollback()
    wait_for("the column", lambda: world.query(columns))
    old.send_signal(signal.SIGTERM)
    assert old.wait(timeout=10) == 0
    products.brand = "상표"
    transaction(producer, lambda p: [products.change(p) for _ in range(1000)])
    world.wait_until_caught_up()
    assert new.poll() is None
    products.check(world)
    stored = dict(world.query("select product_code, brand from sujip.product"))
    assert stored == {code: row.get("brand") for code, row in products.rows.items()}
    assert "상표" in stored.values()
    holder.close()
    reader.close()


def test_rollups_with_nulls_in_their_key(world):
    topic, producer = world.prefix + "rollup.order_item", world.producer()
    world.start()
    rows = {}

    def put(p, grain, source, day, amount, rev):
        key = {"grain": grain, "period": "day", "period_start": day, "currency": "GBP"}
        if source:
            key["source"] = source
        value = None
        if amount is not None:
            value = json.dumps({**key, "quantity": 3, "amount": "@", "orders": 2, "accounts": 1,
                                "rows": 4, "rev": rev, "ts_ms": T0 + rev}).replace('"@"', amount)
        p(topic, key=json.dumps(key), value=value)
        rows.pop((grain, source, day), None)
        if amount is not None:
            rows[(grain, source, day)] = (amount, rev)

    def check():
        found = world.query("select grain, source, period_start::text, amount::text, rev "
                            "from sujip.order_item_rollup order by 1, 2, 3")
        assert sorted(found, key=repr) == sorted(((*k, *v) for k, v in rows.items()), key=repr)

    days = [f"2011-01-{d:02d}" for d in range(1, 29)]
    for rev in range(1, 4):
        transaction(producer, lambda p: [
            (put(p, "all", None, d, f"{rev}.{i:03d}5", rev), put(p, "source", "retail", d, "-1566.23", rev))
            for i, d in enumerate(days)])
        world.wait_until_caught_up()
        check()
    transaction(producer, lambda p: [
        (put(p, "all", None, d, None, 9), put(p, "source", "retail", d, None, 9)) for d in days[::2]])
    world.wait_until_caught_up()
    check()
    assert len(rows) == 28


def test_rows_that_cannot_be_stored(world):
    products, producer = Products(world, seed=7), world.producer()
    bad = [b"no json", b'{"before":null}', b'{"before":null,"after":{"source":"shop"}}']

    def poison(p, code, field, value):
        row = {"source": "shop", "account": "main", "section": "CPU", "product_code": code, field: value}
        p(products.topic, key=products.key(code), value=json.dumps({
            "before": None, "after": row, "op": "c", "ts_ms": T0,
            "source": {"name": "shop", "run": "r", "rev": 1}}).encode())

    def records(p):
        for i in range(40):
            for _ in range(50):
                products.change(p)
            if i < len(bad):
                p(products.topic, key=f"bad{i}", value=bad[i])
        poison(p, "x1", "price", "not a number")
        poison(p, "x2", "name", "nul \0 inside")
        poison(p, "x3", "stock", 10 ** 30)
        poison(p, "x4", "extra", {"a": "nul \0 inside"})

    transaction(producer, records)
    world.start()
    world.wait_until_caught_up()
    products.check(world)
    letters = world.query("select partition, \"offset\", reason, stage from sujip.dead_letter"
                          " where topic = 'change.product'")
    assert len(letters) == len(bad) + 4, letters
    assert all(reason and stage == "sink" for _, _, reason, stage in letters)
    assert world.run("dead", "list").count("change.product") == len(letters)


def test_bad_rows_in_a_large_batch(world):
    """Found among thousands that went by COPY, and nothing else is lost."""
    products, producer = Products(world, seed=13, keys=20000), world.producer()

    def poison(p, code):
        row = {"source": "shop", "account": "main", "section": "CPU", "product_code": code, "stock": 10 ** 30}
        p(products.topic, key=products.key(code), value=json.dumps({
            "before": None, "after": row, "op": "c", "ts_ms": T0,
            "source": {"name": "shop", "run": "r", "rev": 1}}).encode())

    def records(p):
        for i in range(30):
            poison(p, f"bad{i:02d}")
            for _ in range(1000):
                products.change(p)

    transaction(producer, records)
    world.start("--writers", "2")
    world.wait_until_caught_up()
    products.check(world)
    assert world.query("select count(*), count(distinct (partition, \"offset\")) from sujip.dead_letter "
                       "where reason like '%%out of range%%'") == [(30, 30)]


def test_runs_are_logged_when_their_rows_have_arrived(world):
    products, producer = Products(world, seed=8), world.producer()
    world.start()
    scope, run = "shop/main/product/CPU", "20200705T000000000Z-1"
    record = {"scope": scope, "source": "shop", "account": "main", "dataset": "product",
              "slice": "CPU", "run": run, "snapshot_at": T0, "rows": 500, "created": 400,
              "updated": 1, "deleted": 2, "verdict": "held", "ts_ms": T0, "by": "coordinator"}

    def decide(verdict):
        def body(p):
            for _ in range(500):
                products.change(p)
            p(world.prefix + "scope.run", key=f"{scope}\n{run}",
              value=json.dumps({**record, "verdict": verdict}))
        return body

    transaction(producer, decide("held"))
    world.wait_until_caught_up()
    assert world.query("select verdict, created, rejected from sujip.change_log") == [("held", 400, 0)]
    assert world.query("select 1 from sujip.run_log where stage = 'sink'") == []
    transaction(producer, decide("released"))
    wait_for("the run to arrive", lambda: world.query(
        "select 1 from sujip.run_log where stage = 'sink' and state = 'finished' and scope = %s "
        "and run = %s and rows = 500", scope, run))
    products.check(world)
    assert world.query("select verdict from sujip.change_log") == [("released",)]


def test_run_log_keeps_the_start(world):
    producer = world.producer(transactional=False)
    world.start()
    base = {"run": "r1", "scope": "shop/main/product", "source": "shop", "account": "main",
            "dataset": "product", "slice": "", "stage": "collect", "attempt": 1, "file": "a.csv"}
    for more in ({"state": "started", "ts_ms": T0, "started_at": T0, "rows": 0},
                 {"state": "finished", "ts_ms": T0 + 5000, "rows": 7, "duration_ms": 5000,
                  "message": "끝"}):
        producer.produce(world.prefix + "run.log", key=base["scope"], value=json.dumps({**base, **more}))
        producer.flush(10)
        world.wait_until_caught_up()
    assert world.query("select state, rows, message, extract(epoch from started_at)::bigint "
                       "from sujip.run_log") == [("finished", 7, "끝", T0 // 1000)]
