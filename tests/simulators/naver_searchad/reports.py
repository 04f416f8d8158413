"""/stat-reports: jobs with their whole life, and the download."""

import base64
import collections
import datetime as dt
import hashlib
import itertools
import json

from aiohttp import web

from . import errors
from .clock import KST, day_start_utc, utc_text
from .data import REPORTS

RETENTION_DAYS = 365
BUILT_DAYS = 14
RING = 100


class Job:
    def __init__(self, number, account, report, day, end, now):
        self.number = number
        self.account = account
        self.report = report
        self.day = day
        self.end = end  # the status this job will come to: BUILT, NONE or ERROR
        self.created = now
        self.polls = 0
        self.changed = False
        digest = hashlib.sha256(f"{number}|{account.customer}|{report}|{day}".encode()).digest()
        # Base64 with its + / = percent-encoded: a client that re-encodes it breaks it.
        token = base64.b64encode(digest + b"\xfb\xff\xfe").decode()
        self.token = token.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D") + "%3D%2B"
        self.query = f"authtoken={self.token}&fileVersion=v2"


class Reports:
    def __init__(self, world, data, clock, served, options):
        self._world = world
        self._data = data
        self._clock = clock
        self._served = served
        self._options = options
        self._numbers = itertools.count(123456001)
        self._jobs = collections.defaultdict(collections.OrderedDict)  # customer -> number -> job
        self._by_token = {}
        self._incidents = {}  # (customer, report, day) -> kinds still to happen
        self.counts = collections.Counter()

    def routes(self):
        return [
            web.post("/stat-reports", self.create),
            web.get("/stat-reports", self.list),
            web.delete("/stat-reports", self.delete_all),
            web.get("/stat-reports/{number}", self.get),
            web.delete("/stat-reports/{number}", self.delete),
            web.get("/report-download", self.download),
        ]

    def plan_incident(self, customer, report, day, kind, times=1):
        """The next `times` jobs of this file end as `none` or `error`."""
        self._incidents[(customer, report, day)] = [kind.upper()] * times

    def ready_at(self, day):
        hour, minute = self._options.ready
        return dt.datetime(day.year, day.month, day.day, hour, minute, tzinfo=KST) + dt.timedelta(
            days=1)

    def is_ready(self, day):
        return self._clock.now() >= self.ready_at(day)

    def mark_changed(self, customer, day):
        jobs = [j for j in self._jobs[customer].values() if j.day == day]
        changed = [j for j in jobs if self._status(j) == "BUILT"]
        for job in changed:
            job.changed = True
        return [j.number for j in changed]

    def _status(self, job):
        if job.changed:
            return self._options.changed_literal
        if self._options.quick:
            step = min(job.polls, 2)
        else:
            age = self._clock.timestamp() - job.created
            build = self._options.build_seconds * (1 + job.number % 3 / 4)
            step = 0 if age < build / 4 else 1 if age < build else 2
        busy = "RUNNING"
        hour = self._clock.now_kst().hour
        if not self._options.quick and 1 <= hour < 3:
            busy = "AGGREGATING"
        elif not self._options.quick and job.number % 7 == 0:
            busy = "WAITING"
        return ("REGIST", busy, job.end)[step]

    def _json(self, job):
        status = self._status(job)
        url = f"{self._options.base_url}/report-download?{job.query}" if status == "BUILT" else ""
        return {
            "reportJobId": job.number, "statDt": day_start_utc(job.day),
            "updateTm": utc_text(self._clock.now()), "reportTp": job.report, "status": status,
            "downloadUrl": url,
            "regTm": utc_text(dt.datetime.fromtimestamp(job.created, dt.timezone.utc)),
            "loginId": "demo",
        }

    def _poll(self, job):
        job.polls += 1
        out = self._json(job)
        if out["status"] == "NONE":
            self._served.none(job)
        return out

    def _drop(self, job):
        self._jobs[job.account.customer].pop(job.number, None)
        self._by_token.pop(job.query, None)

    def _expire(self, customer):
        limit = self._clock.timestamp() - BUILT_DAYS * 86400
        for job in [j for j in self._jobs[customer].values() if j.created < limit]:
            self._drop(job)

    def _find(self, request):
        customer = request["account"].customer
        self._expire(customer)
        text = request.match_info["number"]
        job = self._jobs[customer].get(int(text)) if text.isascii() and text.isdigit() else None
        if job is None:
            raise errors.coded(errors.NO_REPORT)
        return job

    async def create(self, request):
        account = request["account"]
        try:
            body = json.loads(await request.text())
            report, day = body["reportTp"], parse_stat_day(body["statDt"])
        except (ValueError, KeyError, TypeError):
            raise errors.coded(errors.BAD_PARAMETER) from None
        if report not in REPORTS:
            raise errors.coded(errors.BAD_PARAMETER)
        today = self._clock.today()
        if day >= today or (today - day).days > RETENTION_DAYS:
            raise errors.coded(errors.NO_FIGURES)
        if not self.is_ready(day):
            raise errors.coded(errors.NOT_READY)
        self._expire(account.customer)
        job = Job(next(self._numbers), account, report, day, self._end(account, report, day),
                  self._clock.timestamp())
        jobs = self._jobs[account.customer]
        while len(jobs) >= RING:  # the oldest vanishes without a word
            self._drop(next(iter(jobs.values())))
        jobs[job.number] = job
        self._by_token[job.query] = job
        self.counts[job.end] += 1
        return errors.json_response(self._json(job))

    def _end(self, account, report, day):
        planned = self._incidents.get((account.customer, report, day))
        if planned:
            return planned.pop()
        key = (account.customer, report, day)
        pick = hashlib.sha256(f"{self._world.seed}|{key}".encode()).digest()[0]
        if pick < 2 and self._options.errors and key not in self._incidents:
            self._incidents[key] = []  # fails once, the next job of this file is fine
            return "ERROR"
        if self._data.measures(account, report, day)["rows"] == 0:
            # An empty day is mostly NONE; now and then a file without a line.
            return "BUILT" if account.kind == "paused" and day.day % 10 == 0 else "NONE"
        return "BUILT"

    async def list(self, request):
        customer = request["account"].customer
        self._expire(customer)
        return errors.json_response([self._poll(j) for j in self._jobs[customer].values()])

    async def get(self, request):
        return errors.json_response(self._poll(self._find(request)))

    async def delete(self, request):
        self._drop(self._find(request))
        return web.Response(status=204)

    async def delete_all(self, request):
        for job in list(self._jobs[request["account"].customer].values()):
            self._drop(job)
        return web.Response(status=204)

    async def download(self, request):
        account = request["account"]
        self._expire(account.customer)
        # The query is compared as it was sent: an authtoken decoded on the way is another one.
        job = self._by_token.get(request.raw_path.partition("?")[2])
        if job is None or self._status(job) != "BUILT":
            raise errors.coded(errors.NO_REPORT)
        if job.account is not account:
            raise errors.no_permission()
        text, measures = self._data.tsv(account, job.report, job.day)
        request["on_sent"] = lambda: self._served.file(job, measures)
        return web.Response(body=text.encode("utf-8"), content_type="text/tab-separated-values",
                            charset="utf-8")


def parse_stat_day(text):
    """YYYYMMDD is the KST day; an ISO instant means the KST day that it falls in."""
    if not isinstance(text, str):
        raise ValueError("statDt is not text")
    if len(text) == 8 and text.isascii() and text.isdigit():
        return dt.datetime.strptime(text, "%Y%m%d").date()
    value = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return value.astimezone(KST).date() if value.tzinfo else value.date()
