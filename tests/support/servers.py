"""A real broker and a real database for tests, in a folder of their own and on free ports.

They end with the test, whatever becomes of it: a watcher outside of the test's process tree wipes
them as soon as that process is gone.

A broker costs more until it is warm than most tests do, so ctest shares one pair among the files that
leave servers alone (CMake's test fixture "servers"):
    servers.py start FILE    starts the pair, which ends when the caller of this command does; FILE says where
    servers.py stop FILE
and SUJIP_TEST_SERVERS=FILE is what such a test finds. Without it a test file starts its own.
"""

import json
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

# Waits for the end of the process it is told.
WATCHER = """
import os, select, shutil, subprocess, sys
try:
    select.select([os.pidfd_open(int(sys.argv[1]))], [], [])
except ProcessLookupError:
    pass
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


def folder_for_all(parent):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sujip-test-", dir=parent))
    folder.chmod(0o755)  # PostgreSQL's own user has to enter it
    return folder


class Servers:
    """A pair of its own, which nobody else uses: it may be killed."""

    def __init__(self, owner=None, **environment):
        """`owner`: the process (default: this one) with which the servers end.
        `environment`: more for the scripts in tools/, e.g. KAFKA_EXTRA."""
        self.folder = folder_for_all(None)
        self.names = ""
        self.pg_port = free_port()
        self.environment = clean_environment() | {
            "KAFKA_PORT": str(free_port(2)), "KAFKA_DATA": str(self.folder / "kafka"),
            "KAFKA_HEAP": "768m",
            "PG_PORT": str(self.pg_port), "PG_DATA": str(self.folder / "postgres"),
        } | environment
        self.kafka_address = f"127.0.0.1:{self.environment['KAFKA_PORT']}"
        subprocess.run(["setsid", "-f", sys.executable, "-c", WATCHER, str(owner or os.getpid()),
                        str(self.folder), KAFKA, POSTGRES], env=self.environment, check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
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

    def restart(self, script):
        """In order: it writes down where it stopped."""
        self.call(script, "stop")
        self.call(script, "start")

    def close(self):
        # Killed first: nobody needs what they hold, and an orderly stop takes its time.
        ending = [subprocess.Popen(["sh", "-c", '"$0" kill; "$0" wipe', script], env=self.environment,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                  for script in (KAFKA, POSTGRES)]
        for process in ending:
            process.wait(150)
        shutil.rmtree(self.folder, ignore_errors=True)


class SharedServers(Servers):
    """A pair that runs for others as well; what a test file leaves there has its name in front."""

    def __init__(self, file):
        self.environment = clean_environment() | json.loads(pathlib.Path(file).read_text())
        self.names = f"t{os.getpid()}"
        self.folder = folder_for_all(pathlib.Path(self.environment["KAFKA_DATA"]).parent)
        self.pg_port = int(self.environment["PG_PORT"])
        self.kafka_address = f"127.0.0.1:{self.environment['KAFKA_PORT']}"

    def call(self, script, command):
        raise AssertionError(f"{script} {command}: these servers are not of this test alone")

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def main(command, file):
    file = pathlib.Path(file)
    if command == "start":
        made = Servers(os.getppid())
        file.write_text(json.dumps({name: value for name, value in made.environment.items()
                                    if name.startswith(("KAFKA_", "PG_"))}))
    elif command == "stop":
        shared = SharedServers(file)
        file.unlink()
        for script in (KAFKA, POSTGRES):
            subprocess.run(["sh", "-c", '"$0" kill; "$0" wipe', script], env=shared.environment, check=True,
                           stdout=subprocess.DEVNULL)
        shutil.rmtree(shared.folder.parent)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
