"""The listener over TLS: HTTP/2, renewed certificates under load, client certificates, several addresses, the health port."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import threading
import time
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import policy
import pytest
import trustme
import wire
from gateway import PATIENCE, Gateway, stack, wait_until

CHAT = "/v1/chat/completions"
BODY = b'{"model":"ok","messages":[]}'


class Authority:
    """An authority that signs certificates, and writes them as a renewal does: each file by a rename."""

    def __init__(self, folder: Path):
        self.folder, self.authority = folder, trustme.CA()
        folder.mkdir(parents=True, exist_ok=True)
        self.renew()

    @property
    def files(self) -> dict:
        return {"certificate_file": str(self.folder / "tls.crt"), "key_file": str(self.folder / "tls.key")}

    def renew(self, *, pause: float = 0) -> int:
        """Puts a new certificate in place, and returns its number."""
        leaf = self.authority.issue_cert("localhost", "127.0.0.1")
        put(self.folder / "tls.crt", b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        # Between the two renames the key does not belong to the certificate.
        time.sleep(pause)
        put(self.folder / "tls.key", leaf.private_key_pem.bytes())
        return number(ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode()))

    def context(self, client: trustme.LeafCert | None = None, protocols: tuple = ()) -> ssl.SSLContext:
        """Returns the context of a client that trusts this authority."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        if client:
            client.configure_cert(context)
        if protocols:
            context.set_alpn_protocols(protocols)
        return context


def number(certificate: bytes) -> int:
    from cryptography import x509

    return x509.load_der_x509_certificate(certificate).serial_number


def put(path: Path, content: bytes) -> None:
    beside = path.with_suffix(".new")
    beside.write_bytes(content)
    os.replace(beside, path)


class TlsExchange(wire.Exchange):
    """A connection for bytes of the test's own, over TLS."""

    def __init__(self, listen: str, context: ssl.SSLContext):
        super().__init__(listen)
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")

    @property
    def certificate(self) -> int:
        return number(self.socket.getpeercert(binary_form=True))


def chat(gateway: Gateway, context: ssl.SSLContext, listen: str = "", body: bytes = BODY) -> tuple[wire.Answer, int]:
    """Sends one request on its own connection; returns the answer and the number of the server's certificate."""
    trace = gateway.trace()
    with TlsExchange(listen or gateway.listen, context) as exchange:
        exchange.send(wire.request("POST", CHAT, gateway.head(trace), body))
        answer = exchange.answer()
        answer.trace = trace
        return answer, exchange.certificate


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "tls")


@pytest.fixture
def serve(new_gateway, authority):
    """Starts a gateway with TLS and more settings of its listener."""

    def start(tls: dict | None = None, **settings) -> Gateway:
        def make(gateway: Gateway) -> dict:
            made = {name: value(gateway) if callable(value) else value for name, value in settings.items()}
            return {**policy.shared(gateway), "tls": {**authority.files, **(tls or {})}, **made}

        return new_gateway(make)

    return start


def test_tls_serves_http1_and_http2(serve, authority):
    gateway = serve()
    answer, _ = chat(gateway, authority.context())
    assert answer.status == 200 and gateway.record(answer)["status"] == 200
    for offered, chosen in ((("h2", "http/1.1"), "h2"), (("http/1.1",), "http/1.1"), (("h2",), "h2")):
        with TlsExchange(gateway.listen, authority.context(protocols=offered)) as exchange:
            assert exchange.socket.selected_alpn_protocol() == chosen
            assert exchange.socket.version() == "TLSv1.3"
    trace = gateway.trace()
    assert h2_chat(gateway, authority.context(protocols=("h2",)), trace) == "200"
    assert gateway.record(trace)["status"] == 200
    gateway.settle()
    gateway.assert_no_trap()


