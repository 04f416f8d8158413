"""Planned trouble by path and request number."""

import asyncio
import json
import re
import socket
import struct

from aiohttp import web

from . import errors

KINDS = ("timeout", "reset", "429", "500", "cut", "drip", "html503", "repeat_page", "new_field",
         "null_field", "text_numbers", "extra_column")
MAINTENANCE = "<html><head><title>점검중</title></head><body>서비스 점검중입니다.</body></html>"


class Fault:
    """{path: regex on the path, kind, nth: 1 (counted from now), times: 1, method?, customer?,
    seconds?: how long timeout and drip last, field?: for null_field}"""

    def __init__(self, plan):
        self.path = re.compile(plan.get("path", ".*"))
        self.kind = str(plan["kind"])
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind {self.kind}; one of {', '.join(KINDS)}")
        self.method = plan.get("method")
        self.customer = str(plan["customer"]) if plan.get("customer") else None
        self.nth = int(plan.get("nth", 1))
        self.times = int(plan.get("times", 1))
        self.seconds = float(plan.get("seconds", 60 if self.kind == "timeout" else 2))
        self.field = plan.get("field", "name")
        self.seen = 0
        self.fired = 0

    def hits(self, method, path, customer):
        if self.method and self.method.upper() != method:
            return False
        if self.customer and self.customer != customer:
            return False
        if not self.path.fullmatch(path):
            return False
        self.seen += 1
        if self.nth <= self.seen < self.nth + self.times:
            self.fired += 1
            return True
        return False

    def json(self):
        return {"path": self.path.pattern, "kind": self.kind, "nth": self.nth,
                "times": self.times, "seen": self.seen, "fired": self.fired}


class Faults:
    def __init__(self, closing):
        self.plans = []
        self._closing = closing

    def load(self, path):
        with open(path, encoding="utf-8") as file:
            for plan in json.load(file):
                self.add(plan)

    def add(self, plan):
        fault = Fault(plan)
        self.plans.append(fault)
        return fault

    def pick(self, method, path, customer):
        """Every plan counts the request; the first that is due acts."""
        due = [f for f in self.plans if f.hits(method, path, customer)]
        return due[0] if due else None

    async def before(self, fault, request, limits):
        """Faults that take the place of the answer."""
        if fault.kind == "429":
            raise limits.refusal(request.headers.get("X-Customer", ""))
        if fault.kind == "500":
            raise errors.ApiError(500, {"status": 500, "title": "Internal Server Error"})
        if fault.kind == "html503":
            return web.Response(text=MAINTENANCE, status=503, content_type="text/html")
        if fault.kind == "reset":
            reset(request)
        if fault.kind == "timeout":
            await self.wait(fault.seconds)
            reset(request)
        if fault.kind == "repeat_page":
            request["repeat_page"] = True
        return None

    async def wait(self, seconds):
        try:
            await asyncio.wait_for(self._closing.wait(), seconds)
        except asyncio.TimeoutError:
            pass

    async def after(self, fault, request, response):
        """Faults that spoil a good answer. True = the body went out whole."""
        body = response.body or b""
        if fault.kind == "extra_column":
            response.body = body.replace(b"\n", b"\textra\n")
        elif fault.kind in ("new_field", "null_field", "text_numbers"):
            response.text = json.dumps(drift(fault, json.loads(body)), ensure_ascii=False)
        elif fault.kind in ("cut", "drip"):
            stream = web.StreamResponse(status=response.status, headers=response.headers)
            stream.content_length = len(body)
            await stream.prepare(request)
            if fault.kind == "cut":
                await stream.write(body[:len(body) // 2])
                request.transport.close()
                raise Hangup
            pieces = 20
            for n in range(pieces):
                await stream.write(body[len(body) * n // pieces:len(body) * (n + 1) // pieces])
                await self.wait(fault.seconds / pieces)
            await stream.write_eof()
            return stream
        return response


class Hangup(Exception):
    """The connection is gone, there is nothing to answer."""


def reset(request):
    """Ends the connection with RST."""
    transport = request.transport
    if transport is not None:
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    raise Hangup


def drift(fault, value):
    if isinstance(value, list):
        return [drift(fault, v) for v in value]
    if not isinstance(value, dict):
        return value
    out = {k: drift(fault, v) if isinstance(v, (list, dict)) else v for k, v in value.items()}
    if fault.kind == "new_field":
        out["addedLater"] = {"value": 1}
    elif fault.kind == "null_field" and fault.field in out:
        out[fault.field] = None
    elif fault.kind == "text_numbers":
        out = {k: str(v) if type(v) is int else v for k, v in out.items()}
    return out
