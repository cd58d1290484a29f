"""Limits and budgets on a real Envoy with four workers: admission, refusals and counts."""

from __future__ import annotations

import collections
import concurrent.futures
import json
import time

import anthropic
import openai
import policy
import pytest
import wire
from gateway import PATIENCE, Gateway, wait_until
from records import REPORTED, attempt, cost, expect

# One key for each test, so that their counts are separate.
KEYS = (
    "requests", "second", "slots", "tokens", "large", "both", "money", "spent", "warned", "monitored", "capped", "cheap",
    "sdk-second", "sdk-spent", "anthropic-second", "anthropic-spent", "aborts", "moved", "quota",
    "anthropic-capped", "slow", "watched-cap",
)  # fmt: skip
ASK = [{"role": "user", "content": "Say hello."}]
# Cost of a usual answer of 11 and 7 tokens, 4 of them cached: 7 + 2 + 14 thousand nano-USD.
USUAL = cost(REPORTED)["nano_usd"]


def usd(nano: int) -> str:
    return f"{nano / 1e9:.9f}"


def limited(gateway: Gateway) -> dict:
    only = lambda key: {"key": key}  # noqa: E731
    made = policy.shared(gateway)
    made["teams"]["spenders"] = {}
    made["limits"] = [
        {"id": "everybody", "requests": "1M/h"},
        {"id": "per-key-day", "per": "key", "requests": "100k/day"},
        {"id": "thirty", "match": only("requests"), "requests": "30/h"},
        {"id": "two-a-second", "match": only(["second", "sdk-second", "anthropic-second"]), "per": "key", "requests": "2/s"},
        {"id": "three-slots", "match": only(["slots", "aborts"]), "per": "key", "concurrency": 3},
        {"id": "some-tokens", "match": only("tokens"), "tokens": "1000/day"},
        {"id": "few-tokens", "match": only("large"), "input_tokens": "5/min"},
        {"id": "both-roomy", "match": only("both"), "requests": "20/day"},
        {"id": "both-tight", "match": only("both"), "per": "tag:feature", "requests": "1/day"},
        {"id": "watching", "match": only("monitored"), "requests": "1/day", "monitor": True},
        {"id": "cap", "match": only(["capped", "anthropic-capped"]), "max_cost": "0.00005"},
        {"id": "watched-cap", "match": only("watched-cap"), "max_cost": "0.000000001", "monitor": True},
        {"id": "two-slow", "match": only("slow"), "requests": "2/s"},
        {"id": "tiny-cap", "match": only("cheap"), "max_cost": "0.000000001"},
        {"id": "only-beta", "match": {"key": "moved", "provider": "beta"}, "requests": "1k/day", "tokens": "1M/day"},
        {"id": "quotas", "match": only("quota"), "requests": "100/h", "tokens": ["1M/h", "1k/day"]},
    ]
    made["budgets"] = [
        {"id": "ten-answers", "match": only("money"), "usd": usd(10 * USUAL), "period": "month"},
        {"id": "nothing-left", "match": only(["spent", "sdk-spent", "anthropic-spent"]), "per": "key",
         "usd": usd(2 * USUAL), "period": "day"},
        {"id": "warns", "match": only("warned"), "usd": usd(4 * USUAL), "period": "week", "action": "warn", "warn_at": [50, 100]},
    ]  # fmt: skip
    return made


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    one = Gateway(tmp_path_factory.mktemp("limits"), limited, workers=4, key_ids=(*policy.KEY_IDS, *KEYS))
    yield from synced(one)


def synced(gateway: Gateway):
    """Waits until the proxy has heard from the collector."""
    for started in gateway.serve():
        started.chat("ok", key="other")
        assert wait_until(lambda: state(started, "everybody", "requests/hour")["used"] == 1)
        yield started


def ask_at_once(gateway: Gateway, times: int, alias: str = "ok", **more) -> list[wire.Answer]:
    """Sends this number of requests, twelve at a time, each on its own connection, so that every worker gets some."""
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        return [one.result() for one in [pool.submit(gateway.chat, alias, **more) for _ in range(times)]]


def statuses(answers: list[wire.Answer]) -> dict[int, int]:
    return dict(collections.Counter(answer.status for answer in answers))


