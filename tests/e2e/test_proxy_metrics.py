"""Metrics of the filter: each counter is what the records say, under hostile names, across policies, and within its bound."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import policy
import pytest
import wire
from gateway import Gateway, wait_until
from proxy_metrics import expected, label, scrape, series, shown
from prometheus_client.parser import text_string_to_metric_families
from test_leaving import begin
from test_vm_death import FragileGateway
from traffic import Traffic

# Names with everything that a policy's name may have.
NAMES = ["gpt-4.1", "a__b", "..", "a..b.", "org/model:free@2+x", "_rq_200", "cluster.x.rq_2xx", "other", "gen_ai_request_model"]
MAIL = "ann.example@mail.example.com"


def counted(gateway: Gateway) -> dict:
    made = policy.shared(gateway)
    made["metrics"] = True
    made["models"] |= {name: policy.alias(policy.target("alpha", "ok")) for name in NAMES + ["guarded", "masked"]}
    made["models"]["cut"] = policy.alias(policy.target("alpha", "stream-30-delay-20"))
    made["limits"] = [{"id": "two", "match": {"key": "other"}, "requests": "2/day"}]
    made["budgets"] = [{"id": "none.left", "match": {"key": "plain"}, "usd": "0.000000001", "period": "day"}]
    hook = {"kind": "webhook", "url": "http://127.0.0.1:9/hook", "timeout": "600ms", "when_unreachable": "allow"}
    made["guardrails"] = [
        {"id": "no.mail/2", "on": ["request"], "detect": {"pii": ["email"]}, "match": {"model": ["guarded"]}},
        {"id": "mask", "on": ["request"], "action": "mask", "detect": {"pii": ["email"]}, "match": {"model": ["masked"]}},
        {"id": "cut", "on": ["response"], "detect": {"words": ["word9"]}, "match": {"model": ["cut"]}},
        {"id": "hook", "external": hook, "match": {"model": ["masked"]}},
    ]  # fmt: skip
    return made


@pytest.fixture
def running(new_gateway) -> Gateway:
    return new_gateway(counted)


def ask(gateway: Gateway, model: str, text: str, **more) -> int:
    return gateway.chat(model, messages=[{"role": "user", "content": text}], **more).status


def everything(gateway: Gateway) -> None:
    """Sends requests of each kind."""
    for model in ("ok", "status-503+ok", "status-400", "all-down", "nope", "half-json", "reset-mid-stream"):
        for stream in (False, True):
            gateway.chat(model, stream=stream)
    gateway.call({"model": "claude", "max_tokens": 9, "messages": []}, path="/v1/messages")
    gateway.call({"model": "embed-small", "input": "Hello."}, path="/v1/embeddings")
    gateway.call(b"{", path="/v1/chat/completions")
    gateway.call(None, path="/v1/models", method="GET")
    gateway.call(None, path="/nowhere", method="GET")
    gateway.issued.pop(gateway.call(None, path="/healthz", method="GET").trace)
    for key in ("expired", "disabled", "hg-unknown"):
        assert gateway.chat("ok", key=key).status == 401
    assert gateway.chat("chat", key="narrow").status == 403
    assert [gateway.chat("ok", key="other").status for _ in range(3)] == [200, 200, 429]
    assert [gateway.chat("ok", key="plain").status for _ in range(2)][-1] == 429
    assert ask(gateway, "guarded", f"Write to {MAIL}.") == 422
    assert ask(gateway, "masked", f"Write to {MAIL} and {MAIL}.") == 200
    assert not gateway.chat("cut", stream=True).body.endswith(b"[DONE]\n\n")
    _, exchange = begin(gateway, "stream-200-delay-50", stream=True)
    exchange.read_until(b"word2")
    exchange.reset()
    with wire.Exchange(gateway.listen) as exchange:
        exchange.send(b"NONSENSE\r\n\r\n")
        exchange.read_until(b"400")


def assert_counted(gateway: Gateway, aliases, but=()) -> None:
    """Compares all counters with all records; `but` names records without metrics."""
    gateway.settle()
    found: dict = {}

    def equal() -> bool:
        records = [one for one in gateway.all_records() if one.get("trace_id") not in but]
        found.update(shown=shown(scrape(gateway)), expected=expected(records, aliases))
        return found["shown"] == found["expected"]

    # Envoy merges the histograms of its workers every five seconds.
    wait_until(equal, 20)
    more, less = found["shown"] - found["expected"], found["expected"] - found["shown"]
    assert not more and not less, "\n".join(f"{sign} {one}" for sign, which in (("+", more), ("-", less)) for one in which.items())


def test_each_counter_is_what_the_records_say(running):
    everything(running)
    for name in NAMES:
        assert running.chat(name).status == 200
    aliases = counted(running)["models"]
    assert_counted(running, aliases)
    found = shown(scrape(running))
    stages = {dict(labels).get("stage") for name, labels in found if name == "headgate_requests_total"}
    assert stages >= {"keys", "routing", "limits", "budgets", "guardrails", "providers", "request"}
    outcomes = {dict(labels)["outcome"] for name, labels in found if name == "headgate_requests_total"}
    assert outcomes == {"success", "refused", "error", "aborted"}
    models = {dict(labels).get("gen_ai_request_model") for _, labels in found}
    assert {label(name) for name in NAMES} <= models and models - {None} <= {label(name) for name in aliases}


def test_a_requested_name_is_never_a_label(running):
    strange = ["evil-CANARY", "CANARY;outcome=success", 'CANARY"} 1', "CANARY.x__y", "CANARÉ", "CANARY\nx", "x" * 100 + "CANARY"]
    for name in strange:
        assert running.chat(name).status in (400, 404)
        running.call(None, path="/v1/models/CANARY", method="GET")
        running.call({"model": name}, path="/v1/CANARY", key="hg-CANARY", x_headgate_end_user="CANARY")
    assert_counted(running, counted(running)["models"])
    text = scrape(running)
    own = [line for line in text.splitlines() if line.startswith(("headgate_", "gen_ai_"))]
    assert own and "CANARY" not in text and "CANAR" not in text
    for key_id in running.keys:
        assert not [line for line in own if f'"{key_id}"' in line], "a key is no label"


@pytest.mark.wasm_only("histograms of the native module begin anew with a new policy")
def test_counters_go_on_under_new_policies(running):
    aliases, names = ("ok", "status-503+ok", "nope"), set(counted(running)["models"])
    with Traffic(running, aliases=aliases) as traffic:
        for number in range(4):
            made = counted(running)
            name = f"new.{number}"
            made["models"][name] = policy.alias(policy.target("alpha", "ok"))
            running.render(made)
            assert wait_until(lambda name=name: running.chat(name).status == 200), "the new alias did not appear"
            names.add(name)
            time.sleep(0.3)
    traffic.assert_all_served()
    assert_counted(running, names - {"nope"})
    quiet = counted(running)
    del quiet["metrics"]
    quiet["models"]["quiet"] = policy.alias(policy.target("alpha", "ok"))
    running.render(quiet)
    uncounted = []

    def appeared() -> bool:
        answer = running.chat("quiet")
        if answer.status == 200:
            uncounted.append(answer.trace)
        return bool(uncounted)

    assert wait_until(appeared)
    assert_counted(running, names - {"nope"}, but=uncounted)


def test_names_beyond_the_bound_are_others(new_gateway):
    many = [f"model-{number}" for number in range(600)]

    def made(gateway: Gateway) -> dict:
        found = policy.shared(gateway) | {"metrics": True}
        found["models"] = {name: policy.alias(policy.target("plain", "ok")) for name in many}
        found["prices"] = {"plain/ok": policy.PRICE}
        return found

    gateway = new_gateway(made, workers=1)
    for name in many:
        assert gateway.chat(name).status == 200
    gateway.settle()
    found = shown(scrape(gateway))
    requests = {labels: count for (name, labels), count in found.items() if name == "headgate_requests_total"}
    models = [dict(labels)["gen_ai_request_model"] for labels in requests]
    assert sum(requests.values()) == len(many) and requests[series("", gen_ai_operation_name="chat", gen_ai_request_model="other", gen_ai_provider_name="other", status_class="2xx", outcome="success")[1]] > 300
    assert 250 < len(models) < 300
    assert wait_until(lambda: sum("_count" in name for name, _ in shown(scrape(gateway))) >= 250)
    assert 2_000 <= len(shown(scrape(gateway))) <= 2_010


def test_the_queue_is_shown_while_the_collector_is_away(running):
    running.collector.stop()
    for _ in range(5):
        assert running.chat("ok").status == 200

    assert wait_until(lambda: value(running, "headgate_records_queued") == 5)
    # The pauses between deliveries grow; the worker's tick does not become slower with them.
    time.sleep(15)
    for number in range(6, 12):
        assert running.chat("ok").status == 200
        assert wait_until(lambda number=number: value(running, "headgate_records_queued") == number, 3)
    running.start_collector()
    assert wait_until(lambda: value(running, "headgate_records_queued") == 0)
    assert_counted(running, counted(running)["models"])


def test_without_a_collector_nothing_waits(new_gateway):
    """A record would wait for nobody, and fill the memory of its worker."""

    def alone(gateway: Gateway) -> dict:
        made = counted(gateway)
        del made["collector"]
        return made

    gateway = new_gateway(alone, workers=1)
    assert [gateway.chat("ok").status for _ in range(5)] == [200] * 5
    gateway.issued.clear()
    assert wait_until(lambda: value(gateway, "headgate_requests_total", outcome="success") == 5)
    # The gauge follows with the tick.
    time.sleep(1)
    assert (value(gateway, "headgate_records_queued"), value(gateway, "headgate_records_dropped_total")) == (0, 0)


@pytest.mark.slow
def test_records_without_room_are_counted(new_gateway):
    """An outbox takes 50,000 records. Those that come while it is full are the gaps that the collector finds later."""
    gateway = new_gateway(counted, workers=1)
    gateway.collector.stop()

    def refused(times: int) -> None:
        with wire.Exchange(gateway.listen) as exchange:
            for _ in range(times):
                exchange.send(wire.request("GET", "/v1/models", [("host", "gateway")]))
                exchange.read_until(b'"code":"invalid_api_key"}}')

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(refused, [50_500 // 4] * 4))
    assert wait_until(lambda: value(gateway, "headgate_records_queued") == 50_000)
    assert wait_until(lambda: value(gateway, "headgate_records_dropped_total") == 500)
    assert value(gateway, "headgate_requests_total", stage="keys") == 50_500
    gateway.start_collector()
    assert wait_until(lambda: value(gateway, "headgate_records_queued") == 0)
    missing = lambda: sum(gap["records"] for gap in gateway.query("/v1/gaps")["data"])  # noqa: E731
    assert gateway.chat("ok").status == 200 and wait_until(lambda: missing() == 500, 20), (gateway.query("/v1/gaps"), gateway.log()[-3000:])


@pytest.mark.wasm_only("there is no VM that can die and leave the proxy")
def test_a_new_vm_counts_on(tmp_path):
    """A VM that dies takes its records along. Its counts stay, and its part of the queue goes."""
    fragile = FragileGateway(tmp_path / "gateway", counted, workers=1, key_ids=policy.KEY_IDS)
    try:
        fragile.start()
        fragile.collector.stop()
        assert [fragile.chat("ok").status for _ in range(3)] == [200] * 3
        assert wait_until(lambda: value(fragile, "headgate_records_queued") == 3)
        fragile.kill_vm()
        assert wait_until(lambda: fragile.chat("chat").status == 200, 10)
        assert fragile.chat("ok").status == 200
        assert value(fragile, "headgate_requests_total", gen_ai_request_model="ok", outcome="success") == 4
        assert wait_until(lambda: value(fragile, "headgate_records_queued") == 2, 30)
    finally:
        fragile.stop()


def value(gateway: Gateway, name: str, **labels: str) -> float:
    """Returns the sum of the series with these labels."""
    samples = (one for family in text_string_to_metric_families(scrape(gateway)) for one in family.samples)
    return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())


def imports(module: bytes) -> list[str]:
    """Returns the functions that a module imports."""

    def number(at: int) -> tuple[int, int]:
        value = shift = 0
        while True:
            byte = module[at]
            value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
            if byte < 128:
                return value, at

    at, found = 8, []
    while module[at] != 2:
        size, start = number(at + 1)
        at = start + size
    count, at = number(number(at + 1)[1])
    for _ in range(count):
        for _ in range(2):
            size, at = number(at)
            name, at = module[at : at + size].decode(), at + size
        assert module[at] == 0, "only functions are imported"
        _, at = number(at + 1)
        found.append(name)
    return found


class Restricted(Gateway):
    """A gateway whose host refuses the filter some functions."""



    def render(self, policy: dict | None = None) -> None:
        super().render(policy)
        wasm = json.loads((self.out / "ecds/headgate-gate.json").read_text())["resources"][0]["typed_config"]
        module = open(wasm["config"]["vm_config"]["code"]["local"]["filename"], "rb").read()
        exported = ["proxy_abi_version_0_2_1", "_initialize", "_start", "malloc", "proxy_on_memory_allocate"]
        callbacks = [
            "vm_start", "configure", "context_create", "done", "log", "delete", "tick", "http_call_response", "request_headers",
            "request_body", "request_trailers", "response_headers", "response_body", "response_trailers",
        ]  # fmt: skip
        functions = imports(module) + exported + [f"proxy_on_{name}" for name in callbacks]
        allowed = {name: {} for name in functions if name not in self.refused}
        for file in ("cds.json", "ecds/headgate-gate.json", "lds.json"):
            document = json.loads((self.out / file).read_text())
            for config in configs(document):
                config["capability_restriction_config"] = {"allowed_capabilities": allowed}
            (self.out / file).write_text(json.dumps(document))

    refused = ("proxy_define_metric", "proxy_increment_metric", "proxy_record_metric")


def configs(node):
    """Yields each configuration of the filter."""
    if isinstance(node, dict):
        if "vm_config" in node:
            yield node
        for value in node.values():
            yield from configs(value)
    elif isinstance(node, list):
        for value in node:
            yield from configs(value)


@pytest.mark.wasm_only("its capabilities are those of a VM")
def test_a_host_that_refuses_metrics_serves(tmp_path):
    gateway = Restricted(tmp_path / "gateway", counted, key_ids=policy.KEY_IDS)
    for _ in gateway.serve():
        everything(gateway)
        assert gateway.chat("ok").status == 200
        assert shown(scrape(gateway)) == {}
