"""archive -> wipe -> restore -> the same tables, row by row; incremental, killed again and again, refused
where it would mix."""

import json
import shutil
import subprocess

import confluent_kafka
import pytest

from feeds import offer, shop_day, spread_catalogue
from world import BINARY, caught_up, wait_for

SUBJECT = "danawa/danawa/product/CPU"
RAW = ("raw.account", "raw.activity", "raw.catalog", "raw.order", "raw.report", "raw.status")
# Not made from raw topics: who is collected, what collectors remember, where sinks stand.
NOT_FOLDED = {"source", "known_account", "credential", "feed_file", "collected_scope", "expectation",
              "sink_progress", "sink_member", "schema_migration", "generation", "generation_live", "generation_view"}
# Times of processing, and what comes from offsets.
NOT_THE_SAME = {"run_log": "- 'ts' - 'started_at' - 'duration_ms'", "dead_letter": "- 'offset'"}


@pytest.fixture(scope="module")
def share(servers):
    """The connectors, with a catalogue that is spread over all partitions."""
    return spread_catalogue(servers)


def verdicts(world):
    return [row[0] for row in world.query("select verdict from sujip.change_log where dataset = 'product'"
                                          " order by snapshot_at")]


def decided(world, *wanted):
    wait_for(f"verdicts {wanted}", lambda: verdicts(world) == list(wanted), 60)


@pytest.fixture(scope="module")
def lived(make_world, share, tmp_path_factory):
    """A world in which a lot has happened, its archive, and its tables."""
    world = make_world(share=share)
    world.archive = tmp_path_factory.mktemp("archives") / "main"
    world.files, world.retail = world.folder / "danawa", world.folder / "retail"
    (world.files / "CPU").mkdir(parents=True)
    world.retail.mkdir()
    for day in range(1, 9):
        shop_day(world.retail, day, 300, day)
    world.run("source", "add", "danawa", "--path", world.files)
    world.run("source", "add", "online_retail", "--path", world.retail)
    with world.running("up"):
        rows = {str(n): f"{n},000" for n in range(1, 601)}
        offer(world, 1, rows)
        decided(world, "accepted")
        world.first = world.run("archive", world.archive, "--segment-mb", 1)
        rows |= {str(n): f"{n},500" for n in range(1, 51)}
        for n in range(51, 71):
            del rows[str(n)]
        offer(world, 2, rows)
        decided(world, "accepted", "accepted")
        offer(world, 3, dict(list(rows.items())[:30]))
        decided(world, "accepted", "accepted", "held")
        rows["2001"] = "1,234"
        offer(world, 4, rows)
        decided(world, "accepted", "accepted", "overtaken", "accepted")
        offer(world, 5, dict(list(rows.items())[:40]))
        decided(world, "accepted", "accepted", "overtaken", "accepted", "held")
        world.run("scope", "reject", SUBJECT)
        few = dict(list(rows.items())[20:60])
        offer(world, 6, few)
        decided(world, "accepted", "accepted", "overtaken", "accepted", "rejected", "held")
        world.run("scope", "release", SUBJECT, "--reason", "the shop closed")
        offer(world, 7, {"7": "1"})
        decided(world, "accepted", "accepted", "overtaken", "accepted", "rejected", "released", "held")
        # A day is restated, and somebody writes what can't be used.
        shop_day(world.retail, 3, 280, 3)
        produce(world, "raw.order", [(2, b"k", b"{not JSON", [("x", b"1"), ("none", None)], 1717200000000),
                                     (2, None, None, [], 1717200000001), (2, b"", b"", [], 1717200000002)])
        write_and_abort(world, "raw.order", 2)
        wait_for("the letters", lambda: world.value("select count(*) from sujip.dead_letter") == 3, 60)
        wait_for("the day", lambda: world.value(
            "select count(*) from sujip.order_item where order_date = '2024-06-03'") == 280, 60)
        caught_up(world)
        wait_for("the runs to be in the tables", lambda: world.value(
            "select count(*) from sujip.run_log where stage = 'sink' and state = 'started'") == 0, 60)
    world.second = world.run("archive", world.archive, "--segment-mb", 1)
    world.tables = tables(world)
    return world


