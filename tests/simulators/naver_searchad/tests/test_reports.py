from decimal import Decimal

NOW = ("--now", "2026-11-21T12:00:00+09:00")
CALM = (*NOW, "--quick", "--no-errors", "--report-rate", "0", "--other-rate", "0")
FIRST = 1234567


def lines(text):
    return [line.split("\t") for line in text.splitlines()]


def test_quick_life(start):
    client = start(*CALM)
    job = client.post_job(FIRST, "20261118").json
    assert job["status"] == "REGIST" and job["downloadUrl"] == ""
    assert job["statDt"] == "2026-11-17T15:00:00Z"
    path = f"/stat-reports/{job['reportJobId']}"
    assert client.get(path, FIRST).json["status"] == "RUNNING"
    job = client.get(path, FIRST).json
    assert job["status"] == "BUILT"
    file = client.download(FIRST, job)
    assert file.status == 200
    truth = client.sim(f"truth?account={FIRST}&from=2026-11-18&to=2026-11-18")["days"][0]["AD"]
    rows = lines(file.text)
    assert all(len(r) == 14 and r[0] == "20261118" and r[1] == str(FIRST) for r in rows)
    assert len({tuple(r[:9]) for r in rows}) == len(rows) == truth["rows"]
    assert sum(int(r[9]) for r in rows) == truth["impressions"]
    assert sum(int(r[10]) for r in rows) == truth["clicks"]
    assert sum(int(r[11]) for r in rows) == int(truth["cost"])
    assert any(r[4] == "-" for r in rows) and any(r[4] != "-" for r in rows)
    (served,) = client.sim("served")["files"]
    assert {k: served[k] for k in truth} == truth
    assert client.call("DELETE", path, FIRST).status == 204
    assert client.get(path, FIRST).json["code"] == 20011


def test_life_by_the_clock(start):
    client = start(*NOW, "--no-errors")
    path = f"/stat-reports/{client.post_job(FIRST, '20261118').json['reportJobId']}"
    assert client.get(path, FIRST).json["status"] == "REGIST"
    client.sim("clock", {"advance_s": 5})
    assert client.get(path, FIRST).json["status"] in ("RUNNING", "WAITING")
    client.sim("clock", {"advance_s": 20})
    assert client.get(path, FIRST).json["status"] == "BUILT"
    client.sim("clock", {"advance_s": 15 * 86400})
    assert client.get(path, FIRST).json["code"] == 20011


def test_conversions_and_search_terms(start):
    client = start(*CALM)
    truth = client.sim(f"truth?account={FIRST}&from=2026-11-18&to=2026-11-18")["days"][0]
    rows = lines(client.download(FIRST, client.finish_job(FIRST, "20261118", "AD_CONVERSION")).text)
    assert all(len(r) == 13 and r[9] in "12" for r in rows)
    assert len({tuple(r[:11]) for r in rows}) == len(rows) == truth["AD_CONVERSION"]["rows"]
    assert sum(int(r[12]) for r in rows) == int(truth["AD_CONVERSION"]["conversion_sales"])
    rows = lines(client.download(FIRST, client.finish_job(FIRST, "20261118", "EXPKEYWORD")).text)
    assert all(len(r) == 12 for r in rows)
    assert any('"' in r[4] for r in rows)
    assert len({tuple(r[:8]) for r in rows}) < len(rows)
    assert sum(int(r[8]) for r in rows) == truth["EXPKEYWORD"]["impressions"]
    assert truth["EXPKEYWORD"]["impressions"] <= truth["AD"]["impressions"]


def test_cost_before_and_after_the_vat_day(start):
    client = start("--quick", "--no-errors", "--now", "2026-04-02T12:00:00+09:00")
    costs = {}
    for day in ("2026-03-29", "2026-03-30"):
        text = client.download(FIRST, client.finish_job(FIRST, day)).text
        costs[day] = [r[11] for r in lines(text)]
        truth = client.sim(f"truth?account={FIRST}&from={day}&to={day}")["days"][0]["AD"]
        assert sum(map(Decimal, costs[day])) == Decimal(truth["cost"])
    assert all("." in c for c in costs["2026-03-29"])
    assert any(c.endswith(".5") for c in costs["2026-03-29"])
    assert all(c.isdigit() for c in costs["2026-03-30"])


