"""The real OpenAI SDK: a program gets the same through the gateway as from the provider."""

from __future__ import annotations

import asyncio

import openai
import pytest
import wire
from records import REPORTED, attempt, expect, failover, refused_by_provider, rejected

ASK = [{"role": "user", "content": "Say hello."}]
HELLO = "Hello from {}: it was served ✓"
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
ARGUMENTS = '{"city": "Oslo", "unit": "C"}'


def traced(gateway, requests: int = 1) -> tuple[str, dict]:
    trace = gateway.trace(requests)
    return trace, {"traceparent": wire.traceparent(trace)}


def test_a_chat_completion_is_the_providers(gateway, sdk):
    trace, headers = traced(gateway)
    answer = sdk.chat.completions.create(model="chat", messages=ASK, extra_headers=headers)
    assert answer.choices[0].message.content == HELLO.format("alpha")
    assert answer.model == "gpt-4o-mini"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (11, 7)
    record = gateway.record(trace)
    expect(record, attempt("alpha/gpt-4o-mini"))
    assert record["requested_model"] == "chat"
    assert record["finish_reason"] == "stop"
    assert record["client"] == {"user_agent": "openai-python"}
    assert record["caller"] == {
        "key_id": "main", "owner": "alice", "team": "search", "project": "assistant", "cost_center": "cc-12", "tenant": "acme",
    }  # fmt: skip
    assert record["provider_request_id"].startswith("req_alpha_")


def test_unrequested_usage_is_hidden(gateway, sdk):
    trace, headers = traced(gateway)
    stream = sdk.chat.completions.create(model="chat", messages=ASK, stream=True, extra_headers=headers)
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == HELLO.format("alpha")
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in chunks)
    [seen] = gateway.providers["alpha"].seen(trace)
    assert seen.json()["stream_options"] == {"include_usage": True}
    record = gateway.record(trace)
    expect(record, attempt("alpha/gpt-4o-mini"), stream=True)
    assert 0 < record["time_to_first_token_us"] <= record["duration_us"]


def test_requested_usage_is_shown(gateway, sdk):
    trace, headers = traced(gateway)
    options = {"include_usage": True}
    stream = sdk.chat.completions.create(model="chat", messages=ASK, stream=True, stream_options=options, extra_headers=headers)
    *_, last = stream
    assert last.choices == [] and last.usage.total_tokens == 18
    expect(gateway.record(trace), attempt("alpha/gpt-4o-mini"), stream=True)


def test_a_tool_call_arrives_whole(gateway, sdk):
    trace, headers = traced(gateway)
    answer = sdk.chat.completions.create(model="chat", messages=ASK, tools=[TOOL], extra_headers=headers)
    [call] = answer.choices[0].message.tool_calls
    assert (call.function.name, call.function.arguments) == ("weather", ARGUMENTS)
    record = gateway.record(trace)
    expect(record, attempt("alpha/gpt-4o-mini"))
    assert record["finish_reason"] == "tool_calls"


def test_a_streamed_tool_call_arrives_whole(gateway, sdk):
    trace, headers = traced(gateway)
    with sdk.chat.completions.stream(model="chat", messages=ASK, tools=[TOOL], extra_headers=headers) as stream:
        answer = stream.get_final_completion()
    [call] = answer.choices[0].message.tool_calls
    assert (call.function.name, call.function.arguments) == ("weather", ARGUMENTS)
    record = gateway.record(trace)
    expect(record, attempt("alpha/gpt-4o-mini"), stream=True)
    assert record["finish_reason"] == "tool_calls"


def test_images_go_through_and_are_counted(gateway, sdk):
    trace, headers = traced(gateway)
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "iVBORw0KGgo=" * 1000}}
    parts = [{"type": "text", "text": "What is this?"}, image, image]
    answer = sdk.chat.completions.create(model="chat", messages=[{"role": "user", "content": parts}], extra_headers=headers)
    assert answer.choices[0].message.content == HELLO.format("alpha")
    record = gateway.record(trace)
    expect(record, attempt("alpha/gpt-4o-mini"))
    assert record["payload"]["attachments"] == 2


