"""Memory of a worker under load that would fill it: requests are refused with our errors, and no VM dies.

Each test has its own gateway with one worker, so that all requests share one VM.
"""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import policy
import pytest
import wire
from gateway import Gateway, wait_until

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
MIB = 1 << 20
# Tests that take a minute or more, or a gigabyte.
soak = pytest.mark.soak


def with_room(gateway, **more) -> dict:
    """Returns the shared policy for bodies of 28 MiB; aliases with a guardrail begin with `guarded:`."""
    made = policy.shared(gateway)
    models = made["models"]
    models["guarded:ok"] = policy.alias(policy.target("alpha", "ok"))
    models["guarded:hang"] = policy.alias(policy.target("alpha", "hang"), first_byte_timeout="60s")
    models["guarded:big"] = policy.alias(policy.target("alpha", "big-20000"))
    models["claude:hang"] = policy.alias(policy.target("claude", "hang"), first_byte_timeout="60s")
    guarded = {"match": {"model": ["guarded:*"]}}
    made["guardrails"] = [
        {"id": "mail", "detect": {"pii": ["email"]}, "action": "mask", "restore": True, "on": ["request"], **guarded},
        {"id": "word", "detect": {"words": ["zzyzx"]}, "action": "block", "on": ["response"], **guarded},
    ]
    return {**made, "max_request_bytes": "29MiB", **more}


def with_little(gateway) -> dict:
    """Returns the same for bodies of 12 MiB in 64 MiB, of which an eighth is reserved for small requests."""
    return with_room(gateway, max_request_bytes="12MiB", max_memory="64MiB")


@pytest.fixture
def gateway(new_gateway):
    one = new_gateway(with_room, workers=1)
    yield from used(one)
    assert rss(one) < 1_600 * MIB


@pytest.fixture(scope="module")
def small_gateway(tmp_path_factory):
    one = Gateway(tmp_path_factory.mktemp("small"), with_little, workers=1, key_ids=policy.KEY_IDS)
    try:
        yield one.start()
    finally:
        one.stop()


@pytest.fixture
def small(small_gateway):
    for provider in small_gateway.providers.values():
        provider.control("DELETE", "/_seen")
    yield from used(small_gateway)


def used(one: Gateway):
    """Checks after a test that the same VM serves again, and that no memory is held."""
    assert one.chat("ok").status == 200
    yield one
    assert wait_until(lambda: one.stats("rq_active")["http.headgate.downstream_rq_active"] == 0)
    assert wait_until(lambda: one.chat("ok").status == 200)
    one.settle()
    one.assert_no_trap()


def rss(gateway) -> int:
    """Returns the peak memory of Envoy, bytes."""
    status = Path(f"/proc/{gateway.envoy.process.pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


class Upload(threading.Thread):
    """A request whose body is sent while it is made; its answer, if any, is kept."""

    def __init__(self, gateway, body: bytes, *, path=CHAT, key="main", announced: int | None = None):
        super().__init__(daemon=True)
        self.trace, self.path, self.body = gateway.trace(), path, body
        self.head = [*gateway.head(self.trace, key), ("content-length", str(announced or len(body)))]
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
            try:
                # Wakes the thread that reads or writes; a close alone does not.
                self.exchange.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self.exchange.reset()


def refused(uploads: list[Upload]) -> list[wire.Answer]:
    """Returns the answers so far, each of which must be a refusal for want of memory."""
    answers = [upload.answer for upload in uploads if upload.answer is not None]
    for answer in answers:
        assert answer.status == 503 and int(answer.header("retry-after")) >= 1
        assert answer.header("x-headgate-rejected-by") == "gateway"
        assert b"its memory for requests is full" in answer.body
    return answers


def leave(gateway, uploads: list[Upload]) -> None:
    """Closes all clients. Every request must have one record, with the reason if it was refused."""
    told = refused(uploads)
    for upload in uploads:
        upload.leave()
    for upload in uploads:
        upload.join(10)
    for answer in told:
        record = gateway.record(answer)
        assert (record["status"], record["error_code"]) == (503, "gateway_overloaded") and "attempts" not in record


def sized(model: str, size: int) -> bytes:
    return b'{"max_tokens":1,"messages":["' + b"x" * size + b'"],"model":"%s"}' % model.encode()


@pytest.mark.parametrize(("path", "model"), [(CHAT, "hang-forever"), (MESSAGES, "claude:hang")])
def test_bodies_beyond_max_memory_are_503(small, path, model):
    stream = Upload(small, b'{"model":"stream-30-delay-20","stream":true,"messages":[]}')
    uploads = [Upload(small, sized(model, 11 * MIB), path=path) for _ in range(10)]
    assert wait_until(lambda: len(refused(uploads)) >= 5)
    assert len(refused(uploads)) < 10
    assert small.chat("ok").status == 200
    if path == MESSAGES:
        assert refused(uploads)[0].json()["error"]["type"] == "overloaded_error"
    else:
        assert refused(uploads)[0].error()["code"] == "gateway_overloaded"
    leave(small, uploads)
    stream.join(30)
    assert stream.answer.status == 200 and stream.answer.whole and b"[DONE]" in stream.answer.body


def test_refused_before_the_body_is_sent(small):
    """Held bodies leave no room for an announced one: it is refused before its first byte."""
    uploads = [Upload(small, sized("hang-forever", 11 * MIB)) for _ in range(5)]
    assert wait_until(lambda: len(small.providers["alpha"].seen()) >= 5)
    announced = Upload(small, b"", announced=11 * MIB)
    announced.join(10)
    assert refused([announced])
    leave(small, [*uploads, announced])


def test_unfinished_uploads_count(small):
    started = sized("ok", 6 * MIB)
    uploads = [Upload(small, started, announced=11 * MIB) for _ in range(16)]
    assert wait_until(lambda: len(refused(uploads)) >= 5)
    assert small.chat("ok").status == 200
    leave(small, uploads)


def test_held_memory_is_given_back(small):
    for _ in range(3):
        uploads = [Upload(small, sized("hang-forever", 11 * MIB)) for _ in range(6)]
        assert wait_until(lambda: len(refused(uploads)) >= 1)
        time.sleep(0.2)
        assert len(refused(uploads)) <= 2
        leave(small, uploads)
        assert wait_until(lambda: small.stats("rq_active")["http.headgate.downstream_rq_active"] == 0)


def test_masked_bodies_beyond_memory_are_503(small):
    """The originals of masked addresses, which are restored in the answer, count too."""
    addresses = " ".join(f"a{number:x}@b.co" for number in range(9_000)).encode()
    body = b'{"messages":[{"role":"user","content":"%s %s"}],"model":"guarded:hang"}' % (addresses, b"x" * (8 * MIB))
    uploads = [Upload(small, body) for _ in range(12)]
    assert wait_until(lambda: len(refused(uploads)) >= 5)
    assert len(refused(uploads)) < 12
    assert small.chat("ok").status == 200
    leave(small, uploads)


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
