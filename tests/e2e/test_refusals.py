"""Requests that Envoy refuses before any filter runs: each has an error of ours, a request id, and one record.

Bytes that are not HTTP, old versions, upgrades, headers beyond the limits, and a proxy without memory.
"""

from __future__ import annotations

import collections
import json
import time
import urllib.request

import hpack
import policy
import pytest
import wire
from gateway import Gateway, wait_until
from test_protocols import Http2

CHAT = "/v1/chat/completions"
WEBSOCKET = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="


def lines(*more: str, method="POST", path=CHAT, version="1.1", host="host: gateway") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/{version}", host, *more, "", ""]).encode("latin-1")


MANY = [f"x-many-{number}: v" for number in range(200)]
REFUSED = {
    "http 1.0": (lines(version="1.0"), 426, "http_version_not_supported"),
    "http 1.0 without a host": (b"GET /v1/models HTTP/1.0\r\n\r\n", 426, "http_version_not_supported"),
    "http 0.9": (b"GET /\r\n\r\n", 426, "http_version_not_supported"),
    "a websocket": (lines(WEBSOCKET, method="GET"), 403, "upgrade_not_supported"),
    "a websocket by post": (lines(WEBSOCKET, "content-length: 0"), 403, "upgrade_not_supported"),
    "headers of 120 kB": (lines("x-large: " + "h" * 120_000), 431, "request_headers_too_large"),
    "200 headers": (lines(*MANY), 431, "request_headers_too_large"),
    "no host": (lines(host="x-no: host"), 400, "malformed_request"),
    "a fragment in the path": (lines(path="/v1/models#x", method="GET"), 400, "malformed_request"),
    "a path without a slash": (lines(path="models", method="GET"), 400, "malformed_request"),
    "a method that is none": (lines(method="FOO@"), 400, "malformed_request"),
    "two lengths": (lines("content-length: 2", "content-length: 3"), 400, "malformed_request"),
    "a length and chunks": (lines("content-length: 2", "transfer-encoding: chunked"), 400, "malformed_request"),
    "another transfer encoding": (lines("transfer-encoding: foo"), 501, "transfer_encoding_not_supported"),
    "a zero byte": (lines("x-a: \0"), 400, "malformed_request"),
    "a name that is none": (lines("x(a: b"), 400, "malformed_request"),
    "a TLS greeting": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", 400, "malformed_request"),
    "zeros": (b"\0" * 1000, 400, "malformed_request"),
}


def record_of(gateway, request_id: str) -> dict:
    found = []

    def arrived() -> bool:
        found[:] = [one for one in gateway.query("/v1/requests", limit="200")["data"] if one["id"] == request_id]
        return bool(found)

    assert wait_until(arrived), f"no record {request_id}"
    assert len(found) == 1
    return found[0]


def refused(gateway, answer: wire.Answer, status: int, code: str) -> dict:
    assert answer.status == status
    assert answer.header("content-type") == "application/json"
    assert answer.header("x-headgate-rejected-by") == "gateway"
    record = record_of(gateway, answer.header("x-headgate-request-id"))
    assert (record["status"], record["error_code"], record["ended_by"]) == (status, code, "gateway")
    assert record["rejected_by"] == "gateway" and "attempts" not in record
    return record


@pytest.mark.parametrize(("data", "status", "code"), REFUSED.values(), ids=REFUSED)
def test_refusal_of_the_proxy_is_our_error(gateway, data, status, code):
    with wire.Exchange(gateway.listen) as exchange:
        exchange.send(data)
        answer = exchange.answer()
    error = answer.error()
    assert error["code"] == code and error["message"].startswith("Rejected by the gateway: ")
    refused(gateway, answer, status, code)
    assert gateway.chat("ok").status == 200


def test_refused_request_is_on_record(gateway):
    trace = gateway.trace()
    head = [f"{name}: {value}" for name, value in gateway.head(trace) if name != "host"]
    with wire.Exchange(gateway.listen) as exchange:
        exchange.send(lines(WEBSOCKET, *head, method="GET", path="/v1/messages"))
        answer = exchange.answer("GET")
    record = refused(gateway, answer, 403, "upgrade_not_supported")
    assert record["caller"]["key_id"] == "main" and record["trace_id"] == trace
    body = answer.json()
    assert (body["type"], body["error"]["type"]) == ("error", "permission_error")
    assert body["request_id"] == record["id"]


