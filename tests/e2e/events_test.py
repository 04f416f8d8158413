"""The topics as a public interface: every record that other clients read fits the printed JSON Schemas, and
a reader that knows nothing but docs/events.md arrives at the tables."""

import collections
import datetime
import decimal
import json
import shutil
import subprocess

import jsonschema
import pytest

from servers import ROOT
from vendor import LICENCE, SECRET, Vendor

D = decimal.Decimal
DATASETS = ("account", "account_status", "ad_keyword", "ad_performance", "order_item", "product")
ROLLUPS = ("ad_keyword", "ad_performance", "order_item")
CONNECTORS = ROOT / "producers/connectors"


def parse(text):
    return json.loads(text, parse_float=D)


@pytest.fixture(scope="module")
def world(make_world):
    """Files and an API, then a corrected day, a new snapshot and a restated day: all of c, u and d."""
    made = make_world()
    orders, products = made.folder / "orders", made.folder / "products"
    shutil.copytree(CONNECTORS / "online_retail/samples", orders)
    snapshots = sorted((CONNECTORS / "danawa/samples").glob("*/*.csv"))
    for section in {s.parent.name for s in snapshots}:
        (products / section).mkdir(parents=True)
        first = next(s for s in snapshots if s.parent.name == section)
        shutil.copy(first, products / section)
    made.run("source", "add", "online_retail", "--path", orders, "--no-guard")
    made.run("source", "add", "danawa", "--path", products, "--no-guard")
    vendor = Vendor("--accounts", 3, "--days", 5, "--report-rate", 0, "--other-rate", 0)
    made.run("source", "add", "naver_searchad", "--url", vendor.url, "--set", "customer=1000001",
             "--set", "report_rate=0", "--set", "download_rate=0", "--set", "other_rate=0",
             "--set", "poll_seconds=0.05", "--credential", f"access_licence={LICENCE}",
             "--credential", f"secret={SECRET}")
    try:
        made.up_once()
        for snapshot in snapshots:
            shutil.copy(snapshot, products / snapshot.parent.name)
        file = sorted(orders.glob("*.csv"))[0]
        lines = file.read_bytes().splitlines(keepends=True)
        file.write_bytes(b"".join(lines[:1] + lines[3:]))
        today = datetime.date.fromisoformat(vendor.get("/_sim/state")["today"])
        vendor.call("POST", "/_sim/restate",
                    {"date": (today - datetime.timedelta(days=3)).isoformat(), "seed": 3})
        made.up_once()
    finally:
        vendor.close()
    return made


