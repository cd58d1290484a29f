"""The real Anthropic SDK: a program gets the same through the gateway as from the provider."""

from __future__ import annotations

import json

import anthropic
import openai
import pytest
import wire
from records import REPORTED_MESSAGE, attempt, estimated, expect, failover, refused_by_provider, rejected

ASK = [{"role": "user", "content": "Say hello."}]
HELLO = "Hello from {}: it was served ✓"
TOOL = {"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}
ARGUMENTS = {"city": "Oslo", "unit": "C"}


def asked(gateway, model: str = "claude", requests: int = 1, **more) -> tuple[str, dict]:
    trace = gateway.trace(requests)
    headers = {"traceparent": wire.traceparent(trace)}
    return trace, {"model": model, "max_tokens": 64, "messages": ASK, "extra_headers": headers, **more}


def served(record: dict, *attempts: tuple, usage=REPORTED_MESSAGE, **more) -> None:
    expect(record, *attempts, usage=usage, surface="messages", **more)


def test_a_message_is_the_providers(gateway, claude):
    trace, request = asked(gateway)
    message = claude.messages.create(**request)
    assert message.content[0].text == HELLO.format("alpha")
    assert (message.model, message.stop_reason) == ("claude-sonnet-4-5", "end_turn")
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens, message.usage.output_tokens) == (5, 4, 7)
    assert message._request_id.startswith("req_alpha_")
    record = gateway.record(trace)
    served(record, attempt("claude/claude-sonnet-4-5"))
    assert record["requested_model"] == "claude"
    assert record["finish_reason"] == "end_turn"
    assert record["client"] == {"user_agent": "anthropic-python"}
    assert record["caller"]["key_id"] == "main"
    assert record["provider_request_id"] == message._request_id


def test_provider_gets_its_own_model_key_and_path(gateway, claude):
    trace, request = asked(gateway, system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}])
    claude.beta.messages.create(**request, betas=["a-2030-01-01", "b-2030-01-01"])
    [seen] = gateway.providers["alpha"].seen(trace)
    assert seen.path == "/anthropic/v1/messages"
    assert seen.header("x-api-key") == gateway.env["ALPHA_API_KEY"]
    assert seen.header("authorization") is None
    assert seen.header("anthropic-version") == claude.default_headers["anthropic-version"]
    assert seen.header("anthropic-beta") == "a-2030-01-01,b-2030-01-01"
    body = {name: value for name, value in request.items() if name != "extra_headers"}
    assert seen.json() == {**body, "model": "claude-sonnet-4-5"}
    served(gateway.record(trace), attempt("claude/claude-sonnet-4-5"))


def test_a_bearer_token_is_a_key_too(gateway):
    trace, request = asked(gateway)
    with anthropic.Anthropic(base_url=gateway.url, api_key=None, auth_token=gateway.keys["main"], max_retries=0) as client:
        assert client.messages.create(**request).content[0].text == HELLO.format("alpha")
    [seen] = gateway.providers["alpha"].seen(trace)
    assert (seen.header("x-api-key"), seen.header("authorization")) == (gateway.env["ALPHA_API_KEY"], None)
    served(gateway.record(trace), attempt("claude/claude-sonnet-4-5"))


def test_stream_has_its_usage_on_record(gateway, claude):
    trace, request = asked(gateway)
    with claude.messages.stream(**request) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == final.content[0].text == HELLO.format("alpha")
    assert (final.usage.input_tokens, final.usage.output_tokens, final.stop_reason) == (5, 7, "end_turn")
    record = gateway.record(trace)
    served(record, attempt("claude/claude-sonnet-4-5"), stream=True)
    assert record["finish_reason"] == "end_turn"
    assert 0 < record["time_to_first_token_us"] <= record["duration_us"]


def test_stream_bytes_pass_unchanged(gateway):
    trace, request = asked(gateway)
    body = json.dumps({"model": "claude", "max_tokens": 9, "messages": ASK, "stream": True}).encode()
    head = gateway.head(trace, None, x_api_key=gateway.keys["main"], content_type="application/json")
    answer = wire.call(gateway.listen, "POST", "/v1/messages", head, body)
    direct = wire.call(gateway.providers["alpha"].url.removeprefix("http://"), "POST", "/v1/messages", [("host", "a")], body)
    different = {line for line in answer.body.splitlines() if b"msg_" not in line}
    assert answer.body.count(b"event: ping\ndata: {\"type\": \"ping\"}\n\n") == 1
    assert different == {line.replace(b'"claude"', b'"claude-sonnet-4-5"') for line in direct.body.splitlines() if b"msg_" not in line}
    served(gateway.record(trace), attempt("claude/claude-sonnet-4-5"), stream=True)


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called(gateway, claude, stream):
    trace, request = asked(gateway, tools=[TOOL])
    if stream:
        with claude.messages.stream(**request) as events:
            message = events.get_final_message()
    else:
        message = claude.messages.create(**request)
    [block] = message.content
    assert (block.type, block.name, block.input) == ("tool_use", "weather", ARGUMENTS)
    [seen] = gateway.providers["alpha"].seen(trace)
    assert seen.json()["tools"] == [TOOL]
    record = gateway.record(trace)
    served(record, attempt("claude/claude-sonnet-4-5"), stream=stream)
    assert record["finish_reason"] == "tool_use"


