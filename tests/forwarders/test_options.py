"""Options of single kinds: signals of OpenTelemetry, acknowledgements of Splunk, signatures of webhooks, retention that waits."""

from __future__ import annotations

import itertools
import json
import sqlite3
import threading
import time

import pytest
from receivers import SECRET, TOOLS, Answer, Collector, Program, StandIn, free_port, record, tenzir, wait_until

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TOKEN = "${RECEIVER_TOKEN}"


def otlp(port: int, **more) -> dict:
    return {"id": "otel", "kind": "otlp", "url": f"http://127.0.0.1:{port}", "start": "oldest"} | more


def attributes_of(span: dict) -> dict:
    return {one["key"]: next(value for name, value in one["value"].items() if name.endswith("_value") and value is not None) for one in span["attributes"]}


def failover(collector: Collector):
    """Sends a request that the second target served, one without a trace, and one that was refused."""
    tried = {"model": "m", "started_after_us": 1, "latency_us": 2}
    attempts = [
        tried | {"provider": "alpha", "kind": "first", "status": 503, "error": "server_error"},
        tried | {"provider": "beta", "kind": "failover", "status": 200, "started_after_us": 4},
    ]
    usage = {"input_tokens": 100, "output_tokens": 20, "cached_input_tokens": 40, "reasoning_tokens": 5, "source": "reported"}
    served = {"served_by": {"provider": "beta", "model": "m"}, "usage": usage, "cost": {"nano_usd": 5, "price_revision": "p", "assumed": False}}
    collector.send(1, 1, attempts=attempts, trace_id=TRACE, parent_span_id=CALLER, duration_us=100, **served)
    collector.send(2, 2, attempts=attempts, trace_id=None, parent_span_id=None, span_id=None, **served)
    refused = {"status": 429, "rejected_by": "gateway", "error_code": "rate_limit_exceeded", "served_by": None, "usage": None, "cost": None}
    collector.send(3, 3, attempts=[], **refused)


def test_spans_nest_in_the_caller_s_trace(tmp_path, running):
    receiver, port = tenzir(tmp_path / "receiver", 'accept_otlp "127.0.0.1:PORT"')
    running.append(receiver)
    collector = Collector(tmp_path / "collector", otlp(port, signal="traces"))
    running.append(collector)
    failover(collector)
    collector.delivered("otel", 3)
    spans = wait_until(lambda: len(receiver.lines()) >= 7 and receiver.lines(), "all spans are printed")
    by_name = lambda name, trace: next(one for one in spans if one["name"] == name and one["trace_id"] == trace)  # noqa: E731
    first, second, third = (json.loads(line) for line in collector.export())
    request, alpha, beta = (by_name(name, TRACE) for name in ("chat chat", "attempt alpha", "attempt beta"))
    assert request["parent_span_id"] == CALLER
    assert request["span_id"] == first["id"].replace("-", "")[16:]
    assert {alpha["parent_span_id"], beta["parent_span_id"]} == {request["span_id"]}
    number = int(request["span_id"], 16)
    assert [int(one["span_id"], 16) for one in (alpha, beta)] == [number + 1, number + 2]
    attributes = attributes_of(request)
    assert attributes["gen_ai.operation.name"] == "chat" and attributes["gen_ai.request.model"] == "chat", attributes
    assert attributes["gen_ai.provider.name"] == "openai" == attributes["gen_ai.system"]
    assert (attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]) == (100, 20)
    failed = attributes_of(alpha)
    assert (failed["error.type"], failed["http.response.status_code"]) == ("server_error", 503)
    assert "gen_ai.operation.name" not in attributes_of(beta), "only the request is an inference"
    # Without a trace of the caller a request begins one, whose id is its own.
    alone = second["id"].replace("-", "")
    root = by_name("chat chat", alone)
    assert root["span_id"] == alone[16:] and not root.get("parent_span_id")
    refused = next(one for one in spans if attributes_of(one).get("error.type") == "rate_limit_exceeded")
    assert refused["span_id"] == third["id"].replace("-", "")[16:]


