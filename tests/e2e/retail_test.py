"""Sales of a shop, a file per day: every total against an oracle of csv and Decimal."""

import collections
import csv
import datetime
import decimal
import pathlib
import shutil
import subprocess

import pytest

from servers import ROOT
from world import data_folder

D = decimal.Decimal
SAMPLES = ROOT / "producers/connectors/online_retail/samples"
PERIODS = ("day", "week", "month", "year")


def start_of(period, day):
    if period == "week":
        return day - datetime.timedelta(days=day.weekday())
    return {"day": day, "month": day.replace(day=1), "year": day.replace(month=1, day=1)}[period]


def read(folder, only=None):
    """(day, invoice, product, quantity, amount) of every line of every file."""
    for file in sorted(pathlib.Path(folder).glob("*.csv")):
        day = datetime.date.fromisoformat(file.stem)
        if only not in (None, day):
            continue
        with file.open(newline="", encoding="utf-8-sig") as lines:
            for row in csv.DictReader(lines):
                quantity = int(row["Quantity"])
                yield (day, row["InvoiceNo"], row["StockCode"], quantity,
                       quantity * D(row["UnitPrice"]))


DIMENSIONS = {"all": lambda sku: (), "source": lambda sku: ("online_retail",),
              "account": lambda sku: ("online_retail", "uci"),
              "product": lambda sku: ("online_retail", "uci", sku)}


class Oracle:
    """Totals by grain, {(period, start, dimensions...): (quantity, amount, distinct orders, lines)}."""

    def __init__(self, folder):
        self.folder = folder
        self.days = {}
        for day, *line in read(folder):
            self.days.setdefault(day, []).append(line)

    def read_again(self, day):
        self.days[day] = [line[1:] for line in read(self.folder, day)]

    def totals(self, grain):
        by_day = collections.defaultdict(lambda: [0, D(0), set(), 0])
        for day, lines in self.days.items():
            for invoice, sku, quantity, amount in lines:
                total = by_day[day, DIMENSIONS[grain](sku)]
                total[0] += quantity
                total[1] += amount
                total[2].add(invoice)
                total[3] += 1
        totals = collections.defaultdict(lambda: [0, D(0), set(), 0])
        for (day, dimensions), (quantity, amount, orders, lines) in by_day.items():
            for period in PERIODS:
                total = totals[(period, start_of(period, day), *dimensions)]
                total[0] += quantity
                total[1] += amount
                total[2] |= orders
                total[3] += lines
        return {key: (q, a, len(orders), n) for key, (q, a, orders, n) in totals.items()}


def books(world, grain):
    columns = {"all": (), "source": ("source",), "account": ("source", "account"),
               "product": ("source", "account", "sku")}[grain]
    rows = world.query(
        f"select {', '.join(['period', 'period_start', *columns])}, quantity, amount, orders, rows,"
        " currency, accounts from sujip.order_item_rollup where grain = %s", grain)
    found = {}
    for *key, quantity, amount, orders, count, currency, accounts in rows:
        assert currency == "GBP" and accounts == 1 and tuple(key) not in found
        found[tuple(key)] = (quantity, amount, orders, count)
    return found


def check_books(world, grains=tuple(DIMENSIONS)):
    for grain in grains:
        expected, found = world.oracle.totals(grain), books(world, grain)
        wrong = {key: (expected.get(key), found.get(key)) for key in expected.keys() | found.keys()
                 if expected.get(key) != found.get(key)}
        assert not wrong, f"{len(wrong)} of {len(expected)} totals of grain {grain}, " \
                          f"expected and found, e.g. {sorted(wrong.items())[:3]}"


def check_lines(world, day):
    """The table holds each line of a day as often as its file does."""
    assert collections.Counter(map(tuple, world.oracle.days[day])) == collections.Counter(world.query(
        "select order_no, sku, quantity, amount from sujip.order_item where order_date = %s", day))


def counts(summary):
    return summary["created"], summary["updated"] + summary["minor"], summary["deleted"]


@pytest.fixture(scope="module", params=["samples", "real"])
def shop(request, make_world, servers):
    source = SAMPLES if request.param == "samples" else data_folder("retail")
    world = make_world()
    world.files = world.folder / "retail"
    shutil.copytree(source, world.files, copy_function=shutil.copyfile)
    world.files.chmod(0o755)
    world.run("source", "add", "online_retail", "--path", world.files)
    world.real = request.param == "real"
    world.oracle = Oracle(world.files)
    world.summary = world.up_once()
    return world


