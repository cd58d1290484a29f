"""An identity provider that does everything wrong: no session begins, the page and the audit log say why, and no secret is told."""

from __future__ import annotations

import concurrent.futures
import time
from urllib.parse import quote

import pytest
from persons import SECRET, PersonCollector, Provider, Visitor, free_ports, refused, settings


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    provider_port, port = free_ports(2)
    provider = Provider(folder, "hostile_provider.mjs", "", provider_port)
    collector = PersonCollector(folder, settings(provider), SECRET, port)
    yield provider, collector
    collector.part.stop()
    provider.stop()


@pytest.fixture
def provider(both):
    yield both[0]
    both[0].control()


@pytest.fixture
def collector(both):
    return both[1]


def test_a_person_signs_in(provider, collector):
    provider.control(forget=True)
    visitor = Visitor(collector)
    answer = visitor.sign_in("/logs?q=a")
    assert (answer.status, answer.location) == (303, "/logs?q=a"), answer.text
    assert visitor.role() == "admin"
    assert list(visitor.cookies) == ["headgate"], "the state is gone"
    asked = provider.control()
    (request,), (form,) = asked["authorizations"], asked["forms"]
    assert request["code_challenge_method"] == "S256" and len(request["code_challenge"]) == 43
    assert request["scope"] == "openid email profile" and request["response_type"] == "code"
    assert min(len(request[name]) for name in ("state", "nonce")) >= 43
    assert set(form) == {"grant_type", "code", "redirect_uri", "code_verifier", "client_id", "client_secret"}
    (session,) = [one for one in collector.get("/v1/sessions")["data"] if one["address"] == visitor.address]
    assert (session["person"], session["name"], session["role"]) == (f"{provider.issuer}#ann", "ann@example.com", "admin")
    actor = collector.told("session.created")[0]["actor"]
    person = {"kind": "person", "id": f"{provider.issuer}#ann", "name": "ann@example.com", "address": visitor.address}
    assert actor == person


GOOD = ["RS256", "PS256", "ES256", "EdDSA", "no-kid", "azp-good", "just-expired", "near-future"]


@pytest.mark.parametrize("fault", GOOD)
def test_tokens_that_are_right(provider, collector, fault):
    provider.control(fault)
    visitor = Visitor(collector)
    answer = visitor.sign_in()
    assert answer.status == 303, answer.text
    assert visitor.role() == "admin"


TOKENS = {
    "nonce": "id_token_nonce",
    "no-nonce": "id_token_nonce",
    "aud": "id_token_audience",
    "aud-among-others": "id_token_audience",
    "azp": "id_token_audience",
    "azp-single": "id_token_audience",
    "expired": "id_token_expired",
    "no-exp": "id_token_unreadable",
    "future": "id_token_future",
    "not-before": "id_token_future",
    "issuer": "id_token_issuer",
    "no-subject": "id_token_subject",
    "subject-control": "id_token_subject",
    "subject-long": "id_token_subject",
    "none": "id_token_algorithm",
    "hs256": "id_token_algorithm",
    "rs512": "id_token_algorithm",
    "other-alg": "id_token_key",
    "unknown-kid": "id_token_key",
    "embedded-key": "id_token_signature",
    "signature": "id_token_signature",
    "crit": "id_token_unreadable",
    "deep-claims": "id_token_unreadable",
    "no-id-token": "provider_answer",
    "unreadable": "id_token_unreadable",
    "id-token-number": "provider_answer",
    "code": "code_refused",
    "client": "client_refused",
    "denied": "denied_by_provider",
    "callback-error": "error_of_provider",
    "callback-issuer": "wrong_issuer",
    "callback-no-issuer": "wrong_issuer",
    "callback-no-code": "invalid_callback",
    "callback-state": "other_state",
}


@pytest.mark.parametrize(("fault", "code"), TOKENS.items(), ids=list(TOKENS))
def test_what_is_wrong_is_refused(provider, collector, fault, code):
    provider.control(fault)
    visitor = Visitor(collector)
    answer = visitor.sign_in()
    refused(collector, visitor, answer, code)
    assert "<script>" not in answer.text


