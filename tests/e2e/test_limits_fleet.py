"""Limits and budgets across proxies and outages: two real Envoys, a collector that dies, changed clocks."""

from __future__ import annotations

import datetime
import json
import subprocess
import time
from pathlib import Path

import policy
import pytest
from gateway import PATIENCE, Gateway, wait_until
from records import REPORTED, cost
from test_limits import audit, state, statuses, usd

USUAL = cost(REPORTED)["nano_usd"]
# A stream that lasts a minute, so that none ends while the others are counted.
MINUTE = "stream-600-delay-100"
KEYS = ("warned", "shared", "spread", "slots", "known", "open", "closed", "budget", "kept", "edge", "probe")


def fleet_policy(gateway: Gateway, stale_after: str = "2s") -> dict:
    only = lambda key: {"key": key}  # noqa: E731
    made = policy.shared(gateway)
    made["collector"] |= {"sync_interval": "300ms", "stale_after": stale_after}
    made["models"][MINUTE] = policy.alias(policy.target("alpha", MINUTE))
    made["prices"][f"alpha/{MINUTE}"] = policy.PRICE
    made["limits"] = [
        {"id": "probe", "match": only("probe"), "requests": "1M/h"},
        {"id": "forty", "match": only("shared"), "requests": "40/day"},
        {"id": "one-slot-each", "match": only("slots"), "concurrency": 4},
        {"id": "last-known", "match": only("known"), "requests": "20/day"},
        {"id": "let-through", "match": only("open"), "requests": "2/day", "when_unreachable": "allow"},
        {"id": "shut", "match": only("closed"), "requests": "100/day", "when_unreachable": "deny"},
    ]
    made["budgets"] = [
        {"id": "told", "match": only("warned"), "usd": usd(10 * USUAL), "period": "month", "action": "warn", "warn_at": [50, 90]},
        {"id": "purse", "match": only("budget"), "usd": usd(10 * USUAL), "period": "month"},
        {"id": "kept", "match": only("kept"), "usd": usd(100 * USUAL), "period": "total"},
        {"id": "berlin", "match": only("edge"), "usd": usd(2 * USUAL), "period": "month", "time_zone": "Europe/Berlin"},
    ]
    return made


def heard(gateway: Gateway, proxies: int = 1) -> None:
    """Waits until the proxy has an answer from the collector, which knows this number of proxies."""

    def knows() -> bool:
        gateway.chat("ok", key="probe")
        return state(gateway, "probe", "requests/hour").get("proxies", 0) >= proxies

    assert wait_until(knows)
    time.sleep(0.7)


def spend(proxy: Gateway, key: str, times: int) -> tuple:
    """Sends requests until this number was served or the limit is reached. Returns the number of served ones and the refusal.
    Waits after a refusal for want of a share."""
    served, deadline = 0, time.monotonic() + PATIENCE
    while served < times and time.monotonic() < deadline:
        answer = proxy.chat("ok", key=key, max_tokens=1)
        if answer.status == 200:
            served += 1
        elif "share" in answer.error()["message"]:
            time.sleep(0.2)
        else:
            return served, answer
    return served, None


@pytest.fixture
def fleet(request, tmp_path):
    """Two proxies with one collector; at the end each request has its record, and no VM has died. A parameter is their
    `stale_after`."""
    made = lambda gateway: fleet_policy(gateway, getattr(request, "param", "2s"))  # noqa: E731
    first = Gateway(tmp_path / "first", made, key_ids=(*policy.KEY_IDS, *KEYS))
    second = Gateway(tmp_path / "second", made, beside=first)
    try:
        first.start()
        second.start()
        heard(first)
        heard(second)
        heard(first, proxies=2)
        yield first, second
        first.assert_no_trap()
        second.assert_no_trap()
    finally:
        second.stop()
        first.stop()


# On a machine that stalls, a proxy without an answer for two seconds would go on by itself, and both could exceed the limit.
@pytest.mark.parametrize("fleet", ["10s"], indirect=True)
def test_two_proxies_keep_one_limit(fleet):
    admitted, deadline = 0, time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        answers = [proxy.chat("ok", key="shared") for proxy in fleet for _ in range(8)]
        admitted += statuses(answers).get(200, 0)
        reasons = {answer.header("retry-after") for answer in answers if answer.status == 429}
        if admitted >= 40 and len(reasons) > 0 and "1" not in reasons:
            break
        time.sleep(0.2)
    assert admitted == 40
    assert wait_until(lambda: state(fleet[0], "forty", "requests/day")["used"] == 40)


@pytest.mark.parametrize("fleet", ["10s"], indirect=True)
def test_slots_are_the_fleets(fleet):
    import wire

    def hold(proxy):
        exchange = wire.Exchange(proxy.listen)
        body = json.dumps({"model": MINUTE, "messages": [], "stream": True}).encode()
        exchange.send(wire.request("POST", "/v1/chat/completions", proxy.head(proxy.trace(), "slots"), body))
        status = exchange.read_until(b"\r\n").split()[1]
        return exchange, int(status)

    held, refused, deadline = [], 0, time.monotonic() + PATIENCE
    # Then six refusals by each proxy: it has asked for a share again by then.
    while (len(held) < 4 or refused < 12) and time.monotonic() < deadline:
        for proxy in fleet:
            exchange, status = hold(proxy)
            held.append(exchange) if status == 200 else exchange.socket.close()
            refused = 0 if status == 200 else refused + 1
        time.sleep(0.3)
    assert len(held) == 4, "four slots, shared by two proxies"
    [exchange.socket.close() for exchange in held]
    assert wait_until(lambda: state(fleet[0], "one-slot-each", "concurrency")["reserved"] == 0)


