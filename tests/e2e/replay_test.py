"""The next generation is built beside the live one, compared, shown to readers, taken back, dropped."""

import base64
import json
import os
import re
import subprocess
import threading

import confluent_kafka.admin
import psycopg2
import pytest

from feeds import offer, shop_day, spread_catalogue
from world import BINARY, caught_up, wait_for

TABLES = ("order_item", "order_item_rollup", "product", "product_price_history", "change_log", "dead_letter")
DERIVED = ("change.order_item", "rollup.order_item", "change.product", "delta.rollup", "scope.run", "dead.letter")


def wait_orders(world, rows):
    wait_for(f"{rows} lines of orders", lambda: world.value("select count(*) from sujip.order_item") == rows, 60)


def rows_of(world, schema, less=""):
    return {name: [row[0] for row in world.query(
        "select (to_jsonb(t) - 'rev' - 'run' - 'updated_at' - 'decided_at' - 'ts' - 'retried_at')::text"
        f" from {schema}.{name} t order by 1")] for name in TABLES if name not in less}


def verdicts(world):
    return [row[0] for row in world.query(
        "select verdict from sujip.change_log where dataset = 'product' order by snapshot_at")]


def raw_ends(world):
    return {topic: world.ends(topic) for topic in ("raw.order", "raw.catalog")}


def topics(world):
    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": world.servers.kafka_address})
    return set(admin.list_topics(timeout=20).topics)


def states(world):
    return dict(world.query("select number, state from sujip.generation order by number"))


@pytest.fixture(scope="module")
def shop(make_world, servers):
    """A world with a catalogue over all partitions, runs that were held, released and rejected, and orders."""
    share = spread_catalogue(servers)
    world = make_world(share=share)
    world.share = share
    world.files, world.retail = world.folder / "danawa", world.folder / "retail"
    (world.files / "CPU").mkdir(parents=True)
    world.retail.mkdir()
    world.run("source", "add", "danawa", "--path", world.files)
    world.run("source", "add", "online_retail", "--path", world.retail)
    for day in range(1, 5):
        shop_day(world.retail, day, 150, day)
    with world.running("up"):
        rows = {str(n): f"{n},000" for n in range(1, 301)}
        offer(world, 1, rows)
        wait_for("run 1", lambda: verdicts(world) == ["accepted"], 60)
        offer(world, 2, dict(list(rows.items())[:30]))
        wait_for("run 2", lambda: verdicts(world) == ["accepted", "held"], 60)
        world.run("scope", "release", "danawa/danawa/product/CPU", "--reason", "closed")
        wait_for("the release", lambda: verdicts(world) == ["accepted", "released"], 60)
        offer(world, 3, {"7": "1"})
        wait_for("run 3", lambda: verdicts(world) == ["accepted", "released", "held"], 60)
        wait_orders(world, 600)
        # A day is restated.
        shop_day(world.retail, 2, 140, 2)
        wait_orders(world, 590)
        caught_up(world)
        yield world


def test_dry_run_lists_and_makes_nothing(shop):
    done = shop.run("replay", "--dry-run")
    assert f"topic   {shop.prefix}g2.change.product" in done.out
    assert "table   sujip_g2.order_item" in done.out
    assert states(shop) == {1: "live"}
    assert not shop.value("select to_regnamespace('sujip_g2') is not null")


