"""Runs of scopes, written into a raw topic as a collector writes them."""

import datetime
import itertools
import json

import confluent_kafka

GUARD = {"deleted_share": 0.5, "zeroed_share": 0.5, "min_rows": 20}


def utc(ms):
    at = datetime.datetime.fromtimestamp(ms // 1000, datetime.timezone.utc)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


class Run:
    def __init__(self, subject, run, ms):
        self.subject, self.run, self.ms = subject, run, ms


class RawRuns:
    """Of one source and dataset, whose scopes lie in one partition each. Snapshots are a second apart."""

    def __init__(self, world, topic, source, dataset, first_ms=1_717_200_000_000):
        self.topic, self.source, self.dataset = world.prefix + topic, source, dataset
        self.producer = confluent_kafka.Producer({
            "bootstrap.servers": world.servers.kafka_address, "partitioner": "murmur2", "linger.ms": 1})
        self.numbers = itertools.count(1)
        self.first_ms = first_ms
        self.homes = {}

    def next(self, account, slice_, ms=None):
        """A new run of a scope; `ms`: of an old snapshot."""
        n = next(self.numbers)
        ms = ms or self.first_ms + n * 1000
        run = utc(ms).translate(str.maketrans("", "", "-:.")) + f"-{0x18F00000000 + n:x}"
        return Run(f"{self.source}/{account}/{self.dataset}/{slice_}", run, ms)

    def produce(self, run, kind, key, value, what=None):
        _, account, *_ = run.subject.split("/")
        headers = [("ce_specversion", "1.0"), ("ce_id", f"{run.run}/{what or kind}"),
                   ("ce_type", f"sujip.{self.dataset}.{kind}"), ("ce_source", f"/{self.source}/{account}"),
                   ("ce_subject", run.subject), ("ce_time", utc(run.ms)), ("ce_run", run.run),
                   ("content-type", "application/json")]

        def delivered(error, message):
            assert error is None, error
            self.homes[run.subject] = message.partition()
        # Whoever writes the first record of a scope learns where the scope is at home.
        home = self.homes.get(run.subject)
        where = {} if home is None else {"partition": home}
        self.producer.produce(self.topic, key=key, value=json.dumps(value), headers=headers, on_delivery=delivered, **where)
        if home is None:
            assert self.producer.flush(30) == 0

    def write(self, run, rows, empty="hold", lie=0, content="hash"):
        """A whole run; `lie`: rows that `end` speaks of and that were not sent."""
        self.produce(run, "begin", run.subject, {"run": run.run, "scope": run.subject, "snapshot_at": run.ms,
                                                 "partitions": 1, "guard": GUARD, "empty": empty})
        for n, row in enumerate(rows):
            self.produce(run, "row", json.dumps([n]), row, n)
        total = len(rows) + lie
        self.produce(run, "end", run.subject, {"run": run.run, "rows": total, "total": total, "hash": content})
        assert self.producer.flush(30) == 0
        return run

    def same(self, run, rows, content):
        self.produce(run, "same", run.subject, {"run": run.run, "snapshot_at": run.ms, "rows": rows, "hash": content,
                                                "partitions": 1})
        assert self.producer.flush(30) == 0
        return run
