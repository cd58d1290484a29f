"""Guardrails on a real Envoy, where a case file cannot express it: time, size, HTTP/2, several requests."""

from __future__ import annotations

import base64
import json
import secrets
import time
from concurrent.futures import ThreadPoolExecutor

import policy
import pytest
import wire
from gateway import Gateway
from test_protocols import TRAILERS, Http2

EVENT = "text/event-stream"
DONE = "data: [DONE]\n\n"
CLEAN = {"headers": {"content-type": "application/json"}, "body": '{"results":[{"flagged":false}],"verdict":"allow"}'}
FLAGGED = {"headers": {"content-type": "application/json"}, "body": '{"results":[{"flagged":true,"categories":{"hate":true}}]}'}
# Port of a check that never answers.
NEVER = {**CLEAN, "delay_ms": 60_000}
MAIL = "ann.example@mail.example.com"
ALIASES = ("block", "mask", "restore", "watch", "ask", "ask-twice", "ask-nobody", "ask-nobody-open", "ask-some")


def guarded(gateway: Gateway) -> dict:
    made = policy.shared(gateway)
    made["models"] |= {name: policy.alias(policy.target("alpha", "ok")) for name in ALIASES}
    ask = {"kind": "moderation", "url": f"{gateway.providers['beta'].url}/moderations", "credential": "${BETA_API_KEY}", "timeout": "600ms"}
    hook = {"kind": "webhook", "url": f"{gateway.providers['beta'].url}/hook", "timeout": "600ms"}
    nobody = {"kind": "webhook", "url": "http://127.0.0.1:9/hook", "timeout": "600ms"}
    made["guardrails"] = [
        {"id": "no-mail", "detect": {"pii": ["email"], "words": ["project x"]}, "match": {"model": ["block"]}},
        {"id": "mask", "action": "mask", "detect": {"pii": "all", "secrets": "all"}, "match": {"model": ["mask"]}},
        {"id": "restore", "on": ["request"], "action": "mask", "restore": True, "detect": {"pii": ["email"]}, "match": {"model": ["restore"]}},
        {"id": "watch", "action": "monitor", "detect": {"pii": ["email"]}, "match": {"model": ["watch"]}},
        {"id": "ask", "external": ask, "match": {"model": ["ask", "ask-twice"]}},
        {"id": "hook", "external": hook, "match": {"model": ["ask-twice"]}},
        {"id": "nobody", "external": nobody, "match": {"model": ["ask-nobody"]}},
        {"id": "nobody-open", "external": {**nobody, "when_unreachable": "allow"}, "match": {"model": ["ask-nobody-open"]}},
        {"id": "some", "action": "monitor", "external": {**nobody, "sample": "0.5", "when_unreachable": "allow"}, "match": {"model": ["ask-some"]}},
    ]  # fmt: skip
    return made


@pytest.fixture(scope="module")
def rails(tmp_path_factory):
    one = Gateway(tmp_path_factory.mktemp("guardrails"), guarded, key_ids=policy.KEY_IDS)
    yield from one.serve()


@pytest.fixture
def gateway(rails):
    for provider in rails.providers.values():
        provider.control("DELETE", "/_seen")
        provider.unscript()
    return rails


def prompt(gateway: Gateway, model: str, text: str, **more) -> wire.Answer:
    return gateway.chat(model, messages=[{"role": "user", "content": text}], **more)


def content(text: str) -> str:
    return "data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}) + "\n\n"


def streams(gateway: Gateway, chunks: list[bytes | str], **more) -> None:
    pieces = [{"base64": base64.b64encode(chunk if isinstance(chunk, bytes) else chunk.encode()).decode()} for chunk in chunks]
    gateway.providers["alpha"].script({"headers": {"content-type": EVENT}, "chunks": pieces, **more})


def rail_decisions(record: dict) -> list[tuple]:
    found = [one for one in record["decisions"] if one["stage"] == "guardrails"]
    return [(one["policy_id"], one["verdict"], one.get("direction"), one.get("reason"), one.get("observed")) for one in found]


def text_of(events: bytes) -> str:
    data = [json.loads(event) for event in wire.data_events(events) if event != "[DONE]"]
    return "".join(one["choices"][0]["delta"].get("content", "") for one in data)


