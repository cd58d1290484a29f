"""Headgate in an Envoy that somebody else configured: envoy/existing, before and after, with TLS, JWTs and another API."""

from __future__ import annotations

import base64
import json
import re
import ssl
import subprocess
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme
import wire
import yaml
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from gateway import BIN, FILTER, ROOT, WASM, Gateway, sha256, stack, wait_until
from proxy_metrics import expected, scrape, shown
from test_listener_tls import TlsExchange, put

FOLDER = ROOT / "envoy/existing"
CHAT = "/v1/chat/completions"
BODY = b'{"model":"chat","messages":[{"role":"user","content":"Say hello."}]}'
ORDERS = b'{"orders":[' + b",".join(b'{"id":%d}' % number for number in range(200)) + b"]}"


class Orders:
    """The API that is no LLM; keeps the headers and bodies that it received."""

    def __init__(self):
        self.seen: list[tuple[dict, bytes]] = []
        orders = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                orders.seen.append((dict(self.headers), body))
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(ORDERS)))
                self.end_headers()
                self.wfile.write(ORDERS)

            def log_message(self, *_) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Login:
    """An identity provider's key, and tokens signed by it."""

    def __init__(self):
        self.key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)

    def jwks(self) -> bytes:
        numbers = self.key.public_key().public_numbers()
        size = {"n": numbers.n.to_bytes(256, "big"), "e": numbers.e.to_bytes(3, "big")}
        return json.dumps({"keys": [{"kty": "RSA", "alg": "RS256", "kid": "1", **{name: b64(value) for name, value in size.items()}}]}).encode()

    def token(self, audience: str = "edge") -> str:
        claims = {"iss": "https://login.company.example", "aud": audience, "sub": "alice", "exp": int(time.time()) + 300}
        signed = ".".join(b64(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "1"}, claims))
        return f"{signed}.{b64(self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Existing(Gateway):
    """Collector, providers, the other API, and an Envoy with one of the two configurations."""

    def __init__(self, folder: Path, configuration: str):
        super().__init__(folder, None)
        self.configuration = configuration
        self.internal = f"127.0.0.1:{stack.free_port()}"
        self.orders, self.login, self.authority = Orders(), Login(), trustme.CA()

    def render(self, alias: str = "chat") -> None:
        """Writes the files of Envoy; the policy has its one model under this alias."""
        tls = self.folder / "tls"
        tls.mkdir(exist_ok=True)
        leaf = self.authority.issue_cert("localhost")
        put(tls / "tls.crt", b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        put(tls / "tls.key", leaf.private_key_pem.bytes())
        put(self.folder / "jwks.json", self.login.jwks())
        written = (FOLDER / "gateway.yaml").read_text().replace("  chat:", f"  {alias}:")
        (self.folder / "gateway.yaml").write_text(re.sub(r'sha256: "[0-9a-f]+"', f'sha256: "{sha256(self.keys["main"])}"', written))
        done = self.headgate("render", "envoy", self.folder / "gateway.yaml", "--fragments", "--out", self.out, *FILTER)
        assert done.returncode == 0, done.stderr
        bootstrap = yaml.safe_load((FOLDER / self.configuration).read_text())
        (self.out / "bootstrap.json").write_text(json.dumps(self.placed(bootstrap)))

    def placed(self, value):
        """Returns a configuration with the addresses and folders of this test."""
        if isinstance(value, dict):
            return {key: self.address(one) if key == "socket_address" else self.placed(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.placed(one) for one in value]
        if isinstance(value, str):
            value = value.replace("/etc/headgate/envoy", str(self.out)).replace("/etc/envoy", str(self.folder))
            return value.replace("/usr/lib/headgate/headgate.wasm", str(WASM))
        return value

    def address(self, written: dict) -> dict:
        place = {
            ("0.0.0.0", 8443): self.listen,
            ("127.0.0.1", 8081): self.internal,
            ("127.0.0.1", 9901): self.admin,
            ("orders.internal", 8080): "127.0.0.1:%d" % self.orders.server.server_address[1],
            ("llm-north.internal", 8000): self.providers["alpha"].url.removeprefix("http://"),
            ("llm-south.internal", 8000): self.providers["beta"].url.removeprefix("http://"),
            ("collector", 4180): self.collector_address,
        }[written["address"], written["port_value"]]
        host, port = wire.address(place)
        return {"address": host, "port_value": port}

    def ask(self, path: str = CHAT, body: bytes = BODY, requests: int = 1, **head: str) -> wire.Answer:
        """Sends a request to the edge, with a token unless `authorization` is given."""
        trace = self.trace(requests)
        headers = {"host": "localhost", "authorization": f"Bearer {self.login.token()}", "content-type": "application/json"}
        headers |= {name.replace("_", "-"): value for name, value in head.items()}
        context = trusting(self.authority)
        with TlsExchange(self.listen, context) as exchange:
            head_list = [*headers.items(), ("traceparent", wire.traceparent(trace))]
            exchange.send(wire.request("POST", path, head_list, body))
            answer = exchange.answer()
            answer.trace = trace
            return answer

    def stop(self) -> None:
        super().stop()
        self.orders.server.shutdown()
        self.orders.server.server_close()


def trusting(authority: trustme.CA):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def existing(tmp_path):
    started = []

    def start(configuration: str) -> Existing:
        started.append(Existing(tmp_path / configuration.removesuffix(".yaml"), configuration))
        return started[-1].start()

    yield start
    for one in started:
        one.stop()


def test_before_serves_both_apis(existing):
    edge = existing("before.yaml")
    assert edge.ask("/orders/", requests=0).body == ORDERS
    assert edge.ask(requests=0).status == 200
    assert edge.ask(requests=0, authorization="Bearer none").status == 401
    assert edge.all_records() == []


@pytest.mark.wasm_only("the configuration in envoy/existing names headgate.wasm")
def test_after_serves_llm_requests_through_headgate(existing):
    edge = existing("after.yaml")
    served = edge.ask(x_api_key=edge.keys["main"])
    assert served.status == 200
    record = edge.record(served)
    assert record["caller"]["key_id"] == "app-assistant" and record["requested_model"] == "chat"
    assert [one["provider"] for one in record["attempts"]] == ["north"]
    [seen] = edge.providers["alpha"].seen(served.trace)
    assert seen.json()["model"] == "qwen3-32b"
    assert not {"x-api-key", "authorization", "x-forwarded-for"} & seen.names()

    edge.providers["alpha"].script({"status": 503, "body": "{}"})
    moved = edge.ask(x_api_key=edge.keys["main"])
    assert moved.status == 200
    assert [one["provider"] for one in edge.record(moved)["attempts"]] == ["north", "south"]

    blocked = edge.ask(body=BODY.replace(b"Say hello.", b"AKIAIOSFODNN7EXAMPLB is my key"), x_api_key=edge.keys["main"])
    assert (blocked.status, blocked.error()["code"]) == (422, "content_filter")
    edge.record(blocked)
    large = edge.ask(body=BODY.replace(b"hello", b"x" * 3_000_000), x_api_key=edge.keys["main"])
    assert large.status == 200, "the listener's buffer is larger than Envoy's default"

    def counted() -> bool:
        edge.settle()
        return shown(scrape(edge)) == expected(edge.all_records(), {"chat"})

    assert wait_until(counted, 20), "the metrics of requests, with their labels"
    no_key = edge.ask()
    assert (no_key.status, no_key.header("x-headgate-rejected-by")) == (401, "gateway")
    no_token = edge.ask(authorization="", x_api_key=edge.keys["main"])
    assert no_token.status == 401 and b"Jwt is missing" in no_token.body, "the JWT filter refused it"
    [record] = edge.records(no_token.trace)
    assert (record["status"], record["rejected_by"], record.get("error_code")) == (401, "host", None)
    assert not edge.providers["alpha"].seen(no_token.trace)
    edge.settle()
    edge.assert_no_trap()


@pytest.mark.wasm_only("the configuration in envoy/existing names headgate.wasm")
def test_after_leaves_the_other_api_alone(existing):
    edge = existing("after.yaml")
    requests = [edge.ask("/orders/", body=b"{not json", requests=0) for _ in range(3)]
    assert {answer.body for answer in requests} == {ORDERS}
    assert not any(name.startswith("x-headgate") for answer in requests for name in answer.names())
    trace = edge.trace(0)
    head = [("host", "internal"), ("traceparent", wire.traceparent(trace)), ("accept-encoding", "gzip")]
    inside = wire.call(edge.internal, "POST", "/orders/", head, b"{}")
    assert inside.header("content-encoding") == "gzip", "the internal listener compresses as before"
    assert [body for _, body in edge.orders.seen] == [b"{not json"] * 3 + [b"{}"]
    time.sleep(1)
    assert edge.all_records() == []
    edge.assert_no_trap()


@pytest.mark.wasm_only("the configuration in envoy/existing names headgate.wasm")
def test_new_policy_needs_no_change_of_the_configuration(existing):
    edge = existing("after.yaml")
    bootstrap = (edge.out / "bootstrap.json").read_bytes()
    assert edge.ask(x_api_key=edge.keys["main"], body=BODY.replace(b'"chat"', b'"new"')).status == 404
    edge.render(alias="new")
    assert wait_until(lambda: edge.ask(x_api_key=edge.keys["main"], body=BODY.replace(b'"chat"', b'"new"')).status == 200)
    assert (edge.out / "bootstrap.json").read_bytes() == bootstrap
    edge.settle()
    edge.assert_no_trap()


def test_after_contains_the_fragments(tmp_path):
    """The pasted parts are those that the command writes."""
    words = ["--out", tmp_path, "--root", "/etc/headgate/envoy", "--wasm", "/usr/lib/headgate/headgate.wasm"]
    command = [BIN / "headgate", "render", "envoy", FOLDER / "gateway.yaml", "--fragments", *words]
    subprocess.run([str(word) for word in command], check=True, capture_output=True)
    fragment = {path.stem: yaml.safe_load(path.read_text()) for path in tmp_path.glob("*.yaml")}
    assert set(fragment) == {"clusters", "http-filter", "router", "route", "listener", "stats"}
    before, after = (yaml.safe_load((FOLDER / f"{name}.yaml").read_text()) for name in ("before", "after"))
    listener = before["static_resources"]["listeners"][0]
    listener |= fragment["listener"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    manager["http_filters"][-1:] = fragment["http-filter"] + fragment["router"]
    manager["route_config"]["virtual_hosts"][0]["routes"][-1:] = fragment["route"]
    before["static_resources"]["clusters"][-1:] = fragment["clusters"]
    before |= fragment["stats"]
    assert after == before


def check(*files: Path, version: str = "1.40") -> tuple[int, str]:
    command = [BIN / "headgate", "check", FOLDER / "gateway.yaml", "--envoy-version", version]
    command += [word for file in files for word in ("--envoy", file)]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_check_of_both_configurations():
    code, said = check(FOLDER / "before.yaml")
    assert code == 1
    for finding in ("no connection manager has the Headgate filter", "`provider.north`", "listeners[0]: Envoy answers requests above"):
        assert finding in said, said
    assert "before.yaml:8:" in said
    code, said = check(FOLDER / "after.yaml")
    assert code == 0, said
    assert "clients send their virtual key" in said
    assert "error" not in said.replace("0 errors", "")
    assert check(FOLDER / "after.yaml", version="1.36")[0] == 1


@pytest.mark.wasm_only("the configuration in envoy/existing names headgate.wasm")
def test_check_of_rendered_files_and_of_a_dump(existing, tmp_path):
    """The project's own rendering has no findings, in parts and as the admin page shows it."""
    out = tmp_path / "own"
    command = [BIN / "headgate", "render", "envoy", FOLDER / "gateway.yaml", "--out", out, *FILTER]
    subprocess.run([str(word) for word in command], check=True, capture_output=True)
    code, said = check(*(out / name for name in ("bootstrap.json", "lds.json", "rds.json", "cds.json", "ecds/headgate-gate.json")))
    assert code == 0 and "0 errors, 0 warnings" in said or said == "", said
    edge = existing("after.yaml")
    dump = tmp_path / "dump.json"
    with urllib.request.urlopen(f"http://{edge.admin}/config_dump", timeout=10) as answer:
        dump.write_bytes(answer.read())
    command = [BIN / "headgate", "check", FOLDER / "gateway.yaml", "--envoy", dump]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
