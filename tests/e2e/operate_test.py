"""What a person does with a running sujip: lag, tail, topology, reset."""

import json
import select
import shutil
import signal
import subprocess
import time

import confluent_kafka
import confluent_kafka.admin
import pytest

from servers import KAFKA, ROOT
from world import BINARY, caught_up, wait_for

SAMPLES = ROOT / "producers/connectors"
TABLES = ("order_item", "order_item_rollup", "product", "product_price_history", "change_log", "dead_letter")
SECRET = "hunter2-never-shown"


@pytest.fixture(scope="module")
def shop(make_world):
    world = make_world()
    world.files = world.folder / "retail"
    shutil.copytree(SAMPLES / "online_retail/samples", world.files)
    world.run("source", "add", "online_retail", "--path", world.files)
    world.run("source", "add", "danawa")
    produce(world, "raw.account", [(b"k", json.dumps({"source": "s", "password": SECRET, "apiKey": SECRET}).encode()),
                                   (b"k", f"password={SECRET}".encode())])
    world.up_once()
    return world


def produce(world, topic, records):
    producer = confluent_kafka.Producer({"bootstrap.servers": world.servers.kafka_address})
    for key, value in records:
        producer.produce(world.prefix + topic, key=key, value=value, partition=0)
    assert producer.flush(30) == 0


def rows(world):
    return {name: [row[0] for row in world.query(
        f"select (to_jsonb(t) - 'rev' - 'updated_at' - 'decided_at')::text from sujip.{name} t order by 1")]
        for name in TABLES}


def test_lag_counts_records_not_markers(shop):
    done = shop.run("lag")
    assert done.out.splitlines()[-1] == "0 behind"
    lag = shop.run("lag", "--json").json
    assert lag["behind"] == 0
    assert [reader["reader"] for reader in lag["readers"]] == ["entity", "rollup", "scope", "sink"]
    for reader in lag["readers"]:
        assert len({(p["topic"], p["partition"]) for p in reader["partitions"]}) == len(reader["partitions"])
        assert all(p["behind"] == 0 for p in reader["partitions"])
    # Markers of transactions stand behind what was read.
    assert any(p["end"] > (p["position"] or 0) for reader in lag["readers"] for p in reader["partitions"])
    produce(shop, "raw.order", [(b"k", b"{}"), (b"k", b"{}")])
    behind = shop.run("lag", "--json", code=3).json
    assert behind["behind"] == 2
    (partition,) = [p for p in behind["readers"][0]["partitions"] if p["behind"]]
    assert partition["topic"] == shop.prefix + "raw.order" and partition["partition"] == 0
    assert "2 behind" in shop.run("lag", code=3).out
    with shop.running("process"), shop.running("sink"):
        caught_up(shop)
    nowhere = shop.run("--kafka", "127.0.0.1:1", "lag", code=4)
    assert "127.0.0.1:1" in nowhere.err


def test_tail_decodes_and_filters(shop):
    records = shop.run("tail", "change.order_item", "--from", "beginning", "--json").lines()
    expected = [r for r in shop.topic("change.order_item")]
    assert sorted((r["partition"], r["offset"]) for r in records) == [(p, o) for p, o, *_ in expected]
    assert all(r["value"]["op"] == "c" for r in records)
    some = records[3]
    key = json.loads(some["key"])
    found = shop.run("tail", "change.order_item", "--from", "beginning", "--json", "--key", some["key"],
                     "--filter", f"order_no={key['order_no']}", "--filter", "op=c").lines()
    assert found == [some]
    assert shop.run("tail", "change.order_item", "--from", "beginning", "--filter", "op=d").out == ""
    one = shop.run("tail", "change.order_item", "--from", str(some["offset"]), "--partition", some["partition"],
                   "-n", 1, "--json").lines()
    assert one == [some]
    day = shop.run("tail", "raw.order", "--scope", "online_retail/uci/order_item/2024-03-04", "--json").lines()
    kinds = [r["headers"]["ce_type"].rsplit(".", 1)[1] for r in day]
    assert kinds[0] != "end" and kinds[-1] == "end" and {r["headers"]["ce_subject"] for r in day} == \
        {"online_retail/uci/order_item/2024-03-04"}
    assert len(shop.run("tail", "raw.order", "--scope", "online_retail", "--from", "beginning").out.splitlines()) == \
        len([r for r in shop.topic("raw.order") if r[2] != b"k"])
    # The last ones, without saying from where; as lines for people.
    last = shop.run("tail", "scope.run", "-n", 2).out.splitlines()
    assert len(last) == 2 and all("accepted" in line or "same" in line for line in last)
    for topic in ("rollup.order_item", "run.log", "dead.letter", "scope.tally", "delta.rollup"):
        assert shop.run("tail", topic).out, topic
    assert shop.run("tail", "run.log", "--from", "1d").out
    assert shop.run("tail", "run.log", "--from", "end").out == ""
    assert shop.run("tail", "run.log", "--from", "2100-01-01").out == ""
    assert shop.run("tail", shop.prefix + "run.log", "-n", 1).out