def test_every_total_of_every_period_is_exact(shop):
    lines = sum(map(len, shop.oracle.days.values()))
    assert shop.summary["complete"] and counts(shop.summary) == (lines, 0, 0)
    assert shop.summary["dead_letters"] == 0 and shop.summary["refused"] == 0
    check_books(shop)
    for day in list(shop.oracle.days)[::30]:
        check_lines(shop, day)
    assert shop.value("select count(*) from sujip.order_item") == lines


def test_the_published_figures(shop):
    """The figures that the data's description gives, so that the oracle is not alone."""
    if not shop.real:
        pytest.skip("these are figures of the real data")
    found = books(shop, "all")
    days = [total for (period, _), total in found.items() if period == "day"]
    assert sum(total[1] for total in days) == D("9747747.934")
    assert sum(total[0] for total in days) == 5176450
    assert found[("day", datetime.date(2011, 1, 5))][1] == D("-1566.23")
    assert sum(1 for period, _ in found if period == "week") == 53
    for week, amount in {"2010-11-29": "181847.25", "2011-01-03": "93720.93",
                         "2011-10-03": "302466.59", "2011-11-28": "319874.99",
                         "2011-12-05": "300605.22"}.items():
        assert found[("week", datetime.date.fromisoformat(week))][1] == D(amount), week
    months = ("748957.02 560000.26 498062.65 683267.08 493207.121 723333.51 691123.12 681300.111"
              " 682680.51 1019687.622 1070704.67 1461756.25 433668.01").split()
    year, month = 2010, 12
    for amount in months:
        assert found[("month", datetime.date(year, month, 1))][1] == D(amount), (year, month)
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    assert shop.value("select count(distinct order_no) from sujip.order_item") == 25900
    assert shop.value("select count(distinct order_no) from sujip.order_item where cancelled") == 3836


def test_the_same_again_changes_nothing(shop):
    topics = ("change.order_item", "rollup.order_item")
    before = [shop.ends(topic) for topic in topics]
    summary = shop.up_once()
    assert summary["complete"] and counts(summary) == (0, 0, 0) and summary["rows"] == 0
    assert [shop.ends(topic) for topic in topics] == before
    check_books(shop, ["all"])


def test_files_offered_again_with_the_same_content_change_nothing(shop):
    for file in shop.files.glob("*.csv"):
        file.touch()
    summary = shop.up_once()
    assert summary["complete"] and counts(summary) == (0, 0, 0)


def test_a_changed_day_is_corrected_everywhere_and_back(shop):
    file = shop.files / ("2011-01-05.csv" if shop.real else "2024-03-05.csv")
    day = datetime.date.fromisoformat(file.stem)
    first = file.read_bytes()
    tables = ("order_item", "order_item_rollup")
    before = [shop.fingerprint(name) for name in tables]
    lines = first.decode().splitlines(keepends=True)
    assert lines.count(lines[2]) == 1 and lines.count(lines[5]) == 1, "rows the test can tell apart"
    altered = lines[5].split(",")
    altered[3] = str(int(altered[3]) + 1000)
    lines[5] = ",".join(altered)
    del lines[2]
    lines.append(f"999999,NEW1,A new line,7,{file.stem} 12:00:00,1.25,17850.0,France\n")
    file.write_text("".join(lines), encoding="utf-8")

    summary = shop.up_once()
    # A row without a natural key has another key when it is altered: a pair of deleted and created.
    assert counts(summary) in ((1, 1, 1), (2, 0, 2))
    shop.oracle.read_again(day)
    check_books(shop)
    check_lines(shop, day)
    last = shop.query("select slice, verdict, rows from sujip.change_log order by decided_at desc limit 1")
    assert last == [(file.stem, "accepted", len(lines) - 1)]

    file.write_bytes(first)
    summary = shop.up_once()
    assert counts(summary) in ((1, 1, 1), (2, 0, 2))
    shop.oracle.read_again(day)
    assert [shop.fingerprint(name) for name in tables] == before
    check_books(shop, ["all"])
    check_lines(shop, day)


def test_the_change_topic_as_kcat_reads_it_is_the_table(shop):
    if not shutil.which("kcat"):
        pytest.skip("no kcat: tools/install-packages.sh --with-tests brings it")
    done = subprocess.run(
        ["kcat", "-b", shop.servers.kafka_address, "-C", "-q", "-e", "-o", "beginning",
         "-X", "isolation.level=read_committed", "-t", f"{shop.prefix}change.order_item",
         "-f", "%k\t%S\n"], check=True, capture_output=True, text=True, timeout=120)
    alive = {}
    for line in done.stdout.splitlines():
        key, size = line.rsplit("\t", 1)
        alive[key] = int(size) > 0
    assert sum(alive.values()) == shop.value("select count(*) from sujip.order_item")