TRANSPORT = {
    "token:endless": "provider_too_large",
    "token:gigabyte": "provider_slow",
    "token:silent": "provider_slow",
    "token:drip": "provider_slow",
    "token:redirect": "provider_redirects",
    "token:garbage": "provider_answer",
    "token:deep": "provider_answer",
    "token:array": "provider_answer",
    "token:error": "provider_status",
    "token:cut": "provider_answer",
    "token:heads": "provider_too_large",
}


def test_answers_are_bounded_in_size_and_time(provider, collector):
    for fault, code in TRANSPORT.items():
        provider.control()
        visitor = Visitor(collector)
        callback = visitor.begin()
        provider.control(fault)
        began = time.monotonic()
        refused(collector, visitor, visitor.get(callback), code)
        assert time.monotonic() - began < 12, fault
    memory = next(line for line in open(f"/proc/{collector.part.process.pid}/status") if line.startswith("VmHWM"))
    assert int(memory.split()[1]) < 300_000, memory
    provider.control()
    assert Visitor(collector).sign_in().status == 303, "it goes on"


def test_a_slow_provider_holds_up_nobody_else(provider, collector):
    callbacks = [(visitor, visitor.begin()) for visitor in (Visitor(collector) for _ in range(12))]
    provider.control("token:silent")
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        began = time.monotonic()
        waiting = [pool.submit(visitor.get, callback) for visitor, callback in callbacks]
        time.sleep(1)
        for _ in range(20):
            assert Visitor(collector).get("/login").status == 200
            assert collector.get("/v1/requests?limit=1")["object"] == "list"
        assert time.monotonic() - began < 5, "pages and the API answer meanwhile"
        answers = [one.result() for one in waiting]
    codes = [collector.refused()[place][0] for place in range(12)]
    assert {answer.status for answer in answers} == {502}
    assert sorted(set(codes)) == ["provider_busy", "provider_slow"] and codes.count("provider_slow") == 8


def test_names_and_claims_stay_text(provider, collector):
    provider.control("hostile-name")
    visitor = Visitor(collector)
    assert visitor.sign_in().status == 303
    page = visitor.get("/logs").text
    assert "<script>alert" not in page and "\u202e" not in page and "\x1b" not in page and "\x00" not in page
    assert "\\u{202e}&lt;script&gt;" in page
    name = collector.told("session.created")[0]["actor"]["name"]
    assert name.startswith("\\u{202e}<script>") and "\x00" not in name
    provider.control("huge-claims")
    visitor = Visitor(collector)
    answer = visitor.sign_in()
    refused(collector, visitor, answer, "no_role")
    assert "none of the 12000 values of the claim &quot;groups&quot;" in answer.text


CLAIMS = [
    ({"groups": "ops"}, "admin"),
    ({"groups": ["all", "sec-audit"]}, "auditor"),
    ({"groups": ["ingest", "owner"]}, None),
    ({"groups": {"ops": 1}}, None),
    ({"groups": None}, None),
    ({"groups": []}, None),
]


@pytest.mark.parametrize(("claims", "role"), CLAIMS)
def test_roles_come_from_the_claim(provider, collector, claims, role):
    provider.control(claims={**claims, "sub": "bob"})
    visitor = Visitor(collector)
    answer = visitor.sign_in()
    assert visitor.role() == role
    if role is None:
        assert answer.status == 403 and "&quot;groups&quot;" in answer.text
        refused(collector, visitor, answer, "no_role")


def test_a_person_who_has_lost_the_role_loses_all_sessions(provider, collector):
    one, two, three, other = (Visitor(collector) for _ in range(4))
    provider.control(claims={"sub": "carl"})
    assert one.sign_in().status == two.sign_in().status == 303
    provider.control(claims={"sub": "dora"})
    assert other.sign_in().status == 303
    provider.control(claims={"sub": "carl", "groups": ["all"]})
    assert three.sign_in().status == 303
    assert (one.role(), two.role(), three.role(), other.role()) == (None, None, "viewer", "admin")
    page = three.get("/audit")
    assert page.status == 403 and "with role viewer" in page.text and "the operator gives roles to groups" in page.text
    assert collector.told("access.denied")[0]["actor"]["id"].endswith("#carl")
    provider.control(claims={"sub": "carl", "groups": ["nothing"]})
    assert Visitor(collector).sign_in().status == 403
    assert (three.role(), other.role()) == (None, "admin")
    ended = [entry for entry in collector.told("session.ended") if entry["actor"]["id"].endswith("#carl")]
    assert len(ended) == 3 and ended[0]["changes"][0]["path"] == "person"


