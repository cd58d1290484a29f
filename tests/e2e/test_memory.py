"""Memory of a worker under load that would fill it: requests are refused in our words, and no VM dies.

Each test has a gateway of its own with one worker, so that everything meets in one VM.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import policy
import pytest
import wire
from gateway import wait_until

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
MIB = 1 << 20
# Tests of a minute and more, and of a gigabyte.
soak = pytest.mark.skipif(os.environ.get("HEADGATE_SOAK") != "1", reason="long: `just soak` runs it")


def with_room(gateway, **more) -> dict:
    """The shared policy for bodies of 28 MiB; aliases with a guardrail begin with `guarded:`."""
    made = policy.shared(gateway)
    models = made["models"]
    models["guarded:ok"] = policy.alias(policy.target("alpha", "ok"))
    models["guarded:big"] = policy.alias(policy.target("alpha", "big-20000"))
    models["claude:hang"] = policy.alias(policy.target("claude", "hang"), first_byte_timeout="60s")
    guarded = {"match": {"model": ["guarded:*"]}}
    made["guardrails"] = [
        {"id": "mail", "detect": {"pii": ["email"]}, "action": "mask", "restore": True, "on": ["request"], **guarded},
        {"id": "word", "detect": {"words": ["zzyzx"]}, "action": "block", "on": ["response"], **guarded},
    ]
    return {**made, "max_request_bytes": "29MiB", **more}


@pytest.fixture
def gateway(new_gateway):
    """When a test is over, everything is served again by the VM that was there before."""
    one = new_gateway(with_room, workers=1)
    assert one.chat("ok").status == 200
    yield one
    assert wait_until(lambda: one.chat("ok").status == 200)
    one.settle()
    one.assert_no_trap()
    assert rss(one) < 1_600 * MIB


def rss(gateway) -> int:
    """Memory of Envoy at its highest, bytes."""
    status = Path(f"/proc/{gateway.envoy.process.pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


class Upload(threading.Thread):
    """One request whose body is sent as it is made; its answer, if any, is kept."""

    def __init__(self, gateway, body: bytes, *, path=CHAT, announced: int | None = None):
        super().__init__(daemon=True)
        self.trace, self.path, self.body = gateway.trace(), path, body
        self.head = [*gateway.head(self.trace), ("content-length", str(announced or len(body)))]
        self.exchange = wire.Exchange(gateway.listen, timeout=60)
        self.answer: wire.Answer | None = None
        self.start()

    def run(self) -> None:
        try:
            self.exchange.send(wire.request("POST", self.path, self.head, self.body))
            self.answer = self.exchange.answer()
            self.answer.trace = self.trace
        except (OSError, ValueError):
            pass

    def leave(self) -> None:
        if self.answer is None:
            self.exchange.reset()


def refused(uploads: list[Upload]) -> list[wire.Answer]:
    """The answers so far; each is a refusal for want of memory."""
    answers = [upload.answer for upload in uploads if upload.answer is not None]
    for answer in answers:
        assert answer.status == 503 and int(answer.header("retry-after")) >= 1
        assert answer.header("x-headgate-rejected-by") == "gateway"
        assert b"its memory for requests is in use" in answer.body
    return answers


def leave(gateway, uploads: list[Upload]) -> None:
    """All clients go; every request has one record, and those refused say why."""
    told = refused(uploads)
    for upload in uploads:
        upload.leave()
    for upload in uploads:
        upload.join(10)
    for answer in told:
        record = gateway.record(answer)
        assert (record["status"], record["error_code"]) == (503, "gateway_overloaded") and "attempts" not in record


@soak
@pytest.mark.parametrize(("path", "model"), [(CHAT, "hang-forever"), (MESSAGES, "claude:hang")])
def test_bodies_beyond_the_memory_are_refused(gateway, path, model):
    stream = Upload(gateway, b'{"model":"stream-200-delay-50","stream":true,"messages":[]}')
    body = b'{"max_tokens":1,"messages":["' + b"x" * (28 * MIB) + b'"],"model":"%s"}' % model.encode()
    uploads = [Upload(gateway, body, path=path) for _ in range(40)]
    assert wait_until(lambda: len(refused(uploads)) >= 30)
    assert len(refused(uploads)) < 40
    assert gateway.chat("ok").status == 200
    if path == MESSAGES:
        assert refused(uploads)[0].json()["error"]["type"] == "overloaded_error"
    else:
        assert refused(uploads)[0].error()["code"] == "gateway_overloaded"
    leave(gateway, uploads)
    stream.join(30)
    assert stream.answer.status == 200 and stream.answer.whole and b"[DONE]" in stream.answer.body


@soak
def test_slow_uploads_leave_room_for_others(gateway):
    started = b'{"model":"ok","messages":["' + b"x" * (8 * MIB)
    uploads = []
    for _ in range(60):
        uploads.append(Upload(gateway, started, announced=28 * MIB))
    assert wait_until(lambda: len(refused(uploads)) >= 20)
    assert gateway.chat("ok").status == 200
    leave(gateway, uploads)


@soak
def test_millions_of_findings_are_refused(gateway):
    addresses = " ".join(f"a{number:x}@b.co" for number in range(20 * MIB // 13))
    body = b'{"model":"guarded:ok","messages":[{"role":"user","content":"' + addresses.encode() + b'"}]}'
    uploads = [Upload(gateway, body) for _ in range(4)]
    for upload in uploads:
        upload.join(60)
        assert upload.answer.status == 422 and upload.answer.header("x-should-retry") == "false"
        assert upload.answer.error()["code"] == "too_many_findings"
        assert gateway.record(upload.answer)["error_code"] == "too_many_findings"


def test_many_addresses_are_masked_and_restored(gateway):
    addresses = " ".join(f"a{number:x}@b.co" for number in range(9_000))
    answer = gateway.call({"model": "guarded:ok", "messages": [{"role": "user", "content": addresses}]})
    assert answer.status == 200
    [seen] = gateway.providers["alpha"].seen(answer.trace)
    assert b"@b.co" not in seen.body and b"[EMAIL_9000]" in seen.body


@soak
@pytest.mark.parametrize("filler", ['"",', '"a",', '"\\n",', '{"a":"b"},'], ids=["empty", "short", "escapes", "objects"])
def test_millions_of_texts_are_no_trap(gateway, filler):
    body = f'{{"model":"guarded:ok","messages":[{filler * (20 * MIB // len(filler))}""]}}'.encode()
    answer = gateway.call(body)
    assert answer.status in (200, 422), answer.body[:200]


def test_a_text_of_escapes_is_no_trap(gateway):
    answer = gateway.call(b'{"model":"guarded:ok","messages":[{"role":"user","content":"' + b"\\n" * (14 * MIB) + b'"}]}')
    assert answer.status in (200, 503)


@soak
def test_answers_that_wait_are_bounded(gateway):
    body = b'{"model":"guarded:big","messages":[]}'
    uploads = [Upload(gateway, body) for _ in range(24)]
    for upload in uploads:
        upload.join(90)
    statuses = [upload.answer.status for upload in uploads]
    assert set(statuses) <= {200, 503} and statuses.count(200) >= 4
    for upload in uploads:
        record = gateway.record(upload.answer)
        assert record["status"] == upload.answer.status
        assert record.get("error_code") == (None if upload.answer.status == 200 else "gateway_overloaded")


@soak
def test_memory_that_was_held_comes_back(gateway):
    body = b'{"model":"hang-forever","messages":["' + b"x" * (28 * MIB) + b'"]}'
    for _ in range(4):
        uploads = [Upload(gateway, body) for _ in range(9)]
        assert wait_until(lambda: len(refused(uploads)) >= 1)
        time.sleep(0.2)
        assert len(refused(uploads)) <= 3
        leave(gateway, uploads)
        assert wait_until(lambda: gateway.stats("rq_active")["http.headgate.downstream_rq_active"] == 0)