@pytest.mark.parametrize("trailers", TRAILERS.values(), ids=TRAILERS)
def test_trailers_bypass_no_guardrail(gateway, trailers):
    trace = gateway.trace()
    body = json.dumps({"model": "block", "messages": [{"role": "user", "content": f"to {MAIL}"}]}).encode()
    answer = Http2(gateway.listen).ask(gateway.head(trace), [body[:30], body[30:]], trailers)
    assert answer.status == 422 and answer.error()["policy"] == {"id": "no-mail"}
    assert not gateway.providers["alpha"].seen(trace)
    assert rail_decisions(gateway.record(trace)) == [("no-mail", "deny", "request", "email", 1)]


@pytest.mark.parametrize("trailers", TRAILERS.values(), ids=TRAILERS)
def test_trailers_do_not_skip_external_checks(gateway, trailers):
    trace = gateway.trace()
    gateway.providers["beta"].script({**CLEAN, "delay_ms": 150})
    body = json.dumps({"model": "ask", "messages": [{"role": "user", "content": "hello"}]}).encode()
    answer = Http2(gateway.listen).ask(gateway.head(trace), [body], trailers)
    assert answer.status == 200
    [seen] = gateway.providers["alpha"].seen(trace)
    assert seen.body == body.replace(b'"ask"', b'"ok"')


def test_mebibyte_of_prompt_is_masked(gateway):
    filler = "All work and no play makes a long prompt.\n" * 12_500
    text = f"{filler}{MAIL} and {filler}{MAIL}"
    answer = prompt(gateway, "mask", text)
    assert answer.status == 200
    [seen] = gateway.providers["alpha"].seen(answer.trace)
    assert seen.json()["messages"][0]["content"] == text.replace(MAIL, "[EMAIL_1]")
    record = gateway.record(answer)
    assert record["payload"]["request_bytes"] > 1_048_576
    assert record["payload"]["redactions"] == {"email": 2}


def test_secret_is_masked_at_every_split(gateway):
    """Splits it into two events at every place of the secret, each event in its own chunk."""
    cuts = range(1, len(MAIL))
    for at in cuts:
        streams(gateway, [content(f"to {MAIL[:at]}"), content(f"{MAIL[at:]} now"), DONE])
    answers = [gateway.chat("mask", stream=True) for _ in cuts]
    assert {text_of(answer.body) for answer in answers} == {"to [EMAIL] now"}
    assert all(MAIL[:8].encode() not in answer.body and answer.body.endswith(DONE.encode()) for answer in answers)


def test_secret_in_single_bytes_is_masked(gateway):
    whole = (content("to \u00e9 " + MAIL[:9]) + content(MAIL[9:]) + DONE).encode()
    streams(gateway, [whole[at : at + 1] for at in range(len(whole))], chunk_delay_ms=1)
    answer = gateway.chat("mask", stream=True)
    assert text_of(answer.body) == "to \u00e9 [EMAIL]"


def test_clean_stream_is_not_delayed(gateway):
    """Each event is passed on before the next one; one that could begin a match waits for the next, but a ping does not."""
    body = json.dumps({"model": "mask", "stream": True, "messages": []}).encode()
    streams(gateway, [content("One. ")], then="hang")
    with wire.Exchange(gateway.listen) as exchange:
        exchange.send(wire.request("POST", "/v1/chat/completions", gateway.head(gateway.trace()), body))
        exchange.read_until(b"One. ")
    streams(gateway, [content("One. "), content("ann"), ": ping\n\n", content("@x. Two. "), DONE], chunk_delay_ms=300)
    with wire.Exchange(gateway.listen) as exchange:
        exchange.send(wire.request("POST", "/v1/chat/completions", gateway.head(gateway.trace()), body))
        before_the_ping = exchange.read_until(b": ping")
        assert b'"ann"' not in before_the_ping
        rest = exchange.read_until(b"[DONE]")
        assert rest.index(b'"ann"') < rest.index(b"Two.")


