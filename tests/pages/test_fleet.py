"""The pages about the proxies: a gap and a worker are where the API has them, and lead to the log around them."""

from __future__ import annotations

import random
import time

import pytest
from conftest import Reader, Service
from made_records import record


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    one = Service(tmp_path_factory.mktemp("fleet"))
    now = int(time.time() * 1e6)
    # Number 2 is missing.
    made = [{**record(number, now - 60_000_000 + number, random.Random(1)), "node": "gw-2", "boot": "c"} for number in (1, 3)]
    made = [{**each, "id": each["id"][:-4] + "beef"} if each["seq"] == 3 else each for each in made]
    one.send("POST", "/v1/ingest/requests", "token-ingest", {"node": "gw-2", "boot": "c", "dropped": 1, "records": made})
    beat = {
        "node": "gw-2", "boot": "c", "version": "0.2.0", "config_revision": "rev-0", "uptime_s": 90, "queued": 1, "dropped": 1, "last_seq": 3,
    }  # fmt: skip
    one.send("POST", "/v1/heartbeat", "token-ingest", beat)
    yield one
    one.part.stop()


def test_gaps_and_data_planes_are_shown(fleet, browser):
    context = browser.new_context()
    reader = Reader(fleet, context)
    page = reader.sign_in("viewer")
    assert page.inner_text("header .chip") == "1 missing"
    page.click("header .chip")
    page.wait_for_url("**/gaps")
    gap = fleet.get("/v1/gaps")["data"][0]
    row = page.inner_text("tbody tr")
    assert gap["node"] in row and gap["boot"] in row and "missing" in row
    assert "gw-2 c: 1" in " ".join(page.inner_text("main").split())
    page.click("tbody tr a")
    page.wait_for_url("**/logs?q=node*")
    assert page.locator("tr[data-row]").count() == 2
    page.click("text=Data planes")
    page.wait_for_url("**/dataplanes")
    text = page.inner_text("main")
    assert "gw-2" in text and "live" in text and "not the policy in force" in text
    assert reader.faults == []
    context.close()


def test_the_addresses_answer_data(fleet, browser):
    context = browser.new_context()
    reader = Reader(fleet, context)
    page = reader.sign_in("viewer")
    for path in ("/gaps", "/dataplanes"):
        answer = page.request.get(f"{fleet.url}{path}.json")
        assert answer.status == 200 and "/v1/" in answer.url
        assert answer.json()["data"] == fleet.get(f"/v1{path}")["data"], path
    assert page.request.get(f"{fleet.url}/gaps.json?node=nobody").json()["data"] == []
    context.close()
