"""Runs an independent mock provider, aimock, behind the gateway, with the OpenAI SDK.

A mistake that our own programs share would go unnoticed; aimock's authors check it against the real API.
"""

from __future__ import annotations

import json
import urllib.request

import anthropic
import openai
import policy
import pytest
import stack
import wire
from gateway import TOOLS
from records import attempt, estimated, expect, failover, refused_by_provider, rejected

SERVER = TOOLS / "node/node_modules/.bin/llmock"
ANSWER = "Oslo is the capital of Norway, and it is raining there."
REFUSAL = {"message": "Slow down.", "type": "rate_limit_error", "code": "rate_limit_exceeded"}
FIXTURES = {
    "fixtures": [
        {"match": {"userMessage": "weather tool"}, "response": {"toolCalls": [{"name": "weather", "arguments": '{"city":"Oslo"}'}]}},
        {"match": {"userMessage": "too fast"}, "response": {"error": REFUSAL, "status": 429}},
        {"match": {"userMessage": "bad words"}, "response": {"error": {"message": "No.", "type": "invalid_request_error"}, "status": 400}},
        {"match": {"userMessage": "Oslo"}, "response": {"content": ANSWER}},
        {"match": {"inputText": "embed me"}, "response": {"embedding": [0.25, -0.5, 0.125]}},
    ]
}


class Aimock:
    def __init__(self, folder):
        fixtures = folder / "fixtures.json"
        fixtures.write_text(json.dumps(FIXTURES))
        port = stack.free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = ["node", SERVER, "-p", port, "-f", fixtures, "--strict", "--validate-on-load"]
        self.part = stack.Part("aimock", [str(word) for word in command], folder / "aimock.log")
        self.part.wait_for_url(f"{self.url}/health")

    def journal(self) -> list[dict]:
        with urllib.request.urlopen(f"{self.url}/__aimock/journal", timeout=10) as answer:
            return json.load(answer)

    def chaos(self, rates: dict | None) -> None:
        method = "DELETE" if rates is None else "POST"
        data = None if rates is None else json.dumps(rates).encode()
        request = urllib.request.Request(f"{self.url}/__aimock/chaos", data=data, method=method)
        request.add_header("content-type", "application/json")
        urllib.request.urlopen(request, timeout=10).close()


@pytest.fixture(scope="module")
def aimock(tmp_path_factory):
    server = Aimock(tmp_path_factory.mktemp("aimock"))
    yield server
    server.part.stop()


@pytest.fixture(scope="module")
def mocked(aimock, tmp_path_factory):
    """A gateway with aimock, and with alpha as the second target of one alias."""

    def make(gateway) -> dict:
        made = policy.shared(gateway)
        made["providers"]["aimock"] = {"format": "openai", "url": f"{aimock.url}/v1", "credential": "${BETA_API_KEY}"}
        made["providers"]["aimock-claude"] = {"format": "anthropic", "url": aimock.url, "credential": "${BETA_API_KEY}"}
        made["models"] = {
            "claude": policy.alias(policy.target("aimock-claude", "claude-sonnet-4-5")),
            "gpt": policy.alias(policy.target("aimock", "gpt-4o")),
            "gpt+alpha": policy.alias(policy.target("aimock", "gpt-4o"), policy.target("alpha", "ok", tier=2)),
            # Its refusals have a Retry-After, so they get a target of their own, which the other tests do not use.
            "limited": policy.alias(policy.target("aimock", "gpt-4o-mini"), policy.target("alpha", "ok", tier=2)),
            "embed": policy.alias(policy.target("aimock", "text-embedding-3-small")),
        }
        names = ("aimock-claude/claude-sonnet-4-5", "aimock/gpt-4o", "aimock/gpt-4o-mini", "alpha/ok", "aimock/text-embedding-3-small")
        return {**made, "prices": {name: policy.PRICE for name in names}}

    gateway = policy.Gateway(tmp_path_factory.mktemp("mocked"), make, key_ids=policy.KEY_IDS)
    yield from gateway.serve()


@pytest.fixture
def client(mocked):
    with openai.OpenAI(base_url=f"{mocked.url}/v1", api_key=mocked.keys["main"], max_retries=0) as client:
        yield client


def asked(gateway, text: str, model: str = "gpt", **more) -> tuple[str, dict]:
    trace = gateway.trace()
    headers = {"traceparent": wire.traceparent(trace)}
    return trace, {"model": model, "messages": [{"role": "user", "content": text}], "extra_headers": headers, **more}


def reported(usage) -> dict:
    counts = {"input_tokens": usage.prompt_tokens, "output_tokens": usage.completion_tokens}
    return {**counts, "cached_input_tokens": 0, "reasoning_tokens": 0, "source": "reported"}


def test_chat_has_its_usage_on_record(mocked, client):
    trace, request = asked(mocked, "Tell me about Oslo")
    answer = client.chat.completions.create(**request)
    assert answer.choices[0].message.content == ANSWER
    expect(mocked.record(trace), attempt("aimock/gpt-4o"), usage=reported(answer.usage))


