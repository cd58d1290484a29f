"""Plays the case files of the pure machines on a real Envoy, or on the stand-in for APISIX: whole, with answers in chunks of one byte, and each stream in
two chunks, split at every place where a parser could fail.

A case is a YAML file; a new one needs no Python. Fields that it does not name are not compared. A case that cannot run here
has the reason in `machine_only`.
"""

from __future__ import annotations

import base64
import json
import re
from contextlib import ExitStack
from pathlib import Path

import pytest
import wire
import yaml
from gateway import APISIX, Gateway, wait_until

CASES = Path(__file__).resolve().parent.parent / "cases"
FILES = sorted(CASES.glob("*/*.yaml"))
NAMES = {path: f"{path.parent.name}/{path.stem}" for path in FILES}
STREAMS = [path for path in FILES if "content-type: text/event-stream" in path.read_text()]
# Scripted providers serve both dialects. This one stands for providers of the policy with other names.
SERVERS = {"claude": "alpha", "plain": "alpha", "spare": "beta"}
# Fields that differ from run to run.
OF_THE_RUN = {"id", "node", "boot", "seq", "started_at", "duration_us", "time_to_first_token_us", "started_after_us", "latency_us", "parent_span_id", "span_id"}


def gateway_yaml(gateway: Gateway) -> str:
    """Returns the cases' policy with this gateway's addresses, as text, because `on` is a boolean in YAML 1.1."""
    text = (CASES / "gateway.yaml").read_text()
    alpha, beta = (gateway.providers[name].url for name in ("alpha", "beta"))
    for old, new in (
        ("listen: 127.0.0.1:1\n", f"listen: {gateway.listen}\nadmin: {gateway.admin}\n"),
        ("http://127.0.0.1:2/", f"{alpha}/"),
        ("http://127.0.0.1:3/", f"{beta}/"),
        # The machines are told the time. Here, a busy computer must not make a provider seem silent.
        ("timeout: 500ms", "timeout: 3s"),
    ):
        assert old in text
        text = text.replace(old, new)
    collector = {"url": f"http://{gateway.collector_address}", "token": "${HEADGATE_INGEST_TOKEN}"}
    return f"{text}\ncollector: {json.dumps(collector)}\n"


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    class CaseGateway(Gateway):
        def render(self) -> None:
            self.render_text(gateway_yaml(self))

    gateway = CaseGateway(tmp_path_factory.mktemp("cases"), None, key_ids=())
    gateway.env |= {name: f"secret-of-{name}" for name in ("ALPHA_API_KEY", "BETA_API_KEY")}
    yield from gateway.serve()


def read(path: Path) -> dict:
    case = yaml.safe_load(path.read_text())
    if "machine_only" in case:
        pytest.skip(case["machine_only"])
    if APISIX:
        case["expect"] = on_apisix(case["expect"])
    return case


def on_apisix(expect: dict) -> dict:
    """Returns the outcome that is expected on APISIX."""
    other = expect.get("apisix", {})
    expect = {**expect, **{name: other[name] for name in ("status", "headers", "record", "upstream", "fewer_tries") if name in other}}
    if other.get("no_record"):
        expect["record"] = None
    if other.get("other_body"):
        expect.pop("body", None)
        expect.pop("json", None)
    return expect


def server(act: dict) -> str:
    return SERVERS.get(act["provider"], act["provider"])


def scripted(act: dict, pieces: list[bytes] | None = None) -> dict:
    """Returns the behaviour of a provider in the format of the scripted provider."""
    match act.get("fails"):
        case "timeout":
            return {"silent": True, "then": "hang"}
        case "reset":
            return {"silent": True, "then": "reset"}
        case "silence":
            head = {"status": act.get("status", 200), "headers": act.get("headers", {})}
            return {**head, "chunks": [], "then": "hang"}
    body = act.get("body", "").encode()
    # On a reused connection, the gateway would repeat the request after a reset.
    answer = {"status": act.get("status", 200), "headers": {"connection": "close", **act.get("headers", {})}}
    if pieces is None and not act.get("breaks_off"):
        return {**answer, "body": {"base64": base64.b64encode(body).decode()}}
    chunks = [{"base64": base64.b64encode(piece).decode()} for piece in pieces or [body]]
    return {**answer, "chunks": chunks, **({"then": "reset"} if act.get("breaks_off") else {})}


def send(gateway: Gateway, request: dict, trace: str) -> wire.Exchange:
    key = request.get("key", "alice")
    head = gateway.head(trace, key and f"hg-test-{key}")
    head += list(request.get("headers", {}).items())
    body = request["body"].encode() if "body" in request else None
    exchange = wire.Exchange(gateway.listen)
    exchange.send(wire.request(request.get("method", "POST"), request.get("path", "/v1/chat/completions"), head, body))
    return exchange


def play(gateway: Gateway, case: dict, trace: str, cut=lambda _body: None) -> wire.Exchange:
    """Queues the acts, sends the request, and waits for the first byte of an answer. All acts must have been played by then."""
    for check in case.get("checks", []):
        gateway.providers["alpha"].script(scripted(check))
    for act in case.get("providers", []):
        if act.get("fails") != "connect":
            gateway.providers[server(act)].script(scripted(act, cut(act.get("body", "").encode())))
    exchange = send(gateway, case["request"], trace)
    exchange.wait()
    queued = {name: provider.unscript() for name, provider in gateway.providers.items()}
    fewer = case["expect"].get("fewer_tries")
    assert fewer or not any(queued.values()), f"the case has more acts than tries were made: {queued}"
    return exchange


