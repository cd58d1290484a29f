"""Each worker of a proxy says now and then that it is there, and by which policy it decides. Envoy's main thread runs the
filter too, though it serves nothing: it is one more."""

from __future__ import annotations

from gateway import wait_until


def test_the_collector_knows_each_worker_and_its_policy(gateway):
    record = gateway.record(gateway.chat("ok"))

    def workers() -> list[dict]:
        planes = gateway.query("/v1/dataplanes")["data"]
        [plane] = [plane for plane in planes if plane["node"] == "e2e"]
        assert not plane["stale"]
        return plane["workers"]

    assert wait_until(lambda: len(workers()) == gateway.workers + 1)
    assert record["boot"] in {worker["boot"] for worker in workers()}
    assert {worker["config_revision"] for worker in workers()} == {record["config_revision"]}
    assert all(worker["dropped"] == 0 and worker["version"] for worker in workers())


def test_a_new_policy_is_seen_to_be_in_force(new_gateway):
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
