"""kill -9 of every role, of the broker and of the database while everything runs: the same tables as
without, and every change once."""

import collections
import csv
import decimal
import json
import os
import random
import shutil
import signal

import psycopg2
import pytest

from servers import KAFKA, POSTGRES, ROOT
from world import data_folder, wait_for

TABLES = ("order_item", "order_item_rollup", "product", "product_price_history")
ROLES = ("process", "sink", "collect", "monitor")


def own_shop(folder, days=60, lines=2500):
    """Made-up days of a shop with returns and equal lines."""
    chance = random.Random(20240501)
    folder.mkdir()
    for n in range(days):
        day = f"2024-{4 + n // 30:02d}-{n % 30 + 1:02d}"
        with (folder / f"{day}.csv").open("w", newline="", encoding="utf-8") as file:
            out = csv.writer(file)
            out.writerow("InvoiceNo StockCode Description Quantity InvoiceDate UnitPrice CustomerID"
                         " Country".split())
            for i in range(lines):
                sku = chance.randrange(400)
                returned = chance.random() < 0.05
                row = [f"{'C' if returned else ''}{n * 1000 + i // 5}", f"S{sku}", f"상품 {sku}",
                       -1 if returned else chance.randrange(1, 30), f"{day} 10:{i % 60:02d}:00",
                       f"{chance.randrange(5, 5000) / 100:.2f}", f"{chance.randrange(900)}.0", "Korea"]
                out.writerow(row)
                if chance.random() < 0.01:
                    out.writerow(row)


@pytest.fixture(scope="module", params=["own", "real"])
def shop(request, make_world, tmp_path_factory):
    """A folder of days, and the tables they become when nothing is killed."""
    folder = tmp_path_factory.mktemp("shop") / "retail"
    if request.param == "own":
        own_shop(folder)
    else:
        shutil.copytree(data_folder("retail"), folder, copy_function=shutil.copyfile)
    clean = make_world()
    add_sources(clean, folder)
    clean.up_once()
    clean.files = folder
    clean.tables = fingerprints(clean)
    clean.real = request.param == "real"
    return clean


@pytest.fixture
def own_shop_only(shop):
    if shop.real:
        pytest.skip("the real days are for the roles killed in turn")
    return shop


def add_sources(world, folder):
    world.run("source", "add", "online_retail", "--path", folder)
    world.run("source", "add", "danawa")  # its samples


def fingerprints(world):
    return {name: world.fingerprint(name) for name in TABLES}


