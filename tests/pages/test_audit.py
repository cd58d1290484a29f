"""The Audit page: filters, search, pages and exports."""

from __future__ import annotations

import pytest

WITHOUT_SCRIPT = [{"java_script_enabled": False}, {}]
NAMES = ["without script", "with script"]


def entries(service) -> list[dict]:
    """Returns sixty entries of another system."""
    actors = [{"id": "ann", "kind": "user", "name": "Ann", "address": "192.0.2.7"}, {"id": "svc-9", "kind": "service"}]
    return [
        {
            "id": f"01890a5d-ac96-774b-bcce-{number:012x}", "type": "badge.printed", "time": 1_767_225_600_000_000 + number,
            "actor": actors[number % 2], "operation": "create", "resource": {"kind": "badge", "id": f"badge-{number}", "name": "Visitor"},
            "outcome": ["success", "denied", "failure"][number % 3], "source": "door", "changes": [],
        }
        for number in range(60)
    ]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def delivered(service):
    service.send("POST", "/v1/audit", "token-ingest", {"entries": entries(service)})


def rows(page) -> list[list[str]]:
    return [line.split("\t") for line in page.locator("tr[data-row]").all_inner_texts()]


@pytest.mark.parametrize("reader", WITHOUT_SCRIPT, ids=NAMES, indirect=True)
def test_outcome_and_search_narrow_the_list(reader):
    page = reader.sign_in()
    page.goto(f"{reader.service.url}/audit?source=door")
    page.select_option("select[name=outcome]", "denied")
    page.click(".filters button")
    page.wait_for_url("**outcome=denied*")
    page.wait_for_selector("tr[data-row] >> nth=19")
    assert page.locator("tr[data-row]").count() == 20
    assert all(row[-1].strip() == "denied" for row in rows(page))
    page.fill(".filters input[name=q]", "192.0.2")
    page.click(".filters button")
    page.wait_for_url("**q=192.0.2*")
    page.wait_for_selector("tr[data-row] >> nth=10", state="detached")
    assert page.locator("tr[data-row]").count() == 10
    assert all("Ann" in row[1] for row in rows(page))
    page.fill(".filters input[name=q]", "nowhere")
    page.click(".filters button")
    page.wait_for_selector(".empty")
    assert "No entry matches." in page.inner_text(".empty")


@pytest.mark.parametrize("reader", WITHOUT_SCRIPT, ids=NAMES, indirect=True)
def test_pages_lead_on_and_back(reader):
    page = reader.sign_in()
    page.goto(f"{reader.service.url}/audit?source=door")
    first = rows(page)
    assert len(first) == 50 and not page.locator("a[rel=prev]").count()
    page.click("a[rel=next]")
    page.wait_for_selector("a[rel=prev]")
    assert len(rows(page)) == 10
    page.click("a[rel=prev]")
    page.wait_for_selector("tr[data-row] >> nth=49")
    assert rows(page) == first and not page.locator("a[rel=prev]").count()


def test_events_are_suggested_by_group(reader):
    page = reader.sign_in()
    page.goto(f"{reader.service.url}/audit")
    suggested = page.eval_on_selector_all("#event-types option", "all => all.map(one => [one.label, one.value])")
    assert ["Access", "session.refused"] in suggested and ["Readers", "request.read"] in suggested
    known = page.request.get(f"{reader.service.url}/audit.json?q=sess").json()["data"]
    assert {one["type"] for one in known} <= {value for _, value in suggested}