@pytest.mark.parametrize("format", [{}, {"encoding_format": "float"}], ids=["as the SDK asks, base64", "float"])
def test_embeddings_come_in_either_encoding(gateway, sdk, format):
    trace, headers = traced(gateway)
    answer = sdk.embeddings.create(model="embed-small", input=["a", "b"], extra_headers=headers, **format)
    assert [one.embedding for one in answer.data] == [[n / 8 for n in range(8)]] * 2
    usage = {**REPORTED, "output_tokens": 0, "cached_input_tokens": 0, "reasoning_tokens": 0}
    expect(gateway.record(trace), attempt("beta/text-embedding-3-small"), surface="embeddings", usage=usage)


@pytest.mark.parametrize("stream", [False, True])
def test_completions_are_served(gateway, sdk, stream):
    trace, headers = traced(gateway)
    answer = sdk.completions.create(model="ok", prompt="Say hello.", stream=stream, extra_headers=headers)
    text = "".join(chunk.choices[0].text for chunk in answer) if stream else answer.choices[0].text
    assert text == HELLO.format("alpha")
    expect(gateway.record(trace), attempt("alpha/ok"), surface="completions", stream=stream)


def test_models_are_those_of_the_key(gateway, sdk):
    trace, headers = traced(gateway)
    names = [model.id for model in sdk.models.list(extra_headers=headers)]
    assert names == list(gateway.make_policy(gateway)["models"])
    expect(gateway.record(trace), served=False, usage=None, surface="models")
    trace, headers = traced(gateway)
    narrow = sdk.with_options(api_key=gateway.keys["narrow"])
    assert [model.id for model in narrow.models.list(extra_headers=headers)] == ["ok", "embed-small"]


def test_model_with_a_slash_is_retrieved(gateway, sdk):
    trace, headers = traced(gateway)
    model = sdk.models.retrieve("meta/llama", extra_headers=headers)
    assert (model.id, model.object) == ("meta/llama", "model")
    expect(gateway.record(trace), served=False, usage=None, surface="models")
    trace, headers = traced(gateway)
    with pytest.raises(openai.NotFoundError):
        sdk.with_options(api_key=gateway.keys["narrow"]).models.retrieve("meta/llama", extra_headers=headers)
    rejected(gateway.record(trace), 404, "model_not_found", surface="models")


@pytest.mark.parametrize(
    ("key", "model", "error", "status", "kind", "code", "param"),
    [
        ("no such key", "chat", openai.AuthenticationError, 401, "invalid_request_error", "invalid_api_key", None),
        ("expired", "chat", openai.AuthenticationError, 401, "invalid_request_error", "api_key_expired", None),
        ("disabled", "chat", openai.AuthenticationError, 401, "invalid_request_error", "api_key_disabled", None),
        ("narrow", "chat", openai.PermissionDeniedError, 403, "permission_denied", "model_not_allowed", "model"),
        ("main", "nope", openai.NotFoundError, 404, "invalid_request_error", "model_not_found", "model"),
        ("main", None, openai.BadRequestError, 400, "invalid_request_error", "invalid_type", "model"),
        ("main", "only-streams", openai.PermissionDeniedError, 403, "permission_denied", "model_not_allowed", "model"),
    ],
)
def test_rejections_are_sdk_errors(gateway, sdk, key, model, error, status, kind, code, param):
    trace, headers = traced(gateway)
    client = sdk.with_options(api_key=gateway.keys.get(key, key))
    with pytest.raises(error) as caught:
        client.chat.completions.create(model=model, messages=ASK, extra_headers=headers)
    raised = caught.value
    assert (raised.status_code, raised.type, raised.code, raised.param) == (status, kind, code, param)
    assert raised.response.headers["x-headgate-rejected-by"] == "gateway"
    record = gateway.record(trace)
    assert record["id"] == raised.response.headers["x-headgate-request-id"]
    rejected(record, status, code)
    assert record["decisions"][-1]["verdict"] == ("allow" if status == 400 else "deny")
    assert record.get("caller", {}).get("key_id") == (None if key == "no such key" else key)