def test_metrics_are_sums_and_histograms_of_requests(tmp_path, running):
    receiver = StandIn()
    collector = Collector(tmp_path / "collector", otlp(receiver.server.server_port, signal="metrics"))
    running.append(collector)
    failover(collector)
    collector.delivered("otel", 3)
    points = {}
    for call in receiver.calls:
        assert call["path"] == "/v1/metrics"
        for resource in json.loads(call["body"])["resourceMetrics"]:
            for metric in resource["scopeMetrics"][0]["metrics"]:
                data = metric.get("sum") or metric.get("histogram")
                assert data["aggregationTemporality"] == 1, "delta"
                points.setdefault(metric["name"], []).extend(data["dataPoints"])
    total = lambda name: sum(int(one["asInt"]) for one in points[name])  # noqa: E731
    assert total("gen_ai.client.inference.usage.input_tokens") == 200
    assert total("gen_ai.client.inference.usage.cache_read.input_tokens") == 80
    assert sum(int(one["count"]) for one in points["gen_ai.client.inference.duration"]) == 3
    for one in points["gen_ai.client.inference.duration"]:
        assert sum(map(int, one["bucketCounts"])) == int(one["count"]) and len(one["bucketCounts"]) == len(one["explicitBounds"]) + 1
    of_type = lambda one: next(a["value"]["stringValue"] for a in one["attributes"] if a["key"] == "gen_ai.token.type")  # noqa: E731
    assert {of_type(one): one["sum"] for one in points["gen_ai.client.token.usage"]} == {"input": 200, "output": 40}


def test_metrics_are_taken_by_tenzir(tmp_path, running):
    receiver, port = tenzir(tmp_path / "receiver", 'accept_otlp "127.0.0.1:PORT"')
    running.append(receiver)
    collector = Collector(tmp_path / "collector", otlp(port, signal="metrics"))
    running.append(collector)
    failover(collector)
    collector.delivered("otel", 3)
    assert wait_until(lambda: "gen_ai.client.inference.duration" in receiver.out.read_text(), "a metric is printed")
    assert collector.progress("otel")["sent"] == 3 and collector.forwarder("otel")["dead_letters"] == 0


@pytest.mark.parametrize(
    ("semconv", "present", "absent"),
    [
        ("v0.1.0", ["gen_ai.response.time_to_first_chunk", "gen_ai.provider.name"], ["gen_ai.server.time_to_first_token", "gen_ai.system"]),
        ("v1.36", ["gen_ai.server.time_to_first_token", "gen_ai.system"], ["gen_ai.response.time_to_first_chunk", "gen_ai.provider.name"]),
        ("both", ["gen_ai.server.time_to_first_token", "gen_ai.response.time_to_first_chunk", "gen_ai.system"], []),
    ],
)
def test_names_of_attributes_are_of_the_chosen_version(tmp_path, running, semconv, present, absent):
    receiver = StandIn()
    collector = Collector(tmp_path / "collector", otlp(receiver.server.server_port, signal="traces", semconv=semconv))
    running.append(collector)
    failover(collector)
    collector.delivered("otel", 3)
    [resource, *_] = json.loads(receiver.calls[0]["body"])["resourceSpans"]
    names = {one["key"] for one in resource["scopeSpans"][0]["spans"][0]["attributes"]}
    assert names >= set(present) and not names & set(absent), sorted(names)


class Splunk:
    """A stand-in for an indexer with acknowledgements: `code 0` with a number, which is asked for later."""

    def __init__(self):
        self.acks, self.asked, self.acknowledges, self.lock = {}, [], False, threading.Lock()
        self.receiver = StandIn(self.answer)

    def answer(self, call: dict) -> Answer:
        with self.lock:
            if call["path"] == "/services/collector/ack":
                [ack] = json.loads(call["body"])["acks"]
                self.asked.append((ack, call["headers"]["x-splunk-request-channel"]))
                return Answer(body=json.dumps({"acks": {str(ack): self.acknowledges and ack in self.acks}}).encode())
            # Such numbers are larger than a float is exact.
            ack = 6_508_911_268_386_005 + len(self.acks)
            self.acks[ack] = [json.loads(line)["event"]["seq"] for line in call["body"].splitlines()]
            return Answer(body=json.dumps({"text": "Success", "code": 0, "ackId": ack}).encode())


def hec(url: str, **more) -> dict:
    return {"id": "siem", "kind": "splunk_hec", "url": url, "token": TOKEN, "logs": ["requests"], "start": "oldest"} | more