def test_images_and_documents_are_counted(gateway, claude):
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo=" * 1000}}
    document = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "A report."}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "See:"}, image]}
    trace, request = asked(gateway, messages=[{"role": "user", "content": [image, document, result]}])
    assert claude.messages.create(**request).content[0].text == HELLO.format("alpha")
    record = gateway.record(trace)
    served(record, attempt("claude/claude-sonnet-4-5"))
    assert record["payload"]["attachments"] == 3


def test_token_counting_costs_nothing(gateway, claude):
    trace, request = asked(gateway)
    del request["max_tokens"]
    assert claude.messages.count_tokens(**request).input_tokens == 11
    [seen] = gateway.providers["alpha"].seen(trace)
    assert seen.path == "/anthropic/v1/messages/count_tokens"
    expect(gateway.record(trace), attempt("claude/claude-sonnet-4-5"), surface="count_tokens", usage=None)


def test_529_moves_on_to_the_other_provider(gateway, claude):
    trace, request = asked(gateway, "claude:status-529+ok")
    raw = claude.messages.with_raw_response.create(**request)
    assert raw.parse().content[0].text == HELLO.format("beta")
    assert (raw.headers["x-headgate-served-by"], raw.headers["x-headgate-attempts"]) == ("spare/ok", "2")
    [seen] = gateway.providers["beta"].seen(trace)
    assert (seen.path, seen.header("x-api-key")) == ("/v1/messages", gateway.env["BETA_API_KEY"])
    served(gateway.record(trace), attempt("claude/status-529", 529, "server_error"), failover("spare/ok"))