def roles_of(up):
    """{role: pid} of the processes that `sujip up` has started."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8") as file:
                state, parent = file.read().rsplit(")", 1)[1].split()[:2]
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(parent) == up.pid and state != "Z" and len(words) > 1:
            found[words[1].decode()] = int(entry)
    return found


def progress(world):
    """How much has reached the database; grows until all is there. -1: it is down."""
    try:
        return world.value("select coalesce(sum(next_offset), 0) from sujip.sink_progress")
    except psycopg2.Error:
        return -1


def text_of(value):
    """One form for what psycopg2 and JSON give."""
    return str(value.normalize()) if isinstance(value, decimal.Decimal) else str(
        decimal.Decimal(value).normalize() if isinstance(value, int) else value)


def check_changes(world):
    """Each change is in the topic once, follows the one before it, and together they are the table."""
    for dataset, columns in (
            ("order_item", ("order_no", "line_id", "order_date", "sku", "quantity", "amount")),
            ("product", ("section", "product_code", "name", "price", "price_text"))):
        rows, revs, kinds = {}, {}, collections.Counter()
        for partition, offset, key, value in world.topic(f"change.{dataset}"):
            where = f"change.{dataset} {partition}@{offset} {key.decode()}"
            if value is None:
                assert key in revs and key not in rows, f"{where}: a tombstone without a delete"
                continue
            change = json.loads(value, parse_float=decimal.Decimal)
            rev = change["source"]["rev"]
            assert rev > revs.get(key, -1), f"{where}: revision {rev} after {revs[key]}"
            assert change["before"] == rows.get(key), f"{where}: does not follow the change before it"
            assert change["op"] == ("d" if change["after"] is None else
                                    "u" if key in rows else "c"), where
            assert change["after"] != change["before"], f"{where}: changes nothing"
            revs[key] = rev
            kinds[change["op"]] += 1
            if change["after"] is None:
                del rows[key]
            else:
                rows[key] = change["after"]
        expected = collections.Counter(tuple(map(text_of, (row[name] for name in columns)))
                                       for row in rows.values())
        found = collections.Counter(tuple(map(text_of, row)) for row in world.query(
            f"select {', '.join(columns)} from sujip.{dataset}"))
        assert found == expected, f"the table {dataset} is not what its topic says"
        logged = world.query("select sum(created), sum(updated + minor), sum(deleted) from sujip.change_log"
                             " where dataset = %s and verdict in ('accepted', 'released')", dataset)[0]
        assert tuple(map(int, logged)) == (kinds["c"], kinds["u"], kinds["d"]), dataset


def test_killed_again_and_again_the_tables_are_the_same(make_world, shop):
    world = make_world()
    add_sources(world, shop.files)
    victims = ["collect", "process", "sink", KAFKA, "monitor", POSTGRES, "sink", "process", "collect",
               "process", "sink"]
    killed = collections.Counter()
    done = 0
    with world.running("up", "--once") as up:
        wait_for("the collector to have written", lambda: sum(world.ends("raw.order")) > 0, 60)
        for victim in victims:
            if victim in (KAFKA, POSTGRES):
                world.servers.kill_and_start(victim)
                killed[victim] += 1
                continue
            pid = wait_for(f"{victim} to run", lambda: up.poll() is not None and -1
                           or roles_of(up).get(victim) or victim == "collect" and killed[victim] and -1, 60)
            if pid > 0:
                os.kill(pid, signal.SIGKILL)
                killed[victim] += 1
            # The next one falls when something has got through in spite of this.
            wait_for("something to get on",
                     lambda: up.poll() is not None or progress(world) > done + 200, 90)
            done = max(done, progress(world))
        wait_for("up --once to end", lambda: up.poll() is not None, 240)
        assert up.returncode == 0, world.logs()
    assert min(killed[v] for v in (*ROLES, KAFKA, POSTGRES)) >= 1, killed
    check_same(world, shop)


def test_up_itself_killed_and_started_again(make_world, own_shop_only):
    shop = own_shop_only
    world = make_world()
    add_sources(world, shop.files)
    for _ in range(2):
        up = world.start("up", "--once")
        seen = progress(world)
        wait_for("something to be done",
                 lambda: progress(world) > seen + 200 or up.poll() is not None, 60)
        children = roles_of(up)
        up.kill()
        up.wait()
        wait_for("its roles to end with it",
                 lambda: not [pid for pid in children.values() if os.path.exists(f"/proc/{pid}")], 30)
    world.up_once()
    check_same(world, shop)


def test_a_replay_outlives_broker_and_database(own_shop_only):
    world = own_shop_only
    replay = world.start("replay")
    # While it starts, it says what is missing and ends; from here on it waits.
    wait_for("its lanes to have partitions",
             lambda: "replay: rollup lane" in world.logs() or replay.poll() is not None, 60)
    for server in (KAFKA, POSTGRES):
        assert replay.poll() is None, world.logs()
        world.servers.kill_and_start(server)
    wait_for("the replay to end", lambda: replay.poll() is not None, 240)
    assert replay.returncode == 0, world.logs()
    tables = world.run("generation", "diff", "2", "1", "--json").json["tables"]
    assert set(TABLES) <= set(tables)
    assert not any(t["only_from"] or t["only_to"] or t["different"] for t in tables.values()), tables
    world.run("generation", "drop", "2", "--yes")


def test_without_local_state_the_same_again(make_world, own_shop_only):
    """RocksDB is an index of topics: when it is lost in the middle, it is built anew."""
    shop = own_shop_only
    world = make_world()
    add_sources(world, shop.files)
    seen = progress(world)
    up = world.start("up", "--once")
    wait_for("something to be done", lambda: progress(world) > seen + 200 or up.poll() is not None, 60)
    world.end(up)
    shutil.rmtree(world.environment["SUJIP_HOME"])
    world.up_once()
    check_same(world, shop)


def check_same(world, clean):
    for name, expected in clean.tables.items():
        if world.fingerprint(name) != expected:
            good, found = collections.Counter(clean.table(name)), collections.Counter(world.table(name))
            missing, extra = good - found, found - good
            pytest.fail(f"{name}: {sum(missing.values())} missing, e.g. {list(missing)[:2]}; "
                        f"{sum(extra.values())} too many, e.g. {list(extra)[:2]}")
    check_changes(world)
