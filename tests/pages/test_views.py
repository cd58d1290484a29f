"""Named views: addresses of a page that this browser keeps. They work by mouse and by keyboard, and hostile names are inert."""

from __future__ import annotations

import json

import pytest

PAGES = ["/logs?q=team%3Asearch&range=7d", "/usage?by=model&range=7d", "/audit?outcome=denied"]
HOSTILE = "<img src=x onerror=alert(1)>"


def views(page) -> list[str]:
    return page.locator("details.views li a").all_inner_texts()


def save(page, name: str):
    page.fill("details.views input", name)
    page.press("details.views input", "Enter")
    page.wait_for_selector("details.views [role=status]:has-text('saved')")


@pytest.mark.parametrize("path", PAGES)
def test_a_view_is_saved_opened_and_deleted(reader, path):
    page = reader.sign_in()
    reader.open(path)
    address = page.url
    page.click("details.views summary")
    save(page, "mine")
    save(page, HOSTILE)
    assert views(page) == ["mine", HOSTILE]
    assert page.locator("details.views li a[aria-current]").count() == 2
    assert page.locator("details.views img").count() == 0
    assert reader.violations() == []
    reader.open(path.split("?")[0])
    page.click("details.views summary")
    assert page.locator("details.views li a[aria-current]").count() == 0
    page.click("details.views a:text-is('mine')")
    page.wait_for_url(address)
    page.click("details.views summary")
    page.click("button[aria-label='Delete the view mine']")
    assert views(page) == [HOSTILE]
    assert page.is_visible("details.views input"), "the menu stays open"


def test_views_are_used_by_keyboard_alone(reader):
    page = reader.sign_in()
    reader.open("/logs?q=status%3Aerror")
    page.focus("details.views summary")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("broken")
    page.keyboard.press("Enter")
    page.wait_for_selector("details.views li")
    reader.open("/logs")
    page.focus("details.views summary")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "broken"
    page.keyboard.press("Enter")
    page.wait_for_url("**/logs?q=status%3Aerror")


def test_a_view_has_no_place_in_the_list_and_belongs_to_its_page(reader):
    page = reader.sign_in()
    reader.open("/logs?size=10")
    page.click("a[rel=next]")
    page.wait_for_url("**after=*")
    page.click("tr[data-row] a >> nth=0")
    page.wait_for_selector("aside.sheet")
    page.reload()
    page.evaluate("document.querySelector('details.views').open = true")
    save(page, "here")
    kept = json.loads(page.evaluate("localStorage.getItem('headgate-views')"))
    assert kept == {"/logs": [{"name": "here", "url": "/logs?size=10"}]}
    for url in ("https://elsewhere.example/", "javascript:alert(1)", "/audit"):
        page.evaluate("text => localStorage.setItem('headgate-views', text)", json.dumps({"/logs": [{"name": "x", "url": url}]}))
        reader.open("/logs")
        page.click("details.views summary")
        assert views(page) == [], url
    page.evaluate("localStorage.setItem('headgate-views', '{')")
    reader.open("/logs")
    page.click("details.views summary")
    assert views(page) == []


@pytest.mark.parametrize("reader", [{"java_script_enabled": False}], ids=["without script"], indirect=True)
def test_without_script_there_is_no_empty_menu(reader):
    page = reader.sign_in()
    for path in PAGES:
        reader.open(path)
        assert not page.is_visible("details.views"), "the address is the view"
