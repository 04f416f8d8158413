"""Token buckets per customer id. No Retry-After; the two shapes of 429 take turns."""

import collections
import time

from . import errors


class _Bucket:
    def __init__(self, rate):
        self.rate = rate
        self.tokens = max(1.0, rate)
        self.at = time.monotonic()

    def take(self):
        now = time.monotonic()
        self.tokens = min(max(1.0, self.rate), self.tokens + (now - self.at) * self.rate)
        self.at = now
        if self.tokens < 1.0:
            return False
        self.tokens -= 1.0
        return True


class Limits:
    """Reports and everything else are counted apart. A rate of 0 means no limit."""

    def __init__(self, report_rate, other_rate):
        self._rates = {"report": report_rate, "other": other_rate}
        self._buckets = {}
        self._refused = collections.Counter()

    @staticmethod
    def kind(path):
        return "report" if path.startswith(("/stat-reports", "/report-download")) else "other"

    def set_rates(self, report_rate=None, other_rate=None):
        if report_rate is not None:
            self._rates["report"] = float(report_rate)
        if other_rate is not None:
            self._rates["other"] = float(other_rate)
        self._buckets.clear()

    def check(self, customer, path):
        kind = self.kind(path)
        rate = self._rates[kind]
        if rate <= 0:
            return
        bucket = self._buckets.get((customer, kind))
        if bucket is None:
            bucket = self._buckets[(customer, kind)] = _Bucket(rate)
        if not bucket.take():
            raise self.refusal(customer)

    def refusal(self, customer):
        self._refused[customer] += 1
        return errors.too_many(by_gateway=self._refused[customer] % 2 == 0)

    def state(self):
        return {"rates": dict(self._rates), "refused": dict(self._refused)}
