"""The pages of limits and budgets: the same counts as the API, the fullest first."""

from __future__ import annotations

import re
import time

import pytest
from conftest import Reader, Service
from made_records import counts_report
from test_hostile import TEXTS

WITHOUT_SCRIPT = [{"java_script_enabled": False}, {}]
NAMES = ["without script", "with script"]


def names(page) -> list[str]:
    return page.eval_on_selector_all("table.counts tbody tr", "all => all.map(row => row.querySelector('.subject').textContent)")


@pytest.mark.parametrize("path", ["/limits", "/budgets"])
@pytest.mark.parametrize("reader", WITHOUT_SCRIPT, ids=NAMES, indirect=True)
def test_rows_are_those_of_the_api(reader, path):
    page = reader.sign_in("viewer", at=path)
    rows = page.locator("table.counts tbody tr")
    found = reader.service.get(f"/v1{path}")["data"]
    assert rows.count() == len(found) == 3
    for place, count in enumerate(found):
        text = rows.nth(place).inner_text()
        (subject,) = count["subject"].values()
        assert count["id"] in text and subject in text and f"{count['percent']:.1f} %" in text
        assert ("close" in text or "reached" in text) == count["close"], text
        meter = rows.nth(place).locator("svg.meter")
        used = count["used"] * 1000 // count["max"]
        drawn = meter.locator(".used").get_attribute("width")
        assert int(drawn) == used, text
        assert meter.locator(".warn").count() == len(count["rule"]["warn_at"])
        if count["meter"].startswith("nano_usd"):
            assert f"${count['used'] / 1e9:.2f} used" in text
    assert rows.nth(0).locator("svg.meter").get_attribute("class") != rows.nth(2).locator("svg.meter").get_attribute("class")


def test_reservations_are_drawn_as_long_as_they_last(tmp_path, browser):
    report = counts_report(int(time.time()))
    one = Service(tmp_path, deliveries=[("/v1/limits/sync", report)])
    context = browser.new_context()
    try:
        reader = Reader(one, context)
        page = reader.sign_in(at="/budgets")
        # The proxy reports again, because a reservation ends with the silence of its proxy.
        one.send("POST", "/v1/limits/sync", "token-ingest", {**report, "seq": 2, "whole": False, "rows": [{**row, "used": 0} for row in report["rows"]]})
        page.reload()
        row = page.locator("tr:has-text('search')")
        assert "$4.25 used · $0.10 reserved of $5.00" in row.inner_text()
        assert row.locator(".reserved").get_attribute("width") == "20"
    finally:
        context.close()
        one.part.stop()


@pytest.mark.parametrize("reader", WITHOUT_SCRIPT, ids=NAMES, indirect=True)
def test_filters_are_in_the_address(reader):
    page = reader.sign_in(at="/budgets")
    page.fill("input[name=subject]", "search")
    page.press("input[name=subject]", "Enter")
    page.wait_for_url("**subject=search*")
    page.wait_for_selector("tr:has-text('support')", state="detached")
    assert names(page) == ["team search"]
    page.click("nav[aria-label='Used at least'] a:has-text('Reached')")
    page.wait_for_url("**min_percent=100*")
    page.wait_for_selector("text=Nothing matches.")
    page.click("text=Show all")
    page.wait_for_url("**/budgets")
    page.wait_for_selector("table.counts")
    page.click("nav[aria-label='Used at least'] a:has-text('80 %')")
    page.wait_for_url("**min_percent=80*")
    page.wait_for_selector("tr:has-text('support')", state="detached")
    assert names(page) == ["team search"]


def test_a_wrong_filter_keeps_the_form(reader):
    page = reader.sign_in()
    reader.open("/limits?meter=miles%2Fhour")
    assert "requests/minute" in page.inner_text("[role=alert]")
    assert page.input_value("input[name=meter]") == "miles/hour"
    answer = page.goto(f"{reader.service.url}/limits?window=all")
    assert answer.status == 400 and "of budgets alone" in page.inner_text("main")
    reader.faults.clear()


def test_a_forecast_is_linear(reader):
    page = reader.sign_in(at="/budgets")
    rows = page.locator("table.counts tbody tr")
    # 4.25 of 5 dollars in 20 days: the rest is used 3.53 days later.
    day = time.strftime("%-d %b %Y", time.gmtime(time.time() + 3.53 * 86_400 + 3_600))
    assert f"reached on {day}" in rows.nth(0).inner_text()
    assert "not in this period" in rows.nth(1).inner_text() and "about $1.50 at its end" in rows.nth(1).inner_text()
    assert "linear" in page.inner_text("main")


