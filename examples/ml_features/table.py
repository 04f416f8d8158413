"""The feature table as Parquet files, one per month."""

import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

from store import read_manifest

MONEY = pa.decimal128(24, 6)
SCHEMA = pa.schema([
    ("source", pa.string()), ("account", pa.string()), ("sku", pa.string()), ("currency", pa.string()),
    ("date", pa.date32()), ("day_of_week", pa.int8()), ("is_weekend", pa.bool_()),
    ("order_lines", pa.int64()), ("units", pa.int64()), ("revenue", MONEY),
    ("units_7d", pa.int64()), ("units_28d", pa.int64()), ("sales_velocity_7d", pa.float64()),
    ("price", MONEY), ("price_changes_28d", pa.int32()), ("last_price_change", pa.float64()),
    ("ad_impressions", pa.int64()), ("ad_clicks", pa.int64()), ("ad_conversions", MONEY),
    ("ad_cost", MONEY), ("ad_cost_28d", MONEY),
])


def writer(rows):
    """For store.write_durably."""
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    return lambda file: pq.write_table(table, file, compression="zstd")


def read(folder):
    """The whole table as the manifest says, sorted by month, product and day."""
    manifest = read_manifest(folder)
    if manifest is None:
        return SCHEMA.empty_table()
    folder = pathlib.Path(folder)
    parts = [pq.read_table(folder / manifest["table"][month], schema=SCHEMA)
             for month in sorted(manifest["table"])]
    return pa.concat_tables(parts) if parts else SCHEMA.empty_table()
