"""Providers whose names do not resolve, at the start or later: the try fails to connect, and the next target is tried."""

from __future__ import annotations

import json
import socket
import struct
import threading

import pytest
import trustme
from gateway import Gateway, sha256, wait_until
from test_tls import TlsProvider

NAME = "provider.test"


class DnsServer:
    """Answers every question for an IPv4 address with 127.0.0.1, or, until `found` is set, that the name does not exist. It can
    be stopped, and started again on the same port."""

    def __init__(self, found: bool = False) -> None:
        self.found, self.port = found, 0
        self.start()

    def start(self) -> None:
        self.over = threading.Event()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", self.port))
        # A close does not end a pending read.
        self.socket.settimeout(0.1)
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.over.set()
        self.thread.join()
        self.socket.close()

    def serve(self) -> None:
        while not self.over.is_set():
            try:
                question, client = self.socket.recvfrom(512)
            except TimeoutError:
                continue
            self.socket.sendto(self.answer(question), client)

    def answer(self, question: bytes) -> bytes:
        """RFC 1035, 4.1: the header and the question again, then at most one address."""
        end = question.index(b"\0", 12) + 5
        kind = struct.unpack("!H", question[end - 4 : end - 2])[0]
        address = struct.pack("!HHHIH4B", 0xC00C, 1, 1, 1, 4, 127, 0, 0, 1) if self.found and kind == 1 else b""
        flags = 0x8180 if self.found else 0x8183
        head = question[:2] + struct.pack("!HHHHH", flags, 1, 1 if address else 0, 0, 0)
        return head + question[12:end] + address


class DnsGateway(Gateway):
    """A gateway whose Envoy uses the given name server."""

    dns: DnsServer

    def render(self, policy: dict | None = None) -> None:
        super().render(policy)
        path = self.out / "cds.json"
        document = json.loads(path.read_text())
        for cluster in document["resources"]:
            if cluster.get("type") == "LOGICAL_DNS":
                cluster["typed_dns_resolver_config"] = {
                    "name": "envoy.network.dns_resolver.cares",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
                        "resolvers": [{"socket_address": {"address": "127.0.0.1", "port_value": self.dns.port}}],
                        "dns_resolver_options": {"no_default_search_domain": True},
                    },
                }
        path.write_text(json.dumps(document))


@pytest.fixture
def gateway(tmp_path):
    authority = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    provider = TlsProvider(authority.issue_cert(NAME))

    def policy(gateway) -> dict:
        named = {"format": "openai", "url": f"https://{NAME}:{provider.port}/v1", "credential": "${ALPHA_API_KEY}"}
        beta = {"format": "openai", "url": f"{gateway.providers['beta'].url}/v1", "credential": "${BETA_API_KEY}"}
        first, second = {"provider": "named", "model": "m"}, {"provider": "beta", "model": "ok"}
        return {
            "environment": "test",
            "listen": gateway.listen,
            "admin": gateway.admin,
            "collector": {"url": f"http://{gateway.collector_address}", "token": "${HEADGATE_INGEST_TOKEN}"},
            "providers": {"named": {**named, "tls": {"ca_file": str(ca_file)}}, "beta": beta},
            "models": {
                "backed": {"targets": [first, {**second, "tier": 2}], "failover": {"cooldown": "0s"}},
                "resting": {"targets": [{**first, "model": "rests"}, {**second, "tier": 2}], "failover": {"cooldown": "60s"}},
                "second": {"targets": [{**second, "model": "status-503"}, {**first, "tier": 2}], "failover": {"cooldown": "0s"}},
                "alone": {"targets": [first], "failover": {"cooldown": "0s"}},
            },
            "keys": [{"id": "main", "sha256": sha256(gateway.keys["main"])}],
        }

    gateway = DnsGateway(tmp_path / "gateway", policy)
    gateway.dns, gateway.named = DnsServer(), provider
    yield from gateway.serve()
    gateway.dns.stop()
    provider.server.shutdown()
    provider.server.server_close()


def tries(record: dict) -> list[tuple]:
    return [(one["provider"], one.get("status"), one.get("error")) for one in record["attempts"]]


def test_name_that_resolves_later_is_used_then(gateway):
    lost, served = ("named", None, "connect"), ("beta", 200, None)
    answer = gateway.chat("backed")
    assert answer.status == 200
    assert tries(gateway.record(answer)) == [lost, served]
    answer = gateway.chat("alone")
    assert answer.status == 503 and answer.error()["code"] == "all_targets_unavailable"
    assert tries(gateway.record(answer)) == [lost]
    answer = gateway.chat("second")
    assert answer.status == 503
    assert tries(gateway.record(answer)) == [("beta", 503, "server_error"), lost]
    resting = [tries(gateway.record(gateway.chat("resting"))) for _ in range(2)]
    assert resting == [[lost, served], [served]]

    gateway.dns.found = True
    assert wait_until(lambda: gateway.chat("alone").status == 200)
    answer = gateway.chat("backed")
    assert tries(gateway.record(answer)) == [("named", 200, None)]
    assert gateway.named.names[0] == NAME
    assert set(gateway.named.credentials) == {f"Bearer {gateway.env['ALPHA_API_KEY']}"}

    # A known address stays in use while the name server does not answer.
    gateway.dns.found = False
    assert gateway.chat("backed").header("x-headgate-served-by") == "named/m"
