"""The collector dies during traffic: in the end every request has exactly one record."""

from __future__ import annotations

import time

import policy
from gateway import Gateway, wait_until
from traffic import Traffic


def assert_each_on_record_once(gateway: Gateway, traffic: Traffic, seconds: float = 45) -> None:
    wanted = sorted(answer.header("x-headgate-request-id") for _, answer in traffic.answers)
    found: list[str] = []

    def arrived() -> bool:
        found[:] = sorted(record["id"] for record in gateway.all_records())
        return len(found) >= len(wanted)

    wait_until(arrived, seconds)
    assert found == wanted
    gateway.settle()


def test_killed_collector_loses_nothing(new_gateway):
    gateway = new_gateway(policy.shared, workers=2)
    with Traffic(gateway) as traffic:
        for down in (0.0, 0.5, 1.0, 0.0):
            time.sleep(1)
            gateway.kill_collector()
            time.sleep(down)
            gateway.start_collector()
    traffic.assert_all_served()
    assert len(traffic.answers) > 200
    assert_each_on_record_once(gateway, traffic)
    assert len({record["boot"] for record in gateway.all_records()}) == gateway.members
    assert gateway.query("/v1/gaps")["data"] == []
    gateway.assert_no_trap()


def test_late_collector_gets_everything(new_gateway):
    gateway = new_gateway(policy.shared)
    gateway.kill_collector()
    with Traffic(gateway, clients=2) as traffic:
        time.sleep(1.5)
    traffic.assert_all_served()
    assert "the collector" in gateway.log()
    gateway.start_collector()
    assert_each_on_record_once(gateway, traffic)
