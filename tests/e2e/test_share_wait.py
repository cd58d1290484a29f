"""`retry-after` for want of a share is correct: a client that waits for that time is served."""

from __future__ import annotations

import signal
import time

import policy
import pytest
from gateway import Gateway

LIMIT = 40
INTERVAL = {"killed": "1s", "slow": "5s"}
# How late the collector's word may be, s.
LATE = 2
# A longer wait is one for the next window, s.
DAY_ENDS = 60


def tight(interval: str):
    def made(gateway: Gateway) -> dict:
        shared = policy.shared(gateway)
        shared["collector"] |= {"sync_interval": interval, "stale_after": "20s"}
        shared["limits"] = [{"id": "tight", "match": {"key": "other"}, "requests": f"{LIMIT}/day"}]
        return shared

    return made


def told_wait(answer) -> int:
    assert answer.status == 429
    return int(answer.header("retry-after"))


def answer_after(wait_s: int, proxy: Gateway):
    """Waits as told. Where other tests keep the processors busy, the collector's word may be late by a moment."""
    time.sleep(wait_s + 0.2)
    end = time.monotonic() + LATE
    while (answer := proxy.chat("ok", key="other")).status != 200 and time.monotonic() < end:
        if told_wait(answer) > LATE:
            break
        time.sleep(0.1)
    return answer


def true_waits(proxy: Gateway) -> list[int]:
    """Sends requests until a wait of more than a second was told, or the limit is used up. Each wait must be true, but the
    first answer of a second is sent before the collector was asked."""
    waits = []
    deadline = time.monotonic() + 40
    while not (waits and max(waits) > 1) and time.monotonic() < deadline:
        answer = proxy.chat("ok", key="other")
        if answer.status == 200:
            continue
        waits.append(told_wait(answer))
        if waits[-1] > DAY_ENDS:
            # The rest of the limit was served without a longer wait.
            waits.pop()
            break
        answer = answer_after(waits[-1], proxy)
        if waits[-1] == 1 and answer.status == 429:
            waits.append(told_wait(answer))
            if waits[-1] > DAY_ENDS:
                waits.pop()
                break
            answer = answer_after(waits[-1], proxy)
        assert answer.status == 200, waits
    assert 1 <= max(waits) <= 11
    return waits


@pytest.mark.slow
@pytest.mark.parametrize("how", INTERVAL)
def test_share_is_available_after_retry_after(tmp_path, how):
    made = tight(INTERVAL[how])
    first = Gateway(tmp_path / "p0", made, key_ids=policy.KEY_IDS, workers=1)
    second = Gateway(tmp_path / "p1", made, beside=first, workers=1)
    try:
        [proxy.start() for proxy in (first, second)]
        # Both proxies are known, and the first one holds nearly the whole rest.
        assert [first.chat("ok", key="other").status for _ in range(8)] == [200] * 8
        time.sleep(1.5)
        first.chat("ok", key="other")
        if how == "killed":
            first.envoy.stop(signal.SIGKILL)
            time.sleep(3)
        waits = true_waits(second)
        print(f"{how}: told to wait for {waits} s")
    finally:
        [proxy.stop() for proxy in (second, first)]
