"""The Models and Guardrails pages: every number is that of the records to which it leads."""

from __future__ import annotations

import re
import time

import pytest
from made_policy import DAY_US, Governed

SCRIPTS = [{"java_script_enabled": False}, {}]
NAMES = ["without script", "with script"]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    one = Governed(tmp_path_factory.mktemp("models"))
    yield one
    one.part.stop()


def words(page, selector: str = "main") -> str:
    return " ".join(page.inner_text(selector).split())


def leads_to(page, link, count: int):
    """Follows a link and compares the total of the log."""
    link.click()
    page.wait_for_url("**/logs?*")
    page.wait_for_selector(".totals")
    shown = int(re.match(r"([\d,]+) request", page.inner_text(".totals"))[1].replace(",", "")) if count else 0
    assert shown == count, page.url


@pytest.mark.parametrize("reader", SCRIPTS, ids=NAMES, indirect=True)
def test_models_show_targets_and_rates(reader):
    page = reader.sign_in("viewer")
    page.click("nav.menu a[href='/models']")
    page.wait_for_url("**/models")
    page.click("nav[aria-label=Range] >> text=7 d")
    page.wait_for_url("**/models?range=7d")
    row = page.locator("tr[data-row=chat]")
    text = " ".join(row.inner_text().split())
    assert "alpha/gpt-5 tier 1, weight 3" in text and "beta/gpt-5 tier 2, weight 1, team is search" in text
    mine = [one for one in reader.service.records + reader.service.hits if one["requested_model"] == "chat"]
    errors = sum(one["status"] == 503 for one in mine)
    failovers = sum(len(one["attempts"]) > 1 for one in mine)
    assert f" {len(mine)} " in text and f"{errors * 1000 // len(mine) / 10} %" in text
    links = row.locator("td.number a")
    assert links.nth(1).get_attribute("title") == f"{errors} of {len(mine)}"
    assert links.nth(2).get_attribute("title") == f"{failovers} of {len(mine)}"
    assert re.search(r"\d s$|\d ms$", row.locator("td").last.inner_text())
    leads_to(page, links.nth(1), errors)


@pytest.mark.parametrize("reader", SCRIPTS, ids=NAMES, indirect=True)
def test_a_model_shows_its_providers(reader):
    page = reader.sign_in("viewer")
    reader.open("/models?range=7d")
    page.click("tr[data-row=chat] th a")
    page.wait_for_url("**/models/chat?range=7d")
    mine = [one for one in reader.service.records + reader.service.hits if one["requested_model"] == "chat"]
    tried = sum(any(each["provider"] == "beta" for each in one["attempts"]) for one in mine)
    served = sum(one.get("served_by", {}).get("provider") == "beta" for one in mine)
    row = page.locator("tr", has=page.locator("th bdi:text-is('beta')"))
    cells = row.locator("td").all_inner_texts()
    assert [int(cell.split()[0]) for cell in cells[:2]] == [tried, served]
    leads_to(page, row.locator("a").nth(2), tried - served)


@pytest.mark.parametrize("reader", SCRIPTS, ids=NAMES, indirect=True)
def test_guardrails_show_hits_by_day_and_key(reader):
    page = reader.sign_in("viewer")
    page.click("nav.menu a[href='/guardrails']")
    page.wait_for_url("**/guardrails")
    row = page.locator("tr[data-row=pii]")
    assert "pii: email, card" in row.inner_text() and "mask" in row.inner_text() and "request, response" in row.inner_text()
    assert "monitor" in page.locator("tr[data-row=secrets]").inner_text()
    hits = reader.service.hits
    assert row.locator("td.number").inner_text().split()[0] == str(len(hits))
    row.locator("th a").click()
    page.wait_for_url("**/guardrails/pii?range=7d")
    today = time.strftime("%Y-%m-%d", time.gmtime())
    on_today = sum(one["started_at"] // DAY_US == time.time() * 1e6 // DAY_US for one in hits)
    day = page.locator("tr", has=page.locator(f"th:text-is('{today}')"))
    assert day.locator("td").inner_text().split()[0] == str(on_today)
    by_key = sum(one["caller"]["key_id"] == "search-bot" for one in hits)
    key = page.locator("tr", has=page.locator("th bdi:text-is('search-bot')"))
    leads_to(page, key.locator("td a"), by_key)


def test_wrong_addresses_are_refused_with_a_sentence(reader):
    page = reader.sign_in("viewer")
    for path, status in [("/models/gone", 404), ("/guardrails/gone", 404), ("/models?range=2y", 400), ("/guardrails?x=1", 400)]:
        answer = page.goto(reader.service.url + path)
        assert answer.status == status and page.locator("section.notice p").first.inner_text().endswith("."), path
    reader.faults.clear()


def test_the_keyboard_leads_there(reader):
    page = reader.sign_in("viewer")
    for key, path in [("m", "/models"), ("r", "/guardrails"), ("k", "/keys")]:
        page.keyboard.press("g")
        page.keyboard.press(key)
        page.wait_for_url(f"**{path}")
