"""Answers over HTTP/2 that end with trailers: a stream that says its end arrives, and usage is read."""

from __future__ import annotations

import socket
import ssl
import threading

import h2.config
import h2.connection
import h2.events
import pytest
import trustme
from gateway import sha256


def event(text: str) -> bytes:
    return b'data: {"choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":null}]}\n\n' % text.encode()


class Http2Provider:
    """Answers each request with the same DATA frames, then trailers; refuses the first stream of those in `refuses`."""

    def __init__(self, certificate: trustme.LeafCert):
        self.frames: list[bytes] = []
        self.kind = "text/event-stream"
        self.refuse = 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.set_alpn_protocols(["h2"])
        certificate.configure_cert(self.context)
        self.socket = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                plain, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(plain,), daemon=True).start()

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
        for frame in self.frames:
            connection.send_data(stream, frame)
            secure.sendall(connection.data_to_send())
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
            "models": {"open": target, "masked": target},
            "guardrails": [
                {"id": "mail", "on": ["response"], "action": "mask", "detect": {"pii": ["email"]}, "match": {"model": ["masked"]}}
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


def test_held_text_without_an_end_is_not_lost_in_silence(http2):
    """The last text could still be part of an address, and nothing says that it ends, but the trailers: too late."""
    http2.http2.frames = [event("Hello"), event(" you a@b.example")]
    answer = http2.chat("masked", stream=True)
    assert not answer.whole and b"a@b.example" not in answer.body
    assert http2.record(answer)["ended_by"] == "gateway"


def test_json_that_ends_with_trailers_arrives(http2):
    http2.http2.kind = "application/json"
    http2.http2.frames = [b'{"choices":[{"index":0,"message":{"content":"a@b.example"}}],', b'"usage":{"prompt_tokens":5,"completion_tokens":9}}']
    answer = http2.chat("masked")
    assert answer.whole and answer.json()["choices"][0]["message"]["content"] == "[EMAIL]"
    assert http2.record(answer)["usage"]["output_tokens"] == 9


def test_refused_stream_is_made_once_more(http2):
    http2.http2.frames = [event("Hello"), b"data: [DONE]\n\n"]
    assert http2.chat("open", stream=True).status == 200
    http2.http2.refuse = 1
    answer = http2.chat("open", stream=True)
    assert answer.status == 200
    tries = [(one["kind"], one.get("error")) for one in http2.record(answer)["attempts"]]
    assert tries == [("first", "reset"), ("retry", None)]