def state(gateway: Gateway, rule: str, meter: str, kind: str = "limits", **subject: str) -> dict:
    """Returns one count as the collector reports it."""
    rows = gateway.query(f"/v1/{kind}", id=rule)["data"]
    found = [row for row in rows if row["meter"] == meter and (not subject or row["subject"] == subject)]
    return found[0] if found else {"used": 0, "reserved": 0}


def denied(record: dict, stage: str, rule: str) -> dict:
    [decision] = [one for one in record["decisions"] if one["verdict"] == "deny"]
    assert (decision["stage"], decision["policy_id"]) == (stage, rule)
    return decision


def test_four_workers_share_one_limit(gateway):
    answers = ask_at_once(gateway, 80, key="requests")
    assert statuses(answers) == {200: 30, 429: 50}
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.error() == {
        "message": f"Rejected by the gateway: the limit `thirty` (requests per hour) is reached. Try again in {refused.header('retry-after')} s.",
        "type": "rate_limit_exceeded", "param": None, "code": "rate_limit_exceeded", "policy": {"id": "thirty"},
    }  # fmt: skip
    assert 0 < int(refused.header("retry-after")) <= 3600
    assert refused.header("x-headgate-rejected-by") == "gateway" and refused.header("x-should-retry") is None
    assert refused.header("x-ratelimit-limit-requests") == "30" and refused.header("x-ratelimit-remaining-requests") == "0"
    decision = denied(gateway.record(refused), "limits", "thirty")
    assert (decision["reason"], decision["observed"], decision["limit"]) == ("requests", 31, 30)
    assert len({gateway.record(answer)["boot"] for answer in answers[:40]}) == gateway.members, "every worker took some"
    assert wait_until(lambda: state(gateway, "thirty", "requests/hour")["used"] == 30)


def in_one_second(act):
    """Runs `act` early in one second of the clock, and again if this machine was too slow."""
    for _ in range(30):
        time.sleep(1 - time.time() % 1)
        second, done = int(time.time()), act()
        if time.time() < second + 0.7:
            return done
    raise AssertionError("no second was long enough")


def test_retry_after_is_correct(gateway):
    for _ in range(3):
        answers = in_one_second(lambda: [gateway.chat("ok", key="second") for _ in range(3)])
        assert statuses(answers) == {200: 2, 429: 1}
        assert answers[2].header("retry-after") == "1"
        time.sleep(1)
        assert gateway.chat("ok", key="second").status == 200


def test_streams_take_slots_until_they_end(gateway):
    held = []
    for _ in range(3):
        exchange = wire.Exchange(gateway.listen)
        trace = gateway.trace()
        body = json.dumps({"model": "stream-200-delay-50", "messages": ASK, "stream": True}).encode()
        exchange.send(wire.request("POST", "/v1/chat/completions", gateway.head(trace, "slots"), body))
        exchange.read_until(b"data:")
        held.append(exchange)
    refused = gateway.chat("ok", key="slots")
    assert refused.status == 429 and refused.header("retry-after") == "1"
    assert "requests at a time" in refused.error()["message"]
    held[0].socket.close()
    assert wait_until(lambda: gateway.chat("ok", key="slots").status == 200), "the client left, its slot is free"
    [exchange.socket.close() for exchange in held[1:]]
    assert wait_until(lambda: state(gateway, "three-slots", "concurrency", key="slots")["reserved"] == 0)


@pytest.mark.parametrize("alias", ["reset-before", "reset-mid-stream", "nobody", "status-500", "hang", "garbage-http"])
def test_every_ending_frees_the_slot(gateway, alias):
    for _ in range(4):
        answers = ask_at_once(gateway, 3, alias, key="aborts", stream=True)
        assert 429 not in statuses(answers)
    assert statuses([gateway.chat("ok", key="aborts") for _ in range(3)]) == {200: 3}


def test_reserved_tokens_are_settled(gateway):
    refused = gateway.chat("ok", key="tokens", max_tokens=2000)
    assert refused.status == 429 and refused.header("retry-after") is None and refused.header("x-should-retry") == "false"
    assert refused.error()["code"] == "request_exceeds_limit"
    assert gateway.chat("ok", key="tokens", max_tokens=900).status == 200
    assert gateway.chat("ok", key="tokens", max_tokens=960).status == 200, "18 were used, not 903"
    assert gateway.chat("ok", key="tokens", max_tokens=965).status == 429
    assert wait_until(lambda: state(gateway, "some-tokens", "tokens/day")["used"] == 36)