def test_proxies_share_a_budget(fleet):
    first, second = fleet
    served, refused = spend(first, "budget", 14)
    assert 8 <= served <= 10 and refused.error()["code"] == "budget_exceeded"
    assert wait_until(lambda: state(first, "purse", "nano_usd/month", "budgets")["used"] >= 9 * USUAL)
    time.sleep(1)
    refused = second.chat("ok", key="budget")
    assert refused.status == 429 and refused.error()["code"] == "budget_exceeded"


def test_shared_threshold_notifies_once(fleet):
    first, second = fleet
    for proxy in fleet:
        assert statuses([proxy.chat("ok", key="warned") for _ in range(3)]) == {200: 3}
    crossed = lambda: [one for one in audit(first) if one["resource"]["id"] == "told"]  # noqa: E731
    assert wait_until(lambda: len(crossed()) == 1), "six tenths are spent, three by each"
    assert wait_until(lambda: state(first, "told", "nano_usd/month", "budgets")["used"] == 6 * USUAL)
    time.sleep(1)
    assert [one["type"] for one in crossed()] == ["budget.threshold_crossed"]
    assert state(second, "told", "nano_usd/month", "budgets")["told"] == [50]


def test_outage_of_the_collector(fleet):
    first, second = fleet
    for proxy in fleet:
        assert proxy.chat("ok", key="known").status == 200
        assert proxy.chat("ok", key="closed").status == 200
    assert wait_until(lambda: state(first, "last-known", "requests/day")["used"] == 2)
    first.kill_collector()
    time.sleep(3)
    refused = first.chat("ok", key="closed")
    assert (refused.status, refused.error()["code"]) == (503, "limit_unavailable")
    assert refused.error()["policy"]["id"] == "shut" and refused.header("retry-after") == "1"
    assert statuses([first.chat("ok", key="open") for _ in range(5)]) == {200: 5}
    answers = [proxy.chat("ok", key="known") for proxy in fleet for _ in range(20)]
    went_on = statuses(answers)[200]
    assert 10 <= went_on <= 18, "each within its share of the eighteen that were left"
    first.start_collector()
    assert wait_until(lambda: first.chat("ok", key="closed").status == 200), "it is asked again"
    assert wait_until(lambda: state(first, "last-known", "requests/day")["used"] == 2 + went_on)
    assert wait_until(lambda: state(first, "let-through", "requests/day")["used"] == 5)


def test_totals_survive_restarts(fleet):
    first, second = fleet
    assert spend(first, "kept", 70)[0] == 70
    row = lambda: state(first, "kept", "nano_usd/total", "budgets")  # noqa: E731
    assert wait_until(lambda: row()["used"] == 70 * USUAL)
    first.kill_collector()
    first.start_collector()
    assert row()["used"] == 70 * USUAL, "what was acknowledged is there"
    first.envoy.stop()
    first.start_envoy()
    heard(first)
    served, refused = spend(first, "kept", 40)
    assert 28 <= served <= 30 and refused.status == 429, "the new proxy knows what the old one spent"


@pytest.fixture(scope="module")
def clock(tmp_path_factory) -> Path:
    """A library that sets the wall clock of a process."""
    library = tmp_path_factory.mktemp("clock") / "clock.so"
    source = Path(__file__).with_name("clock.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, source], check=True)
    return library


def test_a_month_ends_at_midnight_of_its_zone(tmp_path, clock):
    """In Berlin, the first of December begins at 23:00 UTC."""
    one = Gateway(tmp_path / "edge", fleet_policy, workers=1, key_ids=(*policy.KEY_IDS, *KEYS))
    midnight = datetime.datetime(2026, 11, 30, 23, tzinfo=datetime.UTC).timestamp()
    try:
        one.folder.mkdir(parents=True)
        # Time enough for a busy machine to start everything.
        ahead = int(midnight - 40 - time.time())
        one.env |= {"LD_PRELOAD": str(clock), "CLOCK_OFFSET_S": str(ahead)}
        one.start()
        heard(one)
        now = lambda: time.time() + ahead  # noqa: E731
        last = None
        while now() < midnight - 1:
            answer = one.chat("ok", key="edge", max_tokens=1)
            if answer.status == 429:
                last = answer
                wait = int(answer.header("retry-after"))
                assert abs(now() + wait - midnight) <= 2, "what it says is true"
                assert answer.error()["policy"]["resets_at"] == int(midnight)
            time.sleep(0.5)
        assert last is not None, "the old month's money was spent"
        time.sleep(max(0, midnight + 1 - now()))
        assert one.chat("ok", key="edge", max_tokens=1).status == 200, "a new month"
        one.settle()
        one.assert_no_trap()
    finally:
        one.stop()
