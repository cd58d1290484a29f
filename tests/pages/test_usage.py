"""The Usage page: each number is the API's and that of the records behind its link."""

from __future__ import annotations

import csv
import io
import random
import re
import time
from urllib.parse import quote

import pytest
from conftest import Reader, Service
from made_records import record
from test_hostile import TEXTS

WITHOUT_SCRIPT = [{"java_script_enabled": False}, {}]
NAMES = ["without script", "with script"]


def number(text: str) -> int:
    return int(re.match(r"[\d,]+", text)[0].replace(",", ""))


def rows(page) -> dict:
    """Returns the cells of each row by its name: text, exact value and address by the column's title."""
    titles = page.eval_on_selector_all("table.cards thead th", "all => all.map(one => one.textContent)")
    script = """all => all.map(row => [row.cells[0].textContent.trim(),
      [...row.cells].slice(1).map(cell => [cell.textContent, cell.title, cell.querySelector('a')?.getAttribute('href') ?? null])])"""
    found = page.eval_on_selector_all("table.cards tbody tr, table.cards tfoot tr", script)
    return {name: dict(zip(titles[1:], cells, strict=True)) for name, cells in found}


def api_span(page) -> str:
    """Returns the period of the page as its own export has it."""
    url = page.get_attribute("details.export a >> nth=0", "href")
    return "&".join(re.findall(r"(?:from|to)=\d+", url))


@pytest.mark.parametrize("by", ["team", "key", "owner", "model", "served", "provider", "env", "surface", "status", "class", "revision"])
@pytest.mark.parametrize("reader", [WITHOUT_SCRIPT[0]], ids=NAMES[:1], indirect=True)
def test_each_row_counts_the_records_behind_it(reader, by):
    page = reader.sign_in()
    reader.open(f"/usage?range=7d&by={by}")
    found = rows(page)
    assert number(found["All"]["Requests"][0]) == 200
    assert sum(number(cells["Requests"][0]) for name, cells in found.items() if name != "All") == 200
    for name, cells in found.items():
        assert cells["Requests"][2], (name, "has a link")
        reader.open(cells["Requests"][2])
        assert number(page.inner_text(".totals")) == number(cells["Requests"][0]), (by, name)
        cost = page.get_attribute(".totals span >> nth=1", "title")
        assert cost == cells["Cost"][1], (by, name)
        if number(cells["≥ 400"][1]):
            reader.open(cells["≥ 400"][2])
            assert number(page.inner_text(".totals")) == number(cells["≥ 400"][1]), (by, name)


def test_sums_are_those_of_the_api_and_shares_add_up(reader):
    page = reader.sign_in()
    reader.open("/usage?range=7d&by=model&measure=tokens&compare=1")
    found = rows(page)
    api = reader.service.get(f"/v1/usage?{api_span(page)}&bucket=month&limit=100&group_by%5B%5D=requested_model")
    results = [one for bucket in api["data"] for one in bucket["results"]]
    for model in ("chat", "fast", "reason"):
        mine = [one for one in results if one["requested_model"] == model]
        for title, name in (("Input", "input_tokens"), ("Output", "output_tokens"), ("Cached", "cached_input_tokens"), ("Requests", "requests")):
            assert number(found[model][title][0]) == sum(one[name] for one in mine), (model, title)
        assert found[model]["Δ"][0] == "new"
    order = [number(cells["Input"][0]) + number(cells["Output"][0]) for name, cells in found.items() if name != "All"]
    assert order == sorted(order, reverse=True)
    shares = [float(cells["Share"][0].removesuffix(" %")) for name, cells in found.items() if name != "All"]
    assert 99.5 <= sum(shares) <= 100


def test_the_period_before_is_compared(reader):
    page = reader.sign_in()
    reader.open("/usage?range=24h&by=team&measure=requests&compare=1")
    found = rows(page)
    start, end = (int(text) for text in re.findall(r"\d{10,}", api_span(page)))
    for team in ("search", "support", "ops"):
        mine = [one["started_at"] for one in reader.service.records if one["caller"]["team"] == team]
        now, before = sum(start <= at < end for at in mine), sum(start - (end - start) <= at < start for at in mine)
        assert number(found[team]["Requests"][0]) == now
        change = abs(now - before) * 1000 // before / 10
        sign = "+" if now > before else "−"
        assert found[team]["Δ"][0] == (f"{sign}{change} %" if now != before else "±0 %")


