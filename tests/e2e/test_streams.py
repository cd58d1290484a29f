"""A stream reaches the client as the provider sent it, byte for byte, except for a usage event that it did not request."""

from __future__ import annotations

import base64

import pytest
import wire
from gateway import APISIX
from records import REPORTED, attempt, expect

EVENT = "text/event-stream; charset=utf-8"
USAGE = (
    b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":11,"completion_tokens":7,'
    b'"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":2}}}\n\n'
)
SHORT = b'data: {"choices":[{"index":0,"delta":{"content":"h\xc3\xa9"}}]}\n\n'
DONE = b"data: [DONE]\n\n"

STREAMS = {
    "comments and pings": (b": ping\n\n" + SHORT + b": keep-alive\n\n", DONE),
    "crlf": (SHORT.replace(b"\n", b"\r\n"), DONE.replace(b"\n", b"\r\n")),
    "bare cr": (SHORT.replace(b"\n", b"\r"), DONE.replace(b"\n", b"\r")),
    "event names, ids and retry": (b"retry: 10\nid: 1\nevent: message\n" + SHORT, b"id: 2\n" + DONE),
    "a byte order mark": (b"\xef\xbb\xbf" + SHORT, DONE),
    "no done at the end": (SHORT, b""),
    "an error in mid-stream": (SHORT + b'data: {"error":{"message":"x"}}\n\n', b""),
    "what is no event at all": (b"<html>\n\n", b"tail without an end"),
    "not utf-8": (b'data: {"choices":[{"delta":{"content":"\xff\xfe"}}]}\n\n', DONE),
}


def scripted(gateway, alias: str, chunks: list[bytes], **more) -> wire.Answer:
    pieces = [{"base64": base64.b64encode(chunk).decode()} for chunk in chunks]
    gateway.providers["alpha"].script({"headers": {"content-type": EVENT}, "chunks": pieces, **more})
    return gateway.chat(alias, stream=True)


@pytest.mark.parametrize(("before", "after"), STREAMS.values(), ids=STREAMS)
def test_only_the_usage_event_is_removed(gateway, request, before, after):
    usage = USAGE
    for newline in (b"\r\n", b"\r"):
        usage = USAGE.replace(b"\n", newline) if before.endswith(newline * 2) else usage
    answer = scripted(gateway, "ok", [before + usage + after])
    assert answer.body == before + after
    assert answer.header("content-type") == EVENT
    failed = "error" in request.node.callspec.id
    tried = attempt("alpha/ok", error="server_error" if failed else None)
    expect(gateway.record(answer), tried, stream=True, rejected_by="provider" if failed else None)


def test_usage_event_is_removed_at_every_split(gateway):
    whole = SHORT + USAGE + DONE
    alpha = gateway.providers["alpha"]
    headers = {"content-type": EVENT}
    splits = range(1, len(whole))
    halves = [[{"base64": base64.b64encode(half).decode()} for half in (whole[:at], whole[at:])] for at in splits]
    alpha.script(*({"headers": headers, "chunks": pair, "chunk_delay_ms": 2} for pair in halves))
    answers = [gateway.chat("ok", stream=True) for _ in splits]
    assert [at for at, answer in zip(splits, answers) if answer.body != SHORT + DONE] == []
    records = {record["id"]: record for record in settled(gateway, answers)}
    for answer in answers:
        assert records[answer.header("x-headgate-request-id")]["usage"] == REPORTED


def settled(gateway, answers: list[wire.Answer]) -> list[dict]:
    """Returns all records once the last one has arrived; each worker sends its own in order."""
    for answer in answers[-20:]:
        gateway.record(answer)
    return gateway.all_records()


def test_stream_in_single_bytes_is_the_same(gateway):
    whole = SHORT + USAGE + DONE
    answer = scripted(gateway, "ok", [whole[at : at + 1] for at in range(len(whole))], chunk_delay_ms=1)
    assert answer.body == SHORT + DONE
    expect(gateway.record(answer), attempt("alpha/ok"), stream=True)


def test_requested_usage_passes_unchanged(gateway):
    chunks = [SHORT, USAGE, DONE]
    gateway.providers["alpha"].script({"headers": {"content-type": EVENT}, "chunks": [chunk.decode() for chunk in chunks]})
    answer = gateway.chat("ok", stream=True, stream_options={"include_usage": True})
    assert answer.body == SHORT + USAGE + DONE
    expect(gateway.record(answer), attempt("alpha/ok"), stream=True)


def test_content_length_is_removed_with_the_event(gateway):
    body = (SHORT + USAGE + DONE).decode()
    gateway.providers["alpha"].script({"headers": {"content-type": EVENT}, "body": body})
    answer = gateway.chat("ok", stream=True)
    assert answer.whole and answer.body == SHORT + DONE
    assert answer.header("content-length") is None


def test_chunks_are_not_delayed(gateway):
    trace = gateway.trace()
    body = b'{"model":"stream-30-delay-20","stream":true,"messages":[]}'
    reads = 0
    with wire.Exchange(gateway.listen) as exchange:
        exchange.send(wire.request("POST", "/v1/chat/completions", gateway.head(trace), body))
        got = b""
        while not got.endswith(b"0\r\n\r\n"):
            got += exchange.socket.recv(65536)
            reads += 1
    # 32 events, 20 ms apart; a few may share a read on a busy machine.
    assert reads >= 20
    expect(gateway.record(trace), attempt("alpha/stream-30-delay-20"), stream=True)


@pytest.mark.parametrize("model", ["many-chunks", "split-bytes"])
def test_many_chunks_arrive_in_order(gateway, model):
    answer = gateway.chat(model, stream=True)
    events = wire.data_events(answer.body)
    assert events[-1] == "[DONE]" and answer.whole
    assert b'"choices":[]' not in answer.body
    if model == "many-chunks":
        positions = [answer.body.index(b'" word%d"' % n) for n in range(1000)]
        assert positions == sorted(positions)
    expect(gateway.record(answer), attempt(f"alpha/{model}"), stream=True)


@pytest.mark.parametrize("model", ["ok", "split-bytes", "big-1000"])
def test_json_answer_passes_unchanged(gateway, model):
    answer = gateway.chat(model)
    direct = wire.call(
        gateway.providers["alpha"].url.removeprefix("http://"), "POST", "/v1/chat/completions", [("host", "alpha")],
        b'{"model":"%s"}' % model.encode(),
    )  # fmt: skip
    cut = slice(40, None)  # after the id, which counts the answers
    assert answer.body[cut] == direct.body[cut]
    # APISIX does not tell the length of the filter's answers.
    framing = {"content-length", "transfer-encoding"} if APISIX else set()
    added = {"x-headgate-request-id", "x-headgate-attempts", "x-headgate-served-by", "date"}
    assert answer.names() - direct.names() - framing == added
    assert direct.names() - answer.names() - framing == set()
    same = {"content-type", "openai-version", "x-ratelimit-limit-requests", "content-length", "transfer-encoding"} - framing
    assert [answer.header(name) for name in same] == [direct.header(name) for name in same]