def test_a_blocked_stream_closes_the_providers(gateway):
    streams(gateway, [content("plan: "), content("Project "), content("X is"), *[content(" more")] * 50], chunk_delay_ms=60)
    answer = gateway.chat("block", stream=True)
    assert not answer.whole and b"more" not in answer.body and b"Project" not in answer.body
    assert answer.body.startswith(content("plan: ").encode())
    kind, data = answer.body.decode().removesuffix("\n\n").split("\n\n")[-1].split("\n")
    assert kind == "event: error"
    error = json.loads(data.removeprefix("data: "))["error"]
    assert (error["code"], error["policy"]) == ("content_filter", {"id": "no-mail"})
    assert gateway.providers["alpha"].saw_abort(answer.trace)
    record = gateway.record(answer)
    assert (record["status"], record["ended_by"], record["error_code"]) == (200, "gateway", "content_filter")
    assert rail_decisions(record) == [("no-mail", "deny", "response", "words", 1)]


def test_blocked_stream_of_silent_provider_ends(gateway):
    streams(gateway, [content("project x is"), content(" big.")], then="hang")
    answer = gateway.chat("block", stream=True)
    assert b"event: error" in answer.body
    assert gateway.providers["alpha"].saw_abort(answer.trace)


def test_sdk_raises_the_error_of_a_stream(gateway):
    import openai

    streams(gateway, [content("plan: "), content("project x. ")])
    got = ""
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.keys["main"], max_retries=0) as client:
        trace = gateway.trace()
        head = {"traceparent": wire.traceparent(trace)}
        with pytest.raises(openai.APIError) as raised:
            messages = [{"role": "user", "content": "hi"}]
            for chunk in client.chat.completions.create(model="block", messages=messages, stream=True, extra_headers=head):
                got += chunk.choices[0].delta.content or ""
    assert got == "plan: "
    assert raised.value.body["code"] == "content_filter"


def test_a_large_answer_is_held_and_masked(gateway):
    filler = "All work and no play. " * 50_000
    body = json.dumps({"choices": [{"index": 0, "message": {"content": f"{filler}{MAIL}"}}]})
    pieces = [body[at : at + 50_000] for at in range(0, len(body), 50_000)]
    gateway.providers["alpha"].script({"headers": {"content-type": "application/json"}, "chunks": pieces})
    answer = gateway.chat("mask")
    assert answer.json()["choices"][0]["message"]["content"] == f"{filler}[EMAIL]"
    assert gateway.record(answer)["payload"]["redactions"] == {"email": 1}


def test_answer_too_large_to_hold_is_refused(gateway):
    body = '{"choices":[{"message":{"content":"' + "x" * 24_000_000 + '"}}]}'
    script = {"headers": {"content-type": "application/json"}, "body": body}
    # Without a pause, so that each read of the proxy is as large as it can be.
    for _ in range(8):
        gateway.providers["alpha"].script(script)
        answer = gateway.chat("block")
        assert answer.status == 502 and answer.error()["code"] == "unreadable_answer"
    gateway.providers["alpha"].script(script)
    answer = gateway.chat("watch")
    assert answer.status == 200 and len(answer.body) == len(body)


def test_originals_return_to_their_caller_only(gateway):
    def one(number: int) -> bool:
        mail = f"user{number}@mail.example.com"
        answer = prompt(gateway, "restore", f"I am {mail}", stream=True)
        return mail in text_of(answer.body) and answer.body.count(b"@mail") == 1

    for _ in range(24):
        streams(gateway, [content("You are [EMA"), content("IL_1]"), content("!"), DONE])
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(24)))
    assert all(b"[EMAIL_1]" in seen.body and b"@mail" not in seen.body for seen in gateway.providers["alpha"].seen())


# Checks by others


def test_check_sees_texts_and_its_credential(gateway):
    gateway.providers["beta"].script(CLEAN)
    assert prompt(gateway, "ask", "hello \u00e9").status == 200
    [seen] = gateway.providers["beta"].seen()
    assert (seen.method, seen.path) == ("POST", "/moderations")
    assert seen.json() == {"input": ["hello \u00e9"]}
    assert seen.header("authorization") == f"Bearer {gateway.env['BETA_API_KEY']}"
    assert gateway.keys["main"].encode() not in b"".join(value.encode() for _, value in seen.headers)


def test_two_checks_must_both_agree(gateway):
    gateway.providers["beta"].script(NEVER, NEVER)
    assert prompt(gateway, "ask-twice", "hello").status == 503
    assert len(gateway.providers["beta"].seen()) == 2, "neither was waited for before the other was asked"
    gateway.providers["beta"].script(CLEAN, CLEAN)
    answer = prompt(gateway, "ask-twice", "hello")
    assert answer.status == 200
    assert sorted(rail_decisions(gateway.record(answer))) == [("ask", "allow", "request", None, None), ("hook", "allow", "request", None, None)]
    gateway.providers["beta"].script(FLAGGED, FLAGGED)
    answer = prompt(gateway, "ask-twice", "hello")
    # A webhook would not accept this answer: either check refuses.
    assert answer.status in (422, 503)
    assert not gateway.providers["alpha"].seen(answer.trace)


