"""The example consumer without a broker: its fold, and its folder under crashes at every step."""

import decimal
import itertools
import json
import os
import random
import sys

import pytest

from servers import ROOT

sys.path.insert(0, str(ROOT / "examples/ml_features"))

import features  # noqa: E402
import fold  # noqa: E402
import store  # noqa: E402

D = decimal.Decimal
SHOP = ("shop", "main")


class Death(BaseException):
    """Like kill -9: nothing behind it runs."""


# --- the folder ----------------------------------------------------------------------------------

def content(folder):
    """The state the folder holds, as a start would find it."""
    made = store.Store(folder)
    try:
        names = made.named(made.manifest) - {store.MANIFEST, "lock"}
        assert {p.name for p in folder.iterdir()} - {store.MANIFEST, "lock"} == names
        return made.manifest["offsets"], {n: (folder / n).read_bytes() for n in names}
    finally:
        made.close()


def commit(made, number):
    facts = [["order_item", f"{number}-{i}", [number, i]] for i in range(3)]

    def change(manifest, version):
        manifest["facts"] = manifest["facts"][-1:] + [f"facts-{version}.jsonl"]
        manifest["offsets"] = {"change.order_item": {"0": number}}

    made.commit(change, lambda version: {f"facts-{version}.jsonl": store.fact_lines(facts)})


def test_a_crash_at_any_step_leaves_the_old_state_or_the_new_one(tmp_path, monkeypatch):
    """Dies before and behind every system call that a commit makes."""
    real = {name: getattr(os, name) for name in ("fsync", "replace", "open")}
    real_unlink = store.pathlib.Path.unlink
    seen = set()
    for death in itertools.count(1):
        folder = tmp_path / str(death)
        first = store.Store(folder)
        for number in (1, 2):
            commit(first, number)
        first.close()
        before = content(folder)
        steps = itertools.count(1)

        def dying(call):
            def step(*arguments, **options):
                if next(steps) == death:
                    raise Death()
                result = call(*arguments, **options)
                if next(steps) == death:
                    raise Death()
                return result
            return step

        made = store.Store(folder)
        with monkeypatch.context() as patch:
            for name, call in real.items():
                patch.setattr(os, name, dying(call))
            patch.setattr(store.pathlib.Path, "unlink", dying(real_unlink))
            try:
                commit(made, 3)
                died = False
            except Death:
                died = True
        made.close()
        after = content(folder)
        if after == before:
            seen.add("old")
        else:
            seen.add("new")
            assert after[0] == {"change.order_item": {"0": 3}} and len(after[1]) == 2
            assert b"3-2" in b"".join(after[1].values())
        if died:  # and it goes on from there
            again = store.Store(folder)
            commit(again, 3)
            again.close()
            assert content(folder)[0] == {"change.order_item": {"0": 3}}
        else:
            break
    assert death > 15 and seen == {"old", "new"}


def test_a_half_written_file_is_never_seen(tmp_path):
    made = store.Store(tmp_path)
    commit(made, 1)
    before = dict(made.manifest)

    def dies(file):
        file.write(b"half a li")
        raise Death()

    with pytest.raises(Death):
        made.commit(lambda manifest, version: None, lambda version: {"facts-x.jsonl": dies})
    made.close()
    assert (tmp_path / "facts-x.jsonl.tmp").exists()
    again = store.Store(tmp_path)
    assert again.manifest == before and not (tmp_path / "facts-x.jsonl.tmp").exists()
    again.close()


def test_a_second_process_is_kept_out(tmp_path):
    made = store.Store(tmp_path)
    with pytest.raises(store.Busy, match="another process"):
        store.Store(tmp_path)
    made.close()
    store.Store(tmp_path).close()


# --- the fold ------------------------------------------------------------------------------------