def test_killed_again_and_again_it_ends_with_the_same_tables(shop):
    before = raw_ends(shop)
    killed = 0
    while True:
        process = subprocess.Popen([BINARY, "replay"], env=shop.environment, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        try:
            out, err = process.communicate(timeout=0.3 + 0.4 * killed if killed < 4 else 120)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            killed += 1
            continue
        assert process.returncode == 0, out + err
        break
    assert killed >= 2, "it was too fast to be killed"
    assert states(shop) == {1: "live", 2: "ready"}
    diff = shop.run("generation", "diff", "2", "--json").json
    assert set(TABLES) <= set(diff["tables"])
    assert rows_of(shop, "sujip_g2") == rows_of(shop, "sujip_g1") == rows_of(shop, "sujip")
    assert raw_ends(shop) == before, "a replay writes nothing into raw topics"


def test_it_is_kept_in_step(shop):
    shop_day(shop.retail, 5, 120, 5)
    wait_orders(shop, 710)
    shop.run("generation", "diff", "2")
    assert rows_of(shop, "sujip_g2") == rows_of(shop, "sujip_g1")
    # The process goes on with the state that the replay left: nothing of it is read from the topics.
    folders = {folder.name for folder in (shop.folder / "home/state").iterdir()}
    assert [name for name in folders if "g2" in name] == [f"{shop.name}.g2.process-0"], folders
    log = (shop.folder / "home/log/process.log").read_text().split("generation 2:")[1]
    restored = re.findall(r"(\d+) partitions taken over in .* for (\d+) offsets of state", log)
    assert sum(int(partitions) for partitions, _ in restored) > 0
    assert all(offsets == "0" for _, offsets in restored), restored


def test_secrets_in_dead_letters_are_masked_in_every_generation(shop):
    secret = "hunter2-never-shown"
    value = json.dumps({"note": "not an order", "password": secret}).encode()
    producer = confluent_kafka.Producer({"bootstrap.servers": shop.servers.kafka_address})
    producer.produce(shop.prefix + "raw.order", key=b"k", value=value, partition=1)
    assert producer.flush(30) == 0
    for number in (1, 2):
        wait_for(f"the letter of generation {number}", lambda: shop.value(
            f"select count(*) from sujip_g{number}.dead_letter") == 1, 60)
    coded = base64.b64encode(value).decode()
    for topic in ("dead.letter", "g2.dead.letter"):
        for options in ((), ("--full",), ("--json",)):
            said = shop.run("tail", topic, "--from", "beginning", *options)
            assert "raw.order" in said.text, topic
            assert secret not in said.text and coded not in said.text, (topic, options)


def test_swapped_and_back_under_readers_without_an_error(shop):
    problems, seen, stop = [], [0], threading.Event()

    def read():
        connection = psycopg2.connect(shop.environment["SUJIP_PG"])
        connection.autocommit = True
        try:
            while not stop.is_set():
                with connection.cursor() as cursor:
                    # One statement sees one generation: the sum of the lines is that of the totals.
                    cursor.execute("select (select sum(quantity) from sujip.order_item), (select sum(quantity) from"
                                   " sujip.order_item_rollup where grain = 'all' and period = 'month')")
                    lines, totals = cursor.fetchone()
                    if lines != totals:
                        problems.append(f"{lines} in lines, {totals} in totals")
                    seen[0] += 1
        except psycopg2.Error as error:
            problems.append(str(error))
        finally:
            connection.close()

    readers = [threading.Thread(target=read) for _ in range(2)]
    for one in readers:
        one.start()
    try:
        for number in (2, 1, 2, 1, 2):
            shop.run("generation", "swap", number)
            assert states(shop) == {number: "live", 3 - number: "former"}
    finally:
        stop.set()
        for one in readers:
            one.join()
    assert not problems, problems[:3]
    assert seen[0] > 20
    assert shop.run("generation", "drop", "2", "--yes", code=None).code != 0, "what readers see is not dropped"


def test_the_live_one_decides_and_the_former_one_follows(shop):
    shop.run("scope", "reject", "danawa/danawa/product/CPU")
    wait_for("the rejection", lambda: verdicts(shop) == ["accepted", "released", "rejected"], 60)
    rows = {str(n): f"{n},100" for n in range(1, 36)}
    offer(shop, 4, rows)
    wait_for("run 4", lambda: verdicts(shop)[-1] == "accepted" and len(verdicts(shop)) == 4, 60)
    shop.run("generation", "diff", "1")
    assert rows_of(shop, "sujip_g1") == rows_of(shop, "sujip_g2") == rows_of(shop, "sujip")
    prices = dict(shop.query("select product_code, price_text from sujip.product"))
    assert prices == rows


def test_back_to_the_first_and_the_second_dropped(shop):
    shop.run("generation", "swap", "1")
    dry = shop.run("generation", "drop", "2", "--dry-run")
    assert "nothing was done" in dry.out and states(shop)[2] == "former"
    shop.run("generation", "drop", "2", "--yes")
    assert states(shop) == {1: "live", 2: "dropped"}
    assert not shop.value("select to_regnamespace('sujip_g2') is not null")
    listed = topics(shop)
    assert not [name for name in listed if name.startswith(shop.prefix + "g2.")]
    assert all(shop.prefix + name in listed for name in DERIVED)
    home = shop.environment["SUJIP_HOME"]
    assert not [path for path, folders, _ in os.walk(home) for f in folders if "g2" in f]
    assert shop.value("select count(*) from sujip.order_item") == 710


def test_another_mapping_changes_what_it_should_and_nothing_else(shop, tmp_path):
    mapping = (shop.share / "producers/connectors/online_retail/mapping.yaml").read_text()
    once, twice = "{{ record['Quantity'] | int }}", "{{ (record['Quantity'] | int) * 2 }}"
    assert mapping.count(once) == 1
    file = tmp_path / "mapping.yaml"
    file.write_text(mapping.replace(once, twice))
    shop.run("replay", "--dataset", "order_item", "--mapping", file)
    number = max(states(shop))
    diff = shop.run("generation", "diff", number, "--json", code=3).json["tables"]
    assert diff["order_item"]["different"] == 710
    assert diff["order_item"]["only_from"] == diff["order_item"]["only_to"] == 0
    doubled = shop.query("select a.quantity * 2 = b.quantity from sujip_g1.order_item a"
                         f" join sujip_g{number}.order_item b using (source, account, order_date, order_no, line_id)")
    assert len(doubled) == 710 and all(row[0] for row in doubled)
    assert "product" not in diff
    shop.run("generation", "swap", number)
    assert shop.value("select sum(quantity) from sujip.order_item") == \
        2 * shop.value("select sum(quantity) from sujip_g1.order_item")
    assert shop.value("select count(*) from sujip.product") == 35, "other datasets stay with the first generation"
    shop.run("generation", "swap", "1")
