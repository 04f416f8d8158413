"""An installation from before there were generations is taken over in place, without losing anything."""

import shutil
import subprocess

import psycopg2
import pytest

from servers import POSTGRES, ROOT, clean_environment, folder_for_all, free_port
from world import BINARY

OLD = ("001_base.sql", "010_collection.sql", "011_engine.sql", "020_monitoring.sql")


@pytest.fixture(scope="module")
def database():
    if not BINARY:
        pytest.skip("SUJIP_BIN names no program to test")
    # Not pytest's: each pytest that begins keeps others out of the folder they share.
    folder = folder_for_all(None)
    port = free_port()
    environment = clean_environment() | {"PG_PORT": str(port), "PG_DATA": str(folder / "data")}
    subprocess.run([POSTGRES, "start"], env=environment, check=True, capture_output=True, timeout=150)
    yield f"postgresql://postgres@127.0.0.1:{port}/sujip"
    subprocess.run(["sh", "-c", '"$0" kill; "$0" wipe', POSTGRES], env=environment, capture_output=True)
    shutil.rmtree(folder, ignore_errors=True)


class Old:
    """The database as the version before left it: the older files of sql/, and tables of datasets in sujip."""

    def __init__(self, uri, folder):
        self.uri, self.share = uri, folder
        shutil.copytree(ROOT / "topics/datasets", folder / "topics/datasets")
        (folder / "sql").mkdir()
        self.environment = clean_environment() | {"SUJIP_PG": uri, "SUJIP_SHARE": str(folder), "SUJIP_METRICS": ""}

    def migrate(self, code=0):
        done = subprocess.run([BINARY, "db", "migrate"], env=self.environment, capture_output=True, text=True, timeout=100)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def query(self, sql):
        connection = psycopg2.connect(self.uri)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()


TABLES = ("product", "order_item", "order_item_rollup", "change_log", "dead_letter", "product_price_history")


def rows(old):
    return {table: [row[0] for row in old.query(f"select to_jsonb(t)::text from sujip.{table} t order by 1")]
            for table in TABLES}


@pytest.fixture(scope="module")
def taken_over(database, tmp_path_factory):
    old = Old(database, tmp_path_factory.mktemp("share"))
    for name in OLD:
        shutil.copy(ROOT / "sql" / name, old.share / "sql")
    old.migrate()
    # That version had its tables in sujip itself.
    for (table,) in old.query("select c.relname from pg_class c where c.relnamespace = to_regnamespace('sujip_g1')"
                              " and c.relkind = 'r'"):
        old.query(f"alter table sujip_g1.{table} set schema sujip")
    old.query("drop schema if exists sujip_g1")
    old.query("""
        insert into sujip.product (source, account, section, product_code, name, price, rev, updated_at)
          select 's', 'a', 'CPU', n::text, '상품 ' || n, n * 1000, n, now() from generate_series(1, 500) n;
        insert into sujip.order_item (source, account, order_date, order_no, line_id, quantity, rev, updated_at)
          select 's', 'a', '2024-03-04', n::text, '1', n, n, now() from generate_series(1, 200) n;
        insert into sujip.order_item_rollup (grain, period, period_start, quantity, rows, rev)
          values ('all', 'day', '2024-03-04', 20100, 200, 7);
        insert into sujip.change_log (source, account, dataset, scope, run, rows, verdict)
          values ('s', 'a', 'product', 's/a/product/CPU', '20240304T000000000Z-1', 500, 'accepted'),
                 ('s', 'a', 'product', 's/a/product/CPU', '20240305T000000000Z-1', 500, 'same');
        insert into sujip.run_log (scope, run, stage, source, state, ts)
          values ('s/a/product/CPU', '20240304T000000000Z-1', 'sink', 's', 'started', now());
        insert into sujip.dead_letter (topic, partition, "offset", dataset) values ('raw.order', 0, 7, 'order_item');
        insert into sujip.product_price_history (source, account, section, product_code, snapshot_at, price, rev)
          values ('s', 'a', 'CPU', '1', now(), 1000, 1);
        insert into sujip.sink_progress (sink, topic, part, next_offset) values ('sujip-sink', 'change.product', 0, 501);
        create index by_name on sujip.product (name);
        create table sujip.notes (id int primary key, updated_at timestamptz);
        insert into sujip.notes values (1, now());
        create role reader; create role writer;
        grant usage on schema sujip to reader, writer;
        grant select on sujip.product to reader;
        grant select, update on sujip.dead_letter to writer with grant option;
        create schema reports;
        create view reports.expensive with (security_barrier = true) as
          select product_code, price from sujip.product where price > 400000;
        create view reports.more as select count(*) as n from reports.expensive;
    """)
    old.before = rows(old)
    old.board = old.query("select scope, run, state from sujip.board_run order by 1, 2")
    old.sizes = dict(old.query("select relname::text, relfilenode from pg_class where relkind = 'r' and relname in ('product',"
                               " 'order_item', 'change_log')"))
    shutil.copy(ROOT / "sql/030_generations.sql", old.share / "sql")
    old.migrate()
    return old