def test_prompt_larger_than_its_limit(gateway):
    refused = gateway.call({"model": "ok", "messages": [{"role": "user", "content": "x" * 400}]}, key="large")
    denied(gateway.record(refused), "limits", "few-tokens")
    assert refused.header("x-should-retry") == "false"
    assert gateway.chat("ok", key="large").status == 200


def test_refused_requests_charge_no_other_limit(gateway):
    tag = lambda value: {"x-headgate-tag-feature": value}  # noqa: E731
    assert gateway.chat("ok", key="both", headers=tag("a")).status == 200
    for _ in range(30):
        refused = gateway.chat("ok", key="both", headers=tag("a"))
        assert refused.status == 429 and refused.error()["policy"]["id"] == "both-tight"
    answers = [gateway.chat("ok", key="both", headers=tag(f"b{number}")) for number in range(19)]
    assert statuses(answers) == {200: 19}
    last = gateway.chat("ok", key="both", headers=tag("c"))
    assert last.status == 429 and last.error()["policy"]["id"] == "both-roomy"


def test_spent_budget_names_the_next_period(gateway):
    answers, deadline = [], time.monotonic() + PATIENCE
    while not answers or answers[-1].status == 200:
        asked = time.time()
        answer = gateway.chat("ok", key="money", max_tokens=1)
        # The collector may be late with this proxy's next share.
        if answer.status == 429 and "share" in answer.error()["message"] and time.monotonic() < deadline:
            time.sleep(0.2)
            continue
        answers.append(answer)
        assert len(answers) < 20
    refused = answers.pop()
    # Eight answers leave two. The ninth leaves one, and so on: an estimate for one token is smaller than the usual answer.
    assert len(answers) in (9, 10)
    error = refused.error()
    assert (refused.status, error["type"], error["code"]) == (429, "billing_error", "budget_exceeded")
    assert set(error["policy"]) == {"id", "period", "resets_at"} and error["policy"]["period"] == "month"
    told_at = error["policy"]["resets_at"] - int(refused.header("retry-after"))
    assert asked - 2 < told_at < time.time() + 2 and refused.header("x-should-retry") == "false"
    assert "USD" not in error["message"] and "$" not in error["message"]
    denied(gateway.record(refused), "budgets", "ten-answers")
    records = [gateway.record(answer) for answer in answers]
    spent = sum(record["cost"]["nano_usd"] for record in records)
    row = lambda: state(gateway, "ten-answers", "nano_usd/month", "budgets")  # noqa: E731
    assert wait_until(lambda: row()["used"] == spent and row()["reserved"] == 0), "the total is the sum of the records"


def test_abandoned_stream_is_charged(gateway):
    before = state(gateway, "warns", "nano_usd/week", "budgets")["used"]
    trace = gateway.trace()
    with wire.Exchange(gateway.listen) as exchange:
        body = json.dumps({"model": "stream-200-delay-50", "messages": ASK, "stream": True, "max_tokens": 1}).encode()
        exchange.send(wire.request("POST", "/v1/chat/completions", gateway.head(trace, "warned"), body))
        exchange.read_until(b"data:")
    record = gateway.record(trace)
    assert record["usage"]["source"] == "estimated" and record["cost"]["nano_usd"] > 0
    row = lambda: state(gateway, "warns", "nano_usd/week", "budgets")  # noqa: E731
    assert wait_until(lambda: row()["used"] == before + record["cost"]["nano_usd"] and row()["reserved"] == 0)


def test_warning_budget_notifies_once(gateway):
    answers = [gateway.chat("ok", key="warned") for _ in range(8)]
    assert statuses(answers) == {200: 8}
    told = [one["reason"] for answer in answers for one in gateway.record(answer)["decisions"] if one["verdict"] == "warn"]
    assert sorted(told) == ["crossed_100_percent", "crossed_50_percent"]
    crossed = lambda: [one for one in audit(gateway) if one["resource"]["id"] == "warns"]  # noqa: E731
    assert wait_until(lambda: len(crossed()) == 2)
    time.sleep(1.5)
    assert len(crossed()) == 2


