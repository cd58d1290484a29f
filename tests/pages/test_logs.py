"""The Logs page: by mouse, by keyboard and without JavaScript."""

from __future__ import annotations

import contextlib
import re

import pytest
from conftest import Reader, Service
from playwright.sync_api import TimeoutError as Late

WITHOUT_SCRIPT = [{"java_script_enabled": False}, {}]
NAMES = ["without script", "with script"]


def total(page) -> int:
    return int(re.match(r"([\d,]+) request", page.inner_text(".totals"))[1].replace(",", ""))


@pytest.mark.parametrize("reader", WITHOUT_SCRIPT, ids=NAMES, indirect=True)
def test_search_and_facets_narrow_the_list(reader):
    page = reader.sign_in(at="/logs")
    assert total(page) == 200
    page.fill("#q", "team:search")
    page.press("#q", "Enter")
    page.wait_for_url("**q=team*search*")
    page.wait_for_selector(".chips")
    expected = sum(one["caller"]["team"] == "search" for one in reader.service.records)
    assert total(page) == expected == reader.service.get("/v1/requests?total=true&team=search")["total"]
    page.click(".facets a.value:has-text('refused')")
    page.wait_for_selector(".chips li:nth-child(2)")
    refused = sum(one["caller"]["team"] == "search" and one["status"] == 429 for one in reader.service.records)
    assert total(page) == refused
    assert page.locator("tr[data-row]").count() == min(refused, 25)
    page.click(".chips a.remove >> nth=0")
    page.wait_for_selector(".chips li:nth-child(2)", state="detached")
    assert total(page) == sum(one["status"] == 429 for one in reader.service.records)
    page.go_back()
    page.wait_for_selector(".chips li:nth-child(2)")
    assert total(page) == refused


@pytest.mark.parametrize("reader", WITHOUT_SCRIPT, ids=NAMES, indirect=True)
def test_a_row_opens_its_sheet(reader):
    page = reader.sign_in(at="/logs")
    page.goto(f"{reader.service.url}/logs?q=status:refused")
    page.click("tr[data-row] >> nth=1 >> a")
    page.wait_for_selector("aside.sheet")
    assert "Refused by Headgate at stage limits per-key: 61 of 60" in page.inner_text(".sentence")
    assert "row=" in page.url and "Not stored." in page.inner_text("aside.sheet")
    shared = page.url
    page.click("aside.sheet a[data-key=j]")
    page.wait_for_url(lambda url: url != shared)
    page.wait_for_selector("aside.sheet a[data-key=k]")
    page.click("aside.sheet a[data-key=Escape]")
    page.wait_for_selector("aside.sheet", state="detached")
    page.goto(shared)
    assert page.locator("aside.sheet").count() == 1


@pytest.mark.parametrize("reader", WITHOUT_SCRIPT, ids=NAMES, indirect=True)
def test_pages_of_rows_lead_on_and_back(reader):
    page = reader.sign_in(at="/logs")
    page.click("nav[aria-label='Rows of a page'] a:has-text('50')")
    page.wait_for_url("**size=50*")
    seen = []
    while True:
        seen += page.eval_on_selector_all("tr[data-row]", "rows => rows.map(row => row.dataset.row)")
        older = page.locator("a[rel=next]")
        if not older.count():
            break
        last = seen[-1]
        older.click()
        page.wait_for_selector(f"tr[data-row='{last}']", state="detached")
        # Without script the rows of a page arrive one after the other.
        page.wait_for_load_state()
    assert seen == [one["id"] for one in reversed(reader.service.records)]
    page.click("a[rel=prev]")
    page.wait_for_selector("a[rel=next]")
    # The choice is remembered.
    page.goto(f"{reader.service.url}/logs")
    assert page.locator("tr[data-row]").count() == 50


