"""The edges of HTTP: 1.0, pipelining, broken framing, and HTTP/2 with and without trailers."""

from __future__ import annotations

import h2.config
import h2.connection
import h2.events
import pytest
import wire
from records import attempt, expect, rejected

CHAT = "/v1/chat/completions"


class Http2:
    """One HTTP/2 connection with prior knowledge, which sends frames exactly as they are given."""

    def __init__(self, listen: str):
        self.exchange = wire.Exchange(listen)
        self.connection = h2.connection.H2Connection(h2.config.H2Configuration(validate_outbound_headers=False))
        self.connection.initiate_connection()
        self.flush()

    def flush(self) -> None:
        self.exchange.send(self.connection.data_to_send())

    def ask(self, head: list[tuple[str, str]], pieces: list[bytes], trailers: list[tuple[str, str]] | None = None) -> wire.Answer:
        stream = self.connection.get_next_available_stream_id()
        self.begin(stream, head, pieces, trailers)
        return self.answer(stream)

    def begin(self, stream: int, head: list[tuple[str, str]], pieces: list[bytes], trailers: list[tuple[str, str]] | None) -> None:
        pseudo = [(":method", "POST"), (":path", CHAT), (":scheme", "http"), (":authority", "gateway")]
        head = [pair for pair in head if pair[0] != "host"]
        self.connection.send_headers(stream, pseudo + head, end_stream=not pieces and trailers is None)
        for number, piece in enumerate(pieces, 1):
            self.connection.send_data(stream, piece, end_stream=number == len(pieces) and trailers is None)
        if trailers is not None:
            self.connection.send_headers(stream, trailers, end_stream=True)
        self.flush()

    def answer(self, stream: int) -> wire.Answer:
        headers, body = [], b""
        while True:
            data = self.exchange.socket.recv(65_536)
            if not data:
                return wire.Answer(status(headers), headers, body, whole=False)
            for event in self.connection.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived):
                    headers = [(name.decode(), value.decode()) for name, value in event.headers]
                if isinstance(event, h2.events.DataReceived):
                    body += event.data
                    self.connection.acknowledge_received_data(event.flow_controlled_length, stream)
                if isinstance(event, h2.events.StreamEnded):
                    return wire.Answer(status(headers), headers, body)
                if isinstance(event, h2.events.StreamReset):
                    return wire.Answer(status(headers), headers, body, whole=False)
            self.flush()


def status(headers: list[tuple[str, str]]) -> int:
    return int(dict(headers).get(":status", "0"))


TRAILERS = {"without trailers": None, "with trailers": [("x-checksum", "1")], "with a credential in trailers": [("authorization", "x")]}


@pytest.mark.parametrize("trailers", TRAILERS.values(), ids=TRAILERS)
@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_http2_is_served_and_failed_over(gateway, trailers, stream):
    trace = gateway.trace()
    body = b'{"stream":%s,"messages":[],"model":"status-503+ok"}' % (b"true" if stream else b"false")
    answer = Http2(gateway.listen).ask(gateway.head(trace), [body[:10], body[10:]], trailers)
    assert answer.status == 200 and b"Hello" in answer.body
    [seen] = gateway.providers["beta"].seen(trace)
    assert seen.json()["model"] == "ok"
    assert seen.header("authorization") == f"Bearer {gateway.env['BETA_API_KEY']}"
    expect(
        gateway.record(trace), attempt("alpha/status-503", 503, "server_error"), attempt("beta/ok", kind="failover"), stream=stream,
        usage=gateway.record(trace)["usage"],
    )  # fmt: skip


@pytest.mark.parametrize("trailers", TRAILERS.values(), ids=TRAILERS)
@pytest.mark.parametrize(
    ("key", "pieces", "status", "code"),
    [
        ("main", [b'{"model":"nope"}'], 404, "model_not_found"),
        ("narrow", [b'{"model":"chat"}'], 403, "model_not_allowed"),
        ("main", [b'{"model":"ok",', b'"model":"chat"}'], 400, "duplicate_field"),
        ("main", [b"{"], 400, "invalid_json"),
        ("main", [b""], 400, "empty_body"),
        ("main", [], 400, "empty_body"),
        ("expired", [b'{"model":"ok"}'], 401, "api_key_expired"),
    ],
)
def test_trailers_bypass_no_rule(gateway, trailers, key, pieces, status, code):
    trace = gateway.trace()
    answer = Http2(gateway.listen).ask(gateway.head(trace, key), pieces, trailers)
    assert answer.status == status
    assert answer.error()["code"] == code
    assert not gateway.providers["alpha"].seen(trace)
    rejected(gateway.record(trace), status, code)


def test_concurrent_streams_do_not_mix(gateway):
    connection = Http2(gateway.listen)
    for number in range(20):
        trace = gateway.trace()
        answer = connection.ask(gateway.head(trace), [b'{"messages":["%d"],"model":"chat"}' % number])
        assert answer.status == 200
        [seen] = gateway.providers["alpha"].seen(trace)
        assert seen.body == b'{"messages":["%d"],"model":"gpt-4o-mini"}' % number


