"""Hostile texts in records and audit entries stay texts: nothing runs, nothing loads, nothing changes the page."""

from __future__ import annotations

import time

import pytest
from conftest import Reader, Service
from made_records import record

TEXTS = [
    "<script>window.hit=1</script>",
    '"><svg/onload=window.hit=1>',
    "' onmouseover='window.hit=1",
    "javascript:window.hit=1",
    "\u202egnp.exe",
    "{{7*7}}${7*7}",
    "a" * 250,
    "\U0001f600\u0301\u200d",
]


@pytest.fixture(scope="module")
def hostile_service(tmp_path_factory):
    import random

    one = Service(tmp_path_factory.mktemp("hostile"))
    made = []
    for number, text in enumerate(TEXTS, 1):
        each = record(number, int(time.time() * 1e6), random.Random(1))
        each |= {"boot": "hostile", "requested_model": text, "environment": text, "error_code": text, "config_revision": text}
        each |= {"provider_request_id": text, "finish_reason": text}
        each["caller"] = {"key_id": text, "owner": text, "team": text, "project": text}
        each["client"] = {"end_user": text, "session_id": text, "tags": {"t": text}}
        each["decisions"] = [{"stage": text, "policy_id": text, "verdict": "deny", "reason": text}]
        each["attempts"] = [{**each["attempts"][0], "provider": text, "model": text}] if each["attempts"] else []
        made.append(each)
    answer = one.send("POST", "/v1/ingest/requests", "token-ingest", {"node": "gw-1", "boot": "hostile", "dropped": 0, "records": made})
    assert answer["stored"] + len(answer["refused"]) == len(TEXTS) and answer["stored"] >= 5, answer
    entry = {"type": "user.changed", "operation": "update", "time": int(time.time() * 1e6), "outcome": "success", "source": "console"}
    entries = [
        {**entry, "actor": {"id": text, "kind": "user", "name": text}, "resource": {"kind": "user", "id": text, "name": text},
         "changes": [{"path": text, "before": text, "after": {"x": text}}]}
        for text in TEXTS
    ]  # fmt: skip
    one.send("POST", "/v1/audit", "token-ingest", {"entries": entries})
    yield one
    one.part.stop()


def test_hostile_texts_stay_texts(hostile_service, browser):
    context = browser.new_context()
    reader = Reader(hostile_service, context)
    page = reader.sign_in()
    scripts = page.evaluate("document.scripts.length")
    for path in ("/logs?size=50", "/audit"):
        reader.open(path)
        urls = page.eval_on_selector_all("tr[data-row] td.request a", "links => links.map(link => link.href)")
        assert len(urls) >= 5
        for url in urls[:10]:
            page.goto(url)
            assert page.locator("aside.sheet").count() == 1
            assert page.evaluate("[document.scripts.length, window.hit]") == [scripts, None]
    reader.open("/logs?q=" + "%3Cscript%3Ewindow.hit%3D1%3C%2Fscript%3E")
    assert page.evaluate("[document.scripts.length, window.hit]") == [scripts, None]
    assert reader.faults == []
    context.close()


def test_hostile_names_of_policies_tokens_and_holds_stay_names(browser, tmp_path):
    from made_policy import SECOND, Governed

    one = Governed(tmp_path)
    # A policy has no invisible characters.
    texts = [text for text in TEXTS if text.isprintable()]
    keys = [{"id": f"key-{at}", "sha256": f"{at:064x}", "owner": text, "project": text} for at, text in enumerate(texts)]
    limits = [{"id": "hostile", "match": {"owner": texts, "tag": {"t": texts}}, "requests": "1/s"}]
    one.apply({**SECOND, "keys": [*SECOND["keys"], *keys], "limits": limits, "logging": {"tags": ["t"]}}, 3)
    for text in TEXTS:
        one.send("POST", "/v1/tokens", "token-owner", {"role": "viewer", "name": text})
        one.send("POST", "/v1/holds", "token-owner", {"log": "requests", "scope": {"owner": text}, "reason": text})
        one.deliver("/v1/heartbeat", {"node": text, "boot": f"{text}-boot"[:256], "version": text, "config_revision": text, "uptime_s": 1, "queued": 0, "dropped": 0, "last_seq": 0})
    context = browser.new_context()
    reader = Reader(one, context)
    page = reader.sign_in()
    scripts = page.evaluate("document.scripts.length")
    hold, token = one.get("/v1/holds")["data"][-1]["id"], one.get("/v1/tokens")["data"][-1]["id"]
    paths = ["/policy", "/policy/4", "/keys", "/keys/key-0", "/keys/key-1", "/retention", f"/retention/holds/{hold}/release", "/tokens", f"/tokens/{token}/revoke", "/help/traffic"]
    paths.append("/keys?q=%3Cscript%3Ewindow.hit%3D1%3C/script%3E")
    for path in paths:
        reader.open(path)
        assert page.evaluate("[document.scripts.length, window.hit]") == [scripts, None], path
    reader.open("/keys/key-0")
    assert TEXTS[0] in page.inner_text("main") and page.locator("main script").count() == 0
    assert reader.faults == []
    context.close()
    one.part.stop()