def test_splunk_is_asked_until_it_has_acknowledged(tmp_path, running):
    splunk = Splunk()
    collector = Collector(tmp_path / "collector", hec(splunk.receiver.url))
    running.append(collector)
    collector.send(1, 10)
    wait_until(lambda: len(splunk.asked) >= 3, "it is asked again")
    assert collector.progress("siem")["position"] == 0, "what is not acknowledged is not delivered"
    assert len(splunk.acks) == 1 and {ack for ack, _ in splunk.asked} == set(splunk.acks)
    splunk.acknowledges = True
    collector.delivered("siem", 10)
    assert list(splunk.acks.values()) == [list(range(1, 11))], "sent once"
    channels = {call["headers"]["x-splunk-request-channel"] for call in splunk.receiver.calls}
    assert len(channels) == 1


def test_a_batch_that_is_never_acknowledged_is_sent_again(tmp_path, running):
    splunk = Splunk()
    collector = Collector(tmp_path / "collector", hec(splunk.receiver.url, ack_timeout="2s"))
    running.append(collector)
    collector.send(1, 10)
    wait_until(lambda: len(splunk.acks) >= 2, "it is sent again")
    assert "has not acknowledged the batch in time" in collector.forwarder("siem")["error"]
    splunk.acknowledges = True
    collector.delivered("siem", 10)
    assert {tuple(batch) for batch in splunk.acks.values()} == {tuple(range(1, 11))}, "the same batch each time"
    assert collector.progress("siem")["sent"] == 10
    events = [call for call in splunk.receiver.calls if call["path"].endswith("/event")]
    assert all(later["at"] - earlier["at"] >= 2 for earlier, later in itertools.pairwise(events)), "not before its time"


def test_a_batch_that_tenzir_never_acknowledges_is_sent_again(tmp_path, running):
    """Without checkpoints of its pipeline no number of Tenzir becomes true."""
    receiver, port = tenzir(tmp_path / "receiver", f'accept_splunk "127.0.0.1:PORT", hec_token="{SECRET}", ack=true')
    running.append(receiver)
    collector = Collector(tmp_path / "collector", hec(f"http://127.0.0.1:{port}", ack_timeout="2s"))
    running.append(collector)
    collector.send(1, 10, cost={"nano_usd": 5, "price_revision": "prices-1", "assumed": False})
    wait_until(lambda: len(receiver.lines()) >= 20, "it is printed twice")
    assert [line["event"]["seq"] for line in receiver.lines()[:20]] == [*range(1, 11)] * 2
    assert collector.progress("siem")["position"] == 0, "what is not acknowledged is not delivered"


def test_a_collector_that_dies_before_the_acknowledgement_sends_again(tmp_path, running):
    splunk = Splunk()
    collector = Collector(tmp_path / "collector", hec(splunk.receiver.url))
    collector.send(1, 10)
    wait_until(lambda: splunk.asked, "it is asked")
    collector.kill()
    splunk.acknowledges = True
    collector.start()
    running.append(collector)
    collector.delivered("siem", 10)
    assert list(splunk.acks.values()) == [list(range(1, 11))] * 2


@pytest.mark.parametrize("answer", [Answer(400, body=b'{"text":"ACK is disabled","code":14}'), Answer(404)], ids=["code 14", "no such path"])
def test_a_receiver_without_acknowledgements_is_believed(tmp_path, running, answer):
    number = b'{"text":"Success","code":0,"ackId":1}'
    receiver = StandIn(lambda call: answer if call["path"].endswith("/ack") else Answer(body=number))
    collector = Collector(tmp_path / "collector", hec(receiver.url))
    running.append(collector)
    collector.send(1, 10)
    collector.delivered("siem", 10)
    assert [call["path"] for call in receiver.calls] == ["/services/collector/event", "/services/collector/ack"]


def test_acknowledgements_can_be_switched_off(tmp_path, running):
    receiver = StandIn(lambda call: Answer(body=b'{"text":"Success","code":0,"ackId":1}'))
    collector = Collector(tmp_path / "collector", hec(receiver.url, acks="off"))
    running.append(collector)
    collector.send(1, 10)
    collector.delivered("siem", 10)
    assert {call["path"] for call in receiver.calls} == {"/services/collector/event"}