def test_keys_reach_everything(reader):
    page = reader.sign_in(at="/logs")
    page.keyboard.press("/")
    page.keyboard.type("status:error")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=status*error*")
    page.wait_for_selector(".chips")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("j")
    focused = page.evaluate("document.activeElement.closest('tr').dataset.row")
    rows = page.eval_on_selector_all("tr[data-row]", "rows => rows.map(row => row.dataset.row)")
    assert focused in rows[:2]
    page.keyboard.press("Enter")
    page.wait_for_selector("aside.sheet")
    opened = page.url
    page.keyboard.press("j")
    page.wait_for_url(lambda url: url != opened)
    page.keyboard.press("Escape")
    page.wait_for_selector("aside.sheet", state="detached")
    # The two keys belong together for a second, which a busy machine may take between them.
    for _ in range(5):
        page.keyboard.press("g")
        page.keyboard.press("a")
        with contextlib.suppress(Late):
            page.wait_for_url("**/audit", timeout=6_000)
            break
    page.wait_for_url("**/audit")


def test_a_drag_over_the_histogram_narrows_the_range(reader):
    page = reader.sign_in(at="/logs")
    box = page.locator(".bars svg").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.25, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, middle, steps=5)
    page.mouse.up()
    page.wait_for_url("**from=*to=*")
    page.wait_for_function("document.querySelector('.totals').innerText.match(/^\\d+ /) && !document.querySelector('.totals').innerText.startsWith('200 ')")
    start, end = (int(re.search(rf"{name}=(\d+)", page.url)[1]) for name in ("from", "to"))
    assert total(page) == sum(start <= one["started_at"] < end for one in reader.service.records)


def test_auto_reloads_and_survives_paging(reader):
    page = reader.sign_in(at="/logs")
    page.click("a.auto")
    page.wait_for_url("**auto=1*")
    with page.expect_response(lambda answer: "auto=1" in answer.url, timeout=15_000):
        pass
    page.click("a[rel=next]")
    page.wait_for_url("**after=*")
    assert "auto=1" in page.url


def test_an_unknown_term_is_named(reader):
    page = reader.sign_in(at="/logs")
    page.goto(f"{reader.service.url}/logs?q=modle:chat")
    assert "modle:chat" in page.inner_text("[role=alert]")
    page.goto(f"{reader.service.url}/logs?q=nothing-like-it+team:search")
    assert "No request matches." in page.inner_text("main")
    page.click("text=Search without nothing-like-it")
    page.wait_for_selector("tr[data-row]")


def test_times_are_in_the_readers_zone(reader):
    page = reader.sign_in(at="/logs")
    page.wait_for_function("document.querySelector('figcaption').innerText.includes('Europe/Berlin')")
    shown, stamp = page.eval_on_selector("tr[data-row] time", "time => [time.innerText, time.dateTime]")
    expected = page.evaluate("stamp => new Date(stamp).toLocaleTimeString('en-GB')", stamp)
    assert shown == expected


def test_an_export_is_what_is_filtered(reader):
    page = reader.sign_in(at="/logs")
    page.goto(f"{reader.service.url}/logs?q=team:search+-status:refused")
    page.click("details.export summary")
    with page.expect_download() as download:
        page.click("details.export a:has-text('NDJSON')")
    lines = open(download.value.path()).read().splitlines()
    assert len(lines) == total(page)


@pytest.mark.parametrize("reader", WITHOUT_SCRIPT, ids=NAMES, indirect=True)
def test_sources_and_columns_are_a_choice(reader):
    page = reader.sign_in()
    page.goto(f"{reader.service.url}/logs")
    page.click("nav[aria-label=Source] a:has-text('Playground')")
    page.wait_for_url("**source*playground*")
    page.wait_for_selector(".chips")
    expected = sum(one["caller"].get("source") == "playground" for one in reader.service.records)
    assert total(page) == expected == reader.service.get("/v1/requests?total=true&source=playground")["total"]
    page.click("nav[aria-label=Source] a:has-text('Virtual key')")
    page.wait_for_url("**source*key*")
    page.wait_for_function(f"document.querySelector('.totals').innerText.startsWith('{200 - expected} ')")
    page.click(".columns-choice summary")
    page.click(".columns-choice a:has-text('Team')")
    page.wait_for_selector("td.more")
    page.click(".columns-choice summary")
    page.click(".columns-choice a:has-text('Node')")
    page.wait_for_url("**columns=team.node*")
    page.wait_for_selector("th.more >> nth=1")
    # The choice is remembered, and a value leads to the records with it.
    page.goto(f"{reader.service.url}/logs")
    team = page.inner_text("td.more a >> nth=0")
    page.click("td.more a >> nth=0")
    page.wait_for_url(f"**team*{team}*")
    page.wait_for_selector(".chips")
    assert total(page) == sum(one["caller"]["team"] == team for one in reader.service.records)