def test_stream_has_its_usage_on_record(mocked, client):
    trace, request = asked(mocked, "Tell me about Oslo", stream=True)
    chunks = list(client.chat.completions.create(**request))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == ANSWER
    trace_asking, request = asked(mocked, "Tell me about Oslo", stream=True, stream_options={"include_usage": True})
    *_, last = client.chat.completions.create(**request)
    assert last.choices == []
    for one in (trace, trace_asking):
        expect(mocked.record(one), attempt("aimock/gpt-4o"), usage=reported(last.usage), stream=True)


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called(mocked, client, stream):
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
    trace, request = asked(mocked, "weather tool please", tools=[tool])
    if stream:
        with client.chat.completions.stream(**request) as events:
            answer = events.get_final_completion()
    else:
        answer = client.chat.completions.create(**request)
    [call] = answer.choices[0].message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"city": "Oslo"})
    assert mocked.record(trace)["finish_reason"] == "tool_calls"


def test_an_embedding_comes_back(mocked, client):
    trace = mocked.trace()
    headers = {"traceparent": wire.traceparent(trace)}
    answer = client.embeddings.create(model="embed", input="embed me", extra_headers=headers)
    assert answer.data[0].embedding == [0.25, -0.5, 0.125]
    assert mocked.record(trace)["surface"] == "embeddings"


def test_errors_pass_unchanged(mocked, client):
    trace, request = asked(mocked, "bad words")
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**request)
    assert caught.value.body["message"] == "No."
    refused_by_provider(mocked.record(trace), attempt("aimock/gpt-4o", 400, "client_error"))


def test_its_rate_limit_is_failed_over(mocked, client):
    trace, request = asked(mocked, "too fast", model="limited")
    assert client.chat.completions.create(**request).choices[0].message.content.startswith("Hello from alpha")
    expect(mocked.record(trace), attempt("aimock/gpt-4o-mini", 429, "rate_limited"), failover("alpha/ok"))


@pytest.mark.parametrize(
    ("rates", "tried"),
    [
        ({"dropRate": 1}, attempt("aimock/gpt-4o", 500, "server_error")),
        ({"disconnectRate": 1}, attempt("aimock/gpt-4o", None, "reset")),
    ],
    ids=["drops", "disconnects"],
)
def test_its_chaos_is_failed_over(mocked, client, aimock, rates, tried):
    aimock.chaos(rates)
    try:
        trace, request = asked(mocked, "Tell me about Oslo", model="gpt+alpha")
        assert client.chat.completions.create(**request).choices[0].message.content.startswith("Hello from alpha")
        expect(mocked.record(trace), tried, failover("alpha/ok"))
        trace, request = asked(mocked, "Tell me about Oslo")
        with pytest.raises(openai.InternalServerError):
            client.chat.completions.create(**request)
        record = mocked.record(trace)
        if tried[3] is None:
            rejected(record, 503, "all_targets_unavailable", tried)
        else:
            refused_by_provider(record, tried)
    finally:
        aimock.chaos(None)


def test_provider_sees_its_own_credential(mocked, client, aimock):
    _, request = asked(mocked, "Tell me about Oslo")
    client.chat.completions.create(**request)
    journal = json.dumps(aimock.journal())
    assert '"gpt-4o"' in journal and '"gpt"' not in journal
    assert mocked.keys["main"] not in journal


@pytest.fixture
def claude(mocked):
    with anthropic.Anthropic(base_url=mocked.url, api_key=mocked.keys["main"], max_retries=0) as client:
        yield client


def test_anthropic_sdk_with_and_without_stream(mocked, claude):
    trace, request = asked(mocked, "Tell me about Oslo", "claude", max_tokens=64)
    message = claude.messages.create(**request)
    streamed, request = asked(mocked, "Tell me about Oslo", "claude", max_tokens=64)
    with claude.messages.stream(**request) as stream:
        final = stream.get_final_message()
    assert message.content[0].text == final.content[0].text == ANSWER
    # It reports zeros although it has text, which the gateway treats as missing.
    assert message.usage.output_tokens == final.usage.output_tokens == 0
    counts = estimated(-(-len(ANSWER.encode()) // 4), -(-len("Tell me about Oslo") // 4), "zero")
    for one, stream in ((trace, False), (streamed, True)):
        record = mocked.record(one)
        expect(record, attempt("aimock-claude/claude-sonnet-4-5"), usage=counts, surface="messages", stream=stream)
        assert record["finish_reason"] == "end_turn"


def test_anthropic_sdk_calls_a_tool(mocked, claude):
    tool = {"name": "weather", "input_schema": {"type": "object", "properties": {}}}
    trace, request = asked(mocked, "weather tool please", "claude", max_tokens=64, tools=[tool])
    with claude.messages.stream(**request) as stream:
        [block] = [block for block in stream.get_final_message().content if block.type == "tool_use"]
    assert (block.name, block.input) == ("weather", {"city": "Oslo"})
    assert mocked.record(trace)["finish_reason"] == "tool_use"


def test_errors_reach_the_anthropic_sdk(mocked, claude):
    trace, request = asked(mocked, "bad words", "claude", max_tokens=64)
    with pytest.raises(anthropic.BadRequestError) as caught:
        claude.messages.create(**request)
    assert (caught.value.type, caught.value.body["error"]["message"]) == ("invalid_request_error", "No.")
    refused_by_provider(mocked.record(trace), attempt("aimock-claude/claude-sonnet-4-5", 400, "client_error"), surface="messages")
