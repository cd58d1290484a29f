"""Persons sign in at a real identity provider (npm oidc-provider), with Chromium, with JavaScript and without."""

from __future__ import annotations

import re

import pytest
from conftest import Reader
from persons import CLIENT_SECRET, ROLES, PersonCollector, Provider, free_ports
from test_accessibility import LOOKS as ALL_LOOKS
from test_accessibility import NAMES

LOOKS = [{}, {"java_script_enabled": False}, {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}]


@pytest.fixture(scope="module")
def persons(tmp_path_factory):
    folder = tmp_path_factory.mktemp("oidc")
    provider_port, port = free_ports(2)
    provider = Provider(folder, "identity_provider.mjs", f"http://127.0.0.1:{port}/auth/oidc/callback", provider_port)
    back = f"http%3A%2F%2F127.0.0.1%3A{port}%2Flogin"
    oidc = f'''
issuer = "{provider.issuer}"
name = "Acme Login"
client_id = "headgate"
client_secret = "${{{CLIENT_SECRET}}}"
role_claim = "realm_access.roles"
roles = {ROLES}
logout_url = "{provider.issuer}/session/end?client_id=headgate&post_logout_redirect_uri={back}"
'''
    collector = PersonCollector(folder, oidc, "secret of the client: +&%", port)
    yield collector
    collector.part.stop()
    provider.stop()


@pytest.fixture
def person(persons, browser, request):
    options = {"viewport": {"width": 1440, "height": 900}, **getattr(request, "param", {})}
    context = browser.new_context(**options)
    one = Reader(persons, context)
    yield one
    context.close()
    # A page of the provider or a refusal with its status is no fault of ours.
    assert [fault for fault in one.faults if persons.url in fault] == []


def at_provider(page, name: str) -> None:
    """Signs in on the provider's own pages."""
    page.wait_for_selector("input[name=login]")
    page.fill("input[name=login]", name)
    page.fill("input[name=password]", "any")
    page.click("button[type=submit]")
    page.wait_for_selector("text=Continue")
    page.click("button[type=submit]")


@pytest.mark.parametrize("person", LOOKS, ids=["script", "no-script", "phone-dark"], indirect=True)
def test_a_person_signs_in_reads_and_signs_out(person):
    page = person.open("/logs?q=team:search")
    page.click("text=Sign in with Acme Login")
    at_provider(page, "sec-audit+all")
    page.wait_for_url(re.compile(r"/logs\?q=team"))
    assert "sec-audit+all@example.com · auditor" in page.text_content(".person")
    page.goto(f"{person.service.url}/audit")
    entry = page.inner_text("main")
    assert "session.created" in entry and "sec-audit+all@example.com" in entry
    if page.locator("button.opens").is_visible():
        page.click("button.opens")
    page.click("text=Sign out")
    page.wait_for_selector("text=Do you want to sign-out")
    assert "/login" in person.open("/logs").url


def test_the_session_of_a_person_is_listed_and_ended(person):
    page = person.open("/login")
    page.click("text=Sign in with Acme Login")
    at_provider(page, "ops")
    page.wait_for_url(f"{person.service.url}/")
    listed = [one for one in person.service.get("/v1/sessions")["data"] if one.get("name") == "ops@example.com"]
    assert [(one["person"].endswith("#ops"), one["role"], "token" in one) for one in listed] == [(True, "admin", False)]
    person.service.send("DELETE", f"/v1/sessions/{listed[0]['id']}", "token-owner")
    assert "/login" in person.open("/logs").url


def test_a_person_without_a_role_is_told_the_claim(person):
    page = person.open("/login")
    page.click("text=Sign in with Acme Login")
    at_provider(page, "stranger")
    page.wait_for_selector("[role=alert]")
    alert = page.inner_text("[role=alert]")
    assert "stranger@example.com" in alert and "realm_access.roles" in alert and "operator" in alert
    code, actor = person.service.refused()[0]
    assert (code, actor["kind"], actor["name"]) == ("no_role", "person", "stranger@example.com")
    assert actor["id"].endswith("#stranger")
    assert "/login" in person.open("/logs").url
    person.faults.clear()


@pytest.mark.parametrize("person", ALL_LOOKS, ids=NAMES, indirect=True)
def test_the_pages_to_sign_in_on_have_no_violation(person):
    for path in ("/login", "/auth/oidc/callback"):
        person.open(path)
        assert person.violations() == [], path
        assert person.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    person.faults.clear()
