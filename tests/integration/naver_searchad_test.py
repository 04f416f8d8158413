"""The engine with the naver_searchad connector against the simulator of the vendor.

Needs the probe: SUJIP_PROBE=build/producers/engine/engine_probe. Compares what was collected with what
the simulator says it has, to the last digit.
"""

import collections
import decimal
import json
import os
import pathlib
import subprocess

import pytest

from vendor import LICENCE, SECRET, Vendor

ROOT = pathlib.Path(__file__).resolve().parents[2]
D = decimal.Decimal


def find_probe():
    names = [os.environ.get("SUJIP_PROBE", "")]
    names += [str(p) for p in ROOT.glob("build*/**/engine_probe")]
    names += [str(p) for p in ROOT.glob("build/*/producers/engine/engine_probe")]
    return next((n for n in names if n and os.access(n, os.X_OK)), None)


PROBE = find_probe()
pytestmark = pytest.mark.skipif(PROBE is None, reason="engine_probe is not built (SUJIP_PROBE)")


@pytest.fixture
def vendor(request):
    made = []

    def start(*options):
        made.append(Vendor(*options))
        return made[-1]

    yield start
    for one in made:
        one.close()


class Result:
    def __init__(self, done):
        self.text = done.stdout + done.stderr
        self.code = done.returncode
        self.lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.report = self.lines[-1] if self.lines else None

    def of(self, kind):
        return [line for line in self.lines if line["kind"] == kind]

    def scopes(self, dataset, kinds=("collected",)):
        return {line["scope"]: line for line in self.lines
                if line["kind"] in kinds and line["scope"].split("/")[2] == dataset}


def collect(vendor, secret=SECRET, **settings):
    settings = {"base_url": vendor.url, "customer": "1000001", "report_rate": 0, "other_rate": 0,
                "download_rate": 0, "poll_seconds": "0.02", "backoff_factor": "0.02", **settings}
    done = subprocess.run(
        [PROBE, str(ROOT), "naver_searchad", f"credential.access_licence={LICENCE}",
         f"credential.secret={secret}", *(f"{k}={v}" for k, v in settings.items())],
        capture_output=True, text=True, timeout=170)
    return Result(done)


UNLIMITED = ("--report-rate", "0", "--other-rate", "0")
NOON = ("--now", "2026-04-10T12:00:00")  # the window crosses the VAT change of 2026-03-30
TODAY = {"today": "2026-04-10"}


def sums(scope):
    total = collections.Counter()
    for row in scope["rows"]:
        record = row["record"]
        for name in ("imp", "click", "cost", "convCount", "salesByConv"):
            total[name] += D(record[name])
    return total


def expect_truth(result, truth, states, kinds=("collected",)):
    kind_of = {a["customer"]: a["kind"] for a in states["accounts"]}
    for dataset in ("ad_performance", "ad_keyword"):
        scopes = result.scopes(dataset, kinds)
        compared = 0
        for day in truth["days"]:
            subject = f"naver_searchad/{day['account']}/{dataset}/{day['date']}"
            if kind_of[day["account"]] == "paused":
                assert subject not in scopes
                continue
            total = sums(scopes.pop(subject))
            assert total["imp"] == day["AD"]["impressions"]
            assert total["click"] == day["AD"]["clicks"]
            assert total["cost"] == D(day["AD"]["cost"])
            assert total["convCount"] == day["AD_CONVERSION"]["conversions"]
            assert total["salesByConv"] == D(day["AD_CONVERSION"]["conversion_sales"])
            compared += 1
        assert compared > 0 and not scopes
    for day in truth["days"]:
        subject = f"naver_searchad/{day['account']}/ad_keyword/{day['date']}"
        if kind_of[day["account"]] != "paused":
            assert len(result.scopes("ad_keyword", kinds)[subject]["rows"]) == day["joined"]["rows"]


def test_everything_equals_what_the_vendor_has(vendor):
    stub = vendor("--accounts", "20", "--days", "35", "--lost-account", *UNLIMITED, *NOON)
    result = collect(stub, days=35, **TODAY)
    assert result.code == 0, result.text[-2000:]
    states = stub.get("/_sim/state")
    expect_truth(result, stub.get("/_sim/truth?ready=1"), states)
    assert len(result.scopes("account_status")) == 20
    accounts = next(iter(result.scopes("account").values()))
    assert {row["key"] for row in accounts["rows"]} == {a["customer"] for a in states["accounts"]}
    # Nothing stays behind at the vendor, and no day was asked for twice.
    log = stub.get("/_sim/log?limit=100000")
    assert SECRET not in json.dumps(log)