@pytest.mark.parametrize(
    ("key", "model", "status", "error", "kind", "code", "policy"),
    [
        ("no such key", "claude", 401, anthropic.AuthenticationError, "authentication_error", "invalid_api_key", None),
        ("expired", "claude", 401, anthropic.AuthenticationError, "authentication_error", "api_key_expired", "expired"),
        ("disabled", "claude", 401, anthropic.AuthenticationError, "authentication_error", "api_key_disabled", "disabled"),
        ("narrow", "claude", 403, anthropic.PermissionDeniedError, "permission_error", "model_not_allowed", "narrow"),
        ("main", "claude-99", 404, anthropic.NotFoundError, "not_found_error", "model_not_found", None),
        ("main", "chat", 404, anthropic.NotFoundError, "not_found_error", "wrong_api", None),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_rejections_are_sdk_errors(gateway, key, model, status, error, kind, code, policy, stream):
    trace, request = asked(gateway, model)
    # The SDK's own retries are on, but it does not retry any of these.
    with anthropic.Anthropic(base_url=gateway.url, api_key=gateway.keys.get(key, key)) as client:
        with pytest.raises(error) as caught:
            client.messages.create(**request, stream=stream)
    refusal = caught.value
    assert (refusal.status_code, refusal.type) == (status, kind)
    assert refusal.body["type"] == "error"
    assert refusal.body["error"]["message"].startswith("Rejected by the gateway: ")
    assert refusal.body["error"].get("policy") == (policy and {"id": policy})
    assert refusal.request_id == refusal.body["request_id"] == refusal.response.headers["x-headgate-request-id"]
    record = gateway.record(trace)
    assert record["id"] == refusal.request_id
    # The body of a request without a key is not read.
    rejected(record, status, code, surface="messages", stream=stream and status != 401)


def test_too_large_body_is_an_sdk_error(gateway, claude):
    trace, request = asked(gateway, system="x" * (22 << 20))
    with pytest.raises(anthropic.APIStatusError) as caught:
        claude.messages.create(**request)
    assert (caught.value.status_code, caught.value.type) == (413, "request_too_large")
    rejected(gateway.record(trace), 413, "request_too_large", surface="messages")


@pytest.mark.parametrize(
    ("status", "error", "word"),
    [
        (400, anthropic.BadRequestError, "client_error"),
        (401, anthropic.AuthenticationError, "client_error"),
        (403, anthropic.PermissionDeniedError, "client_error"),
        (404, anthropic.NotFoundError, "client_error"),
        (429, anthropic.RateLimitError, "rate_limited"),
        (500, anthropic.InternalServerError, "server_error"),
        (529, anthropic.InternalServerError, "server_error"),
    ],
)
def test_provider_errors_are_sdk_errors(gateway, claude, status, error, word):
    trace, request = asked(gateway, f"claude:status-{status}")
    with pytest.raises(error) as caught:
        claude.messages.create(**request)
    assert caught.value.status_code == status
    assert caught.value.response.headers["x-headgate-rejected-by"] == "provider"
    assert caught.value.body["request_id"] == "req_of_the_error"
    assert caught.value.request_id.startswith("req_alpha_")
    refused_by_provider(gateway.record(trace), attempt(f"claude/status-{status}", status, word), surface="messages")


def test_sdk_retries_without_targets(gateway, claude):
    trace, request = asked(gateway, "claude:nobody", requests=2)
    with pytest.raises(anthropic.InternalServerError) as caught:
        claude.with_options(max_retries=1).messages.create(**request)
    assert (caught.value.status_code, caught.value.type) == (503, "overloaded_error")
    assert caught.value.request_id == caught.value.body["request_id"]
    assert int(caught.value.response.headers["retry-after"]) >= 1
    for record in gateway.records(trace, 2):
        rejected(record, 503, "all_targets_unavailable", attempt("dead-claude/ok", None, "connect"), surface="messages")


def test_sdk_retries_are_separate_requests(gateway, claude):
    trace, request = asked(gateway, "claude:status-529", requests=3)
    with pytest.raises(anthropic.InternalServerError):
        claude.with_options(max_retries=2).messages.create(**request)
    counts = [seen.header("x-stainless-retry-count") for seen in gateway.providers["alpha"].seen(trace)]
    assert counts == ["0", "1", "2"]
    for record in gateway.records(trace, 3):
        refused_by_provider(record, attempt("claude/status-529", 529, "server_error"), surface="messages")


def test_error_in_mid_stream_is_an_sdk_error(gateway, claude):
    start = 'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","content":[],"model":"m","stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":1}}}\n\n'
    error = 'event: error\ndata: {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}\n\n'
    gateway.providers["alpha"].script({"headers": {"content-type": "text/event-stream"}, "chunks": [start, error]})
    trace, request = asked(gateway)
    with pytest.raises(anthropic.APIStatusError) as caught:
        list(claude.messages.create(**request, stream=True))
    assert caught.value.type == "overloaded_error"
    # The SDK leaves at once; it depends on timing whether the provider ended before.
    record = gateway.record(trace)
    assert record["status"] == 200 and record["ended_by"] in ("client", "complete")
    assert "usage" not in record, "an error before any content costs nothing"


@pytest.mark.envoy_only("nobody tells the filter that a client has left")
def test_leaving_client_pays_reported_input(gateway, claude):
    trace, request = asked(gateway, "claude:stream-200-delay-50")
    with claude.messages.stream(**request) as stream:
        for number, _ in enumerate(stream.text_stream):
            if number == 5:
                break
    assert gateway.providers["alpha"].saw_abort(trace)
    record = gateway.record(trace)
    assert record["ended_by"] == "client"
    usage = record["usage"]
    assert usage["source"] == "estimated" and 5 <= usage.pop("output_tokens") < 200
    input_side = {name: count for name, count in REPORTED_MESSAGE.items() if name != "output_tokens"}
    assert usage == {**input_side, "reasoning_tokens": 0, "source": "estimated", "estimate_reason": "ended_early"}


def test_a_message_without_usage_is_estimated(gateway, claude):
    trace, request = asked(gateway, "claude:no-usage", system="Be brief, please.")
    assert len(list(claude.messages.create(**request, stream=True))) > 5
    output = len(json.dumps(HELLO.format("alpha"), ensure_ascii=False).encode()) - 2
    usage = estimated(-(-output // 4), -(-(len("Say hello.") + len("Be brief, please.")) // 4))
    served(gateway.record(trace), attempt("claude/no-usage"), usage=usage, stream=True)


@pytest.mark.parametrize(("levels", "status"), [(62, 200), (63, 400), (500_000, 400)])
def test_nested_content_is_read_to_the_depth_limit(gateway, levels, status):
    content = b'[{"type":"tool_result","content":' * levels + b'"x"' + b"}]" * levels
    answer = gateway.call(b'{"model":"claude","messages":[{"role":"user","content":' + content + b"}]}", path="/v1/messages")
    assert answer.status == status
    if status == 200:
        served(gateway.record(answer), attempt("claude/claude-sonnet-4-5"))
    else:
        rejected(gateway.record(answer), 400, "too_deep", surface="messages")


def test_one_alias_serves_both_sdks(gateway, claude, sdk):
    trace, request = asked(gateway, "both")
    assert claude.messages.create(**request).model == "claude-sonnet-4-5"
    served(gateway.record(trace), attempt("claude/claude-sonnet-4-5"))
    trace, request = asked(gateway, "both")
    assert sdk.chat.completions.create(**request).model == "gpt-4o-mini"
    expect(gateway.record(trace), attempt("alpha/gpt-4o-mini"))


def test_openai_sdk_learns_the_right_surface(gateway, sdk):
    trace, request = asked(gateway, "claude")
    with pytest.raises(openai.NotFoundError) as caught:
        sdk.with_options(max_retries=2).chat.completions.create(**request)
    assert (caught.value.code, caught.value.param) == ("wrong_api", "model")
    assert "`POST /v1/messages`" in caught.value.body["message"]
    rejected(gateway.record(trace), 404, "wrong_api")
