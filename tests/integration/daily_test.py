"""sujip.<dataset>_daily beside an oracle: a day that was collected and had nothing is told apart from one that nobody
asked for; and totals of days that were emptied are gone."""

import collections
import datetime
import decimal
import random

import pytest

from feeds import copied_share
from raw_runs import RawRuns
from world import caught_up, wait_for

D = decimal.Decimal
MAPPING = """source: mall
datasets:
  order_item:
    passthrough: true
    fields: {currency: "{{ record['currency'] }}"}
"""


@pytest.fixture(scope="module")
def share(servers):
    share = copied_share(servers, "mall")
    (share / "producers/connectors/mall").mkdir()
    (share / "producers/connectors/mall/mapping.yaml").write_text(MAPPING, "utf-8")
    return share


@pytest.fixture
def mall(make_world, share):
    world = make_world(share=share)
    world.runs = RawRuns(world, "raw.order", "mall", "order_item")
    with world.running("process"), world.running("sink"):
        yield world


def order(no, line="1", currency="KRW", quantity=1, amount="10.5"):
    return {"order_no": str(no), "line_id": line, "currency": currency, "quantity": quantity, "amount": amount}


def verdict(world, run):
    rows = world.query("select verdict from sujip.change_log where run = %s", run.run)
    return rows[0][0] if rows else None


def decided(world, run, wanted):
    wait_for(f"run {run.run} of {run.subject} to be {wanted}", lambda: verdict(world, run) == wanted, 30)


def daily(world, account="a"):
    return {(str(day), currency): rest for day, currency, *rest in world.query(
        "select day, currency, rows, quantity, amount, orders, partial from sujip.order_item_daily where account = %s", account)}


def is_daily(world, expected, account="a"):
    wait_for(f"the days {expected}", lambda: daily(world, account) == expected, 30)


def buckets(world, account="a"):
    return sorted(period for (period,) in world.query(
        "select period from sujip.order_item_rollup where grain = 'account' and account = %s", account))


EMPTY = [0, 0, 0, 0, False]


def test_an_empty_day_is_a_line_of_zeros_and_a_day_nobody_asked_for_is_none(mall):
    mall.runs.write(mall.runs.next("a", "2024-06-03"), [order(1), order(1, "2"), order(2, currency="USD")])
    mall.runs.write(mall.runs.next("a", "2024-06-05"), [], empty="accept")
    is_daily(mall, {("2024-06-03", "KRW"): [2, 2, D(21), 1, False], ("2024-06-03", "USD"): [1, 1, D("10.5"), 1, False],
                    ("2024-06-05", None): EMPTY})


def test_a_held_run_does_not_count_until_somebody_releases_it(mall):
    run = mall.runs.write(mall.runs.next("a", "2024-06-03"), [])
    decided(mall, run, "held")
    caught_up(mall)
    assert daily(mall) == {}
    mall.run("scope", "reject", run.subject)
    decided(mall, run, "rejected")
    caught_up(mall)
    assert daily(mall) == {}
    run = mall.runs.write(mall.runs.next("a", "2024-06-03"), [])
    decided(mall, run, "held")
    mall.run("scope", "release", run.subject, "--reason", "the shop was closed")
    is_daily(mall, {("2024-06-03", None): EMPTY})
    assert mall.query("select run, extract(epoch from collected_at) * 1000 from sujip.order_item_daily") == [(run.run, run.ms)]


def test_incomplete_and_old_runs_do_not_count(mall):
    run = mall.runs.write(mall.runs.next("a", "2024-06-03"), [order(1)], lie=1)
    decided(mall, run, "incomplete")
    good = mall.runs.write(mall.runs.next("a", "2024-06-04"), [order(1)])
    decided(mall, good, "accepted")
    old = mall.runs.write(mall.runs.next("a", "2024-06-04", ms=mall.runs.first_ms - 10_000), [], empty="accept")
    decided(mall, old, "old")
    caught_up(mall)
    assert daily(mall) == {("2024-06-04", "KRW"): [1, 1, D("10.5"), 1, False]}


def test_a_partial_run_says_so_and_claims_no_zeros(mall):
    mall.runs.write(mall.runs.next("a", "2024-06-03"), [order(1, quantity="many")])
    mall.runs.write(mall.runs.next("a", "2024-06-04"), [order(1), order(2, quantity="many")])
    is_daily(mall, {("2024-06-03", None): [None, None, None, None, True],
                    ("2024-06-04", "KRW"): [1, 1, D("10.5"), 1, True]})
    mall.runs.write(mall.runs.next("a", "2024-06-03"), [], empty="accept")
    mall.runs.write(mall.runs.next("a", "2024-06-04"), [order(1), order(2)])
    is_daily(mall, {("2024-06-03", None): EMPTY, ("2024-06-04", "KRW"): [2, 2, D(21), 2, False]})