@pytest.mark.parametrize(
    ("model", "error", "word"),
    [
        ("status-400", openai.BadRequestError, "client_error"),
        ("status-401", openai.AuthenticationError, "client_error"),
        ("status-403", openai.PermissionDeniedError, "client_error"),
        ("status-404", openai.NotFoundError, "client_error"),
        ("status-422", openai.UnprocessableEntityError, "client_error"),
        ("status-429", openai.RateLimitError, "rate_limited"),
        ("status-500", openai.InternalServerError, "server_error"),
    ],
)
def test_provider_errors_are_sdk_errors(gateway, sdk, model, error, word):
    trace, headers = traced(gateway)
    with pytest.raises(error) as caught:
        sdk.chat.completions.create(model=model, messages=ASK, extra_headers=headers)
    assert caught.value.response.headers["x-headgate-rejected-by"] == "provider"
    refused_by_provider(gateway.record(trace), attempt(f"alpha/{model}", int(model[-3:]), word))


def test_sdk_may_retry_without_targets(gateway, sdk):
    trace, headers = traced(gateway)
    with pytest.raises(openai.InternalServerError) as caught:
        sdk.chat.completions.create(model="nobody", messages=ASK, extra_headers=headers)
    assert (caught.value.status_code, caught.value.code) == (503, "all_targets_unavailable")
    assert int(caught.value.response.headers["retry-after"]) >= 1
    assert "x-should-retry" not in caught.value.response.headers
    rejected(gateway.record(trace), 503, "all_targets_unavailable", attempt("dead/ok", None, "connect"))


def test_sdk_retries_are_separate_requests(gateway, sdk):
    trace, headers = traced(gateway, requests=3)
    with pytest.raises(openai.InternalServerError):
        sdk.with_options(max_retries=2).chat.completions.create(model="nobody", messages=ASK, extra_headers=headers)
    for record in gateway.records(trace, 3):
        rejected(record, 503, "all_targets_unavailable", attempt("dead/ok", None, "connect"))


@pytest.mark.envoy_only("nobody tells the filter that a client has left")
def test_client_timeout_is_on_record(gateway, sdk):
    trace, headers = traced(gateway)
    with pytest.raises(openai.APITimeoutError):
        sdk.with_options(timeout=0.5).chat.completions.create(model="hang-forever", messages=ASK, extra_headers=headers)
    assert gateway.providers["alpha"].saw_abort(trace)
    record = gateway.record(trace)
    assert record["status"] == 0 and record["ended_by"] == "client"
    assert [one["error"] for one in record["attempts"]] == ["client_gone"]


def test_headers_name_provider_and_tries(gateway, sdk):
    trace, headers = traced(gateway)
    raw = sdk.chat.completions.with_raw_response.create(model="status-503+ok", messages=ASK, extra_headers=headers)
    assert raw.headers["x-headgate-served-by"] == "beta/ok"
    assert raw.headers["x-headgate-attempts"] == "2"
    assert raw.request_id.startswith("req_beta_")
    assert raw.parse().choices[0].message.content == HELLO.format("beta")
    record = gateway.record(trace)
    assert record["id"] == raw.headers["x-headgate-request-id"]
    assert record["provider_request_id"] == raw.request_id
    expect(record, attempt("alpha/status-503", 503, "server_error"), failover("beta/ok"))


def test_forty_concurrent_async_requests(gateway):
    traces = [traced(gateway) for _ in range(40)]

    async def ask(client: openai.AsyncOpenAI, headers: dict, stream: bool) -> str:
        answer = await client.chat.completions.create(model="status-503+ok", messages=ASK, stream=stream, extra_headers=headers)
        if not stream:
            return answer.choices[0].message.content
        return "".join([chunk.choices[0].delta.content or "" async for chunk in answer])

    async def all_at_once() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.keys["other"], max_retries=0) as client:
            return await asyncio.gather(*(ask(client, headers, n % 2 == 0) for n, (_, headers) in enumerate(traces)))

    assert asyncio.run(all_at_once()) == [HELLO.format("beta")] * 40
    for n, (trace, _) in enumerate(traces):
        record = gateway.record(trace)
        expect(record, attempt("alpha/status-503", 503, "server_error"), failover("beta/ok"), stream=n % 2 == 0)
        assert record["caller"] == {"key_id": "other"}


def test_an_unpriced_model_is_not_free(gateway, sdk):
    trace, headers = traced(gateway)
    sdk.chat.completions.create(model="unpriced", messages=ASK, extra_headers=headers)
    cost = gateway.record(trace)["cost"]
    assert cost["assumed"] and cost["nano_usd"] > 0
