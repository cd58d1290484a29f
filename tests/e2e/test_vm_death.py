"""A worker's VM dies: other workers continue, reservations are returned, and open requests are reported."""

from __future__ import annotations

import time

import policy
import pytest
from broken import module_that_dies
from gateway import BIN, WASM, Gateway, stack, wait_until
from test_memory import Upload
from test_protocols import Http2

# A worker counts as dead after 45 s of silence, if the collector has run for that long.
DEAD = 150
SLOTS = 4


def made(gateway: Gateway) -> dict:
    shared = policy.shared(gateway)
    shared["limits"] = [{"id": "slots", "match": {"key": "other"}, "concurrency": SLOTS}]
    return shared


class FragileGateway(Gateway):
    """A gateway whose VMs trap on a request with trailers."""

    def render(self, policy: dict | None = None) -> None:
        super().render(policy)
        wasm = module_that_dies(WASM, "proxy_on_request_trailers", self.folder / "fragile.wasm")
        stack.render(BIN / "headgate", self.folder / "gateway.yaml", self.out, wasm)

    def kill_vm(self) -> None:
        """Makes one worker's VM trap."""
        try:
            Http2(self.listen).ask(self.head("0" * 32), [b"{}"], [("x-trap", "1")])
        except OSError:
            pass
        assert wait_until(lambda: "unreachable" in self.log())


@pytest.fixture
def fragile(tmp_path):
    made_one = FragileGateway(tmp_path / "gateway", made, workers=1, key_ids=policy.KEY_IDS)
    try:
        yield made_one.start()
    finally:
        made_one.stop()


def held(gateway: Gateway) -> list[Upload]:
    """Takes all slots with requests that stay open."""
    before = len(gateway.providers["alpha"].seen())
    taken = [Upload(gateway, b'{"model":"hang-forever","messages":[]}', key="other") for _ in range(SLOTS)]
    assert wait_until(lambda: len(gateway.providers["alpha"].seen()) >= before + SLOTS)
    return taken


@pytest.mark.wasm_only("there is no VM that can die and leave the proxy")
@pytest.mark.slow
def test_dead_vm_returns_its_slots(fragile):
    # A process that has just started has no workers to take over.
    time.sleep(6)
    [old] = {record["boot"] for record in [fragile.record(fragile.chat("ok"))]}
    held(fragile)
    assert fragile.chat("ok", key="other").status == 429
    # The heartbeat that reports them.
    time.sleep(3)
    fragile.kill_vm()
    died = time.monotonic()
    assert wait_until(lambda: fragile.chat("ok").status == 200, 10)
    served = time.monotonic()
    assert wait_until(lambda: fragile.chat("ok", key="other").status == 200, 10)
    given_back = time.monotonic()
    print(f"served again after {served - died:.2f} s, slots after {given_back - died:.2f} s")
    assert given_back - died < 2
    taken = held(fragile)
    assert not [one for one in taken if one.answer is not None]
    [one.leave() for one in taken]

    def told() -> list[dict]:
        return [gap for gap in fragile.query("/v1/gaps")["data"] if gap["end_unknown"] and gap["boot"] == old]

    assert wait_until(told, DEAD)
    [gap] = told()
    assert gap["open"] >= SLOTS and gap["records"] == 0
