"""The request that the provider receives: the client's bytes with the provider's model and credential, and nothing else."""

from __future__ import annotations

import json
import threading

import pytest
import wire
from test_cases import assert_sent

PROBLEMATIC_HEADERS = ("x-headgate-", "x-envoy-", "x-forwarded-", "forwarded", "x-request-id", "x-api-key", "api-key", "via")

# MODEL stands for the client's model; `None` for the rest means that only the model's bytes may differ.
BODIES = {
    "as the SDK writes it": b'{"messages":[{"role":"user","content":"Say hello."}],"model":MODEL}',
    "odd whitespace": b' \r\n\t{ "messages" :\t[ ] ,\n\n"model"  :\r\n MODEL , "n" : 1 }\n ',
    "unicode and escapes": '{"messages":[{"content":"żółć \\u017c\\ud83d\\ude00 😀 \\/ \\b\\f"}],"model":MODEL}'.encode(),
    "a key and a value that look like a model": b'{"m":{"model":"inner"},"messages":["\\"model\\":\\"x\\""],"model":MODEL}',
    "unknown keys twice and in any order": b'{"zeta":1,"model":MODEL,"alpha":2,"zeta":3,"\xc3\xbc":{"a":1,"a":2}}',
    "numbers as written": b'{"model":MODEL,"a":1.0,"b":1e400,"c":-0,"d":123456789012345678901234567890,"e":0.10}',
    "an escaped key": b'{"mod\\u0065l":MODEL,"messages":[]}',
    "a lone surrogate": b'{"messages":[{"content":"\\ud800"}],"model":MODEL}',
    "a zero character": b'{"messages":[{"content":"\\u0000"}],"model":MODEL}',
    "the model first": b'{"model":MODEL,"messages":[]}',
}


def arrived(gateway, answer: wire.Answer, provider: str = "alpha") -> wire.Seen:
    """Returns the one request that arrived at a provider for this answer."""
    assert answer.status == 200, answer.body
    [seen] = gateway.providers[provider].seen(answer.trace)
    return seen


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_only_the_models_value_is_changed(gateway, body):
    answer = gateway.call(body.replace(b"MODEL", b'"chat"'))
    assert arrived(gateway, answer).body == body.replace(b"MODEL", b'"gpt-4o-mini"')


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_every_attempt_gets_the_original_bytes(gateway, body):
    answer = gateway.call(body.replace(b"MODEL", b'"status-503+ok"'))
    assert arrived(gateway, answer, "alpha").body == body.replace(b"MODEL", b'"status-503"')
    assert arrived(gateway, answer, "beta").body == body.replace(b"MODEL", b'"ok"')


def test_same_model_name_passes_unchanged(gateway):
    body = b'{ "messages" : [ ] , "model" : "o\\u006b" }'
    assert arrived(gateway, gateway.call(body)).body == body


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        (b'{"model":"ok","stream":true}', b'{"stream_options":{"include_usage":true},"model":"ok","stream":true}'),
        (b'{"stream":true,"model":"ok","stream_options":{"include_usage":true}}', None),
        (b'{"stream":true,"model":"ok","stream_options":{"include_usage":false}}', b"true"),
        (b'{"stream":true,"model":"ok","stream_options":{"other":[1, 2]}}', b"other"),
        (b'{"stream":true,"model":"ok","stream_options":null}', b"null"),
        (b'{"stream":false,"model":"ok"}', None),
    ],
)
def test_only_stream_usage_is_added(gateway, sent, received):
    seen = arrived(gateway, gateway.call(sent))
    document = json.loads(seen.body)
    if received is None:
        assert_sent(sent.decode(), seen.body)
        return
    assert document.pop("stream_options")["include_usage"] is True
    expected = json.loads(sent)
    options = expected.pop("stream_options", None) or {}
    assert document == expected
    kept = {name: value for name, value in options.items() if name != "include_usage"}
    assert json.loads(seen.body)["stream_options"] == {**kept, "include_usage": True}
    if received.startswith(b"{"):
        assert_sent(received.decode(), seen.body)


