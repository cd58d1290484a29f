"""Retention and holds: an auditor sees, an owner changes, and what cannot be undone is asked first."""

from __future__ import annotations

import urllib.error

import pytest
from conftest import Reader, Service

SCRIPTS = [{"java_script_enabled": False}, {}]
NAMES = ["without script", "with script"]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    one = Service(tmp_path_factory.mktemp("retention"))
    yield one
    one.part.stop()


def words(page, selector: str = "main") -> str:
    return " ".join(page.inner_text(selector).split())


@pytest.mark.parametrize("reader", SCRIPTS, ids=NAMES, indirect=True)
def test_rules_are_previewed_and_set(reader):
    page = reader.sign_in()
    page.click("nav.menu a[href='/retention']")
    page.wait_for_url("**/retention")
    before = reader.service.get("/v1/retention")
    text = words(page)
    assert f"Request records {before['in_force']['requests']['days']} " in text and "✓ trusted" in text and "Next deletion" in text
    days = before["requests"]["days"] + 5
    page.click("text=Change the rules")
    page.fill("main input[name=requests]", str(days))
    page.fill("main textarea[name=classes]", f"long={days + 400}")
    page.click("text=Show the effect")
    page.wait_for_url("**/retention/change?*")
    assert "This deletes nothing now." in words(page)
    assert reader.service.get("/v1/retention")["revision"] == before["revision"], "nothing is set yet"
    page.click("text=Set these rules")
    page.wait_for_url("**/retention?done=rules")
    assert "The rules were set." in words(page)
    after = reader.service.get("/v1/retention")
    assert after["requests"] == {"days": days, "classes": {"long": days + 400}} and after["revision"] == before["revision"] + 1
    page.reload()
    assert reader.service.get("/v1/retention")["revision"] == after["revision"], "a reload sets nothing again"


def test_shorter_rules_tell_when_they_begin(reader):
    page = reader.sign_in()
    reader.open("/retention")
    page.click("text=Change the rules")
    page.fill("main input[name=audit]", "1")
    page.click("text=Show the effect")
    page.wait_for_url("**/retention/change?*")
    assert "they take effect at" in words(page)
    # Another owner was quicker.
    now = reader.service.get("/v1/retention")
    reader.service.send("PUT", "/v1/retention", "token-owner", {"requests": now["requests"], "audit": now["audit"]}, {"if-match": "*"})
    page.click("text=Set these rules")
    page.wait_for_selector("section.notice")
    assert "Retention has been changed since" in words(page)
    reader.faults.clear()


@pytest.mark.parametrize(("field", "value", "says"), [("classes", "30 days", "one class and its days a line"), ("revision", "1000", "changed since"), ("requests", "0", "1 to 36500")])
def test_wrong_rules_are_refused_with_a_sentence(reader, field, value, says):
    page = reader.sign_in()
    fields = {"requests": "90", "audit": "180", "classes": "", "revision": str(reader.service.get("/v1/retention")["revision"]), field: value}
    query = "&".join(f"{name}={text}" for name, text in fields.items())
    page.goto(f"{reader.service.url}/retention/change?{query}")
    assert says in page.inner_text("[role=alert]") and page.locator("text=Set these rules").count() == 0
    reader.faults.clear()


@pytest.mark.parametrize("reader", SCRIPTS, ids=NAMES, indirect=True)
def test_a_hold_is_placed_and_released(reader):
    page = reader.sign_in()
    reader.open("/retention")
    page.click("text=Place a hold")
    page.fill("input[name=reason]", "case 17")
    page.click("button:has-text('Place the hold')")
    page.wait_for_selector("[role=alert]")
    assert "which entries the hold covers" in page.inner_text("[role=alert]")
    assert page.input_value("input[name=reason]") == "case 17", "the form keeps its fields"
    page.fill("input[name=team]", "search")
    page.fill("input[name=from]", "2026-01-01T00:00:00")
    page.click("button:has-text('Place the hold')")
    page.wait_for_url("**/retention?done=placed")
    hold = reader.service.get("/v1/holds")["data"][0]
    assert (hold["scope"]["team"], hold["reason"], hold["log"]) == ("search", "case 17", "requests")
    row = page.locator(f"tr[data-hold={hold['id']}]")
    assert "team search" in row.inner_text() and "case 17" in row.inner_text()
    row.locator("a").click()
    page.wait_for_url(f"**/retention/holds/{hold['id']}/release")
    assert "cannot be brought back" in words(page)
    assert len(reader.service.get("/v1/holds")["data"]) == 1, "asking releases nothing"
    page.click("button:has-text('Release the hold')")
    page.wait_for_url("**/retention?done=released")
    assert reader.service.get("/v1/holds")["data"] == []
    reader.faults.clear()


def test_an_auditor_sees_and_changes_nothing(reader):
    page = reader.sign_in("auditor")
    reader.open("/retention")
    assert page.locator("main form").count() == 0 and "Legal holds" in words(page)
    answer = page.goto(f"{reader.service.url}/retention/change?requests=1")
    assert answer.status == 403 and "owner" in words(page)
    csrf = page.get_attribute("input[name=csrf]", "value")
    for path in ("/retention/change", "/retention/holds", "/retention/clock"):
        sent = page.context.request.post(reader.service.url + path, form={"csrf": csrf})
        assert sent.status == 403, path
    reader.faults.clear()


def test_a_viewer_sees_no_link_and_is_told_who_may(reader):
    page = reader.sign_in("viewer")
    assert page.locator("a[href='/retention'], a[href='/tokens']").count() == 0
    for path, who in [("/retention", "auditor or admin or owner"), ("/tokens", "role owner")]:
        assert page.goto(reader.service.url + path).status == 403 and who in words(page)
    reader.faults.clear()


FORMS = [
    ("/retention/change", {"requests": "1", "audit": "1", "revision": "1"}),
    ("/retention/holds", {"log": "audit", "everything": "true", "reason": "x"}),
    ("/retention/clock", {"now": "2026-01-01T00:00:00"}),
    ("/retention/holds/hold_1/release", {}),
    ("/tokens", {"role": "owner"}),
    ("/tokens/tok_1/revoke", {}),
    ("/tokens/sessions/ses_1/end", {}),
]


@pytest.mark.parametrize(("path", "fields"), FORMS, ids=[path for path, _ in FORMS])
def test_a_forged_form_is_refused(reader, path, fields):
    page = reader.sign_in()
    csrf = page.get_attribute("input[name=csrf]", "value")
    before = [len(reader.service.get(each)["data"]) for each in ("/v1/holds", "/v1/tokens")]
    request = page.context.request
    for given, headers in [({}, {}), ({"csrf": "0" * 64}, {}), ({"csrf": csrf}, {"sec-fetch-site": "cross-site"}), ({"csrf": csrf}, {"origin": "https://evil.example"})]:
        answer = request.post(reader.service.url + path, form={**fields, **given}, headers=headers)
        assert answer.status == 403 and "refused this form" in answer.text(), (given, headers)
    assert [len(reader.service.get(each)["data"]) for each in ("/v1/holds", "/v1/tokens")] == before


def test_a_clock_that_did_not_leap_offers_nothing_and_a_wrong_time_is_refused(reader):
    page = reader.sign_in()
    reader.open("/retention")
    assert page.locator("form[action='/retention/clock']").count() == 0
    csrf = page.get_attribute("input[name=csrf]", "value")
    answer = page.context.request.post(f"{reader.service.url}/retention/clock", form={"csrf": csrf, "now": "2001-01-01T00:00:00"})
    assert answer.status == 409 and "more than an hour" in answer.text()
