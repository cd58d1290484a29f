"""The alert rules and the dashboard: by promtool, and on a real Prometheus that scrapes a gateway and its collector."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.parse
import urllib.request

import pytest
import yaml
from gateway import NATIVE, ROOT, stack, wait_until
from test_listener_tls import authority, chat, serve  # noqa: F401  fixtures

RULES = ROOT / "deploy/prometheus/alerts.yaml"
DASHBOARD = ROOT / "deploy/grafana/headgate.json"
# Begins with the first record that is dropped, worker that is killed and so on; the collector's page lists them all.
METRICS_PAGE = ROOT / "docs/reference/metrics.md"


def expressions() -> dict[str, str]:
    """Returns the expressions of rules and panels by their titles."""
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    panels = json.loads(DASHBOARD.read_text())["panels"]
    found = {rule["alert"]: rule["expr"] for rule in rules}
    for panel in panels:
        for number, target in enumerate(panel["targets"]):
            found[f"{panel['title']} {number}"] = target["expr"].replace("$__rate_interval", "1m")
    return found


def names(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:envoy|headgate|gen_ai)_[a-z0-9_]+(?=[{\[) ]|$)", re.sub(r"by \([^)]*\)", "", expression))) - {"envoy_cluster_name"}


def promtool(*arguments: object) -> str:
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_rules_are_valid_and_fire_where_they_should():
    assert "26 rules found" in promtool("check", "rules", RULES)
    assert "SUCCESS" in promtool("test", "rules", RULES.with_name("alerts_test.yaml"))
    for rule in (rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]):
        assert rule["labels"]["severity"] in ("warning", "critical") and set(rule["annotations"]) == {"summary", "action"}


@pytest.fixture
def prometheus(tmp_path):
    """Starts a Prometheus that scrapes these addresses; returns a function that queries it."""
    parts = []

    def start(targets: dict[str, tuple[str, str]]):
        jobs = [
            {"job_name": job, "metrics_path": path, "static_configs": [{"targets": [address]}]} for job, (address, path) in targets.items()
        ]
        settings = {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "rule_files": [str(RULES)], "scrape_configs": jobs}
        config, listen = tmp_path / "prometheus.yaml", f"127.0.0.1:{stack.free_port()}"
        config.write_text(json.dumps(settings))
        promtool("check", "config", config)
        command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'tsdb'}", f"--web.listen-address={listen}"]
        parts.append(stack.Part("Prometheus", command, tmp_path / "prometheus.log"))
        parts[-1].wait_for_url(f"http://{listen}/-/ready")

        def query(path: str, **parameters: str):
            url = f"http://{listen}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]

        return query

    yield start
    for part in parts:
        part.stop()


def test_a_real_prometheus_has_every_metric(serve, authority, prometheus):  # noqa: F811
    words = {"id": "words", "on": ["request"], "action": "monitor", "detect": {"words": ["project x"]}}
    gateway = serve(metrics=True, guardrails=[words])
    query = prometheus({"envoy": (gateway.admin, "/stats/prometheus"), "collector": (gateway.collector_address, "/metrics")})
    for model in (b"ok", b"status-503+ok", b"chat"):
        answer, _ = chat(gateway, authority.context(), body=b'{"model":"%s","messages":[]}' % model)
        assert answer.status == 200
    stream = b'{"model":"ok","stream":true,"messages":[{"role":"user","content":"About project x."}]}'
    assert chat(gateway, authority.context(), body=stream)[0].status == 200
    gateway.settle()
    documented = set(re.findall(r"headgate_collector_\w+", METRICS_PAGE.read_text()))

    def missing() -> set[str]:
        known = set(query("label/__name__/values"))
        known |= {"envoy_wasm_headgate_gate_vm_reload"} if NATIVE else set()
        known |= {name + end for name in documented for end in ("", "_total", "_bucket")}
        return {name for expression in expressions().values() for name in names(expression)} - known

    assert wait_until(lambda: not missing()), missing()
    for title, expression in expressions().items():
        assert names(expression), title
        query("query", query=expression)
    states = {rule["name"]: (rule["health"], rule["state"]) for group in query("rules")["groups"] for rule in group["rules"]}
    assert len(states) == 26 and {health for health, _ in states.values()} <= {"ok", "unknown"}
    by_provider = query("query", query="sum by (envoy_cluster_name) (envoy_cluster_upstream_rq_xx)")["result"]
    clusters = {one["metric"]["envoy_cluster_name"] for one in by_provider}
    assert {"provider_alpha", "provider_beta", "headgate_collector"} <= clusters
