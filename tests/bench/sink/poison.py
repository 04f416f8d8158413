"""Six messages that can't be stored among rows that can: they must end as dead letters, and nothing else
may be missing."""
import json
import time

import confluent_kafka
import psycopg2

GOOD = 200  # rows before each of the bad messages


def row(code, **other):
    made = {"supplier": "s", "product_code": code, "name": "상품", "price": 1000, "stock": 1,
            "category": "50000001", "url": "https://s.example/p/1", "attributes": {"brand": "B"},
            "updated_at": "2026-11-20T00:00:00.000Z"}
    made.update(other)
    return json.dumps(made)


def key(code):
    return json.dumps({"supplier": "s", "product_code": code})


BAD = {
    "malformed_json": (key("bad-0"), '{"supplier":"s","product_code":"bad-0","name":'),
    "missing_key": (None, row("bad-1")),
    "nul_char": (key("bad-2"), row("bad-2", name="a\u0000b")),
    "out_of_range": (key("bad-3"), row("bad-3", stock=99999999999)),
    "null_not_null": (key("bad-4"), row("bad-4", name=None)),
    "wrong_type": (key("bad-5"), row("bad-5", price="1,000원")),
}


def fill(broker, topic):
    """The codes of the good rows, in order."""
    producer = confluent_kafka.Producer({"bootstrap.servers": broker, "linger.ms": 5})
    codes = []
    for bad_key, bad_value in BAD.values():
        for _ in range(GOOD):
            codes.append(f"{len(codes):05d}")
            producer.produce(topic, key=key(codes[-1]), value=row(codes[-1]), partition=0)
        producer.produce(topic, key=bad_key, value=bad_value, partition=0)
    codes.append("99999")
    producer.produce(topic, key=key("99999"), value=row("99999"), partition=0)
    producer.flush(30)
    return codes


def outcome(uri, topic, codes, seconds=60):
    """Waits for the last row; what is in the table and what among the dead letters."""
    connection = psycopg2.connect(uri)
    connection.autocommit = True
    cursor = connection.cursor()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        cursor.execute("select 1 from bench_products where product_code = %s", (codes[-1],))
        if cursor.fetchone():
            break
        time.sleep(0.1)
    cursor.execute("select product_code from bench_products order by 1")
    stored = [found[0] for found in cursor.fetchall()]
    cursor.execute('select "offset", reason from sujip.dead_letter where topic = %s order by 1', (topic,))
    letters = cursor.fetchall()
    connection.close()
    places = [(GOOD + 1) * (i + 1) - 1 for i in range(len(BAD))]
    return {"rows": len(stored), "dead_letters": len(letters),
            "exact": stored == codes and [offset for offset, _ in letters] == places,
            "reasons": dict(zip(BAD, (reason[:120] for _, reason in letters)))}
