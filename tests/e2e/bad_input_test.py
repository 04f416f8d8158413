"""Broken files and poison records: refused or set aside with the place and the reason; all else arrives."""

import base64
import json
import shutil
import subprocess

import pytest

from servers import ROOT
from world import wait_for

SAMPLES = ROOT / "producers/connectors/online_retail/samples"
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"


def line(invoice, day, quantity="3", description="A jar", price="2.50"):
    return f"{invoice},A1,{description},{quantity},{day} 10:00:00,{price},17850.0,Korea\n"


# file: (bytes, row, column, words of the reason)
BROKEN = {
    "2024-06-01.csv": ((HEADER + line(1, "2024-06-01") + line(2, "2024-06-01", description='a "jar')).encode(),
                       3, 3, "quote"),
    "2024-06-02.csv": ((HEADER + line(1, "2024-06-02") + line(2, "2024-06-02", description='"a jar')
                        + line(3, "2024-06-02")).encode(), 3, 3, "quote"),
    "2024-06-03.csv": ((HEADER.replace("Quantity", "Amount") + line(1, "2024-06-03")).encode(),
                       1, None, "Quantity"),
    "2024-06-04.csv": ((HEADER + line(1, "2024-06-04") + "2,A1,A jar,3\n" + line(3, "2024-06-04")).encode(),
                       3, None, "8"),
    "2024-06-05.csv": (HEADER.encode() + line(1, "2024-06-05").encode() * 2
                       + line(2, "2024-06-05", description="?").encode().replace(b"?", b"A \xb4\xff jar"),
                       4, 3, "utf-8"),
}


@pytest.fixture(scope="module")
def shop(make_world):
    world = make_world()
    world.files = world.folder / "retail"
    world.files.mkdir()
    for file in SAMPLES.glob("*.csv"):
        shutil.copyfile(file, world.files / file.name)
    for name, (content, *_) in BROKEN.items():
        (world.files / name).write_bytes(content)
    world.run("source", "add", "online_retail", "--path", world.files)
    world.first = world.run("up", "--once", code=3)
    return world


def good_rows():
    return sum(len(file.read_text("utf-8").splitlines()) - 1 for file in SAMPLES.glob("*.csv"))


def test_broken_files_are_refused_with_their_place(shop):
    summary = shop.first.json
    assert summary["complete"] is False and summary["refused"] == len(BROKEN)
    refused = {entry["file"]: entry for entry in summary["collected"]["refused"]}
    assert refused.keys() == BROKEN.keys()
    logged = {file: (message, state) for file, message, state in shop.query(
        "select file, message, state from sujip.run_log where stage = 'collect' and state <> 'finished'")}
    assert logged.keys() == BROKEN.keys()
    for name, (_, row, column, word) in BROKEN.items():
        entry = refused[name]
        assert entry["row"] == row, entry
        assert column is None or entry["column"] == column, entry
        assert word.lower() in entry["reason"].lower(), entry
        message, state = logged[name]
        assert state == "refused" and f"row {row}, column {entry['column']}: " in message
        assert name in shop.first.out, "the summary names it for people, too"


def test_nothing_of_a_broken_file_is_published(shop):
    assert shop.query("select distinct order_date::text from sujip.order_item order by 1") == \
        [("2024-03-04",), ("2024-03-05",)]
    assert shop.value("select count(*) from sujip.order_item") == good_rows()
    assert len([r for r in shop.topic("raw.order") if b"A jar" in (r[3] or b"")]) == 0


def test_a_repaired_file_is_taken(shop):
    for name in BROKEN:
        (shop.files / name).write_text(HEADER + line(1, name[:10]) + line(2, name[:10]), "utf-8")
    summary = shop.up_once()
    assert summary["created"] == 2 * len(BROKEN) and summary["refused"] == 0
    assert shop.value("select count(*) from sujip.board_problem") == 0


def produce(world, value, key="", headers=()):
    command = ["kcat", "-b", world.servers.kafka_address, "-P", "-t", f"{world.prefix}raw.order",
               "-D", "\\x01", "-X", "acks=all"]
    if key:
        command += ["-k", key]
    for header in headers:
        command += ["-H", header]
    subprocess.run(command, input=value, check=True, timeout=60)


PLAIN = {"source": "shop", "account": "a", "order_date": "2024-07-01", "order_no": "1", "line_id": "1",
         "quantity": 2, "amount": 10.25, "currency": "KRW"}
HEADERS = ["ce_specversion=1.0", "ce_id=x/0", "ce_type=sujip.order_item.row", "ce_source=/online_retail/uci",
           "ce_time=2024-07-01T00:00:00Z", "content-type=application/json"]