def test_paused_and_lost_accounts_are_skipped_with_a_reason(vendor):
    stub = vendor("--accounts", "9", "--days", "3", "--lost-account", *UNLIMITED, *NOON)
    result = collect(stub, days=3, **TODAY)
    assert result.code == 0 and result.report["failed"] == 0
    kinds = {a["customer"]: a["kind"] for a in stub.get("/_sim/state")["accounts"]}
    reasons = {line["scope"].split("/")[1]: line["message"] for line in result.of("skipped")}
    assert set(reasons) == {c for c, kind in kinds.items() if kind != "active"}
    for customer, reason in reasons.items():
        assert ("switched off" if kinds[customer] == "paused" else "right") in reason
    assert {line["status"] for line in result.of("account")} == {"", "active", "paused",
                                                                  "access_lost"}


def test_a_second_run_is_the_same_and_a_restated_day_is_collected_anew(vendor, tmp_path):
    stub = vendor("--accounts", "3", "--days", "5", *UNLIMITED, *NOON)
    state = str(tmp_path / "state")
    assert collect(stub, days=5, state=state, **TODAY).code == 0
    again = collect(stub, days=5, state=state, **TODAY)
    assert again.code == 0 and again.of("collected") == []
    # D-1 to D-3 only: the days after are not due.
    assert {line["scope"].rsplit("/", 1)[1] for line in again.of("same")
            if "/ad_" in line["scope"]} == {"2026-04-09", "2026-04-08", "2026-04-07"}
    told = stub.call("POST", "/_sim/restate", {"date": "2026-04-08", "seed": 4})
    third = collect(stub, days=5, state=state, **TODAY)
    changed = {line["scope"] for line in third.of("collected")}
    assert changed == {f"naver_searchad/{told['account']}/{d}/2026-04-08"
                       for d in ("ad_performance", "ad_keyword")}
    everything = collect(stub, days=5, force=1, **TODAY)
    expect_truth(everything, stub.get("/_sim/truth?ready=1"), stub.get("/_sim/state"))


def test_a_wrong_secret_is_said_clearly_and_never_shown(vendor):
    stub = vendor("--accounts", "2", "--days", "2", *UNLIMITED, *NOON)
    wrong = "this-is-a-wrong-secret-0001"
    result = collect(stub, secret=wrong, days=2, **TODAY)
    assert result.code == 3
    (failure,) = result.of("failed")
    assert failure["class"] == "unauthorised" and "secret right" in failure["message"]
    for word in (wrong, LICENCE):
        assert word not in result.text


def test_a_day_that_is_not_ready_is_skipped(vendor):
    stub = vendor("--accounts", "1", "--days", "2", *UNLIMITED, "--now", "2026-04-10T02:00:00")
    result = collect(stub, days=2, **TODAY)
    assert result.code == 0
    assert {line["scope"].rsplit("/", 1)[1] for line in result.of("skipped")} == {"2026-04-09"}
    assert {line["class"] for line in result.of("skipped")} == {"not_ready"}


def test_trouble_on_the_way_is_overcome(vendor):
    stub = vendor("--accounts", "2", "--days", "4", *UNLIMITED, *NOON)
    stub.call("POST", "/_sim/fault", [
        {"path": "/stat-reports", "kind": "429", "nth": 2, "times": 2},
        {"path": "/stat-reports", "kind": "500", "nth": 9},
        {"path": "/report-download", "kind": "reset", "nth": 2},
        {"path": "/report-download", "kind": "cut", "nth": 4},
        {"path": "/ncc/campaigns", "kind": "html503"},
    ])
    account = stub.get("/_sim/state")["accounts"][0]["customer"]
    stub.call("POST", "/_sim/incident",
              {"account": account, "date": "2026-04-07", "report": "AD", "kind": "error",
               "times": 2})
    result = collect(stub, days=4, **TODAY)
    assert result.code == 0, result.text[-2000:]
    expect_truth(result, stub.get("/_sim/truth?ready=1"), stub.get("/_sim/state"))


def test_a_page_that_repeats_itself_publishes_nothing(vendor):
    stub = vendor("--accounts", "120", "--days", "1", *UNLIMITED, *NOON)
    stub.call("POST", "/_sim/fault", {"path": "/manager-accounts/.*", "kind": "repeat_page",
                                      "nth": 1, "times": 100})
    result = collect(stub, days=1, **TODAY)
    assert result.code == 3 and result.of("collected") == []
    (failure,) = result.of("failed")
    assert failure["class"] == "paging"
