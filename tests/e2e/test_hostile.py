"""Requests that no SDK sends. Each is served or answered with a clear error; none stops a worker or kills its VM."""

from __future__ import annotations

import pytest
import wire
from gateway import wait_until
from records import attempt, expect, rejected

CHAT = "/v1/chat/completions"


@pytest.fixture(autouse=True)
def serves_afterwards(gateway):
    """After each test the gateway must still serve, and no VM may have died."""
    yield
    assert gateway.chat("ok").status == 200
    gateway.assert_no_trap()


def broken(gateway, body: bytes | None, status: int, code: str, param: str | None = None, **more) -> None:
    answer = gateway.call(body, **more)
    assert answer.status == status, answer.body
    error = answer.error()
    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", code, param)
    record = gateway.record(answer)
    rejected(record, status, code)


DEEP = b"[" * 10_000 + b"]" * 10_000


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (None, "empty_body", None),
        (b"", "empty_body", None),
        (b" \r\n\t ", "empty_body", None),
        (b"model=chat", "invalid_json", None),
        (b"{", "invalid_json", None),
        (b'{"model":"ok"', "invalid_json", None),
        (b'{"model":"ok",}', "invalid_json", None),
        (b"\x00\x01\x02", "invalid_json", None),
        (b'[{"model":"ok"}]', "not_an_object", None),
        (b'"ok"', "not_an_object", None),
        (b'{"model":"ok"} {"model":"chat"}', "trailing_bytes", None),
        (b'{"model":"ok","messages":' + DEEP + b"}", "too_deep", None),
        (b'{"model":"ok","messages":' + b"[" * 1_000_000, "too_deep", None),
        (b'{"messages":[]}', "missing_model", "model"),
        (b'{"model":"ok","model":"chat"}', "duplicate_field", "model"),
        (b'{"model":"ok","mod\\u0065l":"chat"}', "duplicate_field", "model"),
        (b'{"model":["ok"]}', "invalid_type", "model"),
        (b'{"model":"' + b"x" * 1_000 + b'"}', "model_too_long", "model"),
        (b'{"model":"ok","stream":true,"stream":false}', "duplicate_field", "stream"),
        (b'{"model":"ok","messages":["\xff\xfe"]}', "invalid_json", None),
        (b'{"model":"ok","messages":["\xed\xa0\x80"]}', "invalid_json", None),
        (b'\xff\xfe{\x00"\x00m\x00', "byte_order_mark", None),
        (b'{"model":"ok","messages":["a\nb"]}', "invalid_json", None),
        (b'{"model":"ok","n":01}', "invalid_json", None),
    ],
    ids=lambda value: repr(value)[:40] if isinstance(value, (bytes, type(None))) else "",
)
def test_unreadable_body_is_400_with_position(gateway, body, code, param):
    broken(gateway, body, 400, code, param)


@pytest.mark.parametrize(
    "body",
    [b'{"model":"\\u006fk","messages":[]}', b'{"\\u006dodel":"ok"}', b'{"model":"ok","messages":["\\ud800"]}'],
    ids=["an escaped model", "an escaped key", "a lone surrogate"],
)
def test_unusual_valid_requests_are_served(gateway, body):
    answer = gateway.call(body)
    assert answer.status == 200
    expect(gateway.record(answer), attempt("alpha/ok"), usage=gateway.record(answer)["usage"])


def test_invalid_model_name_is_not_recorded(gateway):
    answer = gateway.call(b'{"model":"<script>alert(1)</script> \\ud800"}')
    assert answer.status == 404 and b"script" not in answer.body
    record = gateway.record(answer)
    assert record.get("requested_model") is None
    rejected(record, 404, "model_not_found")


@pytest.mark.parametrize("framing", ["by length", "in chunks"])
def test_twenty_megabytes_are_served(gateway, framing):
    body = b'{"messages":["' + b"x" * (20 << 20) + b'"],"model":"chat"}'
    trace = gateway.trace()
    pieces = [body[at : at + 65_536] for at in range(0, len(body), 65_536)]
    head, sent = gateway.head(trace), body
    if framing == "in chunks":
        head, sent = [*head, ("transfer-encoding", "chunked")], wire.chunked(*pieces)
    answer = wire.call(gateway.listen, "POST", CHAT, head, sent)
    assert answer.status == 200
    [seen] = gateway.providers["alpha"].seen(trace)
    assert seen.body == body.replace(b'"chat"', b'"gpt-4o-mini"')
    assert gateway.record(trace)["payload"]["request_bytes"] == len(body)