@pytest.mark.parametrize("carrier", ["authorization", "x-api-key", "api-key"])
def test_callers_key_is_replaced_by_the_providers(gateway, carrier):
    secret = gateway.keys["main"]
    value = f"Bearer {secret}" if carrier == "authorization" else secret
    answer = gateway.chat("status-503+ok", key=None, headers={carrier: value})
    for provider in ("alpha", "beta"):
        seen = arrived(gateway, answer, provider)
        credentials = [value for name, value in seen.headers if name.lower() in ("authorization", "x-api-key", "api-key")]
        assert credentials == [f"Bearer {gateway.env[f'{provider.upper()}_API_KEY']}"]
        assert not any(secret in value for _, value in seen.headers)


def test_provider_without_credential_gets_none(gateway):
    for alias in ("plain", "alpha+plain"):
        seen = arrived(gateway, gateway.chat(alias), "beta")
        assert seen.header("authorization") is None
        assert seen.path == "/plain/v1/chat/completions"


def test_second_key_header_is_removed(gateway):
    answer = gateway.chat("ok", headers={"x-api-key": gateway.keys["other"], "api-key": gateway.keys["narrow"]})
    values = " ".join(value for _, value in arrived(gateway, answer).headers)
    assert not any(secret in values for secret in gateway.keys.values())


def test_provider_sees_no_gateway_headers(gateway):
    ours = {
        "x-headgate-session-id": "s", "x-headgate-anything": "x", "x-envoy-max-retries": "9", "x-envoy-retry-on": "5xx",
        "x-envoy-upstream-rq-timeout-ms": "1", "x-envoy-original-path": "/x", "x-forwarded-for": "192.0.2.1",
        "x-forwarded-proto": "https", "x-forwarded-host": "h", "forwarded": "for=192.0.2.1", "x-envoy-attempt-count": "4",
    }  # fmt: skip
    for headers in ({}, ours):
        answer = gateway.chat("status-503+ok", headers=headers)
        for provider in ("alpha", "beta"):
            names = arrived(gateway, answer, provider).names()
            leaked = [name for name in names if name.startswith(PROBLEMATIC_HEADERS)]
            assert leaked == []


def test_client_headers_pass_in_both_attempts(gateway):
    mine = {"x-stainless-lang": "python", "x-custom": "a,b;c=\"d\"", "user-agent": "OpenAI/Python 9", "openai-beta": "x=v2"}
    answer = gateway.chat("status-503+ok", headers=mine)
    for provider in ("alpha", "beta"):
        seen = arrived(gateway, answer, provider)
        assert {name: seen.header(name) for name in mine} == mine
        assert answer.trace in seen.header("traceparent")
        assert seen.header("content-type") == "application/json"


def test_each_provider_is_told_the_span_of_its_own_attempt(gateway):
    answer = gateway.chat("status-503+ok", headers={"tracestate": "vendor=1"})
    [record] = gateway.records(answer.trace)
    request_span = int(record["id"].replace("-", "")[16:], 16)
    assert record["span_id"] == f"{request_span:016x}"
    assert [one["span_id"] for one in record["attempts"]] == [f"{request_span + number:016x}" for number in (1, 2)]
    for provider, attempt in zip(("alpha", "beta"), record["attempts"], strict=True):
        seen = arrived(gateway, answer, provider)
        assert [value for name, value in seen.headers if name == "traceparent"] == [f"00-{answer.trace}-{attempt['span_id']}-01"]
        assert seen.header("tracestate") == "vendor=1"


def test_a_trace_without_a_span_passes_unchanged(gateway):
    answer = gateway.chat("ok")
    invalid = f"00-{answer.trace}-{'0' * 16}-01"
    trace = gateway.trace()
    head = [(name, value) for name, value in gateway.head(trace) if name != "traceparent"]
    sent = [*head, ("traceparent", invalid.replace(answer.trace, trace)), ("content-type", "application/json")]
    assert wire.call(gateway.listen, "POST", "/v1/chat/completions", sent, b'{"model":"ok","messages":[]}').status == 200
    [seen] = gateway.providers["alpha"].seen(trace)
    [record] = gateway.records(trace)
    assert seen.header("traceparent") == f"00-{trace}-{'0' * 16}-01"
    assert "span_id" not in record and "parent_span_id" not in record and "span_id" not in record["attempts"][0]


