def customers(client, kind="active"):
    return [a["customer"] for a in client.sim("state")["accounts"] if a["kind"] == kind]


def test_child_accounts_as_spring_pages(start):
    client = start("--accounts", "20")
    number = client.get("/manager-accounts?page=0&size=100").json["content"][0]["managerAccountNo"]
    found, page = [], 0
    while True:
        answer = client.get(f"/manager-accounts/{number}/child-ad-accounts?page={page}&size=8").json
        found += answer["content"]
        assert answer["number"] == page and answer["numberOfElements"] == len(answer["content"])
        assert answer["totalElements"] == 20 and answer["totalPages"] == 3
        assert answer["first"] == (page == 0)
        if answer["last"]:
            break
        page += 1
    assert page == 2
    assert len({a["customerId"] for a in found}) == 20
    assert all(any("가" <= c <= "힣" for c in a["adAccountName"]) for a in found)
    beyond = client.get(f"/manager-accounts/{number}/child-ad-accounts?page=9&size=8").json
    assert beyond["empty"] and beyond["content"] == []
    assert client.get("/ad-accounts?size=1001").json["code"] == 11001


def test_keyword_paging(start):
    client = start("--other-rate", "0")
    customer = customers(client)[1]
    groups = client.get("/ncc/adgroups", customer).json
    found = {}
    for group in groups:
        base, sizes = "", []
        while True:
            cursor = f"&baseSearchId={base}" if base else ""
            target = f"/ncc/keywords?nccAdgroupId={group['nccAdgroupId']}&recordSize=500{cursor}"
            rows = client.get(target, customer).json
            sizes.append(len(rows))
            for row in rows:
                assert row["nccKeywordId"] not in found
                found[row["nccKeywordId"]] = row["keyword"]
            if len(rows) < 500:
                break
            base = rows[-1]["nccKeywordId"]
        if sum(sizes) > 500:
            assert sizes == [500, 500, 203]
    state = next(a for a in client.sim("state")["accounts"] if a["customer"] == customer)
    assert len(found) == state["keywords"] > 1203
    assert any('"' in text for text in found.values())
    missing = client.get("/ncc/adgroups?nccCampaignId=cmp-nothing", customer)
    assert (missing.status, missing.json["code"]) == (404, 3501)


def test_paused_account_is_there(start):
    client = start("--quick", "--days", "12", "--report-rate", "0")
    (paused,) = customers(client, "paused")
    campaigns = client.get("/ncc/campaigns", paused).json
    assert campaigns and all(c["userLock"] and c["status"] == "PAUSED" for c in campaigns)
    assert client.get("/billing/bizmoney", paused).json["customerId"] == int(paused)
    days = [d["date"] for d in client.sim(f"truth?account={paused}")["days"]]
    ends = {d: client.finish_job(paused, d, polls=3)["status"] for d in days[:-1]}
    assert set(ends.values()) <= {"NONE", "BUILT", "ERROR"} and "NONE" in ends.values()
    assert client.sim("served")["totals"]["AD"]["rows"] == 0