@pytest.mark.parametrize("framing", ["by length", "in chunks", "announced only"])
def test_too_large_body_is_413(gateway, framing):
    limit = 21 << 20
    body = b'{"messages":["' + b"x" * limit + b'"],"model":"chat"}'
    trace = gateway.trace()
    head = gateway.head(trace)
    if framing == "in chunks":
        answer = wire.call(gateway.listen, "POST", CHAT, [*head, ("transfer-encoding", "chunked")], wire.chunked(body))
    elif framing == "announced only":
        answer = wire.call(gateway.listen, "POST", CHAT, [*head, ("content-length", str(10**15))], b"{")
    else:
        answer = wire.call(gateway.listen, "POST", CHAT, head, body)
    assert answer.status == 413
    error = answer.error()
    assert error["code"] == "request_too_large" and str(limit) in error["message"]
    assert gateway.providers["alpha"].seen(trace) == []
    answer.trace = trace
    rejected(gateway.record(answer), 413, "request_too_large")


def test_a_header_of_64_kilobytes_is_passed_on(gateway):
    answer = gateway.chat("status-503+ok", headers={"x-large": "h" * 65_536})
    assert answer.status == 200
    for provider in ("alpha", "beta"):
        [seen] = gateway.providers[provider].seen(answer.trace)
        assert seen.header("x-large") == "h" * 65_536


def test_too_large_headers_are_refused(gateway):
    trace = gateway.trace(requests=0)
    answer = wire.call(gateway.listen, "POST", CHAT, [*gateway.head(trace), ("x-large", "h" * 200_000)], b"{}")
    assert answer.status == 431


def test_many_headers_are_answered(gateway):
    answer = gateway.chat("ok", headers={f"x-many-{n}": "v" for n in range(90)})
    assert answer.status == 200
    [seen] = gateway.providers["alpha"].seen(answer.trace)
    assert sum(name.startswith("x-many-") for name in seen.names()) == 90
    trace = gateway.trace(requests=0)
    many = [(f"x-many-{n}", "v") for n in range(200)]
    answer = wire.call(gateway.listen, "POST", CHAT, [*gateway.head(trace), *many], b'{"model":"ok"}')
    assert answer.status == 431


@pytest.mark.parametrize("name", ["authorization", "x-api-key", "api-key"])
@pytest.mark.parametrize(
    "value", ["k" * 60_000, "Bearer " + "k" * 60_000, "", "Bearer", "Bearer ", "Basic eDp5", "\udcff\udcfe", "Bearer hg-é"]
)
def test_a_credential_of_any_shape_is_a_401(gateway, name, value):
    answer = gateway.chat("ok", key=None, headers={name: value})
    assert answer.status == 401
    assert answer.error()["code"] == "invalid_api_key"
    record = gateway.record(answer)
    rejected(record, 401, "invalid_api_key")
    assert record.get("caller") is None


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "unknown_path"),
        ("POST", "/v1/responses", 404, "unknown_path"),
        ("POST", "/v1/chat/completions/", 404, "unknown_path"),
        ("POST", "/v1//chat/completions", 404, "unknown_path"),
        ("POST", "/v1/%63hat/completions", 404, "unknown_path"),
        ("POST", "/v1/chat%2Fcompletions", 404, "unknown_path"),
        ("POST", "/v1/models/../chat/completions", 405, "method_not_allowed"),
        ("GET", "/v1/models/%zz", 404, "model_not_found"),
        ("GET", "/v1/models/" + "a" * 8_000, 404, "model_not_found"),
        ("GET", CHAT, 405, "method_not_allowed"),
        ("DELETE", "/v1/models/ok", 405, "method_not_allowed"),
        ("PATCH", CHAT, 405, "method_not_allowed"),
        ("OPTIONS", CHAT, 405, "method_not_allowed"),
        ("PROPFIND", CHAT, 405, "method_not_allowed"),
    ],
)
def test_other_paths_and_methods_are_errors(gateway, method, path, status, code):
    answer = gateway.call(None, method=method, path=path)
    assert answer.status == status
    assert answer.error()["code"] == code
    assert (answer.header("allow") is not None) == (status == 405)
    record = gateway.records(answer.trace)[0]
    assert (record["status"], record["error_code"]) == (status, code)


def test_half_open_requests_do_not_block(gateway):
    open_ones = []
    starts = [b"P", b"POST /v1", b"POST / HTTP/1.1\r\nhost: x\r\n", b"\x16\x03\x01", b"PRI * HTTP/2.0\r\n\r\n"]
    for start in starts * 20:
        exchange = wire.Exchange(gateway.listen)
        exchange.send(start)
        open_ones.append(exchange)
    assert gateway.chat("ok").status == 200
    for exchange in open_ones:
        exchange.socket.close()
    assert wait_until(lambda: gateway.stats("downstream_rq_active")["http.headgate.downstream_rq_active"] == 0)


def test_both_workers_still_serve(gateway):
    answers = [gateway.chat("ok") for _ in range(40)]
    assert {answer.status for answer in answers} == {200}
    assert len({gateway.record(answer)["boot"] for answer in answers}) == gateway.members