def test_compression_is_not_offered(gateway):
    answer = gateway.chat("status-503+ok", headers={"accept-encoding": "gzip, br, zstd"})
    for provider in ("alpha", "beta"):
        assert arrived(gateway, answer, provider).header("accept-encoding") is None


def test_host_and_path_are_each_providers_own(gateway):
    answer = gateway.call(b'{"model":"status-503+ok"}', path="/v1/chat/completions?api-version=1&x=%2F")
    for provider, path in (("alpha", "/v1/chat/completions"), ("beta", "/openai/v2/chat/completions")):
        seen = arrived(gateway, answer, provider)
        assert seen.path == f"{path}?api-version=1&x=%2F"
        assert seen.header("host") == gateway.providers[provider].url.removeprefix("http://")
        assert seen.method == "POST"


@pytest.mark.parametrize("surface", ["/completions", "/embeddings"])
def test_the_other_surfaces_have_their_own_paths(gateway, surface):
    answer = gateway.call(b'{"model":"status-503+ok","input":"a","prompt":"a"}', path=f"/v1{surface}")
    assert arrived(gateway, answer, "beta").path == f"/openai/v2{surface}"


def test_chunked_request_arrives_with_length(gateway):
    trace = gateway.trace()
    head = [*gateway.head(trace), ("transfer-encoding", "chunked")]
    body = b'{"model":"status-503+ok","messages":["' + b"x" * 3000 + b'"]}'
    pieces = [body[at : at + 7] for at in range(0, len(body), 7)]
    answer = wire.call(gateway.listen, "POST", "/v1/chat/completions", head, wire.chunked(*pieces))
    answer.trace = trace
    for provider, model in (("alpha", b"status-503"), ("beta", b"ok")):
        seen = arrived(gateway, answer, provider)
        assert seen.body == body.replace(b"status-503+ok", model)
        assert seen.header("content-length") == str(len(seen.body))
        assert seen.header("transfer-encoding") is None


def test_100_continue_is_served(gateway):
    trace = gateway.trace()
    body = b'{"model":"chat","messages":[]}'
    head = [*gateway.head(trace), ("expect", "100-continue"), ("content-length", str(len(body)))]
    with wire.Exchange(gateway.listen) as exchange:
        exchange.send(wire.request("POST", "/v1/chat/completions", head))
        assert exchange.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        exchange.send(body)
        answer = exchange.answer()
    answer.trace = trace
    assert arrived(gateway, answer).body == body.replace(b"chat", b"gpt-4o-mini")


def test_five_megabytes_reach_both_attempts(gateway):
    text = ("Fünf Megabyte! " * 360_000).encode()
    body = b'{"messages":[{"role":"user","content":"' + text + b'"}],"model":"reset-before+ok"}'
    assert len(body) > 5 << 20
    answer = gateway.call(body)
    # A kept connection that is reset causes one more try.
    alpha = {one.body for one in gateway.providers["alpha"].seen(answer.trace)}
    assert alpha == {body.replace(b"reset-before+ok", b"reset-before")}
    assert arrived(gateway, answer, "beta").body == body.replace(b"reset-before+ok", b"ok")


def test_requests_on_one_connection_do_not_mix(gateway):
    def run(worker: int) -> None:
        with wire.Exchange(gateway.listen) as exchange:
            for number in range(10):
                trace = gateway.trace()
                body = json.dumps({"model": "status-503+ok", "messages": [f"{worker}-{number}"]}).encode()
                exchange.send(wire.request("POST", "/v1/chat/completions", gateway.head(trace), body))
                answer = exchange.answer()
                answer.trace = trace
                wrong.extend([] if arrived(gateway, answer, "beta").json()["messages"] == [f"{worker}-{number}"] else [trace])

    wrong: list[str] = []
    threads = [threading.Thread(target=run, args=(worker,)) for worker in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert wrong == []
