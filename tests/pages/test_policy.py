"""The Policy pages: revisions, the workers that run them, and what each one changed."""

from __future__ import annotations

import pytest
from conftest import Reader
from made_policy import Governed

SCRIPTS = [{"java_script_enabled": False}, {}]
NAMES = ["without script", "with script"]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    one = Governed(tmp_path_factory.mktemp("policy"))
    yield one
    one.part.stop()


def words(page, selector: str = "main") -> str:
    return " ".join(page.inner_text(selector).split())


@pytest.mark.parametrize("reader", SCRIPTS, ids=NAMES, indirect=True)
def test_revisions_say_who_when_what_and_where(reader):
    page = reader.sign_in("auditor")
    page.click("nav.menu a[href='/policy']")
    page.wait_for_url("**/policy")
    rows = page.locator("tbody tr")
    assert rows.count() == 3
    newest = " ".join(rows.nth(0).inner_text().split())
    # Against the first: one key changed, one came, one went; a guardrail changed.
    assert "Revision 3" in newest and "in force" in newest and "+1 added ~2 changed −1 removed" in newest and "1/3" in newest
    assert "1/3" in rows.nth(1).inner_text() and "0/3" in rows.nth(2).inner_text()
    text = words(page)
    assert "2 of 3 live workers do not run the revision in force" in text and "a policy that was never put here, rev-1" in text and "gw-1 w-old runs revision 2" in text
    counts = reader.service.get("/v1/policy/3/diff")["counts"]
    assert counts == {"created": 1, "updated": 2, "deleted": 1}
    page.click("tbody tr >> nth=0 >> text=Requests")
    page.wait_for_url("**/logs?q=revision*")


@pytest.mark.parametrize("reader", SCRIPTS, ids=NAMES, indirect=True)
def test_a_revision_shows_before_and_after_and_masks_secrets(reader):
    page = reader.sign_in("auditor")
    reader.open("/policy")
    page.click("text=Revision 3")
    page.wait_for_url("**/policy/3")
    changed = page.locator("details.resource", has_text="search-bot")
    text = " ".join(changed.inner_text().split())
    assert "changed key search-bot" in text and "owner ann anna" in text and "sha256 masked masked" in text
    assert page.locator("details.resource", has_text="ops/bot:1").locator(".chip").inner_text() == "removed"
    assert "aa" * 32 not in page.content() and "dd" * 32 not in page.content()
    assert page.locator("a", has_text="gateway.yaml as written").count() == 0, "an auditor may not read it"
    page.fill("input[name=from]", "1")
    page.click("button:has-text('Compare')")
    page.wait_for_url("**/policy/3/diff?from=1")
    assert "Compared with revision 1" in words(page) and "added guardrail pii" in words(page)
    page.click("p.actions >> text=Audit")
    page.wait_for_url("**/audit?revision=3")
    assert page.locator("tr[data-row]").count() == 5, "four resources, and the revision itself"


def test_an_admin_sees_the_file_as_written(reader):
    page = reader.sign_in("admin")
    reader.open("/policy/2")
    link = page.locator("a", has_text="gateway.yaml as written")
    answer = page.context.request.get(reader.service.url + link.get_attribute("href"))
    assert answer.status == 200 and "aa" * 32 in answer.text()


def test_keys_of_the_keyboard_lead_here(reader):
    page = reader.sign_in("auditor")
    page.keyboard.press("g")
    page.keyboard.press("p")
    page.wait_for_url("**/policy")


@pytest.mark.parametrize("path", ["/policy/99", "/policy/x", "/policy/3/diff?from=99", "/policy?nope=1", "/policy/3?nope=1"])
def test_wrong_addresses_are_refused_with_a_sentence(reader, path):
    page = reader.sign_in("auditor")
    answer = page.goto(reader.service.url + path)
    assert answer.status in (400, 404) and page.locator("section.notice p").first.inner_text().endswith(".")
    reader.faults.clear()


def test_a_viewer_sees_no_link_and_is_told_who_may(reader):
    page = reader.sign_in("viewer")
    assert page.locator("a[href='/policy']").count() == 0
    answer = page.goto(f"{reader.service.url}/policy/1")
    assert answer.status == 403 and "auditor or admin or owner" in words(page)
    reader.faults.clear()


def test_without_a_policy_the_page_says_how_to_begin(browser, tmp_path):
    from conftest import Service

    class Empty(Service):
        def send(self, method, path, *more):
            return None if (method, path) == ("PUT", "/v1/policy") else super().send(method, path, *more)

    empty = Empty(tmp_path)
    context = browser.new_context()
    reader = Reader(empty, context)
    page = reader.sign_in()
    for path in ("/policy", "/keys", "/models", "/guardrails"):
        reader.open(path)
        assert "headgate apply" in words(page), path
    assert reader.faults == []
    context.close()
    empty.part.stop()
