"""Writes raw records without end, seeded: snapshots of scopes over one and over all partitions, good
and bad ones, and plain upserts. Everything written passes through the oracle at the same moment."""

import collections
import datetime
import decimal
import json
import random
import threading
import time

import confluent_kafka

from oracle import Oracle, PARTITIONS, Run, partition_of

D = decimal.Decimal
GUARD = {"deleted_share": 0.5, "zeroed_share": 0.5, "min_rows": 20}
SOURCE = "chaos"

# How often a scope's next run is of which kind.
KINDS = {"normal": 50, "again": 6, "same": 6, "wrong_same": 2, "empty": 3, "accepted_empty": 2,
         "mass_delete": 4, "zeroed": 3, "no_end": 5, "part_of_ends": 3, "wrong_count": 3, "old": 3,
         "bad_rows": 5, "resent": 3}


def utc(ms):
    at = datetime.datetime.fromtimestamp(ms // 1000, datetime.timezone.utc)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


class Feeder:
    """All state is touched under `lock`; the thread runs between resume() and pause()."""

    def __init__(self, bootstrap, prefix, datasets, seed, rows_per_second):
        self.prefix, self.rate = prefix, rows_per_second
        self.chance = random.Random(seed)
        self.oracle = Oracle(datasets)
        self.bootstrap = bootstrap
        self.renew()
        self.lock = threading.Lock()
        self.written = collections.Counter()
        self.refused = []
        self.scopes = self.make_scopes()
        self.seq = 0x18F00000000
        self.clock = 1_700_000_000_000  # made-up time of snapshots
        self.work = []  # generators of runs under way
        self.running = threading.Event()
        self.ending = False
        self.thread = threading.Thread(target=self.loop, daemon=True)
        self.thread.start()

    def renew(self):
        """A new producer; call it while paused."""
        self.producer = confluent_kafka.Producer({
            "bootstrap.servers": self.bootstrap, "enable.idempotence": True, "linger.ms": 5,
            "message.timeout.ms": 300000, "reconnect.backoff.max.ms": 1000, "log_level": 0,
            "queue.buffering.max.messages": 1000000})

    def make_scopes(self):
        days = [f"2024-0{1 + n % 3}-{1 + n * 3:02d}" for n in range(8)]
        made = []
        for account in ("a1", "a2", "a3"):
            for day in days:
                made.append(self.oracle.scope("order_item", SOURCE, account, day, spread=False))
        for account in ("a1", "a2"):
            for day in days[:4]:
                made.append(self.oracle.scope("ad_performance", SOURCE, account, day, spread=False))
            for section in ("CPU", "VGA", "가전/TV"):
                made.append(self.oracle.scope("product", SOURCE, account,
                                              section.replace("/", " "), spread=section != "CPU"))
        return made

    # --- the thread ------------------------------------------------------------------------------

    def loop(self):
        due = time.monotonic()
        while not self.ending:
            if not self.running.wait(0.2):
                due = time.monotonic()
                continue
            with self.lock:
                # A pause may have come and gone while the lock was waited for: what is written behind it would be
                # acknowledged to nobody.
                sent = sum(self.step() for _ in range(5)) if self.running.is_set() else 0
            self.producer.poll(0)
            due = max(due + sent / self.rate, time.monotonic() - 1)
            time.sleep(max(0.0, due - time.monotonic()))

    def step(self):
        """Some records of one of the runs under way; their number."""
        if len(self.work) < 6:
            busy = {id(scope) for scope, _ in self.work}
            scope = self.chance.choice([s for s in self.scopes if id(s) not in busy])
            plain = scope.dataset.name != "product" and self.chance.random() < 0.3
            self.work.append((scope, self.plain(scope) if plain else self.run(scope)))
        at = self.chance.randrange(len(self.work))
        sent = 0
        for _ in range(self.chance.randrange(1, 25)):
            if next(self.work[at][1], None) is None:
                del self.work[at]
                break
            sent += 1
        return sent

    def resume(self):
        self.running.set()

    def pause(self, seconds=120):
        """Everything handed over so far is in the topics afterwards."""
        self.running.clear()
        with self.lock:
            left = self.producer.flush(seconds)
        assert not left and not self.refused, f"{left} records not written; {self.refused[:3]}"

    def close(self):
        self.ending = True
        self.running.set()
        self.thread.join(10)

    # --- records ---------------------------------------------------------------------------------

    def produce(self, topic, partition, key, value, headers=None, ts_ms=0, is_bad=False):
        def delivered(error, message):
            if error:
                self.refused.append(str(error))
            elif is_bad:
                self.oracle.dead.add((topic, partition, message.offset()))
        if not isinstance(value, (bytes, str)):
            value = json.dumps(value, ensure_ascii=False)
        while True:
            try:
                self.producer.produce(self.prefix + topic, partition=partition, key=key, value=value,
                                      headers=headers or [], timestamp=ts_ms,
                                      on_delivery=delivered)
                break
            except BufferError:
                self.producer.poll(0.1)
        self.written[topic] += 1
        return True

    def headers(self, scope, run, ts_ms, what, kind):
        return [("ce_specversion", "1.0"), ("ce_id", f"{run}/{what}"),
                ("ce_type", f"sujip.{scope.dataset.name}.{kind}"),
                ("ce_source", f"/{scope.source}/{scope.account}"), ("ce_subject", scope.subject),
                ("ce_time", utc(ts_ms)), ("ce_run", run), ("content-type", "application/json")]

    def control(self, scope, run, ts_ms, kind, value, partitions=None):
        """In one step: the oracle has seen all of it, so a check must not come in between."""
        for p in partitions or (range(PARTITIONS) if scope.spread else [scope.home]):
            content = value(p) if callable(value) else value
            self.produce(scope.dataset.raw, p, scope.subject, content,
                         self.headers(scope, run, ts_ms, kind, kind))
        yield True

    def run_id(self, ts_ms):
        self.seq += 1
        return utc(ts_ms).translate(str.maketrans("", "", "-:.")) + f"-{self.seq:x}"

    # --- runs ------------------------------------------------------------------------------------

    def run(self, scope):
        kinds = dict(KINDS)
        if not scope.rows or not scope.accepted:
            kinds = {"normal": 1}
        if not scope.hash:
            kinds.pop("same", None)
        if scope.spread:
            kinds.pop("resent", None)
        else:
            kinds.pop("part_of_ends", None)
        if scope.held and not scope.spread and self.chance.random() < 0.5:
            yield from self.decide(scope)
            return
        kind = self.chance.choices(list(kinds), list(kinds.values()))[0]
        self.clock += self.chance.randrange(1, 60000)
        ts_ms = self.clock
        if kind in ("same", "wrong_same"):
            yield from self.same(scope, ts_ms, scope.hash if kind == "same" else "wrong")
            return
        if kind == "old":
            ts_ms = 1_600_000_000_000 + self.chance.randrange(10**9)
        yield from self.snapshot(scope, kind, ts_ms, self.records(scope, kind))

    def records(self, scope, kind):
        rows = [self.raw(row) for row in scope.rows.values()]
        self.chance.shuffle(rows)
        if kind in ("empty", "accepted_empty"):
            return []
        if kind in ("again", "resent"):
            return rows
        if kind == "mass_delete":
            return rows[:len(rows) // 4]
        if kind == "zeroed" and scope.dataset.name == "product":
            return [r | {"price": None, "price_text": ""} if self.chance.random() < 0.8 else r
                    for r in rows]
        grow = 0 if len(rows) > 60 else self.chance.randrange(3, 25)
        rows = [r for r in rows if self.chance.random() > 0.08]
        out = [self.touched(scope, r) for r in rows] + [self.fresh(scope) for _ in range(grow)]
        if out and self.chance.random() < 0.3:
            out.append(self.touched(scope, out[0]))  # a key twice
        if kind == "bad_rows":
            for _ in range(self.chance.randrange(1, 4)):
                out.insert(self.chance.randrange(len(out) + 1), None)
        return out

    def snapshot(self, scope, kind, ts_ms, records):
        guard = GUARD if kind in ("mass_delete", "zeroed") or self.chance.random() < 0.5 else None
        run = Run(self.run_id(ts_ms), ts_ms, guard, kind == "accepted_empty")
        # What is sent again is the run as it was: behind the end there is nothing new in it.
        for attempt in range(2 if kind == "resent" else 1):
            self.oracle.begin(scope, run)
            yield from self.control(scope, run.run, ts_ms, "begin", {
                "run": run.run, "scope": scope.subject, "snapshot_at": ts_ms,
                "partitions": PARTITIONS if scope.spread else 1, "guard": guard,
                "empty": "accept" if run.accept_empty else "hold"})
            sent = collections.Counter()
            for n, record in enumerate(records):
                value = "{\"quantity\": \"much\", \"stock\": \"much\", \"clicks\": \"much\"}" \
                    if record is None else record
                key = "?" if record is None else self.record_key(scope, record)
                p = partition_of(key.encode()) if scope.spread else scope.home
                told = self.oracle.row(scope, run, record)
                yield self.produce(scope.dataset.raw, p, key, value,
                                   self.headers(scope, run.run, ts_ms, n, "row"), is_bad=told)
                sent[p] += 1
            if kind == "no_end":
                return
            content_hash = f"{self.chance.getrandbits(64):x}" if attempt == 0 else run.content_hash
            lie = 1 if kind == "wrong_count" else 0
            ends = None
            if kind == "part_of_ends":
                ends = self.chance.sample(range(PARTITIONS), 3)
            else:
                self.oracle.end(scope, run, len(records) + lie, content_hash)
            yield from self.control(scope, run.run, ts_ms, "end", lambda p: {
                "run": run.run, "rows": sent[p] + (lie if p == scope.home else 0),
                "total": len(records), "hash": content_hash}, ends)

    def same(self, scope, ts_ms, content_hash):
        run = self.run_id(ts_ms)
        self.oracle.same(scope, run, ts_ms, content_hash)
        yield from self.control(scope, run, ts_ms, "same", {
            "run": run, "snapshot_at": ts_ms, "rows": len(scope.rows), "hash": content_hash,
            "partitions": PARTITIONS if scope.spread else 1})

    def decide(self, scope):
        decision = self.chance.choice(["release", "reject"])
        held = scope.held
        self.oracle.decide_held(scope, held.run, decision)
        yield from self.control(scope, held.run, held.ts_ms, "verdict", {
            "run": held.run, "verdict": decision, "by": "user:chaos", "reason": "because"})

    def plain(self, scope):
        for _ in range(self.chance.randrange(1, 12)):
            known = list(scope.rows.values())
            if known and self.chance.random() < 0.7:
                record = self.touched(scope, self.raw(self.chance.choice(known)))
            else:
                record = self.fresh(scope)
            record |= scope.fixed()
            ts_ms = 1_700_000_000_000 + self.chance.randrange(10**9)
            if self.chance.random() < 0.02:
                yield self.produce(scope.dataset.raw, scope.home, "?", "[1]", None, ts_ms, is_bad=True)
                continue
            self.oracle.plain(scope, record, ts_ms)
            yield self.produce(scope.dataset.raw, scope.home, self.record_key(scope, record), record,
                               None, ts_ms)

    # --- rows ------------------------------------------------------------------------------------

    def raw(self, row):
        """A row as a vendor writes it: numbers as numbers or as text."""
        out = {}
        for name, value in row.items():
            if name == "extra":
                out.update(value or {})
            elif isinstance(value, D):
                out[name] = str(value) if self.chance.random() < 0.5 or "." in str(value) \
                    else int(value)
            elif name == "ordered_at" and value:
                out[name] = value[:19] + "Z"
            else:
                out[name] = value
        return out

    def record_key(self, scope, record):
        own = [n for n in scope.dataset.key if n not in scope.dataset.scope]
        return "|".join(str(record[n]) for n in own)

    def money(self, scale):
        return str(D(self.chance.randrange(1, 10**7)) / 10**self.chance.randrange(scale + 1))

    def fresh(self, scope):
        c = self.chance
        if scope.dataset.name == "order_item":
            quantity = c.randrange(-3, 30)
            out = {"order_no": str(c.randrange(40)), "line_id": str(c.randrange(10**6)),
                   "sku": f"S{c.randrange(12)}", "product_name": f"상품 {c.randrange(9)}",
                   "quantity": quantity, "unit_price": self.money(4), "amount": self.money(4),
                   "currency": c.choice(["KRW", "KRW", "USD"]), "buyer": f"B{c.randrange(50)}",
                   "ordered_at": f"2024-01-01T10:{c.randrange(60):02d}:00Z", "country": "Korea",
                   "cancelled": quantity < 0}
            if c.random() < 0.1:
                out["memo"] = f"\"{c.randrange(9)}\"\n"
            return out
        if scope.dataset.name == "ad_performance":
            return {"campaign_id": f"c{c.randrange(5)}", "ad_group_id": str(c.randrange(10**5)),
                    "device": c.choice(["pc", "mobile"]), "campaign_type": c.choice(["search", "shopping"]),
                    "campaign_name": f"캠페인 {c.randrange(9)}", "impressions": c.randrange(10**6),
                    "clicks": c.randrange(10**4), "cost": self.money(6), "cost_vat": "excluded",
                    "conversions": self.money(3), "conversion_value": self.money(6),
                    "purchases": None, "purchase_value": None, "currency": "KRW"}
        return {"product_code": str(c.randrange(10**6)), "name": f"상품 {c.randrange(99)}",
                "price": self.money(4), "price_text": self.money(0), "currency": "KRW",
                "stock": c.randrange(100), "sale_state": "on_sale", "category": "부품",
                "url": f"https://example.com/{c.randrange(99)}"}

    def touched(self, scope, record):
        """The record, perhaps changed."""
        c = self.chance
        at = c.random()
        if at < 0.6:
            return record
        other = self.fresh(scope)
        names = ["product_name", "campaign_name", "url"] if at < 0.68 else \
            ["quantity", "amount", "sku", "clicks", "cost", "campaign_type", "price", "price_text"]
        return record | {n: other[n] for n in names if n in other and c.random() < 0.7}
