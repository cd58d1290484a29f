"""Idle connections to providers that are lost: the request is repeated once on a fresh connection."""

from __future__ import annotations

import json
import socket
import time

import pytest
from gateway import sha256, wait_until
from socket_server import SocketServer

BODY = json.dumps({"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}]}).encode()
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)


class KeepAliveServer(SocketServer):
    """Answers `served` requests on each connection, and closes it when the next one has arrived."""

    def __init__(self, served: int):
        self.served = served
        self.requests = self.closed_unanswered = 0
        self.idle: list[float] = []
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            answered = 0
            while True:
                since = time.monotonic()
                if not self.read_request(stream):
                    self.idle.append(time.monotonic() - since)
                    return
                self.requests += 1
                if answered == self.served:
                    self.closed_unanswered += 1
                    return
                answered += 1
                connection.sendall(ANSWER)

    @staticmethod
    def read_request(stream) -> bool:
        length = 0
        for line in iter(stream.readline, b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
            if line == b"\r\n":
                return len(stream.read(length)) == length
        return False


@pytest.fixture
def served_by(new_gateway):
    """Starts a gateway with one provider, which is the given server."""
    servers = []

    def start(server: KeepAliveServer):
        servers.append(server)

        def policy(gateway) -> dict:
            return {
                "environment": "test",
                "listen": gateway.listen,
                "admin": gateway.admin,
                "collector": {"url": f"http://{gateway.collector_address}", "token": "${HEADGATE_INGEST_TOKEN}"},
                "providers": {"alpha": {"format": "openai", "url": f"{server.origin}/v1"}},
                "models": {"chat": {"targets": [{"provider": "alpha", "model": "m"}], "failover": {"cooldown": "0s"}}},
                "keys": [{"id": "main", "sha256": sha256(gateway.keys["main"])}],
            }

        return new_gateway(policy, key_ids=("main",))

    yield start
    for server in servers:
        server.socket.close()


def tries(record: dict) -> list[tuple]:
    return [(one["kind"], one.get("status"), one.get("error")) for one in record["attempts"]]


def test_lost_idle_connection_is_retried(served_by):
    server = KeepAliveServer(served=1)
    gateway = served_by(server)
    answers = [gateway.chat("chat") for _ in range(20)]
    assert [answer.status for answer in answers] == [200] * 20
    records = [gateway.record(answer) for answer in answers]
    again = [tries(record) for record in records if len(record["attempts"]) > 1]
    assert again and all(one == [("first", None, "reset"), ("retry", 200, None)] for one in again)
    assert len(again) == server.closed_unanswered
    assert server.requests == 20 + len(again)


def test_broken_fresh_connection_is_not_retried(served_by):
    server = KeepAliveServer(served=0)
    gateway = served_by(server)
    answer = gateway.chat("chat")
    assert answer.status == 503 and answer.error()["code"] == "all_targets_unavailable"
    assert tries(gateway.record(answer)) == [("first", None, "reset")]
    assert server.requests == 1


def test_idle_connection_is_closed_before_5_s(served_by):
    server = KeepAliveServer(served=10)
    gateway = served_by(server)
    assert gateway.chat("chat").status == 200
    assert wait_until(lambda: server.idle, seconds=20)
    assert 3.5 < server.idle[0] < 4.9
