"""The playground: a chat of a real Chromium with a real gateway. The collector sees a record, and no text."""

from __future__ import annotations

import pytest
from conftest import Reader, Service
from test_accessibility import LOOKS, NAMES, overflow

from gateway import Gateway, sha256
from policy import PRICE, alias, target


def policy(gateway: Gateway) -> dict:
    return {
        "environment": "e2e", "listen": gateway.listen, "admin": gateway.admin, "cors": {"origins": [f"http://{gateway.collector_address}"]},
        "collector": {"url": f"http://{gateway.collector_address}", "token": "${HEADGATE_INGEST_TOKEN}"},
        "providers": {name: {"format": "openai", "url": f"{gateway.providers[name].url}/v1", "credential": f"${{{name.upper()}_API_KEY}}"} for name in ("alpha", "beta")},
        "models": {"chat": alias(target("alpha", "stream-30-delay-20")), "failing": alias(target("alpha", "status-503"))},
        "keys": [{"id": "play", "sha256": sha256(gateway.keys["play"]), "playground": True}],
        "prices": {"alpha/*": PRICE},
    }  # fmt: skip


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    one = Gateway(tmp_path_factory.mktemp("playground"), policy, key_ids=("play",))
    one.env["HEADGATE_COLLECTOR_GATEWAY_URL"] = one.url
    try:
        yield one.start()
        one.assert_no_trap()
    finally:
        one.stop()


class Session:
    """A person at the collector of a gateway."""

    def __init__(self, gateway: Gateway):
        self.url, self.tokens = f"http://{gateway.collector_address}", {"owner": gateway.env["HEADGATE_OWNER_TOKEN"]}


@pytest.fixture
def person(gateway, browser):
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    one = Reader(Session(gateway), context)
    yield one
    context.close()
    assert one.faults == []


def opened(person):
    page = person.sign_in("owner", "/playground")
    page.wait_for_selector("#playground[data-ready]")
    return page


def test_a_chat_goes_to_the_gateway_and_leaves_a_record_without_text(gateway, person):
    page = opened(person)
    to_collector: list[tuple[str, str]] = []
    page.on("request", lambda request: to_collector.append((request.url, request.post_data or "")) if request.url.startswith(person.service.url) else None)
    page.fill("#play-key", gateway.keys["play"])
    page.press("#play-key", "Tab")
    page.wait_for_function("() => document.querySelectorAll('#play-models option').length === 2")
    page.fill("#play-model", "chat")
    page.fill("#play-text", "canary-of-the-prompt")
    page.click("#play-send")
    page.wait_for_selector("#play-facts dl", timeout=20_000)
    facts = " ".join(page.inner_text("#play-facts").split())
    assert "Status 200" in facts and "x-headgate-served-by alpha/stream-30-delay-20" in facts and "First token" in facts
    assert len(page.locator(".transcript li").nth(1).inner_text()) > 20
    page.wait_for_function("() => document.getElementById('play-cost').textContent.startsWith('$')", timeout=30_000)
    assert all("canary" not in url + data and gateway.keys["play"] not in url + data for url, data in to_collector)
    record = gateway.all_records()[0]
    assert record["caller"]["source"] == "playground" and record["client"]["end_user"]
    page.click("#play-facts dd a")
    page.wait_for_url("**/logs/*")
    page.go_back()
    page.wait_for_selector("#playground[data-ready]")
    assert page.locator(".transcript li").count() == 0 and page.input_value("#play-text") == ""
    assert "canary" not in page.evaluate("JSON.stringify([sessionStorage, localStorage])")


def test_refusals_are_shown(gateway, person):
    page = opened(person)
    page.fill("#play-key", "hg-wrong")
    page.fill("#play-model", "chat")
    page.fill("#play-text", "Hello")
    page.click("#play-send")
    page.wait_for_selector("#play-facts dl")
    assert "Status 401" in " ".join(page.inner_text("#play-facts").split())
    assert "invalid_api_key" in page.inner_text(".transcript")
    person.faults.clear()


def test_a_page_without_the_gateway_s_leave_says_so(gateway, person):
    page = opened(person)
    page.evaluate("document.getElementById('playground').dataset.gateway")
    page.context.route(f"{gateway.url}/**", lambda route: route.abort())
    page.fill("#play-key", gateway.keys["play"])
    page.fill("#play-model", "chat")
    page.fill("#play-text", "Hello")
    page.click("#play-send")
    page.wait_for_selector("#play-facts .problem")
    assert "cors: {origins:" in page.inner_text("#play-facts")
    person.faults.clear()


@pytest.mark.parametrize("look", LOOKS, ids=NAMES)
def test_the_page_has_no_violation(gateway, browser, look):
    context = browser.new_context(**look)
    one = Reader(Session(gateway), context)
    page = opened(one)
    page.click("#playground details summary")
    page.fill("#play-key", gateway.keys["play"])
    page.fill("#play-model", "chat")
    page.fill("#play-text", "Hello")
    page.click("#play-send")
    page.wait_for_selector("#play-facts dl", timeout=20_000)
    assert one.violations() + overflow(page) == []
    context.close()


def test_without_an_address_the_page_says_how_to_set_it(tmp_path, browser):
    one = Service(tmp_path, deliveries=[])
    context = browser.new_context()
    try:
        reader = Reader(one, context)
        reader.sign_in("owner", "/playground")
        text = " ".join(reader.page.inner_text("main").split())
        assert "--gateway-url" in text or "http://127.0.0.1:8080" in text, text
    finally:
        context.close()
        one.part.stop()
