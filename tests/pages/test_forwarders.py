"""Forwarders: an auditor sees how far each receiver is, an owner pauses, tests and drops."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from conftest import Service

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "forwarders"))

from receivers import Answer, StandIn, wait_until  # noqa: E402

SCRIPTS = [{"java_script_enabled": False}, {}]
NAMES = ["without script", "with script"]


@pytest.fixture(scope="module")
def receiver():
    return StandIn()


@pytest.fixture(scope="module")
def service(tmp_path_factory, receiver):
    folder = tmp_path_factory.mktemp("forwarders")
    settings = folder / "settings.toml"
    settings.write_text(f'[[forwarders]]\nid = "siem"\nkind = "webhook"\nurl = "{receiver.url}"\nfilter = "status_class=5xx"\n')
    one = Service(folder, env={"HEADGATE_COLLECTOR_CONFIG": str(settings)})
    yield one
    one.part.stop()


def words(page) -> str:
    return " ".join(page.inner_text("main").split())


@pytest.mark.parametrize("reader", SCRIPTS, ids=NAMES, indirect=True)
def test_an_owner_tests_pauses_and_resumes(reader, receiver):
    page = reader.sign_in()
    page.click("nav.menu a[href='/forwarders']")
    page.wait_for_url("**/forwarders")
    text = words(page)
    assert "siem ✓ delivers" in text and "only requests with status_class=5xx" in text
    receiver.answer = lambda call: Answer()
    page.click("text=Send a test")
    page.wait_for_url("**/forwarders?done=test")
    assert "The receiver has taken the test." in words(page)
    receiver.answer = lambda call: Answer(403)
    page.click("text=Send a test")
    page.wait_for_url("**/forwarders/siem/test")
    assert "The test was not delivered: the receiver answers with status 403; check the token" in words(page)
    receiver.answer = lambda call: Answer()
    reader.open("/forwarders")
    page.click("button:has-text('Pause')")
    page.wait_for_url("**/forwarders?done=pause")
    assert "siem paused" in words(page)
    page.click("button:has-text('Resume')")
    page.wait_for_url("**/forwarders?done=resume")
    assert wait_until(lambda: reader.service.get("/v1/forwarders")["data"][0]["state"] == "ok", "it delivers")


def test_an_auditor_changes_nothing(reader):
    page = reader.sign_in("auditor")
    reader.open("/forwarders")
    assert "siem" in words(page) and page.locator("main form").count() == 0


def test_a_viewer_has_no_such_page(reader):
    page = reader.sign_in("viewer")
    assert page.locator("nav.menu a[href='/forwarders']").count() == 0


def test_dead_letters_are_dropped(reader, receiver):
    receiver.answer = lambda call: Answer(422)
    page = reader.sign_in()
    wait_until(lambda: reader.service.get("/v1/forwarders")["data"][0]["logs"][1]["behind"] > 0, "there is something to send")
    wait_until(lambda: reader.service.get("/v1/forwarders")["data"][0]["dead_letters"] > 0, "it is refused")
    reader.open("/forwarders")
    assert "refused entries are kept as dead letters" in words(page)
    receiver.answer = lambda call: Answer()
    page.click("text=Drop dead letters")
    page.wait_for_url("**/forwarders?done=drop")
    assert "The dead letters were dropped." in words(page)
