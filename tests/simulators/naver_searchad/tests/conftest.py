import pathlib
import signal
import subprocess
import sys

import pytest

from .client import Client

SERVER = pathlib.Path(__file__).resolve().parent.parent / "server.py"


@pytest.fixture
def start():
    """start("--quick", ...) runs a real server on a free port and returns a client of it."""
    running = []

    def begin(*arguments):
        process = subprocess.Popen(
            [sys.executable, str(SERVER), "--port", "0", *arguments],
            stdout=subprocess.PIPE, text=True)
        running.append(process)
        line = process.stdout.readline()
        assert line.startswith("ready http://127.0.0.1:"), line
        client = Client(line.split()[1])
        client.process = process
        return client

    yield begin
    for process in running:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=15) == 0
        process.stdout.close()
