"""A catalogue that spreads over all partitions: decided once by the coordinator, applied by all of them."""

import json

import pytest

from feeds import offer, spread_catalogue
from world import wait_for

PARTITIONS = 6
SUBJECT = "danawa/danawa/product/CPU"


@pytest.fixture(scope="module")
def shop(make_world, servers):
    world = make_world(share=spread_catalogue(servers))
    world.files = world.folder / "danawa"
    (world.files / "CPU").mkdir(parents=True)
    world.run("source", "add", "danawa", "--path", world.files)
    world.rows = {}
    with world.running("up"):
        yield world


def products(world):
    if not world.value("select to_regclass('sujip.product') is not null"):
        return {}
    return dict(world.query("select product_code, price_text from sujip.product"))


def last_run(world):
    """The newest line of the change log: counts, verdict, partitions."""
    rows = world.query("select rows, created, updated, deleted, verdict, partitions from"
                       " sujip.change_log order by snapshot_at desc, run desc limit 1")
    return rows[0] if rows else None


def wait_verdict(world, verdict, number_of_runs):
    wait_for(f"run {number_of_runs} to be {verdict}", lambda: world.value(
        "select count(*) from sujip.change_log") == number_of_runs and last_run(world)[4] == verdict, 60)


def test_rows_of_one_scope_lie_in_all_partitions(shop):
    shop.rows = {str(n): f"{n},000" for n in range(1, 601)}
    offer(shop, 1, shop.rows)
    wait_for("the products", lambda: products(shop) == shop.rows, 60)
    wait_verdict(shop, "accepted", 1)
    assert last_run(shop) == (600, 600, 0, 0, "accepted", PARTITIONS)
    assert {p for p, *_ in shop.topic("change.product")} == set(range(PARTITIONS))
    # One tally per partition, one verdict to each of them.
    assert {json.loads(value)["partition"] for *_, value in shop.topic("scope.tally")} \
        == set(range(PARTITIONS))


def test_a_change_is_counted_over_all_partitions(shop):
    for n in range(1, 51):
        shop.rows[str(n)] = f"{n},500"
    for n in range(51, 71):
        del shop.rows[str(n)]
    for n in range(1001, 1011):
        shop.rows[str(n)] = "77,000"
    offer(shop, 2, shop.rows)
    wait_for("the products", lambda: products(shop) == shop.rows, 60)
    wait_verdict(shop, "accepted", 2)
    assert last_run(shop) == (590, 10, 50, 20, "accepted", PARTITIONS)


def test_a_mass_delete_is_held_as_a_whole(shop):
    few = dict(list(shop.rows.items())[:30])
    offer(shop, 3, few)
    wait_verdict(shop, "held", 3)
    assert last_run(shop) == (30, 0, 0, 560, "held", PARTITIONS)
    assert products(shop) == shop.rows
    (held,) = [line for line in shop.run("scope", "list", "--json").lines() if line["verdict"] == "held"]
    assert held["scope"] == SUBJECT and held["deleted"] == 560


def test_a_good_snapshot_overtakes_the_held_one(shop):
    shop.rows["2001"] = "1,234"
    offer(shop, 4, shop.rows)
    wait_for("the products", lambda: products(shop) == shop.rows, 60)
    wait_verdict(shop, "accepted", 4)
    # The verdict comes first, then the partitions tell what they dropped because of it.
    wait_for("the held run to be overtaken", lambda: [row[0] for row in shop.query(
        "select verdict from sujip.change_log order by snapshot_at")]
        == ["accepted", "accepted", "overtaken", "accepted"])


def test_reject_in_all_partitions(shop):
    offer(shop, 5, dict(list(shop.rows.items())[:40]))
    wait_verdict(shop, "held", 5)
    shop.run("scope", "reject", SUBJECT)
    wait_verdict(shop, "rejected", 5)
    assert products(shop) == shop.rows


def test_release_in_all_partitions(shop):
    few = dict(list(shop.rows.items())[20:60])
    offer(shop, 6, few)
    wait_verdict(shop, "held", 6)
    shop.run("scope", "release", SUBJECT, "--reason", "the shop closed")
    wait_for("the products to be the released ones", lambda: products(shop) == few, 60)
    wait_verdict(shop, "released", 6)
    assert last_run(shop) == (40, 0, 0, 551, "released", PARTITIONS)
    shop.rows = few


def test_the_change_topic_is_the_table(shop):
    alive = {}
    for *_, key, value in shop.topic("change.product"):
        if value is None:
            alive.pop(key)
        elif json.loads(value)["after"] is not None:
            row = json.loads(value)["after"]
            alive[key] = (row["product_code"], row["price_text"])
    assert dict(alive.values()) == products(shop) == shop.rows
