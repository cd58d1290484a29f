"""Proxies that end: records delivered before, gaps reported after, and shares of their successors."""

from __future__ import annotations

import signal
import threading
import time

import policy
import pytest
from gateway import BIN, Gateway, stack, wait_until
from records import REPORTED, cost
from test_limits import statuses, usd
from test_memory import Upload

USUAL = cost(REPORTED)["nano_usd"]
KEYS = ("spender", "burst")
# A worker counts as dead after 45 s of silence, if the collector has run for that long.
DEAD = 150


def restart_policy(gateway: Gateway) -> dict:
    made = policy.shared(gateway)
    made["limits"] = [{"id": "plenty", "match": {"key": "burst"}, "requests": "10k/day", "concurrency": 200}]
    made["budgets"] = [{"id": "purse", "match": {"key": "spender"}, "usd": usd(100_000 * USUAL), "period": "month"}]
    return made


@pytest.fixture
def gateway(tmp_path):
    made = Gateway(tmp_path, restart_policy, key_ids=(*policy.KEY_IDS, *KEYS))
    try:
        yield made.start()
        made.assert_no_trap()
    finally:
        made.stop()


def ended(gateway: Gateway) -> list[dict]:
    return [gap for gap in gateway.query("/v1/gaps")["data"] if gap["end_unknown"]]


def reported(gateway: Gateway, field: str) -> int:
    """Returns the sum of a number that the workers' heartbeats have told."""
    return sum(worker[field] for proxy in gateway.query("/v1/dataplanes")["data"] for worker in proxy["workers"])


def restart(gateway: Gateway, how: int) -> None:
    gateway.envoy.stop(how)
    gateway.start_envoy()


def test_sigterm_loses_no_finished_request(gateway):
    answers = [gateway.chat("ok") for _ in range(200)]
    # Records of the last milliseconds are still being delivered.
    time.sleep(0.1)
    gateway.envoy.stop(signal.SIGTERM)
    assert statuses(answers) == {200: 200}
    found = {record["trace_id"] for record in gateway.all_records()}
    assert len([answer for answer in answers if answer.trace in found]) == 200
    gateway.start_envoy()


def test_lost_records_are_reported(gateway):
    stop, served = threading.Event(), []

    def ask():
        while not stop.is_set():
            try:
                answer = gateway.chat("ok")
            except OSError:
                return
            served.append((time.monotonic(), answer.trace))

    callers = [threading.Thread(target=ask) for _ in range(4)]
    [caller.start() for caller in callers]
    time.sleep(3)
    gateway.envoy.process.kill()
    killed = time.monotonic()
    gateway.envoy.process.wait()
    stop.set()
    [caller.join() for caller in callers]
    time.sleep(1)
    found = {record["trace_id"] for record in gateway.all_records()}
    lost = [killed - at for at, trace in served if trace not in found]
    print(f"{len(served)} served, {len(lost)} without a record, the oldest {1000 * max(lost, default=0):.0f} ms before the kill")
    assert max(lost, default=0) < 0.5
    gateway.start_envoy()
    assert wait_until(lambda: len(ended(gateway)) > 0, DEAD)
    gap = ended(gateway)[0]
    assert gap["records"] == 0 and gap["first_seq"] == gap["last_seq"] + 1 and "open" in gap and "queued" in gap


@pytest.mark.slow
def test_sigterm_without_collector_is_reported(gateway):
    """Queued records and those of open requests cannot be delivered; the collector reports them when it is back."""
    assert statuses([gateway.chat("ok") for _ in range(20)]) == {200: 20}
    waiting = [Upload(gateway, b'{"model":"hang-forever","messages":[]}') for _ in range(3)]
    # Heartbeats report them: each worker's open requests and last number.
    assert wait_until(lambda: (reported(gateway, "open"), reported(gateway, "last_seq")) == (len(waiting), 20), DEAD)
    gateway.kill_collector()
    assert statuses([gateway.chat("ok") for _ in range(10)]) == {200: 10}
    gateway.envoy.stop(signal.SIGTERM)
    gateway.start_collector()
    gateway.start_envoy()
    assert wait_until(lambda: sum(gap["open"] for gap in ended(gateway)) >= len(waiting), DEAD)
    # Each worker is reported by itself.
    assert wait_until(lambda: sum(gap["last_seq"] for gap in ended(gateway)) == 20, DEAD)
    told = ended(gateway)
    assert all(gap["records"] == 0 and gap["first_seq"] == gap["last_seq"] + 1 and "queued" in gap for gap in told)
    assert len(gateway.all_records()) == 20


def test_drained_proxy_reports_its_end(gateway):
    answers = [gateway.chat("ok", key="burst") for _ in range(20)]
    assert statuses(answers) == {200: 20}
    done = gateway.headgate("drain", gateway.out)
    assert done.returncode == 0, done.stderr
    gateway.envoy.stop(signal.SIGTERM)
    workers = gateway.query("/v1/dataplanes")["data"][0]["workers"]
    assert workers and all(worker["ending"] and worker["open"] == 0 and worker["queued"] == 0 for worker in workers)
    assert {answer.trace for answer in answers} <= {record.get("trace_id") for record in gateway.all_records()}
    gateway.start_envoy()
    assert gateway.chat("ok").status == 200


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_restarted_proxy_has_its_share(gateway, how):
    for key in ("spender", "burst"):
        assert statuses([gateway.chat("ok", key=key) for _ in range(20)]) == {200: 20}
    time.sleep(1.5)
    restart(gateway, how)
    answers, deadline = [], time.monotonic() + 6
    while time.monotonic() < deadline:
        answers += [gateway.chat("ok", key=key) for key in ("spender", "burst")]
    assert statuses(answers) == {200: len(answers)}


