"""Sources with an API as a person or a loop collects them: chosen days, one runner at a time, beside the
file feeds, no noise, and what `source test` says."""

import collections
import datetime
import json
import shutil

import pytest

from servers import ROOT
from vendor import LICENCE, SECRET, Vendor
from world import wait_for

NAME = "naver_searchad"
WRONG = "a-secret-that-opens-nothing-0815"
SEOUL = datetime.timezone(datetime.timedelta(hours=9))


def days_ago(count):
    return (datetime.datetime.now(SEOUL).date() - datetime.timedelta(days=count)).isoformat()


@pytest.fixture
def vendor():
    made = Vendor("--accounts", 4, "--days", 8, "--lost-account", "--report-rate", 0, "--other-rate", 0)
    made.kinds = {a["kind"]: a["customer"] for a in made.get("/_sim/state")["accounts"]}
    assert set(made.kinds) == {"active", "paused", "lost"}
    yield made
    made.close()


def add_source(world, vendor, *more, secret=SECRET):
    world.run("source", "add", NAME, "--url", vendor.url, "--set", "customer=1000001",
              "--set", "report_rate=0", "--set", "download_rate=0", "--set", "other_rate=0",
              "--set", "poll_seconds=0.05", "--set", "backoff_factor=0.05",
              "--credential", f"access_licence={LICENCE}", "--credential", f"secret={secret}", *more)


def asked(vendor, method, path=""):
    """The customers of the requests since the log was cleared."""
    return [r["customer"] for r in vendor.get("/_sim/log?limit=100000")["requests"]
            if r["method"] == method and r["path"].startswith(path)]


def test_source_test_says_which_account_can_be_read(make_world, vendor):
    world = make_world()
    add_source(world, vendor)
    said = world.run("source", "test", NAME, code=1).out.splitlines()
    good = [line for line in said if line.startswith("OK ")]
    bad = [line for line in said if line.startswith("FAILED ")]
    assert len(good) == 3 and len(bad) == 1
    assert vendor.kinds["lost"] in bad[0] and "HTTP 403" in bad[0] and "right" in bad[0], bad
    assert "3 of 4" in said[-1]

    vendor.call("DELETE", "/_sim/log")
    world.run("source", "test", NAME, "--account", vendor.kinds["active"])
    assert asked(vendor, "GET").count(vendor.kinds["active"]) == 1  # the smallest request there is
    assert set(asked(vendor, "GET")) == {"1000001", vendor.kinds["active"]}
    assert not asked(vendor, "POST") and not asked(vendor, "DELETE")
    assert "not among the accounts" in world.run("source", "test", NAME, "--account", "4711", code=1).out

    world.run("source", "add", NAME, "--credential", f"secret={WRONG}")
    wrong = world.run("source", "test", NAME, code=1)
    failed = [line for line in wrong.out.splitlines() if line.startswith("FAILED ")]
    assert len(failed) == 1 and "invalid-signature" in failed[0].lower().replace(" ", "-"), wrong.out
    assert "is the secret right" in failed[0]
    for secret in (WRONG, SECRET, LICENCE):
        assert secret not in wrong.text
    assert world.value("select count(*) from sujip.collected_scope") == 0


def test_chosen_days_of_chosen_accounts(make_world, vendor):
    world = make_world()
    add_source(world, vendor)
    world.run("source", "add", "danawa")
    account, day = vendor.kinds["active"], days_ago(5)

    def collect(*options, code=0):
        vendor.call("DELETE", "/_sim/log")
        return world.run("collect", "--source", NAME, *options, code=code)

    def collected():
        return set(world.query("select account, slice from sujip.collected_scope"
                               " where slice <> ''"))

    done = collect("--account", account, "--from", day, "--to", day)
    assert collected() == {(account, day)} and done.json["runs"] > 0
    assert len(asked(vendor, "POST", "/stat-reports")) == 2
    collect("--account", account, "--from", day, "--to", day)
    assert not asked(vendor, "POST", "/stat-reports")  # the day is there already
    collect("--account", account, "--from", day, "--to", day, "--force")
    assert len(asked(vendor, "POST", "/stat-reports")) == 2
    collect("--account", account, "--days", "3")
    assert collected() - {(account, days_ago(1))} == {(account, day), (account, days_ago(2)),
                                                      (account, days_ago(3))}

    assert "4711" in collect("--account", "4711", "--days", "1", code=2).err
    assert "not over" in collect("--from", days_ago(2), "--to", days_ago(0), code=2).err
    assert "after the last" in collect("--from", days_ago(2), "--to", days_ago(3), code=2).err
    assert "--source" in world.run("collect", "--days", "3", code=2).err
    assert "upload" in world.run("collect", "--source", "danawa", "--days", "3", code=2).err
    assert collected() - {(account, days_ago(1))} == {(account, day), (account, days_ago(2)),
                                                      (account, days_ago(3))}


def test_a_slow_vendor_holds_up_nobody(make_world, vendor):
    world = make_world()
    add_source(world, vendor)
    folder = world.folder / "feed"
    samples = sorted((ROOT / "producers/connectors/danawa/samples").rglob("*.csv"))
    relative = [s.relative_to(ROOT / "producers/connectors/danawa/samples") for s in samples]
    assert len(samples) > 1

    def offer(n):
        (folder / relative[n]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(samples[n], folder / relative[n])

    offer(0)
    world.run("source", "add", "danawa", "--path", folder, "--every", "1s")
    vendor.call("POST", "/_sim/fault", {"path": "/manager-accounts", "kind": "timeout", "seconds": 120,
                                        "times": 100})

    def files():
        return world.value("select count(*) from sujip.feed_file")

    with world.running("collect") as process:
        wait_for("the vendor to be asked",
                 lambda: vendor.get("/_sim/state")["faults"][0]["fired"] == 1)
        wait_for("the first file", lambda: files() == 1)
        offer(1)
        wait_for("the second file", lambda: files() == 2)
        # The first request is still without an answer, so its pass holds the source.
        assert vendor.get("/_sim/state")["faults"][0]["fired"] == 1
        second = world.run("collect", "--source", NAME, "--days", "1", code=3)
        assert "collected by sujip collect " in second.text and f":{process.pid}" in second.text
        process.terminate()
        assert process.wait(15) == 0  # a request may take 30 s: it was broken off
    # To be stopped is no failure of the source.
    states = [json.loads(value)["state"] for _, _, _, value in world.topic("run.log")
              if json.loads(value)["source"] == NAME]
    assert states == []


def test_a_loop_does_not_repeat_itself(make_world, vendor):
    world = make_world()
    add_source(world, vendor, "--every", "1s")
    with world.running("collect"):
        wait_for("several looks at the paused account",
                 lambda: asked(vendor, "GET", "/billing").count(vendor.kinds["paused"]) >= 4)
    said = collections.Counter()
    for _, _, key, value in world.topic("run.log"):
        entry = json.loads(value)
        said[key.decode(), entry["state"], entry["message"]] += 1
    skipped = [key for key in said if key[1] == "skipped" and f"/{vendor.kinds['paused']}/" in key[0]]
    assert len(skipped) >= 8 and "switched off" in skipped[0][2]
    assert any(key[1] == "finished" and key[0].endswith("account_status") for key in said)
    assert {count for count in said.values()} == {1}, said.most_common(3)
    # Nor is an unchanged status published again and again: begin, one row, end.
    statuses = collections.Counter(json.loads(value).get("customerId") for _, _, _, value
                                   in world.topic("raw.status"))
    assert set(statuses.values()) - {statuses[None]} == {1} and statuses[None] == 2 * (len(statuses) - 1)
