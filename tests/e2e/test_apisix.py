"""APISIX by address: two workers, each a process, under load, reloads and kills; limits that they share; requests that wait for others."""

from __future__ import annotations

import os
import signal
import threading
import time

import apisix
import policy
import pytest
import wire
from gateway import Gateway, wait_until
from traffic import Traffic

pytestmark = pytest.mark.apisix_only

# A worker counts as dead after 45 s of silence, and its records as missing after 120 s.
DEAD = 180


def limited(gateway: Gateway) -> dict:
    made = policy.shared(gateway)
    made["limits"] = [{"id": f"by-{key}", "match": {"key": key}, "requests": "20/day"} for key in ("paced", "burst")]
    return made


KEYS = (*policy.KEY_IDS, "paced", "burst")


def records_of(gateway: Gateway) -> dict[str, int]:
    """Returns the number of records of each trace."""
    counts: dict[str, int] = {}
    for record in gateway.all_records():
        counts[record["trace_id"]] = counts.get(record["trace_id"], 0) + 1
    return counts


def missing(gateway: Gateway, traces: list[str]) -> int:
    """Returns the number of requests without a record. No request may have two."""
    counts = records_of(gateway)
    assert all(count == 1 for count in counts.values()), "a request has two records"
    return sum(trace not in counts for trace in traces)


def with_alias(gateway: Gateway, name: str) -> dict:
    changed = policy.shared(gateway)
    changed["models"][name] = policy.alias(policy.target("alpha", "ok"))
    return changed


def test_new_policies_fail_no_request(new_gateway):
    gateway = new_gateway(policy.shared)
    with Traffic(gateway, clients=4) as traffic:
        for number in range(3):
            gateway.render(with_alias(gateway, f"new-{number}"))
            # Each worker reads its file once a second.
            assert wait_until(lambda: all(gateway.chat(f"new-{number}").status == 200 for _ in range(8)))
    traffic.assert_all_served()
    gateway.settle()
    gateway.assert_no_trap()
    assert len({record["config_revision"] for record in gateway.all_records()}) == 4


def test_reload_under_load_loses_no_record(new_gateway):
    gateway = new_gateway(policy.shared)
    before = apisix.workers(gateway.envoy)
    with Traffic(gateway, clients=4) as traffic:
        time.sleep(2)
        gateway.envoy.process.send_signal(signal.SIGHUP)
        assert wait_until(lambda: not set(before) & set(apisix.workers(gateway.envoy)))
        time.sleep(2)
    traffic.assert_all_served()
    traces = [answer.trace for _, answer in traffic.answers]
    assert wait_until(lambda: missing(gateway, traces) == 0, 10), f"{missing(gateway, traces)} of {len(traces)} are lost"
    print(f"reload: 0 of {len(traces)} records are lost")
    assert {record["node"] for record in gateway.all_records()} >= {f"e2e-{pid}" for pid in before}
    gateway.assert_no_trap()


def test_restart_loses_no_record(new_gateway):
    gateway = new_gateway(policy.shared)
    for _ in range(2):
        traces = [gateway.chat("ok").trace for _ in range(30)]
        gateway.envoy.stop()
        assert missing(gateway, traces) == 0
        gateway.start_envoy()
    gateway.assert_no_trap()


