"""The Overview: each number is the API's and that of the page behind its link; an installation without a record waits for it."""

from __future__ import annotations

import random
import re
import sqlite3
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from conftest import Reader, Service
from made_records import beat, record

WITHOUT_SCRIPT = [{"java_script_enabled": False}, {}]
NAMES = ["without script", "with script"]


def figures(page) -> dict:
    """Returns each card's text, exact value and address by its title."""
    cards = page.locator(".cards-of-day li")
    found = {}
    for place in range(cards.count()):
        link = cards.nth(place).locator(".figure a")
        title = cards.nth(place).locator("h2").inner_text()
        found[title] = (link.inner_text(), link.get_attribute("title"), link.get_attribute("href"), cards.nth(place).locator("p.quiet").inner_text())
    return found


def span(url: str) -> str:
    bounds = parse_qs(urlsplit(url).query)
    return f"from={bounds['from'][0]}&to={bounds['to'][0]}"


@pytest.mark.parametrize("reader", WITHOUT_SCRIPT, ids=NAMES, indirect=True)
def test_each_number_is_that_of_the_page_behind_it(reader):
    page = reader.sign_in()
    found = figures(page)
    assert list(found) == ["Requests", "Errors", "Refused", "Cost", "First token, p95", "Duration, p95"]
    api = reader.service.get(f"/v1/requests?limit=1&totals=true&{span(found['Requests'][2])}")["totals"]
    assert found["Requests"][0] == str(api["requests"]) and api["requests"] > 50
    assert found["Errors"][1] == f"{api['error']} of {api['requests']}"
    assert found["Errors"][0] == f"{api['error'] * 1000 // api['requests'] / 10} %"
    assert found["Refused"][0] == str(api["refused"])
    assert found["Cost"][1] == f"${api['cost_nano_usd'] / 1e9:.9f}"
    usage = reader.service.get(f"/v1/usage?total=true&bucket=hour&limit=100&{span(found['Requests'][2])}")["total"]
    counts = {"Requests": api["requests"], "Errors": api["error"], "Refused": api["refused"], "Cost": api["requests"]}
    for title, count in counts.items():
        reader.open(found[title][2])
        assert page.inner_text(".totals").startswith(f"{count} request"), title
    assert page.locator(f".totals span[title='{found['Cost'][1]}']").count() == 1
    for title, name in (("First token, p95", "time_to_first_token_us"), ("Duration, p95", "duration_us")):
        shown = f"{usage[name]['p95'] / 1e6:.3f}"[:-1] + " s"
        assert found[title][0] == shown
        reader.open(found[title][2])
        assert shown in page.locator("tfoot td").all_inner_texts(), title


@pytest.mark.parametrize("reader", WITHOUT_SCRIPT, ids=NAMES, indirect=True)
def test_a_change_has_a_sign_and_a_word(reader):
    page = reader.sign_in()
    found = figures(page)
    start, end = (int(text) for text in re.findall(r"\d{10,}", span(found["Requests"][2])))
    counted = [sum(low <= one["started_at"] < high for one in reader.service.records) for low, high in ((start, end), (start - 86_400_000_000, start))]
    sign = {True: "▲", False: "▼"}[counted[0] > counted[1]] if counted[0] != counted[1] else "same as"
    assert found["Requests"][3].startswith(sign) and found["Requests"][3].endswith(f"({counted[1]})")
    assert all("the day before" in text for _, _, _, text in found.values())
    assert page.locator("svg.course").count() == 6


def test_what_needs_attention_is_named(reader):
    # It was heard just now, so it is not silent.
    reader.service.send("POST", "/v1/heartbeat", "token-ingest", beat())
    page = reader.sign_in()
    tile = page.inner_text(".tile >> nth=0")
    assert "100.0 % per-key" in tile and "85.0 % team-month" in tile
    assert "outdated gw-1" in tile, "it runs rev-1"
    assert "No record is missing." in tile and "revision 1" in tile
    page.click(".tile a:has-text('team-month')")
    page.wait_for_url("**/budgets?id=team-month")
    reader.open("/")
    page.click(".tile a:has-text('revision 1')")
    page.wait_for_url("**/policy/1")


