"""`sujip sink --mapping`: topics of plain rows and of Debezium changes into tables of the user's own."""
import json
import random

import confluent_kafka
import confluent_kafka.admin
import psycopg2
import pytest

from sink_world import world  # noqa: F401
from world import wait_for

ROWS = """
sink: shop
tables:
  - topic: {topic}
    table: shop.products
    key: [supplier, code]
    columns:
      supplier: text
      code: {{type: text, from: product_code}}
      name: text
      price: bigint
      attributes: jsonb
      updated_at: timestamptz
"""
TABLE = """
create schema shop;
create table shop.products (
  supplier varchar(20) not null, code text not null, name text not null, price integer,
  note text default 'mine', updated_at timestamptz,
  unique (code, supplier))
"""


class Shop:
    """A topic of plain rows, and the table it must lead to."""

    def __init__(self, world, tmp_path, mapping=ROWS, partitions=6):
        self.world, self.topic = world, world.prefix + "shop.products"
        self.random, self.rows, self.seq = random.Random(1), {}, 0
        admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": world.servers.kafka_address})
        for made in admin.create_topics([confluent_kafka.admin.NewTopic(self.topic, partitions, 1)]).values():
            made.result(30)
        self.file = tmp_path / "mapping.yaml"
        self.file.write_text(mapping.format(topic=self.topic))
        self.producer = world.producer(transactional=False)

    def start(self, *options):
        return self.world.sink("--mapping", str(self.file), *options)

    def put(self, code, value, key=None):
        self.producer.produce(self.topic, key=key or json.dumps({"supplier": "공급", "product_code": code}), value=value)

    def change(self):
        code, self.seq = f"{self.random.randrange(3000):05d}", self.seq + 1
        if code in self.rows and self.random.random() < 0.2:
            del self.rows[code]
            return self.put(code, None)
        row = {"supplier": "공급", "product_code": code, "name": self.random.choice(["탭\t\n\\N", "", "plain"]),
               "price": self.random.choice([None, 1, 2_000_000_000]), "attributes": {"a": [self.seq, None]},
               "updated_at": "2026-01-02T03:04:05.678Z", "unmapped": 1}
        self.rows[code] = row
        self.put(code, json.dumps(row, ensure_ascii=False).encode())

    def flush(self):
        self.producer.flush(30)

    def check(self):
        self.world.wait_until_caught_up()
        found = self.world.query("select code, name, price, attributes, supplier, note, "
                                 "extract(epoch from updated_at)::text from shop.products order by 1")
        assert found == [(c, r["name"], r["price"], r["attributes"], "공급", "mine", "1767323045.678000")
                         for c, r in sorted(self.rows.items())]


def test_rows_and_tombstones_into_a_table_that_is_there(world, tmp_path):
    shop = Shop(world, tmp_path)
    world.query(TABLE)
    for _ in range(20000):
        shop.change()
    shop.flush()
    for _ in range(5):  # killed on the way
        sink = shop.start("--batch", "700")
        wait_for("some progress", lambda: world.query("select sum(next_offset) from sujip.sink_progress")[0][0])
        sink.kill()
        sink.wait()
    shop.start()
    for _ in range(3000):
        shop.change()
    shop.flush()
    shop.check()
    # The column that was missing was added, the others are as they were.
    assert world.query("select format_type(atttypid, atttypmod) from pg_attribute where attrelid = "
                       "'shop.products'::regclass and attnum > 0 order by attnum") == [
        ("character varying(20)",), ("text",), ("text",), ("integer",), ("text",),
        ("timestamp with time zone",), ("jsonb",)]


def test_what_cannot_be_stored_is_set_aside(world, tmp_path):
    shop = Shop(world, tmp_path, partitions=1)
    world.query(TABLE)
    good = {"supplier": "공급", "name": "x"}
    bad = {
        "b0": '{"supplier":"공급","name":', "b1": json.dumps({**good, "price": "1,000원"}),
        "b2": json.dumps({**good, "price": 99999999999}), "b3": json.dumps({**good, "name": None}),
        "b4": json.dumps({**good, "name": "a\0b"}), "b5": json.dumps({**good, "supplier": "x" * 30}),
        "b6": "", "b7": json.dumps({**good, "attributes": "a\0b"}),
    }
    for code, value in bad.items():
        for _ in range(500):
            shop.change()
        shop.put(code, value.encode())
    shop.producer.produce(shop.topic, value=json.dumps({**good, "product_code": "no key"}))
    for _ in range(500):
        shop.change()
    shop.flush()
    shop.start()
    shop.check()
    letters = world.query("select topic, stage, reason from sujip.dead_letter order by \"offset\"")
    assert len(letters) == len(bad) + 1
    assert {(topic, stage) for topic, stage, _ in letters} == {(shop.topic.removeprefix(world.prefix), "sink")}
    for (_, _, reason), words in zip(letters, (
            "value:", "invalid input syntax", "out of range", "null value", "NUL", "too long", "value:", "",
            "no key")):
        assert words in reason


