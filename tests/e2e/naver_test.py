"""An ad medium from the vendor's API to the books: every figure equals what the vendor says it has."""

import collections
import datetime
import decimal
import json

import pytest

from vendor import LICENCE, SECRET, Vendor
from world import wait_for

D = decimal.Decimal
MEASURES = ("impressions", "clicks", "cost", "conversions", "conversion_value")
WRONG = "a-secret-that-opens-nothing-4711"


def add_source(world, vendor, secret=SECRET):
    world.run("source", "add", "naver_searchad", "--url", vendor.url, "--set", "customer=1000001",
              "--set", "report_rate=190", "--set", "download_rate=190", "--set", "other_rate=190",
              "--set", "poll_seconds=0.1", "--credential", f"access_licence={LICENCE}",
              "--credential", f"secret={secret}")


@pytest.fixture(scope="module")
def vendor():
    made = Vendor("--accounts", 20, "--days", 35, "--report-rate", 200, "--other-rate", 200)
    yield made
    made.close()


@pytest.fixture(scope="module")
def agency(make_world, vendor):
    world = make_world()
    add_source(world, vendor)
    world.vendor = vendor
    world.summary = world.up_once()
    return world


def truth(vendor):
    """{(account, day): (measures, rows by keyword)} of the accounts that are not paused"""
    paused = {a["customer"] for a in vendor.get("/_sim/state")["accounts"] if a["kind"] == "paused"}
    found = {}
    for day in vendor.get("/_sim/truth?ready=1")["days"]:
        if day["account"] not in paused:
            ad, conversion = day["AD"], day["AD_CONVERSION"]
            found[day["account"], datetime.date.fromisoformat(day["date"])] = (
                (D(ad["impressions"]), D(ad["clicks"]), D(ad["cost"]), D(conversion["conversions"]),
                 D(conversion["conversion_sales"])), day["joined"])
    assert found
    return found


def start_of(period, day):
    if period == "week":
        return day - datetime.timedelta(days=day.weekday())
    return {"day": day, "month": day.replace(day=1), "year": day.replace(month=1, day=1)}[period]


def check_everything(world):
    expected = truth(world.vendor)
    for table in ("ad_performance", "ad_keyword"):
        sums = ", ".join(f"coalesce(sum({m}), 0)" for m in MEASURES)
        found = {(account, day): (tuple(map(D, measures)), rows) for account, day, rows, *measures in
                 world.query(f"select account, stat_date, count(*), {sums} from sujip.{table} group by 1, 2")}
        for key, (measures, joined) in expected.items():
            rows = found.get(key, ((D(0),) * 5, 0))
            assert rows[0] == measures, (table, key)
            if table == "ad_keyword":
                assert rows[1] == joined["rows"], key
        assert found.keys() <= expected.keys()
        check_books(world, table, expected)
    groups = {(account, day): n for account, day, n in world.query(
        "select account, stat_date, count(distinct ad_group_id) from sujip.ad_performance group by 1, 2")}
    for key, (_, joined) in expected.items():
        assert groups.get(key, 0) == joined["ad_groups"], key


def check_books(world, table, expected):
    for grain, columns, name in (("all", "''", lambda account: ""),
                                 ("source", "source", lambda account: "naver_searchad"),
                                 ("account", "account", lambda account: account)):
        totals = collections.defaultdict(lambda: [D(0)] * 5)
        accounts = collections.defaultdict(set)
        for (account, day), (measures, joined) in expected.items():
            if not joined["rows"]:
                continue
            for period in ("day", "week", "month", "year"):
                key = (name(account), period, start_of(period, day))
                totals[key] = [a + b for a, b in zip(totals[key], measures)]
                accounts[key].add(account)
        found = {tuple(row[:3]): (row[4:], row[3]) for row in world.query(
            f"select {columns}, period, period_start, accounts, {', '.join(MEASURES)}"
            f" from sujip.{table}_rollup where grain = %s", grain)}
        assert found.keys() == totals.keys(), (table, grain)
        for key, total in totals.items():
            assert tuple(map(D, found[key][0])) == tuple(total), (table, grain, key)
            assert found[key][1] == len(accounts[key]), (table, grain, key)


