"""Answers that only begin. After an interim answer (100, 102, 103) an answer may follow, and silence ends in time. A client may
leave while the head of an answer waits for its body.

Envoy takes an interim answer for the beginning of the client's answer, and makes no other try after it.
"""

from __future__ import annotations

import json
import socket
import time

import pytest
import wire
from gateway import Gateway, sha256, wait_until
from socket_server import SocketServer

BODY = json.dumps({"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}]}).encode()
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(BODY)
INTERIM = {
    "100": b"HTTP/1.1 100 Continue\r\n\r\n",
    "102": b"HTTP/1.1 102 Processing\r\n\r\n",
    "103": b"HTTP/1.1 103 Early Hints\r\nlink: </x>; rel=preload\r\n\r\n",
    "103 and a head": b"HTTP/1.1 103 Early Hints\r\nlink: </x>; rel=preload\r\n\r\n" + HEAD,
}


class InterimServer(SocketServer):
    """Sends the same bytes after each request, and then nothing until the connection is closed."""

    def __init__(self):
        self.says = b""
        self.requests = 0
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        with connection:
            data = connection.recv(65_536)
            while b"\r\n\r\n" not in data:
                data += connection.recv(65_536)
            self.requests += 1
            connection.sendall(self.says)
            while connection.recv(65_536):
                pass


@pytest.fixture(scope="module")
def interim(tmp_path_factory):
    server = InterimServer()

    def policy(gateway) -> dict:
        failover = {"first_byte_timeout": "1s", "cooldown": "1h"}

        def pair(provider: str, spare: str) -> dict:
            return {"targets": [{"provider": provider, "model": "m"}, {"provider": spare, "model": "ok", "tier": 2}], "failover": failover}

        return {
            "environment": "test",
            "listen": gateway.listen,
            "admin": gateway.admin,
            "collector": {"url": f"http://{gateway.collector_address}", "token": "${HEADGATE_INGEST_TOKEN}"},
            "providers": {
                **{f"interim-{number}": {"format": "openai", "url": f"{server.origin}/v1"} for number in range(len(INTERIM))},
                "left": {"format": "openai", "url": f"{server.origin}/v1"},
                "interim-claude": {"format": "anthropic", "url": server.origin},
                "answers": {"format": "openai", "url": f"{server.origin}/v1"},
                "alpha": {"format": "openai", "url": f"{gateway.providers['alpha'].url}/v1"},
                "claude": {"format": "anthropic", "url": f"{gateway.providers['alpha'].url}/anthropic"},
            },
            "models": {
                **{f"pair-{number}": pair(f"interim-{number}", "alpha") for number in range(len(INTERIM))},
                "left-pair": pair("left", "alpha"),
                "claude-pair": pair("interim-claude", "claude"),
                "answers": {"targets": [{"provider": "answers", "model": "m"}]},
            },
            "keys": [{"id": "main", "sha256": sha256(gateway.keys["main"])}],
        }

    gateway = Gateway(tmp_path_factory.mktemp("interim"), policy, workers=1, key_ids=("main",))
    gateway.server = server
    yield from gateway.serve()
    server.socket.close()


def tries(record: dict) -> list[tuple]:
    return [(one["kind"], one.get("status"), one.get("error")) for one in record["attempts"]]


@pytest.mark.parametrize(("number", "said"), list(enumerate(INTERIM.values())), ids=list(INTERIM))
def test_silence_after_an_interim_answer_ends(interim, number, said):
    interim.server.says = said
    began = time.monotonic()
    answer = interim.chat(f"pair-{number}")
    assert time.monotonic() - began < 5
    assert answer.status == 503 and answer.error()["code"] == "all_targets_unavailable"
    assert answer.header("retry-after") == "1"
    status = 200 if said.endswith(HEAD) else None
    record = interim.record(answer)
    assert tries(record) == [("first", status, "timeout")] and record["ended_by"] == "gateway"
    assert "usage" not in record
    # The failed target is in cooldown, so a client's own retry is served.
    again = interim.chat(f"pair-{number}")
    assert again.status == 200 and again.header("x-headgate-served-by") == "alpha/ok"


def test_silence_after_interim_for_messages(interim):
    interim.server.says = INTERIM["103"]
    answer = interim.call({"model": "claude-pair", "max_tokens": 9, "messages": []}, path="/v1/messages")
    assert answer.status == 503 and answer.json()["error"]["type"] == "overloaded_error"
    assert tries(interim.record(answer)) == [("first", None, "timeout")]


def test_answer_after_an_interim_answer_passes(interim):
    interim.server.says = INTERIM["103"] + HEAD + BODY
    answer = interim.chat("answers")
    assert (answer.status, answer.body) == (200, BODY)
    assert tries(interim.record(answer)) == [("first", 200, None)]


def test_leaving_before_the_body_begins_sets_no_cooldown(interim):
    interim.server.says, asked = HEAD, interim.server.requests
    trace = interim.trace()
    body = json.dumps({"model": "left-pair", "messages": []}).encode()
    with wire.Exchange(interim.listen) as exchange:
        exchange.send(wire.request("POST", "/v1/chat/completions", interim.head(trace), body))
        wait_until(lambda: interim.server.requests > asked)
        time.sleep(0.3)
    assert tries(interim.record(trace)) == [("first", 200, "client_gone")]
    # The provider has done nothing wrong, so it serves the next client.
    interim.server.says = HEAD + BODY
    assert interim.chat("left-pair").header("x-headgate-served-by") == "left/m"
