"""Clients that leave: the provider's connection is closed, so that no tokens are generated in vain."""

from __future__ import annotations

import json
import time

import pytest
import wire
from records import attempt


def begin(gateway, model: str, stream: bool) -> tuple[str, wire.Exchange]:
    trace = gateway.trace()
    body = json.dumps({"messages": [{"role": "user", "content": "Say hello."}], "model": model, "stream": stream}).encode()
    exchange = wire.Exchange(gateway.listen)
    exchange.send(wire.request("POST", "/v1/chat/completions", gateway.head(trace), body))
    return trace, exchange


def tries(record: dict) -> list[tuple]:
    return [(one["provider"], one["model"], one["kind"], one.get("status"), one.get("error")) for one in record["attempts"]]


@pytest.mark.parametrize("leave", [wire.Exchange.reset, wire.Exchange.__exit__], ids=["by reset", "by close"])
def test_leaving_in_mid_stream(gateway, leave):
    trace, exchange = begin(gateway, "stream-200-delay-50", stream=True)
    head = exchange.read_until(b"word2")
    assert b"HTTP/1.1 200" in head
    leave(exchange)
    assert gateway.providers["alpha"].saw_abort(trace)
    record = gateway.record(trace)
    assert (record["status"], record["ended_by"], record["stream"]) == (200, "client", True)
    assert tries(record) == [attempt("alpha/stream-200-delay-50", 200, "client_gone")]
    assert record["served_by"] == {"provider": "alpha", "model": "stream-200-delay-50"}
    usage = record["usage"]
    assert usage["source"] == "estimated" and usage["input_tokens"] == 3
    # " word0 word1 word2" and more until the end was noticed: far from all 200 words.
    assert 4 <= usage["output_tokens"] < 100
    assert record["duration_us"] < 5_000_000


def test_leaving_before_the_first_byte(gateway):
    trace, exchange = begin(gateway, "hang-forever", stream=False)
    time.sleep(0.3)
    exchange.reset()
    assert gateway.providers["alpha"].saw_abort(trace)
    record = gateway.record(trace)
    assert (record["status"], record["ended_by"]) == (0, "client")
    assert tries(record) == [attempt("alpha/hang", None, "client_gone")]
    assert record.get("served_by") is None
    assert record["usage"] == {
        "input_tokens": 3, "output_tokens": 0, "cached_input_tokens": 0, "reasoning_tokens": 0, "source": "estimated",
        "estimate_reason": "ended_early",
    }  # fmt: skip


def test_leaving_during_the_request_body(gateway):
    trace = gateway.trace()
    with wire.Exchange(gateway.listen) as exchange:
        head = [*gateway.head(trace), ("content-length", "1000")]
        exchange.send(wire.request("POST", "/v1/chat/completions", head, b'{"model":"ok","mess'))
        time.sleep(0.2)
    record = gateway.record(trace)
    assert (record["status"], record["ended_by"], record.get("attempts")) == (0, "client", None)
    assert record["caller"]["key_id"] == "main"
    assert gateway.providers["alpha"].seen(trace) == []


def test_leaving_during_the_second_try(gateway):
    trace, exchange = begin(gateway, "hang+hang", stream=False)
    time.sleep(1.5)
    exchange.reset()
    assert gateway.providers["beta"].saw_abort(trace)
    record = gateway.record(trace)
    assert (record["status"], record["ended_by"]) == (0, "client")
    expected = [attempt("alpha/hang", None, "timeout"), attempt("beta/hang", None, "client_gone", "failover")]
    assert tries(record) == expected


def test_a_slow_reader_gets_everything(gateway):
    trace, exchange = begin(gateway, "big-20000", stream=False)
    time.sleep(1)
    with exchange:
        answer = exchange.answer()
    assert answer.whole and len(answer.body) > 20_000_000
    assert gateway.record(trace)["ended_by"] == "complete"
