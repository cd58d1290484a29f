"""axe-core finds nothing on any page, in light and dark, wide and narrow; hostile records stay inert."""

from __future__ import annotations

import pytest
from conftest import Reader, Service
from made_policy import Governed

LOOKS = [
    {"color_scheme": scheme, "viewport": {"width": width, "height": 900}} for scheme in ("light", "dark") for width in (390, 1440)
]
NAMES = [f"{look['color_scheme']}-{look['viewport']['width']}" for look in LOOKS]


@pytest.mark.parametrize("reader", LOOKS, ids=NAMES, indirect=True)
def test_no_page_has_a_violation(reader):
    found = {}
    page = reader.open("/login")
    found["login"] = reader.violations()
    page = reader.sign_in()
    counts = ("/limits", "/limits?meter=miles", "/budgets", "/budgets?subject=nobody", "/budgets?window=all")
    usage = ("/usage?compare=1", "/usage?range=24h&measure=p95&by=model", "/usage?q=modle:chat", "/usage?q=team:nobody", "/usage?bucket=hour")
    for path in ("/", *usage, *counts, "/logs", "/logs?q=modle:chat", "/logs?q=nothing-like-it", "/audit", "/gaps", "/dataplanes"):
        reader.open(path)
        found[path] = reader.violations()
        found[f"width of {path}"] = overflow(page)
    for path in ("/logs?q=status:error", "/audit"):
        reader.open(path)
        page.click("tr[data-row] a >> nth=0")
        page.wait_for_selector("aside.sheet")
        found[f"sheet of {path}"] = reader.violations()
        found[f"width of {path}"] = overflow(page)
    assert {path: lines for path, lines in found.items() if lines} == {}


def overflow(page) -> list[str]:
    """Returns by how much the page is wider than its window."""
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [f"{wide} px"] if wide > 0 else []


PAGES = (
    "/policy", "/policy/3", "/keys", "/keys/search-bot", "/keys?q=nobody", "/models", "/models/chat?range=7d", "/guardrails", "/guardrails/pii",
    "/retention", "/forwarders", "/retention/change?requests=1&audit=1&classes=a%3D2&revision=1", "/retention/change", "/evidence", "/tokens", "/help", "/help/traffic", "/keys/gone",
)  # fmt: skip


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    one = Governed(tmp_path_factory.mktemp("accessibility"))
    one.send("POST", "/v1/holds", "token-owner", {"log": "requests", "scope": {"team": "search"}, "reason": "case 17"})
    yield one
    one.part.stop()


@pytest.mark.parametrize("reader", LOOKS, ids=NAMES, indirect=True)
def test_no_page_of_the_policy_and_the_service_has_a_violation(reader):
    found = {}
    page = reader.sign_in()
    hold, token = (reader.service.get(path)["data"][0]["id"] for path in ("/v1/holds", "/v1/tokens"))
    for path in (*PAGES, f"/retention/holds/{hold}/release", f"/tokens/{token}/revoke"):
        reader.open(path)
        for summary in page.locator("details.draft > summary").all():
            summary.click()
        found[path] = reader.violations() + overflow(page)
    reader.open("/keys")
    page.click("text=New key")
    page.fill("#draft-id", "x")
    page.click("text=Make the key")
    page.wait_for_selector("#draft-made:visible")
    found["new key"] = reader.violations() + overflow(page)
    reader.open("/tokens")
    page.click("text=New token")
    page.click("text=Make the token")
    page.wait_for_selector("#token-text")
    found["new token"] = reader.violations() + overflow(page)
    reader.faults.clear()
    assert [f"{path}: {line}" for path, lines in found.items() for line in lines] == []


@pytest.mark.parametrize("reader", LOOKS[:1], ids=NAMES[:1], indirect=True)
def test_the_open_menu_has_no_violation(reader):
    page = reader.sign_in()
    page.click("button:has-text('Menu')")
    page.wait_for_selector("nav.menu a >> text=Usage")
    assert reader.violations() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_first_steps_have_no_violation(tmp_path, browser, scheme):
    one = Service(tmp_path, deliveries=[])
    context = browser.new_context(color_scheme=scheme, viewport={"width": 390, "height": 900})
    try:
        reader = Reader(one, context)
        page = reader.sign_in()
        assert reader.violations() == [] and overflow(page) == []
    finally:
        context.close()
        one.part.stop()
