"""A real broker and a real database for tests, in a folder of their own and on free ports.

They end with the test, whatever becomes of it: a watcher outside of the test's process tree wipes
them as soon as that process is gone.
"""

import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
KAFKA = str(ROOT / "tools/kafka-local.sh")
POSTGRES = str(ROOT / "tools/postgres-local.sh")

# Reads from the pipe that the test holds open; it ends when the test does.
WATCHER = """
import os, shutil, subprocess, sys
os.read(int(sys.argv[1]), 1)
for script in sys.argv[3:]:
    subprocess.run([script, "wipe"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
shutil.rmtree(sys.argv[2], ignore_errors=True)
"""


def free_port(count=1):
    """A port below the ephemeral ones with `count` - 1 free ones behind it."""
    while True:
        port = random.randrange(20000, 31000)
        sockets = []
        try:
            for p in range(port, port + count):
                sockets.append(socket.socket())
                sockets[-1].bind(("127.0.0.1", p))
            return port
        except OSError:
            continue
        finally:
            for one in sockets:
                one.close()


def clean_environment():
    """The environment without what would lead to other servers or other state."""
    keep = ("SUJIP_BIN", "SUJIP_PROBE", "SUJIP_DATA", "KAFKA_JARS", "KAFKA_JVM")
    return {name: value for name, value in os.environ.items()
            if name in keep or not name.startswith(("SUJIP_", "KAFKA_", "PG"))}


class Servers:
    def __init__(self, **environment):
        """`environment`: more for the scripts in tools/, e.g. KAFKA_EXTRA."""
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sujip-test-"))
        self.folder.chmod(0o755)  # PostgreSQL's own user has to enter it
        kafka_port, pg_port = free_port(2), free_port()
        self.pg_port = pg_port
        self.environment = clean_environment() | {
            "KAFKA_PORT": str(kafka_port), "KAFKA_DATA": str(self.folder / "kafka"),
            "KAFKA_HEAP": "768m",
            "PG_PORT": str(pg_port), "PG_DATA": str(self.folder / "postgres"),
        } | environment
        self.kafka_address = f"127.0.0.1:{self.environment['KAFKA_PORT']}"
        reader, self.writer = os.pipe()
        subprocess.run(["setsid", "-f", sys.executable, "-c", WATCHER, str(reader),
                        str(self.folder), KAFKA, POSTGRES], env=self.environment, check=True,
                       pass_fds=[reader], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        os.close(reader)
        starting = [subprocess.Popen([script, "start"], env=self.environment,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
                    for script in (KAFKA, POSTGRES)]
        for process in starting:
            said = process.communicate(timeout=150)[1]
            assert process.returncode == 0, said

    def pg(self, database):
        return f"postgresql://postgres@127.0.0.1:{self.pg_port}/{database}"

    def call(self, script, command):
        subprocess.run([script, command], env=self.environment, check=True, timeout=150,
                       stdout=subprocess.DEVNULL)

    def said(self, script, command):
        return subprocess.run([script, command], env=self.environment, check=True, timeout=150,
                              capture_output=True, text=True).stdout

    def kill_and_start(self, script):
        self.call(script, "kill")
        self.call(script, "start")

    def close(self):
        # Killed first: nobody needs what they hold, and an orderly stop takes its time.
        ending = [subprocess.Popen(["sh", "-c", '"$0" kill; "$0" wipe', script], env=self.environment,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                  for script in (KAFKA, POSTGRES)]
        for process in ending:
            process.wait(150)
        os.close(self.writer)
        shutil.rmtree(self.folder, ignore_errors=True)
