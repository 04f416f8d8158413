"""The simulator of the Naver Search Ad API as a process."""

import json
import subprocess
import sys
import urllib.request

from servers import ROOT

LICENCE = "0100000000a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c"
SECRET = "AQAAAABkZW1vLWFnZW5jeS1zZWNyZXQtbm90LXJlYWw9PQ=="


class Vendor:
    def __init__(self, *options):
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests/simulators/naver_searchad/server.py"), "--port", "0",
             "--quick", *map(str, options)], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("ready "), line
        self.url = line.split()[1]

    def call(self, method, path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def get(self, path):
        return self.call("GET", path)

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        finally:
            self.process.kill()
            self.process.wait(20)
            self.process.stdout.close()