def assert_holds(expected, found, place: str) -> None:
    """Asserts that every named part is there; null means that it must be absent."""
    if isinstance(expected, dict):
        for name, value in expected.items():
            assert_holds(value, (found or {}).get(name), f"{place}.{name}")
    elif isinstance(expected, list):
        assert len(found or []) == len(expected), place
        for number, (one, other) in enumerate(zip(expected, found or [])):
            assert_holds(one, other, f"{place}[{number}]")
    else:
        assert found == expected, place


def assert_headers(expected: dict, message: wire.Message) -> None:
    assert {name: message.header(name) for name in expected} == expected


@pytest.mark.parametrize("by_bytes", [False, True], ids=["whole", "byte by byte"])
@pytest.mark.parametrize("path", FILES, ids=NAMES.get)
def test_case(cases, path, by_bytes):
    case = read(path)
    acts = case.get("providers", [])
    trace = cases.trace()
    with play(cases, case, trace, single_bytes if by_bytes else lambda _body: None) as exchange:
        answer = exchange.answer(case["request"].get("method", "POST"))
    answer.trace = trace
    expected = case["expect"]
    assert answer.status == expected["status"]
    assert_headers(expected.get("headers", {}), answer)
    if "body" in expected:
        assert answer.body == expected["body"].encode()
    if "json" in expected:
        assert_holds(expected["json"], answer.json(), "json")
    if expected["record"] is None:
        cases.issued[trace] = 0  # no record is expected
        return
    # A stream that the gateway stops is reset, unless it has ended before.
    if expected["record"].get("ended_by") != "gateway":
        # Behind ai-proxy-multi a stream that its provider breaks off looks complete.
        assert answer.whole != bool(acts and acts[-1].get("breaks_off") and not APISIX)
    assert_upstream(cases, acts, expected, answer.trace)
    assert_holds(expected["record"], cases.record(answer), "record")


@pytest.mark.parametrize("path", STREAMS, ids=NAMES.get)
def test_stream_is_the_same_at_every_split(cases, path):
    case = read(path)
    body = case["providers"][-1]["body"].encode()
    places = [len(body), *split_places(body)]
    trace = cases.trace(len(places))
    # A client notices a broken stream a second later (Envoy's delayed close), so all requests are sent before any is read.
    with ExitStack() as exchanges:
        asked = [
            exchanges.enter_context(play(cases, case, trace, lambda body, at=at: [body[:at], body[at:]])) for at in places
        ]
        answers = [one.answer() for one in asked]
    records = records_of(cases, trace, len(places))
    whole = lasting(answers[0], records)
    for at, answer in zip(places, answers, strict=True):
        assert lasting(answer, records) == whole, f"split at {at}"


def single_bytes(body: bytes) -> list[bytes] | None:
    """An empty body stays whole: a 204 cannot be chunked."""
    return [body[at : at + 1] for at in range(len(body))] or None


def split_places(body: bytes) -> list[int]:
    """Returns every seventh byte, and the positions around each end of a line."""
    ends = [match.end() for match in re.finditer(rb"\r\n|\r|\n", body)]
    around = {end + step for end in ends for step in (-2, -1, 0, 1)}
    return sorted(at for at in around | set(range(7, len(body), 7)) if 0 < at < len(body))


def records_of(gateway: Gateway, trace: str, count: int) -> dict[str, dict]:
    """Returns all records of a trace, by request id."""
    found: dict[str, dict] = {}

    def arrived() -> bool:
        found.update({record["id"]: record for record in gateway.all_records() if record.get("trace_id") == trace})
        return len(found) >= count

    wait_until(arrived)
    assert len(found) == count
    return found


def lasting(answer: wire.Answer, records: dict[str, dict]) -> tuple:
    """Returns an answer and its record without the fields that differ from run to run."""
    request_id = answer.header("x-headgate-request-id")
    record = dict(records[request_id])
    # The error event at the end of a stream names the request.
    body = answer.body.replace(request_id.encode(), b"REQUEST")
    if record["ended_by"] == "gateway" and record["status"] == 200:
        # Of a stopped stream, the gateway has seen only the bytes up to the end of the last chunk.
        for name in ("finish_reason", "usage", "cost", "payload"):
            record.pop(name, None)
    attempts = [of_the_case(one) for one in record.pop("attempts")]
    head = [pair for pair in answer.headers if pair[0] not in ("date", "x-headgate-request-id")]
    return answer.status, head, body, answer.whole or record["ended_by"] == "gateway", of_the_case(record), attempts


def of_the_case(record: dict) -> dict:
    return {name: value for name, value in record.items() if name not in OF_THE_RUN}


def assert_upstream(gateway: Gateway, acts: list[dict], expect: dict, trace: str) -> None:
    """Asserts that each try arrived at its provider, in order, with the expected content. Some providers do not listen."""
    expected = expect.get("upstream")
    arrived = {name: gateway.providers[name].seen(trace) for name in gateway.providers}
    for number, act in enumerate(acts):
        if act.get("fails") == "connect" or expect.get("fewer_tries") and not arrived[server(act)]:
            continue
        seen = arrived[server(act)].pop(0)
        if expected is None:
            continue
        assert_headers(expected[number].get("headers", {}), seen)
        if "path" in expected[number]:
            assert seen.path == expected[number]["path"]
        if "body" in expected[number]:
            assert_sent(expected[number]["body"], seen.body)
    assert not any(arrived.values()), "more tries arrived than the case has acts"


def assert_sent(expected: str, found: bytes) -> None:
    """Asserts what a provider got. `ai-proxy-multi` writes the body of a stream's request anew, with its keys in another order."""
    if APISIX and b'"stream":true' in found:
        assert json.loads(found) == json.loads(expected)
    else:
        assert found == expected.encode()


def test_there_are_cases():
    assert len(FILES) > 40