@pytest.mark.parametrize("code", [0, 8], ids=["without an error", "by cancel"])
def test_client_reset_ends_one_stream(gateway, code):
    connection = Http2(gateway.listen)
    trace = gateway.trace()
    stream = connection.connection.get_next_available_stream_id()
    connection.begin(stream, gateway.head(trace), [b'{"model":"stream-200-delay-50","stream":true,"messages":[]}'], None)
    connection.connection.receive_data(connection.exchange.read_until(b"word1"))
    connection.connection.reset_stream(stream, error_code=code)
    connection.flush()
    assert gateway.providers["alpha"].saw_abort(trace)
    record = gateway.record(trace)
    assert (record["status"], record["ended_by"]) == (200, "client")
    assert [one["error"] for one in record["attempts"]] == ["client_gone"]
    assert connection.ask(gateway.head(gateway.trace()), [b'{"model":"ok"}']).status == 200


def test_pipelined_requests_are_answered_in_turn(gateway):
    traces = [gateway.trace() for _ in range(5)]
    models = [b"ok", b"chat", b"status-503+ok", b"slow-first-byte-300", b"nope"]
    with wire.Exchange(gateway.listen) as exchange:
        bodies = [b'{"model":"%s","messages":[]}' % model for model in models]
        exchange.send(b"".join(wire.request("POST", CHAT, gateway.head(t), b) for t, b in zip(traces, bodies)))
        stream = exchange.socket.makefile("rb")
        lines = [answer_status(stream) for _ in traces]
    assert lines == [200, 200, 200, 200, 404]
    assert [gateway.record(trace)["status"] for trace in traces] == lines


def answer_status(stream) -> int:
    """Reads one answer with a length from a file with more answers."""
    status = int(stream.readline().split()[1])
    headers = dict(line.split(b": ", 1) for line in iter(lambda: stream.readline().rstrip(), b""))
    stream.read(int(headers[b"content-length"]))
    return status


BROKEN = {
    "chunk size that is no number": ("chunked", b"xyz\r\n{}\r\n0\r\n\r\n"),
    "negative chunk size": ("chunked", b"-5\r\n{}\r\n0\r\n\r\n"),
    "chunk size beyond 64 bits": ("chunked", b"fffffffffffffffff\r\n"),
    "chunk without its line break": ("chunked", b"2\r\n{}XX0\r\n\r\n"),
}


@pytest.mark.parametrize(("encoding", "body"), BROKEN.values(), ids=BROKEN)
def test_broken_chunks_reach_no_provider(gateway, encoding, body):
    trace = gateway.trace(requests=1)
    head = [*gateway.head(trace), ("transfer-encoding", encoding)]
    with wire.Exchange(gateway.listen) as exchange:
        exchange.send(wire.request("POST", CHAT, head) + body)
        answer = exchange.answer()
    assert answer.status == 400
    assert (answer.error()["type"], answer.error()["code"]) == ("invalid_request_error", "malformed_request")
    assert gateway.providers["alpha"].seen(trace) == []
    answer.trace = trace
    rejected(gateway.record(answer), 400, "malformed_request")


AMBIGUOUS = {
    "two lengths": "content-length: 2\r\ncontent-length: 3",
    "a length and chunks": "content-length: 2\r\ntransfer-encoding: chunked",
    "chunks twice": "transfer-encoding: chunked, chunked",
    "a length that is no number": "content-length: 2x",
    "a space before the colon": "content-length : 2",
    "a zero byte": "x-a: \0",
}


@pytest.mark.parametrize("lines", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_ambiguous_framing_is_refused(gateway, lines):
    trace = gateway.trace(requests=0)
    head = "\r\n".join(f"{name}: {value}" for name, value in gateway.head(trace))
    with wire.Exchange(gateway.listen) as exchange:
        exchange.send(f"POST {CHAT} HTTP/1.1\r\n{head}\r\n{lines}\r\n\r\n".encode() + b"{}")
        assert exchange.read_to_end()[:13] in (b"HTTP/1.1 400 ", b"HTTP/1.1 501 ")
    assert gateway.providers["alpha"].seen(trace) == []


def test_http_1_0_is_told_to_upgrade(gateway):
    with wire.Exchange(gateway.listen) as exchange:
        exchange.send(b"GET /v1/models HTTP/1.0\r\n\r\n")
        assert exchange.read_to_end().split()[1] == b"426"


def test_invalid_http_is_closed(gateway):
    for garbage in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", b"\r\n\r\nhello\r\n\r\n", b"\x00" * 1000):
        with wire.Exchange(gateway.listen, timeout=10) as exchange:
            exchange.send(garbage)
            assert exchange.read_to_end()[:12] in (b"", b"HTTP/1.1 400")
    assert gateway.chat("ok").status == 200
    gateway.assert_no_trap()