def poison():
    """(value, headers, words of the reason)"""
    return [
        (b'{"source":"shop", oops', (), ""),
        (b"\xff\xfe\x00 not JSON", (), ""),
        (b"[1,2,3]", (), "object"),
        (json.dumps(PLAIN | {"quantity": "many"}).encode(), (), "quantity"),
        (json.dumps(PLAIN | {"quantity": 2 ** 70}).encode(), (), "quantity"),
        (json.dumps({k: v for k, v in PLAIN.items() if k != "order_no"}).encode(), (), "order_no"),
        (json.dumps(PLAIN | {"order_no": "a\0b"}).encode(), (), "NUL"),
        (json.dumps(PLAIN | {"order_date": "2024-02-30"}).encode(), (), "order_date"),
        (b"{}", [*HEADERS, "ce_subject=nonsense", "ce_run=20240701T000000000Z-1"], "ce_subject"),
        (b"{}", [*HEADERS, "ce_subject=online_retail/uci/order_item/2024-07-01", "ce_run=later"], "ce_run"),
        (b"{}", [*HEADERS, "ce_subject=nobody/uci/order_item/2024-07-01",
                 "ce_run=20240701T000000000Z-1"], "mapping"),
    ]


@pytest.fixture(scope="module")
def poisoned(shop):
    if not shutil.which("kcat"):
        pytest.skip("no kcat: tools/install-packages.sh --with-tests brings it")
    shop.before = shop.value("select count(*) from sujip.order_item")
    for value, headers, _ in poison():
        produce(shop, value, headers=headers)
        produce(shop, json.dumps(PLAIN | {"order_no": f"good {len(value)}"}).encode())
    # A file whose rows can be read but not used: a quantity that is none.
    (shop.files / "2024-06-10.csv").write_text(
        HEADER + line(1, "2024-06-10") + line(2, "2024-06-10", quantity="three") + line(3, "2024-06-10"),
        "utf-8")
    shop.summary = shop.up_once(code=None)
    return shop


def dead(world):
    return world.query("select topic, partition, \"offset\", reason, stage, value_preview from"
                       " sujip.dead_letter order by ts, topic, partition, \"offset\"")


def test_poison_is_set_aside_with_its_reason(poisoned):
    rows = dead(poisoned)
    assert len(rows) == len(poison()) + 1, rows
    letters = {}
    for *_, value in poisoned.topic("dead.letter"):
        letter = json.loads(value)
        assert letter["reason"] and letter["stage"] == "process"
        letters[base64.b64decode(letter["value_base64"])] = letter
    for value, _, words in poison():
        assert value in letters or value == b"{}", value
        if value != b"{}":
            assert words.lower() in letters[value]["reason"].lower(), letters[value]
    reasons = [row[3] for row in rows]
    for words in ("ce_subject", "ce_run", "mapping"):
        assert [r for r in reasons if words in r], (words, reasons)
    assert all(row[0].endswith("raw.order") and row[3] and row[4] == "process" for row in rows)


def test_everything_else_arrives(poisoned):
    good = {f"good {len(value)}" for value, *_ in poison()}
    assert {row[0] for row in poisoned.query(
        "select order_no from sujip.order_item where source = 'shop'")} == good
    rows = poisoned.query("select order_no, quantity from sujip.order_item where order_date = '2024-06-10'"
                          " order by 1")
    assert rows == [("1", 3), ("3", 3)]
    assert poisoned.value("select count(*) from sujip.order_item") == poisoned.before + len(good) + 2
    assert poisoned.query("select verdict, rejected from sujip.change_log where slice = '2024-06-10'") == \
        [("partial", 1)]


def test_dead_letters_by_command(poisoned):
    listed = poisoned.run("dead", "list").out
    rows = dead(poisoned)
    assert f"{len(rows)} dead letters" in listed
    for topic, partition, offset, reason, *_ in rows:
        assert f"{topic}-{partition}-{offset}" in listed
        shown = poisoned.run("dead", "show", f"{topic}-{partition}-{offset}").out
        assert reason.splitlines()[0] in shown
    assert "0 dead letters" in poisoned.run("dead", "list", "--reason", "no such reason").out
    assert poisoned.run("dead", "show", "raw.order", code=2).err


def test_poison_retried_without_a_repair_is_poison_again(poisoned):
    topic, partition, offset, *_ = next(row for row in dead(poisoned) if "order_date" in row[3])
    before = len(dead(poisoned))
    poisoned.run("dead", "retry", f"{topic}-{partition}-{offset}")
    with poisoned.running("process"), poisoned.running("sink"):
        wait_for("the letter to come back", lambda: len(dead(poisoned)) == before + 1, 60)
    assert "(retried)" in poisoned.run("dead", "list", "--retried").out
