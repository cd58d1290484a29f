"""The case files of the pure machines, each on a real Envoy: as a whole, and with the answers in chunks of one byte.

A case is a YAML file; adding one needs no Python. What it does not name is not compared. One that cannot run here says
why in `machine_only`.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
import wire
import yaml
from gateway import BIN, WASM, Gateway, stack

CASES = Path(__file__).resolve().parent.parent / "cases"
FILES = sorted(CASES.glob("*/*.yaml"))


def gateway_yaml(gateway: Gateway) -> str:
    """The cases' own policy with this gateway's addresses; as text, for `on` is no word to a YAML 1.1 reader."""
    text = (CASES / "gateway.yaml").read_text()
    alpha, beta = (gateway.providers[name].url for name in ("alpha", "beta"))
    for old, new in (
        ("listen: 127.0.0.1:1\n", f"listen: {gateway.listen}\nadmin: {gateway.admin}\n"),
        ("http://127.0.0.1:2/", f"{alpha}/"),
        ("http://127.0.0.1:3/", f"{beta}/"),
    ):
        assert old in text
        text = text.replace(old, new)
    collector = {"url": f"http://{gateway.collector_address}", "token": "${HEADGATE_INGEST_TOKEN}"}
    return f"{text}\ncollector: {json.dumps(collector)}\n"


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    class CaseGateway(Gateway):
        def render(self) -> None:
            path = self.folder / "gateway.yaml"
            path.write_text(gateway_yaml(self))
            stack.render(BIN / "headgate", path, self.out, WASM)

    gateway = CaseGateway(tmp_path_factory.mktemp("cases"), None, key_ids=())
    gateway.env |= {name: f"secret-of-{name}" for name in ("ALPHA_API_KEY", "BETA_API_KEY")}
    try:
        yield gateway.start()
        gateway.settle()
        gateway.assert_no_trap()
    finally:
        gateway.stop()


def scripted(act: dict, by_bytes: bool) -> dict:
    """What a provider is to do, in the words of the scripted provider."""
    match act.get("fails"):
        case "timeout":
            return {"silent": True, "then": "hang"}
        case "reset":
            return {"silent": True, "then": "reset"}
    body = act.get("body", "").encode()
    answer = {"status": act.get("status", 200), "headers": act.get("headers", {})}
    if not by_bytes and not act.get("breaks_off"):
        return {**answer, "body": {"base64": base64.b64encode(body).decode()}}
    pieces = [body[at : at + 1] for at in range(len(body))] if by_bytes else [body]
    chunks = [{"base64": base64.b64encode(piece).decode()} for piece in pieces]
    return {**answer, "chunks": chunks, "chunk_delay_ms": 0, **({"then": "reset"} if act.get("breaks_off") else {})}


def send(gateway: Gateway, request: dict) -> wire.Answer:
    trace = gateway.trace()
    key = request.get("key", "alice")
    head = gateway.head(trace, key and f"hg-test-{key}")
    head += list(request.get("headers", {}).items())
    body = request["body"].encode() if "body" in request else None
    method = request.get("method", "POST")
    answer = wire.call(gateway.listen, method, request.get("path", "/v1/chat/completions"), head, body)
    answer.trace = trace
    return answer


def assert_holds(expected, found, place: str) -> None:
    """Every named part is there; null says that it must not be."""
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
@pytest.mark.parametrize("path", FILES, ids=[f"{path.parent.name}/{path.stem}" for path in FILES])
def test_case(cases, path, by_bytes):
    case = yaml.safe_load(path.read_text())
    if "machine_only" in case:
        pytest.skip(case["machine_only"])
    acts = case.get("providers", [])
    for provider in cases.providers.values():
        provider.control("DELETE", "/_script")
        provider.script(*(scripted(act, by_bytes) for act in acts if act["provider"] == provider.name))
    answer = send(cases, case["request"])
    expected = case["expect"]
    assert answer.status == expected["status"]
    assert_headers(expected.get("headers", {}), answer)
    if "body" in expected:
        assert answer.body == expected["body"].encode()
    if "json" in expected:
        assert_holds(expected["json"], answer.json(), "json")
    assert answer.whole != any(act.get("breaks_off") for act in acts)
    assert_upstream(cases, acts, expected.get("upstream"), answer.trace)
    assert_holds(expected["record"], cases.record(answer), "record")


def assert_upstream(gateway: Gateway, acts: list[dict], expected: list[dict] | None, trace: str) -> None:
    """Each try arrived where it should, in order, and with what it should; nobody sees what no one listened to."""
    arrived = {name: gateway.providers[name].seen(trace) for name in gateway.providers}
    for number, act in enumerate(acts):
        if act.get("fails") == "connect":
            continue
        seen = arrived[act["provider"]].pop(0)
        if expected is None:
            continue
        assert_headers(expected[number].get("headers", {}), seen)
        if "path" in expected[number]:
            assert seen.path == expected[number]["path"]
        if "body" in expected[number]:
            assert seen.body == expected[number]["body"].encode()
    assert not any(arrived.values()), "more tries arrived than the case has acts"


def test_there_are_cases():
    assert len(FILES) > 40
