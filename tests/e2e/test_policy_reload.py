"""A new policy on a running proxy: no request fails, and an invalid policy leaves the old one in force."""

from __future__ import annotations

import json
import os
import time

import policy
import pytest
from gateway import NATIVE, Gateway, wait_until
from traffic import Traffic

GATE = "ecds/headgate-gate.json"


@pytest.fixture
def running(new_gateway) -> Gateway:
    return new_gateway(policy.shared)


def with_alias(gateway: Gateway, name: str) -> dict:
    changed = policy.shared(gateway)
    changed["models"][name] = policy.alias(policy.target("alpha", "ok"))
    changed["prices"]["alpha/ok"] = policy.PRICE
    return changed


def revision(gateway: Gateway) -> str:
    """Returns the revision of the policy document that was rendered last."""
    return json.loads(configuration(json.loads((gateway.out / GATE).read_text()))["value"])["revision"]


def configuration(resources: dict) -> dict:
    """Returns the part of the gate's resource that has the policy document."""
    config = resources["resources"][0]["typed_config"]
    return config["filter_config"] if NATIVE else config["config"]["configuration"]


def put_in_place(gateway: Gateway, text: str) -> None:
    """Replaces Envoy's file by a rename, which Envoy takes as a change."""
    beside = gateway.out / f"{GATE}.new"
    beside.write_text(text)
    os.replace(beside, gateway.out / GATE)


def test_new_policies_fail_no_request(running):
    first = revision(running)
    revisions = [first]
    with Traffic(running, aliases=("ok", "status-503+ok", "nope")) as traffic:
        for number in range(4):
            name = f"new-{number}"
            assert running.chat(name).status == 404
            running.render(with_alias(running, name))
            revisions.append(revision(running))
            assert wait_until(lambda name=name: running.chat(name).status == 200), "the new alias did not appear"
            time.sleep(0.5)
    traffic.assert_all_served()
    assert len(set(revisions)) == 5
    running.settle()
    records = running.all_records()
    assert {record["config_revision"] for record in records} == set(revisions)
    assert len({record["boot"] for record in records}) == running.members, "the VMs, and with them their numbering, are kept"
    for number in range(4):
        served = [record for record in records if record.get("requested_model") == f"new-{number}" and record["status"] == 200]
        assert {record["config_revision"] for record in served} == {revisions[number + 1]}
    running.assert_no_trap()


def test_new_providers_fail_no_request(running):
    """A new alias is unknown until it is served: it is never known without its provider. The same on removal."""
    more = policy.shared(running)
    for number in range(2):
        more["providers"][f"more-{number}"] = more["providers"]["alpha"]
        more["models"]["more"] = policy.alias(policy.target(f"more-{number}", "ok"))
        with Traffic(running, aliases=("more", "ok")) as traffic:
            time.sleep(0.3)
            running.render(more)
            assert wait_until(lambda: running.chat("more").status == 200)
            time.sleep(0.3)
            running.render()
            assert wait_until(lambda: running.chat("more").status == 404)
            time.sleep(0.3)
        assert traffic.failures == []
        statuses = {(alias, answer.status) for alias, answer in traffic.answers}
        assert statuses == {("ok", 200), ("more", 200), ("more", 404)}
    running.settle()


def test_open_request_keeps_its_policy(running):
    before = revision(running)
    with Traffic(running, clients=2, aliases=("stream-30-delay-20",)) as traffic:
        time.sleep(0.3)
        running.render(with_alias(running, "new"))
        assert wait_until(lambda: running.chat("new").status == 200)
    traffic.assert_all_served()
    running.settle()
    slow = [record for record in running.all_records() if record.get("requested_model") == "stream-30-delay-20"]
    assert {record["config_revision"] for record in slow} <= {before, revision(running)}
    assert all(record["ended_by"] == "complete" for record in slow)


BROKEN = {
    "no JSON": lambda text: text[: len(text) // 2],
    "an empty file": lambda text: "",
    "a document that is none": lambda text: replace_document(text, lambda document: "not a policy"),
    "another schema": lambda text: replace_document(text, lambda document: json.dumps({**document, "schema": 99})),
    "a field nobody knows": lambda text: replace_document(text, lambda document: json.dumps({**document, "surprise": 1})),
    "a key without a hash": lambda text: replace_document(
        text, lambda document: json.dumps({**document, "keys": [{"id": "x", "sha256": "zz"}]})
    ),
}


def replace_document(text: str, change) -> str:
    resources = json.loads(text)
    part = configuration(resources)
    part["value"] = change(json.loads(part["value"]))
    return json.dumps(resources)


def test_invalid_policy_keeps_the_old_one(running):
    before = revision(running)
    good = (running.out / GATE).read_text()
    with Traffic(running, clients=2) as traffic:
        for name, damage in BROKEN.items():
            rejections = rejected_updates(running)
            put_in_place(running, damage(good))
            assert wait_until(lambda: rejected_updates(running) > rejections), f"{name}: Envoy did not refuse it"
            time.sleep(0.2)
            for _ in range(8):
                assert running.chat("ok").status == 200, name
        running.render(with_alias(running, "after-the-bad-ones"))
        assert wait_until(lambda: running.chat("after-the-bad-ones").status == 200)
    traffic.assert_all_served()
    running.settle()
    assert {record["config_revision"] for record in running.all_records()} == {before, revision(running)}
    running.assert_no_trap(but="Failed to configure base Wasm plugin|failed to load|configuration refused")


def rejected_updates(gateway: Gateway) -> int:
    counters = gateway.stats(r"extension_config_discovery.*headgate-gate\.(update_rejected|update_failure|config_fail|config_conflict)")
    return sum(counters.values())


def test_render_of_invalid_policy_writes_nothing(running):
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in running.out.rglob("*") if path.is_file()}
    bad = policy.shared(running)
    bad["models"]["ok"]["targets"][0]["provider"] = "nobody-by-this-name"
    bad["surprise"] = True
    path = running.folder / "bad.yaml"
    path.write_text(json.dumps(bad, indent=1))
    done = running.headgate("render", "envoy", path, "--out", running.out, "--wasm", "headgate.wasm")
    assert done.returncode != 0
    assert "nobody-by-this-name" in done.stderr and "surprise" in done.stderr and "bad.yaml:" in done.stderr
    after = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in running.out.rglob("*") if path.is_file()}
    assert after == before
    assert running.chat("ok").status == 200


def test_repeated_rendering_changes_nothing(running):
    before = {path: path.stat().st_mtime_ns for path in running.out.rglob("*") if path.is_file()}
    running.render()
    assert {path: path.stat().st_mtime_ns for path in running.out.rglob("*") if path.is_file()} == before
