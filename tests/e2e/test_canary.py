"""Puts canaries into every place of a payload or a secret, sends them through every path, and finds none anywhere after.

It searches the logs of Envoy and the collector, the metrics of both, every record as the collector returns it, the bytes
of every file of its database, and the rendered configuration.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field

import policy
import pytest
import wire
from gateway import Gateway

CHAT = "/v1/chat/completions"
EVENT = {"content-type": "text/event-stream"}


@dataclass
class Canaries:
    """Unique words. Those in `known` may be where the policy put them; the others must not be found anywhere."""

    words: dict[str, str] = field(default_factory=dict)

    def __call__(self, place: str) -> str:
        return self.words.setdefault(place, f"canary{secrets.token_hex(12)}")

    def found_in(self, content: bytes) -> list[str]:
        """Returns the places whose canary is in these bytes: as it is, in capitals, or in base64 at any offset."""
        hits = []
        for place, word in self.words.items():
            forms = [word.encode(), word.upper().encode(), *(base64.b64encode(b"x" * n + word.encode())[4:-4] for n in range(3))]
            hits += [place for form in forms if form in content]
        return hits


@pytest.fixture
def driven(new_gateway):
    """A gateway after requests on every path, and the canaries that went in."""
    canary = Canaries()
    gateway = new_gateway(policy.shared)
    for name, secret in {**gateway.keys, **gateway.env}.items():
        canary.words[f"secret {name}"] = secret
    drive(gateway, canary)
    gateway.settle()
    return gateway, canary


def drive(gateway: Gateway, canary: Canaries) -> None:
    endings = [
        "ok", "status-503+ok", "status-400", "status-401", "status-500", "hang", "reset-before", "reset-mid-stream", "garbage-http",
        "half-json", "gzip", "no-usage", "all-down", "nobody", "nope", "busy-alone", "busy-alone", "unpriced",
    ]  # fmt: skip
    for model in endings:
        for stream in (False, True):
            send(gateway, canary, model, f"{model} stream={stream}", stream=stream)
    for key in ("expired", "disabled", "narrow", canary("an unknown key")):
        send(gateway, canary, "chat", f"key {key[:8]}", key=key)
    answers(gateway, canary)
    messages(gateway, canary)
    broken_bodies(gateway, canary)
    odd_places(gateway, canary)
    leaving(gateway, canary)


def send(gateway: Gateway, canary: Canaries, model: str, path: str, key: str = "main", **more) -> wire.Answer:
    messages = [{"role": "user", "name": canary(f"{path}: name"), "content": canary(f"{path}: prompt")}]
    image = {"type": "image_url", "image_url": {"url": f"data:;base64,{canary(f'{path}: image')}"}}
    messages.append({"role": "user", "content": [image, {"type": "text", "text": canary(f"{path}: text part")}]})
    headers = {
        "x-custom": canary(f"{path}: header"), "cookie": canary(f"{path}: cookie"), "user-agent": canary(f"{path}: user agent"),
        "x-headgate-tag-not-listed": canary(f"{path}: a tag that is not listed"), "x-request-id": canary(f"{path}: request id"),
        "x-headgate-anything": canary(f"{path}: our prefix"), "baggage": canary(f"{path}: baggage"), "referer": canary(f"{path}: referer"),
    }  # fmt: skip
    tools = [{"type": "function", "function": {"name": canary(f"{path}: tool")}}]
    return gateway.chat(model, key=key, headers=headers, messages=messages, user=canary(f"{path}: user"), tools=tools, **more)


def answers(gateway: Gateway, canary: Canaries) -> None:
    """Puts canaries into answers of providers: bodies, streams, errors, headers, finish reasons, models, ids."""
    word = canary("finish reason with a blank") + " x"
    body = {"id": canary("answer id"), "model": canary("answer model"), "choices": [{"finish_reason": word, "message": {"content": canary("answer")}}]}
    error = {"error": {"message": canary("error message"), "type": canary("error type"), "code": canary("error code")}}
    event = "data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": canary("stream")}}]}) + "\n\n"
    headers = {"x-provider": canary("provider's header"), "set-cookie": canary("provider's cookie"), "x-request-id": "\x01 " + canary("odd id")}
    answers = [
        {"headers": {"content-type": "application/json"}, "body": json.dumps(body)},
        {"status": 400, "headers": {"x-provider": canary("provider's error header")}, "body": json.dumps(error)},
        {"status": 503, "body": json.dumps(error)},
        {"headers": EVENT, "chunks": [event, event, ": " + canary("comment") + "\n\n"]},
        {"headers": EVENT, "chunks": [event, "data: " + json.dumps(error) + "\n\n"], "then": "reset"},
        {"status": 200, "body": canary("no JSON")},
        {"status": 503, "headers": {"retry-after": canary("retry-after")}, "body": "{}"},
        {"status": 200, "headers": {"content-type": canary("content type")}, "body": "{}"},
        {"status": 200, "headers": {name: value for name, value in headers.items() if "\x01" not in value}, "body": "{}"},
    ]  # fmt: skip
    for number, answer in enumerate(answers):
        gateway.providers["alpha"].script(answer)
        send(gateway, canary, "status-503+ok", f"answer {number}", stream="chunks" in answer)


def messages(gateway: Gateway, canary: Canaries) -> None:
    """Does the same through the Messages API: in system prompts, in nested blocks, in events and errors."""
    start = {"type": "message_start", "message": {"id": canary("message id"), "stop_reason": canary("stop reason") + " x", "usage": {"input_tokens": 1, "output_tokens": 1}}}
    delta = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": canary("message stream")}}
    error = {"type": "error", "error": {"type": canary("message error type"), "message": canary("message error")}}
    events = [f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in (start, delta, error)]
    whole = {**start["message"], "content": [{"type": "text", "text": canary("message answer")}]}
    answers = [{"headers": EVENT, "chunks": events}, {"body": json.dumps(whole)}, {"status": 400, "body": json.dumps(error)}]
    for number, answer in enumerate(answers):
        gateway.providers["alpha"].script(answer)
        message(gateway, canary, "claude", f"message {number}", stream="chunks" in answer)
    for model in ("claude:status-529+ok", "claude:nobody", "chat", "nope"):
        message(gateway, canary, model, f"message to {model}")
    message(gateway, canary, "claude", "counted", path="/v1/messages/count_tokens")


def message(gateway: Gateway, canary: Canaries, model: str, place: str, path: str = "/v1/messages", **more) -> wire.Answer:
    text = {"type": "text", "text": canary(f"{place}: block")}
    document = {"type": "document", "title": canary(f"{place}: title"), "source": {"type": "text", "data": canary(f"{place}: document")}}
    content = [{"type": "tool_result", "tool_use_id": canary(f"{place}: tool"), "content": [text]}, document]
    body = {"model": model, "system": canary(f"{place}: system"), "messages": [{"role": "user", "content": content}], **more}
    return gateway.call(body, path=path, anthropic_beta=canary(f"{place}: beta"))


def broken_bodies(gateway: Gateway, canary: Canaries) -> None:
    for number, start in enumerate(
        ['{"model":"ok","%s":', '{"model":"ok"}%s', '["%s"]', '{"model":["%s"]}', '{"model":"%s with a blank"}', '{"%s":1}', "%s", '{"model":"ok","a":"\\q%s"}']
    ):
        gateway.call((start % canary(f"broken body {number}")).encode())
    gateway.call(b'{"model":"ok","x":"' + canary("too large").encode() * 700_000 + b'"}')


def odd_places(gateway: Gateway, canary: Canaries) -> None:
    for path in (f"/v1/{canary('path')}", f"{CHAT}?key={canary('query')}", f"/v1/models/{canary('model in a path')}%20x"):
        gateway.call(b'{"model":"ok"}', path=path)
        gateway.call(None, method="GET", path=path)
    # Envoy itself refuses an unknown method.
    wire.call(gateway.listen, canary("method").upper(), CHAT, gateway.head(gateway.trace(requests=0)), b"{}")
    for scheme in ("Basic", "Token", ""):
        gateway.call(b'{"model":"ok"}', key=None, authorization=f"{scheme} {canary(f'credential {scheme}')}")
    gateway.call(b'{"model":"ok"}', key=None, **{"x-api-key": canary("x-api-key"), "api-key": canary("api-key")})
    with wire.Exchange(gateway.listen) as exchange:
        exchange.send(f"POST {CHAT} HTTP/1.1\r\nhost: {canary('host')}\r\nx: \0{canary('zero byte')}\r\n\r\n".encode())
        exchange.read_to_end()


def leaving(gateway: Gateway, canary: Canaries) -> None:
    for model in ("hang-forever", "stream-200-delay-50"):
        body = json.dumps({"model": model, "stream": True, "messages": [canary(f"left {model}")]}).encode()
        with wire.Exchange(gateway.listen) as exchange:
            exchange.send(wire.request("POST", CHAT, gateway.head(gateway.trace()), body))
            time.sleep(0.3)


def metrics(gateway: Gateway) -> bytes:
    """Returns the metrics of both parts, with Envoy's whole configuration."""
    found = b""
    urls = [f"http://{gateway.admin}/{page}" for page in ("stats", "stats/prometheus", "clusters", "config_dump", "listeners")]
    for url in [*urls, f"http://{gateway.collector_address}/metrics"]:
        request = urllib.request.Request(url)
        if "metrics" in url:
            request.add_header("authorization", f"Bearer {gateway.env['HEADGATE_OWNER_TOKEN']}")
        with urllib.request.urlopen(request, timeout=10) as answer:
            found += answer.read()
    assert b"upstream_rq" in found and b"headgate" in found
    return found


