"""Changes of products as `change.product` has them, and the tables they must lead to."""

import json
import random

T0 = 1_593_936_000_000  # 2020-07-05


class Products:
    """Writes change.product and keeps the table and the price history it must lead to."""

    def __init__(self, world, seed, keys=400):
        self.random = random.Random(seed)
        self.topic = world.prefix + "change.product"
        self.rows = {}
        self.rev = 0
        self.history = []
        self.brand = None  # of rows from now on
        self.keys = [f"{i:05d}" for i in range(keys)]

    def key(self, code):
        return json.dumps({"source": "shop", "account": "main", "section": "CPU",
                           "product_code": code}, separators=(",", ":"))

    def change(self, produce):
        code = self.random.choice(self.keys)
        before = self.rows.get(code)
        after = None
        if before is None or self.random.random() > 0.2:
            price = self.random.choice([None, "1000", "2000.5", "99999999999999.0001"])
            after = {"source": "shop", "account": "main", "section": "CPU", "product_code": code,
                     "name": self.random.choice(["탭\t\n줄 \\N \"따옴표\" {a,b}", "", "plain", "😀"]),
                     "price": price, "price_text": None if price is None else f"{price}원",
                     "stock": self.random.randrange(1000), **({"brand": self.brand} if self.brand else {}),
                     "extra": {"색": ["빨강", {"x": None}], "n": self.rev}}
        self.rev += 1
        ts = T0 + self.rev * 1000
        value = {"before": before, "after": after,
                 "op": "c" if before is None else "d" if after is None else "u", "ts_ms": ts,
                 "source": {"version": "1", "connector": "sujip", "name": "shop", "ts_ms": ts,
                            "account": "main", "dataset": "product", "scope": "shop/main/product/CPU",
                            "run": "20200705T000000000Z-1", "rev": self.rev, "minor": False}}
        text = json.dumps(value, ensure_ascii=False)
        for price in ("1000", "2000.5", "99999999999999.0001"):  # numbers, not texts
            text = text.replace(f'"price": "{price}"', f'"price": {price}')
        produce(self.topic, key=self.key(code), value=text.encode())
        if after is None:
            produce(self.topic, key=self.key(code), value=None)
            del self.rows[code]
            return
        if self.random.random() < 0.1:
            produce(self.topic, key=self.key(code), value=text.encode())  # delivered again
        old = (None, None) if before is None else (before["price"], before["price_text"])
        new = (after["price"], after["price_text"])
        if old != new:
            self.history.append((code, self.rev, old[0], new[0], old[1], new[1]))
        after = dict(after)
        self.rows[code] = after
        self.revs = getattr(self, "revs", {})
        self.revs[code] = self.rev

    def check(self, world):
        found = world.query("select product_code, name, price::text, price_text, stock, extra, rev "
                            "from sujip.product order by 1")
        expected = sorted((c, r["name"], r["price"], r["price_text"], r["stock"], r["extra"],
                           self.revs[c]) for c, r in self.rows.items())
        assert found == expected
        history = world.query("select product_code, rev, price_before::text, price::text, "
                              "price_text_before, price_text from sujip.product_price_history "
                              "order by rev")
        assert history == self.history


def transaction(producer, body):
    producer.begin_transaction()
    body(producer.produce)
    producer.commit_transaction(30)