@pytest.mark.slow
def test_records_of_a_killed_worker_are_missed(new_gateway):
    gateway = new_gateway(policy.shared)
    served: list[str] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            try:
                served.append(gateway.chat("ok").trace)
            except OSError:
                pass
            time.sleep(0.02)

    clients = [threading.Thread(target=ask) for _ in range(4)]
    [client.start() for client in clients]
    time.sleep(4)
    killed, *others = apisix.workers(gateway.envoy)
    os.kill(killed, signal.SIGKILL)
    # Another one takes its place, and requests go on.
    assert wait_until(lambda: len(set(apisix.workers(gateway.envoy)) - {killed}) == 2)
    so_far = len(served)
    assert wait_until(lambda: len(served) > so_far + 50)
    over.set()
    [client.join() for client in clients]
    # The logger of the others sends what it has.
    time.sleep(4)
    lost = missing(gateway, served)

    def gap() -> dict | None:
        found = gateway.query("/v1/gaps")["data"]
        return next((one for one in found if one["node"] == f"e2e-{killed}" and one["records"] > 0), None)

    assert wait_until(lambda: gap() is not None, DEAD)
    named = gap()["records"]
    print(f"kill: {lost} of {len(served)} records are lost, {named} of them are named")
    # Numbers of its last second were never told.
    assert lost > 0 and 0 < named <= lost
    ends = [one for one in gateway.query("/v1/gaps")["data"] if one["end_unknown"] and one["node"] == f"e2e-{killed}"]
    assert ends


def test_a_request_that_waits_is_in_nobodys_way(new_gateway):
    gateway = new_gateway(policy.shared, workers=1)
    waiting = [threading.Thread(target=gateway.chat, args=("hang",), kwargs={"stream": stream}) for stream in (False, True)]
    [one.start() for one in waiting]
    time.sleep(0.2)
    begun = time.monotonic()
    assert [gateway.chat("ok").status for _ in range(10)] == [200] * 10
    took = time.monotonic() - begun
    assert all(one.is_alive() for one in waiting) and took < 0.8, f"ten requests took {took:.2f} s"
    [one.join() for one in waiting]
    gateway.settle()


def test_client_that_leaves_ends_the_stream_of_the_provider(new_gateway):
    gateway = new_gateway(policy.shared)
    trace = gateway.trace()
    with wire.Exchange(gateway.listen) as exchange:
        body = b'{"model":"stream-200-delay-50","stream":true,"messages":[]}'
        exchange.send(wire.request("POST", "/v1/chat/completions", gateway.head(trace), body))
        exchange.read_until(b"data: ")
    assert gateway.providers["alpha"].saw_abort(trace, 5)
    record = gateway.record(trace)
    # Nobody tells the filter: `ai-proxy-multi` ends the answer in order.
    assert (record["ended_by"], record["status"]) == ("complete", 200)


def test_silent_collector_costs_each_request_little(new_gateway):
    gateway = new_gateway(policy.shared)
    assert gateway.chat("ok").status == 200
    gateway.collector.process.send_signal(signal.SIGSTOP)
    begun, took = time.monotonic(), []
    while time.monotonic() - begun < 6:
        before = time.monotonic()
        assert gateway.chat("ok").status == 200
        took.append(time.monotonic() - before)
        time.sleep(0.02)
    gateway.collector.process.send_signal(signal.SIGCONT)
    slow = sum(one > 0.2 for one in took)
    print(f"silent collector: {len(took)} requests in 6 s, {slow} of them waited, the longest {max(took):.2f} s")
    assert slow <= 10 and max(took) < 2.5
    gateway.settle()


@pytest.mark.parametrize("workers", [2, 5])
def test_workers_admit_exactly_the_limit(new_gateway, workers):
    gateway = new_gateway(limited, workers=workers, key_ids=KEYS)
    paced: list[int] = []

    def ask_paced() -> None:
        paced.append(gateway.chat("ok", key="paced").status)
        time.sleep(0.1)

    # A share that lies with a worker to which no request comes is free after 10 s.
    wait_until(lambda: ask_paced() or paced.count(200) >= 20)
    [ask_paced() for _ in range(40)]
    burst: list[int] = []

    def ask() -> None:
        burst.extend(gateway.chat("ok", key="burst").status for _ in range(10))

    for _ in range(3):
        clients = [threading.Thread(target=ask) for _ in range(7)]
        [client.start() for client in clients]
        [client.join() for client in clients]
        time.sleep(2)
    print(f"{workers} workers: {paced.count(200)} of {len(paced)} paced, {burst.count(200)} of {len(burst)} in bursts")
    assert set(paced) | set(burst) <= {200, 429}
    assert (paced.count(200), burst.count(200)) == (20, 20)
    gateway.settle()