def test_burst_after_a_restart_is_admitted(gateway):
    assert statuses([gateway.chat("ok", key="burst") for _ in range(20)]) == {200: 20}
    time.sleep(1.5)
    restart(gateway, signal.SIGKILL)
    answers: list = []
    callers = [threading.Thread(target=lambda: answers.extend(gateway.chat("ok", key="burst") for _ in range(20))) for _ in range(16)]
    [caller.start() for caller in callers]
    [caller.join() for caller in callers]
    assert statuses(answers) == {200: 320}


def test_suspended_proxy_continues(gateway):
    assert statuses([gateway.chat("ok", key="spender") for _ in range(20)]) == {200: 20}
    time.sleep(1.5)
    gateway.envoy.process.send_signal(signal.SIGSTOP)
    time.sleep(9.5)
    gateway.envoy.process.send_signal(signal.SIGCONT)
    answers: list = []

    def ask():
        deadline = time.monotonic() + 4
        while time.monotonic() < deadline:
            answers.append(gateway.chat("ok", key="spender"))

    callers = [threading.Thread(target=ask) for _ in range(16)]
    [caller.start() for caller in callers]
    [caller.join() for caller in callers]
    assert statuses(answers) == {200: len(answers)}


@pytest.mark.soak
@pytest.mark.parametrize("how", ["drained", "killed"])
def test_rolling_restarts_refuse_nothing(tmp_path, how):
    first = Gateway(tmp_path / "p0", restart_policy, key_ids=(*policy.KEY_IDS, *KEYS), workers=1)
    others = [Gateway(tmp_path / f"p{number}", restart_policy, beside=first, workers=1) for number in (1, 2, 3, 4)]
    fleet = [first, *others]
    stop, answers, down = threading.Event(), [], set()

    def ask(number: int):
        while not stop.is_set():
            if number in down:
                time.sleep(0.05)
                continue
            try:
                answers.append(fleet[number].chat("ok", key="burst"))
            except OSError:
                pass
            time.sleep(0.02)

    try:
        [proxy.start() for proxy in fleet]
        callers = [threading.Thread(target=ask, args=(number,)) for number in range(5)]
        [caller.start() for caller in callers]
        time.sleep(2)
        for number, proxy in enumerate(fleet):
            down.add(number)
            if how == "drained":
                stack.drain(BIN / "headgate", proxy.out)
            restart(proxy, signal.SIGTERM if how == "drained" else signal.SIGKILL)
            down.discard(number)
            time.sleep(1)
        stop.set()
        [caller.join() for caller in callers]
        refused = [answer for answer in answers if answer.status == 429]
        print(f"{how}: {len(answers)} answers, {len(refused)} refused")
        assert len(answers) > 100 and not refused
    finally:
        stop.set()
        [proxy.stop() for proxy in reversed(fleet)]


@pytest.mark.parametrize("collector", ["silent", "ending too"])
def test_a_proxy_that_ends_with_a_call_under_way_ends_in_order(gateway, collector):
    """Its call fails while the proxy is taken apart: nothing may be sent any more."""
    for _ in range(3):
        gateway.collector.process.send_signal(signal.SIGSTOP)
        assert statuses([gateway.chat("ok") for _ in range(20)]) == {200: 20}
        time.sleep(0.3)
        if collector == "ending too":
            gateway.collector.process.kill()
        gateway.envoy.stop(signal.SIGTERM)
        assert gateway.envoy.process.returncode == 0, gateway.log()[-2000:]
        gateway.collector.process.send_signal(signal.SIGCONT)
        if collector == "ending too":
            gateway.collector.process.wait()
            gateway.start_collector()
        gateway.start_envoy()


def busy_policy(gateway: Gateway) -> dict:
    made = restart_policy(gateway)
    # The provider that they ask answers after a minute.
    check = {"kind": "webhook", "url": f"{gateway.providers['beta'].url}/hook", "timeout": "30s"}
    checks = {"asked": check, "asked-open": {**check, "when_unreachable": "allow"}}
    made["models"] |= {name: policy.alias(policy.target("alpha", "ok")) for name in checks}
    made["guardrails"] = [{"id": name, "external": check, "match": {"model": [name]}} for name, check in checks.items()]
    return made


def test_a_proxy_that_ends_under_requests_of_all_kinds_ends_in_order(tmp_path):
    """A body that comes, a check, a try, a retry and a stream are under way, and the collector is silent."""
    gateway = Gateway(tmp_path, busy_policy, key_ids=(*policy.KEY_IDS, *KEYS))
    try:
        gateway.start()
        gateway.providers["beta"].script(*[{"delay_ms": 60_000, "body": "{}"}] * 6)
        gateway.collector.process.send_signal(signal.SIGSTOP)
        models = ["asked", "asked-open", "hang-forever", "stream-200-delay-50", "ok"]
        bodies = [b'{"model":"%b","stream":%b,"messages":[]}' % (name.encode(), b"true" if "stream" in name else b"false") for name in models]
        waiting = [Upload(gateway, body, announced=len(body) + (body is bodies[-1])) for body in bodies for _ in range(3)]
        time.sleep(1)
        assert [upload.answer for upload in waiting] == [None] * len(waiting)
        gateway.envoy.stop(signal.SIGTERM)
        assert gateway.envoy.process.returncode == 0, gateway.log()[-2000:]
        gateway.collector.process.send_signal(signal.SIGCONT)
    finally:
        gateway.stop()
