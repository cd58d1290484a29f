"""`headgate apply` with a real collector, a real Envoy and the heartbeats of its workers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.error
from pathlib import Path

import policy
import pytest
from gateway import BIN, FILTER, NATIVE, Gateway, sha256, wait_until
from traffic import Traffic

TOKEN_ENV = "OPERATOR_TOKEN"


# Those that report: the main thread has a VM too. The native module speaks for the whole proxy.
WORKERS = 1 if NATIVE else 3

class Operator:
    """An operator with a gateway.yaml of their own."""

    def __init__(self, gateway: Gateway, name: str):
        self.gateway, self.file = gateway, gateway.folder / name / "gateway.yaml"
        self.file.parent.mkdir()
        self.write()

    def write(self, change=lambda _: None) -> None:
        """Writes the operator's file: the gateway's policy, changed."""
        made = self.gateway.make_policy(self.gateway)
        change(made)
        self.file.write_text(json.dumps(made, indent=1))

    def run(self, command: str, *arguments: object, token: str | None = None) -> subprocess.CompletedProcess:
        env = {**os.environ, TOKEN_ENV: self.gateway.env["HEADGATE_OWNER_TOKEN"] if token is None else token}
        whole = [BIN / "headgate", command, *arguments, "--collector", f"http://{self.gateway.collector_address}", "--token-env", TOKEN_ENV]
        done = subprocess.run(list(map(str, whole)), capture_output=True, text=True, timeout=120, env=env)
        for secret in (self.gateway.env["HEADGATE_OWNER_TOKEN"], *map(sha256, self.gateway.keys.values())):
            assert secret not in done.stdout + done.stderr
        return done

    def apply(self, *more: object, **also) -> subprocess.CompletedProcess:
        return self.run("apply", self.file, "--out", self.gateway.out, *FILTER, *more, **also)

    def rollback(self, revision: object, *more: object) -> subprocess.CompletedProcess:
        return self.run("rollback", revision, "--out", self.gateway.out, *FILTER, *more)

    @property
    def base(self) -> str:
        return Path(f"{self.file}.revision").read_text()


def ok(done: subprocess.CompletedProcess) -> subprocess.CompletedProcess:
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def with_alias(name: str):
    def change(made: dict) -> None:
        made["models"][name] = policy.alias(policy.target("alpha", "ok"))

    return change


def in_force(gateway: Gateway) -> int | None:
    try:
        return gateway.query("/v1/policy")["number"]
    except urllib.error.HTTPError as error:
        assert error.code == 404
        return None


def files(gateway: Gateway) -> dict[str, str]:
    return {path.name: path.read_text() for path in gateway.out.rglob("*.json")}


@pytest.fixture
def running(new_gateway) -> Gateway:
    return new_gateway(policy.shared)


@pytest.fixture
def operator(running) -> Operator:
    one = Operator(running, "first")
    ok(one.apply())
    return one


def test_apply_under_load_reaches_every_worker(operator):
    gateway = operator.gateway
    first = gateway.query("/v1/policy")["config_revision"]
    with Traffic(gateway, aliases=("ok", "status-503+ok")) as traffic:
        operator.write(with_alias("applied"))
        done = ok(operator.apply())
        answers = [gateway.chat("applied") for _ in range(20)]
    traffic.assert_all_served()
    assert {answer.status for answer in answers} == {200}, "no worker is behind"
    assert "+ model applied" in done.stdout and f"{WORKERS} worker(s) use it" in done.stdout, done.stdout
    told = gateway.query(f"/v1/requests/{gateway.record(answers[0])['id']}/policy")
    assert (told["revision"]["number"], told["previous"]["config_revision"], told["met_by_request"]) == (2, first, 1)
    assert told["changes"][0]["type"] == "model.created"
    assert operator.base == "2\n"
    again = ok(operator.apply())
    assert "unchanged" in again.stdout and in_force(gateway) == 2
    gateway.settle()
    gateway.assert_no_trap()


def test_second_operator_is_refused(operator):
    gateway = operator.gateway
    other = Operator(gateway, "second")
    other.write(with_alias("theirs"))
    blind = other.apply()
    assert blind.returncode == 4 and "--base 1" in blind.stderr and "has no base revision" in blind.stderr, "a file that was made from nothing known is no exception"
    ok(other.apply("--base", 1))
    before = files(gateway)
    operator.write(with_alias("mine"))
    for refused in (operator.apply(), operator.run("diff", operator.file), operator.apply("--dry-run")):
        assert refused.returncode == 4
        assert "the collector has revision 2" in refused.stderr and "environment-owner" in refused.stderr
        assert "+ model theirs" in refused.stderr and "- model theirs" in refused.stderr and "+ model mine" in refused.stderr
    assert files(gateway) == before and in_force(gateway) == 2
    operator.write(lambda made: [with_alias(name)(made) for name in ("theirs", "mine")])
    shown = ok(operator.run("diff", operator.file, "--base", 2))
    assert "+ model mine" in shown.stdout and "theirs" not in shown.stdout and in_force(gateway) == 2
    ok(operator.apply("--base", 2))
    assert {gateway.chat(name).status for name in ("theirs", "mine")} == {200}


def live_workers(gateway) -> int:
    planes = gateway.query("/v1/dataplanes")["data"]
    return sum(worker["state"] == "live" for plane in planes if plane["node"] == "e2e" for worker in plane["workers"])


def test_proxy_that_does_not_follow_is_named(operator):
    gateway = operator.gateway
    assert wait_until(lambda: live_workers(gateway) == WORKERS)
    gateway.envoy.process.send_signal(signal.SIGSTOP)
    try:
        operator.write(with_alias("late"))
        behind = operator.apply("--wait", "2s")
        assert behind.returncode == 3, behind.stdout + behind.stderr
        assert f"e2e: behind: {WORKERS} of {WORKERS} workers still use" in behind.stderr
        assert in_force(gateway) == 2 and "late" in files(gateway)["headgate-gate.json"]
    finally:
        gateway.envoy.process.send_signal(signal.SIGCONT)
    done = ok(operator.apply("--wait", "30s"))
    assert "unchanged" in done.stdout and gateway.chat("late").status == 200
    absent = operator.apply("--wait", "1s", "--node", "e2e", "--node", "elsewhere")
    assert absent.returncode == 3 and "elsewhere: absent" in absent.stderr and "e2e:" not in absent.stderr


def test_unwritable_files_are_written_later(operator):
    gateway = operator.gateway
    operator.write(with_alias("stuck"))
    routes = gateway.out / "rds.json"
    kept = routes.read_text()
    routes.unlink()
    routes.mkdir()
    stuck = operator.apply()
    assert stuck.returncode == 5 and "rds.json" in stuck.stderr and "run the same command again" in stuck.stderr, stuck.stderr
    assert in_force(gateway) == 2
    routes.rmdir()
    routes.write_text(kept)
    ok(operator.apply())
    assert in_force(gateway) == 2 and gateway.chat("stuck").status == 200


def test_refused_policy_changes_nothing(operator):
    gateway = operator.gateway
    before = files(gateway)
    cases = [
        (lambda made: made["models"].pop("ok"), ["--base", 1, "--out", "/dev/null/nowhere"], "/dev/null/nowhere"),
        # The native module reads the environment of the proxy itself.
        *([] if NATIVE else [(lambda made: made["providers"]["plain"].update(credential="${ANOTHER_KEY}"), [], "other environment variables")]),
        (lambda made: made.update(listen="nowhere"), [], "this is not an IP address"),
    ]
    for change, more, said in cases:
        operator.write(change)
        whole = [operator.file, *more] if "--out" in more else [operator.file, "--out", gateway.out, *more]
        refused = operator.run("apply", *whole, *FILTER)
        assert refused.returncode == 1 and said in refused.stderr, refused.stderr
    operator.write(with_alias("new"))
    for token, said in (("", f"{TOKEN_ENV} is not set"), ("hgc_wrong", "No valid token"), (gateway.env["HEADGATE_INGEST_TOKEN"], "of role ingest")):
        refused = operator.apply(token=token)
        assert refused.returncode == 1 and said in refused.stderr, refused.stderr
        assert TOKEN_ENV in refused.stderr, "where the token came from"
    assert files(gateway) == before and in_force(gateway) == 1


def test_diff_has_a_line_for_each_change(operator):
    gateway = operator.gateway

    def change(made: dict) -> None:
        made["models"]["added"] = made["models"].pop("unpriced")
        made["models"]["weights"]["targets"][0]["weight"] = 9
        made["models"]["weights"]["failover"]["cooldown"] = "7s"
        made["keys"][-1]["id"] = "renamed"

    operator.write(change)
    shown = ok(operator.run("diff", operator.file)).stdout.splitlines()
    assert shown[1:] == [
        "  - key plain",
        "  + key renamed",
        "  + model added",
        "  - model unpriced",
        '  ~ model weights failover.cooldown: "0s" → "7s"',
        "  ~ model weights targets.0.weight: 3 → 9",
        "5 resources: 2 created, 1 updated, 2 deleted",
    ]
    read = json.loads(ok(operator.run("diff", operator.file, "--json")).stdout)
    assert read["counts"] == {"created": 2, "updated": 1, "deleted": 2} and read["total"] == 5
    assert {one["resource"]["id"] for one in read["changes"]} == {"plain", "renamed", "added", "unpriced", "weights"}
    assert in_force(gateway) == 1

    operator.write()
    unchanged = ok(operator.run("diff", operator.file))
    assert unchanged.stdout == "revision 1 has the same content: nothing would change\n"
    operator.file.write_text(operator.file.read_text() + "\n# why\n")
    commented = ok(operator.run("diff", operator.file))
    assert "The text differs" in commented.stdout and "but no resource changes" in commented.stdout

    operator.write(lambda made: made["keys"].extend({"id": f"k{number:04}", "sha256": sha256(f"{number}")} for number in range(1_200)))
    many = ok(operator.run("diff", operator.file)).stdout.splitlines()
    assert many[1] == "  + key k0000" and len(many) == 1_003
    assert many[-2:] == ["  … and 200 more resources", "1200 resources: 1200 created, 0 updated, 0 deleted"]


def test_rollback_restores_an_earlier_policy(operator):
    gateway = operator.gateway
    first = gateway.record(gateway.chat("ok"))["config_revision"]
    original = operator.file.read_text()
    operator.write(with_alias("mistake"))
    ok(operator.apply())
    assert gateway.chat("mistake").status == 200
    assert ok(operator.rollback(2, "--dry-run")).stdout == "revision 2 has the same content: nothing would change\n"
    assert operator.rollback("latest").returncode == 2
    would = ok(operator.rollback(1, "--dry-run"))
    assert "- model mistake" in would.stdout and in_force(gateway) == 2
    assert operator.rollback(1, "--base", 1).returncode == 4
    done = ok(operator.rollback(first, "--save", operator.file))
    assert "- model mistake" in done.stdout and in_force(gateway) == 3
    assert gateway.chat("mistake").status == 404
    record = gateway.record(gateway.chat("ok"))
    assert record["config_revision"] == first
    assert gateway.query(f"/v1/requests/{record['id']}/policy")["revision"]["restores"] == 1
    assert operator.file.read_text() == original and operator.base == "3\n"
    assert operator.rollback(9).returncode == 1