HTTP_1_0 = {
    "messages": ("POST", "/v1/messages", (), True),
    "token counting": ("POST", "/v1/messages/count_tokens", (), True),
    "models by version": ("GET", "/v1/models", ("anthropic-version: 2023-06-01",), True),
    "chat": ("POST", CHAT, (), False),
    "models": ("GET", "/v1/models", (), False),
}


@pytest.mark.parametrize(("method", "path", "more", "anthropic"), HTTP_1_0.values(), ids=HTTP_1_0)
def test_http_1_0_is_refused_in_each_api(gateway, method, path, more, anthropic):
    trace = gateway.trace()
    head = [f"{name}: {value}" for name, value in gateway.head(trace) if name != "host"]
    with wire.Exchange(gateway.listen) as exchange:
        exchange.send(lines(*head, *more, method=method, path=path, version="1.0"))
        answer = exchange.answer(method)
    record = refused(gateway, answer, 426, "http_version_not_supported")
    assert record["caller"]["key_id"] == "main" and record["trace_id"] == trace
    body = answer.json()
    if anthropic:
        assert (body["type"], body["error"]["type"]) == ("error", "invalid_request_error")
        assert answer.header("request-id") == body["request_id"] == record["id"]
    else:
        assert body["error"]["code"] == "http_version_not_supported"


def test_health_check_over_http_1_0(gateway):
    with wire.Exchange(gateway.listen) as exchange:
        exchange.send(lines(method="GET", path="/healthz", version="1.0"))
        answer = exchange.answer("GET")
    assert (answer.status, answer.json()) == (200, {"status": "ok"})


def test_gateway_errors_are_not_rewritten(gateway):
    for answer in (gateway.call(b"{"), gateway.call(None, path="/nowhere"), gateway.chat("ok", key="nobody")):
        error = answer.error()
        assert error["code"] in ("invalid_json", "unknown_path", "invalid_api_key")
        gateway.record(answer)


def known(gateway) -> set[str]:
    return {one["id"] for one in gateway.query("/v1/requests", limit="500")["data"]}


def frames(stream: int, head: list[tuple[str, str]]) -> bytes:
    """Returns a request without a body in HEADERS and CONTINUATION frames, as no library would send it."""
    block, out = hpack.Encoder().encode(head, huffman=False), b""
    for at in range(0, len(block), 16_384):
        piece = block[at : at + 16_384]
        flags = (1 if at == 0 else 0) | (4 if at + 16_384 >= len(block) else 0)
        out += len(piece).to_bytes(3, "big") + bytes([1 if at == 0 else 9, flags]) + stream.to_bytes(4, "big") + piece
    return out


HTTP2 = {
    "200 headers": ([(f"x-many-{number}", "v") for number in range(200)], "request_headers_too_large"),
    "a connection header": ([("connection", "close")], "malformed_request"),
    "a name in upper case": ([("X-Upper", "v")], "malformed_request"),
    "two lengths": ([("content-length", "2"), ("content-length", "3")], "malformed_request"),
}
HEAD = [(":method", "POST"), (":path", CHAT), (":scheme", "http"), (":authority", "gateway")]


@pytest.mark.parametrize(("more", "code"), HTTP2.values(), ids=HTTP2)
def test_bad_http2_request_is_on_record(gateway, more, code):
    before = known(gateway)
    connection = Http2(gateway.listen)
    other = connection.connection.get_next_available_stream_id()
    connection.begin(other, gateway.head(gateway.trace()), [b'{"model":"slow-first-byte-300"}'], None)
    connection.exchange.send(frames(other + 2, HEAD + more))
    body = connection.exchange.read_until(b"Hello")
    assert b"chat.completion" in body
    refusals_without_an_answer(gateway, before, code)


def test_too_large_http2_headers_are_on_record(gateway):
    before = known(gateway)
    connection = Http2(gateway.listen)
    connection.exchange.send(frames(1, HEAD + [(f"x-large-{number}", "h" * 20_000) for number in range(6)]))
    refusals_without_an_answer(gateway, before, None)
    assert gateway.chat("ok").status == 200