def test_every_row_is_there_and_none_was_copied(taken_over):
    assert rows(taken_over) == taken_over.before
    kinds = dict(taken_over.query("select n.nspname || '.' || c.relname, c.relkind::text from pg_class c join pg_namespace n"
                                  " on n.oid = c.relnamespace where n.nspname like 'sujip%'"))
    for table in TABLES:
        assert kinds[f"sujip.{table}"] == "v" and kinds[f"sujip_g1.{table}"] == "r", table
    assert kinds["sujip.notes"] == "r", "a table of somebody else stays where it is"
    assert kinds["sujip.run_log"] == "r" and kinds["sujip.sink_progress"] == "r"
    assert kinds["sujip_g1.by_name"] == "i"
    assert taken_over.sizes == dict(taken_over.query(
        "select relname::text, relfilenode from pg_class where relkind = 'r' and relname in ('product', 'order_item',"
        " 'change_log')"))
    assert taken_over.query("select number, state from sujip.generation") == [(1, "live")]
    assert taken_over.query("select next_offset from sujip.sink_progress") == [(501,)]


def test_views_read_what_is_live(taken_over):
    assert taken_over.query("select scope, run, state from sujip.board_run order by 1, 2") == taken_over.board
    assert taken_over.query("select n from reports.more") == [(100,)]
    assert taken_over.query("select reloptions from pg_class where oid = 'reports.expensive'::regclass") == [
        (["security_barrier=true"],)]
    bound = taken_over.query("select distinct d.refobjid::regclass::text from pg_rewrite r join pg_depend d on d.objid = r.oid"
                             " where r.ev_class = 'reports.expensive'::regclass and d.refobjid <> r.ev_class"
                             " and d.refclassid = 'pg_class'::regclass")
    assert bound == [("sujip.product",)]
    for view in ("board_run", "board_scope", "board_slice", "board_source", "board_held", "board_problem"):
        taken_over.query(f"select * from sujip.{view}")
        assert not taken_over.query(
            "select 1 from pg_rewrite r join pg_depend d on d.objid = r.oid join pg_class c on c.oid = d.refobjid"
            f" where r.ev_class = 'sujip.{view}'::regclass and c.relnamespace = to_regnamespace('sujip_g1')"), view


def test_who_could_read_and_write_still_can(taken_over):
    taken_over.query("set role reader; select count(*) from sujip.product")
    taken_over.query("set role writer; update sujip.dead_letter set retried_at = now()")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        taken_over.query("set role reader; select count(*) from sujip.order_item")
    assert taken_over.query("select has_table_privilege('writer', 'sujip.dead_letter', 'update with grant option')") == [(True,)]


