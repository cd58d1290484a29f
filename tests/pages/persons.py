"""Identity providers, a collector whose persons sign in with one, and a browser without a window."""

from __future__ import annotations

import http.client
import itertools
import json
import shutil
import ssl
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from collector import Collector, stack

HERE = Path(__file__).parent
MODULES = HERE.parents[1] / "target/tools/node/node_modules"
CLIENT_SECRET = "HEADGATE_TEST_CLIENT_SECRET"
#: The secret that the hostile provider knows.
SECRET = "the-secret"
ROLES = '{ "ops" = "admin", "sec-audit" = "auditor", "all" = "viewer" }'
#: Tries are slowed down by address; each visitor has another one.
addresses = (f"127.0.{high}.{low}" for high in range(1, 250) for low in range(1, 250))


class Provider:
    """A process that is an identity provider."""

    def __init__(self, folder: Path, script: str, redirect_uri: str, port: int = 0, tls: tuple[Path, Path] | tuple[()] = ()):
        self.port, self.tls = port or stack.free_port(), tls
        self.certificate = tls[1] if tls else None
        self.issuer = f"{'https' if tls else 'http'}://localhost:{self.port}"
        self.script, self.log, self.redirect_uri = script, folder / f"{script}.log", redirect_uri
        self.start()

    def start(self) -> None:
        node = shutil.which("node")
        assert node, "install Node.js 20 or newer (apt-get install nodejs)"
        self.log.write_text("")
        command = [node, "--no-warnings", HERE / self.script, str(self.port), self.redirect_uri, MODULES, *self.tls]
        self.part = stack.Part(self.script, command, self.log)
        self.part.wait_for_line("listening on ", 30)

    def stop(self) -> None:
        self.part.stop()

    def control(self, fault: str = "", **more) -> dict:
        """Says what goes wrong from now on; returns what was asked so far."""
        body = json.dumps({"fault": fault, **more}).encode()
        with urllib.request.urlopen(f"{self.issuer}/control", data=body, timeout=10) as answer:
            return json.loads(answer.read())


class PersonCollector(Collector):
    """A collector with `[oidc]`."""

    def get(self, path: str):
        return self.send("GET", path, "token-owner")

    def __init__(self, folder: Path, oidc: str, secret: str, port: int):
        self.url = f"http://127.0.0.1:{port}"
        settings = folder / "collector.toml"
        settings.write_text(f'public_url = "{self.url}"\n[oidc]\n{oidc}')
        env = {"HEADGATE_COLLECTOR_CONFIG": str(settings), CLIENT_SECRET: secret}
        super().__init__(folder, [], env, port)

    def refused(self) -> list[tuple[str, dict]]:
        """Returns the codes of refused sign-ins, the newest first, with the actors."""
        page = self.send("GET", "/v1/audit?event_types[]=session.refused&limit=100", "token-owner")
        return [(entry["code"], entry["actor"]) for entry in page["data"]]

    def told(self, kind: str) -> list[dict]:
        return self.send("GET", f"/v1/audit?event_types[]={kind}&limit=100", "token-owner")["data"]

    def log_text(self) -> str:
        return (self.folder / "collector.log").read_text()


class Answer:
    def __init__(self, answer: http.client.HTTPResponse):
        self.status, self.text = answer.status, answer.read().decode()
        self.location = answer.headers.get("location")
        self.cookies = answer.headers.get_all("set-cookie") or []


class Visitor:
    """A browser without a window: it keeps cookies by host and port, and follows nothing by itself."""

    def __init__(self, collector: PersonCollector, address: str | None = None):
        self.collector, self.address = collector, address or next(addresses)
        self.cookies: dict[str, str] = {}

    def get(self, url: str) -> Answer:
        parts = urlsplit(url if "://" in url else f"{self.collector.url}{url}")
        is_ours = parts.netloc == urlsplit(self.collector.url).netloc
        source = (self.address, 0) if is_ours else None
        if parts.scheme == "https":
            # The browser's trust is not what is tested.
            connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=60, context=ssl._create_unverified_context())
        else:
            connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60, source_address=source)
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection.request("GET", f"{parts.path}?{parts.query}", headers={"cookie": cookie} if is_ours and cookie else {})
        answer = Answer(connection.getresponse())
        connection.close()
        for cookie in answer.cookies if is_ours else []:
            name, value = cookie.split(";")[0].split("=", 1)
            if "Max-Age=0" in cookie:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return answer

    def begin(self, return_to: str = "/logs") -> str:
        """Returns the address of the callback to which the provider sends the browser."""
        answer = self.get(f"/auth/oidc?return_to={return_to}")
        assert answer.status == 303, answer.text
        return self.get(answer.location).location

    def sign_in(self, return_to: str = "/logs") -> Answer:
        return self.get(self.begin(return_to))

    def role(self) -> str | None:
        """Returns the role that the pages show; `None` if nobody is signed in."""
        answer = self.get("/logs")
        roles = [role for role in ("viewer", "auditor", "admin", "owner") if f"· {role}<" in answer.text]
        return roles[0] if answer.status == 200 and roles else None


def settings(provider: Provider, more: str = "") -> str:
    return f'issuer = "{provider.issuer}"\nclient_id = "headgate"\nclient_secret = "${{{CLIENT_SECRET}}}"\nroles = {ROLES}\n{more}'


def refused(collector: PersonCollector, visitor: Visitor, answer, code: str) -> None:
    """Checks that a try was refused: page, cookie, session, audit entry."""
    assert answer.status in (400, 403, 502), (answer.status, answer.text)
    assert 'role="alert"' in answer.text and "localhost" in answer.text, answer.text
    assert visitor.cookies == {}, "neither a session nor a sign-in is left"
    assert visitor.role() is None
    codes = [found for found, actor in collector.refused() if actor["address"] == visitor.address]
    assert codes[:1] == [code], codes


def free_ports(count: int) -> list[int]:
    return list(itertools.islice(iter(stack.free_port, 0), count))