def test_no_canary_is_stored_or_logged(driven):
    gateway, canary = driven
    assert len(canary.words) > 500
    records = gateway.all_records()
    assert len(records) >= sum(gateway.issued.values()) > 60
    one_by_one = [gateway.query(f"/v1/requests/{record['id']}") for record in records]
    places = {
        "records": json.dumps([records, one_by_one]).encode(),
        "metrics": metrics(gateway),
        "Envoy's log": (gateway.folder / "envoy.log").read_bytes(),
        "the collector's log": (gateway.folder / "collector.log").read_bytes(),
    }
    for path in [*gateway.data.rglob("*"), *gateway.out.rglob("*")]:
        if path.is_file():
            places[str(path.relative_to(gateway.folder))] = path.read_bytes()
    assert any("collector/" in place for place in places)
    assert b"node" in places["records"] and b"policy" in places["Envoy's log"]
    hits = {place: found for place, content in places.items() if (found := canary.found_in(content))}
    assert hits == {}
    gateway.assert_no_trap()


def test_search_finds_allowed_values(gateway):
    """Checks the search itself: it must find the tag that the policy lists, and the session id."""
    canary = Canaries()
    headers = {"x-headgate-tag-feature": canary("a listed tag"), "x-headgate-session-id": canary("session")}
    gateway.record(gateway.chat("ok", headers=headers))
    files = b"".join(path.read_bytes() for path in gateway.data.rglob("*") if path.is_file())
    assert sorted(canary.found_in(files)) == ["a listed tag", "session"]
