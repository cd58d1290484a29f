"""Answers over HTTP/2 with trailers: the end of a stream arrives, and usage is read."""

from __future__ import annotations

import socket
import ssl
import time

import h2.config
import h2.connection
import h2.events
import pytest
import trustme
import wire
from gateway import sha256
from socket_server import SocketServer


def event(text: str) -> bytes:
    return b'data: {"choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":null}]}\n\n' % text.encode()


class Http2Provider(SocketServer):
    """Answers each request with the same DATA frames, then trailers, but refuses the first stream of those in `refuses`."""

    def __init__(self, certificate: trustme.LeafCert):
        self.frames: list[bytes] = []
        self.kind = "text/event-stream"
        self.refuse = 0
        self.pauses: list[float] = [0]
        self.trailers = True
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.set_alpn_protocols(["h2"])
        certificate.configure_cert(self.context)
        super().__init__()

    def serve(self, plain: socket.socket) -> None:
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        with self.context.wrap_socket(plain, server_side=True) as secure:
            connection.initiate_connection()
            secure.sendall(connection.data_to_send())
            while data := secure.recv(65_536):
                for one in connection.receive_data(data):
                    if isinstance(one, h2.events.StreamEnded):
                        self.answer(connection, one.stream_id, secure)
                secure.sendall(connection.data_to_send())

    def answer(self, connection, stream: int, secure) -> None:
        if self.refuse:
            self.refuse -= 1
            connection.reset_stream(stream, error_code=7)
            return
        connection.send_headers(stream, [(":status", "200"), ("content-type", self.kind)])
        for number, frame in enumerate(self.frames):
            connection.send_data(stream, frame, end_stream=not self.trailers and number == len(self.frames) - 1)
            secure.sendall(connection.data_to_send())
            if pause := self.pauses[number % len(self.pauses)]:
                time.sleep(pause)
        if self.trailers:
            connection.send_headers(stream, [("x-checksum", "1")], end_stream=True)


@pytest.fixture
def http2(new_gateway, tmp_path):
    authority = trustme.CA()
    provider = Http2Provider(authority.issue_cert("localhost"))
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))

    def policy(gateway) -> dict:
        url = f"https://localhost:{provider.socket.getsockname()[1]}/v1"
        target = {"targets": [{"provider": "http2", "model": "m"}], "failover": {"cooldown": "0s"}}
        return {
            "environment": "test",
            "listen": gateway.listen,
            "admin": gateway.admin,
            "collector": {"url": f"http://{gateway.collector_address}", "token": "${HEADGATE_INGEST_TOKEN}"},
            "providers": {"http2": {"format": "openai", "url": url, "tls": {"ca_file": str(ca_file)}}},
            "models": {"open": target, "masked": target, "blocked": target},
            "guardrails": [
                {"id": "mail", "on": ["response"], "action": "mask", "detect": {"pii": ["email"]}, "match": {"model": ["masked"]}},
                {"id": "no-mail", "on": ["response"], "detect": {"pii": ["email"]}, "match": {"model": ["blocked"]}},
            ],
            "keys": [{"id": "main", "sha256": sha256(gateway.keys["main"])}],
        }

    gateway = new_gateway(policy, workers=1, key_ids=("main",))
    gateway.http2 = provider
    yield gateway
    provider.socket.close()