def test_a_silent_proxy_and_damage_are_named(tmp_path, browser):
    one = Service(tmp_path)
    context = browser.new_context()
    try:
        reader = Reader(one, context)
        page = reader.sign_in()
        text = page.inner_text(".tile >> nth=0")
        assert "1 proxy reports" in text and "silent" not in text and "damage" not in text
        with sqlite3.connect(tmp_path / "data/headgate.db", timeout=20) as db:
            # It was heard two minutes ago, and the disk has changed two records.
            db.execute("UPDATE heartbeats SET received_at = received_at - 120000000")
            db.execute("UPDATE request_entries SET bytes = zeroblob(9) WHERE position IN (150, 190)")
        reader.open("/logs?size=50")
        page.wait_for_selector("text=damaged")
        for _ in range(20):
            reader.open("/")
            tile = " ".join(page.inner_text(".tile >> nth=0").split())
            if "damage" in tile:
                break
            page.wait_for_timeout(250)
        assert "0 proxies report" in tile and "silent gw-1 last heard 2" in tile
        assert "damage The disk changed 1 range of entries" in tile or "damage The disk changed 2 ranges of entries" in tile
        page.click(".tile a:has-text('The disk changed')")
        page.wait_for_url("**/gaps")
        assert "190" in page.inner_text("main")
        viewer = Reader(one, browser.new_context())
        viewer.sign_in("viewer")
        seen = viewer.page.inner_text(".tile >> nth=0")
        assert "silent" in seen and "damage" not in seen, "damage names positions of the audit log too"
        assert reader.faults + viewer.faults == []
        viewer.context.close()
    finally:
        context.close()
        one.part.stop()


def test_a_viewer_sees_no_change_of_the_policy(reader):
    page = reader.sign_in("viewer")
    assert "revision" not in page.inner_text("main")
    assert page.locator("a[href^='/audit']").count() == 0


def test_spenders_lead_to_their_records(reader):
    page = reader.sign_in()
    rows = page.locator(".tile tbody tr")
    links = [(rows.nth(at).locator("a").get_attribute("href"), rows.nth(at).locator("td").first.inner_text()) for at in range(rows.count())]
    assert len(links) == 6
    for url, requests in links:
        reader.open(url)
        assert page.inner_text(".totals").startswith(f"{requests} request")


def test_keys_lead_to_each_page(reader):
    page = reader.sign_in()
    for key, path in (("u", "/usage"), ("i", "/limits"), ("b", "/budgets"), ("l", "/logs"), ("o", "/")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        page.wait_for_url(f"{reader.service.url}{path}")
        page.wait_for_selector(f"nav.menu a[aria-current=page][data-go={key}]")


@pytest.mark.parametrize("reader", [{"viewport": {"width": 390, "height": 800}}, {"viewport": {"width": 390, "height": 800}, "java_script_enabled": False}], ids=["script", "no script"], indirect=True)
def test_the_menu_opens_on_a_phone(reader):
    page = reader.sign_in()
    assert not page.is_visible("nav.menu a >> text=Usage")
    page.click("button:has-text('Menu')")
    page.click("nav.menu a >> text=Usage")
    page.wait_for_url("**/usage")
    page.wait_for_selector("nav.menu a[aria-current=page][data-go=u]", state="attached")
    assert not page.is_visible("nav.menu a >> text=Usage"), "it is closed again"


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_the_first_record_turns_the_page(tmp_path, browser, script):
    one = Service(tmp_path, deliveries=[("/v1/heartbeat", beat())])
    context = browser.new_context(java_script_enabled=script)
    try:
        reader = Reader(one, context)
        page = reader.sign_in()
        text = page.inner_text("main")
        assert "Three steps" in text and "Waiting for the first record" in text
        assert "curl http://127.0.0.1:8080/v1/chat/completions" in text, "the policy in force says where it listens"
        assert "One proxy reports" in text
        viewer = reader.service.tokens["viewer"]
        assert viewer
        made = record(1, int(time.time() * 1e6), random.Random(1))
        one.send("POST", "/v1/ingest/requests", "token-ingest", {"node": "gw-1", "boot": "b", "dropped": 0, "records": [made]})
        page.wait_for_selector(".cards-of-day", timeout=15_000)
        assert figures(page)["Requests"][0] == "1"
        assert reader.faults == []
    finally:
        context.close()
        one.part.stop()
