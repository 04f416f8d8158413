"""The monitoring files against the real programs: promtool, amtool, and Prometheus itself.

SUJIP_METRICS_URLS  "http://127.0.0.1:8480/metrics ..." of running roles; without it the live tests start
                    `sujip up` on the samples of the connectors.
"""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request

import pytest
import yaml

import servers as servers_module
from world import wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
MONITORING = ROOT / "monitoring"
RULES = sorted((MONITORING / "prometheus" / "rules").glob("*.yml"))
DASHBOARDS = sorted((MONITORING / "grafana" / "dashboards").glob("*.json"))
PROCESS = {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_virtual_memory_bytes",
           "process_start_time_seconds", "process_open_fds", "process_max_fds", "up"}
# Expressions about trouble or about a medium with an API: a healthy run of files has no such series.
MAY_BE_EMPTY = re.compile(r"failures|retries|aborted|api_|volume_ratio|dead_letters|restore|consumer_lag|"
                          r"last_stable_offset|uncommitted|position_timestamp|ratio_rate|accounts_|end_to_end|"
                          r"slices_overdue|runs_held|absent|up\{|changes_total|sink_|transaction|"
                          r"processor_|rows_collected|health_evaluated")


def need(program):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def catalogue():
    """name -> (kind, labels) from the table in core/metrics.cc."""
    text = (ROOT / "core" / "metrics.cc").read_text()
    entries = re.findall(r'\{"(\w+)",\s*Kind::(\w+),\s*"([^"]*)"', text)
    assert len(entries) > 30
    return {"sujip_" + name: (kind, set(labels.split())) for name, kind, labels in entries}


def exported_names():
    names = set(PROCESS)
    for name, (kind, _) in catalogue().items():
        names |= {name} if kind != "histogram" else {name + s for s in ("_bucket", "_count", "_sum")}
    return names


def rules():
    return [r for f in RULES for g in yaml.safe_load(f.read_text())["groups"] for r in g["rules"]]


def targets():
    for file in DASHBOARDS:
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel.get("targets", []):
                yield file.name, panel, target


def substitute(expression):
    expression = expression.replace("$__rate_interval", "5m").replace("$__range", "1h")
    return re.sub(r"\$(\w+)|\$\{(\w+)\}", ".+", expression)


def dashboard_expressions():
    return [substitute(t["expr"]) for _, _, t in targets() if "expr" in t]


# --- files -----------------------------------------------------------------------------------------


def test_rules_are_valid_and_clean():
    need("promtool")
    run("promtool", "check", "rules", "--lint=all", "--lint-fatal", *RULES)


def test_configurations_are_valid():
    need("promtool")
    for file in MONITORING.glob("prometheus/prometheus*.yml"):
        run("promtool", "check", "config", file)


def test_alerts_fire_and_stay_silent():
    need("promtool")
    run("promtool", "test", "rules", *(MONITORING / "prometheus" / "tests").glob("*.yml"))


def test_every_alert_has_a_firing_and_a_silent_case():
    cases = [t for f in (MONITORING / "prometheus" / "tests").glob("*.yml")
             for t in yaml.safe_load(f.read_text())["tests"]]
    seen = {}
    for case in cases:
        for check in case["alert_rule_test"]:
            seen.setdefault(check["alertname"], set()).add(bool(check["exp_alerts"]))
    for rule in rules():
        if "alert" not in rule:
            continue
        wanted = {True} if rule["alert"] == "SujipWatchdog" else {True, False}
        assert seen.get(rule["alert"]) == wanted, rule["alert"]


def test_every_alert_says_what_to_do():
    for rule in rules():
        if "alert" not in rule:
            continue
        notes = rule["annotations"]
        assert notes["summary"] and notes["description"], rule["alert"]
        assert (ROOT / notes["runbook_url"]).is_file(), rule["alert"]
        assert rule["labels"]["severity"] in ("critical", "warning", "info", "none")


def test_alertmanager_accepts_its_configuration():
    need("amtool")
    run("amtool", "check-config", MONITORING / "alertmanager" / "alertmanager.yml")


@pytest.mark.parametrize("labels,receiver", [
    (["alertname=SujipWatchdog", "severity=none"], "watchdog"),
    (["alertname=SujipMediumNotCollected", "severity=critical", "escalation=collection"], "collection"),
    (["alertname=SujipDeadLetters", "severity=warning"], "office"),
    (["alertname=SujipRestatementLarge", "severity=info"], "daily"),
    (["alertname=SujipDown", "severity=critical"], "operator"),
])
def test_routes(labels, receiver):
    need("amtool")
    file = MONITORING / "alertmanager" / "alertmanager.yml"
    assert run("amtool", "config", "routes", "test", f"--config.file={file}", *labels).split()[0] == receiver


def test_only_catalogued_metrics_are_used():
    names = exported_names()
    recorded = {r["record"] for r in rules() if "record" in r}
    for expression in [str(r["expr"]) for r in rules()] + dashboard_expressions():
        for word in re.findall(r"[a-z][\w:]*", re.sub(r'"[^"]*"', "", expression)):
            if ":" in word:
                assert word in recorded, f"{word} is not recorded: {expression}"
            elif word.startswith(("sujip_", "process_")):
                assert word in names, f"{word} is not in core/metrics.cc: {expression}"


def test_docs_list_the_catalogue():
    documented = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "metrics.md").read_text(), re.M))
    assert documented == set(catalogue()), "write it again: sujip metrics list"


# --- dashboards ------------------------------------------------------------------------------------