def h2_chat(gateway: Gateway, context: ssl.SSLContext, trace: str) -> str:
    """Sends a request over HTTP/2 and returns its status."""
    with TlsExchange(gateway.listen, context) as exchange:
        connection = h2.connection.H2Connection(h2.config.H2Configuration())
        connection.initiate_connection()
        pseudo = [(":method", "POST"), (":path", CHAT), (":scheme", "https"), (":authority", "localhost")]
        head = [pair for pair in gateway.head(trace) if pair[0] != "host"]
        connection.send_headers(1, pseudo + head)
        connection.send_data(1, BODY, end_stream=True)
        exchange.send(connection.data_to_send())
        status = ""
        while data := exchange.socket.recv(65_536):
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived):
                    status = dict(event.headers)[b":status"].decode()
                if isinstance(event, h2.events.StreamEnded):
                    return status
            exchange.send(connection.data_to_send())
    return ""


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_plain_and_old_tls_are_refused(serve, authority):
    gateway = serve()
    with wire.Exchange(gateway.listen) as exchange:
        exchange.send(wire.request("GET", "/healthz", [("host", "localhost")]))
        assert exchange.read_to_end() == b""
    old = authority.context()
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("DEFAULT@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        TlsExchange(gateway.listen, old)
    gateway.assert_no_trap()


class Load:
    """Clients that open a connection for each request, until they are stopped."""

    def __init__(self, gateway: Gateway, context: ssl.SSLContext, clients: int = 3):
        self.gateway, self.context = gateway, context
        self.served: list[tuple[int, int]] = []
        self.failures: list[BaseException] = []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.run) for _ in range(clients)]

    def run(self) -> None:
        while not self.over.is_set():
            try:
                answer, certificate = chat(self.gateway, self.context)
                self.served.append((answer.status, certificate))
            except BaseException as failure:  # noqa: BLE001  reported by the test
                self.failures.append(failure)

    def __enter__(self) -> Load:
        [thread.start() for thread in self.threads]
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        [thread.join() for thread in self.threads]


def test_renewed_certificate_fails_no_request(serve, authority):
    gateway = serve()
    context = authority.context()
    slow_trace = gateway.trace()
    with TlsExchange(gateway.listen, context) as slow, Load(gateway, context) as load:
        slow.send(wire.request("POST", CHAT, gateway.head(slow_trace), b'{"model":"stream-200-delay-50","stream":true,"messages":[]}'))
        first = slow.certificate
        renewed = []
        for pause in (0, 0.3, 0, 0.3):
            renewed.append(authority.renew(pause=pause))
            assert wait_until(lambda: load.served and load.served[-1][1] == renewed[-1]), "the new certificate did not appear"
            time.sleep(0.2)
        # A stream that began under the first certificate goes on.
        assert b"word150" in slow.read_until(b"[DONE]")
    assert load.failures == []
    assert {status for status, _ in load.served} == {200}
    assert {certificate for _, certificate in load.served} == {first, *renewed}
    assert gateway.stats(r"listener_manager\.listener_modified|listener_manager\.lds\.update_rejected") == {
        "listener_manager.lds.update_rejected": 0,
        "listener_manager.listener_modified": 0,
    }
    gateway.settle()
    gateway.assert_no_trap()


def test_client_certificate_is_required(serve, authority, tmp_path):
    clients = Authority(tmp_path / "clients")
    ca_file = tmp_path / "clients/ca.pem"
    put(ca_file, clients.authority.cert_pem.bytes())
    gateway = serve({"client_certificates": {"ca_file": str(ca_file)}})
    good = authority.context(client=clients.authority.issue_cert("client.example"))
    assert chat(gateway, good)[0].status == 200
    for client in (None, trustme.CA().issue_cert("client.example")):
        assert refused(gateway, authority.context(client=client))
    assert wait_until(lambda: refusals(gateway) == {"tls": 2}), refusals(gateway)
    # A new authority takes the place of the old one, under the same name.
    other = trustme.CA()
    put(ca_file, other.cert_pem.bytes())
    new = authority.context(client=other.issue_cert("client.example"))
    assert wait_until(lambda: not refused(gateway, new))
    assert refused(gateway, good)
    gateway.settle()
    gateway.assert_no_trap()


def refusals(gateway: Gateway) -> dict:
    """Returns the refused connections by class, as the workers report them with their heartbeats."""
    planes = gateway.query("/v1/dataplanes")["data"]
    counts: dict[str, int] = {}
    for worker in (worker for plane in planes for worker in plane["workers"]):
        for name, count in worker.get("refused_by_proxy", {}).items():
            counts[name] = counts.get(name, 0) + count
    return counts


def refused(gateway: Gateway, context: ssl.SSLContext) -> bool:
    """Returns whether the connection was closed without an answer. Under TLS 1.3 the client learns it when it reads."""
    try:
        with TlsExchange(gateway.listen, context) as exchange:
            exchange.send(wire.request("GET", "/healthz", [("host", "localhost")]))
            return exchange.socket.recv(1) == b""
    except (ssl.SSLError, ConnectionResetError, BrokenPipeError):
        return True