def test_a_key_spelled_in_two_ways_is_one_row(world, tmp_path):
    shop = Shop(world, tmp_path, partitions=1)
    world.query(TABLE)
    spellings = ('{"supplier":"공급","product_code":"a"}', '{"product_code": "a", "supplier": "공급"}')
    for n in range(7):  # the last one has the smaller key
        shop.put("a", json.dumps({"supplier": "공급", "product_code": "a", "name": str(n)}), spellings[n % 2])
    shop.flush()
    shop.start()
    world.wait_until_caught_up()
    assert world.query("select name from shop.products") == [("6",)]
    assert world.query("select count(*) from sujip.dead_letter") == [(0,)]


MARKED = """
sink: marked
tables:
  - topic: {topic}
    format: debezium
    table: public.items
    key: [code]
    columns:
      code: text
      name: text
      rev: {{type: bigint, from: source.rev}}
      changed_at: {{type: timestamptz, from: event.ts_ms, unit: ms}}
      removed: boolean
    revision: rev
    on_delete: {{mark: removed}}
"""


def test_changes_with_revisions_and_marks(world, tmp_path):
    shop = Shop(world, tmp_path, MARKED, partitions=1)

    def change(code, name, rev):
        value = {"before": None, "after": name and {"code": code, "name": name}, "op": "u" if name else "d",
                 "ts_ms": 1_767_323_045_000 + rev, "source": {"rev": rev}}
        shop.producer.produce(shop.topic, key=json.dumps({"code": code}), value=json.dumps(value))
        shop.flush()

    sink = shop.start()  # the table is not there: it is made
    change("a", "one", 1)
    change("b", "one", 1)
    change("c", "one", 1)
    world.wait_until_caught_up()
    change("a", "two", 5)
    world.wait_until_caught_up()
    change("a", "late", 4)   # older than what is there
    change("b", None, 2)     # removed
    change("c", None, 2)
    shop.producer.produce(shop.topic, key='{"code":"c"}', value=None)
    shop.flush()
    world.wait_until_caught_up()
    change("c", "back", 3)
    world.wait_until_caught_up()
    assert world.query("select code, name, rev, removed, extract(epoch from changed_at)::text from items order by 1") == [
        ("a", "two", 5, False, "1767323045.005000"), ("b", "one", 1, True, "1767323045.001000"),
        ("c", "back", 3, False, "1767323045.003000")]
    assert sink.poll() is None


def test_mappings_that_do_not_fit_are_refused(world, tmp_path):
    shop = Shop(world, tmp_path)

    def refused(*words):
        done = world.run("sink", "--mapping", shop.file, code=None, timeout=60)
        assert done.code != 0, done.out
        said = done.err
        assert all(word in said for word in words), said

    world.query("create schema shop; create table shop.products (supplier text, code text, price text)")
    refused("no primary key or unique index", "shop")
    world.query("create unique index on shop.products (supplier, code)")
    refused("column price is text in the table and bigint")
    shop.file.write_text("sink: x\ntables: []\n")
    refused("mapping.yaml:", "tables")


# A trigger's sequence keeps what it counted when its transaction is rolled back.
TRIED = """
create sequence shop.tried;
create table shop.statements (what text primary key);
create function shop.try() returns trigger language plpgsql as $$ begin perform nextval('shop.tried'); return new; end $$;
create function shop.say() returns trigger language plpgsql as $$
  begin insert into shop.statements select left(current_query(), 5) on conflict do nothing; return null; end $$;
create trigger try before insert on shop.products for each row execute function shop.try();
create trigger say after insert on shop.products for each statement execute function shop.say();
"""


def first_load(world, tmp_path, known):
    """9,000 rows in the order of their keys; the table has the known ones. Returns how many were tried to be inserted."""
    shop = Shop(world, tmp_path, partitions=1)
    world.query(TABLE + ";" + TRIED)
    for code in known:
        world.query(f"insert into shop.products values ('공급', '{code:05d}', 'old', 1, 'theirs')")
    for code in range(9000):
        row = {"supplier": "공급", "product_code": f"{code:05d}", "name": "new", "price": code, "attributes": None,
               "updated_at": "2026-01-02T03:04:05.678Z"}
        shop.put(row["product_code"], json.dumps(row, ensure_ascii=False).encode())
    shop.flush()
    shop.start("--batch", "3000")
    world.wait_until_caught_up()
    assert world.query("select count(*), sum(price), count(*) filter (where name = 'new'), "
                       "count(*) filter (where note = 'theirs') from shop.products") == [
        (9000, sum(range(9000)), 9000, len(known))]
    return world.query("select last_value from shop.tried")[0][0] - len(known)


def test_a_first_load_goes_straight_into_the_table(world, tmp_path):
    assert first_load(world, tmp_path, []) == 9000
    assert ("copy ",) in world.query("select what from shop.statements")


def test_a_row_that_was_there_after_all_is_updated(world, tmp_path):
    # Neighbours: the sink asks for keys further apart, and takes the rows for new ones at first.
    assert first_load(world, tmp_path, [1, 2, 8998]) > 9000 - 3


