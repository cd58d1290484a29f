"""Each worker of a proxy reports its presence and its policy. Envoy's main thread runs the filter too, although it serves
nothing, so it is one more worker."""

from __future__ import annotations

from gateway import NATIVE, wait_until


def test_collector_knows_workers_and_policies(gateway):
    record = gateway.record(gateway.chat("ok"))

    def workers() -> list[dict]:
        planes = gateway.query("/v1/dataplanes")["data"]
        [plane] = [plane for plane in planes if plane["node"] == "e2e"]
        assert not plane["stale"]
        return plane["workers"]

    assert wait_until(lambda: len(workers()) == (1 if NATIVE else gateway.workers + 1))
    assert record["boot"] in {worker["boot"] for worker in workers()}
    assert {worker["config_revision"] for worker in workers()} == {record["config_revision"]}
    assert all(worker["dropped"] == 0 and worker["version"] for worker in workers())


def test_new_policy_is_reported(new_gateway):
    one = new_gateway()
    before = one.record(one.chat("ok"))["config_revision"]
    changed = one.make_policy(one)
    changed["environment"] = "changed"
    one.render(changed)

    def revisions() -> set[str]:
        [plane] = one.query("/v1/dataplanes")["data"]
        return {worker["config_revision"] for worker in plane["workers"]}

    assert wait_until(lambda: before not in revisions() and len(revisions()) == 1)
    assert one.record(one.chat("ok"))["config_revision"] in revisions()