def test_days_that_cannot_be_had(start):
    client = start("--now", "2026-11-21T02:00:00+09:00")
    for day, code in (("20261121", 10004), ("20261122", 10004), ("20261120", 20007),
                      ("20251120", 10004), ("2026112", 11001), ("20261301", 11001)):
        answer = client.post_job(FIRST, day)
        assert (answer.status, answer.json["code"]) == (400, code), day
    client.sim("clock", {"now": "2026-11-21T03:30:00+09:00"})
    assert client.post_job(FIRST, "20261120").status == 200
    client.sim("limits", {"report": 0})
    assert client.post_job(FIRST, "20261118", "AD_COST").json["code"] == 11001


def test_download_needs_headers_and_the_token_as_given(start):
    client = start(*CALM)
    job = client.finish_job(FIRST, "20261118")
    target = job["downloadUrl"].removeprefix(client.base)
    assert "%2B" in target or "%3D" in target
    assert client.raw("GET", target).json["title"] == "Missing Header"
    decoded = target.replace("%3D", "=").replace("%2B", "+").replace("%2F", "/")
    assert client.get(decoded, FIRST).json["code"] == 20011
    assert client.get(target.replace("%", "%25"), FIRST).json["code"] == 20011
    assert client.get(target, FIRST).status == 200


def test_ring_of_100(start):
    client = start(*CALM)
    numbers = [client.post_job(FIRST, "20261118").json["reportJobId"] for _ in range(101)]
    assert client.get(f"/stat-reports/{numbers[0]}", FIRST).json["code"] == 20011
    assert client.get(f"/stat-reports/{numbers[1]}", FIRST).status == 200
    assert len(client.get("/stat-reports", FIRST).json) == 100
    assert client.call("DELETE", "/stat-reports", FIRST).status == 204
    assert client.get("/stat-reports", FIRST).json == []


def test_none_then_built_and_error_once(start):
    client = start(*CALM)
    for kind, status in (("none", "NONE"), ("error", "ERROR")):
        client.sim("incident", {"account": FIRST, "date": "2026-11-18", "kind": kind})
        assert client.finish_job(FIRST, "20261118")["status"] == status
        assert client.finish_job(FIRST, "20261118")["status"] == "BUILT"


def test_errors_come_by_themselves(start):
    client = start(*NOW, "--quick", "--report-rate", "0")
    days = client.sim("truth")["days"]
    ended = {}
    for entry in days[:200]:
        ended[(entry["account"], entry["date"])] = client.finish_job(
            entry["account"], entry["date"])["status"]
    failed = [key for key, status in ended.items() if status == "ERROR"]
    assert failed
    assert all(client.finish_job(*key)["status"] != "ERROR" for key in failed)


def test_restate(start):
    client = start(*CALM)
    day = "2026-11-18"
    job = client.finish_job(FIRST, day)
    before = {tuple(r[:9]): r[9:] for r in lines(client.download(FIRST, job).text)}
    answer = client.sim("restate", {"account": FIRST, "date": day, "seed": 3})
    assert answer["changed_jobs"] == [job["reportJobId"]]
    path = f"/stat-reports/{job['reportJobId']}"
    assert client.get(path, FIRST).json["status"].lower() == "changed"
    assert client.download(FIRST, job).status == 400
    text = client.download(FIRST, client.finish_job(FIRST, day)).text
    after = {tuple(r[:9]): r[9:] for r in lines(text)}
    changes = {k: [tuple(x) for x in v] for k, v in answer["changes"]["AD"].items()}
    assert set(before) - set(after) == set(changes["removed"]) != set()
    assert set(after) - set(before) == set(changes["added"]) != set()
    altered = {k for k in before.keys() & after.keys() if before[k] != after[k]}
    assert altered == set(changes["altered"]) != set()
    assert answer["old"]["AD"] != answer["new"]["AD"]
    assert sum(int(v[2]) for v in after.values()) == int(answer["new"]["AD"]["cost"])
    chosen = client.sim("restate", {"seed": 4})
    assert chosen["old"] != chosen["new"]


def test_same_seed_same_data(start):
    one, two, other = start(*CALM), start(*CALM), start(*CALM, "--seed", "8")
    assert one.sim("truth") == two.sim("truth") != other.sim("truth")


def test_truth_adds_up(start):
    client = start(*CALM)
    truth = client.sim("truth")
    assert len(truth["days"]) == 20 * 35
    active = [d for d in truth["days"] if d["AD"]["rows"]]
    assert len(active) == 19 * 35
    for part, name in (("AD", "cost"), ("AD_CONVERSION", "conversion_sales"), ("keyword", "cost")):
        assert sum(Decimal(d[part][name]) for d in truth["days"]) == Decimal(
            truth["totals"][part][name])
    assert all(d["keyword"]["impressions"] <= d["AD"]["impressions"] for d in active)
    assert any(d["joined"]["rows"] > d["AD"]["rows"] for d in active)
