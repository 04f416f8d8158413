import pytest

from naver_searchad.auth import sign

S1 = "test-secret-0001"
S2 = "AQAAAABkZW1vLXNlY3JldC1mb3ItdGVzdHM9PQ=="
T0 = 1700000000000
VECTORS = [
    (S1, T0, "GET", "/ncc/campaigns", "Uxv+gHhn7t9OQ7U9NwIeqlwY/xom/05T0aHrOY6ANkQ="),
    (S1, T0 + 1, "GET", "/ncc/campaigns", "9490cIGw/5uIBbS2uzYigzRF2+xkRZJIiliKm7gR7hQ="),
    (S1, T0, "GET", "/stats", "uLbYRODOcTDVhVoxQjxCsMDED1+gHjfOAmVz1ec3KNo="),
    (S1, T0, "POST", "/stat-reports", "/HS5xn69PMTQzqwR2zQA6fJ8M9fmUStZTy3gsS1pJoo="),
    (S1, T0, "GET", "/stat-reports/123456789", "OhBub44QauuvzgyudqnzMB6t+VWtBbRIVp+22o1VZ8o="),
    (S1, T0, "DELETE", "/stat-reports/123456789", "4IMA6cFuhFa4avMtDz/BdqKLEnbz6BZ7hZcmXQFBo1Y="),
    (S1, T0, "GET", "/report-download", "M7o2uSHkLlZxD3ruDW+XUZMJeEeQTodC8SOFScg//tw="),
    (S1, T0, "GET", "/billing/bizmoney", "e7Jd8gwRGYuN10o36Rj0AHhKhudMtTK2y74mrH71onM="),
    (S1, T0, "GET", "/master-reports", "Jg5/txkf5wQpGdoy+hQU3/6PU/rPSzqvzg2/NxN6VTs="),
    (S1, T0, "GET", "/ad-accounts", "OZWIqORVinLCFczFiG5EPdE8wO8RK7uKgCYZDt2WER8="),
    (S2, T0, "GET", "/ncc/campaigns", "8PEBgMWOy7o7q0ZgeZ0jxhp6bYAbJn6/D1zkcsQQ4dc="),
]
AT_T0 = ("--now", "2023-11-14T22:13:20Z", "--auth-clock", "virtual")


def headers(timestamp, signature, licence="key", customer="1000001"):
    return [("X-Timestamp", str(timestamp)), ("X-API-KEY", licence),
            ("X-Customer", customer), ("X-Signature", signature)]


@pytest.mark.parametrize("secret,timestamp,method,path,signature", VECTORS)
def test_vectors(secret, timestamp, method, path, signature):
    assert sign(secret, timestamp, method, path) == signature


def test_vectors_are_accepted_over_http(start):
    servers = {s: start(*AT_T0, "--license", "key", "--secret", s) for s in (S1, S2)}
    for secret, timestamp, method, path, signature in VECTORS:
        extra = [("Content-Type", "application/json")] if method == "POST" else []
        answer = servers[secret].raw(method, path, headers(timestamp, signature) + extra,
                                     "{}" if method == "POST" else None)
        assert answer.status != 403, (path, answer.text)
        assert answer.headers["X-Transaction-ID"]


def test_negative_vectors(start):
    one = start(*AT_T0, "--license", "key", "--secret", S1)
    two = start(*AT_T0, "--license", "key", "--secret", S2)
    n1 = one.raw("GET", "/ncc/campaigns?recordSize=1000",
                 headers(T0, "dMVSci1zY2HgS8gYjc4DacVBKlpbgw3HcXUQRr3vS3w="))
    n2 = one.raw("GET", "/ncc/campaigns",
                 headers(T0 // 1000, "e5arfatGcq8xPu54CyxFKF3ocqsPHSV3KT9swOnJZ8o="))
    n3 = two.raw("GET", "/ncc/campaigns",
                 headers(T0, "5uWGLeGh1PXWABXPFBSmh8qgOci9M1XsPjyzy/Vjt5A="))
    assert [a.status for a in (n1, n2, n3)] == [403] * 3
    assert n1.json["type"].endswith("invalid-signature")
    assert n2.json["type"].endswith("invalid-timestamp")
    assert n2.json["timestamp"] == "1700000000"
    assert n3.json["title"] == "Invalid Signature"


def test_query_is_not_signed_but_allowed(start):
    one = start(*AT_T0, "--license", "key", "--secret", S1)
    assert one.raw("GET", "/ncc/campaigns?recordSize=1000",
                   headers(T0, VECTORS[0][4])).status == 200


@pytest.mark.parametrize("name", ["X-Timestamp", "X-API-KEY", "X-Customer", "X-Signature"])
def test_missing_header(start, name):
    client = start()
    sent = [h for h in client.headers("GET", "/ncc/campaigns", 1234567) if h[0] != name]
    answer = client.raw("GET", "/ncc/campaigns", sent)
    assert answer.status == 403
    assert answer.json["header"] == name


def test_refusals(start):
    client = start("--lost-account")
    kinds = {a["kind"]: a["customer"] for a in client.sim("state")["accounts"]}
    lost = client.get("/ncc/campaigns", kinds["lost"])
    assert (lost.status, lost.json["code"]) == (403, 1018)
    assert client.get("/ncc/campaigns", 42).status == 403
    assert client.get("/manager-accounts", kinds["active"]).status == 403
    assert client.get("/api/ncc/campaigns").json["code"] == 1001
    client.secret += "x"
    assert client.get("/ncc/campaigns").json["title"] == "Invalid Signature"
    log = client.sim("log")
    assert client.secret[:-1] not in str(log) and client.licence not in str(log)


def test_content_type_once(start):
    client = start()
    sent = client.headers("POST", "/stat-reports", 1234567)
    twice = [("Content-Type", "application/json")] * 2
    answer = client.raw("POST", "/stat-reports", sent + twice, "{}")
    assert answer.status == 400  # the HTTP library itself refuses it
    text = [("Content-Type", "text/plain")]
    answer = client.raw("POST", "/stat-reports", sent + text, "{}")
    assert answer.status == 400 and answer.json["detail"] == "Invalid mime type"
