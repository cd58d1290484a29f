"""An `object_store` in a container of Azure: Azurite, Microsoft's own stand-in, checks the signature and keeps the blobs."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

from receivers import ROOT, Collector, Program, free_port, wait_until

# The account of every Azurite; its key is public.
ACCOUNT = "devstoreaccount1"
KEY = base64.b64decode("Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==")
VERSION = "2023-11-03"
COUNT = 2_000


def signature(container: str, permissions: str) -> str:
    """Returns a shared access signature of a container, as the service's reference writes it."""
    end = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    signed = [permissions, "", end, f"/blob/{ACCOUNT}/{container}", "", "", "", VERSION, "c", "", "", "", "", "", "", ""]
    mac = base64.b64encode(hmac.new(KEY, "\n".join(signed).encode(), hashlib.sha256).digest()).decode()
    return urllib.parse.urlencode({"sv": VERSION, "sr": "c", "sp": permissions, "se": end, "sig": mac})


class Azurite:
    def __init__(self, folder, container: str):
        self.port, self.container = free_port(), container
        command = ["node", ROOT / "target/tools/azurite/node_modules/azurite/dist/src/blob/main.js", "--blobPort", str(self.port)]
        options = ["--location", folder, "--disableTelemetry", "--skipApiVersionCheck", "--silent"]
        self.program = Program(folder, [*command, *options], self.port)
        self.call("PUT", "?restype=container", {"x-ms-version": VERSION}, account=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/{ACCOUNT}/{self.container}"

    def call(self, method: str, path: str, headers: dict, account: bool = False) -> bytes:
        if account:
            date = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
            headers = headers | {"x-ms-date": date}
            named = "".join(f"{name}:{value}\n" for name, value in sorted(headers.items()))
            text = f"{method}\n\n\n\n\n\n\n\n\n\n\n\n{named}/{ACCOUNT}/{ACCOUNT}/{self.container}\nrestype:container"
            mac = base64.b64encode(hmac.new(KEY, text.encode(), hashlib.sha256).digest()).decode()
            headers["authorization"] = f"SharedKey {ACCOUNT}:{mac}"
        with urllib.request.urlopen(urllib.request.Request(self.url + path, method=method, headers=headers), timeout=30) as answer:
            return answer.read()

    def blobs(self) -> dict[str, bytes]:
        own = signature(self.container, "rl")
        listed = ET.fromstring(self.call("GET", f"?restype=container&comp=list&{own}", {}))
        names = [one.text for one in listed.iter("Name")]
        return {name: self.call("GET", f"/{name}?{own}", {}) for name in names}

    def stop(self):
        self.program.stop()


def test_lines_in_a_container(tmp_path, running):
    store = Azurite(tmp_path / "receiver", "logs")
    running.append(store)
    table = {"id": "archive", "kind": "object_store", "url": f"{store.url}/headgate?${{AZURE_SAS}}", "start": "oldest", "every": "1s", "logs": ["requests"]}
    collector = Collector(tmp_path / "collector", table, AZURE_SAS=signature("logs", "cw"))
    running.append(collector)
    collector.send(1, COUNT)
    collector.delivered("archive", COUNT)
    blobs = store.blobs()
    assert all(name.startswith("headgate/log=requests/dt=") for name in blobs), sorted(blobs)
    lines = [line for name in sorted(blobs) for line in gzip.decompress(blobs[name]).splitlines()]
    assert lines == collector.export(), "the stored bytes, in order"


def test_a_signature_that_may_not_write_blocks(tmp_path, running):
    store = Azurite(tmp_path / "receiver", "logs")
    running.append(store)
    sas = signature("logs", "r")
    table = {"id": "archive", "kind": "object_store", "url": f"{store.url}/headgate?${{AZURE_SAS}}", "start": "oldest", "every": "1s", "logs": ["requests"]}
    collector = Collector(tmp_path / "collector", table, AZURE_SAS=sas)
    running.append(collector)
    collector.send(1, 10)
    found = wait_until(lambda: (lambda one: one if one["state"] == "blocked" else None)(collector.forwarder("archive")), "it is blocked")
    assert "status 403" in found["error"], found
    assert urllib.parse.parse_qs(sas)["sig"][0] not in str(found) + (collector.folder / "log").read_text()
    assert store.blobs() == {}
