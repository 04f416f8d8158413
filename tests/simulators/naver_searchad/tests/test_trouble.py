import http.client
import json
import socket

import pytest

FIRST = 1234567


def test_rate_limit_has_two_shapes(start):
    client = start("--other-rate", "3")
    answers = [client.get("/billing/bizmoney", FIRST) for _ in range(30)]
    refused = [a for a in answers if a.status == 429]
    shapes = {json.dumps(a.json["status"]) for a in refused}
    assert shapes == {"429", '"429 TOO_MANY_REQUESTS"'}
    assert all("Retry-After" not in a.headers and a.headers["X-Transaction-ID"] for a in refused)
    assert client.get("/billing/bizmoney", FIRST + 101).status == 200
    log = client.sim("log")["accounts"][str(FIRST)]
    assert log["requests"] == 30 and log["GET 429"] == len(refused)


@pytest.mark.parametrize("kind,status", [("429", 429), ("500", 500), ("html503", 503)])
def test_error_faults_hit_the_nth_request(start, kind, status):
    client = start()
    client.sim("fault", {"path": "/billing/.*", "kind": kind, "nth": 2})
    seen = [client.get("/billing/bizmoney", FIRST).status for _ in range(3)]
    assert seen == [200, status, 200]


def test_connection_faults(start):
    client = start()
    for kind, problem in (("reset", (ConnectionError, http.client.HTTPException)),
                          ("cut", http.client.IncompleteRead)):
        client.sim("fault", {"path": "/ncc/campaigns", "kind": kind})
        with pytest.raises(problem):
            client.get("/ncc/campaigns", FIRST)
        assert client.get("/ncc/campaigns", FIRST).status == 200
    client.sim("fault", {"path": "/ncc/campaigns", "kind": "timeout"})
    with pytest.raises(socket.timeout):
        client.get("/ncc/campaigns", FIRST, timeout=0.3)
    plain = client.get("/ncc/campaigns", FIRST).json
    client.sim("fault", {"path": "/ncc/campaigns", "kind": "drip", "seconds": 0.2})
    assert client.get("/ncc/campaigns", FIRST).json == plain


def test_a_cut_download_is_not_served(start):
    client = start("--now", "2026-11-21T12:00:00+09:00", "--quick", "--no-errors")
    job = client.finish_job(FIRST, "20261118")
    client.sim("fault", {"path": "/report-download", "kind": "cut"})
    with pytest.raises(http.client.IncompleteRead):
        client.download(FIRST, job)
    assert client.sim("served")["files"] == []
    assert client.download(FIRST, job).status == 200
    assert len(client.sim("served")["files"]) == 1


def test_drift(start):
    client = start()
    plan = {"path": "/billing/bizmoney", "times": 1}
    client.sim("fault", {**plan, "kind": "new_field"})
    assert "addedLater" in client.get("/billing/bizmoney", FIRST).json
    client.sim("fault", {**plan, "kind": "text_numbers"})
    assert client.get("/billing/bizmoney", FIRST).json["customerId"] == str(FIRST)


def test_fault_file(start, tmp_path):
    file = tmp_path / "faults.json"
    file.write_text(json.dumps([{"path": "/billing/bizmoney", "kind": "500"}]))
    assert start("--fault", str(file)).get("/billing/bizmoney", FIRST).status == 500
