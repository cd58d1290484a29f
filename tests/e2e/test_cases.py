"""The case files through a real Envoy: the same files, and the same comparisons, as `tests/machine/cases.rs`.

What the machine runner cannot see is seen here besides: that each scripted answer was asked for, that nobody was asked
more often, and that the record is in the collector.
"""

from __future__ import annotations

from contextlib import ExitStack

import cases
import pytest
import wire
from gateway import Gateway, wait_until

FILES = cases.files()
STREAMS = [path for path in FILES if any(cases.streams(act) for act in cases.read(path).get("providers", [])[-1:])]
# Differ from run to run, or with the way the body was framed.
RUN_HEADERS = {"date", "x-headgate-request-id"}
RUN_FIELDS = {"id", "seq", "boot", "node", "started_at", "duration_us", "time_to_first_token_us", "received_at"}
RUN_ATTEMPT_FIELDS = {"started_after_us", "latency_us"}


@pytest.fixture(scope="session")
def case_gateway(tmp_path_factory):
    """A gateway with the policy of the cases."""
    one = Gateway(tmp_path_factory.mktemp("cases"), cases.policy, key_ids=())
    one.env |= {name: f"secret-of-{name}" for name in ("ALPHA_API_KEY", "BETA_API_KEY")}
    try:
        yield one.start()
        one.settle()
        one.assert_no_trap()
    finally:
        one.stop()


@pytest.mark.parametrize("path", FILES, ids=cases.name)
def test_a_case_file_is_valid(path):
    assert cases.problems(cases.read(path)) == []


def test_no_file_lies_where_no_runner_looks():
    assert len(FILES) > 20
    assert {path.parent.parent for path in FILES} == {cases.FOLDER}
    assert {path for path in cases.FOLDER.rglob("*") if path.is_file()} == {*FILES, cases.POLICY}


@pytest.mark.parametrize("path", FILES, ids=cases.name)
def test_a_case_ends_as_it_says(case_gateway, path):
    case = runnable(path)
    answer = play(case_gateway, case, case_gateway.trace())
    problems = compare(case, answer, case_gateway.record(answer), seen(case_gateway, case, answer.trace))
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("path", STREAMS, ids=cases.name)
def test_a_stream_is_the_same_wherever_it_is_split(case_gateway, path):
    case = runnable(path)
    body = case["providers"][-1]["body"].encode()
    cuts = [None, *cases.cuts(body)]
    trace = case_gateway.trace(len(cuts))
    # Envoy tells a client of a broken stream after a second only, so all are asked before any is read to its end.
    with ExitStack() as exchanges:
        asked = [exchanges.enter_context(ask(case_gateway, case, trace, cut)) for cut in cuts]
        answers = [one.answer() for one in asked]
    records = records_of(case_gateway, trace, len(cuts))
    whole = lasting(answers[0], records)
    for cut, answer in zip(cuts, answers, strict=True):
        assert lasting(answer, records) == whole, f"split at {cut}"


def runnable(path) -> dict:
    case = cases.read(path)
    if "machine_only" in case:
        pytest.skip(case["machine_only"])
    return case


def play(gateway: Gateway, case: dict, trace: str) -> wire.Answer:
    with ask(gateway, case, trace) as exchange:
        answer = exchange.answer(case["request"].get("method", "POST"))
    answer.trace = trace
    return answer


def ask(gateway: Gateway, case: dict, trace: str, cut: int | None = None) -> wire.Exchange:
    """Queues what the providers do, sends the request, and sees that nothing stays queued once an answer comes."""
    for provider, scripted in cases.scripts(case.get("providers", []), cut):
        gateway.providers[provider].script(scripted)
    request = case["request"]
    key = request.get("key", "alice")
    head = gateway.head(trace, None if key is None else f"hg-test-{key}") + list(request.get("headers", {}).items())
    body = request["body"].encode() if request.get("body") is not None else None
    exchange = wire.Exchange(gateway.listen)
    exchange.send(wire.request(request.get("method", "POST"), request.get("path", "/v1/chat/completions"), head, body))
    exchange.wait()
    left = {name: provider.unscript() for name, provider in gateway.providers.items()}
    assert not any(left.values()), f"answers that nobody asked for: {left}"
    return exchange


def seen(gateway: Gateway, case: dict, trace: str) -> list[wire.Seen | None]:
    """What each try brought to its provider, in the order of the acts; `None` where there was no connection."""
    arrived = {name: provider.seen(trace) for name, provider in gateway.providers.items()}
    acts = case.get("providers", [])
    tries = [None if act.get("fails") == "connect" else arrived[act["provider"]].pop(0) for act in acts]
    assert not any(arrived.values()), "a try was made for which the case has no act"
    return tries


def compare(case: dict, answer: wire.Answer, record: dict, tries: list[wire.Seen | None]) -> list[str]:
    expect = case["expect"]
    problems = [*differs("status", expect["status"], answer.status), *headers("response", expect, answer)]
    if expect.get("body") is not None:
        problems += differs("body", expect["body"].encode(), answer.body)
    if "json" in expect:
        problems += subset("json", expect["json"], answer.json())
    problems += subset("record", expect["record"], record)
    if expect.get("upstream") is None:
        return problems
    problems += differs("tries", len(expect["upstream"]), len(tries))
    for number, (expected, found) in enumerate(zip(expect["upstream"], tries)):
        problems += [] if found is None else upstream(f"upstream {number}", expected, found)
    return problems


def upstream(place: str, expected: dict, found: wire.Seen) -> list[str]:
    problems = headers(place, expected, found)
    if expected.get("path") is not None:
        problems += differs(f"{place}: path", expected["path"], found.path)
    if expected.get("body") is not None:
        problems += differs(f"{place}: body", expected["body"].encode(), found.body)
    return problems


def headers(place: str, expected: dict, found: wire.Message) -> list[str]:
    """Null: it must not be there."""
    wanted = expected.get("headers", {})
    return [problem for name, value in wanted.items() for problem in differs(f"{place}: {name}", value, found.header(name))]


def subset(place: str, expected, found) -> list[str]:
    """Every expected member is there; a list has as many items; null means absent."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return [one for name, value in expected.items() for one in subset(f"{place}.{name}", value, found.get(name))]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = enumerate(zip(expected, found))
        return [one for index, (value, item) in pairs for one in subset(f"{place}[{index}]", value, item)]
    return differs(place, expected, found)


def differs(place: str, expected, found) -> list[str]:
    # 1 is no truth and no 1.0.
    same = type(expected) is type(found) and expected == found
    return [] if same else [f"{place}: {found!r} instead of {expected!r}"]


def records_of(gateway: Gateway, trace: str, count: int) -> dict[str, dict]:
    """All records of a trace, by request id."""
    found: dict[str, dict] = {}

    def arrived() -> bool:
        found.update({record["id"]: record for record in gateway.all_records() if record.get("trace_id") == trace})
        return len(found) >= count

    wait_until(arrived, 15)
    assert len(found) == count
    return found


def lasting(answer: wire.Answer, records: dict[str, dict]) -> tuple:
    """Everything but what differs from run to run."""
    record = dict(records[answer.header("x-headgate-request-id")])
    attempts = [without(one, RUN_ATTEMPT_FIELDS) for one in record.pop("attempts", [])]
    head = sorted((name, value) for name, value in answer.headers if name not in RUN_HEADERS)
    return answer.status, head, answer.body, answer.whole, without(record, RUN_FIELDS), attempts


def without(record: dict, fields: set[str]) -> dict:
    return {name: value for name, value in record.items() if name not in fields}
