#!/usr/bin/env python3
"""Builds a table of features for machine learning from sujip's change topics, and keeps it up to date.

    consume.py --kafka 127.0.0.1:9092 --out features/ [--ad-groups ad_groups.csv] [--once]
"""

import argparse
import csv
import hashlib
import json
import signal
import sys
import time

import confluent_kafka
from confluent_kafka import TopicPartition

import features
import fold
import store
import table


def read_ad_groups(path):
    """{ad group: (source, account, sku)} of a CSV file with the columns ad_group_id,source,account,sku."""
    if not path:
        return {}
    with open(path, newline="", encoding="utf-8-sig") as file:
        return {row["ad_group_id"]: (row["source"], row["account"], row["sku"])
                for row in csv.DictReader(file)}


class Consumer:
    """The change topics from given positions on; offsets are kept by the store, not by Kafka."""

    def __init__(self, options, offsets):
        self.prefix = options.prefix
        self.consumer = confluent_kafka.Consumer({
            "bootstrap.servers": options.kafka,
            "group.id": "ml-features",           # asked for by the client; nothing is committed to it
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",  # nothing of an aborted transaction
            "auto.offset.reset": "error",        # records that were deleted before they were read
        })
        known = self.consumer.list_topics(timeout=20)
        self.cluster = known.cluster_id
        self.at = {}  # (topic without prefix, partition) -> next offset
        for dataset in fold.DATASETS:
            topic = f"change.{dataset}"
            if self.prefix + topic not in known.topics:
                sys.exit(f"no topic {self.prefix + topic}: run `sujip topics apply`")
            for partition in known.topics[self.prefix + topic].partitions:
                start = offsets.get(topic, {}).get(str(partition))
                self.at[topic, partition] = confluent_kafka.OFFSET_BEGINNING if start is None else start
        self.ended = set()
        self.consumer.assign([TopicPartition(self.prefix + topic, partition, offset)
                              for (topic, partition), offset in self.at.items()])

    def read(self, most, seconds):
        """The next events as (dataset, key, event)."""
        for message in self.consumer.consume(most, seconds):
            place = message.topic()[len(self.prefix):], message.partition()
            error = message.error()
            if error is None:
                self.at[place] = message.offset() + 1
                self.ended.discard(place)
                if message.value() is not None:  # a tombstone repeats the delete before it
                    yield (place[0].removeprefix("change."), message.key().decode(),
                           fold.parse(message.value()))
            elif error.code() == confluent_kafka.KafkaError._PARTITION_EOF:
                self.at[place] = message.offset()
                self.ended.add(place)
            elif error.code() == confluent_kafka.KafkaError._AUTO_OFFSET_RESET:
                sys.exit(f"{place[0]} {place[1]}: the position is not in the topic any more ({error}); "
                         "remove the output folder to build the table anew")
            elif error.fatal():
                sys.exit(str(error))
            else:
                print(f"{place[0]} {place[1]}: {error}", file=sys.stderr)  # the client tries again

    def caught_up(self):
        return len(self.ended) == len(self.at)

    def offsets(self):
        found = {}
        for (topic, partition), offset in self.at.items():
            if offset >= 0:
                found.setdefault(topic, {})[str(partition)] = offset
        return found


class Builder:
    def __init__(self, options):
        self.options = options
        self.store = store.Store(options.out)
        manifest = self.store.manifest
        ad_groups = read_ad_groups(options.ad_groups)
        self.mapping = hashlib.sha256(json.dumps(sorted(ad_groups.items())).encode()).hexdigest()
        self.state = fold.State(ad_groups)
        for dataset, id_, fact in store.read_facts(options.out, manifest["facts"]):
            self.state.put(dataset, id_, fact)
        self.stale = set(manifest["stale"])  # months whose file is older than the facts
        if manifest.get("mapping", self.mapping) == self.mapping:
            self.state.dirty.clear()  # what was loaded is in the table, or stale
        else:
            self.stale.update(manifest["table"])
        self.consumer = Consumer(options, manifest["offsets"])
        if manifest.get("cluster", self.consumer.cluster) != self.consumer.cluster:
            sys.exit(f"{options.out} was built from another cluster; name another folder")
        self.changes = {}  # (dataset, id) -> fact, since the last commit
        self.events = 0
        self.stopping = False

    def run(self):
        committed = time.monotonic()
        while True:
            for dataset, key, event in self.consumer.read(self.options.batch, 0.5):
                for id_, fact in fold.facts(dataset, key, event):
                    self.changes[dataset, id_] = fact
                    self.state.put(dataset, id_, fact)
                self.events += 1
            caught_up = self.consumer.caught_up()
            due = time.monotonic() - committed >= self.options.commit_seconds
            finished = caught_up and self.options.once
            if self.stopping or finished or due or self.events >= self.options.batch:
                self.commit(with_table=caught_up)
                committed = time.monotonic()
            if self.stopping or finished:
                return

    def commit(self, with_table):
        """The facts since the last commit; the months they touch only when there is nothing more to read,
        because they would soon be written again."""
        offsets = self.consumer.offsets()
        self.stale |= features.months_behind(self.state)
        self.state.dirty.clear()
        before = self.store.manifest
        write_table = with_table and bool(self.stale)
        if not self.changes and not write_table and offsets == before["offsets"]:
            return
        whole = len(before["facts"]) >= store.MOST_FACT_FILES
        months = features.rows(self.state, self.stale) if write_table else {}

        def new_files(version):
            files = {}
            if whole:
                files[f"facts-{version:08}.jsonl"] = store.fact_lines(
                    (dataset, id_, fact) for dataset, facts in self.state.facts.items()
                    for id_, fact in facts.items())
            elif self.changes:
                files[f"facts-{version:08}.jsonl"] = store.fact_lines(
                    (*place, fact) for place, fact in self.changes.items())
            for month, rows in months.items():
                if rows:
                    files[f"features-{month}-{version:08}.parquet"] = table.writer(rows)
            return files

        def change(manifest, version):
            name = f"facts-{version:08}.jsonl"
            if whole:
                manifest["facts"] = [name]
            elif self.changes:
                manifest["facts"].append(name)
            for month, rows in months.items():
                if rows:
                    manifest["table"][month] = f"features-{month}-{version:08}.parquet"
                else:
                    manifest["table"].pop(month, None)
            manifest["stale"] = [] if write_table else sorted(self.stale)
            manifest["offsets"] = offsets
            manifest["cluster"] = self.consumer.cluster
            manifest["mapping"] = self.mapping

        self.store.commit(change, new_files)
        if write_table:
            self.stale.clear()
        self.changes.clear()
        self.events = 0
        print(f"version {self.store.manifest['version']}: "
              f"{sum(map(len, self.state.facts.values()))} facts, {len(months)} months written",
              flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kafka", required=True, help="address of the broker")
    parser.add_argument("--out", required=True, help="folder of the table")
    parser.add_argument("--prefix", default="", help="prefix of the topics (SUJIP_PREFIX)")
    parser.add_argument("--ad-groups", help="CSV: ad_group_id,source,account,sku")
    parser.add_argument("--once", action="store_true", help="end when there is nothing more to read")
    parser.add_argument("--batch", type=int, default=20_000, help="events per commit")
    parser.add_argument("--commit-seconds", type=float, default=5)
    options = parser.parse_args()
    try:
        builder = Builder(options)
    except store.Busy as busy:
        sys.exit(str(busy))

    def stop(*_):
        builder.stopping = True
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    builder.run()


if __name__ == "__main__":
    main()
