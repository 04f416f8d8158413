"""docker-compose.yml and the Dockerfile say the same as ./run, and name only what exists.

Needs no container engine. SUJIP_BIN: the program, for the check of its commands.
"""

import os
import pathlib
import re
import shutil
import subprocess

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
ROLES = ("collect", "process", "sink", "monitor")


def script(*arguments, **environment):
    """Output of one of the project's scripts."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("KAFKA_", "PG", "SUJIP_"))}
    return subprocess.run([str(ROOT / arguments[0]), *arguments[1:]], check=True, text=True,
                          capture_output=True, env=clean | environment).stdout


def run_ports():
    """The ports in ./run, by the names it gives them."""
    line = re.search(r"^else\n((?:  \w+_port=.*\n)+)fi", (ROOT / "run").read_text(), re.M).group(1)
    ports = {name: int(port) for name, port in re.findall(r"(\w+)_port=(\d+)", line)}
    assert set(ports) == {"kafka", "pg", "board", "stub", "metrics"}
    return ports


def published(service):
    """{port in the container: port on this machine}"""
    ports = {}
    for entry in SERVICES[service].get("ports", []):
        address, outside, inside = entry.split(":")
        assert address == "127.0.0.1", f"{service} would be open to the network: {entry}"
        ports[int(inside)] = int(outside)
    return ports


def test_compose_file_has_the_form_that_compose_asks_for():
    if shutil.which("docker-compose"):
        command = ["docker-compose"]
    elif shutil.which("docker") and not subprocess.run(
            ["docker", "compose", "version"], capture_output=True).returncode:
        command = ["docker", "compose"]
    else:
        pytest.skip("no docker-compose: tools/install-packages.sh --with-tests brings it")
    for extra in ({}, {"SUJIP_DATA": str(ROOT)}):
        done = subprocess.run([*command, "config", "-q"], cwd=ROOT, text=True, capture_output=True,
                              env=os.environ | extra)
        assert done.returncode == 0, done.stderr


def test_everything_mounted_exists():
    mounts = [volume.split(":")[0] for service in SERVICES.values()
              for volume in service.get("volumes", [])]
    folders = [mount for mount in mounts if mount.startswith("./")]
    assert folders, "the configuration of Prometheus and Grafana comes from this project"
    for folder in folders:
        assert (ROOT / folder).exists(), folder
    for name in mounts:
        if not name.startswith((".", "/", "$")):
            assert name in COMPOSE["volumes"], f"volume {name} is not declared"


@pytest.mark.parametrize("path", [
    "monitoring/prometheus/prometheus.yml",
    "monitoring/alertmanager/alertmanager.yml",
    "monitoring/grafana/provisioning/datasources",
    "monitoring/grafana/provisioning/dashboards",
    "monitoring/grafana/dashboards",
])
def test_configuration_lies_where_the_images_look_for_it(path):
    assert (ROOT / path).exists()
    assert (ROOT / path).is_file() or any((ROOT / path).iterdir()), f"{path} is empty"


def test_prometheus_configuration_names_existing_files_and_ports():
    folder = ROOT / "monitoring" / "prometheus"
    config = yaml.safe_load((folder / "prometheus.yml").read_text())
    for pattern in config.get("rule_files", []):
        relative = pattern.removeprefix("/etc/prometheus/")
        assert list(folder.glob(relative)), f"no rule file matches {pattern}"
    metrics = {role: SERVICES[role]["environment"]["SUJIP_METRICS"].rsplit(":", 1)[1]
               for role in ROLES}
    seen = set()
    for job in config["scrape_configs"]:
        groups = list(job.get("static_configs", []))
        for discovery in job.get("file_sd_configs", []):
            for pattern in discovery["files"]:
                for file in folder.glob(pattern.removeprefix("/etc/prometheus/")):
                    groups += yaml.safe_load(file.read_text())
        for target in (target for group in groups for target in group["targets"]):
            host, port = target.rsplit(":", 1)
            if host in metrics:
                assert port == metrics[host], f"{host} serves its metrics on {metrics[host]}"
                seen.add(host)
    assert seen == set(ROLES), f"Prometheus does not scrape {sorted(set(ROLES) - seen)}"


def test_ports_are_those_of_run():
    ports = run_ports()
    assert ports["kafka"] in published("kafka")
    assert published("kafka")[ports["kafka"]] == ports["kafka"]
    assert published("postgres") == {5432: ports["pg"]}
    assert published("vendor") == {ports["stub"]: ports["stub"]}
    assert published("monitor")[ports["board"]] == ports["board"]
    for number, role in enumerate(ROLES):
        port = ports["metrics"] + number
        assert published(role)[port] == port
        assert SERVICES[role]["environment"]["SUJIP_METRICS"] == f"0.0.0.0:{port}"


def test_broker_is_configured_like_the_local_one():
    lines = script("tools/kafka-local.sh", "properties").splitlines()
    local = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    names_of_the_node = re.compile(r"listener|quorum|log\.dirs")  # addresses and folders
    expected = {k: v for k, v in local.items() if not names_of_the_node.search(k)}
    in_compose = {k.removeprefix("KAFKA_").lower().replace("_", "."): str(v)
                  for k, v in SERVICES["kafka"]["environment"].items() if k.startswith("KAFKA_")}
    in_compose.pop("heap.opts")
    actual = {k: v for k, v in in_compose.items() if not names_of_the_node.search(k)}
    assert actual == expected


def test_broker_has_the_version_of_the_local_one():
    version = re.search(r"^version=(\S+)$", (ROOT / "tools/kafka-local.sh").read_text(), re.M)
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{version.group(1)}"


def test_database_is_configured_like_the_local_one():
    lines = script("tools/postgres-local.sh", "config").splitlines()
    local = dict(re.fullmatch(r"(\w+) = '?(.*?)'?", line).groups()
                 for line in lines if line and not line.startswith("#"))
    for own in ("listen_addresses", "port", "unix_socket_directories", "logging_collector",
                "log_line_prefix"):
        local.pop(own)
    command = SERVICES["postgres"]["command"]
    assert command[0] == "postgres" and set(command[1::2]) == {"-c"}
    assert dict(setting.split("=", 1) for setting in command[2::2]) == local


def test_stub_vendor_is_started_like_the_local_one():
    options = re.search(r"^stub_options=\((.*)\)$", (ROOT / "run").read_text(), re.M).group(1)
    assert SERVICES["vendor"]["command"].endswith(options)


def test_every_role_and_every_service_is_there():
    for role in ROLES:
        assert SERVICES[role]["command"] == [role]
        assert "healthcheck" in SERVICES[role]
        assert SERVICES[role]["depends_on"]["init"]["condition"] == "service_completed_successfully"
    for service in ("kafka", "postgres", "prometheus", "alertmanager", "grafana", "init"):
        assert service in SERVICES
    for service in ("kafka", "postgres", "vendor"):
        assert SERVICES["init"]["depends_on"][service]["condition"] == "service_healthy"
        assert "healthcheck" in SERVICES[service]


def commands_of_sujip():
    """Every command that the compose file, its init script and ./run use."""
    commands = {(role,) for role in ROLES} | {("up",)}
    text = (ROOT / "tools/register-sources.sh").read_text()
    commands |= {tuple(found.split()) for found in
                 re.findall(r'^\s*"\$sujip" ([a-z]+(?: [a-z]+)?)', text, re.M)}
    return sorted(commands)


@pytest.mark.parametrize("command", commands_of_sujip(), ids=" ".join)
def test_command_exists(command):
    program = os.environ.get("SUJIP_BIN")
    if not program:
        pytest.skip("SUJIP_BIN is not set")
    done = subprocess.run([program, *command, "--help"], text=True, capture_output=True,
                          timeout=20)
    assert done.returncode == 0, done.stdout + done.stderr


def stages():
    """{name of a stage in the Dockerfile: its instructions}"""
    found = {}
    text = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text())
    for line in text.splitlines():
        if match := re.fullmatch(r"FROM \S+ AS (\S+)", line):
            found[match.group(1)] = []
        elif line and not line.startswith("#"):
            found[list(found)[-1]].append(line)
    return found


def test_images_are_built_from_existing_stages_and_run_without_root():
    found = stages()
    for name, service in SERVICES.items():
        if "build" in service:
            assert service["build"]["target"] in found, name
            assert any(line.startswith("USER ") and line != "USER root"
                       for line in found[service["build"]["target"]]), f"{name} runs as root"
    assert list(found)[-1] == "sujip", "docker build without --target makes the program's image"
    assert 'ENTRYPOINT ["sujip"]' in found["sujip"]


def test_dockerfile_copies_only_what_exists():
    for lines in stages().values():
        for line in lines:
            if line.startswith("COPY ") and "--from" not in line:
                for source in line.split()[1:-1]:
                    assert (ROOT / source).exists(), line


def test_image_gets_the_packages_of_the_libraries():
    program = os.environ.get("SUJIP_BIN")
    if not program or not shutil.which("dpkg-query"):
        pytest.skip("SUJIP_BIN is not set, or this is no Debian")
    packages = script("tools/runtime-packages.sh", program).split()
    assert "libc6" in packages and any(p.startswith("librdkafka") for p in packages)
    assert not [p for p in packages if p.endswith("-dev")]
