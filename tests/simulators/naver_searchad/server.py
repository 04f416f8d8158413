#!/usr/bin/python3
"""Naver Search Ad simulator: `server.py --port 0` prints `ready http://127.0.0.1:PORT`."""

import argparse
import asyncio
import datetime as dt
import pathlib
import random
import signal
import sys
import time

from aiohttp import web

if __package__ in (None, ""):  # started as a script: the package is this folder
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
    __package__ = "naver_searchad"

from naver_searchad import errors
from naver_searchad.accounts import Accounts
from naver_searchad.auth import Authenticator
from naver_searchad.clock import Clock, parse_instant
from naver_searchad.control import Control
from naver_searchad.data import Data
from naver_searchad.faults import Faults, Hangup
from naver_searchad.journal import RequestLog, Served
from naver_searchad.limits import Limits
from naver_searchad.reports import Reports
from naver_searchad.world import World

DEFAULT_LICENCE = "0100000000a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c"
DEFAULT_SECRET = "AQAAAABkZW1vLWFnZW5jeS1zZWNyZXQtbm90LXJlYWw9PQ=="
DEFAULT_CUSTOMER = 1000001


class Simulator:
    def __init__(self, options):
        self.options = options
        self.closing = asyncio.Event()
        self.clock = Clock(options.now)
        first_day = self.clock.today() - dt.timedelta(days=options.days)
        self.world = World(options.seed, options.accounts, first_day, options.customer,
                           options.lost_account)
        self.data = Data(self.world)
        self.served = Served()
        self.log = RequestLog()
        self.limits = Limits(options.report_rate, options.other_rate)
        self.auth = Authenticator(options.license, options.secret, self.clock,
                                  options.auth_clock == "virtual")
        self.reports = Reports(self.world, self.data, self.clock, self.served, options)
        self.accounts = Accounts(self.world, options.total_off_by_one)
        self.faults = Faults(self.closing)
        if options.fault:
            self.faults.load(options.fault)
        self._transactions = random.Random(f"transactions|{options.seed}")

    def app(self):
        app = web.Application(middlewares=[self.serve])
        app.add_routes(self.accounts.routes())
        app.add_routes(self.reports.routes())
        app.add_routes(Control(self).routes())
        return app

    @web.middleware
    async def serve(self, request, handler):
        """The gateway: control calls pass, vendor calls are checked, spoiled and logged."""
        if request.path.startswith("/_sim/"):
            try:
                return await handler(request)
            except errors.ApiError as error:
                return error.response()
            except (KeyError, ValueError) as problem:
                return errors.json_response({"error": f"bad request: {problem!r}"}, 400)
        started = time.monotonic()
        transaction = f"{self._transactions.getrandbits(64):016X}"
        customer = request.headers.get("X-Customer", "")
        status = 0  # stays 0 when the connection was broken on purpose
        try:
            response = await self._answer(request, handler, customer, transaction)
            status = response.status
            return response
        except Hangup:
            return web.Response(status=500)  # goes nowhere: the connection is closed
        finally:
            path, _, query = request.raw_path.partition("?")
            self.log.add(request.method, path, query, customer, status, started, transaction)

    async def _answer(self, request, handler, customer, transaction):
        path = request.raw_path.split("?", 1)[0]
        fault = self.faults.pick(request.method, path, customer)
        response = None
        try:
            if fault:
                response = await self.faults.before(fault, request, self.limits)
            if response is None:
                response = await self._vendor(request, handler)
        except errors.ApiError as error:
            response = error.response()
        response.headers["X-Transaction-ID"] = transaction
        if fault and response.status == 200:
            response = await self.faults.after(fault, request, response)
        if response.status == 200 and "on_sent" in request:
            if not response.prepared:
                await response.prepare(request)
                await response.write_eof()
            request["on_sent"]()
        return response

    async def _vendor(self, request, handler):
        path = request.raw_path.split("?", 1)[0]
        customer = self.auth.check(request.method, path, request.headers)
        self.limits.check(customer, path)
        numeric = customer.isascii() and customer.isdigit()
        account = self.world.find(int(customer)) if numeric else None
        if account is None:
            raise errors.no_permission()
        if account.kind == "lost":
            raise errors.access_lost()
        request["account"] = account
        try:
            return await handler(request)
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
            raise errors.not_found(path) from None


def parse_options(arguments):
    def hour_minute(text):
        hour, minute = (int(part) for part in text.split(":"))
        return dt.time(hour, minute).hour, minute

    p = argparse.ArgumentParser(description="Simulator of the Naver Search Ad API.")
    p.add_argument("--host", default="127.0.0.1")
    p.add_argument("--port", type=int, default=0, help="0 = any free port")
    p.add_argument("--accounts", type=int, default=20)
    p.add_argument("--days", type=int, default=35, help="days of data, up to yesterday")
    p.add_argument("--seed", type=int, default=7)
    p.add_argument("--now", type=parse_instant, help="ISO time; without a zone KST")
    p.add_argument("--fault", help="JSON file: a list of faults")
    p.add_argument("--quick", action="store_true", help="jobs move on with every poll")
    p.add_argument("--lost-account", action="store_true", help="one listed account answers 403")
    p.add_argument("--license", default=DEFAULT_LICENCE)
    p.add_argument("--secret", default=DEFAULT_SECRET)
    p.add_argument("--customer", type=int, default=DEFAULT_CUSTOMER, help="of the key's owner")
    p.add_argument("--auth-clock", choices=("real", "virtual"), default="real")
    p.add_argument("--ready", type=hour_minute, default=(3, 10), metavar="HH:MM",
                   help="KST time from which yesterday can be asked for")
    p.add_argument("--build-seconds", type=float, default=8, help="age of a built job")
    p.add_argument("--report-rate", type=float, default=10, help="requests/s, 0 = no limit")
    p.add_argument("--other-rate", type=float, default=25, help="requests/s, 0 = no limit")
    p.add_argument("--no-errors", dest="errors", action="store_false",
                   help="no job ends as ERROR by itself")
    p.add_argument("--changed-literal", default="CHANGED", help="status of a restated job")
    p.add_argument("--total-off-by-one", action="store_true", help="wrong totalElements")
    return p.parse_args(arguments)


async def run(options):
    simulator = Simulator(options)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, simulator.closing.set)
    runner = web.AppRunner(simulator.app(), access_log=None, handle_signals=False)
    await runner.setup()
    site = web.TCPSite(runner, options.host, options.port, shutdown_timeout=1.0, backlog=1024)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    options.base_url = f"http://{options.host}:{port}"
    print(f"ready {options.base_url}", flush=True)
    await simulator.closing.wait()
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(run(parse_options(sys.argv[1:])))