def test_tail_never_shows_a_secret(shop):
    for topic in ("raw.account", "dead.letter", "change.account"):
        for options in ([], ["--json"], ["--full"]):
            said = shop.run("tail", topic, "--from", "beginning", *options)
            assert SECRET not in said.text, topic
            assert "aHVudGVyMi1" not in said.text  # base64 of it
    masked = shop.run("tail", "raw.account", "--from", "beginning", "--json").lines()
    assert masked[0]["value"] == {"source": "s", "password": "***", "apiKey": "***"}


def test_tail_follows_until_it_is_told_to_stop(shop):
    process = subprocess.Popen([BINARY, "tail", "raw.order", "--follow", "--json", "--key", "followed"],
                               env=shop.environment, stdout=subprocess.PIPE, text=True)
    try:
        # It begins at the end, wherever that is when it has started: write until it says something.
        deadline = time.monotonic() + 30

        while not select.select([process.stdout], [], [], 0.2)[0]:
            assert time.monotonic() < deadline
            produce(shop, "raw.order", [(b"followed", b'{"n":1}')])
        assert json.loads(process.stdout.readline())["value"] == {"n": 1}
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
    with shop.running("process"), shop.running("sink"):
        caught_up(shop)


def test_wrong_arguments_say_what_is_right(shop):
    assert "sujip topics list" in shop.run("tail", "no.such", code=2).err
    assert "15m" in shop.run("tail", "run.log", "--from", "yesterday", code=2).err
    assert "FIELD=VALUE" in shop.run("tail", "run.log", "--filter", "x", code=2).err
    assert "6 partitions" in shop.run("tail", "run.log", "--partition", 6, code=2).err


def test_topology(shop):
    text = shop.run("topology").out
    assert f"{shop.prefix}change.product -> sujip_g1.product, sujip_g1.product_price_history" in text
    dot = shop.run("topology", "--dot").out
    assert dot.startswith("digraph") and dot.count("{") == dot.count("}")


def test_reset_builds_the_same_again(shop):
    before = rows(shop)
    kept = {topic: shop.topic(topic) for topic in ("raw.order", "raw.catalog", "raw.account", "run.log")}
    sources = shop.query("select * from sujip.source order by 1"), shop.query("select * from sujip.feed_file order by 1,2")
    collected = shop.query("select scope, run, file, state from sujip.run_log where stage = 'collect' order by 1, 2, 3")
    listed = shop.run("reset", "--dry-run").out
    for word in ("topic   " + shop.prefix + "change.product", "group   " + shop.prefix + "sujip-entity",
                 "folder  " + shop.environment["SUJIP_HOME"], "table   sujip_g1.order_item: emptied", "kept"):
        assert word in listed, listed
    for topic in ("raw.order", "run.log"):
        assert f"topic   {shop.prefix}{topic}" not in listed
    assert "--yes" in shop.run("reset", code=3).err
    assert rows(shop) == before
    with shop.running("sink"):
        wait_for("the sink", lambda: shop.value("select count(*) from sujip.sink_member") > 0, 30)
        assert "a sink is running" in shop.run("reset", "--yes", "--wait", 0, code=3).err
    with shop.running("process"):
        wait_for("the group", lambda: "members" in shop.run("reset", "--yes", "--wait", 0, code=3).err, 30)
    assert rows(shop) == before
    done = shop.run("reset", "--yes", "--wait", 30)
    assert "made anew" in done.out
    assert shop.value("select count(*) from sujip.order_item") == 0
    assert shop.topic("change.order_item") == []
    assert "behind" in shop.run("lag", code=3).out
    with shop.running("process"), shop.running("sink"):
        caught_up(shop)
        wait_for("the same rows", lambda: rows(shop) == before, 60)
    # run.log gets new lines, in whatever partition.
    for topic, records in kept.items():
        assert set(records) <= set(shop.topic(topic)), topic
    assert sources == (shop.query("select * from sujip.source order by 1"),
                       shop.query("select * from sujip.feed_file order by 1,2"))
    assert collected == shop.query(
        "select scope, run, file, state from sujip.run_log where stage = 'collect' order by 1, 2, 3")
    # Nothing is collected again, and what comes next goes on from there.
    assert shop.up_once()["complete"] is True
    assert rows(shop)["order_item"] == before["order_item"]


