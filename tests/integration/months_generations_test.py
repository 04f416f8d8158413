"""The way from tables in one piece to tables by month: replay, compare, swap, drop; and back to nothing by reset."""

import pytest

from feeds import copied_share, in_one_piece, shop_day
from servers import ROOT
from world import caught_up, wait_for

TABLES = ("order_item", "ad_performance", "ad_keyword")


def kinds(world, number):
    return {table: world.value("select relkind::text from pg_class where oid = %s::regclass", f"sujip_g{number}.{table}")
            for table in TABLES}


def partitions(world, number):
    return [name for (name,) in world.query(
        "select inhrelid::regclass::text from pg_inherits where inhparent = %s::regclass order by 1",
        f"sujip_g{number}.order_item")]


def rows(world, schema="sujip"):
    return [row for (row,) in world.query(
        f"select (to_jsonb(t) - 'rev' - 'run' - 'updated_at')::text from {schema}.order_item t order by 1")]


@pytest.fixture(scope="module")
def shop(make_world, servers):
    """An installation from before: the first generation is in one piece."""
    share = in_one_piece(copied_share(servers, "before"))
    world = make_world(share=share)
    assert set(kinds(world, 1).values()) == {"r"}
    world.environment["SUJIP_SHARE"] = str(ROOT)
    world.retail = world.folder / "retail"
    world.retail.mkdir()
    world.run("source", "add", "online_retail", "--path", world.retail)
    for day in (1, 2, 3):
        shop_day(world.retail, day, 100, day)
    (world.retail / "2024-05-31.csv").write_text((world.retail / "2024-06-01.csv").read_text().replace("2024-06-01", "2024-05-31"))
    with world.running("up"):
        wait_for("the orders", lambda: world.value("select count(*) from sujip.order_item") == 400, 60)
        caught_up(world)
        yield world


def test_a_replay_makes_tables_by_month(shop):
    shop.query("create index by_sku on sujip_g1.order_item (sku)")
    shop.run("replay")
    assert kinds(shop, 1) == dict.fromkeys(TABLES, "r") and kinds(shop, 2) == dict.fromkeys(TABLES, "p")
    assert partitions(shop, 2) == ["sujip_g2_months.order_item_2024_05", "sujip_g2_months.order_item_2024_06"]
    assert shop.run("generation", "diff", "2", "--json").json["tables"]
    assert rows(shop, "sujip_g2") == rows(shop)
    # People's own indexes come along, to each month.
    assert shop.value("select count(*) from pg_indexes where schemaname = 'sujip_g2_months' and indexdef like '%(sku)%'") == 2


def test_it_is_kept_in_step_and_swapped_there_and_back(shop):
    before = rows(shop)
    shop_day(shop.retail, 1, 80, 1)  # a day is restated, twenty lines are gone
    wait_for("the restatement", lambda: shop.value("select count(*) from sujip.order_item") == 380, 60)
    caught_up(shop)
    assert rows(shop, "sujip_g2") == rows(shop) != before
    for number in (2, 1, 2):
        shop.run("generation", "swap", number)
        assert len(rows(shop)) == 380
        assert shop.value("select sum(rows) from sujip.order_item_daily") == 380
    shop_day(shop.retail, 4, 50, 4)
    wait_for("a new day", lambda: shop.value("select count(*) from sujip.order_item") == 430, 60)
    caught_up(shop)
    assert rows(shop, "sujip_g1") == rows(shop, "sujip_g2") == rows(shop)
    shop.run("generation", "diff", "1")


def test_a_unique_index_without_the_date_keeps_a_table_whole(shop):
    shop.query("create table sujip_g2.whole (id int primary key, day date)")
    shop.query("insert into sujip.generation (number, state) values (9, 'building')")
    shop.query("select sujip.make_generation(9, null, '{\"whole\": \"day\", \"order_item\": \"order_date\"}')")
    assert dict(shop.query("select relname::text, relkind::text from pg_class where oid in"
                           " ('sujip_g9.whole'::regclass, 'sujip_g9.order_item'::regclass)")) == {"whole": "r", "order_item": "p"}
    shop.query("drop schema sujip_g9 cascade; drop table sujip_g2.whole; delete from sujip.generation where number = 9;"
               " drop view if exists sujip.whole")


def test_drop_takes_the_months_along_and_leaves_those_that_were_detached(shop):
    shop.run("generation", "swap", 1)
    shop.query("alter table sujip_g2.order_item detach partition sujip_g2_months.order_item_2024_05")
    wait_for("nobody to work on it", lambda: shop.run("generation", "drop", "2", "--yes", code=None).code == 0, 90)
    assert shop.value("select to_regnamespace('sujip_g2') is null")
    assert [name for (name,) in shop.query("select tablename::text from pg_tables where schemaname = 'sujip_g2_months'")] == [
        "order_item_2024_05"]
    assert len(rows(shop)) == 430


def test_reset_empties_tables_by_month(shop):
    shop.run("replay")
    shop.run("generation", "swap", 3)
    shop.end(shop.processes[-1])
    assert shop.value("select count(*) from sujip_g3.order_item") == 430
    shop.run("reset", "--yes", "--wait", 60)
    assert shop.value("select count(*) from sujip_g3.order_item") == 0
    with shop.running("up"):
        wait_for("all to be there again", lambda: shop.value("select count(*) from sujip.order_item") == 430, 90)
        caught_up(shop)
