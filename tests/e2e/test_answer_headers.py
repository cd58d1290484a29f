"""Answers with many headers, and the headers of answers, through a real Envoy."""

from __future__ import annotations

import http.client
import json

import pytest

FULL = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}]}


@pytest.mark.parametrize("count", [150, 900])
def test_an_answer_with_many_headers_passes(gateway, count, monkeypatch):
    monkeypatch.setattr(http.client, "_MAXHEADERS", 2000)  # the client of these tests has Envoy's default itself
    headers = {f"x-trace-{number}": str(number) for number in range(count)}
    gateway.providers["alpha"].script({"status": 200, "headers": {"content-type": "application/json", **headers}, "body": json.dumps(FULL)})
    answer = gateway.chat("chat")
    assert answer.status == 200
    assert [answer.header(f"x-trace-{number}") for number in range(count)] == [str(number) for number in range(count)]
    assert gateway.record(answer)["status"] == 200


def test_echoed_credential_in_pieces_is_masked(gateway):
    answer = gateway.chat("chat")
    sent = gateway.providers["alpha"].seen(answer.trace)[0].header("authorization").removeprefix("Bearer ")
    said = f"wrong key: {sent}!"
    gateway.providers["alpha"].script(
        {"status": 401, "headers": {"content-type": "text/plain", "x-said": sent}, "chunks": list(said)}
    )
    answer = gateway.chat("chat")
    assert (answer.status, answer.body.decode()) == (401, f"wrong key: {'*' * len(sent)}!")
    assert answer.header("x-said") is None
