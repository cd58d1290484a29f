"""Signing in and out, and the pages of each role."""

from __future__ import annotations

import pytest


def test_a_page_leads_to_sign_in_and_back(reader):
    page = reader.open("/logs?q=team:search")
    assert "/login?return_to=" in page.url
    page.fill("#token", "no such token")
    page.press("#token", "Enter")
    page.wait_for_selector("[role=alert]")
    page.fill("#token", reader.service.tokens["viewer"])
    page.press("#token", "Enter")
    page.wait_for_url("**/logs?q=team*search")
    # A refused sign-in has the status 401 or 403, which the browser reports.
    reader.faults.clear()
    page.click("text=Sign out")
    page.wait_for_url("**/login")
    assert "/login" in reader.open("/logs").url


@pytest.mark.parametrize(("role", "sees"), [("viewer", False), ("auditor", True), ("owner", True)])
def test_a_role_sees_the_pages_that_it_may_open(reader, role, sees):
    page = reader.sign_in(role)
    assert page.locator("nav.menu a[href='/audit']").count() == int(sees)
    answer = page.goto(f"{reader.service.url}/audit")
    assert answer.status == (200 if sees else 403)
    if not sees:
        assert "auditor" in page.inner_text("main")
        reader.faults.clear()
