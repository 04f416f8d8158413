"""Large tables by month: partitions come with the first row of a month, whoever reads, writes or fails meanwhile.

Records of change.ad_keyword are made here, with the dictionary they must lead to; the sink is the program under test.
"""

import json
import random
import re
import shutil
import threading

import confluent_kafka
import psycopg2
import pytest

from feeds import in_one_piece
from servers import ROOT
from world import caught_up, wait_for

T0 = 1_717_200_000_000
KEY = "source account stat_date campaign_id ad_group_id keyword_id ad_id media_code device".split()
MONTHS = [f"{year}-{month:02d}" for year in (2022, 2023, 2024) for month in range(1, 13)]


@pytest.fixture
def world(make_world):
    made = make_world()
    yield made
    for process in made.processes:
        made.end(process)


class Facts:
    """Writes change.ad_keyword, in which a row is known by its date and its keyword."""

    def __init__(self, world, seed=1):
        self.world, self.chance, self.rows, self.rev = world, random.Random(seed), {}, 0
        self.topic = world.prefix + "change.ad_keyword"
        self.producer = confluent_kafka.Producer({
            "bootstrap.servers": world.servers.kafka_address, "partitioner": "murmur2", "linger.ms": 5})

    def key(self, date, keyword):
        return dict(zip(KEY, ["medium", "a", date, "c", "g", keyword, "d", "m", "pc"]))

    def change(self, date, keyword, clicks, kept=True, **more):
        """Creates, restates or (clicks None) deletes. `kept`: not one that can't be stored."""
        self.rev += 1
        key = self.key(date, keyword)
        after = None if clicks is None else {**key, "clicks": clicks, "currency": "KRW", **more}
        value = {"before": None, "after": after, "op": "u", "ts_ms": T0 + self.rev,
                 "source": {"name": "medium", "run": "r", "rev": self.rev}}
        self.producer.produce(self.topic, key=json.dumps(key), value=json.dumps(value))
        if after is None:
            self.producer.produce(self.topic, key=json.dumps(key), value=None)
            self.rows.pop((date, keyword), None)
        elif kept:
            self.rows[(date, keyword)] = clicks
        self.producer.poll(0)

    def many(self, n, months=MONTHS, keywords=200):
        for _ in range(n):
            date = f"{self.chance.choice(months)}-{self.chance.randrange(1, 29):02d}"
            self.change(date, f"k{self.chance.randrange(keywords)}",
                        None if self.chance.random() < 0.15 else self.chance.randrange(10**6))
        self.flush()

    def flush(self):
        assert self.producer.flush(60) == 0

    def check(self):
        caught_up(self.world)
        assert {(str(date), keyword): clicks for date, keyword, clicks in self.world.query(
            "select stat_date, keyword_id, clicks from sujip.ad_keyword")} == self.rows
        # Each row lies in the partition of its month, and a partition is there for no other reason.
        homes = set(self.world.query("select tableoid::regclass::text, to_char(stat_date, 'YYYY_MM') from sujip_g1.ad_keyword"))
        for home, month in homes:
            assert re.fullmatch(rf"sujip_g1_months\.ad_keyword_({month}|before|after)(_2)?", home), (home, month)


def partitions(world, table="sujip_g1.ad_keyword"):
    return {name for (name,) in world.query(
        "select relname::text from pg_inherits join pg_class on oid = inhrelid where inhparent = %s::regclass", table)}


def kind(world, table):
    return world.value("select relkind::text from pg_class where oid = %s::regclass", table)


class Reader:
    """Polls a table, and never waits long for it."""

    def __init__(self, world, sql):
        self.connection = psycopg2.connect(world.environment["SUJIP_PG"])
        self.connection.autocommit = True
        self.sql, self.polls, self.failed, self.done = sql, 0, [], threading.Event()
        self.connection.cursor().execute("set statement_timeout = '10s'")
        self.thread = threading.Thread(target=self.poll, daemon=True)
        self.thread.start()

    def poll(self):
        try:
            while not self.done.is_set():
                with self.connection.cursor() as cursor:
                    cursor.execute(self.sql)
                self.polls += 1
        except psycopg2.Error as error:
            self.failed.append(error)

    def end(self):
        self.done.set()
        self.thread.join(30)
        assert not self.failed and not self.thread.is_alive() and self.polls, self.failed
        self.connection.close()