def test_a_sign_in_is_used_once_and_by_its_browser(provider, collector):
    mine, thief = Visitor(collector), Visitor(collector)
    callback = mine.begin()
    state = dict(mine.cookies)
    refused(collector, thief, thief.get(callback), "no_state")
    thief.begin()
    refused(collector, thief, thief.get(callback), "other_state")
    assert mine.get(callback).status == 303
    # The same cookie and address once more, at another browser and at this one.
    thief.cookies = dict(state)
    refused(collector, thief, thief.get(callback), "used_state")
    mine.cookies |= state
    answer = mine.get(callback)
    assert answer.status == 400 and mine.role() == "admin", "a session that has begun is left alone"


@pytest.mark.parametrize("place", [0, 10, 44, 50, -1])
def test_an_altered_state_is_refused(provider, collector, place):
    visitor = Visitor(collector)
    callback = visitor.begin()
    ((name, value),) = visitor.cookies.items()
    assert name == "headgate-sign-in"
    letter = "A" if value[place] != "A" else "B"
    visitor.cookies[name] = value[:place] + letter + (value[place + 1 :] if place != -1 else "")
    refused(collector, visitor, visitor.get(callback), "altered_state")


def test_the_cookie_of_a_sign_in_is_protected(provider, collector):
    visitor = Visitor(collector)
    answer = visitor.get("/auth/oidc")
    (cookie,) = answer.cookies
    assert "; HttpOnly; SameSite=Lax" in cookie and "; Max-Age=600" in cookie and "Path=/" in cookie
    value = cookie.split(";")[0].split("=", 1)[1]
    for part in answer.location.split("&"):
        assert part.split("=", 1)[1] not in value, "state, nonce and challenge are not in the cookie"


ELSEWHERE = ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", "javascript:alert(1)", "/" + "a" * 3000]


@pytest.mark.parametrize("path", ELSEWHERE, ids=range(len(ELSEWHERE)))
def test_nobody_is_sent_to_another_site(provider, collector, path):
    answer = Visitor(collector).sign_in(quote(path, safe=""))
    assert (answer.status, answer.location) == (303, "/")


def test_a_long_page_to_go_to_fits_into_the_cookie(provider, collector):
    path = "/logs?q=" + "a" * 1990
    answer = Visitor(collector).sign_in(quote(path, safe=""))
    assert (answer.status, answer.location) == (303, path)


def test_a_callback_with_fields_twice_is_refused(provider, collector):
    for more in ("&code=x", "&state=x", "&iss=x", "&" + "a" * 9000):
        visitor = Visitor(collector)
        refused(collector, visitor, visitor.get(visitor.begin() + more), "invalid_callback")


def test_refused_tries_are_slowed_down_and_tokens_go_on(provider, collector):
    provider.control("code")
    visitor = Visitor(collector)
    while time.time() % 60 > 45:
        time.sleep(1)
    statuses = [visitor.sign_in().status for _ in range(7)]
    assert statuses == [400] * 5 + [429] * 2
    asked = provider.control()["token"]
    assert visitor.sign_in().status == 429 and provider.control()["token"] == asked, "the provider is not asked"
    assert Visitor(collector).sign_in().status == 303, "another address goes on"
    # Junk without a state of the collector counts for nobody.
    other = Visitor(collector)
    assert {other.get("/auth/oidc/callback?code=a&state=b").status for _ in range(20)} == {400}
    assert other.sign_in().status == 303


def test_no_secret_is_stored_or_logged(both):
    provider, collector = both
    asked = provider.control()
    stored = b"".join(path.read_bytes() for path in (collector.folder / "data").iterdir() if path.is_file())
    everything = stored + collector.log_text().encode()
    secrets = ["CANARY", SECRET, "id_token="]
    secrets += [form["code_verifier"] for form in asked["forms"]] + [form["code"] for form in asked["forms"]]
    secrets += [one[name] for one in asked["authorizations"] for name in ("state", "nonce")]
    assert len(secrets) > 100
    assert [secret for secret in secrets if secret.encode() in everything] == []