def refusals_without_an_answer(gateway, before: set[str], code: str | None) -> None:
    """Waits for one more record of a request that was refused without an answer."""
    new: list[dict] = []

    def arrived() -> bool:
        rows = gateway.query("/v1/requests", limit="500")["data"]
        new[:] = [one for one in rows if one["id"] not in before and one["status"] == 0]
        return bool(new)

    assert wait_until(arrived, 20)
    assert len(new) == 1 and new[0]["rejected_by"] == "gateway"
    assert new[0]["error_code"] == code or code is None


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
# A class of refusals, and the bytes of a connection that cause it.
CLASSES = {
    "http 1.0": ("http10", lines(version="1.0")),
    "a websocket": ("upgrade", lines(WEBSOCKET, method="GET")),
    "200 headers": ("header_limit", lines(*MANY)),
    "headers of 120 kB over http 2": ("header_limit", PREFACE + frames(1, HEAD + [(f"x-{one}", "h" * 20_000) for one in range(6)])),
    "zeros": ("codec_error", b"\0" * 1000),
    "zeros over http 2": ("codec_error", PREFACE + b"\0\0\6\1\5\0\0\0\1" + b"\xff" * 6),
    "half a preface": ("codec_error", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"),
    "data on stream 0": ("codec_error", PREFACE + b"\0\0\1\0\0\0\0\0\0x"),
    "a flood of settings": ("codec_error", PREFACE + b"\0\0\0\4\0\0\0\0\0" * 3_000),
}


def counted(gateway) -> collections.Counter:
    """Returns the refusals that the workers of the proxy report."""
    found: collections.Counter = collections.Counter()
    for plane in gateway.query("/v1/dataplanes")["data"]:
        for worker in plane["workers"]:
            found.update(worker.get("refused_by_proxy", {}))
    return found


def send(gateway, data: bytes) -> None:
    with wire.Exchange(gateway.listen, timeout=5) as exchange:
        exchange.send(data)
        try:
            exchange.read_to_end()
        except TimeoutError:
            pass


def test_refusals_are_counted_by_class(gateway):
    # Refusals of earlier tests have been reported after one heartbeat.
    time.sleep(11)
    before = counted(gateway)
    for _, data in CLASSES.values():
        send(gateway, data)
    expected = before + collections.Counter(kind for kind, _ in CLASSES.values())
    assert gateway.chat("ok").status == 200
    assert wait_until(lambda: counted(gateway) == expected, 30), f"{counted(gateway)} where {expected} should be"
    metrics = urllib.request.urlopen(f"http://{gateway.collector_address}/metrics", timeout=10).read().decode()
    for kind, count in expected.items():
        assert f'headgate_collector_proxy_refusals{{class="{kind}"}} {count}' in metrics


def test_a_client_that_leaves_is_not_refused(gateway):
    before = known(gateway)
    with wire.Exchange(gateway.listen) as exchange:
        exchange.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: gate")
    new: list[dict] = []

    def arrived() -> bool:
        new[:] = [one for one in gateway.query("/v1/requests", limit="500")["data"] if one["id"] not in before]
        return bool(new)

    assert wait_until(arrived, 20)
    assert [(one["status"], one["ended_by"], one.get("error_code")) for one in new] == [(0, "client", None)]


class FullProxy(Gateway):
    """A gateway whose heap is full from the start; it still accepts connections, so that it can answer."""

    def render(self, policy: dict | None = None) -> None:
        super().render(policy)
        path = self.out / "bootstrap.json"
        bootstrap = json.loads(path.read_text())
        actions = bootstrap["overload_manager"]["actions"]
        actions[:] = [one for one in actions if "connections" not in one["name"]]
        path.write_text(json.dumps(bootstrap))


def test_a_proxy_without_memory_says_so(tmp_path):
    full = FullProxy(tmp_path / "full", lambda gateway: {**policy.shared(gateway), "max_heap": "1MiB"}, workers=1, key_ids=policy.KEY_IDS)
    try:
        full.start()
        name = "overload.envoy.overload_actions.stop_accepting_requests.active"
        assert wait_until(lambda: full.stats("stop_accepting_requests").get(name) == 1)
        answer = full.chat("ok")
        assert answer.error()["code"] == "gateway_overloaded" and int(answer.header("retry-after")) >= 1
        record = refused(full, answer, 503, "gateway_overloaded")
        assert record["trace_id"] == answer.trace and record["caller"]["key_id"] == "main"
        messages = full.call({"model": "claude", "max_tokens": 1, "messages": []}, path="/v1/messages")
        assert messages.json()["error"]["type"] == "overloaded_error"
        refused(full, messages, 503, "gateway_overloaded")
        assert wait_until(lambda: counted(full)["overload"] == 2, 30)
        full.assert_no_trap()
    finally:
        full.stop()
