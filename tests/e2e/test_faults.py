"""Faults of a provider and their results: the next target before the first byte, a visible end after it.

Every case leaves one record with all tries. The models of the scripted provider are named after their behaviour.
"""

from __future__ import annotations

import pytest
import wire
from records import attempt, estimated, expect, failover, refused_by_provider, rejected

BEFORE_THE_FIRST_BYTE = [
    ("status-500", 500, "server_error"),
    ("status-502", 502, "server_error"),
    ("status-503", 503, "server_error"),
    ("status-429", 429, "rate_limited"),
    ("reset-before", None, "reset"),
    ("close-before", None, "reset"),
    ("garbage-http", None, "reset"),
    ("hang", None, "timeout"),
]


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize(("model", "status", "error"), BEFORE_THE_FIRST_BYTE)
def test_early_failure_tries_next_target(gateway, model, status, error, stream):
    answer = gateway.chat(f"{model}+ok", stream=stream)
    assert answer.status == 200 and answer.whole
    assert b"Hello" in answer.body and b"beta" in answer.body
    assert answer.header("x-headgate-served-by") == "beta/ok"
    assert answer.header("x-headgate-rejected-by") is None
    assert answer.header("x-headgate-retry") is None
    record = gateway.record(answer)
    expect(record, attempt(f"alpha/{model}", status, error), failover("beta/ok"), stream=stream)
    assert answer.header("x-headgate-attempts") == str(len(record["attempts"]))
    first, *_, second = record["attempts"]
    assert first["started_after_us"] + first["latency_us"] <= second["started_after_us"]
    if error == "timeout":
        assert first["latency_us"] >= 950_000


def test_refused_connection_tries_next_target(gateway):
    answer = gateway.chat("nobody+ok")
    assert answer.status == 200 and answer.header("x-headgate-served-by") == "beta/ok"
    expect(gateway.record(answer), attempt("dead/ok", None, "connect"), failover("beta/ok"))


@pytest.mark.parametrize(
    ("model", "tried"),
    [
        ("hang", attempt("alpha/hang", None, "timeout")),
        ("reset-before", attempt("alpha/reset-before", None, "reset")),
        ("close-before", attempt("alpha/close-before", None, "reset")),
        ("garbage-http", attempt("alpha/garbage-http", None, "reset")),
        ("only-connect+hang", attempt("alpha/hang", None, "timeout")),
        ("only-connect+reset", attempt("alpha/reset-before", None, "reset")),
        ("no-connect", attempt("dead/ok", None, "connect")),
    ],
)
def test_failure_of_the_only_target_is_503(gateway, model, tried):
    answer = gateway.chat(model)
    assert answer.status == 503
    error = answer.error()
    assert (error["type"], error["code"], error["policy"]) == ("all_targets_unavailable", "all_targets_unavailable", {"id": model})
    assert int(answer.header("retry-after")) >= 1
    assert answer.header("x-headgate-rejected-by") == "gateway"
    assert answer.header("x-headgate-attempts") == str(len(gateway.record(answer)["attempts"]))
    assert gateway.providers["beta"].seen(answer.trace) == []
    rejected(gateway.record(answer), 503, "all_targets_unavailable", tried)


@pytest.mark.parametrize(
    ("model", "tried"),
    [
        ("status-500", attempt("alpha/status-500", 500, "server_error")),
        ("one-attempt", attempt("alpha/status-503", 503, "server_error")),
        ("only-connect+503", attempt("alpha/status-503", 503, "server_error")),
        ("only-connect+429", attempt("alpha/status-429", 429, "rate_limited")),
        ("status-400+ok", attempt("alpha/status-400", 400, "client_error")),
        ("status-401+ok", attempt("alpha/status-401", 401, "client_error")),
    ],
)
def test_other_errors_pass_unchanged(gateway, model, tried):
    answer = gateway.chat(model)
    direct = wire.call(
        gateway.providers["alpha"].url.removeprefix("http://"), "POST", "/v1/chat/completions", [("host", "alpha")],
        b'{"model":"%s"}' % tried[1].encode(),
    )  # fmt: skip
    assert (answer.status, answer.body) == (direct.status, direct.body)
    assert answer.header("x-headgate-rejected-by") == "provider"
    assert answer.header("x-headgate-served-by") == f"{tried[0]}/{tried[1]}"
    assert answer.header("x-headgate-retry") is None
    assert gateway.providers["beta"].seen(answer.trace) == []
    refused_by_provider(gateway.record(answer), tried)


def test_failover_on_connect_only(gateway):
    answer = gateway.chat("only-connect+dead")
    assert answer.status == 200
    expect(gateway.record(answer), attempt("dead/ok", None, "connect"), failover("beta/ok"))


def test_failover_on_a_listed_status(gateway):
    answer = gateway.chat("on-404")
    assert answer.status == 200
    expect(gateway.record(answer), attempt("alpha/status-404", 404, "client_error"), failover("beta/ok"))


