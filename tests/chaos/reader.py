"""Reads what came out with a client of its own (committed records only) and compares it with the oracle.

The topics are read once and on: each look goes on where the last one stopped."""

import collections
import sys
import time

import confluent_kafka
import psycopg2

from oracle import COUNTED, Change, D, PARTITIONS, read_json

EOF = confluent_kafka.KafkaError._PARTITION_EOF
# Consumer groups of the processors and what they read.
STAGES = {"entity": ("raw.order", "raw.report", "raw.catalog"), "rollup": ("delta.rollup",),
          "scope": ("scope.tally",)}


class Differences(collections.Counter):
    """What is not as it must be, by kind; the first few of them are told."""

    def add(self, kind, text):
        self[kind] += 1
        if self[kind] <= 8:
            print(f"  {kind}: {text[:400]}", file=sys.stderr, flush=True)


class Reader:
    def __init__(self, bootstrap, prefix, pg, oracle):
        self.bootstrap, self.prefix, self.pg, self.oracle = bootstrap, prefix, pg, oracle
        self.found = Differences()
        self.seen = collections.defaultdict(list)  # (dataset, key) -> [Change]
        self.revs, self.rows = {}, {}
        self.rollups = collections.defaultdict(dict)  # dataset -> {key bytes: value bytes}
        self.outcomes, self.dead, self.dead_reasons = {}, collections.Counter(), {}
        self.checked = collections.Counter()
        self.done_keys = {}
        self.last = {}       # (topic, partition) -> offset of the last record
        self.ended = {}      # (topic, partition) -> the end seen last
        self.records = self.changes = 0
        names = [t for topics in STAGES.values() for t in topics] + ["scope.run", "dead.letter"]
        for d in oracle.datasets.values():
            if d.raw in STAGES["entity"]:
                names.append(f"change.{d.name}")
                names += [f"rollup.{d.name}"] if d.rollups else []
        self.parts = [(name, p) for name in names for p in range(PARTITIONS)]
        self.consumer = self.client("chaos-reader", **{"enable.partition.eof": True})
        self.consumer.assign([confluent_kafka.TopicPartition(prefix + name, p, 0)
                              for name, p in self.parts])
        self.groups = {stage: self.client(f"{prefix}sujip-{stage}") for stage in STAGES}
        self.asker = self.client("chaos-asker")  # fetches nothing: its questions wait for no answer

    def client(self, group, **more):
        return confluent_kafka.Consumer({
            "bootstrap.servers": self.bootstrap, "group.id": group, "enable.auto.commit": False,
            "isolation.level": "read_committed", "auto.offset.reset": "error",
            "fetch.wait.max.ms": 50, "reconnect.backoff.max.ms": 1000, "log_level": 0, **more})

    def close(self):
        self.consumer.close()
        self.asker.close()
        for one in self.groups.values():
            one.close()

    # --- reading ---------------------------------------------------------------------------------

    def poll(self, seconds=0.1):
        """Takes in what is there; how many records that were."""
        taken = 0
        for message in self.consumer.consume(5000, seconds):
            name = message.topic()
            if name is None:
                continue
            place = (name[len(self.prefix):], message.partition())
            if message.error() is not None:
                if message.error().code() == EOF:
                    self.ended[place] = message.offset()
                continue  # the client tries again by itself
            if message.offset() <= self.last.get(place, -1):
                self.found.add("reader", f"{place} gave offset {message.offset()} again")
            self.last[place] = message.offset()
            taken += 1
            self.take(place[0], message)
        self.records += taken
        return taken

    def take(self, topic, message):
        area, _, dataset = topic.partition(".")
        if area == "change":
            self.change(dataset, message)
        elif area == "rollup":
            self.rollups[dataset][message.key()] = message.value()
        elif topic == "scope.run":
            subject, run = message.key().decode().split("\n")
            self.outcomes[subject, run] = message.value()
        elif topic == "dead.letter":
            told = read_json(message.value())
            at = told["topic"], told["partition"], told["offset"]
            self.dead[at] += 1
            self.dead_reasons[at] = told["reason"]

    def change(self, dataset, message):
        d = self.oracle.datasets[dataset]
        where = f"change.{dataset}/{message.partition()}@{message.offset()}"
        key = d.key_of(d.read(collections.defaultdict(lambda: None, read_json(message.key()))))
        if message.value() is None:
            if (dataset, key) in self.rows or (dataset, key) not in self.revs:
                self.found.add("wrong", f"{where}: a tombstone that no delete came before")
            return
        told = read_json(message.value())
        source = told["source"]
        change = Change(told["op"], d.read(told["before"]), d.read(told["after"]), source["minor"],
                        source["run"], told["ts_ms"])
        self.changes += 1
        if source["rev"] <= self.revs.get((dataset, key), 0):
            self.found.add("wrong", f"{where}: revision {source['rev']} after"
                                    f" {self.revs[dataset, key]}")
        if change.before != self.rows.get((dataset, key)):
            self.found.add("wrong", f"{where}: `before` is not what the last change left")
        self.revs[dataset, key] = source["rev"]
        if change.after is None:
            self.rows.pop((dataset, key), None)
        else:
            self.rows[dataset, key] = change.after
        self.seen[dataset, key].append(change)

    # --- waiting ---------------------------------------------------------------------------------

    def behind(self):
        """Who has not come to the end of what it reads, in words; None: all have. Asked while nobody
        writes raw records. Committed offsets are one behind the last record they stand for."""
        if any(place not in self.ended for place in self.parts):
            return "the reader has not seen every partition"
        for stage, topics in STAGES.items():
            wanted = [confluent_kafka.TopicPartition(self.prefix + t, p)
                      for t in topics for p in range(PARTITIONS) if (t, p) in self.last]
            if not wanted:
                continue
            try:
                committed = self.groups[stage].committed(wanted, timeout=5)
            except confluent_kafka.KafkaException as error:
                # A client may never find its coordinator again after the broker was away: a new one.
                self.groups[stage] = self.client(f"{self.prefix}sujip-{stage}")
                return f"offsets of {stage}: {error}"
            for tp in committed:
                last = self.last[tp.topic[len(self.prefix):], tp.partition]
                if tp.error or tp.offset <= last:
                    return f"{stage} is at {tp.offset} of {tp.topic}/{tp.partition}, which has {last}"
        try:
            stored = {(t, p): (n, who) for t, p, n, *who in self.query(
                "select topic, part, next_offset, owner, epoch, updated_at::text"
                " from sujip.sink_progress")}
        except psycopg2.Error as error:
            return f"database: {error}"
        for (topic, p), last in self.last.items():
            if topic.startswith(("change.", "rollup.")) or topic in ("scope.run", "dead.letter"):
                at, who = stored.get((self.prefix + topic, p), (-1, None))
                if at <= last:
                    return f"the sink is at {at} of {topic}/{p}, which has {last}; owner {who}"
        return None

    def at_the_end(self):
        """Nothing has been written since the ends that were read."""
        wanted = [confluent_kafka.TopicPartition(self.prefix + t, p, confluent_kafka.OFFSET_END)
                  for t, p in self.parts]
        try:
            return all(tp.error is None
                       and self.ended.get((tp.topic[len(self.prefix):], tp.partition)) == tp.offset
                       for tp in self.asker.offsets_for_times(wanted, 5))
        except confluent_kafka.KafkaException:
            return False

    def settle(self, tend, seconds):
        """Waits until everything written is processed and stored; what is behind otherwise."""
        deadline = time.monotonic() + seconds
        while True:
            tend()
            taken, behind = self.poll(0.15), None
            while taken:
                taken = self.poll(0.15)
            behind = self.behind()
            if behind is None and self.at_the_end():
                return None
            if time.monotonic() > deadline:
                return behind or "records keep coming"

    # --- comparing -------------------------------------------------------------------------------

    def compare(self):
        """Everything; call when settled."""
        self.compare_outcomes()
        self.compare_changes()
        self.compare_dead()
        for name, d in self.oracle.datasets.items():
            if d.raw in STAGES["entity"]:
                self.compare_table(d)
                if d.rollups:
                    self.compare_rollups(d)
        self.compare_prices()

    def compare_changes(self):
        wanted = self.oracle.changes
        for at in wanted.keys() | self.seen.keys():
            want, have = wanted.get(at, []), self.seen.get(at, [])
            start = self.checked[at]
            self.checked[at] = max(len(want), len(have))
            for n in range(start, len(have)):
                if n < len(want) and have[n] == want[n]:
                    continue
                if have[n] in have[:n] and (n >= len(want) or have[n] not in want[n:]):
                    self.found.add("duplicated", f"{at}: {have[n]}")
                elif n < len(want) and have[n] in want[n + 1:]:
                    self.found.add("lost", f"{at}: {want[n]}")
                else:
                    self.found.add("wrong", f"{at}: {have[n]} instead of "
                                            f"{want[n] if n < len(want) else 'nothing'}")
            for n in range(len(have), len(want)):
                self.found.add("lost", f"{at}: {want[n]}")

    def compare_outcomes(self):
        wanted = self.oracle.outcomes
        stored = {(scope, run): dict(zip(
            ("verdict", "rows", "created", "updated", "minor", "deleted", "same", "duplicates",
             "rejected"), rest)) for scope, run, *rest in self.query(
                 "select scope, run, verdict, rows, created, updated, minor, deleted, same, duplicates,"
                 " rejected from sujip.change_log")}
        for at in wanted.keys() | self.outcomes.keys() | stored.keys():
            verdict, counts = wanted.get(at, ("nothing", None))
            if at not in self.outcomes:
                self.found.add("lost", f"scope.run {at}: {verdict}")
                continue
            for place, have in (("scope.run", read_json(self.outcomes[at])),
                                ("change_log", stored.get(at, {}))):
                if verdict == "nothing" and have.get("verdict") == "pending":
                    continue  # its end has come to some partitions only
                if have.get("verdict") != verdict:
                    self.found.add("wrong", f"{place} {at}: {have.get('verdict')}, not {verdict}")
                elif counts is not None and verdict in COUNTED:
                    for name in ("rows", "created", "updated", "minor", "deleted", "same",
                                 "duplicates", "rejected"):
                        if have[name] != counts[name]:
                            self.found.add("wrong", f"{place} {at} {verdict}: {name} {have[name]}, not"
                                                    f" {counts[name]}")

    def compare_dead(self):
        for at in self.oracle.dead | self.dead.keys():
            count = self.dead[at]
            if at not in self.oracle.dead:
                self.found.add("wrong", f"dead.letter {at}: {self.dead_reasons[at]}; {self.twins(*at)}")
            elif count != 1:
                self.found.add("lost" if count == 0 else "duplicated", f"dead.letter {at}: {count}")
        stored = {row for row in self.query('select topic, partition, "offset" from sujip.dead_letter')}
        if stored != self.oracle.dead:
            self.found.add("wrong", f"table dead_letter: {len(stored)} rows, not {len(self.oracle.dead)}")

    def twins(self, topic, partition, offset):
        """Where the record of this place stands in its topic, in words: more than once, and the broker has
        taken what an idempotent producer repeated."""
        reader = self.client("chaos-twins", **{"enable.partition.eof": True})
        try:
            reader.assign([confluent_kafka.TopicPartition(self.prefix + topic, partition, 0)])
            records, deadline = [], time.monotonic() + 30
            while time.monotonic() < deadline:
                message = reader.poll(1)
                if message is not None and message.error() is None:
                    records.append((message.offset(), (message.key(), message.value(), message.headers(),
                                                       message.timestamp())))
                elif message is not None and message.error().code() == EOF:
                    break
        finally:
            reader.close()
        wanted = dict(records).get(offset)
        return f"the record stands at {[at for at, record in records if record == wanted]}"

    def compare_table(self, d):
        stored = {}
        for (text,) in self.query(f"select to_jsonb(t)::text from sujip.{d.name} t"):
            row = d.read(read_json(text))
            stored[d.key_of(row)] = row
        want = self.oracle.table(d.name)
        for key in want.keys() | stored.keys():
            if want.get(key) != stored.get(key):
                kind = "lost" if key not in stored else "wrong"
                self.found.add(kind, f"table {d.name} {key}: {stored.get(key)}, not {want.get(key)}")

    def compare_rollups(self, d):
        want = self.oracle.rollups(d.name)
        measures = [m["name"] for m in d.measures] + ["rows", "accounts"]
        dimensions = {grain: names for grain, names in d.rollups.items()}

        def key_of(row):
            return (row["grain"], row["period"], row["period_start"], row["currency"],
                    tuple((n, row[n]) for n in dimensions[row["grain"]]))
        topic = {}
        for value in self.rollups[d.name].values():
            if value is not None:
                row = read_json(value)
                topic[key_of(row)] = row
        table = {}
        for (text,) in self.query(f"select to_jsonb(t)::text from sujip.{d.name}_rollup t"):
            row = read_json(text)
            table[key_of(row)] = row
        for place, have in (("topic", topic), ("table", table)):
            for key in want.keys() | have.keys():
                left = {n: want[key][n] for n in measures} if key in want else None
                right = {n: D(str(have[key][n])) for n in measures} if key in have else None
                if left != right:
                    self.found.add("wrong", f"{place} rollup {d.name} {key}: {right}, not {left}")

    def compare_prices(self):
        stored = collections.defaultdict(list)
        for *key, before, price, text_before, text in self.query(
                "select source, account, section, product_code, price_before, price, price_text_before,"
                " price_text from sujip.product_price_history order by rev"):
            stored[tuple(key)].append((before, price, text_before, text))
        for key in self.oracle.prices.keys() | stored.keys():
            if self.oracle.prices.get(key) != stored.get(key):
                self.found.add("wrong", f"price history of {key}: {stored.get(key)}, not"
                                        f" {self.oracle.prices.get(key)}")

    def query(self, sql):
        connection = psycopg2.connect(self.pg, connect_timeout=5)
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall()
        finally:
            connection.close()