def test_dashboards_are_well_formed():
    uids = [json.loads(f.read_text())["uid"] for f in DASHBOARDS]
    assert DASHBOARDS and len(uids) == len(set(uids))
    for file in DASHBOARDS:
        d = json.loads(file.read_text())
        assert len(d["uid"]) <= 40 and d["editable"] is False and d["timezone"] == "Asia/Seoul"
        assert not {"id", "version", "__inputs"} & set(d)
        ids = [p["id"] for p in d["panels"]]
        assert len(ids) == len(set(ids))
        taken = set()
        for p in d["panels"]:
            g = p["gridPos"]
            assert g["x"] + g["w"] <= 24, p["title"]
            squares = {(x, y) for x in range(g["x"], g["x"] + g["w"]) for y in range(g["y"], g["y"] + g["h"])}
            assert not squares & taken, f"{p['title']} covers another panel"
            taken |= squares
            assert p["title"] and (p["type"] == "row" or p["description"])


def test_dashboard_variables_are_declared():
    for file in DASHBOARDS:
        d = json.loads(file.read_text())
        declared = {v["name"] for v in d["templating"]["list"]}
        used = {a or b for a, b in re.findall(r"\$(\w+)|\$\{(\w+)\}", json.dumps(d["panels"]))}
        assert {u for u in used if not u.startswith("__")} <= declared
        provisioned = {s["uid"] for f in (MONITORING / "grafana/provisioning/datasources").glob("*.yml")
                       for s in yaml.safe_load(f.read_text())["datasources"]}
        for v in d["templating"]["list"]:
            if v["type"] == "datasource":
                assert v["current"]["value"] in provisioned


def test_dashboard_targets():
    for name, panel, target in targets():
        assert ("expr" in target) != ("rawSql" in target), panel["title"]
        assert "query" not in target, panel["title"]
        if "expr" in target:
            for variable in ("$job", "$instance"):
                assert variable in target["expr"], f"{name}: {panel['title']} ignores {variable}"
            for counter in re.findall(r"(\w+_total)", target["expr"]):
                assert re.search(r"(rate|increase)\(" + counter, target["expr"]), panel["title"]


def test_dashboard_queries_parse(tmp_path):
    need("promtool")
    file = tmp_path / "dashboards.yml"
    groups = [{"name": "g", "rules": [{"record": f"dashboard:e{i}", "expr": e}
                                      for i, e in enumerate(dashboard_expressions())]}]
    file.write_text(yaml.safe_dump({"groups": groups}))
    run("promtool", "check", "rules", file)


def test_compose_and_configuration_name_the_same_ports():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    config = yaml.safe_load((MONITORING / "prometheus" / "prometheus.yml").read_text())
    for target in config["scrape_configs"][0]["static_configs"][0]["targets"]:
        role, port = target.split(":")
        assert services[role]["environment"]["SUJIP_METRICS"].endswith(":" + port)


# --- live ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def urls(request):
    """Addresses of the metrics of running roles that have something to tell."""
    found = os.environ.get("SUJIP_METRICS_URLS", "").split()
    if found:
        yield found
        return
    world = request.getfixturevalue("make_world")()
    base = servers_module.free_port(4)
    for source in ("online_retail", "danawa"):
        world.run("source", "add", source)
    world.up_once()
    with world.running("up", SUJIP_METRICS=f"127.0.0.1:{base}"):
        found = [f"http://127.0.0.1:{base + n}/metrics" for n in range(4)]

        def served():
            try:
                return all(get(url) for url in found)
            except OSError:
                return False
        wait_for("all roles to serve their metrics", served)
        yield found


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.headers, answer.read().decode()


def test_live_metrics_are_clean_and_catalogued(urls):
    need("promtool")
    names = exported_names()
    for url in urls:
        headers, text = get(url)
        assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True)
        assert done.returncode == 0, f"{url}\n{done.stdout}{done.stderr}"
        for line in text.splitlines():
            if line and not line.startswith("#"):
                assert re.match(r"\w+", line).group() in names, line
                assert "account=" not in line, line


def test_every_expression_works_on_a_real_prometheus(urls, tmp_path):
    need("prometheus")
    hosts = [urllib.parse.urlsplit(u).netloc for u in urls]
    shutil.copytree(MONITORING / "prometheus" / "rules", tmp_path / "rules")
    config = yaml.safe_load((MONITORING / "prometheus" / "prometheus-local.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["static_configs"][0]["targets"] = hosts
    del config["alerting"]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    with open(tmp_path / "log", "w") as log:
        server = subprocess.Popen(
            ["prometheus", f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'db'}",
             f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)

    def query(expression):
        parameters = urllib.parse.urlencode({"query": expression})
        return json.loads(get(f"http://127.0.0.1:{port}/api/v1/query?{parameters}")[1])["data"]["result"]

    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                # Twice scraped, so that rates exist.
                seen = query("min(count_over_time(up{job='sujip'}[1m])) >= 4 and count(up == 1) == %d" % len(hosts))
            except OSError:
                seen = []
            if seen:
                break
            assert server.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline, f"not all of {hosts} were scraped"
            time.sleep(0.2)  # between two looks at the condition
        for expression in dashboard_expressions() + [str(r["expr"]) for r in rules()]:
            result = query(expression)  # an error is an HTTP status and raises
            assert result or MAY_BE_EMPTY.search(expression), f"no samples: {expression}"
        health = json.loads(get(f"http://127.0.0.1:{port}/api/v1/rules")[1])["data"]["groups"]
        broken = [(r["name"], r["lastError"]) for g in health for r in g["rules"] if r.get("health") == "err"]
        assert not broken
    finally:
        server.terminate()
        server.wait(30)
