"""What the tables and topics must be, computed from what was written into the raw topics.

A plain fold, written from the documentation (docs/events.md, docs/architecture.md) and the dataset
declarations; it shares no code with the program. Every raw record passes through it once, in the order
in which it is produced."""

import collections
import datetime
import decimal
import json
import pathlib

import yaml

D = decimal.Decimal
PARTITIONS = 6
# The verdicts whose counts tell what was done, or would have been.
COUNTED = ("accepted", "partial", "held", "released", "rejected", "overtaken", "same")


def murmur2(data):
    """As Kafka's Java client."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = (0x9747B28C ^ len(data)) & mask
    whole = len(data) // 4 * 4
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i:i + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    tail = data[whole:]
    if tail:
        h = (h ^ int.from_bytes(tail, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


def partition_of(key, partitions=PARTITIONS):
    return (murmur2(key) & 0x7FFFFFFF) % partitions


class Dataset:
    def __init__(self, path):
        said = yaml.safe_load(path.read_text())
        self.name, self.raw = said["dataset"], said["raw"]
        self.key, self.scope = said["key"], said["scope"]
        self.fields = {f["name"]: f for f in said["fields"]}
        self.names = list(self.fields) + (["extra"] if said.get("extra") else [])
        self.minor = {n for n, f in self.fields.items() if f.get("minor")}
        self.guarded = said.get("guarded", [])
        self.date, self.currency = said.get("date"), said.get("currency")
        self.measures = said.get("measures", [])
        self.rollups, self.as_is = {}, {}  # grain -> dimensions; grain -> what names the entity
        for grain, told in said.get("rollups", {}).items():
            self.rollups[grain] = told["dimensions"] if isinstance(told, dict) else told
            if isinstance(told, dict) and "as_is" in told:
                self.as_is[grain] = told["as_is"]

    def typed(self, name, value):
        """One form for values of raw records, of JSON and of tables."""
        if value is None:
            return None
        kind = "json" if name == "extra" else self.fields[name].get("type", "string")
        if kind in ("integer", "decimal"):
            return D(str(value))
        if kind == "boolean":
            return value in (True, "true")
        if kind == "timestamp":
            at = datetime.datetime.fromisoformat(str(value).replace("Z", "+00:00"))
            return at.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return value if kind == "json" else str(value)

    def row(self, record):
        """The whole row of a record in standard fields."""
        out = {name: self.typed(name, record.get(name)) for name in self.fields}
        if "extra" in self.names:
            unknown = {k: v for k, v in record.items() if k not in self.fields}
            out["extra"] = self.typed("extra", unknown or None)
        return out

    def read(self, text):
        """The row of a change event."""
        return None if text is None else {n: self.typed(n, text[n]) for n in self.names}

    def has_value(self, row):
        return any(row[n] not in (None, "", "0", D(0)) for n in self.guarded)

    def key_of(self, row):
        return tuple(row[n] for n in self.key)


def load_datasets(root):
    found = [Dataset(path) for path in sorted((root / "topics/datasets").glob("*.yaml"))]
    return {d.name: d for d in found}


def period_starts(day):
    return {"day": day, "week": day - datetime.timedelta(days=day.weekday()),
            "month": day.replace(day=1), "year": day.replace(month=1, day=1)}


Change = collections.namedtuple("Change", "op before after minor run ts_ms")


class Scope:
    def __init__(self, dataset, source, account, part, spread):
        self.dataset, self.source, self.account, self.part = dataset, source, account, part
        self.spread = spread  # over all partitions
        self.subject = f"{source}/{account}/{dataset.name}/{part}"
        self.home = partition_of(self.subject.encode())
        self.rows = {}      # key -> row
        self.accepted = ""  # run id
        self.hash = ""
        self.held = None    # run
        self.open = []      # runs that have begun and not ended

    def fixed(self):
        names = self.dataset.scope
        return dict(zip(names, (self.source, self.account, self.part)))


class Run:
    def __init__(self, run, ts_ms, guard, accept_empty):
        self.run, self.ts_ms, self.guard, self.accept_empty = run, ts_ms, guard, accept_empty
        self.rows = {}
        self.received = self.rejected = self.duplicates = 0
        self.content_hash = ""


class Oracle:
    def __init__(self, datasets):
        self.datasets = datasets
        self.scopes = {}
        self.changes = collections.defaultdict(list)  # (dataset, key) -> [Change]
        self.outcomes = {}       # (subject, run) -> (verdict, counts or None)
        self.dead = set()        # (topic, partition, offset)
        self.prices = collections.defaultdict(list)   # key -> [(before, after, text before, text after)]
        self.total_changes = 0

    def scope(self, dataset, source, account, part, spread):
        one = Scope(self.datasets[dataset], source, account, part, spread)
        self.scopes[one.subject] = one
        return one

    # --- the records of a run --------------------------------------------------------------------

    def begin(self, scope, run):
        if run.run == scope.accepted or any(o.run == run.run for o in scope.open):
            return  # written twice
        if run.run < scope.accepted or (scope.open and run.run < scope.open[-1].run):
            self.outcomes[scope.subject, run.run] = ("old", None)
            return
        for abandoned in scope.open:
            self.outcomes[scope.subject, abandoned.run] = ("incomplete", None)
        scope.open = [run]

    def row(self, scope, run, record):
        """`record` None: it can't be used. True when somebody is told so."""
        if run not in scope.open:
            return False
        run.received += 1
        if record is None:
            run.rejected += 1
            return True
        row = scope.dataset.row(record | scope.fixed())
        key = scope.dataset.key_of(row)
        run.duplicates += key in run.rows
        run.rows[key] = row
        return False

    def end(self, scope, run, total, content_hash):
        """`total`: what the producer says that it sent."""
        if run not in scope.open:
            return
        scope.open.remove(run)
        run.content_hash = content_hash
        if run.received != total:
            self.outcomes[scope.subject, run.run] = ("incomplete", None)
            return
        verdict = self.verdict_of(scope, run)
        counts = self.compare(scope, run)[1]
        if verdict == "held":
            if scope.held:
                self.settle(scope, scope.held, "overtaken")
            scope.held = run
        else:
            self.apply(scope, run, deletes=verdict == "accepted")
            self.accept(scope, run.run, content_hash if not run.rejected else "")
            if verdict == "partial":
                counts["deleted"] = 0
        self.outcomes[scope.subject, run.run] = (verdict, counts)

    def same(self, scope, run, ts_ms, of_hash):
        if run == scope.accepted:
            return
        if run < scope.accepted:
            self.outcomes[scope.subject, run] = ("old", None)
            return
        for abandoned in scope.open:
            self.outcomes[scope.subject, abandoned.run] = ("incomplete", None)
        scope.open = []
        if not scope.accepted or scope.hash != of_hash:
            self.outcomes[scope.subject, run] = ("incomplete", None)
            return
        self.accept(scope, run, of_hash)
        self.outcomes[scope.subject, run] = ("same", None)

    def decide_held(self, scope, run, decision):
        """A person's release or reject."""
        if not scope.held or scope.held.run != run:
            return
        held, scope.held = scope.held, None
        if decision == "reject":
            self.settle(scope, held, "rejected")
            return
        counts = self.compare(scope, held)[1]
        if held.rejected:
            counts["deleted"] = 0
        self.apply(scope, held, deletes=not held.rejected)
        self.accept(scope, held.run, held.content_hash if not held.rejected else "")
        self.outcomes[scope.subject, held.run] = ("released", counts)

    def settle(self, scope, run, verdict):
        """A held run keeps the counts of what it would have done."""
        self.outcomes[scope.subject, run.run] = (verdict, self.outcomes[scope.subject, run.run][1])

    def accept(self, scope, run, content_hash):
        if scope.held and scope.held.run < run:
            self.settle(scope, scope.held, "overtaken")
            scope.held = None
        scope.accepted, scope.hash = run, content_hash

    # --- rows ------------------------------------------------------------------------------------

    def compare(self, scope, run):
        d = scope.dataset
        counts = collections.Counter(rows=run.received, duplicates=run.duplicates,
                                     rejected=run.rejected)
        changes = []
        for key, after in run.rows.items():
            before = scope.rows.get(key)
            if before is None:
                kind = "created"
            elif before == after:
                kind = "same"
            elif all(before[n] == after[n] for n in d.names if n not in d.minor):
                kind = "minor"
            else:
                kind = "updated"
                counts["zeroed"] += d.has_value(before) and not d.has_value(after)
            counts[kind] += 1
            if kind != "same":
                changes.append((kind, key, before, after))
        for key, before in scope.rows.items():
            if key not in run.rows:
                counts["deleted"] += 1
                changes.append(("deleted", key, before, None))
        return changes, counts

    def verdict_of(self, scope, run):
        counts = self.compare(scope, run)[1]
        if run.received == 0 and not run.accept_empty:
            return "held"
        before = len(scope.rows)
        if run.guard and before >= run.guard["min_rows"]:
            if D(counts["deleted"]) > D(str(run.guard["deleted_share"])) * before:
                return "held"
            if D(counts["zeroed"]) > D(str(run.guard["zeroed_share"])) * before:
                return "held"
        return "partial" if run.rejected else "accepted"

    def apply(self, scope, run, deletes):
        for kind, key, before, after in self.compare(scope, run)[0]:
            if kind != "deleted" or deletes:
                self.change(scope.dataset, key, before, after, kind == "minor", run.run, run.ts_ms)
                if after is None:
                    del scope.rows[key]
                else:
                    scope.rows[key] = after

    def plain(self, scope, record, ts_ms):
        d = scope.dataset
        after = d.row(record)
        key = d.key_of(after)
        before = scope.rows.get(key)
        if before == after:
            return
        minor = before is not None and all(
            before[n] == after[n] for n in d.names if n not in d.minor)
        self.change(d, key, before, after, minor, "", ts_ms)
        scope.rows[key] = after

    def change(self, dataset, key, before, after, minor, run, ts_ms):
        op = "c" if before is None else "d" if after is None else "u"
        self.changes[dataset.name, key].append(Change(op, before, after, minor, run, ts_ms))
        self.total_changes += 1
        if dataset.name == "product" and after is not None:
            old = (before["price"], before["price_text"]) if before else (None, None)
            if old != (after["price"], after["price_text"]):
                self.prices[key].append((old[0], after["price"], old[1], after["price_text"]))

    # --- totals ----------------------------------------------------------------------------------

    def table(self, dataset):
        return {key: row for scope in self.scopes.values() if scope.dataset.name == dataset
                for key, row in scope.rows.items()}

    def latest(self, name, grain):
        """{entity: {dimension: value}}: what its latest day says of what as-is takes from there. Most rows
        of the day, then the greatest value; all dimensions are texts here."""
        d = self.datasets[name]
        names = [n for n in d.rollups[grain] if n not in d.as_is[grain] and n != d.currency]
        found = {}
        for row in self.table(name).values():
            days = found.setdefault(tuple(row[n] for n in d.as_is[grain]), {})
            said = tuple((row[n] is not None, row[n] or "") for n in names)
            days.setdefault(row[d.date], collections.Counter())[said] += 1
        ruling = {}
        for entity, days in found.items():
            best = max(days[max(days)].items(), key=lambda item: (item[1], item[0]))[0]
            ruling[entity] = {n: text if there else None for n, (there, text) in zip(names, best)}
        return ruling

    def rollups(self, name):
        """{(grain, period, start, currency, dimensions ...): {measure: value}}, added up anew."""
        d = self.datasets[name]
        latest = {grain: self.latest(name, grain) for grain in d.as_is}
        totals = {}
        for row in self.table(name).values():
            day = datetime.date.fromisoformat(row[d.date])
            for grain, dimensions in d.rollups.items():
                counted = row
                if grain in d.as_is:
                    counted = row | latest[grain][tuple(row[n] for n in d.as_is[grain])]
                for period, start in period_starts(day).items():
                    key = (grain, period, start.isoformat(), row[d.currency],
                           tuple((n, counted[n]) for n in dimensions))
                    into = totals.setdefault(key, collections.defaultdict(set))
                    into["rows"] = (into["rows"] or 0) + 1
                    into["accounts"].add((row["source"], row["account"]))
                    for m in d.measures:
                        if "sum" in m:
                            into[m["name"]] = (into[m["name"]] or D(0)) + (row[m["sum"]] or D(0))
                        else:
                            into[m["name"]].add(tuple(row[n] for n in m["distinct"]))
        return {key: {n: D(len(v)) if isinstance(v, set) else D(v) for n, v in values.items()}
                for key, values in totals.items()}


def read_json(text):
    return json.loads(text, parse_float=D)


ROOT = pathlib.Path(__file__).resolve().parents[2]
