"""The sink against a real broker and database: whatever is killed, tables equal the oracle.

The oracle is a few dictionaries (products.py), filled while the records are produced. The sink is the
program under test, started as a user would; SUJIP_BIN names it.
"""
import json
import random
import shutil
import signal
import subprocess
import threading

import psycopg2

from products import T0, Products, transaction
from servers import ROOT
from sink_world import world  # noqa: F401
from world import wait_for


def aborted(producer, products):
    """Records that must never be seen."""
    producer.begin_transaction()
    producer.produce(products.topic, key=products.key("00001"), value=b'{"after":null}')
    producer.flush(10)
    producer.abort_transaction(30)


def test_upserts_deletes_and_duplicates(world):
    products, producer = Products(world, seed=1), world.producer()
    world.sink()
    for _ in range(30):
        transaction(producer, lambda p: [products.change(p) for _ in range(100)])
        aborted(producer, products)
    world.wait_until_caught_up()
    products.check(world)


def test_large_batches_go_by_copy(world):
    products, producer = Products(world, seed=2, keys=20000), world.producer()
    transaction(producer, lambda p: [products.change(p) for _ in range(30000)])
    world.sink("--writers", "2")
    world.wait_until_caught_up()
    products.check(world)


def test_rows_wait_for_later_ones_of_their_key(world):
    products, producer = Products(world, seed=15, keys=50), world.producer()
    transaction(producer, lambda p: [products.change(p) for _ in range(200)])
    world.sink("--writers", "1", "--gather", "3000")
    wait_for("the sink to own partitions", lambda: world.query(
        "select count(*) from sujip.sink_progress where owner is not null")[0][0] > 0)
    for _ in range(100):
        transaction(producer, lambda p: [products.change(p) for _ in range(100)])
    world.wait_until_caught_up()
    products.check(world)
    written = "select n_tup_ins + n_tup_upd from pg_stat_user_tables where relname = 'product'"
    # The statistics come a moment after the commit. Without --gather nearly every transaction is a write of its own.
    wait_for("the database to have counted", lambda: world.query(written)[0][0] > 0)
    assert world.query(written)[0][0] <= 6 * 50


def test_gathered_rows_are_written_at_the_end(world):
    products, producer = Products(world, seed=16), world.producer()
    sink = world.sink("--gather", "600000")
    transaction(producer, lambda p: [products.change(p) for _ in range(3000)])
    wait_for("the sink to own partitions", lambda: world.query(
        "select count(*) from sujip.sink_progress where owner is not null")[0][0] > 0)
    sink.send_signal(signal.SIGTERM)
    assert sink.wait(timeout=10) == 0
    world.sink("--gather", "100")
    world.wait_until_caught_up()
    products.check(world)


def test_killed_again_and_again(world):
    products, producer = Products(world, seed=3), world.producer()
    chance = random.Random(3)
    for _ in range(12):
        sink = world.sink("--batch", "500")
        transaction(producer, lambda p: [products.change(p) for _ in range(1500)])
        try:
            sink.wait(timeout=0.3 + chance.random())
        except subprocess.TimeoutExpired:
            sink.kill()
        sink.wait()
    world.sink()
    world.wait_until_caught_up()
    products.check(world)


def test_two_sinks_that_come_and_go(world):
    products, producer = Products(world, seed=4), world.producer()
    steady = world.sink("--batch", "300")
    for round_number in range(6):
        other = world.sink("--batch", "300")
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
    first = world.sink("--writers", "3")

    def owners():
        return dict(world.query("select split_part(owner, ':', 2), count(*) from sujip.sink_progress "
                                "group by 1"))
    wait_for("the first sink to own all", lambda: len(owners()) == 1 and None not in owners())
    world.sink("--writers", "3")
    wait_for("both sinks to own half", lambda: len(owners()) == 2 and None not in owners()
             and max(owners().values()) - min(owners().values()) <= 2 * len(owners()), 15)
    products, producer = Products(world, seed=13), world.producer()
    transaction(producer, lambda p: [products.change(p) for _ in range(500)])
    world.wait_until_caught_up()
    assert first.poll() is None
    products.check(world)


