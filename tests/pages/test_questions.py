"""Ten questions of a stranger, each answered within three clicks from the Overview."""

from __future__ import annotations

import time

import pytest
from made_policy import Governed

MENU = "nav.menu a:text-is('{}')"
# A question, the clicks, and words of the answer.
QUESTIONS = [
    ("Why was a request refused?", [MENU.format("Logs"), "nav[aria-label=Status] a:text-is('Refused')", "tr[data-row] a >> nth=0"],
     "Refused by Headgate at stage limits per-key: 61 of 60"),
    ("Who saw this record?", [MENU.format("Logs"), "tr[data-row] a >> nth=0", "text=Who read this record"], "request.read"),
    ("What changed before it?", [MENU.format("Logs"), "tr[data-row] a >> nth=0"], "in the hour before"),
    ("What did team search cost last week?", [MENU.format("Usage"), "nav[aria-label='Range of time'] a:text-is('7 d')"], "search"),
    ("Which key spent the most?", [MENU.format("Keys")], "search-bot"),
    ("Is everything there?", [MENU.format("Completeness")], "There is no open gap"),
    ("Who changed the policy, and how?", [MENU.format("Policy"), "table a >> nth=0"], "search-bot"),
    ("Which proxies run an old policy?", [MENU.format("Data planes")], "w-old"),
    ("Who was turned away?", [MENU.format("Audit"), "a:text-is('Denied')"], "session.refused"),
    ("How long are records kept?", [MENU.format("Retention")], "days"),
    ("How much of the budget is left?", [MENU.format("Budgets")], " used"),
    ("Who holds which token, and was it used?", [MENU.format("Tokens")], "auditor"),
]  # fmt: skip


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    one = Governed(tmp_path_factory.mktemp("questions"))
    yield one
    one.part.stop()


@pytest.mark.parametrize("reader", [{"java_script_enabled": False}, {}], ids=["without script", "with script"], indirect=True)
def test_each_answer_is_three_clicks_away(reader):
    page = reader.open("/login")
    page.fill("#token", "not-a-token")
    page.press("#token", "Enter")
    page.wait_for_selector("text=knows no valid token")
    reader.faults.clear()
    reader.sign_in()
    for question, clicks, answer in QUESTIONS:
        assert len(clicks) <= 3, question
        reader.open("/")
        for click in clicks:
            before = page.url
            page.click(click)
            page.wait_for_url(lambda url, before=before: url != before)
        deadline = time.monotonic() + 10
        while answer not in page.inner_text("main"):
            assert time.monotonic() < deadline, question
            page.wait_for_timeout(100)