TYPES = """
sink: shop
tables:
  - topic: {topic}
    table: shop.kinds
    key: [code]
    columns:
      code: {{type: text, from: product_code}}
"""
COLUMNS = {"smallint": "smallint", "integer": "integer", "bigint": "bigint", "numeric": "numeric",
           "money": "numeric", "double": "double", "real": "real", "boolean": "boolean", "date": "date",
           "timestamptz": "timestamptz", "timestamp": "timestamp", "jsonb": "jsonb", "json": "json", "uuid": "uuid"}
USUAL = {
    "smallint": ["0", "-32768", "32767"], "integer": ["-2147483648", "7"],
    "bigint": ["9223372036854775807", "-9223372036854775808", "0"],
    "numeric": ["0", "-0.00", "1", "10000", "9999.9999", "0.0001", "0.00001", "1000000.10", "-123456789012345678901234567890.5",
                "0.000000000000000000012300", "100000000", "00012.50"],
    "money": ["1.25", "-99999999.99", "0.005", "12"],
    "double": ["0", "-1.5", "1e300", "0.1", "2.5E-10", "123456789012345678"], "real": ["1.5", "-0.25"],
    "boolean": [True, False], "date": ["2024-02-29", "0001-01-01", "9999-12-31", "1999-12-31", "2000-01-01"],
    "timestamptz": ["2026-01-02T03:04:05.678Z", "2026-01-02 03:04:05+09", "1969-12-31T23:59:59.999999-03:30",
                    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9+00:00"],
    "timestamp": ["2026-01-02T03:04:05.678"], "jsonb": [{"b": [1, None], "a": "가"}, 5, "x", True, [], 1e5],
    "json": [{"b": 1, "a": [2.50]}], "uuid": ["123e4567-e89b-12d3-a456-426614174000"],
}
# Forms that only the server knows.
ODD = {"smallint": [" 7 "], "integer": ["+5"], "bigint": [" 12"], "numeric": ["1e3", "NaN", ".5", "5.", " 1.5 "],
       "money": ["1e2"], "double": ["Infinity", "NaN"], "boolean": ["yes", "off", "t"],
       "date": ["20240305", "March 4, 2024", "infinity", "2024-03-04 BC"],
       "timestamptz": ["2026-01-02 03:04:05 Asia/Seoul", "2026-01-02", "2026-01-02T03:04:05.1234567Z", "infinity",
                       "2026-01-02T24:00:00Z"]}


@pytest.mark.parametrize("odd", [False, True])
@pytest.mark.parametrize("rows", [40, 3000])
def test_values_of_every_type_are_those_that_the_server_reads(world, tmp_path, odd, rows):
    """The oracle is the server: the same values as texts, cast by it."""
    shop = Shop(world, tmp_path, TYPES + "".join(f"      {c}: {t}\n" for c, t in COLUMNS.items()), partitions=1)
    sql = {**COLUMNS, "money": "numeric(10, 2)", "double": "double precision"}
    for table in "kinds", "expected":
        world.query(f"create schema if not exists shop; create table shop.{table} (code text primary key, "
                    + ", ".join(f'"{c}" {t}' for c, t in sql.items()) + ")")
    chance = random.Random(rows + odd)

    def put(code):
        row = {"product_code": code}
        for column in COLUMNS:
            values = USUAL[column] + (ODD.get(column, []) if odd else [])
            if chance.random() < 0.9:
                row[column] = chance.choice(values)
            if column == "numeric" and chance.random() < 0.8:
                row[column] = f"{chance.choice(['', '-'])}{chance.randrange(10 ** chance.randrange(1, 25))}" \
                              f"{chance.choice(['', '.' + str(chance.randrange(10 ** chance.randrange(1, 15))).zfill(chance.randrange(1, 15))])}"
        shop.put(code, json.dumps(row, ensure_ascii=False).encode(), key=code)
        expected[code] = [row.get(c) if row.get(c) is None or isinstance(row[c], str) and not c.startswith("json")
                          else json.dumps(row[c], ensure_ascii=False, separators=(", ", ": ")) for c in COLUMNS]

    expected = {}
    shop.start("--batch", "100000")
    for part in range(2):  # new rows, then others under the same keys, and some more
        for number in range(part * rows // 2, part * rows // 2 + rows):
            put(f"{number:05d}")
        shop.flush()
        world.wait_until_caught_up()
    with psycopg2.connect(world.environment["SUJIP_PG"]) as connection:
        connection.cursor().executemany("insert into shop.expected values (%s" + ", %s" * len(COLUMNS) + ")",
                                        [(code, *values) for code, values in expected.items()])
    connection.close()
    texts = ", ".join(f'"{c}"::text' for c in COLUMNS)
    assert world.query("select count(*) from shop.kinds") == [(rows + rows // 2,)]
    assert world.query(f"(select code, {texts} from shop.kinds except select code, {texts} from shop.expected) "
                       "order by 1 limit 3") == []