def test_every_figure_equals_the_vendors(agency):
    assert agency.summary["complete"] and agency.summary["dead_letters"] == 0
    states = {a["customer"]: a for a in agency.vendor.get("/_sim/state")["accounts"]}
    assert len(states) == 20
    assert {row[0] for row in agency.query("select account_id from sujip.account")} == set(states)
    kinds = {"active": "active", "paused": "paused", "lost": "access_lost"}
    assert dict(agency.query("select account, state from sujip.account_status")) == \
        {customer: kinds[a["kind"]] for customer, a in states.items()}
    check_everything(agency)


def test_the_same_again_changes_nothing(agency):
    summary = agency.up_once()
    assert summary["complete"]
    assert (summary["created"], summary["updated"], summary["deleted"]) == (0, 0, 0)
    check_everything(agency)


def test_a_restated_day_is_corrected_everywhere(agency):
    state = agency.vendor.get("/_sim/state")
    # Days of the restatement window are asked for again; this one is ready and in it.
    today = datetime.date.fromisoformat(state["today"])
    told = agency.vendor.call("POST", "/_sim/restate",
                              {"date": (today - datetime.timedelta(days=3)).isoformat(), "seed": 5})
    assert told["old"] != told["new"]
    summary = agency.up_once()
    assert summary["complete"] and summary["created"] + summary["updated"] + summary["deleted"] > 0
    check_everything(agency)
    changed = {(account, slice_) for account, slice_ in agency.query(
        "select account, slice from sujip.change_log where dataset like 'ad_%%'"
        " and verdict = 'accepted' group by account, slice, dataset having count(*) > 1")}
    assert changed == {(told["account"], told["date"])}
    assert agency.query(
        "select distinct state from sujip.board_slice where account = %s and slice = %s",
        told["account"], told["date"]) == [("restated",)]


def test_a_paused_account_is_not_missing(agency):
    paused = {a["customer"] for a in agency.vendor.get("/_sim/state")["accounts"]
              if a["kind"] == "paused"}
    assert paused
    with agency.running("monitor"):
        def board():
            try:
                return agency.board_json()
            except OSError:
                return None
        shown = wait_for("the board", board, 60)
        slices = [s for s in shown["slices"] if s["source"] == "naver_searchad"]
        states = {s["state"] for s in slices if s["account"] in paused}
        assert states <= {"excluded"}, states
        assert not [s for s in slices if s["state"] in ("missing", "failed", "held", "late")]
        source = next(s for s in shown["sources"] if s["source"] == "naver_searchad")
        assert source["overdue"] == 0


def everything_said(world):
    """(where, bytes) of every table but the credentials, every topic, every file, the board."""
    tables = [row[0] for row in world.query(
        "select table_name from information_schema.tables where table_schema in ('sujip', 'sujip_g1')"
        " and table_type = 'BASE TABLE' and table_name <> 'credential'")]
    assert len(tables) > 10
    for table in tables:
        for row in world.query(f"select to_jsonb(t)::text from sujip.{table} t"):
            yield f"table {table}", row[0].encode()
    topics = [line.split()[0] for line in world.run("topics", "list").out.splitlines()
              if line.startswith(world.prefix)]
    assert len(topics) > 10
    for topic in topics:
        for _, _, key, value in world.topic(topic.removeprefix(world.prefix), committed=False):
            yield f"topic {topic}", (key or b"") + b"\n" + (value or b"")
    files = [f for f in world.folder.rglob("*") if f.is_file()]
    assert [f for f in files if f.name == "collect.log"]
    for file in files:
        yield str(file), file.read_bytes()


def test_a_wrong_secret_is_said_clearly(make_world, vendor):
    world = make_world()
    add_source(world, vendor, secret=WRONG)
    done = world.run("up", "--once", code=3)
    assert not done.json["complete"] and "secret" in done.text
    message, hint, kind = world.query(
        "select message, hint, error_class from sujip.run_log where state = 'failed'")[0]
    assert kind == "unauthorised" and message and "secret" in hint, (kind, message, hint)
    assert world.value("select count(*) from sujip.ad_performance") == 0
    for where, content in everything_said(world):
        assert WRONG.encode() not in content, where
    assert WRONG not in done.text and LICENCE not in done.text


def test_the_secret_is_nowhere_but_in_its_table(agency):
    assert agency.value("select count(*) from sujip.credential where value = %s", SECRET) == 1
    for where, content in everything_said(agency):
        assert SECRET.encode() not in content, where
    log = json.dumps(agency.vendor.get("/_sim/log?limit=100000"))
    assert SECRET not in log
    for command in (("source", "list"), ("account", "list"), ("doctor",), ("dead", "list")):
        assert SECRET not in agency.run(*command, code=None).text
