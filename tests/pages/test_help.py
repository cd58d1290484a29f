"""Help, and the checks of "Traffic does not appear?" on collectors of which something is missing."""

from __future__ import annotations

import time
import urllib.error

import pytest
from conftest import Reader, Service
from made_policy import Governed
from made_records import records

SCRIPTS = [{"java_script_enabled": False}, {}]
NAMES = ["without script", "with script"]


def words(page, selector: str = "main") -> str:
    return " ".join(page.inner_text(selector).split())


def marks(page) -> dict[str, str]:
    lines = page.locator("ol.checks li")
    return {lines.nth(at).locator("h2").inner_text().split("?")[0]: lines.nth(at).get_attribute("data-mark") for at in range(lines.count())}


@pytest.mark.parametrize("reader", SCRIPTS, ids=NAMES, indirect=True)
def test_help_has_keys_search_and_what_is_not_stored(reader):
    page = reader.sign_in("viewer")
    page.click("nav.menu a[href='/help']")
    page.wait_for_url("**/help")
    text = words(page)
    assert "status:429" in text and "What is not stored" in text and "g k Keys" in text
    assert "g t Tokens" not in text, "a page that a viewer may not open"
    page.click("text=Traffic does not appear?")
    page.wait_for_url("**/help/traffic")


def test_a_question_mark_leads_to_help(reader):
    page = reader.sign_in("viewer")
    reader.open("/gaps")
    page.keyboard.press("?")
    page.wait_for_url("**/help")


@pytest.fixture
def visit(browser):
    """Opens the checks at a collector, as a role."""
    contexts = []

    def open_at(service, role="owner"):
        contexts.append(browser.new_context(java_script_enabled=False))
        reader = Reader(service, contexts[-1])
        reader.sign_in(role)
        return reader.open("/help/traffic")

    yield open_at
    for context in contexts:
        context.close()


def test_a_collector_of_which_nobody_knows(visit, tmp_path):
    class Silent(Service):
        def send(self, method, path, *more):
            return None if method != "GET" and path != "/v1/tokens" else super().send(method, path, *more)

    service = Silent(tmp_path)
    page = visit(service)
    found = marks(page)
    assert list(found)[0] == "Has any proxy ever reported" and len(found) == 10
    assert [mark for mark in found.values()] == [
        "error", "error", "aborted", "aborted", "error", "success", "success", "success", "success", "aborted",
    ]  # fmt: skip
    assert "Begin with: Has any proxy ever reported?" in words(page) and "curl URL/healthz" in words(page)
    service.part.stop()


def test_each_fault_has_its_mark_and_remedy(visit, tmp_path):
    service = Governed(tmp_path)
    found = marks(visit(service, "viewer"))
    assert "Are all stored records readable" not in found, "damage is for readers of the audit log"
    assert found["Do the workers run the policy in force"] == "refused"
    assert {mark for name, mark in found.items() if name != "Do the workers run the policy in force"} == {"success"}
    # A long queue, a missing number, a fast clock, a wrong token.
    service.deliver("/v1/heartbeat", {
        "node": "gw-1", "boot": "w-new", "version": "0.2.0", "config_revision": service.second, "uptime_s": 90, "queued": 900, "dropped": 0, "last_seq": 1_000,
    })  # fmt: skip
    late = records(int(time.time() * 1e6) + 60_000_000)[-1]
    service.deliver("/v1/ingest/requests", {"node": "gw-1", "boot": "b", "dropped": 0, "records": [{**late, "id": late["id"][:-4] + "fa57", "seq": 203}]})
    with pytest.raises(urllib.error.HTTPError):
        service.send("POST", "/v1/ingest/requests", "no such token", {})
    page = visit(service)
    found, text = marks(page), words(page)
    for name in ("Do queues of proxies empty", "Are all numbered records here", "Do the clocks agree"):
        assert found[name] == "refused", name
    assert found["Does the collector accept what proxies send"] == "error"
    for part in ("900 records wait", "drain a proxy before each stop", "Set both clocks by NTP", "1 refused for their token"):
        assert part in text, part
    service.part.stop()
