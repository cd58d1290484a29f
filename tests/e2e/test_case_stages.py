"""Plays the case files on a real Envoy that routes by itself, under each stage alone and under combinations, and compares each
outcome with that of the pure machines: status, bodies both ways, and the record."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import wire
import yaml
from gateway import BIN, wait_until
from test_cases import CASES, OF_THE_RUN, gateway_yaml, scripted, server
from test_stages import SETS, Suite, cluster, route

CLUSTERS = ("alpha", "beta", "plain", "dead", "claude", "spare", "dead-claude", "lost", "lost-claude")
DEFAULT = {"provider": "alpha", "headers": {"content-type": "application/json"}, "body": "{}"}
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
# Fields that depend on the request of the test or the version of the policy.
OF_THE_TEST = OF_THE_RUN | {"trace_id", "config_revision"}


class CaseSuite(Suite):
    """The policy of the cases, with a cluster for each provider and a route for each set and cluster."""

    def make(self) -> str:
        lines = [proxied(line) for line in gateway_yaml(self).splitlines()]
        return "\n".join([*lines, "routing: proxy", f"stage_sets: {json.dumps(SETS)}", ""])

    def render(self, written: dict | None = None) -> None:
        super().render_text(self.make())

    def upstreams(self) -> dict[str, str]:
        alpha, beta = (self.providers[name].url.removeprefix("http://") for name in ("alpha", "beta"))
        served = {"alpha": alpha, "plain": alpha, "claude": alpha, "beta": beta, "spare": beta}
        return {name: served.get(name, self.dead) for name in CLUSTERS}

    def routes(self, fragment: dict) -> list[dict]:
        found = []
        for stages in (*SETS, "all"):
            switch = fragment["route-switch" if stages == "all" else f"route-switch-{stages}"]
            for name in CLUSTERS:
                one = route(f"{stages}/{name}", name, switch)
                one.pop("request_headers_to_add")
                found.append(one)
        return found


def proxied(line: str) -> str:
    name, is_provider, rest = line.strip().partition(": {format: ")
    return f"  {name}: {{clusters: {name}, format: {rest}" if is_provider else line


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    gateway = CaseSuite(tmp_path_factory.mktemp("case-stages"), None)
    gateway.env |= {name: f"secret-of-{name}" for name in ("ALPHA_API_KEY", "BETA_API_KEY")}
    yield from gateway.serve()


@pytest.fixture(scope="module")
def outcomes(suite):
    """What the pure machines make of each case under each set."""
    command = [BIN / "headgate-case-outcomes", suite.folder / "gateway.yaml", CASES]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[dict]] = {}
    for line in done.stdout.splitlines():
        one = json.loads(line)
        found.setdefault(one["set"], []).append(one)
    assert set(found) == {*SETS, "all"} and all(len(one) > 250 for one in found.values())
    return found


@pytest.mark.parametrize("stages", [*SETS, "all"])
def test_cases_have_the_outcome_of_the_machines(suite, outcomes, stages):
    counted = stages != "all" and "limits" in SETS[stages]
    played = [(one, play(suite, stages, one)) for one in outcomes[stages] if not (counted and is_about_limits(one))]
    seen, records = seen_of(suite), records_of(suite, {answer.trace for one, answer in played if one["record"] is not None})
    differing = [(one["case"], difference(one, answer, seen, records)) for one, answer in played]
    wrong = [f"{case}: {found}" for case, found in differing if found]
    assert not wrong, f"{len(wrong)} of {len(played)}:\n" + "\n".join(wrong[:20])


def is_about_limits(one: dict) -> bool:
    """Counts are shared by all sets, so cases that exhaust one are played under one set only."""
    return one["case"].startswith("limits/")


def play(suite: CaseSuite, stages: str, one: dict) -> wire.Answer:
    case = yaml.safe_load((CASES / f"{one['case']}.yaml").read_text())
    request, act = case["request"], (case.get("providers") or [DEFAULT])[0]
    if "guardrails" in SETS.get(stages, ["guardrails"]):
        for check in case.get("checks", []):
            suite.providers["alpha"].script(scripted(check))
    suite.providers[server(act)].script(scripted(act))
    trace = suite.trace(int(one["record"] is not None))
    key = request.get("key", "alice")
    head = [*suite.head(trace, key and f"hg-test-{key}"), *request.get("headers", {}).items()]
    body = request["body"].encode() if "body" in request else None
    method, path = request.get("method", "POST"), request.get("path", "/v1/chat/completions")
    to = act["provider"].removesuffix("#fresh")
    with wire.Exchange(suite.listen) as exchange:
        exchange.send(wire.request(method, f"/{stages}/{to}{path}", head, body))
        answer = exchange.answer(method)
    answer.trace = trace
    for provider in suite.providers.values():
        provider.unscript()
    return answer


def seen_of(suite: CaseSuite) -> dict[str, list[wire.Seen]]:
    """Returns the requests that reached providers, by trace."""
    found: dict[str, list[wire.Seen]] = {}
    for one in (one for provider in suite.providers.values() for one in provider.seen()):
        parent = one.header("traceparent") or ""
        found.setdefault(parent[3:35], []).append(one)
    return found


def records_of(suite: CaseSuite, traces: set[str]) -> dict[str, dict]:
    """Returns the records by trace, once all have arrived."""
    found: dict[str, dict] = {}

    def arrived() -> bool:
        found.update({record["trace_id"]: record for record in suite.all_records() if "trace_id" in record})
        return traces <= found.keys()

    assert wait_until(arrived), f"{len(traces - found.keys())} records have not arrived"
    return found


def difference(one: dict, answer: wire.Answer, seen: dict[str, list[wire.Seen]], records: dict[str, dict]) -> str | None:
    if answer.status != one["status"]:
        return f"status {answer.status}, not {one['status']}: {answer.body[:200]}"
    body = answer.body.decode(errors="replace")
    if without_ids(body) != without_ids(one["body"]):
        return f"body {body[:300]}, not {one['body'][:300]}"
    sent = next((seen.body.decode(errors="replace") for seen in seen.get(answer.trace, [])), None)
    if sent != one["upstream"]:
        return f"the provider got {sent and sent[:300]}, not {one['upstream'] and one['upstream'][:300]}"
    if one["record"] is None:
        return None
    record, expected = lasting(records[answer.trace]), lasting(one["record"])
    differing = sorted(name for name in record.keys() | expected.keys() if record.get(name) != expected.get(name))
    return ", ".join(f"{name} {record.get(name)}, not {expected.get(name)}" for name in differing) or None


def without_ids(body: str) -> str:
    """Returns a body without the ids of requests, which errors name."""
    return ID.sub("ID", body)


def lasting(value):
    """Returns a record without the fields that differ from run to run."""
    if isinstance(value, dict):
        return {name: lasting(one) for name, one in value.items() if name not in OF_THE_TEST}
    return [lasting(one) for one in value] if isinstance(value, list) else value