def audit(gateway: Gateway) -> list[dict]:
    return gateway.query("/v1/audit", limit="100")["data"]


def test_monitoring_limit_rejects_nothing(gateway):
    answers = [gateway.chat("ok", key="monitored") for _ in range(3)]
    assert statuses(answers) == {200: 3}
    noted = [one for answer in answers for one in gateway.record(answer)["decisions"] if one["verdict"] == "monitor"]
    assert [(one["policy_id"], one["observed"], one["limit"]) for one in noted] == [("watching", 2, 1), ("watching", 3, 1)]
    assert answers[2].header("x-ratelimit-limit-requests") == "100000", "what only watches is not told to clients"


def test_max_cost_ends_a_stream(gateway):
    answer = gateway.chat("stream-200-delay-50", key="capped", stream=True)
    assert answer.status == 200
    events = [event for event in answer.body.decode().split("\n\n") if event]
    assert events[-1].startswith("event: error\ndata: ") and "[DONE]" not in answer.body.decode()
    error = json.loads(events[-1].split("data: ", 1)[1])["error"]
    assert error["code"] == "max_cost_reached" and error["policy"] == {"id": "cap"}
    for event in events[:-1]:
        json.loads(event.removeprefix("data: "))
    assert len(events) < 60
    record = gateway.record(answer)
    assert (record["ended_by"], record["error_code"], record["rejected_by"]) == ("gateway", "max_cost_reached", "gateway")
    decision = denied(record, "limits", "cap")
    assert decision["observed"] > decision["limit"] == 50_000
    assert record["usage"]["source"] == "estimated" and record["cost"]["nano_usd"] >= 50_000
    assert gateway.providers["alpha"].saw_abort(answer.trace)


def test_anthropic_sdk_raises_at_max_cost(gateway):
    client = anthropic.Anthropic(base_url=gateway.url, api_key=gateway.keys["anthropic-capped"], max_retries=2)
    trace, seen = gateway.trace(), []
    with pytest.raises(anthropic.APIStatusError) as raised:
        for event in client.messages.create(
            model="claude:stream-200-delay-50", max_tokens=9, messages=ASK, stream=True,
            extra_headers={"traceparent": wire.traceparent(trace)},
        ):  # fmt: skip
            seen.append(event.type)
    assert seen[0] == "message_start" and "message_stop" not in seen
    assert raised.value.body["error"]["policy"] == {"id": "cap"}
    record = gateway.record(trace)
    assert (record["ended_by"], record["error_code"]) == ("gateway", "max_cost_reached")
    denied(record, "limits", "cap")


def test_monitoring_max_cost_is_on_record(gateway):
    answer = gateway.chat("ok", key="watched-cap", stream=True)
    assert answer.status == 200 and answer.body.decode().rstrip().endswith("[DONE]")
    [noted] = [one for one in gateway.record(answer)["decisions"] if one["verdict"] == "monitor"]
    assert (noted["policy_id"], noted["reason"], noted["limit"]) == ("watched-cap", "max_cost", 1)
    assert noted["observed"] == gateway.record(answer)["cost"]["nano_usd"]


def test_slow_uploads_count_when_complete(gateway):
    body = json.dumps({"model": "ok", "messages": ASK}).encode()

    def begin() -> wire.Exchange:
        exchange = wire.Exchange(gateway.listen)
        exchange.send(wire.request("POST", "/v1/chat/completions", gateway.head(gateway.trace(), "slow"), body)[: -len(body)])
        return exchange

    waiting = []

    def finish() -> collections.Counter:
        # A slow machine uses requests that it began in the seconds before.
        begun = waiting[:] or [begin() for _ in range(6)]
        waiting.clear()
        [exchange.send(body) for exchange in begun]
        statuses = collections.Counter(int(exchange.read_until(b"\r\n").split()[1]) for exchange in begun)
        [exchange.socket.close() for exchange in begun]
        return statuses

    for _ in range(3):
        time.sleep(1 - time.time() % 1)
        waiting.extend(begin() for _ in range(2))
    assert in_one_second(finish) == {200: 2, 429: 4}, "six were begun in three seconds, and all are there in one"