@pytest.fixture(scope="module")
def schema(world):
    """schema(dataset, kind): checks a value against `sujip topics schema dataset --of kind`."""
    known = {}

    def checker(dataset, kind):
        if (dataset, kind) not in known:
            text = world.run("topics", "schema", dataset, "--of", kind).out
            jsonschema.Draft202012Validator.check_schema(json.loads(text))
            known[dataset, kind] = jsonschema.Draft202012Validator(
                json.loads(text), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
        return known[dataset, kind]
    return checker


def properties(validator):
    found = validator.schema["properties"].keys()
    if "$defs" in validator.schema:
        return found, validator.schema["$defs"]["row"]["properties"].keys()
    return found


def kcat(world, topic):
    """(partition, offset, key, value) as kcat reads them."""
    done = subprocess.run(
        ["kcat", "-b", world.servers.kafka_address, "-X", "isolation.level=read_committed", "-C", "-e",
         "-q", "-J", "-t", world.prefix + topic], capture_output=True, timeout=60, check=True)
    for line in done.stdout.splitlines():
        record = json.loads(line)
        yield record["partition"], record["offset"], record.get("key"), record.get("payload")


@pytest.mark.parametrize("dataset", DATASETS)
def test_change_events_fit_the_schema_and_fold_to_the_table(world, schema, dataset):
    event_of, key_of = schema(dataset, "change"), schema(dataset, "change-key")
    records = world.topic(f"change.{dataset}")
    assert records
    rows, revs, ops, partitions = {}, {}, collections.Counter(), {}
    deleted = None  # the key a tombstone has to follow for
    for partition, offset, raw_key, value in records:
        place = f"change.{dataset} {partition} @{offset}"
        key = parse(raw_key)
        key_of.validate(key)
        assert partitions.setdefault(raw_key, partition) == partition, "changes of a row stay in order"
        if value is None:
            assert raw_key == deleted, place
            deleted = None
            continue
        assert deleted is None, place
        event = parse(value)
        event_of.validate(event)
        known, fields = properties(event_of)
        row = event["after"] if event["after"] is not None else event["before"]
        assert event.keys() == known and row.keys() == fields, place
        assert list(key) == [name for name in row if name in key] or key.keys() <= row.keys()
        assert {name: row[name] for name in key} == key, place
        assert event["before"] == rows.get(raw_key), place
        source = event["source"]
        assert source["rev"] > revs.get(raw_key, -1), place
        assert (source["name"], source["account"]) == (row["source"], row["account"])
        assert source["scope"].startswith(f"{row['source']}/{row['account']}/{dataset}")
        assert abs(event["ts_ms"]) < 4e12 and event["ts_ms"] == source["ts_ms"]
        revs[raw_key] = source["rev"]
        ops[event["op"]] += 1
        if event["after"] is None:
            del rows[raw_key]
            deleted = raw_key
        else:
            rows[raw_key] = event["after"]
    assert deleted is None
    expected = {"order_item": "cd", "product": "cu", "ad_keyword": "cu", "ad_performance": "cu"}
    assert set(expected.get(dataset, "c")) <= set(ops), ops

    columns = [c[0] for c in world.query(
        "select column_name from information_schema.columns where table_schema = 'sujip'"
        " and table_name = %s order by ordinal_position", dataset)]
    fields = [c for c in columns if c in properties(event_of)[1]]
    assert set(fields) == set(properties(event_of)[1])
    table = world.query(f"select {', '.join(fields)}, rev from sujip.{dataset}")
    assert len(table) == len(rows)
    key_fields = list(key_of.schema["properties"])
    for line in table:
        stored = {name: plain(value) for name, value in zip(fields, line)}
        key = json.dumps({name: stored[name] for name in key_fields}, ensure_ascii=False,
                         separators=(",", ":")).encode()
        told = {name: told_value(value) for name, value in rows[key].items()}
        assert {n: told_value(v) for n, v in stored.items()} == told
        assert line[-1] == revs[key]


def plain(value):
    """A column as the event says it."""
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.") + \
            f"{value.microsecond // 1000:03}Z"
    return value.isoformat() if isinstance(value, datetime.date) else value


def told_value(value):
    """Numbers by what they are worth, also inside of json fields."""
    if isinstance(value, dict):
        return {k: told_value(v) for k, v in value.items()}
    if isinstance(value, list):
        return [told_value(v) for v in value]
    return D(str(value)) if isinstance(value, (int, float, D)) and not isinstance(value, bool) else value


@pytest.mark.parametrize("dataset", ROLLUPS)
def test_rollups_fit_the_schema_and_are_the_table(world, schema, dataset):
    row_of, key_of = schema(dataset, "rollup"), schema(dataset, "rollup-key")
    buckets, dimensions = {}, {}
    for partition, offset, raw_key, value in world.topic(f"rollup.{dataset}"):
        place = f"rollup.{dataset} {partition} @{offset}"
        key = parse(raw_key)
        key_of.validate(key)
        assert dimensions.setdefault(key["grain"], key.keys()) == key.keys(), "the key of a grain is fixed"
        if value is None:
            buckets.pop(raw_key)  # a tombstone is of a bucket that was there
            continue
        row = parse(value)
        row_of.validate(row)
        assert row.keys() <= properties(row_of), place
        assert {name: row[name] for name in key} == key and row["rows"] > 0, place
        if raw_key in buckets:
            assert row["rev"] > buckets[raw_key]["rev"], place
        buckets[raw_key] = row
    names = [n for n in properties(row_of) if n != "ts_ms"]
    table = world.query(f"select {', '.join(names)} from sujip.{dataset}_rollup")
    assert len(table) == len(buckets)
    stored = {frozenset((n, told_value(plain(v))) for n, v in zip(names, line) if v is not None)
              for line in table}
    told = {frozenset((n, told_value(v)) for n, v in row.items() if n != "ts_ms" and v is not None)
            for row in buckets.values()}
    assert told == stored


@pytest.mark.parametrize("topic", [f"change.{d}" for d in DATASETS] + [f"rollup.{d}" for d in ROLLUPS])
def test_kcat_reads_the_same_records(world, topic):
    """The records that fit the schemas above, to the byte."""
    def text(value):
        return None if value is None else value.decode()
    mine = [(p, o, text(k), text(v)) for p, o, k, v in world.topic(topic)]
    assert mine and sorted(kcat(world, topic), key=lambda r: r[:2]) == mine


def test_partitions_and_policies_are_what_the_page_says(world):
    lines = {line.split()[0]: line.split() for line in world.run("topics", "list").out.splitlines()}
    for name in [f"change.{d}" for d in DATASETS] + [f"rollup.{d}" for d in ROLLUPS]:
        assert lines[world.prefix + name][1] == "6" and lines[world.prefix + name][-1] == "compact"
    assert world.run("topics", "schema", "product", "--of", "rollup", code=2).err