def test_slow_check_times_out(gateway):
    gateway.providers["beta"].script(NEVER)
    answer = prompt(gateway, "ask", "hello")
    assert answer.status == 503 and answer.error()["code"] == "guardrail_unreachable"
    assert not gateway.providers["alpha"].seen(answer.trace)


def test_unreachable_check_follows_the_policy(gateway):
    refused = prompt(gateway, "ask-nobody", "hello")
    assert refused.status == 503 and refused.error()["policy"] == {"id": "nobody"}
    passed = prompt(gateway, "ask-nobody-open", "hello")
    assert passed.status == 200
    assert rail_decisions(gateway.record(passed)) == [("nobody-open", "allow", "request", "unreachable", None)]


def test_checks_can_be_sampled(gateway):
    answers = [prompt(gateway, "ask-some", "hello") for _ in range(60)]
    asked = [len(rail_decisions(gateway.record(answer))) for answer in answers]
    assert all(answer.status == 200 for answer in answers)
    assert 10 < sum(asked) < 50


def test_client_that_leaves_during_a_check(gateway):
    for delay in (0.05, 0.2, 0.4):
        gateway.providers["beta"].script({**CLEAN, "delay_ms": 300})
        trace = gateway.trace()
        body = json.dumps({"model": "ask", "messages": [{"role": "user", "content": "hello"}]}).encode()
        with wire.Exchange(gateway.listen) as exchange:
            exchange.send(wire.request("POST", "/v1/chat/completions", gateway.head(trace), body))
            time.sleep(delay)
        gateway.record(trace)
    time.sleep(0.5)
    gateway.assert_no_trap()


def test_new_policy_during_checks(gateway):
    """Calls of streams and of two roots are pending in one VM: the SDK would panic on a repeated number."""
    count = 160
    gateway.providers["beta"].script(*({**CLEAN, "delay_ms": 50 + 7 * number % 400} for number in range(count)))
    changed = guarded(gateway)
    with ThreadPoolExecutor(16) as pool:
        answers = [pool.submit(prompt, gateway, "ask", f"hello {number}") for number in range(count)]
        for number in range(6):
            time.sleep(0.25)
            changed["environment"] = f"e2e-{number}"
            gateway.render(changed)
        statuses = [answer.result().status for answer in answers]
    assert statuses == [200] * count
    assert len({record["environment"] for record in gateway.all_records()}) > 3, "policies changed while calls were under way"
    gateway.render(guarded(gateway))
    gateway.assert_no_trap()


def test_findings_are_not_stored_or_logged(gateway):
    from test_canary import metrics

    words = []

    def canary() -> str:
        words.append(f"canary{secrets.token_hex(10)}")
        return f"{words[-1]}@mail.example.com"

    for model in ("block", "mask", "restore", "watch", "ask-nobody", "ask-nobody-open"):
        for stream in (False, True):
            prompt(gateway, model, f"{canary()} and project x", stream=stream)
    for model in ("block", "mask", "watch"):
        streams(gateway, [content(canary()), content(" then"), DONE])
        prompt(gateway, model, "hello", stream=True)
        body = json.dumps({"choices": [{"message": {"content": canary()}}]})
        gateway.providers["alpha"].script({"headers": {"content-type": "application/json"}, "body": body})
        prompt(gateway, model, "hello")
    gateway.providers["beta"].script({**CLEAN, "body": json.dumps({"results": [{"flagged": True, "categories": {canary(): True}}]})})
    prompt(gateway, "ask", canary())
    gateway.settle()
    places = {"records": json.dumps(gateway.all_records()).encode(), "metrics": metrics(gateway)}
    for path in [*gateway.data.rglob("*"), *gateway.out.rglob("*"), *gateway.folder.glob("*.log")]:
        if path.is_file():
            places[str(path)] = path.read_bytes()
    assert len(words) > 15
    assert [place for place, content in places.items() if any(word.encode() in content for word in words)] == []