def test_two_sinks_make_months_at_once_beside_readers_and_writers(world):
    facts = Facts(world)
    # A reader and a writer whose transactions stay open until all is done: nobody waits for them.
    holder = psycopg2.connect(world.environment["SUJIP_PG"])
    holder.cursor().execute("select count(*) from sujip.ad_keyword")
    holder.cursor().execute("lock table sujip_g1.ad_keyword in row exclusive mode")
    reader = Reader(world, "select count(*) from sujip.ad_keyword")
    sinks = [world.start("sink", "--writers", "3", "--batch", "200") for _ in range(2)]
    wait_for("both sinks to own partitions", lambda: world.value("select count(distinct owner) from sujip.sink_progress") == 2)
    for _ in range(5):
        facts.many(2000)
    facts.check()
    reader.end()
    holder.rollback()
    holder.close()
    assert partitions(world) == {"ad_keyword_" + month.replace("-", "_") for month in MONTHS}
    assert all(sink.poll() is None for sink in sinks)
    assert world.value("select count(*) from sujip.dead_letter") == 0
    # Views are of tables, not of partitions.
    assert not world.query("select 1 from information_schema.views where table_schema = 'sujip' and table_name ~ '_20'")


def test_killed_while_months_are_made(world):
    facts = Facts(world, seed=2)
    for round_number in range(6):
        sink = world.start("sink", "--writers", "2", "--batch", "100")
        before = len(partitions(world))
        facts.many(600, MONTHS[round_number * 6:round_number * 6 + 6])
        wait_for("a new month", lambda: len(partitions(world)) > before)
        sink.kill()
        sink.wait()
    world.start("sink")
    facts.check()
    assert len(partitions(world)) == len(MONTHS)


def test_rows_of_old_months_are_restated_and_deleted_where_they_are(world):
    facts = Facts(world)
    world.start("sink")
    for month in ("2023-01", "2024-06"):
        for n in range(3000):  # more than go as arrays: by COPY and merge
            facts.change(f"{month}-{n % 28 + 1:02d}", f"k{n}", n)
    facts.flush()
    facts.check()
    made = partitions(world)
    for n in range(0, 3000, 3):
        facts.change(f"2023-01-{n % 28 + 1:02d}", f"k{n}", 7)
        facts.change(f"2023-01-{(n + 1) % 28 + 1:02d}", f"k{n + 1}", None)
    facts.flush()
    facts.check()
    assert partitions(world) == made == {"ad_keyword_2023_01", "ad_keyword_2024_06"}
    assert world.value("select count(*) from sujip_g1_months.ad_keyword_2023_01") == 2000
    # A deletion in a month that is not there makes none.
    facts.change("2021-05-01", "k", None)
    facts.flush()
    facts.check()
    assert partitions(world) == made


def test_absurd_dates_are_kept_together_and_no_dates_are_set_aside(world):
    facts = Facts(world)
    for year in range(1, 2000, 7):
        facts.change(f"{year:04d}-{year % 12 + 1:02d}-01", "old", year)
    for year in range(2050, 10000, 7):
        facts.change(f"{year}-{year % 12 + 1:02d}-28", "new", year)
    facts.change("2024-06-01", "good", 1)
    for bad in ("2024-02-30", "0000-00-00", "soon", "", None, "2024-13-01", "\\N", "{}"):
        facts.change(bad, "bad", 1, kept=False)
    facts.flush()
    world.start("sink")
    facts.check()
    assert partitions(world) == {"ad_keyword_before", "ad_keyword_after", "ad_keyword_2024_06"}
    reasons = world.query("select reason from sujip.dead_letter")
    assert len(reasons) == 8 and all(reason for (reason,) in reasons), reasons


