"""On paper a page has no menu and names its filters; at 200 % zoom nothing has to be scrolled sideways."""

from __future__ import annotations

import pytest
from test_accessibility import overflow

PATHS = ["/", "/usage?q=team:search&compare=1&range=7d", "/usage?measure=p95&by=model", "/limits?min_percent=1", "/budgets?subject=search", "/logs?q=team:search", "/gaps", "/dataplanes"]


@pytest.mark.parametrize("reader", [{"viewport": {"width": 640, "height": 450}, "device_scale_factor": 2}], ids=["zoom"], indirect=True)
def test_nothing_is_wider_than_the_window(reader):
    page = reader.sign_in()
    wide = {}
    for path in PATHS:
        reader.open(path)
        wide[path] = overflow(page)
    assert {path: by for path, by in wide.items() if by} == {}


def test_paper_has_no_menu_and_names_the_filters(reader):
    page = reader.sign_in()
    page.emulate_media(media="print")
    for path in PATHS:
        reader.open(path)
        assert not page.is_visible("nav.menu") and not page.is_visible("form.filters") and not page.is_visible("nav.choice"), path
        assert page.is_visible("h1") or path.startswith("/logs")
        wide = page.evaluate("getComputedStyle(document.body).paddingLeft")
        assert wide == "0px", path
    for path, words in (
        ("/usage?q=team:search&range=7d", ["Cost by team", "team:search", "Europe/Berlin", "/usage?q=team%3Asearch"]),
        ("/budgets?subject=search&min_percent=10", ["subject search", "min_percent 10", "/budgets?subject=search"]),
    ):
        reader.open(path)
        assert page.is_visible("p.spelled")
        text = page.inner_text("p.spelled")
        assert all(word in text for word in words), text