def test_comments_are_on_the_views(taken_over):
    assert taken_over.query("select obj_description('sujip.change_log'::regclass)") == \
        taken_over.query("select obj_description('sujip_g1.change_log'::regclass)") != [(None,)]


def test_again_it_changes_nothing_and_a_new_field_comes_to_table_and_view(taken_over):
    was = taken_over.query("select c.oid, c.relname from pg_class c where relnamespace = to_regnamespace('sujip') order by 1")
    taken_over.migrate()
    assert was == taken_over.query(
        "select c.oid, c.relname from pg_class c where relnamespace = to_regnamespace('sujip') order by 1")
    declaration = taken_over.share / "topics/datasets/product.yaml"
    text = declaration.read_text(encoding="utf-8")
    line = next(one for one in text.splitlines() if one.strip().startswith("- {name: name"))
    declaration.write_text(text.replace(line, "  - {name: brand}\n" + line), encoding="utf-8")
    assert "added column" in taken_over.migrate()
    for schema in ("sujip", "sujip_g1"):
        assert taken_over.query(f"select count(brand), count(*) from {schema}.product") == [(0, 500)]
    assert taken_over.query("select n from reports.more") == [(100,)]


def test_a_generation_beside_it_has_the_same_tables_and_shows_nothing_of_itself(taken_over):
    taken_over.query("insert into sujip.generation (number, state) values (2, 'building')")
    taken_over.query("select sujip.make_generation(2, null)")
    shape = ("select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull from pg_class c join"
             " pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped where c.relkind = 'r' and"
             " c.relnamespace = to_regnamespace('sujip_g{}') order by 1, 2")
    assert taken_over.query(shape.format(1)) == taken_over.query(shape.format(2))
    # Keys with nulls that equal each other, and people's own indexes.
    indexes = ("select c.relname, i.indisunique, i.indnullsnotdistinct, i.indkey::text from pg_index i join pg_class c"
               " on c.oid = i.indrelid where c.relkind = 'r' and c.relnamespace = to_regnamespace('sujip_g{}') order by 1, 4")
    assert sorted((t, u, d, k.count(" ")) for t, u, d, k in taken_over.query(indexes.format(1))) == \
        sorted((t, u, d, k.count(" ")) for t, u, d, k in taken_over.query(indexes.format(2)))
    taken_over.query("select sujip.show_live_generation()")
    assert taken_over.query("select count(*) from sujip.product") == [(500,)]


def test_one_dataset_of_another_generation(taken_over):
    """Ledgers hold lines of several datasets: of each those of its live generation."""
    taken_over.query("insert into sujip_g2.change_log (source, account, dataset, scope, run, verdict) values"
                     " ('s', 'a', 'product', 's/a/product/CPU', '20240306T000000000Z-1', 'accepted'),"
                     " ('s', 'a', 'order_item', 's/a/order_item/2024-03-04', '20240306T000000000Z-1', 'accepted')")
    taken_over.query("insert into sujip_g1.change_log (source, account, dataset, scope, run, verdict) values"
                     " ('s', 'a', 'order_item', 's/a/order_item/2024-03-04', '20240304T000000000Z-1', 'accepted')")
    taken_over.query("insert into sujip.generation_live values ('product', 2); select sujip.show_live_generation()")
    assert taken_over.query("select dataset, run from sujip.change_log order by 1") == [
        ("order_item", "20240304T000000000Z-1"), ("product", "20240306T000000000Z-1")]
    assert taken_over.query("select count(*) from sujip.product") == [(0,)]
    assert taken_over.query("select count(*) from sujip.product_price_history") == [(0,)]
    assert taken_over.query("select count(*) from sujip.order_item") == [(200,)]
    assert taken_over.query("select count(*) from sujip.dead_letter") == [(1,)]
    taken_over.query("delete from sujip.generation_live where dataset = 'product'; select sujip.show_live_generation()")
    assert taken_over.query("select count(*) from sujip.product") == [(500,)]
