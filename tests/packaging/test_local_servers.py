"""tools/kafka-local.sh and tools/postgres-local.sh against the real programs."""

import os
import shutil
import subprocess

import pytest

from conftest import ROOT


@pytest.fixture
def server(request, folder, ports, clean_environment):
    """Calls kafka-local.sh or postgres-local.sh on a folder of its own; wiped at the end."""
    name = request.param
    variables = {
        "kafka": {"KAFKA_PORT": str(ports), "KAFKA_DATA": str(folder / "k"), "KAFKA_HEAP": "384m"},
        "postgres": {"PG_PORT": str(ports), "PG_DATA": str(folder / "p")},
    }[name]

    def call(*arguments, check=True, **extra):
        done = subprocess.run([str(ROOT / f"tools/{name}-local.sh"), *arguments], text=True,
                              capture_output=True, timeout=150,
                              env=clean_environment | variables | extra)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    call.port = ports
    yield call
    call("wipe")


kafka = pytest.mark.parametrize("server", ["kafka"], indirect=True)
postgres = pytest.mark.parametrize("server", ["postgres"], indirect=True)
both = pytest.mark.parametrize("server", ["kafka", "postgres"], indirect=True)


@both
def test_every_command_may_be_repeated(server):
    assert server("status", check=False).returncode == 3
    server("stop")
    first = server("start").stdout
    assert f"port={server.port}" in first
    pid = first.split("pid=")[1].split()[0]
    assert f"pid={pid} " in server("start").stdout, "a second start starts nothing"
    server("stop")
    server("stop")
    assert server("status", check=False).returncode == 3


@postgres
def test_a_server_that_left_only_its_pid_is_started_again(server, folder):
    """After a power cut the pid is nobody's: a killed process that its parent hasn't waited for is
    still in /proc, so killing the server here shows that case only now and then."""
    server("start")
    server("kill")
    gone = subprocess.Popen(["true"])
    gone.wait()
    pid_file = next((folder / "p").rglob("cluster")) / "postmaster.pid"
    pid_file.write_text(f"{gone.pid}\n")
    done = server("start")
    assert f"port={server.port}" in done.stdout


@both
def test_a_taken_port_is_named(server, folder):
    server("start")
    second = {"KAFKA_DATA": str(folder / "k2"), "PG_DATA": str(folder / "p2")}
    done = server("start", check=False, **second)
    assert done.returncode == 1
    assert f"port {server.port} is in use" in done.stderr
    assert server("status").returncode == 0, "the first is not disturbed"
    server("wipe", **second)


@both
def test_usage_errors_have_exit_code_2(server):
    assert server("no-such-command", check=False).returncode == 2
    assert server("start", check=False, KAFKA_PORT="x", PG_PORT="x").returncode == 2


@kafka
def test_broker_keeps_its_records_when_killed(server):
    if not shutil.which("kcat"):
        pytest.skip("no kcat: tools/install-packages.sh --with-tests brings it")
    broker = f"127.0.0.1:{server.port}"
    server("start")
    server("tool", "org.apache.kafka.tools.TopicCommand", "--bootstrap-server", broker,
           "--create", "--topic", "t", "--partitions", "1")
    subprocess.run(["kcat", "-b", broker, "-P", "-t", "t", "-X", "acks=all"], check=True,
                   input="one\ntwo\n", text=True)
    server("kill")
    server("start")
    read = subprocess.run(["kcat", "-q", "-b", broker, "-C", "-t", "t", "-e", "-o", "beginning"],
                          check=True, text=True, capture_output=True)
    assert read.stdout == "one\ntwo\n"


@postgres
def test_database_keeps_what_was_committed_when_killed(server):
    server("start")
    server("psql", "-qc", "create table t(n int); insert into t values (42)")
    server("kill")
    assert server("status", check=False).returncode == 3
    server("start")
    assert server("psql", "-Atc", "select n from t").stdout.strip() == "42"


@postgres
def test_database_moves_where_its_user_may_go(server, folder):
    if os.geteuid() != 0:
        pytest.skip("only root runs the server as somebody else")
    locked = folder / "locked"
    locked.mkdir(mode=0o700)
    started = server("start", PG_DATA=str(locked / "p"))
    place = (locked / "p" / "location").read_text().strip()
    assert place.startswith("/var/tmp/") and f"data={place}" in started.stdout
    server("wipe", PG_DATA=str(locked / "p"))
    assert not os.path.exists(place)