def test_prompt_above_max_cost_is_refused(gateway):
    refused = gateway.chat("ok", key="cheap")
    assert refused.status == 400 and refused.error()["code"] == "request_too_expensive"
    denied(gateway.record(refused), "limits", "tiny-cap")
    assert gateway.providers["alpha"].seen(refused.trace) == []


def test_failover_counts_at_the_new_provider(gateway):
    answer = gateway.chat("status-503+ok", key="moved")
    assert answer.status == 200 and answer.header("x-headgate-served-by") == "beta/ok"
    assert wait_until(lambda: state(gateway, "only-beta", "tokens/day")["used"] == 18)
    assert state(gateway, "only-beta", "requests/day")["used"] == 1
    # Another cell; a report during settlement shows it one report later.
    assert wait_until(lambda: state(gateway, "per-key-day", "requests/day", key="moved")["used"] == 1)


def test_quota_headers_are_the_gateways(gateway):
    own = {"x-ratelimit-limit-requests": "7", "x-ratelimit-remaining-tokens": "9", "x-ratelimit-limit-project": "1"}
    gateway.providers["alpha"].script({"headers": own, "body": json.dumps({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}})})
    answer = gateway.chat("ok", key="quota", max_tokens=100)
    assert answer.status == 200
    quota = {name.removeprefix("x-ratelimit-"): value for name, value in answer.headers if name.startswith("x-ratelimit-")}
    assert (quota["limit-requests"], quota["remaining-requests"]) == ("100", "99")
    assert (quota["limit-tokens"], quota["remaining-tokens"]) == ("1000", "897"), "the tighter one, with the reservation"
    assert set(quota) == {f"{part}-{unit}" for part in ("limit", "remaining", "reset") for unit in ("requests", "tokens")}
    assert quota["reset-requests"].endswith("s")


# The SDKs' own retries


def asked(gateway, key: str) -> list[dict]:
    return [one for one in gateway.all_records() if (one.get("caller") or {}).get("key_id") == key]


def spend(gateway, key: str) -> None:
    while gateway.chat("ok", key=key, max_tokens=1).status == 200:
        pass


@pytest.fixture(params=["openai", "anthropic"])
def sdk(request, gateway):
    """The real SDK with two retries, and one of its calls."""
    name = request.param

    def make(key: str):
        secret = gateway.keys[f"{'sdk' if name == 'openai' else 'anthropic'}-{key}"]
        if name == "openai":
            client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=secret, max_retries=2)
            return lambda headers: client.chat.completions.create(model="ok", messages=ASK, extra_headers=headers)
        client = anthropic.Anthropic(base_url=gateway.url, api_key=secret, max_retries=2)
        return lambda headers: client.messages.create(model="claude", max_tokens=9, messages=ASK, extra_headers=headers)

    make.errors = openai if name == "openai" else anthropic
    make.key = "sdk" if name == "openai" else "anthropic"
    return make


def test_sdk_waits_for_retry_after(gateway, sdk):
    call = sdk("second")

    def use_up() -> None:
        for _ in range(2):
            call({"traceparent": wire.traceparent(gateway.trace())})

    in_one_second(use_up)
    trace = gateway.trace()
    gateway.issued[trace] = 2
    call({"traceparent": wire.traceparent(trace)})
    assert [one["status"] for one in gateway.records(trace, 2)] == [429, 200]


def test_sdk_does_not_retry_a_spent_budget(gateway, sdk):
    spend(gateway, f"{sdk.key}-spent")
    trace = gateway.trace()
    with pytest.raises(sdk.errors.RateLimitError) as raised:
        sdk("spent")({"traceparent": wire.traceparent(trace)})
    assert raised.value.response.headers["x-should-retry"] == "false"
    body = raised.value.response.json()
    assert body["error"]["policy"]["id"] == "nothing-left"
    assert body["error"]["type"] == "billing_error"
    assert gateway.records(trace)[0]["error_code"] == "budget_exceeded"


def test_all_records_are_complete(gateway):
    answer = gateway.chat("ok", key="quota", max_tokens=10)
    expect(gateway.record(answer), attempt("alpha/ok"))