def test_a_day_restated_to_nothing_leaves_no_total_behind(mall):
    mall.runs.write(mall.runs.next("a", "2024-06-03"), [order(n) for n in range(30)])
    wait_for("its totals", lambda: buckets(mall) == ["day", "month", "week", "year"])
    run = mall.runs.write(mall.runs.next("a", "2024-06-03"), [])
    decided(mall, run, "held")
    mall.run("scope", "release", run.subject, "--reason", "all cancelled")
    is_daily(mall, {("2024-06-03", None): EMPTY})
    caught_up(mall)
    assert mall.query("select * from sujip.order_item_rollup") == []
    assert mall.query("select * from sujip.order_item") == []
    # And with a day beside it: its week, month and year are those of the other day.
    # Below the guard's size.
    mall.runs.write(mall.runs.next("a", "2024-06-03"), [order(n) for n in range(15)])
    mall.runs.write(mall.runs.next("a", "2024-06-04"), [order(99)])
    wait_for("both days", lambda: len(buckets(mall)) == 5)
    mall.runs.write(mall.runs.next("a", "2024-06-03"), [], empty="accept")
    is_daily(mall, {("2024-06-03", None): EMPTY, ("2024-06-04", "KRW"): [1, 1, D("10.5"), 1, False]})
    caught_up(mall)
    assert mall.query("select period, period_start::text, rows, amount from sujip.order_item_rollup where grain = 'all'"
                      " order by 1") == [("day", "2024-06-04", 1, D("10.5")), ("month", "2024-06-01", 1, D("10.5")),
                                         ("week", "2024-06-03", 1, D("10.5")), ("year", "2024-01-01", 1, D("10.5"))]


def starts(day):
    return {"day": day, "week": day - datetime.timedelta(day.weekday()), "month": day.replace(day=1),
            "year": day.replace(month=1, day=1)}


def totals(days):
    """{(period, start, account, currency): (rows, quantity, amount)} of {(account, day): rows}."""
    sums = collections.defaultdict(lambda: (0, 0, D(0)))
    for (account, day), rows in days.items():
        for row in rows:
            for period, start in starts(datetime.date.fromisoformat(day)).items():
                key = (period, str(start), account, row["currency"])
                n, quantity, amount = sums[key]
                sums[key] = (n + 1, quantity + row["quantity"], amount + D(row["amount"]))
    return dict(sums)


def test_whatever_happens_it_is_what_the_runs_say(mall):
    """A few hundred runs of every kind, seeded; all of them are compared at the end."""
    chance = random.Random(20)
    scopes = [(account, f"2024-0{month}-{day:02d}") for account in "abc" for month in (6, 7) for day in (1, 2, 30)]
    days, last, content = {}, {}, {}  # of scopes that were collected

    def rows_of(n):
        return [order(no, "1", chance.choice(["KRW", "USD"]), chance.randrange(1, 9), f"{chance.randrange(10**6)}.{chance.randrange(1, 10)}")
                for no in chance.sample(range(200), n)]

    for n in range(200):
        scope = chance.choice(scopes)
        kind = chance.choice(["rows", "rows", "rows", "empty", "hold", "incomplete", "old", "same", "emptied"])
        if kind == "same" and scope not in content or kind == "old" and scope not in days:
            continue
        run = mall.runs.next(*scope, **({"ms": mall.runs.first_ms - 10**6} if kind == "old" else {}))
        if kind == "same":
            mall.runs.same(run, len(days[scope]), content[scope])
        elif kind == "hold":
            mall.runs.write(run, [])
            continue
        elif kind in ("incomplete", "old"):
            mall.runs.write(run, rows_of(5), lie=int(kind == "incomplete"))
            continue
        else:
            rows = rows_of(chance.randrange(1, 15)) if kind == "rows" else []
            content[scope] = f"{n}"
            mall.runs.write(run, rows, empty="accept", content=content[scope])
            days[scope] = rows
        last[scope] = run.run
    last_one = mall.runs.write(mall.runs.next("z", "2024-06-01"), [])
    decided(mall, last_one, "held")
    caught_up(mall)
    by_day = {(period, start, account, currency): v for (period, start, account, currency), v in totals(days).items()}
    assert {tuple(map(str, row[:2])) + row[2:4]: tuple(row[4:]) for row in mall.query(
        "select period, period_start, account, currency, rows, quantity, amount from sujip.order_item_rollup"
        " where grain = 'account'")} == by_day
    expected = {}
    for (account, day), rows in days.items():
        of_day = {key[3]: value for key, value in by_day.items() if key[:3] == ("day", day, account)}
        for currency, (n, quantity, amount) in (of_day or {None: (0, 0, D(0))}).items():
            expected[(account, day, currency)] = (n, quantity, amount, last[(account, day)], False)
    assert {(account, str(day), currency): tuple(rest) for account, day, currency, *rest in mall.query(
        "select account, day, currency, rows, quantity, amount, run, partial from sujip.order_item_daily")} == expected
    assert len(days) == len(scopes) and any(not rows for rows in days.values()), "the test has lost its point"
