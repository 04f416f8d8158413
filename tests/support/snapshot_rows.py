"""The rows of the streams workload as scope snapshots: a run for each account and day, begin, rows, end.

The n-th run of an account and day has the n-th delivery of each of its rows, so what must come out is the same as from
the rows one by one."""

import collections
import datetime
import json

import confluent_kafka

MAPPING = "source: {0}\ndatasets:\n  ad_report: {{passthrough: true}}\n"


def read_scopes(events):
    """medium/account/date -> row key -> its deliveries in order."""
    scopes = collections.defaultdict(lambda: collections.defaultdict(list))
    with open(events, "rb") as lines:
        for line in lines:
            key, value = line.rstrip(b"\n").split(b"\t", 1)
            medium, account, date, rest = key.split(b"|", 3)
            scopes[medium, account, date][rest].append(value)
    return scopes


def load_snapshots(bootstrap, raw, events, partition_of, partitions=6):
    """Writes the runs to the raw topic; the media, which are the sources. Runs of one round follow each other as
    accounts are collected one after the other; their rows are in the raw topic before the next round begins."""
    scopes = read_scopes(events)
    producer = confluent_kafka.Producer({
        "bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 20, "compression.type": "lz4",
        "queue.buffering.max.messages": 500000, "queue.buffering.max.kbytes": 262144})

    def produce(partition, key, value, headers):
        while True:
            try:
                producer.produce(raw, value, key, partition=partition, headers=headers)
                return
            except BufferError:
                producer.poll(0.1)

    runs = 0
    rounds = max(len(deliveries) for rows in scopes.values() for deliveries in rows.values())
    began = datetime.datetime(2026, 1, 5, tzinfo=datetime.timezone.utc)
    for n in range(rounds):
        for (medium, account, date), rows in scopes.items():
            subject = b"%s/%s/ad_report/%s" % (medium, account, date)
            partition = partition_of(subject, partitions)
            runs += 1
            at = began + datetime.timedelta(milliseconds=runs)
            time = f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
            run = f"{at:%Y%m%dT%H%M%S}{at.microsecond // 1000:03d}Z-{runs:x}"
            common = [("ce_specversion", "1.0"), ("ce_source", b"/%s/%s" % (medium, account)),
                      ("ce_subject", subject), ("ce_time", time), ("ce_run", run),
                      ("content-type", "application/json")]

            def headers(kind, what):
                return common + [("ce_id", f"{run}/{what}"), ("ce_type", f"sujip.ad_report.{kind}")]

            produce(partition, subject, json.dumps({
                "run": run, "scope": subject.decode(), "snapshot_at": int(at.timestamp() * 1000), "partitions": 1,
                "guard": None, "empty": "hold"}), headers("begin", "begin"))
            for i, (key, deliveries) in enumerate(rows.items()):
                produce(partition, key, deliveries[min(n, len(deliveries) - 1)], headers("row", i))
            produce(partition, subject, json.dumps({"run": run, "rows": len(rows), "total": len(rows), "hash": run}),
                    headers("end", "end"))
    if producer.flush(120):
        raise SystemExit("not everything was written")
    return sorted({medium.decode() for medium, _, _ in scopes})