@pytest.mark.parametrize("model", ["open", "masked"])
@pytest.mark.parametrize("in_one_frame", [False, True], ids=["frame by frame", "in one frame"])
def test_stream_that_ends_with_trailers_arrives(http2, model, in_one_frame):
    events = [event("Write to a@b.example"), event(" or"), event(" c@d.example"), event(" to")]
    end = [b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n']
    end += [b'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":9,"total_tokens":14}}\n\n', b"data: [DONE]\n\n"]
    http2.http2.frames = [b"".join(events + end)] if in_one_frame else events + end
    answer = http2.chat(model, stream=True)
    expected = b"".join(events + end[:1] + end[2:])
    if model == "masked":
        expected = expected.replace(b"a@b.example", b"[EMAIL]").replace(b"c@d.example", b"[EMAIL]")
    assert answer.whole and answer.body == expected
    record = http2.record(answer)
    assert (record["ended_by"], record["usage"]["output_tokens"]) == ("complete", 9)


@pytest.mark.parametrize("pauses", [[0], [0.05], [0.002]], ids=["at once", "after a pause", "after a tick"])
def test_held_text_arrives_before_trailers(http2, pauses):
    """The last text could be part of an address, and only the trailers tell that it ends."""
    http2.http2.frames, http2.http2.pauses = [event("Hello"), event(" you a@b.example")], pauses
    answer = http2.chat("masked", stream=True)
    assert answer.whole and answer.body == event("Hello") + event(" you [EMAIL]")
    assert http2.record(answer)["ended_by"] == "complete"


@pytest.mark.parametrize("trailers", [False, True], ids=["without trailers", "with trailers"])
def test_guarded_http2_stream_keeps_its_order(http2, trailers):
    provider = http2.http2
    words = [f" word{number} of a{number}@b.example and" for number in range(120)]
    provider.frames, provider.trailers = [event(word) for word in words] + [b"data: [DONE]\n\n"], trailers
    provider.pauses = [0, 0.001, 0, 0.003, 0, 0, 0.012]
    answer = http2.chat("masked", stream=True)
    expected = b"".join(event(f" word{number} of [EMAIL] and") for number in range(120)) + b"data: [DONE]\n\n"
    assert answer.whole and answer.body == expected
    record = http2.record(answer)
    assert (record["ended_by"], record["payload"]["redactions"]) == ("complete", {"email": 120})


@pytest.mark.parametrize("pauses", [[0], [0.02]], ids=["at once", "after a pause"])
def test_blocked_http2_stream_ends_with_an_error(http2, pauses):
    http2.http2.frames = [event("Hello there,"), event(" it is a@b.example."), event(" More."), event(" And more.")]
    http2.http2.pauses = pauses
    answer = http2.chat("blocked", stream=True)
    assert b"Hello there," in answer.body and b"a@b.example" not in answer.body
    assert b'"code":"content_filter"' in answer.body and b"More" not in answer.body
    assert http2.record(answer)["ended_by"] == "gateway"


def test_client_may_leave_a_guarded_http2_stream(http2):
    provider = http2.http2
    provider.frames, provider.pauses = [event(f" word{number}") for number in range(100)], [0.02]
    trace = http2.trace()
    with wire.Exchange(http2.listen) as exchange:
        body = b'{"model":"masked","stream":true,"messages":[]}'
        exchange.send(wire.request("POST", "/v1/chat/completions", http2.head(trace), body))
        exchange.read_until(b"word3")
    assert http2.record(trace)["ended_by"] == "client"
    provider.frames, provider.pauses = [event("Hello"), b"data: [DONE]\n\n"], [0]
    assert http2.chat("masked", stream=True).body == event("Hello") + b"data: [DONE]\n\n"


def test_json_that_ends_with_trailers_arrives(http2):
    http2.http2.kind = "application/json"
    http2.http2.frames = [b'{"choices":[{"index":0,"message":{"content":"a@b.example"}}],', b'"usage":{"prompt_tokens":5,"completion_tokens":9}}']
    answer = http2.chat("masked")
    assert answer.whole and answer.json()["choices"][0]["message"]["content"] == "[EMAIL]"
    assert http2.record(answer)["usage"]["output_tokens"] == 9


def test_refused_stream_is_retried(http2):
    http2.http2.frames = [event("Hello"), b"data: [DONE]\n\n"]
    assert http2.chat("open", stream=True).status == 200
    http2.http2.refuse = 1
    answer = http2.chat("open", stream=True)
    assert answer.status == 200
    tries = [(one["kind"], one.get("error")) for one in http2.record(answer)["attempts"]]
    assert tries == [("first", "reset"), ("retry", None)]


def test_refused_stream_on_a_new_connection(http2):
    http2.http2.frames = [event("Hello"), b"data: [DONE]\n\n"]
    http2.http2.refuse = 1
    answer = http2.chat("open", stream=True)
    print(http2.log())
    assert answer.status == 200
    tries = [(one["kind"], one.get("error")) for one in http2.record(answer)["attempts"]]
    assert tries == [("first", "reset"), ("retry", None)]