def produce(world, topic, records):
    producer = confluent_kafka.Producer({"bootstrap.servers": world.servers.kafka_address})
    for partition, key, value, headers, timestamp in records:
        producer.produce(world.prefix + topic, key=key, value=value, partition=partition, headers=headers,
                         timestamp=timestamp)
    assert producer.flush(30) == 0


def write_and_abort(world, topic, partition):
    producer = confluent_kafka.Producer({"bootstrap.servers": world.servers.kafka_address,
                                         "transactional.id": f"{world.prefix}aborts"})
    producer.init_transactions(30)
    producer.begin_transaction()
    for n in range(5):
        producer.produce(world.prefix + topic, key=b"aborted", value=b"{}", partition=partition)
    assert producer.flush(30) == 0
    producer.abort_transaction(30)


def records(world, topic):
    """{partition: everything of every committed record but its offset}"""
    found = {p: [] for p in range(6)}
    for message in world.messages(topic):
        found[message.partition()].append((message.key(), message.value(), message.headers(),
                                           message.timestamp()))
    return found


def tables(world):
    """{table: every row as text} of all that is made from raw topics."""
    names = [row[0] for row in world.query(
        "select table_name from information_schema.tables where table_schema in ('sujip', 'sujip_g1')"
        " and table_type = 'BASE TABLE'") if row[0] not in NOT_FOLDED]
    assert {"product", "order_item", "order_item_rollup", "change_log", "product_price_history"} <= set(names)
    found = {}
    for name in names:
        less = "- 'rev' - 'updated_at' - 'decided_at' " + NOT_THE_SAME.get(name, "")
        where = "where stage <> 'collect'" if name == "run_log" else ""  # collectors say it, not raw topics
        found[name] = [row[0] for row in world.query(
            f"select (to_jsonb(t) {less})::text from sujip.{name} t {where} order by 1")]
    return found


def expect_same_tables(world, expected):
    found = tables(world)
    for name, rows in expected.items():
        missing, extra = [r for r in rows if r not in found[name]], [r for r in found[name] if r not in rows]
        assert not missing and not extra and len(rows) == len(found[name]), \
            f"{name}: {len(missing)} missing, e.g. {missing[:2]}; {len(extra)} too many, e.g. {extra[:2]}"


def fold(world, ready):
    with world.running("process"), world.running("sink"):
        caught_up(world)
        wait_for("the runs to be in the tables", ready, 60)