def test_client_certificate_is_optional(serve, authority, tmp_path):
    clients = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    put(ca_file, clients.cert_pem.bytes())
    gateway = serve({"client_certificates": {"ca_file": str(ca_file), "required": False}})
    assert chat(gateway, authority.context())[0].status == 200
    assert chat(gateway, authority.context(client=clients.issue_cert("client.example")))[0].status == 200
    assert refused(gateway, authority.context(client=trustme.CA().issue_cert("client.example")))
    gateway.settle()


@pytest.mark.parametrize(("field", "shown", "name"), [("dns_san", "ci.company.example", "ci.company.example"), ("subject", "other.example", "*CN=*")])
def test_caller_by_certificate(serve, authority, tmp_path, field, shown, name):
    """A certificate takes the place of a key; a client without one still has its key, and one without a rule has nothing."""
    clients = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    put(ca_file, clients.cert_pem.bytes())
    rules = [{"id": "machines", "name": name, "owner": "platform", "models": ["ok"]}]
    gateway = serve({"client_certificates": {"ca_file": str(ca_file), "required": False}}, identity={"certificate": field, "rules": rules})

    def ask(client: trustme.LeafCert | None, key: str | None = None, body: bytes = BODY) -> wire.Answer:
        trace = gateway.trace()
        with TlsExchange(gateway.listen, authority.context(client=client)) as exchange:
            exchange.send(wire.request("POST", CHAT, gateway.head(trace, key), body))
            answer = exchange.answer()
            answer.trace = trace
            return answer

    known = clients.issue_cert(shown, common_name=shown)
    served = ask(known)
    assert served.status == 200, served.body
    assert gateway.record(served)["caller"] == {"key_id": "machines", "owner": "platform", "known_by": "certificate"}
    assert ask(known, body=BODY.replace(b'"ok"', b'"chat"')).status == 403, "the rule allows one model"
    by_key = ask(None, key="main")
    assert by_key.status == 200 and gateway.record(by_key)["caller"]["key_id"] == "main"
    assert ask(None).status == 401
    if field == "dns_san":
        stranger = ask(clients.issue_cert("stranger.example"), key="main")
        assert (stranger.status, stranger.error()["code"]) == (403, "unknown_identity"), "a certificate goes before a key"
    gateway.settle()
    gateway.assert_no_trap()


def test_several_addresses_serve_the_same(new_gateway):
    more = [f"127.0.0.1:{stack.free_port()}", f"[::1]:{stack.free_port()}"]
    gateway = new_gateway(lambda gateway: {**policy.shared(gateway), "listen": [gateway.listen, *more]})
    for listen in (gateway.listen, more[0], more[1].replace("[::1]", "::1")):
        trace = gateway.trace()
        answer = wire.call(listen, "POST", CHAT, gateway.head(trace), BODY)
        assert answer.status == 200
        assert gateway.record(trace)["status"] == 200
    gateway.settle()
    gateway.assert_no_trap()


def ask(address: str, path: str, method: str = "GET") -> int:
    """Returns the status of an answer of the health port."""
    host, port = wire.address(address)
    connection = http.client.HTTPConnection(host, port, timeout=10)
    try:
        connection.request(method, path)
        return connection.getresponse().status
    finally:
        connection.close()


def test_health_port_answers_health_only(serve, authority):
    health = f"127.0.0.1:{stack.free_port()}"
    gateway = serve(health=health)
    assert ask(health, "/healthz") == 200
    for path in ("/", "/healthz/", "/v1/models", CHAT, "/stats"):
        assert ask(health, path) == 404, path
    assert ask(health, CHAT, "POST") == 404
    assert chat(gateway, authority.context())[0].status == 200
    gateway.settle()
    assert len(gateway.all_records()) == 1, "the health port leaves no record"
    done = gateway.headgate("drain", gateway.out)
    assert done.returncode == 0, done.stderr
    assert wait_until(lambda: down(health), PATIENCE)


def down(address: str) -> bool:
    """Returns whether a probe fails: by its status, or because the port is closed."""
    try:
        return ask(address, "/healthz") == 503
    except (ConnectionError, socket.timeout):
        return True


def test_tls_is_added_to_a_running_proxy(new_gateway, authority):
    """A listener that changes is replaced by Envoy; requests in progress end on the old one."""
    gateway = new_gateway()
    assert gateway.chat("ok").status == 200
    gateway.render({**policy.shared(gateway), "tls": authority.files})

    def served() -> bool:
        try:
            return chat(gateway, authority.context())[0].status == 200
        except (ssl.SSLError, ConnectionError):
            return False

    assert wait_until(served)
    gateway.assert_no_trap()
