"""The example consumer (examples/ml_features): killed again and again its table is the one of a consumer that
never died, and the one that SQL makes of the sink's tables."""

import collections
import csv
import datetime
import decimal
import json
import os
import random
import shutil
import subprocess
import sys
import zlib

import confluent_kafka
import pytest

from servers import ROOT
from vendor import LICENCE, SECRET, Vendor
from world import wait_for

D = decimal.Decimal
EXAMPLE = ROOT / "examples/ml_features"
SHOP = ("my_mall", "main")
SKUS = [f"B{n:03}" for n in range(12)]


def python_with_pyarrow():
    """SUJIP_ML_PYTHON, the example's own environment, or this very program."""
    for program in (os.environ.get("SUJIP_ML_PYTHON"), str(EXAMPLE / ".venv/bin/python"), sys.executable):
        if not program or not os.access(program, os.X_OK):
            continue
        if subprocess.run([program, "-c", "import pyarrow.parquet, confluent_kafka"],
                          capture_output=True).returncode == 0:
            return program
    pytest.skip("no pyarrow: see examples/ml_features/README.md (SUJIP_ML_PYTHON)")


@pytest.fixture(scope="module")
def python():
    return python_with_pyarrow()


def days_ago(count):
    return datetime.date.today() - datetime.timedelta(days=count)


class Shop:
    """Writes rows without headers into the raw topics, as any program can."""

    def __init__(self, world):
        self.producer = confluent_kafka.Producer({"bootstrap.servers": world.servers.kafka_address})
        self.prefix = world.prefix
        self.random = random.Random(1)
        self.ts_ms = int(datetime.datetime.now().timestamp() * 1000) - 20 * 86_400_000

    def put(self, topic, scope, row):
        row = {"source": SHOP[0], "account": SHOP[1], **row}
        self.producer.produce(self.prefix + topic, json.dumps(row).encode(), scope.encode(),
                              partition=zlib.crc32(scope.encode()) % 6, timestamp=self.ts_ms)
        self.producer.poll(0)

    def order(self, number):
        r = self.random
        day = days_ago(r.randrange(60)).isoformat() if number % 3 else days_ago(number % 60).isoformat()
        self.put("raw.order", f"order_item/{day}", {
            "order_date": day, "order_no": f"A{number}", "line_id": "1", "sku": r.choice(SKUS),
            "quantity": r.randrange(-1, 6), "amount": r.randrange(1, 400000) / 4,
            "currency": r.choice(["KRW", "KRW", "USD"])})

    def price(self, sku):
        self.ts_ms += 3600_000 + self.random.randrange(3600_000)
        price = self.random.choice([None, 9900, 10900, 12500.5])
        self.put("raw.catalog", "product/all", {"section": "all", "product_code": sku, "price": price,
                                                "currency": "KRW"})

    def sell(self, orders, prices):
        for number in orders:
            self.order(number)
        for _ in range(prices):
            self.price(self.random.choice(SKUS))
        assert self.producer.flush(30) == 0