@pytest.mark.parametrize("reader", WITHOUT_SCRIPT, ids=NAMES, indirect=True)
def test_a_bar_counts_the_records_behind_it(reader):
    page = reader.sign_in()
    reader.open("/usage?range=7d&by=team&measure=requests")
    script = "all => all.map(one => [one.getAttribute('aria-label'), one.getAttribute('href')])"
    bars = page.eval_on_selector_all("svg.plot a", script)
    assert sum(number(label.rsplit(" ", 1)[1]) for label, _ in bars) == 200
    for label, url in bars[:3] + bars[-3:]:
        reader.open(url)
        assert number(page.inner_text(".totals")) == number(label.rsplit(" ", 1)[1]), label


@pytest.mark.parametrize("reader", WITHOUT_SCRIPT, ids=NAMES, indirect=True)
def test_the_form_and_the_address_are_the_state(reader):
    page = reader.sign_in()
    page.click("nav.menu a >> text=Usage")
    page.wait_for_url("**/usage")
    page.select_option("select[name=by]", "provider")
    page.select_option("select[name=bucket]", "hour")
    page.select_option("select[name=measure]", "p95")
    page.fill("form.filters input[name=q]", "team:search -model:chat")
    page.check("input[name=compare]")
    page.press("form.filters input[name=q]", "Enter")
    page.wait_for_url("**by=provider*")
    # Thirty days of hours.
    page.wait_for_selector("[role=alert] >> text=bars are too many")
    page.click("text=Show bars that fit")
    page.wait_for_selector("th:has-text('Provider')")
    assert page.input_value("form.filters input[name=q]") == "team:search -model:chat" and page.is_checked("input[name=compare]")
    mine = [one for one in reader.service.records if one["caller"]["team"] == "search" and one["requested_model"] != "chat"]
    reader.open("/usage?q=team:search+-model:chat&range=7d&bucket=day&by=provider&measure=p95&tz=Asia/Tokyo")
    found = rows(page)
    assert number(found["All"]["Requests"][0]) == len(mine)
    total = reader.service.get(f"/v1/usage?{api_span(page)}&bucket=month&total=true&limit=9&team=search&requested_model%5Bnot%5D=chat")["total"]
    assert found["All"]["p95"][0].startswith(f"{total['duration_us']['p95'] / 1e6:.3f}"[:-1])
    # Requests that no provider served have no value, and a link all the same.
    reader.open(found["no value"]["Requests"][2])
    assert number(page.inner_text(".totals")) == number(found["no value"]["Requests"][0]) == sum("served_by" not in one for one in mine)


def test_keys_reach_the_form(reader):
    page = reader.sign_in(at="/usage")
    page.keyboard.press("/")
    page.keyboard.type("team:ops")
    page.keyboard.press("Tab")
    page.keyboard.type("Mod")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.focus("form.filters button")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=team*ops*")
    assert "by=model" in page.url
    page.wait_for_selector("th:has-text('Model')")
    assert number(rows(page)["All"]["Requests"][0]) == sum(one["caller"]["team"] == "ops" for one in reader.service.records)


def test_an_export_has_exactly_this_view(reader):
    page = reader.sign_in(at="/usage?q=team:search&range=7d&by=model&bucket=day")
    found = rows(page)
    page.click("details.export summary")
    with page.expect_download() as download:
        page.click("details.export a:has-text('CSV')")
    text = open(download.value.path(), newline="").read()
    lines = list(csv.DictReader(io.StringIO(text)))
    for model in ("chat", "fast", "reason"):
        mine = [line for line in lines if line["requested_model"] == model]
        assert sum(int(line["requests"]) for line in mine) == number(found[model]["Requests"][0])
        assert f"${sum(int(line['cost_nano_usd']) for line in mine) / 1e9:.9f}" == found[model]["Cost"][1]
    # The suffix answers the same.
    answer = reader.context.request.get(f"{reader.service.url}/usage.csv?q=team:search&range=7d&by=model&bucket=day&tz=Europe/Berlin")
    assert answer.text().splitlines()[0] == text.splitlines()[0] and len(answer.text().splitlines()) == len(text.splitlines())
    answer = reader.context.request.get(f"{reader.service.url}/usage.json?range=7d&by=model")
    assert answer.json()["object"] == "page"


