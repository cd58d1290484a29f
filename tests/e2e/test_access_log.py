"""Fields of the filter in Envoy's own access log: what is there in each ending, and that it is what the record says."""

from __future__ import annotations

import json

import policy
import pytest
import wire
from gateway import Gateway, wait_until
from test_leaving import begin
from test_protocols import Http2
from test_proxy_metrics import MAIL, ask, assert_counted, counted
from test_refusals import HEAD, frames

FIELDS = ["request_id", "model", "provider", "served_model", "key", "input_tokens", "output_tokens", "cost_usd", "decision"]
FILE = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"


class Logged(Gateway):
    """A gateway whose Envoy writes a log of its own."""

    def render(self, policy: dict | None = None) -> None:
        super().render(policy)
        path = self.out / "lds.json"
        listeners = json.loads(path.read_text())
        manager = listeners["resources"][0]["filter_chains"][0]["filters"][0]["typed_config"]
        line = {field: f"%FILTER_STATE(wasm.headgate_{field}:PLAIN)%" for field in FIELDS}
        line |= {"trace": "%REQ(TRACEPARENT)%", "status": "%RESPONSE_CODE%", "path": "%REQ(:PATH)%"}
        settings = {"@type": FILE, "path": str(self.folder / "access.log"), "log_format": {"json_format": line}}
        manager["access_log"].append({"name": "envoy.access_loggers.file", "typed_config": settings})
        path.write_text(json.dumps(listeners))

    def lines(self) -> list[dict]:
        path = self.folder / "access.log"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def logged(gateway: Gateway) -> dict:
    made = counted(gateway)
    made["logging"]["access_log_fields"] = FIELDS
    return made


@pytest.fixture
def running(tmp_path):
    one = Logged(tmp_path / "gateway", logged, key_ids=policy.KEY_IDS)
    yield from one.serve()


def dollars(record: dict) -> str | None:
    nano = record.get("cost", {}).get("nano_usd")
    return None if nano is None else f"{nano / 1e9:.9f}".rstrip("0").rstrip(".")


def facts(record: dict, models) -> dict:
    """Returns the fields that follow from a record."""
    served, usage, model = record.get("served_by", {}), record.get("usage", {}), record.get("requested_model")
    count = lambda kind: str(usage[kind]) if kind in usage else None  # noqa: E731
    return {
        "request_id": record["id"],
        "model": model if model in models else None,
        "provider": served.get("provider"),
        "served_model": served.get("model"),
        "key": record.get("caller", {}).get("key_id"),
        "input_tokens": count("input_tokens"),
        "output_tokens": count("output_tokens"),
        "cost_usd": dollars(record),
    }


def test_each_ending_has_its_fields(running):
    sent = {
        "allow": [running.chat("ok").trace, running.chat("ok", stream=True).trace, running.chat("status-503+ok").trace,
                  running.chat("status-400").trace, running.chat("reset-mid-stream", stream=True).trace],
        "deny keys invalid_api_key": [running.chat("ok", key=None).trace],
        "deny routing model_not_found": [running.chat("nope").trace],
        "deny keys expired api_key_expired": [running.chat("ok", key="expired").trace],
        "deny all_targets_unavailable": [running.chat("all-down").trace],
        "deny invalid_json": [running.call(b"{").trace],
        "deny unknown_path": [running.call(None, path="/nowhere", method="GET").trace],
        # Bytes that are no HTTP have no trace.
        "deny malformed_request": [None],
    }  # fmt: skip
    sent["deny guardrails cut words"] = [running.chat("cut", stream=True).trace]
    sent["deny limits two requests"] = [running.chat("ok", key="other").trace for _ in range(3)][2:]
    assert ask(running, "guarded", f"Write to {MAIL}.") == 422
    assert ask(running, "masked", f"Write to {MAIL}.") == 200
    trace, exchange = begin(running, "stream-200-delay-50", stream=True)
    exchange.read_until(b"word2")
    exchange.reset()
    waiting, exchange = begin(running, "hang-forever", stream=False)
    assert wait_until(lambda: running.providers["alpha"].seen(waiting))
    exchange.reset()
    with wire.Exchange(running.listen) as exchange:
        exchange.send(b"NONSENSE\r\n\r\n")
        exchange.read_until(b"400")
    health = running.call(None, path="/healthz", method="GET").trace
    running.issued.pop(health)
    running.settle()
    # Envoy writes its log every ten seconds.
    assert wait_until(lambda: len(running.lines()) == len(running.issued) + 2)
    lines = {line["trace"][3:35] if line["trace"] else None: line for line in running.lines()}
    records = {record.get("trace_id"): record for record in running.all_records()}
    models = logged(running)["models"]
    for traced, record in records.items():
        line = lines[traced]
        assert {field: line[field] for field in FIELDS if field != "decision"} == facts(record, models), record
    for decision, traces in sent.items():
        assert [lines[one]["decision"] for one in traces] == [decision] * len(traces)
    decisions = {line["decision"] for line in lines.values()}
    assert {"deny guardrails no.mail/2 email", "mask guardrails mask email", "allow"} <= decisions
    assert (lines[trace]["status"], lines[trace]["provider"], lines[waiting]["status"]) == (200, "alpha", 0)
    assert {lines[health][field] for field in FIELDS} == {None}, "a health check is no request for a model"


def test_a_stream_without_a_filter_has_no_fields(running):
    """Envoy resets a stream with too large headers before it makes a filter. Its record is made by a log of the filter."""
    connection = Http2(running.listen)
    connection.exchange.send(frames(1, HEAD + [(f"x-large-{number}", "h" * 20_000) for number in range(6)]))
    assert wait_until(lambda: running.all_records())
    [record] = running.all_records()
    assert (record["status"], record["rejected_by"]) == (0, "gateway")
    assert wait_until(lambda: running.lines())
    [line] = running.lines()
    assert line["status"] == 0 and {line[field] for field in FIELDS} == {None}, line
    assert_counted(running, logged(running)["models"])


def test_only_the_fields_of_the_policy_are_set(running):
    few = logged(running)
    few["logging"]["access_log_fields"] = ["model"]
    few["models"]["few"] = policy.alias(policy.target("alpha", "ok"))
    running.render(few)
    assert wait_until(lambda: running.chat("few").status == 200)
    assert wait_until(lambda: any(line["model"] == "few" for line in running.lines()))
    line = next(line for line in running.lines() if line["model"] == "few")
    assert {field for field in FIELDS if line[field] is not None} == {"model"}