def test_keys_filter_by_the_focused_value(reader):
    page = reader.sign_in()
    page.goto(f"{reader.service.url}/logs")
    page.focus("td.source a >> nth=0")
    key = page.inner_text("td.source a >> nth=0")
    page.keyboard.press("x")
    page.wait_for_selector(".chips")
    assert page.inner_text(".chips li").startswith(f"-key:{key}")
    page.focus("td.source a >> nth=0")
    other = page.inner_text("td.source a >> nth=0")
    assert other != key
    page.keyboard.press("f")
    page.wait_for_selector(".chips li:nth-child(2)")
    assert total(page) == sum(one["caller"]["key_id"] == other for one in reader.service.records)
    page.focus("td.request a >> nth=0")
    model = page.inner_text("td.request a >> nth=0")
    page.keyboard.press("f")
    page.wait_for_selector(".chips li:nth-child(3)")
    assert all(text == model for text in page.locator("td.request > a").all_inner_texts())


def test_search_completes_names_and_values(reader):
    page = reader.sign_in()
    page.goto(f"{reader.service.url}/logs")
    page.focus("#q")
    page.keyboard.type("tea")
    assert page.locator("#offers li").all_inner_texts() == ["team:"]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.input_value("#q") == "team:" and "/logs" in page.url
    page.keyboard.type("s")
    offered = page.locator("#offers li").all_inner_texts()
    assert sorted(offered) == ["team:search", "team:support"]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    assert page.input_value("#q") == f"{offered[0]} "
    page.keyboard.press("Enter")
    page.wait_for_selector(".chips")
    assert page.inner_text(".chips li").startswith(offered[0])


def test_live_shows_records_as_they_arrive(browser, tmp_path):
    # Its own collector: other tests count the records.
    own = Service(tmp_path)
    reader = Reader(own, browser.new_context())
    try:
        watch(reader)
    finally:
        reader.context.close()
        own.part.stop()
    assert reader.faults == []


def watch(reader):
    page = reader.sign_in()
    page.goto(f"{reader.service.url}/logs?q=node:live-node")
    assert page.inner_text(".empty h2") == "No request matches."
    page.keyboard.press("L")
    page.wait_for_selector("[data-live]")
    page.wait_for_timeout(500)
    one = {**reader.service.records[0], "node": "live-node", "boot": "live", "seq": 1, "id": "01890a5d-ac96-774b-bcce-b302099a8057"}
    batch = {"node": "live-node", "boot": "live", "dropped": 0, "records": [one]}
    reader.service.send("POST", "/v1/ingest/requests", "token-ingest", batch)
    page.wait_for_selector("tr[data-row]", timeout=10_000)
    assert total(page) == 1
    page.keyboard.press("L")
    page.wait_for_selector("[data-live]", state="detached")


@pytest.mark.parametrize("end", ["csv", "json", "ndjson"])
def test_the_address_of_a_page_has_formats(reader, end):
    page = reader.sign_in()
    shown = page.request.get(f"{reader.service.url}/logs.{end}?q=team:search status:refused")
    assert shown.status == 200 and f"/v1/requests.{end}?" in shown.url
    expected = sum(one["caller"]["team"] == "search" and one["status"] == 429 for one in reader.service.records)
    text = shown.text()
    found = len(shown.json()["data"]) if end == "json" else len(text.splitlines()) - (end == "csv")
    assert found == expected
    assert page.request.get(f"{reader.service.url}/audit.{end}?outcome=denied").status == 200
    assert page.request.get(f"{reader.service.url}/logs.{end}?q=modle:x").status == 400