def test_a_rule_leads_to_its_decisions(reader):
    page = reader.sign_in(at="/limits")
    page.click("tr:has-text('support-bot') th a")
    page.wait_for_url("**/logs?q=policy*")
    page.wait_for_selector(".totals")
    bounds = {name: int(re.search(rf"{name}=(\d+)", page.url)[1]) for name in ("from", "to")}
    mine = [
        one for one in reader.service.records
        if one["caller"]["key_id"] == "support-bot" and bounds["from"] <= one["started_at"] < bounds["to"]
        and any(decision["policy_id"] == "per-key" for decision in one["decisions"])
    ]  # fmt: skip
    assert page.inner_text(".totals").startswith(f"{len(mine)} request")
    answer = reader.context.request.get(f"{reader.service.url}/limits.json?subject=ops-bot")
    assert [one["subject"] for one in answer.json()["data"]] == [{"key": "ops-bot"}]


def test_auto_reloads(reader):
    page = reader.sign_in(at="/limits")
    page.click("a.auto")
    page.wait_for_url("**auto=1*")
    with page.expect_response(lambda answer: "auto=1" in answer.url, timeout=15_000):
        pass


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """A collector with 120 subjects of a budget, some with hostile names, and a past window."""
    report = counts_report(int(time.time()), teams=[])
    start, end = int(time.time()) - 20 * 86_400, int(time.time()) + 10 * 86_400
    month = {"rule": "team-month", "meter": "nano_usd/month", "start": start, "end": end, "max": 5_000_000_000, "open": 0}
    subjects = [*TEXTS, *(f"team-{number:03d}" for number in range(120 - len(TEXTS)))]
    # The hostile names are the last of the list.
    report["rows"] = [{**month, "subject": [name], "used": 40_000_000 * place + 1} for place, name in enumerate(subjects)]
    past = {**month, "start": start - 30 * 86_400, "end": start, "subject": ["team-001"], "used": 77_000_000}
    later = {**report, "seq": 2, "whole": False, "rows": [{**past, "late": True}]}
    one = Service(tmp_path_factory.mktemp("crowd"), deliveries=[("/v1/limits/sync", report), ("/v1/limits/sync", later)])
    one.subjects = subjects
    yield one
    one.part.stop()


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_pages_lead_through_all_subjects(crowd, browser, script):
    context = browser.new_context(java_script_enabled=script)
    reader = Reader(crowd, context)
    page = reader.sign_in(at="/budgets")
    seen = names(page)
    while page.locator("a[rel=next]").count():
        last = seen[-1]
        page.click("a[rel=next]")
        page.wait_for_selector(f"tr:has-text('{last}')", state="detached")
        seen += names(page)
    assert seen == [f"team {name}" for name in reversed(crowd.subjects)]
    assert reader.faults == []
    context.close()


def test_hostile_subjects_stay_texts(crowd, browser):
    context = browser.new_context()
    reader = Reader(crowd, context)
    page = reader.sign_in()
    scripts = page.evaluate("document.scripts.length")
    for text in TEXTS:
        page.goto(f"{crowd.url}/budgets")
        page.fill("input[name=subject]", text)
        page.press("input[name=subject]", "Enter")
        page.wait_for_url("**subject=*")
        page.wait_for_selector("tr")
        page.goto(page.url)
        assert names(page) == [f"team {text}"]
        assert page.evaluate("[document.scripts.length, window.hit]") == [scripts, None]
        page.click("table.counts th a")
        page.wait_for_url("**/logs?q=policy*")
        assert page.evaluate("[document.scripts.length, window.hit]") == [scripts, None]
    assert reader.faults == []
    context.close()


def test_past_windows_are_shown_on_demand(crowd, browser):
    context = browser.new_context()
    reader = Reader(crowd, context)
    page = reader.sign_in()
    reader.open("/budgets?subject=team-001")
    assert page.locator("table.counts tbody tr").count() == 1
    page.click("text=With past ones")
    page.wait_for_url("**window=all*")
    page.wait_for_selector("table.counts tbody tr >> nth=1")
    assert len(crowd.get("/v1/budgets?subject=team-001&window=all")["data"]) == page.locator("table.counts tbody tr").count() == 2
    assert "over" in page.inner_text("tr:has-text('$0.08 used')")
    context.close()


def test_without_a_count_the_page_says_how_to_get_one(tmp_path, browser):
    one = Service(tmp_path, deliveries=[])
    context = browser.new_context()
    try:
        reader = Reader(one, context)
        page = reader.sign_in(at="/limits")
        assert "Nothing is counted yet." in page.inner_text("main") and "limits:" in page.inner_text("main")
        reader.open("/budgets")
        assert "budgets:" in page.inner_text("main")
        assert reader.faults == []
    finally:
        context.close()
        one.part.stop()
