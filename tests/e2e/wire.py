"""HTTP as bytes: requests are sent exactly as written, and answers are kept as received.

Client libraries add headers, join chunks and refuse to send invalid requests, which these tests need.
"""

from __future__ import annotations

import base64
import http.client
import json
import secrets
import socket
import struct

# Python's client rejects header lines that Envoy accepts.
http.client._MAXLINE = 1 << 20


class Message:
    """Headers, in order, and a body."""

    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """Returns the first value, ignoring case."""
        return next((value for field, value in self.headers if field.lower() == name), None)

    def names(self) -> set[str]:
        return {name.lower() for name, _ in self.headers}

    def json(self):
        return json.loads(self.body)


class Answer(Message):
    """The answer that the client received. `whole` is false if the connection broke before the body's end."""

    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes, whole: bool = True):
        self.status, self.headers, self.body, self.whole = status, headers, body, whole
        self.trace = ""

    def error(self) -> dict:
        """Returns the gateway's error object: all four keys, and at most `policy` besides."""
        assert self.header("content-type") == "application/json"
        document = self.json()
        assert list(document) == ["error"]
        assert list(document["error"])[:4] == ["message", "type", "param", "code"]
        assert set(document["error"]) <= {"message", "type", "param", "code", "policy"}
        return document["error"]


class Seen(Message):
    """A request that a scripted provider received."""

    def __init__(self, entry: dict):
        self.method, self.path = entry["method"], entry["path"]
        self.headers = [tuple(pair) for pair in entry["headers"]]
        self.body = base64.b64decode(entry["body_base64"])
        self.aborted = entry["aborted"]


def traceparent(trace: str) -> str:
    return f"00-{trace}-{secrets.token_hex(8)}-01"


def address(listen: str) -> tuple[str, int]:
    host, port = listen.rsplit(":", 1)
    return host, int(port)


def call(listen: str, method: str, path: str, head: list[tuple[str, str]], body: bytes | None = None, timeout: float = 30) -> Answer:
    """Sends a request with exactly these headers. Adds `content-length` if there is a body and no framing."""
    with Exchange(listen, timeout) as exchange:
        exchange.send(request(method, path, head, body))
        return exchange.answer(method)


def request(method: str, path: str, head: list[tuple[str, str]], body: bytes | None = None) -> bytes:
    """Returns a request's bytes."""
    framed = any(name.lower() in ("content-length", "transfer-encoding") for name, _ in head)
    if body is not None and not framed:
        head = [*head, ("content-length", str(len(body)))]
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head), "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + (body or b"")


def chunked(*pieces: bytes) -> bytes:
    """Returns a chunked body, one chunk for each piece."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


class Exchange:
    """A connection for bytes of the test's own."""

    def __init__(self, listen: str, timeout: float = 30):
        self.socket = socket.create_connection(address(listen), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Exchange:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Sends all of it, or as much as the other side accepts before it answers and closes."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def wait(self) -> None:
        """Waits for the first byte of an answer, which stays to be read."""
        self.socket.recv(1, socket.MSG_PEEK)

    def answer(self, method: str = "POST") -> Answer:
        """Reads the next answer."""
        response = http.client.HTTPResponse(self.socket, method=method)
        response.begin()
        body, whole = b"", True
        try:
            body = response.read()
        except http.client.IncompleteRead as incomplete:
            body, whole = incomplete.partial, False
        except ConnectionResetError:
            whole = False
        return Answer(response.status, response.getheaders(), body, whole)

    def read_until(self, text: bytes) -> bytes:
        """Reads until the text has come."""
        got = b""
        while text not in got:
            piece = self.socket.recv(65536)
            assert piece, f"the connection ended after {len(got)} bytes"
            got += piece
        return got

    def read_to_end(self) -> bytes:
        """Reads everything until the other side closes."""
        got = b""
        while True:
            try:
                piece = self.socket.recv(65536)
            except ConnectionResetError:
                return got
            if not piece:
                return got
            got += piece

    def reset(self) -> None:
        """Closes with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def data_events(body: bytes) -> list[str]:
    """Returns the data of each event of a stream."""
    return [event.removeprefix("data: ") for event in body.decode().split("\n\n") if event.startswith("data: ")]
