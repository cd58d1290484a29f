"""Tokens and sessions: made and shown once, revoked after a question, ended."""

from __future__ import annotations

import re
import urllib.error

import pytest
from conftest import Reader, Service

SCRIPTS = [{"java_script_enabled": False}, {}]
NAMES = ["without script", "with script"]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    one = Service(tmp_path_factory.mktemp("tokens"))
    yield one
    one.part.stop()


def words(page, selector: str = "main") -> str:
    return " ".join(page.inner_text(selector).split())


@pytest.mark.parametrize("reader", SCRIPTS, ids=NAMES, indirect=True)
def test_a_token_is_made_shown_once_and_revoked(reader):
    page = reader.sign_in()
    page.click("nav.menu a[href='/tokens']")
    page.wait_for_url("**/tokens")
    page.click("text=New token")
    page.select_option("select[name=role]", "auditor")
    page.fill("input[name=name]", "<b>Ann</b>")
    page.fill("input[name=expires_at]", "2001-01-01T00:00")
    page.click("text=Make the token")
    page.wait_for_selector("[role=alert]")
    assert "is over already" in page.inner_text("[role=alert]") and page.input_value("input[name=name]") == "<b>Ann</b>"
    page.fill("input[name=expires_at]", "2099-01-01T00:00")
    with page.expect_response(lambda answer: answer.request.method == "POST") as posted:
        page.click("text=Make the token")
    assert posted.value.status == 201 and posted.value.headers["cache-control"] == "no-store"
    page.wait_for_selector("#token-text")
    token = page.inner_text("#token-text")
    assert re.fullmatch(r"hgc_[0-9a-f]{64}", token) and token not in page.url
    assert reader.service.send("GET", "/v1/audit?limit=1", token)["object"] == "list", "it works"
    page.click("text=Done, to the tokens")
    # The answer of the form has the same address.
    page.wait_for_selector("#token-text", state="detached")
    page.wait_for_url("**/tokens")
    assert token not in page.content()
    made = next(one for one in reader.service.get("/v1/tokens")["data"] if one["name"] == "<b>Ann</b>" and not one["revoked_at"])
    row = page.locator(f"tr[data-token={made['id']}]")
    assert "<b>Ann</b>" in row.inner_text() and "until 2099-01-01" in row.inner_text()
    row.locator("a").click()
    page.wait_for_url(f"**/tokens/{made['id']}/revoke")
    assert "cannot be made valid again" in words(page)
    page.click("button:has-text('Revoke the token')")
    page.wait_for_url("**/tokens?done=revoked")
    with pytest.raises(urllib.error.HTTPError):
        reader.service.send("GET", "/v1/audit?limit=1", token)
    assert "revoked" in page.locator(f"tr[data-token={made['id']}]").inner_text()
    reader.faults.clear()


@pytest.mark.parametrize("reader", SCRIPTS, ids=NAMES, indirect=True)
def test_a_session_is_ended(reader, browser):
    other_context = browser.new_context()
    other = Reader(reader.service, other_context)
    other.sign_in("viewer")
    page = reader.sign_in()
    reader.open("/tokens")
    assert page.locator("tr[data-session]", has_text="this one").count() == 1
    viewer = next(one for one in reader.service.get("/v1/tokens")["data"] if one["role"] == "viewer")
    rows = page.locator("tr[data-session]", has_text=viewer["id"])
    rows.first.locator("button").click()
    page.wait_for_url("**/tokens?done=ended")
    assert "The session was ended." in words(page) and rows.count() == 0
    assert "/login" in other.open("/logs").url
    other_context.close()


def test_the_last_owner_stays(reader):
    # The owner of these tests is a token of the environment, so an owner of the store is never the last.
    page = reader.sign_in()
    answer = page.goto(f"{reader.service.url}/tokens/tok_gone/revoke")
    assert answer.status == 404 and "No token has this id." in words(page)
    reader.faults.clear()


def test_an_admin_may_not_open_the_page(reader):
    page = reader.sign_in("admin")
    assert page.locator("a[href='/tokens']").count() == 0
    assert page.goto(f"{reader.service.url}/tokens").status == 403
    reader.faults.clear()