def killed_until_done(world, *arguments, first=0.05, factor=1.2):
    """Runs a command, kill -9 after ever more time, until it comes to its end; how often it was killed."""
    for killed in range(200):
        process = subprocess.Popen([BINARY, *map(str, arguments)], env=world.environment,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            out, err = process.communicate(timeout=first * factor ** killed)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            continue
        assert process.returncode == 0, out + err
        return killed
    pytest.fail("it never ends")


def test_incremental(lived):
    new = int(lived.second.out.split(": ")[1].split()[0])
    assert new > 500 and int(lived.first.out.split(": ")[1].split()[0]) > 600
    again = lived.run("archive", lived.archive)
    assert "0 new records in 0 segments" in again.out
    dry = lived.run("archive", lived.archive, "--dry-run")
    assert "nothing was written" in dry.out
    verified = lived.run("archive", "verify", lived.archive)
    total = sum(len(r) for topic in RAW for r in records(lived, topic).values())
    assert f"{total} records" in verified.out and " 0 damaged" in verified.out
    assert (lived.archive / "raw.order/0/manifest.jsonl").is_file()


def test_tail_and_lag_of_a_world_at_rest(lived):
    assert lived.run("lag", "--json").json["behind"] == 0


def test_archive_wipe_restore_the_same_tables(lived, make_world, share):
    world = make_world(share=share)
    dry = world.run("restore", lived.archive, "--dry-run")
    assert "nothing was written" in dry.out
    assert all(world.ends(topic) == [0] * 6 for topic in RAW)
    killed = killed_until_done(world, "restore", lived.archive, "--batch", 100)
    assert killed > 3, "it was too fast to be killed"
    for topic in RAW:
        assert records(world, topic) == records(lived, topic), topic
    before = {topic: records(world, topic) for topic in RAW}
    fold(world, lambda: world.value("select count(*) from sujip.run_log where stage = 'sink'") ==
         lived.value("select count(*) from sujip.run_log where stage = 'sink'") and
         world.value("select count(*) from sujip.run_log where stage = 'sink' and state = 'started'") == 0)
    expect_same_tables(world, lived.tables)
    # What the coordinator wrote behind the restored records says what they say.
    for topic, partitions in before.items():
        for p, now in records(world, topic).items():
            assert now[:len(partitions[p])] == partitions[p]
            said = {repeatable(verdict_of(r)) for r in partitions[p] if verdict_of(r)}
            added = [repeatable(verdict_of(r)) for r in now[len(partitions[p]):]]
            assert all(v in said for v in added), (said, added)
    # The run that was held waits for a person here, too.
    wait_for("the group to be left", lambda: world.run("restore", lived.archive, code=None).code == 0, 30)
    assert {topic: {p: now[:len(before[topic][p])] for p, now in records(world, topic).items()} for topic in RAW} \
        == before, "a restore of what is restored and in use does nothing"
    with world.running("process"), world.running("sink"):
        world.run("scope", "release", SUBJECT)
        wait_for("the release", lambda: verdicts(world)[-1] == "released"
                 and world.query("select product_code from sujip.product") == [("7",)], 60)
        assert "members" in world.run("restore", lived.archive, code=3).err


def verdict_of(record):
    if b".verdict" not in dict(record[2] or []).get("ce_type", b""):
        return None
    verdict = json.loads(record[1])
    return verdict["run"], verdict["verdict"], verdict["by"], verdict["reason"]


def repeatable(verdict):
    """What of a verdict is said again in the same words: the coordinator's reason grows with what it has heard
    by then (held, then released), a person's is the person's."""
    return verdict if verdict is None or verdict[2] != "coordinator" else verdict[:3]


def test_archive_killed_again_and_again(lived, tmp_path):
    folder = tmp_path / "killed"
    # It reads what was archived before in no time: the last record of each partition is all it looks at.
    killed = killed_until_done(lived, "archive", folder, "--segment-mb", 1, first=0.02, factor=1.1)
    assert killed > 3
    assert " 0 damaged" in lived.run("archive", "verify", folder).out
    for topic in RAW:
        for p in range(6):
            ours = [json.loads(line) for line in
                    (folder / topic / str(p) / "manifest.jsonl").read_text().splitlines()] \
                if (folder / topic / str(p) / "manifest.jsonl").exists() else []
            assert sum(segment["records"] for segment in ours) == len(records(lived, topic)[p])


def test_refused_where_it_would_mix(lived, make_world, share, tmp_path):
    world = make_world(share=share)
    produce(world, "raw.order", [(1, b"k", b"{}", [], 5)])
    refused = world.run("restore", lived.archive, code=3)
    assert "raw.order/1: the topic is not empty" in refused.err
    assert world.run("restore", lived.archive, "--topic", "raw.catalog").code == 0
    assert "not in the archive" in world.run("restore", lived.archive, "--topic", "raw.none", code=1).err
    assert "is not a topic to archive" in world.run("archive", tmp_path / "a", "--topic", "change.product", code=2).err
    # Another archive into the same topic, and somebody behind an unfinished restore.
    other = tmp_path / "other"
    world.run("archive", other)
    assert "another archive" in world.run("restore", other, "--topic", "raw.catalog", code=3).err
    # The archive of one world is not continued from another.
    assert "archive into a new folder" in world.run("archive", lived.archive, code=1).err


def test_damage_is_found_and_not_restored(lived, make_world, share, tmp_path):
    folder = tmp_path / "damaged"
    shutil.copytree(lived.archive, folder)
    segment = next((folder / "raw.catalog").glob("*/*.seg"))
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1
    segment.write_bytes(content)
    found = lived.run("archive", "verify", folder, code=1)
    assert str(segment) in found.out and "checksum" in found.out and " 1 damaged" in found.out
    world = make_world(share=share)
    assert "checksum" in world.run("restore", folder, code=1).err
    assert "there is no archive" in world.run("archive", "verify", tmp_path, code=1).err
