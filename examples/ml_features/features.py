"""Facts -> rows of the feature table: one per product, currency and day on which anything happened."""

import bisect
import datetime

from fold import D

LONGEST = 28  # days the longest window looks back


def month_of(day):
    return day[:7]


def days_before(day, count):
    return (datetime.date.fromisoformat(day) - datetime.timedelta(days=count)).isoformat()


def months_behind(state):
    """The months whose rows depend on what is dirty, of those that have rows.

    A sale or an ad is seen by the windows of the next four weeks; a price by every later day of the
    product.
    """
    months = {month_of(day) for _, day in state.dirty}  # also when its last row went away
    earliest = {}
    for product, day in state.dirty:
        earliest[product] = min(day, earliest.get(product, day))
    for product, first in earliest.items():
        months.update(month_of(day) for day in active_days(state, product) if day >= first)
    return months


def active_days(state, product):
    days = set(state.sales.get(product, ())) | set(state.ads.get(product, ()))
    days.update(day for day, _, _ in state.prices.get(product, {}).values())
    return sorted(days)


def products(state):
    return sorted(set(state.sales) | set(state.ads) | set(state.prices))


class Running:
    """Sums over any span of days, by what they are from the first day on."""

    def __init__(self, totals, value):
        self.days = sorted(totals)
        self.sums = [D(0)]
        for day in self.days:
            self.sums.append(self.sums[-1] + value(totals[day]))

    def window(self, day, length):
        first = bisect.bisect_left(self.days, days_before(day, length - 1))
        return self.sums[bisect.bisect_right(self.days, day)] - self.sums[first]


class History:
    """One product, for looking back from a day."""

    def __init__(self, state, product):
        self.sales = state.sales.get(product, {})
        self.ads = state.ads.get(product, {})
        self.units = Running(self.sales, lambda total: total.units)
        self.cost = Running(self.ads, lambda total: total.cost)
        self.price_days, self.prices = [], []
        for day, _, price in sorted(state.prices.get(product, {}).values(), key=lambda p: p[1]):
            if not self.prices or self.prices[-1] != price:  # back at the same price: no change
                self.price_days.append(day)
                self.prices.append(price)

    def row(self, product, day):
        date = datetime.date.fromisoformat(day)
        sales, ads = self.sales.get(day), self.ads.get(day)
        known = bisect.bisect_right(self.price_days, day)  # points up to the end of the day
        price = self.prices[known - 1] if known else None
        # The first point is where the product became known, not a change.
        since = bisect.bisect_left(self.price_days, days_before(day, LONGEST - 1))
        earlier = self.prices[known - 2] if known > 1 else None
        units_7d = int(self.units.window(day, 7))
        return {
            "source": product.source, "account": product.account, "sku": product.sku,
            "currency": product.currency, "date": date,
            "day_of_week": date.isoweekday(), "is_weekend": date.isoweekday() > 5,
            "order_lines": sales.lines if sales else 0,
            "units": sales.units if sales else 0,
            "revenue": sales.revenue if sales else D(0),
            "units_7d": units_7d,
            "units_28d": int(self.units.window(day, LONGEST)),
            "sales_velocity_7d": units_7d / 7,
            "price": price,
            "price_changes_28d": max(0, known - max(since, 1)),
            "last_price_change": float(price / earlier - 1) if price is not None and earlier else None,
            "ad_impressions": ads.impressions if ads else 0,
            "ad_clicks": ads.clicks if ads else 0,
            "ad_conversions": ads.conversions if ads else D(0),
            "ad_cost": ads.cost if ads else D(0),
            "ad_cost_28d": self.cost.window(day, LONGEST),
        }


def rows(state, months):
    """{month: rows} for these months, sorted by product and day."""
    found = {month: [] for month in months}
    for product in products(state):
        days = [day for day in active_days(state, product) if month_of(day) in found]
        if not days:
            continue
        history = History(state, product)
        for day in days:
            found[month_of(day)].append(history.row(product, day))
    return found