def test_reset_killed_at_any_moment_is_finished_by_the_next(shop):
    before = rows(shop)
    killed = 0
    for delay in (0.05, 0.12, 0.2, 0.3, 0.4, 0.6):
        process = subprocess.Popen([BINARY, "reset", "--yes", "--wait", "30"], env=shop.environment,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(delay)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
    assert killed > 0
    shop.run("reset", "--yes", "--wait", 30)
    with shop.running("process"), shop.running("sink"):
        caught_up(shop)
        wait_for("the same rows", lambda: rows(shop) == before, 60)


@pytest.mark.parametrize("state", ["local state", "no local state"])
@pytest.mark.parametrize("forgotten", ["all", "newest"])
def test_offsets_that_are_gone_are_no_reason_to_begin_anew(make_world, forgotten, state):
    """A broker that was killed may forget a group's offsets until it is started again; to read input once more
    would count it twice."""
    world = make_world()
    world.run("source", "add", "online_retail")
    world.up_once()
    topics = ("change.order_item", "delta.rollup", "rollup.order_item")
    before = [world.ends(topic) for topic in topics]
    how = ["--delete"] if forgotten == "all" else ["--reset-offsets", "--shift-by", "-5", "--all-topics", "--execute"]

    def forget(group):  # not as long as it has members: until their session is over
        done = subprocess.run([KAFKA, "tool", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
                               "--bootstrap-server", world.servers.kafka_address, *how, "--group", group],
                              env=world.servers.environment, capture_output=True, text=True, timeout=60)
        return "was successful" in done.stdout or ("NEW-OFFSET" in done.stdout and "Error" not in done.stdout)

    for stage in ("entity", "rollup"):
        wait_for(f"the end of the group {stage}", lambda: forget(f"{world.prefix}sujip-{stage}"), 60)
    if state == "no local state":
        shutil.rmtree(world.folder / "home/state")
    told = "the group has no offset" if forgotten == "all" else "the group is at offset"
    with world.running("process") as process:
        for stage in ("entity", "rollup"):
            wait_for("a refusal", lambda: any(f"{stage} lane" in line and told in line
                                              for line in world.logs().splitlines()), 60)
        assert process.poll() is None
    assert [world.ends(topic) for topic in topics] == before
    assert "reset" in world.logs()


def members(world, group):
    """Client ids of the members; that of a lane is its instance id in the group."""
    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": world.servers.kafka_address})
    return [member.client_id for found in admin.list_groups(world.prefix + group, timeout=30) for member in found.members]


def test_a_place_in_the_group_that_was_taken_once_is_taken_back(make_world):
    """A broker that comes back may let a lane's new membership and its old one fence each other."""
    world = make_world()
    world.run("source", "add", "online_retail")
    with world.running("process") as process, world.running("sink"):
        (lane,) = wait_for("the lane to be a member", lambda: members(world, "sujip-entity"), 60)
        rival = confluent_kafka.Consumer({"bootstrap.servers": world.servers.kafka_address, "client.id": "rival",
                                          "group.id": world.prefix + "sujip-entity", "group.instance.id": lane})
        rival.subscribe([world.prefix + "raw.order"])

        def lost():
            rival.poll(0.1)  # it is in there that it joins
            return "its place in the group was taken" in world.logs()

        wait_for("the lane to be fenced", lost, 60)
        wait_for("the lane to be back", lambda: members(world, "sujip-entity") == [lane], 60)
        world.run("collect", "--once")
        caught_up(world)
        assert process.poll() is None
    rival.close()
    assert world.value("select count(*) from sujip.order_item") > 0


def test_of_two_processes_of_the_same_name_one_ends(make_world):
    world = make_world()
    with world.running("process") as first:
        wait_for("the lane to be a member", lambda: members(world, "sujip-entity"), 60)
        with world.running("process", SUJIP_HOME=str(world.folder / "other")) as second:
            wait_for("one to end", lambda: first.poll() is not None or second.poll() is not None, 120)
            (ended,) = (p for p in (first, second) if p.poll() is not None)
            assert ended.returncode == 1
            assert "another process has the same name" in world.logs()
