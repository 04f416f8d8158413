"""What PostgreSQL alone can do with the workload of sink.py, on two sessions.

The messages are decoded, coalesced per batch and laid out as COPY text before the clock starts. Per batch
and transaction: COPY into a temporary table, INSERT ... ON CONFLICT DO UPDATE in key order, DELETE.
"""
import io
import json
import threading
import time
import zlib

import psycopg2

COLUMNS = ("name", "price", "stock", "category", "url", "attributes", "updated_at")
MERGE = ("insert into bench_products select * from stage order by supplier, product_code "
         "on conflict (supplier, product_code) do update set "
         + ", ".join(f"{c} = excluded.{c}" for c in COLUMNS))
DELETE = ("delete from bench_products b using unnest(%s::text[], %s::text[]) as d (s, p) "
          "where b.supplier = d.s and b.product_code = d.p")


def copy_line(value):
    row = json.loads(value)
    attributes = json.dumps(row["attributes"], ensure_ascii=False, separators=(",", ":"))
    fields = (row["supplier"], row["product_code"], row["name"], row["price"], row["stock"],
              row["category"], row["url"], attributes, row["updated_at"])
    return "\t".join(str(field).replace("\\", "\\\\") for field in fields) + "\n"


def batch_of(rows):
    """COPY text and keys to delete of one batch: {key: value}, an empty value deletes."""
    upserts, suppliers, codes = [], [], []
    for key, value in sorted(rows.items()):
        if value:
            upserts.append(copy_line(value))
        else:
            names = json.loads(key)
            suppliers.append(names["supplier"])
            codes.append(names["product_code"])
    return "".join(upserts).encode(), suppliers, codes


def prepare(messages, size, sessions):
    """For each session its batches; a key always goes to the same session."""
    batches = [[] for _ in range(sessions)]
    open_rows = [{} for _ in range(sessions)]
    counts = [0] * sessions
    with open(messages, "rb") as lines:
        for line in lines:
            key, value = line[:-1].split(b"\t", 1)
            i = zlib.crc32(key) % sessions
            open_rows[i][key] = value
            counts[i] += 1
            if counts[i] == size:
                batches[i].append(batch_of(open_rows[i]))
                open_rows[i], counts[i] = {}, 0
    for i in range(sessions):
        if open_rows[i]:
            batches[i].append(batch_of(open_rows[i]))
    return batches


def write(uri, batches, failures):
    try:
        connection = psycopg2.connect(uri)
        cursor = connection.cursor()
        cursor.execute("set work_mem = '256MB'")
        cursor.execute("create temp table stage (like bench_products) on commit delete rows")
        connection.commit()
        for lines, suppliers, codes in batches:
            cursor.copy_expert("copy stage from stdin", io.BytesIO(lines), 1 << 18)
            cursor.execute(MERGE)
            if codes:
                cursor.execute(DELETE, (suppliers, codes))
            connection.commit()
        connection.close()
    except psycopg2.Error as error:
        failures.append(error)


def run(uri, batches):
    """Wall seconds until every session has committed its last batch."""
    failures = []
    threads = [threading.Thread(target=write, args=(uri, mine, failures)) for mine in batches]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall = time.monotonic() - began
    if failures:
        raise failures[0]
    return wall