def test_days_are_those_of_the_zone(reader):
    page = reader.sign_in()
    spans = set()
    for zone in ("UTC", "Asia/Tokyo"):
        reader.open(f"/usage?range=7d&tz={zone}")
        assert zone in page.inner_text("figcaption")
        spans.add(re.search(r"from=(\d+)", api_span(page))[1])
        assert re.match(r"\w+ \d+, 00:00", page.inner_text("figcaption time >> nth=0"))
    assert len(spans) == 2


def test_what_cannot_be_counted_is_named(reader):
    page = reader.sign_in()
    for query, text in (
        ("q=node:gw-1", "node:gw-1"),
        ("q=status:error", "status:4xx"),
        ("q=chat", "alone"),
        ("q=modle:x", "modle:x"),
        ("q=status:20", "three digits"),
        ("range=12mo&bucket=hour", "too many for a page"),
    ):
        reader.open(f"/usage?{query}")
        assert text in page.inner_text("[role=alert]"), query
    reader.open("/usage?q=team:nobody")
    assert "Nothing was used" in page.inner_text("main")
    page.click("text=Show the usage without the search")
    page.wait_for_selector("table.cards")
    answer = page.goto(f"{reader.service.url}/usage?by=node")
    assert answer.status == 400 and "by must be one of team" in page.inner_text("main")
    reader.faults.clear()


def test_other_is_the_rest_of_many_groups(tmp_path, browser):
    one = Service(tmp_path, deliveries=[])
    now = int(time.time() * 1e6)
    made = []
    for at in range(60):
        each = record(at + 1, now - at * 60_000_000 - 1_000_000, random.Random(at))
        # Twelve teams, the first with the most requests.
        each["caller"]["team"] = f"team-{min(at % 12, at % 7):02d}" if at < 36 else f"team-{at % 12:02d}"
        made.append(each)
    one.send("POST", "/v1/ingest/requests", "token-ingest", {"node": "gw-1", "boot": "b", "dropped": 0, "records": made})
    context = browser.new_context()
    try:
        reader = Reader(one, context)
        page = reader.sign_in()
        reader.open("/usage?range=7d&measure=requests&bucket=week")
        found = rows(page)
        assert len(found) == 13 and "other" in page.inner_text(".legend")
        others = page.locator("svg.plot a[aria-label*=': other ']")
        label, url = others.first.get_attribute("aria-label"), others.first.get_attribute("href")
        first = list(found)[:8]
        reader.open(url)
        assert number(page.inner_text(".totals")) == number(label.rsplit(" ", 1)[1])
        assert all(team not in page.inner_text("section.list") for team in first)
        assert reader.faults == []
    finally:
        context.close()
        one.part.stop()


def test_hostile_names_stay_texts(tmp_path, browser):
    one = Service(tmp_path, deliveries=[])
    now = int(time.time() * 1e6)
    made = []
    for at, text in enumerate(TEXTS, 1):
        each = {**record(at, now - at * 1_000_000, random.Random(1)), "requested_model": text, "config_revision": text}
        each["caller"] = {"key_id": text, "owner": text, "team": text, "project": text}
        made.append(each)
    stored = one.send("POST", "/v1/ingest/requests", "token-ingest", {"node": "gw-1", "boot": "b", "dropped": 0, "records": made})["stored"]
    assert stored >= 5
    context = browser.new_context()
    try:
        reader = Reader(one, context)
        page = reader.sign_in()
        scripts = page.evaluate("document.scripts.length")
        for path in ("/", *(f"/usage?range=24h&by={by}&measure=requests" for by in ("team", "key", "model", "revision")), f"/usage?q={quote('team:' + TEXTS[0])}"):
            reader.open(path)
            assert page.evaluate("[document.scripts.length, window.hit]") == [scripts, None], path
        reader.open("/usage?range=24h&by=team&measure=requests")
        found = rows(page)
        assert len(found) == stored + 1
        for name, cells in found.items():
            reader.open(cells["Requests"][2])
            assert number(page.inner_text(".totals")) == number(cells["Requests"][0]), name
        assert reader.faults == []
    finally:
        context.close()
        one.part.stop()