def test_webhooks_are_signed(tmp_path, running):
    from standardwebhooks import Webhook, WebhookVerificationError

    key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    receiver = StandIn(lambda call: Answer(500) if call["number"] == 0 else Answer())
    forwarder = {"id": "hook", "kind": "webhook", "url": receiver.url, "logs": ["requests"], "start": "oldest", "signing_key": "${SIGNING_KEY}"}
    collector = Collector(tmp_path / "collector", forwarder, SIGNING_KEY=key)
    running.append(collector)
    collector.send(1, 10)
    collector.delivered("hook", 10)
    first, second = receiver.calls[:2]
    assert first["headers"]["webhook-id"] == second["headers"]["webhook-id"], "a message that is sent again has the same id"
    for call in (first, second):
        assert len(Webhook(key).verify(call["body"], call["headers"])) == len(json.loads(call["body"]))
        with pytest.raises(WebhookVerificationError):
            Webhook(key).verify(call["body"].replace(b"1", b"2"), call["headers"])
    assert key not in (collector.folder / "log").read_text() + json.dumps(collector.ask("GET", "/v1/forwarders"))


def test_retention_waits_for_a_forwarder(tmp_path, running):
    """Records expire after 90 days; what is not delivered yet stays for ten days more."""
    gone = [True]
    receiver = StandIn(lambda call: Answer(500) if gone[0] else Answer())
    forwarder = {"id": "hook", "kind": "webhook", "url": receiver.url, "logs": ["requests"], "start": "oldest", "hold_until_forwarded": "10d"}
    collector = Collector(tmp_path / "collector", forwarder)
    collector.send(1, 50)
    wait_until(lambda: collector.forwarder("hook")["state"] == "retrying", "it waits")
    age(collector, 95)
    running.append(collector)
    time.sleep(3)
    assert len(collector.export()) == 50, "they have expired, and are not delivered"
    gone[0] = False
    collector.ask("POST", "/v1/forwarders/hook/resume")
    collector.delivered("hook", 50)
    assert receiver.numbers() == list(range(1, 51))
    collector.stop()
    collector.start()
    wait_until(lambda: collector.export() == [], "they go once they are delivered, with the next run of retention")
    assert collector.audit("forwarder.lost") == []


def test_retention_does_not_wait_for_ever(tmp_path, running):
    forwarder = {"id": "hook", "kind": "webhook", "url": "http://127.0.0.1:1", "logs": ["requests"], "start": "oldest", "hold_until_forwarded": "10d"}
    collector = Collector(tmp_path / "collector", forwarder)
    collector.send(1, 50)
    age(collector, 101)
    running.append(collector)
    wait_until(lambda: collector.export() == [], "the time is over")


def age(collector: Collector, days: int):
    """Makes all records older, as time would."""
    collector.stop()
    database = sqlite3.connect(collector.folder / "data/headgate.db")
    for (trigger,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'request_entries'").fetchall():
        database.execute(f"DROP TRIGGER {trigger}")
    database.execute(f"UPDATE request_entries SET received_at = received_at - {days} * 86400000000")
    database.commit()
    database.close()
    collector.start()


def test_logs_and_spans_are_taken_by_rotel(tmp_path, running):
    port = free_port()
    command = [TOOLS / "rotel/rotel-agent", "start", "--otlp-http-endpoint", f"127.0.0.1:{port}", "--otlp-grpc-endpoint", f"127.0.0.1:{free_port()}"]
    logs = ["--debug-log", "logs", "--debug-log", "traces", "--debug-log-verbosity", "detailed", "--exporter", "blackhole"]
    receiver = Program(tmp_path / "receiver", [*command, *logs], port)
    running.append(receiver)
    url = f"http://127.0.0.1:{port}"
    both = [{"id": signal, "kind": "otlp", "url": url, "logs": ["requests"], "start": "oldest", "signal": signal} for signal in ("logs", "traces")]
    collector = Collector(tmp_path / "collector", *both)
    running.append(collector)
    failover(collector)
    for signal in ("logs", "traces"):
        collector.delivered(signal, 3)
    text = wait_until(lambda: (lambda said: said if said.count("Span #") >= 7 and said.count("LogRecord #") >= 3 else None)(receiver.out.read_text() + (receiver.out.parent / "err").read_text()), "all are printed", 20)
    for number in (1, 2, 3):
        assert record(number)["id"] in text
    assert TRACE in text and "gen_ai.usage.input_tokens" in text
