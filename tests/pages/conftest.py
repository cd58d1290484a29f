"""A real collector with made-up records, and a real Chromium. A console error or a violation of the pages' policy fails a test."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import BrowserContext, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/e2e"), str(ROOT / "envoy")]

from collector import Collector  # noqa: E402
from made_records import beat, counts_report, records  # noqa: E402

CHROMIUM = os.environ.get("HEADGATE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
AXE = ROOT / "target/tools/node/node_modules/axe-core/axe.min.js"


class Service(Collector):
    """A collector with made-up records."""

    def __init__(self, folder: Path, deliveries: list[tuple[str, dict]] | None = None, env: dict[str, str] | None = None):
        self.records = records(int(time.time() * 1e6)) if deliveries is None else []
        batch = {"node": "gw-1", "boot": "b", "dropped": 0, "records": self.records}
        all_kinds = [("/v1/ingest/requests", batch), ("/v1/limits/sync", counts_report(int(time.time()))), ("/v1/heartbeat", beat())]
        super().__init__(folder, all_kinds if deliveries is None else deliveries, env)
        self.url = f"http://{self.listen}"

    def get(self, path: str):
        return self.send("GET", path, "token-owner")


@pytest.fixture(scope="session")
def service(tmp_path_factory):
    one = Service(tmp_path_factory.mktemp("pages"))
    yield one
    one.part.stop()


@pytest.fixture(scope="session")
def browser():
    assert CHROMIUM, "install Chromium (apt-get install chromium), or name it in HEADGATE_CHROMIUM"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Reader:
    """A person with a browser."""

    def __init__(self, service: Service, context: BrowserContext):
        self.service, self.context = service, context
        self.faults: list[str] = []
        self.page = context.new_page()
        self.page.on("console", lambda message: self.faults.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))

    def sign_in(self, role: str = "owner", at: str = "/") -> Page:
        self.page.goto(f"{self.service.url}/login?return_to={quote(at)}")
        self.page.fill("#token", self.service.tokens[role])
        self.page.press("#token", "Enter")
        self.page.wait_for_url(f"{self.service.url}{at}")
        return self.page

    def open(self, path: str) -> Page:
        self.page.goto(f"{self.service.url}{path}")
        return self.page

    def violations(self) -> list[str]:
        """Returns what axe-core finds, in one line each."""
        self.page.evaluate(AXE.read_text())
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        found = self.page.evaluate("tags => axe.run({runOnly: {type: 'tag', values: tags}})", tags)
        return [f"{one['id']}: {node['html'][:160]}" for one in found["violations"] for node in one["nodes"]]


@pytest.fixture
def reader(service, browser, request):
    """A person. `reader_options` of a test are options of the browser's context."""
    options = getattr(request, "param", {})
    context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, "timezone_id": "Europe/Berlin", **options})
    one = Reader(service, context)
    yield one
    context.close()
    assert one.faults == []
