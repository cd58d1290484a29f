"""axe-core finds nothing on any page, in light and dark, wide and narrow; hostile records stay inert."""

from __future__ import annotations

import pytest

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
    for path in ("/logs", "/logs?q=modle:chat", "/logs?q=nothing-like-it", "/audit", "/gaps", "/dataplanes"):
        reader.open(path)
        found[path] = reader.violations()
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
