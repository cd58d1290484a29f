"""Providers over TLS: the server name is sent, the certificate is checked, and a provider that fails gets nothing."""

from __future__ import annotations

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme
from gateway import sha256

ANSWER = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6},
    }
).encode()


class TlsProvider:
    """Answers over TLS, and keeps the server names and credentials that it received."""

    def __init__(self, certificate: trustme.LeafCert):
        self.names: list[str | None] = []
        self.credentials: list[str | None] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                provider.credentials.append(self.headers["authorization"])
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(ANSWER)))
                self.end_headers()
                self.wfile.write(ANSWER)

            def log_message(self, *_) -> None:
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        context.sni_callback = lambda _socket, name, _context: self.names.append(name)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return self.server.server_address[1]


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def tls(new_gateway, authority, tmp_path):
    """Starts a gateway whose `tls` provider has a certificate for the given name, checked with the given authority."""
    servers = []

    def start(certified_name: str, trusted: trustme.CA = authority):
        provider = TlsProvider(authority.issue_cert(certified_name))
        servers.append(provider.server)
        ca_file = tmp_path / "ca.pem"
        trusted.cert_pem.write_to_path(str(ca_file))

        def policy(gateway) -> dict:
            url = f"https://localhost:{provider.port}/v1"
            tls_provider = {"format": "openai", "url": url, "credential": "${ALPHA_API_KEY}", "tls": {"ca_file": str(ca_file)}}
            beta = {"format": "openai", "url": f"{gateway.providers['beta'].url}/v1", "credential": "${BETA_API_KEY}"}
            target = {"provider": "tls", "model": "m"}
            return {
                "environment": "test",
                "listen": gateway.listen,
                "admin": gateway.admin,
                "collector": {"url": f"http://{gateway.collector_address}", "token": "${HEADGATE_INGEST_TOKEN}"},
                "providers": {"tls": tls_provider, "beta": beta},
                "models": {
                    "alone": {"targets": [target]},
                    "backed": {"targets": [target, {"provider": "beta", "model": "ok", "tier": 2}]},
                },
                "keys": [{"id": "main", "sha256": sha256(gateway.keys["main"])}],
            }

        return new_gateway(policy, key_ids=("main",)), provider

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_provider_over_tls_gets_its_credential(tls):
    gateway, provider = tls("localhost")
    answer = gateway.chat("alone")
    assert answer.status == 200
    assert answer.body == ANSWER
    assert provider.names == ["localhost"]
    assert provider.credentials == [f"Bearer {gateway.env['ALPHA_API_KEY']}"]
    assert gateway.record(answer)["attempts"][0]["status"] == 200


def test_certificate_for_another_name_is_refused(tls):
    gateway, provider = tls("elsewhere.example")
    answer = gateway.chat("alone")
    assert answer.status == 503
    assert provider.credentials == []
    attempts = gateway.record(answer)["attempts"]
    assert [(one["provider"], one.get("status"), one["error"]) for one in attempts] == [("tls", None, "connect")]


def test_certificate_of_unknown_authority(tls):
    gateway, provider = tls("localhost", trusted=trustme.CA())
    answer = gateway.chat("backed")
    assert answer.status == 200
    assert provider.credentials == []
    attempts = gateway.record(answer)["attempts"]
    assert [(one["provider"], one.get("error")) for one in attempts] == [("tls", "connect"), ("beta", None)]