class Source:
    """A made-up shop: rows as they are, and their change events as sujip would write them."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.rows = {dataset: {} for dataset in fold.DATASETS}
        self.events = []
        self.rev = 0

    def put(self, dataset, key, row, ts_ms=0):
        before = self.rows[dataset].pop(key, None)
        if row is not None:
            self.rows[dataset][key] = row
        if before == row:
            return
        self.rev += 1
        event = {"before": before, "after": row, "ts_ms": ts_ms, "source": {"rev": self.rev},
                 "op": "c" if before is None else "d" if row is None else "u"}
        self.events.append((dataset, key, fold.parse(json.dumps(event, default=float))))

    def step(self, now_ms):
        r = self.random
        sku = f"S{r.randrange(4)}"
        day = f"2026-0{r.randrange(1, 4)}-{r.randrange(1, 29):02}"
        what = r.randrange(10)
        key = str(r.randrange(60))
        if what < 5:
            self.put(fold.ORDERS, key, {
                "source": SHOP[0], "account": SHOP[1], "sku": sku, "currency": r.choice(["KRW", "USD"]),
                "order_date": day, "quantity": r.randrange(-2, 9), "amount": r.randrange(9999) / 4})
        elif what == 5:
            self.put(fold.ORDERS, key, None)
        elif what < 8:
            self.put(fold.ADS, key, {
                "source": "ads", "account": "1", "ad_group_id": f"g{r.randrange(6)}", "currency": "KRW",
                "stat_date": day, "impressions": r.randrange(50), "clicks": r.randrange(5),
                "cost": r.randrange(999) / 8, "conversions": None})
        else:
            self.put(fold.PRODUCTS, sku, {
                "source": SHOP[0], "account": SHOP[1], "product_code": sku, "currency": "KRW",
                "price": r.choice([None, 100, 110.5, 125])}, now_ms)


AD_GROUPS = {"g0": (*SHOP, "S0"), "g1": (*SHOP, "S0"), "g2": (*SHOP, "S1")}
START = 1767225600000  # 2026-01-01T00:00:00Z


def folded(events):
    state = fold.State(AD_GROUPS)
    for dataset, key, event in events:
        for id_, fact in fold.facts(dataset, key, event):
            state.put(dataset, id_, fact)
    return state


def all_rows(state):
    months = {features.month_of(d) for p in features.products(state)
              for d in features.active_days(state, p)}
    return features.rows(state, sorted(months))


@pytest.mark.parametrize("seed", range(8))
def test_sums_equal_those_of_the_rows_that_are_left(seed):
    source = Source(seed)
    for n in range(600):
        source.step(START + n * 3 * 3600 * 1000)
    table = {(r["sku"], r["currency"], r["date"].isoformat()): r
             for rows in all_rows(folded(source.events)).values() for r in rows}
    expected = {}
    for row in source.rows[fold.ORDERS].values():
        total = expected.setdefault((row["sku"], row["currency"], row["order_date"]), [0, 0, D(0), D(0)])
        total[0] += 1
        total[1] += row["quantity"]
        total[2] += D(str(row["amount"]))
    for row in source.rows[fold.ADS].values():
        if row["ad_group_id"] in AD_GROUPS:
            total = expected.setdefault(
                (AD_GROUPS[row["ad_group_id"]][2], "KRW", row["stat_date"]), [0, 0, D(0), D(0)])
            total[3] += D(str(row["cost"]))
    priced = {fold.day_of(e["ts_ms"]) for d, _, e in source.events if d == fold.PRODUCTS}
    assert expected.keys() <= table.keys()
    for key, row in table.items():
        assert [row["order_lines"], row["units"], row["revenue"], row["ad_cost"]] == \
            expected.get(key, [0, 0, D(0), D(0)]), key
        assert key in expected or key[2] in priced
        assert row["day_of_week"] == row["date"].isoweekday()
        past = [total[1] for (sku, currency, day), total in expected.items()
                if (sku, currency) == key[:2] and features.days_before(key[2], 27) <= day <= key[2]]
        assert row["units_28d"] == sum(past)


@pytest.mark.parametrize("seed", range(4))
def test_only_what_changed_has_to_be_made_anew(seed):
    """Months that are not named as changed have the same rows as before."""
    source = Source(seed)
    for n in range(300):
        source.step(START + n * 3 * 3600 * 1000)
    state = folded(source.events)
    table = all_rows(state)
    for n in range(300, 330):
        state.dirty.clear()
        known = len(source.events)
        source.step(START + n * 3 * 3600 * 1000)
        for dataset, key, event in source.events[known:]:
            for id_, fact in fold.facts(dataset, key, event):
                state.put(dataset, id_, fact)
        for month, rows in features.rows(state, features.months_behind(state)).items():
            table[month] = rows
        assert {m: r for m, r in table.items() if r} == {m: r for m, r in all_rows(state).items() if r}


def test_price_changes_are_counted_from_the_second_price_on():
    source = Source(0)
    day = 24 * 3600 * 1000
    for n, price in ((0, 100), (1, None), (2, 100), (2, 150), (40, 75)):
        source.put(fold.PRODUCTS, "k", {"source": "s", "account": "a", "product_code": "p",
                                        "currency": "KRW", "price": price}, START + n * day)
    rows = [r for rows in all_rows(folded(source.events)).values() for r in rows]
    assert [(str(r["date"]), r["price"], r["price_changes_28d"], r["last_price_change"]) for r in rows] == [
        ("2026-01-01", D(100), 0, None), ("2026-01-02", None, 1, None), ("2026-01-03", D(150), 3, 0.5),
        ("2026-02-10", D(75), 1, -0.5)]


def test_facts_survive_the_file(tmp_path):
    source = Source(5)
    for n in range(200):
        source.step(START + n * 3 * 3600 * 1000)
    state = folded(source.events)
    changes = [(dataset, id_, fact) for dataset, known in state.facts.items() for id_, fact in known.items()]
    store.write_durably(tmp_path / "f", store.fact_lines(changes))
    loaded = fold.State(AD_GROUPS)
    for dataset, id_, fact in store.read_facts(tmp_path, ["f"]):
        loaded.put(dataset, id_, fact)
    assert loaded.facts == state.facts and all_rows(loaded) == all_rows(state)