@pytest.fixture(scope="module")
def world(make_world, python):
    made = make_world()
    made.shop = Shop(made)
    orders = made.folder / "orders"
    shutil.copytree(ROOT / "producers/connectors/online_retail/samples", orders)
    made.run("source", "add", "online_retail", "--path", orders, "--no-guard")
    vendor = Vendor("--accounts", 3, "--days", 5, "--report-rate", 0, "--other-rate", 0)
    made.run("source", "add", "naver_searchad", "--url", vendor.url, "--set", "customer=1000001",
             "--set", "report_rate=0", "--set", "download_rate=0", "--set", "other_rate=0",
             "--set", "poll_seconds=0.05", "--credential", f"access_licence={LICENCE}",
             "--credential", f"secret={SECRET}")
    made.shop.sell(range(2500), 60)
    try:
        made.up_once()
    finally:
        vendor.close()
    groups = [g for g, in made.query("select distinct ad_group_id from sujip.ad_keyword order by 1")]
    assert len(groups) > 3
    made.ad_groups = made.folder / "ad_groups.csv"
    with made.ad_groups.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["ad_group_id", "source", "account", "sku"])
        for n, group in enumerate(groups[: 2 * len(groups) // 3]):  # the others advertise nothing known
            out.writerow([group, *SHOP, SKUS[n % 7]])
    return made


class Example:
    def __init__(self, world, python, name):
        self.folder = world.folder / name
        self.command = [python, "-B", str(EXAMPLE / "consume.py"), "--kafka", world.servers.kafka_address,
                        "--prefix", world.prefix, "--out", str(self.folder),
                        "--ad-groups", str(world.ad_groups), "--once"]
        self.python = python

    def run(self, *options):
        done = subprocess.run([*self.command, *options], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr[-3000:]

    def version(self):
        try:
            return json.loads((self.folder / "manifest.json").read_text())["version"]
        except FileNotFoundError:
            return 0

    def kill_on_the_way(self, chance, commits):
        """Lets it make some commits, then kill -9. True: it was killed, not finished."""
        before = self.version()
        process = subprocess.Popen([*self.command, "--batch", "150"], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        try:
            wait_for("commits", lambda: process.poll() is not None or self.version() >= before + commits)
            # Somewhere within the next commit or the reading before it.
            try:
                process.wait(chance.random() * 0.05)
            except subprocess.TimeoutExpired:
                pass
        finally:
            process.kill()
        assert process.wait(20) in (0, -9)
        return process.returncode == -9

    def table(self):
        """{(source, account, sku, currency, date): row}, read with the example's own reader."""
        read = ("import sys, json; sys.path.insert(0, sys.argv[1]); import table;"
                "print(json.dumps(table.read(sys.argv[2]).to_pylist(), default=str))")
        out = subprocess.run([self.python, "-B", "-c", read, str(EXAMPLE), str(self.folder)], check=True,
                             capture_output=True, text=True, timeout=60).stdout
        rows = json.loads(out)
        found = {tuple(row.pop(n) for n in ("source", "account", "sku", "currency", "date")): row
                 for row in rows}
        assert len(found) == len(rows)
        return found


# The same features, made of the tables the sink writes.
ORACLE = """
with sales as (
  select source, account, coalesce(sku, '') as sku, currency, order_date as day, count(*) as lines,
         sum(coalesce(quantity, 0)) as units, sum(coalesce(amount, 0)) as revenue
  from sujip.order_item group by 1, 2, 3, 4, 5),
ads as (
  select g.source, g.account, g.sku, k.currency, k.stat_date as day, sum(coalesce(impressions, 0)) as impressions,
         sum(coalesce(clicks, 0)) as clicks, sum(coalesce(conversions, 0)) as conversions,
         sum(coalesce(cost, 0)) as cost
  from sujip.ad_keyword k join ad_group g on g.ad_group_id = k.ad_group_id group by 1, 2, 3, 4, 5),
points as (
  select h.source, h.account, h.product_code as sku, coalesce(p.currency, '') as currency,
         (h.snapshot_at at time zone 'Asia/Seoul')::date as day, h.snapshot_at, h.price,
         lag(h.price) over prices as before, row_number() over prices as nth
  from sujip.product_price_history h
  join sujip.product p using (source, account, section, product_code)
  window prices as (partition by h.source, h.account, h.product_code order by h.snapshot_at)),
days as (
  select source, account, sku, currency, day from sales
  union select source, account, sku, currency, day from ads
  union select source, account, sku, currency, day from points)
select d.source, d.account, d.sku, d.currency, d.day::text,
       extract(isodow from d.day)::int, coalesce(s.lines, 0), coalesce(s.units, 0), coalesce(s.revenue, 0),
       sum(coalesce(s.units, 0)) over (product range between '6 days' preceding and current row),
       sum(coalesce(s.units, 0)) over (product range between '27 days' preceding and current row),
       (select p.price from points p where (p.source, p.account, p.sku, p.currency) =
          (d.source, d.account, d.sku, d.currency) and p.day <= d.day order by p.snapshot_at desc limit 1),
       (select count(*) from points p where (p.source, p.account, p.sku, p.currency) =
          (d.source, d.account, d.sku, d.currency) and p.day <= d.day and p.day > d.day - 28
          and p.nth > 1 and p.price is distinct from p.before),
       coalesce(a.impressions, 0), coalesce(a.clicks, 0), coalesce(a.conversions, 0), coalesce(a.cost, 0),
       sum(coalesce(a.cost, 0)) over (product range between '27 days' preceding and current row)
from days d
left join sales s using (source, account, sku, currency, day)
left join ads a using (source, account, sku, currency, day)
window product as (partition by d.source, d.account, d.sku, d.currency order by d.day)
"""
COLUMNS = ("day_of_week", "order_lines", "units", "revenue", "units_7d", "units_28d", "price",
           "price_changes_28d", "ad_impressions", "ad_clicks", "ad_conversions", "ad_cost", "ad_cost_28d")


def oracle(world):
    world.query("create table if not exists ad_group (ad_group_id text, source text, account text, sku text)")
    world.query("truncate ad_group")
    with world.ad_groups.open(newline="") as file:
        for row in csv.DictReader(file):
            world.query("insert into ad_group values (%s, %s, %s, %s)", *row.values())
    return {line[:5]: dict(zip(COLUMNS, line[5:])) for line in world.query(ORACLE)}


def compare(table, expected):
    assert table.keys() == expected.keys()
    for key, row in expected.items():
        for name, value in row.items():
            told = table[key][name]
            assert (told is None) == (value is None) and (value is None or D(told) == D(value)), \
                (key, name, told, value)
        assert table[key]["sales_velocity_7d"] == table[key]["units_7d"] / 7


def test_killed_again_and_again_the_table_is_the_same(world, python):
    victim, survivor = Example(world, python, "victim"), Example(world, python, "survivor")
    chance = random.Random(7)
    kills = 0
    for commits in (0, 1, 3, 2, 4, 1):
        kills += victim.kill_on_the_way(chance, commits)
    assert kills >= 5 and victim.version() >= 8
    victim.run()
    survivor.run()
    expected = oracle(world)
    assert len(expected) > 500 and any(row["ad_cost"] for row in expected.values())
    assert max(row["price_changes_28d"] for row in expected.values()) > 2
    compare(survivor.table(), expected)
    assert victim.table() == survivor.table()

    # Life goes on: prices and orders change, a day of the shop is published again with fewer rows.
    world.shop.sell(range(0, 2600, 5), 40)
    file = sorted((world.folder / "orders").glob("*.csv"))[0]
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:1] + lines[4:]))
    world.query("update sujip.source set enabled = false where name = 'naver_searchad'")
    world.up_once()
    expected = oracle(world)
    for commits in (1, 0):
        victim.kill_on_the_way(chance, commits)
    victim.run()
    compare(victim.table(), expected)
    survivor.run()
    assert victim.table() == survivor.table()

    # Another mapping of ad groups makes the table anew, without reading Kafka again.
    text = world.ad_groups.read_text().splitlines(keepends=True)
    world.ad_groups.write_text("".join(text[: len(text) // 2]))
    victim.run()
    compare(victim.table(), oracle(world))


def test_another_position_than_the_topics_have_is_said(world, python):
    lost = Example(world, python, "lost")
    lost.run()
    manifest = json.loads((lost.folder / "manifest.json").read_text())
    offsets = collections.defaultdict(dict)
    for topic, known in manifest["offsets"].items():
        offsets[topic] = {partition: offset + 1_000_000 for partition, offset in known.items()}
    manifest["offsets"] = offsets
    (lost.folder / "manifest.json").write_text(json.dumps(manifest))
    done = subprocess.run(lost.command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "remove the output folder" in done.stderr
