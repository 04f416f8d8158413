"""What happened: the request log (without secrets) and what was served as the truth."""

import collections
import time

from .data import add_measures


class RequestLog:
    def __init__(self):
        self._lines = collections.deque(maxlen=50_000)
        self._counts = collections.defaultdict(collections.Counter)
        self._seconds = collections.defaultdict(lambda: collections.deque())
        self._busiest = collections.Counter()
        self._total = 0

    def add(self, method, path, query, customer, status, started, transaction):
        self._total += 1
        if path == "/report-download":
            query = ""  # holds the authtoken
        self._lines.append({
            "n": self._total, "at": round(time.time(), 3), "method": method, "path": path,
            "query": query, "customer": customer, "status": status,
            "ms": round((time.monotonic() - started) * 1000, 1), "transaction": transaction,
        })
        counts = self._counts[customer]
        counts["requests"] += 1
        counts[f"{method} {status}"] += 1
        window = self._seconds[customer]
        now = time.monotonic()
        window.append(now)
        while window[0] <= now - 1.0:
            window.popleft()
        self._busiest[customer] = max(self._busiest[customer], len(window))

    def clear(self):
        self.__init__()

    def json(self, limit):
        lines = list(self._lines)[-limit:] if limit else []
        return {
            "total": self._total,
            "accounts": {c: {**counts, "busiest_second": self._busiest[c]}
                         for c, counts in sorted(self._counts.items())},
            "requests": lines,
        }


class Served:
    """The last complete answer per (account, reportTp, date)."""

    def __init__(self):
        self._files = {}

    def _put(self, job, status, measures):
        key = (str(job.account.customer), job.report, job.day.isoformat())
        times = self._files.get(key, {"times": 0})["times"] + 1
        self._files[key] = {"account": key[0], "report": key[1], "date": key[2],
                            "status": status, "job": job.number, **measures, "times": times}

    def file(self, job, measures):
        self._put(job, "BUILT", measures)

    def none(self, job):
        self._put(job, "NONE", {"rows": 0})

    def clear(self):
        self._files.clear()

    def json(self):
        files = [self._files[k] for k in sorted(self._files)]
        totals = {}
        for entry in files:
            total = totals.setdefault(entry["report"], {"files": 0, "none": 0, "rows": 0})
            total["files" if entry["status"] == "BUILT" else "none"] += 1
            skip = ("account", "report", "date", "status", "job", "times")
            add_measures(total, {k: v for k, v in entry.items() if k not in skip})
        return {"files": files, "totals": totals}