def test_a_column_comes_while_rows_do(world, tmp_path):
    facts = Facts(world)
    old = world.start("sink", "--batch", "200")
    facts.many(2000)
    facts.check()
    for folder in ("sql", "topics"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    declaration = tmp_path / "topics/datasets/ad_keyword.yaml"
    text = declaration.read_text("utf-8")
    declaration.write_text(text.replace("fields:\n", "fields:\n  - {name: landing, ko: 연결, en: Landing}\n"), "utf-8")
    reader = Reader(world, "select count(*) from sujip.ad_keyword")
    feeding = threading.Thread(target=facts.many, args=(6000, MONTHS + ["2025-01", "2025-02"]))
    feeding.start()
    new = world.start("sink", "--batch", "200", SUJIP_SHARE=str(tmp_path))
    wait_for("the column", lambda: world.query("select 1 from information_schema.columns where table_schema = 'sujip'"
                                               " and table_name = 'ad_keyword' and column_name = 'landing'"))
    feeding.join()
    world.end(old)
    facts.change("2025-03-01", "k", 1, landing="문")
    facts.change("2022-01-01", "k", 1, landing="창")
    facts.flush()
    facts.check()
    reader.end()
    assert new.poll() is None
    assert sorted(world.query("select stat_date::text, landing from sujip.ad_keyword where landing is not null")) == [
        ("2022-01-01", "창"), ("2025-03-01", "문")]


def test_a_table_from_before_stays_in_one_piece(make_world, servers, tmp_path):
    for folder in ("sql", "topics"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    world = make_world(share=in_one_piece(tmp_path))
    facts = Facts(world)
    with world.running("sink"):
        facts.many(1000)
        caught_up(world)
    file = world.value("select relfilenode from pg_class where oid = 'sujip_g1.ad_keyword'::regclass")
    assert "stays in one piece" in world.run("db", "migrate", SUJIP_SHARE=str(ROOT)).out
    with world.running("sink", SUJIP_SHARE=str(ROOT)):
        facts.many(3000)
        facts.change("9999-12-31", "k", 1)
        facts.flush()
        caught_up(world)
    assert {(str(date), keyword): clicks for date, keyword, clicks in world.query(
        "select stat_date, keyword_id, clicks from sujip.ad_keyword")} == facts.rows
    assert world.query("select relkind::text, relfilenode from pg_class where oid = 'sujip_g1.ad_keyword'::regclass") == [("r", file)]
    assert world.value("select to_regnamespace('sujip_g1_months')") is None
    assert "in one piece" in world.logs()


def test_months_taken_away_by_hand(world):
    facts = Facts(world)
    world.start("sink", "--writers", "1")
    for n in range(50):
        facts.change("2023-05-01", f"k{n}", n)
        facts.change("2023-06-01", f"k{n}", n)
        facts.change("2023-07-01", f"k{n}", n)
    facts.flush()
    facts.check()
    # As docs/operating.md says it.
    world.query("alter table sujip_g1.ad_keyword detach partition sujip_g1_months.ad_keyword_2023_05 concurrently")
    world.query("drop table sujip_g1_months.ad_keyword_2023_06")
    facts.rows = {key: clicks for key, clicks in facts.rows.items() if key[0] == "2023-07-01"}
    facts.check()
    # What is restated afterwards comes to new ones; what was detached stays as it is.
    facts.change("2023-05-01", "k1", 100)
    facts.change("2023-06-01", "k1", 100)
    facts.change("2023-07-01", "k1", 100)
    facts.flush()
    facts.check()
    assert partitions(world) == {"ad_keyword_2023_05_2", "ad_keyword_2023_06", "ad_keyword_2023_07"}
    assert world.value("select count(*) from sujip_g1_months.ad_keyword_2023_05") == 50
    assert world.value("select count(*) from sujip.dead_letter") == 0
