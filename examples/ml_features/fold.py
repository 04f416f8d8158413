"""Change events -> facts per product and day. No clock, no I/O: the same events, in any order that keeps
those of a row in order, give the same facts.

A fact is what one row of a dataset contributes: a sale of an order line, the advertising of an ad group's
row, a price of a product. The facts are what is kept; everything else is computed from them.
"""

import collections
import dataclasses
import datetime
import decimal
import json

D = decimal.Decimal
SEOUL = datetime.timezone(datetime.timedelta(hours=9))

ORDERS, ADS, PRODUCTS = "order_item", "ad_keyword", "product"
DATASETS = (ORDERS, ADS, PRODUCTS)


@dataclasses.dataclass(frozen=True, order=True)
class Product:
    """Money of different currencies never meets: a product sold in two currencies is two of these."""
    source: str
    account: str
    sku: str
    currency: str


@dataclasses.dataclass
class Sales:
    lines: int = 0
    units: int = 0
    revenue: D = D(0)


@dataclasses.dataclass
class Ads:
    lines: int = 0
    impressions: int = 0
    clicks: int = 0
    cost: D = D(0)
    conversions: D = D(0)


def parse(value):
    """JSON with exact decimals."""
    return json.loads(value, parse_float=D)


def day_of(ts_ms):
    return datetime.datetime.fromtimestamp(ts_ms // 1000, SEOUL).date().isoformat()


def fact_of(dataset, row, ts_ms=0):
    """What is remembered of a row: a list that JSON can hold, numbers as text where they are decimals."""
    if dataset == ORDERS:
        return [row["source"], row["account"], row["sku"] or "", row["currency"], row["order_date"],
                row["quantity"] or 0, str(row["amount"] or 0)]
    if dataset == ADS:
        return [row["source"], row["account"], row["ad_group_id"], row["currency"], row["stat_date"],
                row["impressions"] or 0, row["clicks"] or 0, str(row["cost"] or 0),
                str(row["conversions"] or 0)]
    return [row["source"], row["account"], row["product_code"], row["currency"] or "", ts_ms,
            None if row["price"] is None else str(row["price"])]


def facts(dataset, key, event):
    """The facts an event changes, as (id, fact); fact None: there is none any more.

    Orders and ads have a fact per row. Prices are points in time: each change of a price adds one, and
    none is ever taken away.
    """
    after = event["after"]
    if dataset != PRODUCTS:
        yield key, None if after is None else fact_of(dataset, after)
        return
    before = event["before"] or {"price": None, "currency": after and after["currency"]}
    if after is None or (before["price"], before["currency"]) == (after["price"], after["currency"]):
        return
    yield f"{key}@{event['source']['rev']}", fact_of(dataset, after, event["ts_ms"])


class State:
    """All facts, and their sums by product and day."""

    def __init__(self, ad_groups):
        """`ad_groups`: {ad group: (source, account, sku)}, the product an ad group advertises."""
        self.ad_groups = ad_groups
        self.facts = {dataset: {} for dataset in DATASETS}
        self.sales = collections.defaultdict(dict)   # Product -> {day: Sales}
        self.ads = collections.defaultdict(dict)     # Product -> {day: Ads}
        self.prices = collections.defaultdict(dict)  # Product -> {id: (day, ts_ms, price)}
        self.dirty = set()  # (Product, day) whose rows and those behind them have to be made anew

    def put(self, dataset, id_, fact):
        """Replaces a fact (None: takes it away)."""
        old = self.facts[dataset].pop(id_, None)
        if old == fact:
            if fact is not None:
                self.facts[dataset][id_] = fact
            return
        if old is not None:
            self._add(dataset, id_, old, -1)
        if fact is not None:
            self.facts[dataset][id_] = fact
            self._add(dataset, id_, fact, 1)

    def _add(self, dataset, id_, fact, sign):
        if dataset == PRODUCTS:
            source, account, sku, currency, ts_ms, price = fact
            product, day = Product(source, account, sku, currency), day_of(ts_ms)
            points = self.prices[product]
            if sign > 0:
                points[id_] = (day, ts_ms, None if price is None else D(price))
            else:
                points.pop(id_, None)
        elif dataset == ORDERS:
            source, account, sku, currency, day, units, revenue = fact
            product = Product(source, account, sku, currency)
            total = self.sales[product].setdefault(day, Sales())
            total.lines += sign
            total.units += sign * units
            total.revenue += sign * D(revenue)
            if total.lines == 0:
                del self.sales[product][day]
        else:
            _, _, ad_group, currency, day, impressions, clicks, cost, conversions = fact
            if ad_group not in self.ad_groups:
                return
            product = Product(*self.ad_groups[ad_group], currency)
            total = self.ads[product].setdefault(day, Ads())
            total.lines += sign
            total.impressions += sign * impressions
            total.clicks += sign * clicks
            total.cost += sign * D(cost)
            total.conversions += sign * D(conversions)
            if total.lines == 0:
                del self.ads[product][day]
        self.dirty.add((product, day))
