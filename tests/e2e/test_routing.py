"""Selection of targets by weights, tiers and conditions, and cooldowns of failed targets on every worker."""

from __future__ import annotations

import collections
import time

from records import attempt, expect, failover, rejected

# Largest age of a worker's view of cooldowns, and a little more.
NOTICED = 0.1


def ask(gateway, alias: str, times: int, rest: float = 60) -> tuple[float, list[dict]]:
    """Sends requests on separate connections, so that every worker gets some, all while a target is in cooldown: `rest` seconds
    after the first. Returns their beginning and their records. Repeats them if the machine was too slow."""
    for _ in range(20):
        time.sleep(NOTICED)
        begun = time.monotonic()
        answers = [gateway.chat(alias) for _ in range(times)]
        if time.monotonic() - begun < rest:
            return begun, [gateway.record(answer) for answer in answers]
        time.sleep(rest + 1)
    raise AssertionError(f"{times} requests never got through in {rest} s")


def until_over(begun: float, rest: float) -> None:
    """Waits until the cooldown that began then has ended."""
    time.sleep(max(0, begun + rest + 0.5 - time.monotonic()))


def test_retry_after_of_429(gateway):
    begun, (first, *records) = ask(gateway, "busy", 17, rest=2)
    expect(first, attempt("alpha/status-429-retry-after-2", 429, "rate_limited"), failover("beta/ok"))
    for record in records:
        expect(record, attempt("beta/ok"))
    assert len({record["boot"] for record in records}) == gateway.members, "both workers took some"
    until_over(begun, 2)
    _, [again] = ask(gateway, "busy", 1)
    expect(again, attempt("alpha/status-429-retry-after-2", 429, "rate_limited"), failover("beta/ok"))


def test_retry_after_of_5xx(gateway):
    _, (tried, *later) = ask(gateway, "busy-503", 5, rest=4)
    expect(tried, attempt("alpha/status-503-retry-after-4", 503, "server_error"), failover("beta/ok"))
    for record in later:
        expect(record, attempt("beta/ok"))


def test_retry_after_of_a_lone_target(gateway):
    time.sleep(NOTICED)
    first = gateway.chat("busy-alone")
    assert (first.status, first.header("retry-after")) == (429, "3")
    assert first.header("x-headgate-rejected-by") == "provider"
    second = gateway.chat("busy-alone")
    assert second.status == 503 and second.header("retry-after") in ("1", "2", "3")
    assert second.error()["code"] == "all_targets_unavailable"
    assert gateway.providers["alpha"].seen(second.trace) == []
    rejected(gateway.record(second), 503, "all_targets_unavailable")


def test_target_in_cooldown_is_tried_last(gateway):
    begun, (tried, *later) = ask(gateway, "tired", 6, rest=1.5)
    expect(tried, attempt("alpha/status-500", 500, "server_error"), failover("beta/ok"))
    for record in later:
        expect(record, attempt("beta/ok"))
    until_over(begun, 1.5)
    _, [again] = ask(gateway, "tired", 1)
    expect(again, attempt("alpha/status-500", 500, "server_error"), failover("beta/ok"))


def test_weights_share_a_tier(gateway):
    answers = [gateway.chat("weights") for _ in range(120)]
    served = collections.Counter(answer.header("x-headgate-served-by") for answer in answers)
    assert set(served) == {"alpha/w3", "beta/w1"}
    # Of 120 draws with probability 3/4, fewer than 66 or more than 112 happen less than once in a million runs.
    assert 66 <= served["alpha/w3"] <= 112


def test_conditions_choose_the_target(gateway):
    def served(key="main", headers=None, **more) -> str:
        return gateway.chat("conditions", key=key, headers=headers, **more).header("x-headgate-served-by")

    assert served(key="other") == "beta/for-the-rest"
    assert served(key="other", stream=True) == "alpha/for-streams"
    assert served(headers={"x-lane": "fast-1"}) == "alpha/for-search"
    assert served(headers={"x-lane": "slow"}) == "beta/for-the-rest"
    assert served(key="other", headers={"x-lane": "fast-1"}) == "beta/for-the-rest"
    long = [{"role": "user", "content": "x" * 1000}]
    assert served(key="other", messages=long) == "alpha/for-long-prompts"
