"""./run with a stand-in for the program: what it starts, ends, passes on and refuses.

Broker and database are the real ones.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import textwrap
import time

import pytest

from conftest import ROOT

# Answers what ./run asks of sujip. "up" ends at SIGTERM; with --once it ends by itself.
STAND_IN = textwrap.dedent("""\
    #!/usr/bin/env bash
    echo "$*" >>"$CALLS"
    [[ $1 == up ]] || exit 0
    trap 'echo ended in order; exit 0' TERM
    echo "$SUJIP_HOME" >"$CALLS.up"
    if [[ $2 == --once ]]; then echo table; echo '{"complete": true}'; exit "${ONCE_EXIT:-0}"; fi
    while :; do sleep 0.1; done
    """)
STUB = "import sys,time; print('ready http://stub', flush=True); time.sleep(1000)\n"


class Checkout:
    """A copy of what ./run needs, with ports of its own."""

    def __init__(self, folder, port, environment):
        self.folder, self.port = folder, port
        shutil.copy(ROOT / "run", folder / "run")
        shutil.copytree(ROOT / "tools", folder / "tools")
        stub = folder / "tests/simulators/naver_searchad/server.py"
        stub.parent.mkdir(parents=True)
        stub.write_text(STUB)
        program = folder / "sujip"
        program.write_text(STAND_IN)
        program.chmod(0o755)
        self.calls_file = folder / "calls"
        self.environment = environment | {"SUJIP_BIN": str(program), "CALLS": str(self.calls_file)}

    def start(self, *arguments, **extra):
        return subprocess.Popen([str(self.folder / "run"), "--port-base", str(self.port),
                                 *arguments], text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, env=self.environment | extra)

    def run(self, *arguments, **extra):
        process = self.start(*arguments, **extra)
        out, err = process.communicate(timeout=120)
        process.out, process.err = out, err
        return process

    def calls(self):
        return self.calls_file.read_text().splitlines() if self.calls_file.exists() else []

    def wait_until_up(self, process):
        deadline = time.monotonic() + 90
        while not pathlib.Path(f"{self.calls_file}.up").exists():
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline, "run does not get to sujip up"
            time.sleep(0.05)

    def left_behind(self):
        """Command lines of processes that belong to this checkout."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                except OSError:
                    continue
                if str(self.folder) in line:
                    found.append(line)
        return found


@pytest.fixture
def checkout(folder, ports, clean_environment):
    made = Checkout(folder, ports, clean_environment)
    yield made
    made.run("--clean")
    assert not (folder / ".local").exists()
    assert made.left_behind() == []


def test_once_passes_output_and_exit_code_and_leaves_servers_and_data(checkout):
    done = checkout.run("--once")
    assert done.returncode == 0, done.err
    assert json.loads(done.out.splitlines()[-1]) == {"complete": True}
    calls = checkout.calls()
    assert sorted(calls[:2]) == ["db migrate", "topics apply"]
    assert calls[2:4] == ["source add online_retail", "source add danawa"]
    assert calls[4].startswith(
        f"source add naver_searchad --url http://127.0.0.1:{checkout.port + 4} --set customer=")
    assert len(calls) == 6
    assert calls[-1] == "up --once"
    # Broker and database stay up for whoever wants to look; nothing else does.
    assert all("kafka" in line or "postgres" in line for line in checkout.left_behind())
    assert checkout.run("--once", "--no-guard", ONCE_EXIT="3").returncode == 3
    assert checkout.calls()[-1] == "up --once --no-guard"


def test_env_file_holds_the_addresses(checkout):
    assert checkout.run("--once").returncode == 0
    text = (checkout.folder / ".local/env").read_text()
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    assert values["SUJIP_KAFKA"] == f"127.0.0.1:{checkout.port}"
    assert values["SUJIP_PG"] == f"postgresql://postgres@127.0.0.1:{checkout.port + 2}/sujip"
    assert values["SUJIP_BOARD"] == f"127.0.0.1:{checkout.port + 3}"
    shell = subprocess.run(["bash", "-c", '. "$1" && env', "_", checkout.folder / ".local/env"],
                           check=True, text=True, capture_output=True, env=checkout.environment)
    assert f"SUJIP_PG={values['SUJIP_PG']}" in shell.stdout
    # A shell that has read the file does not make our own servers somebody else's.
    assert checkout.run("--once", SUJIP_KAFKA=values["SUJIP_KAFKA"],
                        SUJIP_PG=values["SUJIP_PG"]).returncode == 0
    assert not (checkout.folder / ".local/external").exists()


def test_stop_from_elsewhere_and_one_run_at_a_time(checkout):
    process = checkout.start()
    checkout.wait_until_up(process)
    second = checkout.run("--once")
    assert second.returncode == 1 and "already running" in second.err
    assert checkout.run("--stop").returncode == 0
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0 and "ended in order" in out
    assert checkout.left_behind() == []
    assert checkout.run("--stop").returncode == 0, "nothing to stop is no error"


def test_run_after_everything_was_killed(checkout):
    process = checkout.start()
    checkout.wait_until_up(process)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)  # not communicate(): "sujip up" outlives it and holds the pipes
    process.stdout.close()
    process.stderr.close()
    store = checkout.folder / ".local/samples"
    subprocess.run([checkout.folder / "tools/kafka-local.sh", "kill"], check=True,
                   env=checkout.environment | {"KAFKA_DATA": str(store / "kafka")})
    subprocess.run([checkout.folder / "tools/postgres-local.sh", "kill"], check=True,
                   env=checkout.environment | {"PG_DATA": str(store / "postgres")})
    done = checkout.run("--once")
    assert done.returncode == 0, done.out[-3000:] + done.err
    assert checkout.run("--stop").returncode == 0
    assert checkout.left_behind() == []


def test_real_files_have_a_store_of_their_own(checkout):
    data = checkout.folder / "real files"
    (data / "retail").mkdir(parents=True)
    (data / "danawa").mkdir()
    (checkout.folder / "CPU").mkdir()
    (checkout.folder / "CPU/2020-07-05T174436.csv").write_text("id,name,price\n")
    subprocess.run(["tar", "--zstd", "-cf", data / "danawa/CPU.tar.zst", "-C", checkout.folder,
                    "CPU"], check=True)
    done = checkout.run("--once", "--data", str(data))
    assert done.returncode == 0, done.err
    unpacked = checkout.folder / ".local/data/danawa"
    assert (unpacked / "CPU/2020-07-05T174436.csv").exists()
    assert f"source add online_retail --path {data}/retail" in checkout.calls()
    assert f"source add danawa --path {unpacked}" in checkout.calls()
    home = pathlib.Path(f"{checkout.calls_file}.up").read_text().strip()
    assert home == str(checkout.folder / ".local/files/home")


@pytest.mark.parametrize("arguments", [
    ("--no-such-option",), ("--data", "/no/such/folder"), ("--data", "/usr"), ("--data",)])
def test_wrong_usage(checkout, arguments):
    done = checkout.run(*arguments)
    assert done.returncode == 2 and done.err
    assert not (checkout.folder / ".local").exists()
