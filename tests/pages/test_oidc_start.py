"""The start: a provider that is away or describes itself wrongly, its certificate, other settings, a wrong secret."""

from __future__ import annotations

import subprocess
import time

import pytest
from persons import CLIENT_SECRET, ROLES, SECRET, PersonCollector, Provider, Visitor, free_ports, refused, settings


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    one = Provider(tmp_path_factory.mktemp("plain"), "hostile_provider.mjs", "")
    yield one
    one.stop()


@pytest.fixture
def provider(plain):
    yield plain
    plain.control()


def test_an_attack_on_the_discovery(provider, tmp_path):
    for number, (fault, word) in enumerate(
        [
            ("discovered-issuer", "another issuer"),
            ("discovered-endpoint", "an address that cannot be used"),
            ("discovered-algorithms", "RS256"),
            ("discovery:endless", "too large"),
            ("discovery:redirect", "redirect"),
            ("discovery:garbage", "cannot be understood"),
        ]
    ):
        provider.control(fault)
        folder = tmp_path / str(number)
        folder.mkdir()
        (port,) = free_ports(1)
        collector = PersonCollector(folder, settings(provider), SECRET, port)
        visitor = Visitor(collector)
        answer = visitor.get("/auth/oidc")
        assert answer.status == 502 and word in answer.text, (fault, answer.text)
        assert "sign in with a token" in answer.text
        page = visitor.get("/login").text
        assert 'role="status"' in page and word in page
        collector.part.stop()


def test_a_provider_that_is_away_at_the_start_and_back_later(tmp_path):
    provider_port, port = free_ports(2)
    oidc = f"""
issuer = "http://localhost:{provider_port}"
name = "Acme"
client_id = "headgate"
client_secret = "${{{CLIENT_SECRET}}}"
roles = {ROLES}
"""
    collector = PersonCollector(tmp_path, oidc, SECRET, port)
    visitor = Visitor(collector)
    answer = visitor.get("/auth/oidc")
    refused_page = answer.text
    assert answer.status == 502 and "Acme cannot be reached" in refused_page and 'name="token"' in refused_page
    assert "Acme cannot be reached" in visitor.get("/login").text
    assert collector.refused()[0][0] == "provider_unreachable"
    assert "the identity provider" in collector.log_text() and "cannot be reached" in collector.log_text()
    provider = Provider(tmp_path, "hostile_provider.mjs", "", provider_port)
    try:
        deadline = time.monotonic() + 40
        while "cannot be reached" in visitor.get("/login").text:
            assert time.monotonic() < deadline
            time.sleep(0.5)
        assert visitor.sign_in().status == 303
        assert "is there again" in collector.log_text()
        provider.stop()
        assert visitor.role() == "admin", "a session goes on without the provider"
    finally:
        provider.stop()
        collector.part.stop()


def test_other_settings_end_the_sessions_of_persons(provider, tmp_path):
    (port,) = free_ports(1)
    collector = PersonCollector(tmp_path, settings(provider), SECRET, port)
    visitor = Visitor(collector)
    provider.control()
    assert visitor.sign_in().status == 303 and visitor.role() == "admin"
    collector.part.stop()
    collector = PersonCollector(tmp_path, settings(provider, 'name = "Renamed"\nscopes = ["openid"]\n'), SECRET, port)
    assert visitor.role() == "admin", "a restart ends nothing"
    collector.part.stop()
    collector = PersonCollector(tmp_path, settings(provider).replace('"ops" = "admin"', '"ops" = "viewer"'), SECRET, port)
    assert visitor.role() is None, "the role was given by other settings"
    assert visitor.sign_in().status == 303 and visitor.role() == "viewer"
    collector.part.stop()


def test_a_wrong_secret_is_told_without_it(provider, tmp_path):
    (port,) = free_ports(1)
    collector = PersonCollector(tmp_path, settings(provider), "CANARY-secret", port)
    visitor = Visitor(collector)
    answer = visitor.sign_in()
    refused(collector, visitor, answer, "client_refused")
    assert "client_id" in answer.text and "invalid_client" in collector.log_text()
    assert "CANARY" not in collector.log_text() + answer.text
    collector.part.stop()


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory):
    """A provider over TLS with a certificate of its own."""
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=test", "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run([*command, "-keyout", key, "-out", certificate, *names], check=True, capture_output=True)
    one = Provider(folder, "hostile_provider.mjs", "", 0, (key, certificate))
    yield one
    one.stop()


CERTIFICATES = [
    (True, "localhost", None),
    (False, "localhost", "provider_untrusted"),
    (True, "127.0.0.1", "provider_untrusted"),
]


@pytest.mark.parametrize(("trusts", "host", "code"), CERTIFICATES)
def test_the_certificate_of_a_provider_is_checked(encrypted, tmp_path, trusts, host, code):
    (port,) = free_ports(1)
    more = f'ca_file = "{encrypted.certificate}"\n' if trusts else ""
    text = settings(encrypted, more).replace("localhost", host)
    collector = PersonCollector(tmp_path, text, SECRET, port)
    visitor = Visitor(collector)
    if code:
        answer = visitor.get("/auth/oidc")
        assert answer.status == 502 and "does not trust" in answer.text and "ca_file" in answer.text, answer.text
        assert collector.refused()[0][0] == code
    else:
        assert visitor.sign_in().status == 303 and visitor.role() == "admin"
    collector.part.stop()