def test_last_failure_decides_the_answer(gateway):
    answer = gateway.chat("all-down")
    assert answer.status == 503
    assert answer.error()["code"] == "all_targets_unavailable"
    assert int(answer.header("retry-after")) >= 1
    assert answer.header("x-headgate-attempts") == "3"
    rejected(
        gateway.record(answer), 503, "all_targets_unavailable",
        attempt("alpha/status-503", 503, "server_error"), failover("beta/status-502", 502, "server_error"),
        failover("dead/ok", None, "connect"),
    )  # fmt: skip


def test_lone_target_is_tried_again(gateway):
    answer = gateway.chat("retry-same")
    assert answer.status == 200
    expect(
        gateway.record(answer),
        attempt("alpha/flaky-1", 503, "server_error"), attempt("alpha/flaky-1", kind="retry"),
    )  # fmt: skip


def test_more_attempts_than_targets_go_round(gateway):
    answer = gateway.chat("retry-round")
    assert answer.status == 200
    expect(
        gateway.record(answer),
        attempt("alpha/flaky-2", 503, "server_error"), failover("beta/status-503", 503, "server_error"),
        failover("alpha/flaky-2", 503, "server_error"), failover("beta/status-503", 503, "server_error"),
        failover("alpha/flaky-2"),
    )  # fmt: skip


# After the first byte, no other target can be tried.


@pytest.mark.parametrize("model", ["reset-mid-stream", "reset-mid-stream+ok"])
@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_late_reset_breaks_the_answer(gateway, model, stream):
    answer = gateway.chat(model, stream=stream)
    assert answer.status == 200 and not answer.whole
    assert gateway.providers["beta"].seen(answer.trace) == []
    record = gateway.record(answer)
    usage = record["usage"]
    if stream:
        assert usage == estimated(usage["output_tokens"], reason="ended_early") and 0 < usage["output_tokens"] < 10
    else:
        # The provider's counts come before the place where it broke.
        assert (usage["source"], usage["input_tokens"], usage["output_tokens"]) == ("reported", 11, 7)
    expect(
        record, attempt("alpha/reset-mid-stream", 200, "reset_mid_stream"),
        ended_by="provider", usage=usage, stream=stream,
    )  # fmt: skip


@pytest.mark.parametrize("model", ["half-json", "half-json+ok"])
def test_short_body_is_ended_by_provider(gateway, model):
    answer = gateway.chat(model)
    assert answer.status == 200 and not answer.whole
    record = gateway.record(answer)
    assert record["usage"]["source"] == "estimated"
    expect(record, attempt("alpha/half-json", 200, "reset_mid_stream"), ended_by="provider", usage=record["usage"])


def test_half_a_json_body_is_estimated(gateway):
    answer = gateway.chat("half-json-ok")
    assert answer.status == 200 and answer.whole and answer.body.startswith(b'{\n  "id": "chatcmpl-')
    record = gateway.record(answer)
    assert record["usage"]["source"] == "estimated"
    expect(record, attempt("alpha/half-json-ok"), usage=record["usage"])


def test_garbage_passes_unchanged(gateway):
    answer = gateway.chat("garbage+ok")
    assert (answer.status, answer.body) == (200, b"\x00\xff\xfe<html>no JSON here\x80")
    usage = estimated(-(-len(answer.body) // 4), reason="unreadable")
    expect(gateway.record(answer), attempt("alpha/garbage"), usage=usage)


@pytest.mark.parametrize("stream", [False, True])
def test_unrequested_gzip_is_estimated(gateway, stream):
    answer = gateway.chat("gzip", stream=stream)
    assert answer.header("content-encoding") == "gzip" and answer.body[:2] == b"\x1f\x8b"
    usage = estimated(-(-len(answer.body) // 4), reason="unreadable")
    expect(gateway.record(answer), attempt("alpha/gzip"), usage=usage, stream=stream)


@pytest.mark.parametrize("stream", [False, True])
def test_usage_that_is_not_reported_is_estimated(gateway, stream):
    answer = gateway.chat("no-usage", stream=stream)
    text = "Hello from alpha: it was served ✓".encode()
    expect(gateway.record(answer), attempt("alpha/no-usage"), usage=estimated(-(-len(text) // 4)), stream=stream)


def test_response_header_of_70_kilobytes_passes(gateway):
    answer = gateway.chat("huge-header+ok")
    assert answer.status == 200 and answer.header("x-huge") == "h" * (70 << 10)
    expect(gateway.record(answer), attempt("alpha/huge-header"))


def test_answer_of_20_megabytes_arrives(gateway):
    answer = gateway.chat("big-20000")
    assert answer.whole and answer.json()["choices"][0]["message"]["content"] == 'All work and no play: "Quoted".\n' * 640_000
    record = gateway.record(answer)
    expect(record, attempt("alpha/big-20000"))
    assert record["payload"]["response_bytes"] == len(answer.body)
