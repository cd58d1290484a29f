"""The Keys pages, and the draft of a new key that never leaves the browser."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess

import pytest
from gateway import BIN
from made_policy import SECOND, Governed

SCRIPTS = [{"java_script_enabled": False}, {}]
NAMES = ["without script", "with script"]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    one = Governed(tmp_path_factory.mktemp("keys"))
    yield one
    one.part.stop()


def words(page, selector: str = "main") -> str:
    return " ".join(page.inner_text(selector).split())


@pytest.mark.parametrize("reader", SCRIPTS, ids=NAMES, indirect=True)
def test_keys_show_their_use_and_lead_to_it(reader):
    page = reader.sign_in("viewer")
    page.click("nav.menu a[href='/keys']")
    page.wait_for_url("**/keys")
    row = page.locator("tr[data-row='search-bot']")
    counts = reader.service.get("/v1/requests?totals=true&key_id=search-bot&limit=1")["totals"]
    text = " ".join(row.inner_text().split())
    assert "anna" in text and "chat, fast" in text and "active" in text
    assert f" {counts['requests']} " in text and "ago" in text
    assert row.locator("td[title]").last.get_attribute("title") == f"${counts['cost_nano_usd'] / 1e9:.9f}"
    assert "expired" in page.locator("tr[data-row='support-bot']").inner_text()
    assert "not in 30 days" in page.locator("tr[data-row='new-bot']").inner_text()
    row.locator("td a").click()
    page.wait_for_url("**/logs?q=key*search-bot*range=30d")
    assert f"{counts['requests']} requests" in words(page, ".totals")


@pytest.mark.parametrize("reader", SCRIPTS, ids=NAMES, indirect=True)
def test_a_key_shows_the_rules_that_apply(reader):
    page = reader.sign_in("viewer")
    reader.open("/keys")
    page.click("text=search-bot")
    page.wait_for_url("**/keys/search-bot")
    rules = page.locator("table.list tbody th").all_inner_texts()
    assert [rule.split()[0] for rule in rules] == ["per-key", "assistant-month"]
    assert "60/min requests" in words(page) and "$500 per month" in words(page) and "assistant" in words(page)
    assert page.locator("a", has_text="Changes of this key").count() == 0, "a viewer may not read the audit log"
    assert "dd" * 32 not in page.content() and "sha256" not in page.inner_text("table.list")


def test_an_auditor_goes_on_to_the_changes_of_a_key(reader):
    page = reader.sign_in("auditor")
    reader.open("/keys/search-bot")
    page.click("text=Changes of this key")
    page.wait_for_url("**/audit?resource=search-bot")
    events = page.locator("tr[data-row] td.request").all_inner_texts()
    assert "key.updated" in events and "key.created" in events


@pytest.mark.parametrize("reader", SCRIPTS, ids=NAMES, indirect=True)
def test_keys_are_searched_by_id_owner_and_team(reader):
    page = reader.sign_in("viewer")
    reader.open("/keys")
    page.fill("main input[type=search]", "SEARCH")
    page.press("main input[type=search]", "Enter")
    page.wait_for_url("**/keys?q=SEARCH")
    assert page.locator("tbody tr").count() == 2 and "2 keys of 3" in words(page)
    reader.open("/keys?q=nobody")
    assert "No key matches." in words(page)
    answer = page.goto(f"{reader.service.url}/keys/gone")
    assert answer.status == 404 and "search key:ID" in words(page)
    reader.faults.clear()


def test_a_new_key_is_made_in_the_browser_alone(reader, tmp_path):
    page = reader.sign_in("viewer")
    reader.open("/keys")
    sent = []
    # The browser may fetch the icon at any time.
    page.on("request", lambda request: "/assets/icon" in request.url or sent.append((request.url, request.post_data)))
    page.click("text=New key")
    page.fill("#draft-id", "laptop-7")
    page.fill("#draft-owner", 'Ann "A" O\'Neil: #1')
    page.select_option("#draft-team", "search")
    page.fill("#draft-expires", "2030-01-31")
    page.check("input[value=fast]")
    page.click("text=Make the key")
    page.wait_for_selector("#draft-made:visible")
    key, entry = page.inner_text("#draft-key"), page.inner_text("#draft-entry")
    assert re.fullmatch(r"hg-[A-Za-z0-9_-]{43}", key)
    assert hashlib.sha256(key.encode()).hexdigest() in entry and key not in entry
    # A browser may fetch the icon late; nothing else is sent.
    assert all("/assets/" in url and data is None for url, data in sent) and "laptop-7" not in page.url
    # The command reads the entry as its own.
    policy = json.dumps({name: value for name, value in SECOND.items() if name != "keys"})
    path = tmp_path / "gateway.yaml"
    path.write_text(f"{policy[:-1]}, \"keys\": [{entry.removeprefix('- ')}]}}")
    checked = subprocess.run([BIN / "headgate", "check", str(path)], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    page.click("text=Make the key")
    page.wait_for_function("key => document.querySelector('#draft-key').textContent !== key", arg=key)
    page.reload()
    assert page.inner_text("#draft-key") == ""
    # After a boosted way to the page as well.
    page.click("nav.menu a[href='/models']")
    page.wait_for_url("**/models")
    page.click("nav.menu a[href='/keys']")
    page.wait_for_url("**/keys")
    page.click("text=New key")
    page.wait_for_selector("#draft-id:visible")


def test_a_wrong_id_makes_no_key(reader):
    page = reader.sign_in("viewer")
    reader.open("/keys")
    page.click("text=New key")
    page.fill("#draft-id", "two words")
    page.click("text=Make the key")
    assert not page.is_visible("#draft-made")


@pytest.mark.parametrize("reader", SCRIPTS[:1], ids=NAMES[:1], indirect=True)
def test_without_script_the_page_names_the_command(reader):
    page = reader.sign_in("viewer")
    reader.open("/keys")
    page.click("text=New key")
    assert "headgate keys new" in words(page) and not page.is_visible("#draft-id")
