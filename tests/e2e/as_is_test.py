"""A campaign that moves to another type: campaign_type keeps what was, campaign_type_now moves history."""

import json
import zlib

import confluent_kafka
import pytest

from world import caught_up, wait_for

# Both by the definition, from the rows as they are.
WAS = """
select period, start, campaign_type, count(*), sum(clicks), sum(cost)
from sujip.ad_performance, lateral (values ('day', stat_date), ('week', date_trunc('week', stat_date)::date),
  ('month', date_trunc('month', stat_date)::date), ('year', date_trunc('year', stat_date)::date)) p(period, start)
group by 1, 2, 3 order by 1, 2, 3"""
NOW = WAS.replace("sujip.ad_performance,", """(
  select a.stat_date, a.clicks, a.cost, (
    select l.campaign_type from sujip.ad_performance l
    where (l.source, l.account, l.campaign_id) = (a.source, a.account, a.campaign_id)
    order by l.stat_date desc limit 1) campaign_type
  from sujip.ad_performance a) rows,""")


def total(grain):
    return ("select period, period_start, campaign_type, rows, clicks, cost from sujip.ad_performance_rollup"
            f" where grain = '{grain}' order by 1, 2, 3")


def write(world, *rows):
    """Plain records: account, day, campaign, its type, clicks."""
    producer = confluent_kafka.Producer({"bootstrap.servers": world.servers.kafka_address})
    for account, day, campaign, kind, clicks in rows:
        record = {"source": "medium", "account": account, "stat_date": day, "campaign_id": campaign,
                  "ad_group_id": "g", "device": "pc", "campaign_type": kind, "clicks": clicks,
                  "cost": f"{clicks}.5", "currency": "KRW"}
        producer.produce(world.prefix + "raw.report", key=f"{account}/{day}", value=json.dumps(record),
                         partition=zlib.crc32(f"{account}/{day}".encode()) % 6)
    producer.flush()


def types_of(world, grain):
    return {row[0] for row in world.query(
        "select campaign_type from sujip.ad_performance_rollup where grain = %s", grain)}


@pytest.fixture(scope="module")
def medium(make_world):
    world = make_world()
    with world.running("process"), world.running("sink"):
        write(world, *[(account, f"2024-{month:02d}-15", campaign, "search", month)
                       for account in ("a", "b") for month in range(1, 13) for campaign in ("c1", "c2")])
        wait_for("the rows", lambda: world.value("select count(*) from sujip.ad_performance") == 48)
        yield world


def check(world):
    # Nothing may be on its way any more when lag says so, also what passes delta.rollup twice.
    caught_up(world)
    assert world.query(total("campaign_type")) == world.query(WAS)
    assert world.query(total("campaign_type_now")) == world.query(NOW)


def test_the_latest_row_moves_the_whole_history(medium):
    check(medium)
    assert types_of(medium, "campaign_type_now") == {"search"}
    write(medium, ("a", "2024-12-31", "c1", "shopping", 100))
    wait_for("the row", lambda: medium.value("select count(*) from sujip.ad_performance") == 49)
    check(medium)
    moved = medium.query("select rows, clicks from sujip.ad_performance_rollup where grain = 'campaign_type_now'"
                         " and period = 'year' and campaign_type = 'shopping'")
    assert moved == [(13, sum(range(1, 13)) + 100)]


def test_restated_it_moves_back(medium):
    write(medium, ("a", "2024-12-31", "c1", "search", 100))
    wait_for("the restatement", lambda: medium.value(
        "select campaign_type from sujip.ad_performance where stat_date = '2024-12-31'") == "search")
    check(medium)
    assert types_of(medium, "campaign_type_now") == {"search"}
    # Another account's campaign of the same number is another one.
    write(medium, ("b", "2024-12-31", "c1", "place", 7), ("b", "2024-06-15", "c1", "brand_search", 6))
    wait_for("both", lambda: "brand_search" in types_of(medium, "campaign_type"))
    check(medium)
    assert types_of(medium, "campaign_type_now") == {"search", "place"}


def test_a_replay_makes_the_same(medium):
    medium.run("replay")
    medium.run("generation", "diff", "2")
    differences = ("select count(*) from (table only_a except table only_b) d").replace(
        "table only_a", "select to_jsonb(t) - 'rev' - 'updated_at' from sujip_g1.ad_performance_rollup t").replace(
        "table only_b", "select to_jsonb(t) - 'rev' - 'updated_at' from sujip_g2.ad_performance_rollup t")
    assert medium.value(differences) == 0
    assert medium.value("select count(*) from sujip_g1.ad_performance_rollup") == \
        medium.value("select count(*) from sujip_g2.ad_performance_rollup") > 0
    assert f"{medium.prefix}g2.asis.ad_performance" in medium.run("topics", "list").out
