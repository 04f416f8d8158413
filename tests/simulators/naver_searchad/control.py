"""/_sim/: what a test may ask and do. Not part of the vendor, no authentication."""

import datetime as dt
import hashlib
import json

from aiohttp import web

from . import errors
from .clock import parse_instant, utc_text
from .data import REPORTS, add_measures


class Control:
    def __init__(self, simulator):
        self._sim = simulator

    def routes(self):
        return [
            web.get("/_sim/state", self.state), web.get("/_sim/served", self.served),
            web.delete("/_sim/served", self.clear_served), web.get("/_sim/truth", self.truth),
            web.get("/_sim/rows", self.rows), web.post("/_sim/restate", self.restate),
            web.post("/_sim/incident", self.incident), web.post("/_sim/clock", self.clock),
            web.post("/_sim/limits", self.limits), web.post("/_sim/fault", self.fault),
            web.delete("/_sim/fault", self.clear_faults), web.get("/_sim/log", self.log),
            web.delete("/_sim/log", self.clear_log),
        ]

    def _days(self):
        """All days that a collector can have, the not yet ready yesterday included."""
        first, today = self._sim.world.first_day, self._sim.clock.today()
        return [first + dt.timedelta(days=n) for n in range((today - first).days)]

    def _account(self, text):
        account = self._sim.world.by_customer.get(int(text)) if str(text).isdigit() else None
        if account is None:
            raise errors.ApiError(400, {"error": f"no account {text}"})
        return account

    async def state(self, request):
        sim = self._sim
        days = self._days()
        return errors.json_response({
            "now": utc_text(sim.clock.now(), millis=True),
            "now_kst": sim.clock.now_kst().isoformat(timespec="seconds"),
            "today": sim.clock.today().isoformat(),
            "from": days[0].isoformat() if days else None,
            "to": days[-1].isoformat() if days else None,
            "ready_to": max((d.isoformat() for d in days if sim.reports.is_ready(d)),
                            default=None),
            "quick": sim.options.quick, "seed": sim.world.seed,
            "owner_customer": sim.world.owner_customer,
            "accounts": [{
                "customer": str(a.customer), "number": a.number, "name": a.name, "kind": a.kind,
                "bizmoney": a.bizmoney, "budget_lock": a.budget_lock,
                "campaigns": len([c for c in a.campaigns if not c.deleted]),
                "stopped_campaigns": [c.id for c in a.campaigns if c.stops],
                "deleted_campaigns": [c.id for c in a.campaigns if c.deleted],
                "ad_groups": sum(len(c.groups) for c in a.campaigns if not c.deleted),
                "keywords": sum(len(g.keywords) for c in a.campaigns if not c.deleted
                                for g in c.groups),
            } for a in sim.world.children],
            "restated": sorted([str(c), d.isoformat()] for c, d in sim.data.restated),
            "jobs": dict(sim.reports.counts), "limits": sim.limits.state(),
            "faults": [f.json() for f in sim.faults.plans],
        })

    async def served(self, request):
        return errors.json_response(self._sim.served.json())

    async def clear_served(self, request):
        self._sim.served.clear()
        return errors.json_response({})

    def _truth_of(self, account, day):
        data = self._sim.data
        ad, conv = (data.measures(account, r, day) for r in ("AD", "AD_CONVERSION"))
        return {
            "account": str(account.customer), "date": day.isoformat(),
            "ready": self._sim.reports.is_ready(day), "AD": ad, "AD_CONVERSION": conv,
            "EXPKEYWORD": data.measures(account, "EXPKEYWORD", day),
            "keyword": data.keyword_level(account, day), "joined": data.joined(account, day),
        }

    async def truth(self, request):
        query = request.query
        first = dt.date.fromisoformat(query["from"]) if query.get("from") else dt.date.min
        last = dt.date.fromisoformat(query["to"]) if query.get("to") else dt.date.max
        days, totals = [], {}
        for account in self._sim.world.children:
            if account.kind == "lost" or query.get("account") not in (None, str(account.customer)):
                continue
            for day in self._days():
                if not first <= day <= last:
                    continue
                entry = self._truth_of(account, day)
                if query.get("ready") == "1" and not entry["ready"]:
                    continue
                days.append(entry)
                for part in REPORTS + ("keyword", "joined"):
                    add_measures(totals.setdefault(part, {}), entry[part])
        return errors.json_response({"days": days, "totals": totals})

    async def rows(self, request):
        query = request.query
        text, _ = self._sim.data.tsv(self._account(query["account"]), query.get("report", "AD"),
                                     dt.date.fromisoformat(query["date"]))
        return web.Response(text=text, content_type="text/tab-separated-values")

    async def restate(self, request):
        body = await body_of(request)
        seed = body.get("seed", 1)
        pick = int.from_bytes(hashlib.sha256(f"restate|{seed}".encode()).digest()[:6], "big")
        active = [a for a in self._sim.world.children if a.kind == "active"]
        account = (self._account(body["account"]) if body.get("account")
                   else active[pick % len(active)])
        days = [d for d in self._days() if self._sim.reports.is_ready(d)]
        if not body.get("date") and not days:
            raise errors.ApiError(400, {"error": "no day is ready yet"})
        day = (dt.date.fromisoformat(body["date"]) if body.get("date")
               else days[pick // 997 % len(days)])
        old = self._truth_of(account, day)
        changes = self._sim.data.restate(account, day, seed)
        jobs = self._sim.reports.mark_changed(account.customer, day)
        return errors.json_response({
            "account": str(account.customer), "date": day.isoformat(), "old": old,
            "new": self._truth_of(account, day), "changes": changes, "changed_jobs": jobs,
        })

    async def incident(self, request):
        body = await body_of(request)
        account = self._account(body["account"])
        kind = body.get("kind", "none")
        if kind not in ("none", "error"):
            raise errors.ApiError(400, {"error": "kind is none or error"})
        self._sim.reports.plan_incident(account.customer, body.get("report", "AD"),
                                        dt.date.fromisoformat(body["date"]), kind,
                                        int(body.get("times", 1)))
        return errors.json_response({"planned": body})

    async def clock(self, request):
        body = await body_of(request)
        if body.get("now"):
            self._sim.clock.set(parse_instant(body["now"]))
        self._sim.clock.advance(body.get("advance_s", 0))
        if "auth" in body:  # "virtual": signatures must be made with the simulator's time
            self._sim.auth.follow_virtual = body["auth"] == "virtual"
        return errors.json_response({"now": utc_text(self._sim.clock.now(), millis=True),
                                     "today": self._sim.clock.today().isoformat()})

    async def limits(self, request):
        body = await body_of(request)
        self._sim.limits.set_rates(body.get("report"), body.get("other"))
        return errors.json_response(self._sim.limits.state())

    async def fault(self, request):
        body = await body_of(request)
        try:
            added = [self._sim.faults.add(p) for p in (body if isinstance(body, list) else [body])]
        except (KeyError, ValueError) as problem:
            raise errors.ApiError(400, {"error": f"bad fault: {problem}"}) from None
        return errors.json_response({"faults": [f.json() for f in added]})

    async def clear_faults(self, request):
        self._sim.faults.plans.clear()
        return errors.json_response({})

    async def log(self, request):
        return errors.json_response(self._sim.log.json(int(request.query.get("limit", 1000))))

    async def clear_log(self, request):
        self._sim.log.clear()
        return errors.json_response({})


async def body_of(request):
    text = await request.text()
    return json.loads(text) if text.strip() else {}