def test_sessions_lost_while_partitions_move(world):
    products, producer = Products(world, seed=14), world.producer()
    world.sink("--batch", "300")
    for _ in range(4):
        other = world.sink("--batch", "300")
        for _ in range(6):
            transaction(producer, lambda p: [products.change(p) for _ in range(200)])
            world.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = "
                        "current_database() and application_name like 'sujip sink%'")
        other.kill()
        other.wait()
    world.wait_until_caught_up()
    products.check(world)


def test_frozen_sink_is_fenced(world):
    products, producer = Products(world, seed=5), world.producer()
    frozen = world.sink("--batch", "200")
    transaction(producer, lambda p: [products.change(p) for _ in range(2000)])
    world.wait_until_caught_up()
    frozen.send_signal(signal.SIGSTOP)
    transaction(producer, lambda p: [products.change(p) for _ in range(2000)])
    world.sink()
    world.wait_until_caught_up()
    products.check(world)
    frozen.send_signal(signal.SIGCONT)
    transaction(producer, lambda p: [products.change(p) for _ in range(2000)])
    world.wait_until_caught_up()
    products.check(world)


def test_sessions_terminated_by_the_database(world):
    products, producer = Products(world, seed=6), world.producer()
    sink = world.sink("--batch", "200")
    for _ in range(20):
        transaction(producer, lambda p: [products.change(p) for _ in range(500)])
        world.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = "
                    "current_database() and application_name like 'sujip sink writer%'")
    world.wait_until_caught_up()
    assert sink.poll() is None
    products.check(world)


def test_transactions_cut_before_their_commit(world):
    products, producer = Products(world, seed=10), world.producer()
    # COMMIT takes its time and then fails with the session.
    world.query("create function slow() returns trigger language plpgsql as "
                     "$$ begin perform pg_sleep(0.05); return null; end $$")
    world.query("create constraint trigger slow after insert on sujip_g1.product deferrable initially "
                     "deferred for each row when (new.product_code like '%7') execute function slow()")
    sink = world.sink("--batch", "200")
    transaction(producer, lambda p: [products.change(p) for _ in range(3000)])
    cuts = []
    wait_for("commits to be cut", lambda: cuts.append(world.query(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity where wait_event = 'PgSleep'")[0][0])
        or sum(cuts) >= 5)
    world.query("drop trigger slow on sujip_g1.product")
    world.wait_until_caught_up()
    assert sink.poll() is None
    products.check(world)


def test_column_added_while_readers_work(world, tmp_path):
    """A declaration gains a field: the table follows, while one reader polls and another one holds the
    table in a long transaction."""
    products, producer = Products(world, seed=12), world.producer()
    old = world.sink()
    transaction(producer, lambda p: [products.change(p) for _ in range(2000)])
    world.wait_until_caught_up()
    for folder in ("sql", "topics"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    declaration = tmp_path / "topics/datasets/product.yaml"
    declaration.write_text(declaration.read_text() + "  - {name: brand, ko: 상표, en: Brand}\n")
    holder, reader = (psycopg2.connect(world.environment["SUJIP_PG"]) for _ in range(2))
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

    world.environment["SUJIP_SHARE"] = str(tmp_path)
    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    new = world.sink()
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
    world.sink()
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
    world.sink()
    world.wait_until_caught_up()
    products.check(world)
    letters = world.query("select partition, \"offset\", reason, stage from sujip.dead_letter"
                          " where topic = 'change.product'")
    assert len(letters) == len(bad) + 4, letters
    assert all(reason and stage == "sink" for _, _, reason, stage in letters)
    assert world.run("dead", "list").out.count("change.product") == len(letters)


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
    world.sink("--writers", "2")
    world.wait_until_caught_up()
    products.check(world)
    assert world.query("select count(*), count(distinct (partition, \"offset\")) from sujip.dead_letter "
                       "where reason like '%out of range%'") == [(30, 30)]


def test_runs_are_logged_when_their_rows_have_arrived(world):
    products, producer = Products(world, seed=8), world.producer()
    world.sink()
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
    world.sink()
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
