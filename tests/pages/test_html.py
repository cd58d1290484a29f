"""html-validate finds nothing on any page of the collector, with sheets open and forms refused too.

Two rules differ from its recommendation: files of the collector itself need no integrity attribute, and a page may load itself
again where a reader has asked for it (Auto, without JavaScript).
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from conftest import ROOT
from made_policy import Governed

LIBRARY = ROOT / "target/tools/node/node_modules/html-validate/dist/esm/index.js"
SCRIPT = Path(__file__).with_name("validate.mjs")
CONFIG = Path(__file__).with_name("htmlvalidate.json")

PATHS = [
    "/", "/usage", "/usage?range=24h&by=key&measure=p95", "/limits", "/budgets", "/logs", "/logs?q=status:error&range=7d&size=10", "/logs?q=modle:chat", "/logs?q=nothing-like-it", "/logs?auto=1",
    "/audit", "/audit?actor=nobody", "/audit?event=policy.created", "/gaps", "/dataplanes",
    "/policy", "/policy/1", "/policy/3", "/policy/3/diff?from=1", "/policy/99",
    "/keys", "/keys?q=nobody", "/keys/search-bot", "/keys/ops%2Fbot:1", "/models", "/models?range=7d", "/models/chat?range=7d",
    "/guardrails", "/guardrails?range=30d", "/guardrails/pii",
    "/retention", "/forwarders", "/retention?done=placed", "/retention/change?requests=1&audit=1&classes=a%3D2&revision=1", "/retention/change",
    "/evidence", "/evidence?done=created", "/evidence/pkt_gone/delete", "/tokens", "/tokens?done=revoked", "/tokens/tok_gone/revoke", "/help", "/help/traffic", "/try", "/playground",
]  # fmt: skip


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    one = Governed(tmp_path_factory.mktemp("html"))
    one.send("POST", "/v1/holds", "token-owner", {"log": "requests", "scope": {"team": "search"}, "reason": "case 17"})
    yield one
    one.part.stop()


def documents(reader) -> dict[str, str]:
    """Returns every page as it is sent, by its address."""
    request, service = reader.page.context.request, reader.service
    found = {"/login": reader.page.context.request.get(f"{service.url}/login").text()}
    page = reader.sign_in()
    for path in PATHS:
        found[path] = request.get(service.url + path).text()
    for path in ("/logs?q=status:error", "/logs?q=policy:pii", "/audit"):
        reader.open(path)
        sheet = page.locator("tr[data-row] a").first.get_attribute("href")
        found[f"sheet of {path}"] = request.get(service.url + sheet).text()
    record = service.records[-1]["id"]
    found["/logs/ID"] = request.get(f"{service.url}/logs/{record}").text()
    csrf = page.get_attribute("input[name=csrf]", "value")
    hold = service.get("/v1/holds")["data"][0]["id"]
    token = service.get("/v1/tokens")["data"][0]["id"]
    for path in (f"/retention/holds/{hold}/release", f"/tokens/{token}/revoke"):
        found[path] = request.get(service.url + path).text()
    for path, fields in [("/tokens", {"role": "viewer", "name": "<b>"}), ("/tokens", {"role": "nobody"}), ("/retention/holds", {"log": "audit"}), ("/tokens", {"csrf": "forged"})]:
        found[f"POST {path} {fields}"] = request.post(service.url + path, form={"csrf": csrf, **fields}).text()
    found["POST /auth/login"] = request.post(f"{service.url}/auth/login", form={"token": "wrong"}).text()
    return found


def problems(documents: dict[str, str], folder: Path) -> list[str]:
    """Returns what html-validate finds, in one line each."""
    folder.mkdir()
    files = {}
    for number, (path, text) in enumerate(documents.items()):
        file = folder / f"{number:02}.html"
        file.write_text(text)
        files[str(file)] = path
    done = subprocess.run(["node", SCRIPT, LIBRARY, CONFIG, *files], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    lines = (line.split("\t") for line in done.stdout.splitlines())
    return [f"{files[file]} at {place}: {rule}: {message}" for file, place, rule, message in lines]


def test_every_page_is_valid(reader, tmp_path):
    found = documents(reader)
    assert all("<!DOCTYPE html>" in text for text in found.values())
    assert problems(found, tmp_path / "pages") == []
    reader.faults.clear()


def test_the_check_finds_faults(tmp_path):
    text = "<!DOCTYPE html><html lang=en><head><title>x</title></head><body><p><div></div></p><img src=a></body></html>"
    rules = {line.split(": ")[1] for line in problems({"/": text}, tmp_path / "pages")}
    assert "element-permitted-content" in rules or "close-order" in rules
