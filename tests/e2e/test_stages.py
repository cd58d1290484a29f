"""Stages alone and together on routes that the proxy routes by itself: two listeners, several sets of stages, one VM."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path

import pytest
import wire
import yaml
from gateway import BIN, FILTER, Gateway, sha256, stack, wait_until
from test_existing import Login

CHAT = "v1/chat/completions"
BODY = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Say hello."}]}
SECRET = "my key is AKIAIOSFODNN7EXAMPLB"
SETS = {
    "observe": ["logging"],
    "guard": ["guardrails"],
    "guard-logged": ["guardrails", "logging"],
    "count": ["limits"],
    "count-logged": ["limits", "logging"],
    "known": ["keys"],
    "known-logged": ["keys", "logging"],
    "known-counted": ["keys", "limits", "logging"],
}
FILTER_CONFIG = "type.googleapis.com/envoy.config.route.v3.FilterConfig"


def policy(gateway: Suite) -> dict:
    return {
        "environment": "e2e",
        "routing": "proxy",
        "stage_sets": SETS,
        "collector": {"url": f"http://{gateway.collector_address}", "token": "${HEADGATE_INGEST_TOKEN}"},
        "providers": {
            "north": {"format": "openai", "clusters": ["alpha", "dead"]},
            "south": {"format": "openai", "clusters": "beta"},
        },
        "keys": [
            {"id": "main", "sha256": sha256(gateway.keys["main"]), "owner": "ann"},
            {"id": "few", "sha256": sha256(gateway.keys["few"]), "models": ["gpt-4o*"]},
        ],
        "limits": [{"id": "each", "match": {"tag": {"counted": "yes"}}, "per": "model", "requests": "3/day"}],
        "logging": {"tags": ["counted"]},
        "guardrails": [
            {"id": "secrets", "detect": {"secrets": "all"}, "action": "block"},
            {"id": "mail", "detect": {"pii": ["email"]}, "action": "mask", "restore": True},
        ],
    }


class Suite(Gateway):
    """An Envoy that somebody else configured, with the parts that `headgate render envoy --fragments` writes."""

    def __init__(self, folder: Path, make_policy=policy, workers: int = 1):
        super().__init__(folder, make_policy, workers=workers, key_ids=("main", "few"))
        self.second = f"127.0.0.1:{stack.free_port()}"
        self.dead = f"127.0.0.1:{stack.free_port()}"
        self.changes = 0

    def render(self, written: dict | None = None) -> None:
        self.render_text(json.dumps(written or self.make_policy(self), indent=1))

    def render_text(self, text: str) -> None:
        path = self.folder / "gateway.yaml"
        path.write_text(text)
        done = self.headgate("render", "envoy", path, "--fragments", "--out", self.out, *FILTER)
        assert done.returncode == 0, done.stderr
        fragment = {path.stem: yaml.safe_load(path.read_text()) for path in self.out.glob("*.yaml")}
        bootstrap = self.out / "bootstrap.json"
        if not bootstrap.exists():
            bootstrap.write_text(json.dumps(self.bootstrap(fragment)))

    def filters_before(self) -> list:
        return []

    def bootstrap(self, fragment: dict) -> dict:
        clusters = [cluster(name, where) for name, where in self.upstreams().items()]
        listeners = [self.listener("first", self.listen, fragment), self.listener("second", self.second, fragment)]
        host, port = wire.address(self.admin)
        return {
            "node": {"cluster": "edge"},
            "admin": {"address": {"socket_address": {"address": host, "port_value": port}}},
            "static_resources": {"listeners": listeners, "clusters": clusters + fragment["clusters"]},
        }

    def upstreams(self) -> dict[str, str]:
        urls = {name: provider.url.removeprefix("http://") for name, provider in self.providers.items()}
        return {"alpha": urls["alpha"], "beta": urls["beta"], "dead": self.dead, "stranger": urls["beta"]}

    def listener(self, name: str, where: str, fragment: dict) -> dict:
        host, port = wire.address(where)
        router = {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}
        manager = {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": name,
            "http_filters": [
                *self.filters_before(),
                *fragment["http-filter"],
                {"name": "envoy.filters.http.router", "typed_config": router},
            ],
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": self.routes(fragment)}]},
            **fragment.get("early-header-mutation", {}),
        }
        chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        return {
            "name": name,
            "address": {"socket_address": {"address": host, "port_value": port}},
            "filter_chains": [chain],
            **fragment["listener"],
        }

    def routes(self, fragment: dict) -> list[dict]:
        """`/SET/…` has that set of stages, `/all/…` those of the policy, `/plain/…` none, and any other cluster has a route of its name."""
        routes = [route(name, "alpha", fragment[f"route-switch-{name}"]) for name in SETS if f"route-switch-{name}" in fragment]
        routes += [route(name, name, fragment["route-switch"]) for name in ("dead", "stranger", "beta")]
        retry = {"retry_on": "5xx", "num_retries": 2}
        again = {**route("again", "alpha", fragment["route-switch"])}
        again["route"]["retry_policy"] = retry
        return [*routes, again, route("plain", "alpha", {}), route("all", "alpha", fragment["route-switch"])]

    def ask(self, stages: str, body: dict | bytes = BODY, *, second: bool = False, logged: bool | None = None, key="main", **head: str):
        """Sends a request on the route of a stage set."""
        is_logged = stages not in SETS and stages != "plain" or "logging" in SETS.get(stages, [])
        trace = self.trace(int(is_logged if logged is None else logged))
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        fields = self.head(trace, key, **{"content-type": "application/json", **head})
        answer = wire.call(self.second if second else self.listen, "POST", f"/{stages}/{CHAT}", fields, data)
        answer.trace = trace
        return answer


def cluster(name: str, where: str) -> dict:
    host, port = wire.address(where)
    endpoint = {"endpoint": {"address": {"socket_address": {"address": host, "port_value": port}}}}
    return {
        "name": name,
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def route(prefix: str, to: str, switch: dict) -> dict:
    credential = {"header": {"key": "authorization", "value": "Bearer operator"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    return {
        "match": {"prefix": f"/{prefix}/"},
        "route": {"cluster": to, "prefix_rewrite": "/", "timeout": "0s"},
        "request_headers_to_add": [credential],
        **json.loads(json.dumps(switch)),
    }


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    yield from Suite(tmp_path_factory.mktemp("suite")).serve()


def test_request_passes_as_it_is(suite):
    """The provider gets path, headers and body of the client, with the operator's credential and without the key."""
    odd = b'{"messages":[{"role":"user","content":"h\\u0069"}], "model" : "gpt-4o-mini" , "x":1e400}'
    answer = suite.ask("all", odd, x_own="kept", x_headgate_end_user="ann")
    assert answer.status == 200
    [seen] = suite.providers["alpha"].seen(answer.trace)
    assert (seen.path, seen.body) == (f"/{CHAT}", odd)
    assert (seen.header("authorization"), seen.header("x-own")) == ("Bearer operator", "kept")
    assert not any(name.startswith("x-headgate") for name in seen.names())
    assert suite.keys["main"] not in str(seen.headers)
    record = suite.record(answer)
    assert record["caller"] == {"key_id": "main", "owner": "ann"}
    assert record["served_by"] == {"provider": "north", "model": "gpt-4o-mini"}
    assert record["usage"]["source"] == "reported" and record["cost"]["nano_usd"] > 0
    assert [(one["kind"], one["status"]) for one in record["attempts"]] == [("first", 200)]
    assert record["client"]["end_user"] == "ann"


def test_key_in_another_header_is_removed_too(suite):
    answer = suite.ask("all", key=None, x_api_key=suite.keys["main"])
    assert answer.status == 200
    [seen] = suite.providers["alpha"].seen(answer.trace)
    assert "x-api-key" not in seen.names()


@pytest.mark.parametrize("stages", ["all", *SETS])
def test_stages_of_a_route_and_no_others(suite, stages):
    on = SETS.get(stages, ["keys", "limits", "guardrails", "logging"])
    plain = suite.ask(stages, key=None)
    assert plain.status == (401 if "keys" in on else 200), plain.body
    limited = suite.ask(stages, {**BODY, "model": "claude-opus-4-1"}, key="few")
    assert limited.status == (403 if "keys" in on else 200), limited.body
    guarded = suite.ask(stages, {**BODY, "messages": [{"role": "user", "content": SECRET}]})
    assert guarded.status == (422 if "guardrails" in on else 200), guarded.body
    if "logging" in on:
        record = suite.records(guarded.trace)[0]
        assert {one["stage"] for one in record.get("decisions", [])} <= set(on) | {"budgets"}
        assert ("caller" in record) == ("keys" in on)
    counted = [suite.ask(stages, {**BODY, "model": "gpt-4o"}, x_headgate_tag_counted="yes").status for _ in range(2)]
    assert counted in ([200, 200], [200, 429], [429, 429]) if "limits" in on else counted == [200, 200]


def test_limit_is_shared_by_sets_and_listeners(suite):
    """One VM and one set of counts: three requests a day, over two listeners and three sets."""
    body = {**BODY, "model": "gpt-5-nano"}
    ways = [("count", False), ("known-counted", True), ("all", False), ("count-logged", True), ("count", True)]
    statuses = [suite.ask(stages, body, second=second, x_headgate_tag_counted="yes").status for stages, second in ways]
    assert statuses == [200, 200, 200, 429, 429]


def test_invented_models_share_one_count(suite):
    statuses = [suite.ask("count", {**BODY, "model": f"made-up-{n}"}, x_headgate_tag_counted="yes").status for n in range(5)]
    assert statuses == [200, 200, 200, 429, 429]


def test_guardrails_work_both_ways(suite):
    body = {**BODY, "messages": [{"role": "user", "content": "Write to ann@example.com."}]}
    suite.providers["alpha"].script({"status": 200, "headers": {"content-type": "application/json"}, "body": answer_with("To [EMAIL_1], hello.")})
    answer = suite.ask("guard-logged", body)
    [seen] = suite.providers["alpha"].seen(answer.trace)
    assert b"ann@example.com" not in seen.body and b"Write to [EMAIL_1]." in seen.body, seen.body
    assert answer.json()["choices"][0]["message"]["content"] == "To ann@example.com, hello."
    suite.providers["alpha"].script({"status": 200, "headers": {"content-type": "application/json"}, "body": answer_with(SECRET)})
    refused = suite.ask("guard")
    assert (refused.status, refused.error()["code"]) == (422, "content_filter")


def answer_with(text: str) -> str:
    return json.dumps({"id": "1", "object": "chat.completion", "model": "gpt-4o-mini", "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]})


def test_usage_of_a_stream_is_asked_for_and_hidden(suite):
    answer = suite.ask("observe", {**BODY, "stream": True})
    assert answer.status == 200 and b'"usage":{' not in answer.body and answer.body.rstrip().endswith(b"[DONE]")
    [seen] = suite.providers["alpha"].seen(answer.trace)
    assert seen.json()["stream_options"] == {"include_usage": True}
    [record] = suite.records(answer.trace)
    assert record["usage"]["source"] == "reported" and record["stream"] and record["finish_reason"] == "stop"
    untouched = suite.ask("known", {**BODY, "stream": True})
    [seen] = suite.providers["alpha"].seen(untouched.trace)
    assert "stream_options" not in seen.json(), "no stage reads the usage"


def test_compressed_answers_are_not_asked_for_where_they_are_read(suite):
    for stages, asked in (("observe", False), ("known", True)):
        answer = suite.ask(stages, accept_encoding="gzip")
        [seen] = suite.providers["alpha"].seen(answer.trace)
        assert ("accept-encoding" in seen.names()) == asked, stages


def test_tries_of_the_proxy_are_on_record(suite):
    error = {"status": 503, "body": "{}"}
    suite.providers["alpha"].script(error, error)
    answer = suite.ask("again")
    assert answer.status == 200
    attempts = suite.record(answer)["attempts"]
    assert [(one["kind"], one.get("status"), one.get("error")) for one in attempts] == [
        ("first", None, "not_seen"),
        ("retry", None, "not_seen"),
        ("retry", 200, None),
    ]
    suite.providers["alpha"].script(error, error, error)
    failed = suite.ask("again")
    assert (failed.status, failed.body) == (503, b"{}"), "a provider's answer passes"
    record = suite.record(failed)
    assert record["rejected_by"] == "provider" and record["attempts"][-1]["error"] == "server_error" and len(record["attempts"]) == 3


def test_answers_of_the_proxy_are_left_alone(suite):
    answer = suite.ask("dead")
    assert answer.status == 503 and b"upstream connect error" in answer.body
    record = suite.record(answer)
    assert (record["status"], record["rejected_by"], record.get("error_code")) == (503, "gateway", None)
    assert [one["error"] for one in record["attempts"]] == ["connect"] and "usage" not in record


def test_cluster_without_a_provider_is_refused(suite):
    answer = suite.ask("stranger")
    assert (answer.status, answer.error()["code"]) == (500, "gateway_misconfigured")
    record = suite.record(answer)
    assert record["decisions"][-1] == {"stage": "routing", "verdict": "deny", "reason": "cluster_not_mapped"}
    assert not suite.providers["beta"].seen(answer.trace)
    assert suite.ask("beta").status == 200


def test_other_routes_are_left_alone(suite):
    answer = suite.ask("plain", b"{not json", x_headgate_tag="kept")
    [seen] = suite.providers["alpha"].seen(answer.trace)
    assert seen.body == b"{not json" and seen.header("x-headgate-tag") == "kept"
    assert not any(name.startswith("x-headgate") for name in answer.names())


def test_bodies_that_cannot_be_read(suite):
    """A stage that has to read a body refuses it; where only the log reads it, it passes."""
    for stages, status in (("guard", 400), ("observe", None)):
        broken = suite.ask(stages, b'{"model":"gpt-4o-mini","messages":[')
        seen = suite.providers["alpha"].seen(broken.trace)
        assert (broken.status == 400 and not seen) if status else [one.body for one in seen] == [b'{"model":"gpt-4o-mini","messages":[']
    large = json.dumps({**BODY, "messages": [{"role": "user", "content": "x" * (21 << 20)}]}).encode()
    assert suite.ask("guard", large).status == 413
    passed = suite.ask("observe", large)
    [record] = suite.records(passed.trace)
    assert record["status"] == passed.status
    assert [len(one.body) for one in suite.providers["alpha"].seen(passed.trace)] == [len(large)]


def test_unknown_paths_are_refused(suite):
    trace = suite.trace()
    answer = wire.call(suite.listen, "POST", "/all/v1/audio/speech", suite.head(trace), b"{}")
    assert (answer.status, answer.error()["code"]) == (404, "unknown_path")
    for path in (f"/all//{CHAT}", "/all/openai/deployments/x/chat/completions"):
        trace = suite.trace()
        body = json.dumps({**BODY, "messages": [{"role": "user", "content": SECRET}]}).encode()
        assert wire.call(suite.listen, "POST", path, suite.head(trace), body).status == 422, path
    trace = suite.trace()
    assert wire.call(suite.listen, "GET", "/all/v1/models", suite.head(trace)).status < 500
    [record] = suite.records(trace)
    assert record["surface"] == "models" and record["caller"]["key_id"] == "main"


def test_client_that_leaves_is_on_record(suite):
    trace = suite.trace()
    body = json.dumps({**BODY, "model": "hang"}).encode()
    with wire.Exchange(suite.listen) as exchange:
        exchange.send(wire.request("POST", f"/all/{CHAT}", suite.head(trace), body))
        assert wait_until(lambda: suite.providers["alpha"].seen(trace))
    [record] = suite.records(trace)
    assert (record["ended_by"], record["status"]) == ("client", 0)
    assert record["attempts"][0]["error"] == "client_gone" and record["usage"]["source"] == "estimated"


def test_fifty_policies_under_load(tmp_path):
    """A new policy takes over while requests go through both listeners: none fails, and each leaves its records."""
    one = Suite(tmp_path / "changing", workers=2)
    for _ in one.serve():
        stop, wrong = threading.Event(), []

        def load(second: bool) -> None:
            while not stop.is_set():
                for stages in ("all", "observe", "known-counted", "guard"):
                    status = one.ask(stages, second=second).status
                    if status != 200:
                        wrong.append(status)

        threads = [threading.Thread(target=load, args=(second,)) for second in (False, True)]
        for thread in threads:
            thread.start()
        for number in range(50):
            one.render({**policy(one), "environment": f"e2e-{number}"})
            wait_until(lambda: False, 0.1)
        last = f"e2e-{number}"
        assert wait_until(lambda: one.records(one.ask("observe").trace)[0]["environment"] == last)
        stop.set()
        for thread in threads:
            thread.join()
        assert not wrong
        environments = {record["environment"] for record in one.all_records()}
        assert len(environments) > 10, environments


# Identity


JWT = "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication"


class WithTokens(Suite):
    """Callers are known by a token that the proxy verifies."""

    def __init__(self, folder: Path):
        super().__init__(folder, tokens_policy)
        self.login = Login()

    def filters_before(self) -> list:
        provider = {
            "issuer": "https://login.company.example",
            "local_jwks": {"inline_string": self.login.jwks().decode()},
            "payload_in_metadata": "jwt",
        }
        rule = {"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": [{"provider_name": "company"}, {"allow_missing": {}}]}}}
        return [{"name": "envoy.filters.http.jwt_authn", "typed_config": {"@type": JWT, "providers": {"company": provider}, "rules": [rule]}}]


def tokens_policy(gateway: Suite) -> dict:
    rules = [
        {"id": "staff", "name": "al*", "team": "research", "models": ["gpt-4o*"]},
        {"id": "nobody", "name": "bob", "owner": "b", "models": []},
    ]
    return {
        **policy(gateway),
        "stage_sets": {"observe": ["logging"]},
        "teams": {"research": {"cost_center": "17"}},
        "identity": {"jwt": {"payload_in_metadata": "jwt", "claim": "sub"}, "rules": rules},
    }


@pytest.mark.wasm_only("the ABI shows no claims of tokens, and `headgate render` refuses such a policy")
def test_caller_by_token(tmp_path):
    one = WithTokens(tmp_path / "tokens")
    for _ in one.serve():
        token = one.login.token()
        served = one.ask("all", key=token)
        assert served.status == 200
        caller = one.record(served)["caller"]
        assert caller == {"key_id": "staff", "owner": "alice", "team": "research", "cost_center": "17", "known_by": "jwt_claim"}
        other_model = one.ask("all", {**BODY, "model": "claude-opus-4-1"}, key=token)
        assert (other_model.status, other_model.error()["code"]) == (403, "model_not_allowed")
        key = one.ask("all")
        assert key.status == 401 and b"Jwt" in key.body, "the token filter takes a key for a token"
        by_key = one.ask("all", key=None, x_api_key=one.keys["main"])
        assert by_key.status == 200 and one.record(by_key)["caller"] == {"key_id": "main", "owner": "ann"}
        nobody = one.ask("all", key=None)
        assert (nobody.status, nobody.error()["code"]) == (401, "invalid_api_key")
        both = one.ask("all", key=token, x_api_key=one.keys["main"])
        assert one.keys["main"] not in str(one.providers["alpha"].seen(both.trace)[0].headers), "no key reaches a provider"
        assert one.record(both)["caller"]["key_id"] == "staff", "the token goes first"


class WithHeader(Suite):
    """Callers are known by a header that a filter of the proxy sets."""

    def filters_before(self) -> list:
        mutation = {"append": {"header": {"key": "x-user", "value": "%REQ(x-signed-in-as)%"}, "append_action": "ADD_IF_ABSENT"}}
        kind = "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation"
        return [{"name": "envoy.filters.http.header_mutation", "typed_config": {"@type": kind, "mutations": {"request_mutations": [mutation]}}}]


def header_policy(gateway: Suite) -> dict:
    return {
        **{key: value for key, value in policy(gateway).items() if key != "keys"},
        "routing": "proxy",
        "stages": ["limits", "logging"],
        "stage_sets": {"observe": ["logging"]},
        "guardrails": [],
        "identity": {"header": "x-user", "stripped_by": "early_header_mutation", "rules": [{"id": "all", "name": "*@company.example"}]},
    }


def test_caller_by_header(tmp_path):
    one = WithHeader(tmp_path / "header", header_policy)
    for _ in one.serve():
        served = one.ask("all", key=None, x_signed_in_as="ann@company.example")
        assert one.record(served)["caller"] == {"key_id": "all", "owner": "ann@company.example", "known_by": "header"}
        [seen] = one.providers["alpha"].seen(served.trace)
        assert "x-user" not in seen.names(), "the name of the caller stays here"
        stranger = one.ask("all", key=None, x_signed_in_as="ann@other.example")
        assert (stranger.status, stranger.error()["code"]) == (403, "unknown_identity")
        forged = one.ask("all", key=None, x_user="ann@company.example")
        assert forged.status in (401, 403), "the proxy strips the header of a client"
        decisions = [one.record(answer)["decisions"][0] for answer in (stranger, forged)]
        assert [(decision["stage"], decision["verdict"]) for decision in decisions] == [("identity", "deny")] * 2


# Diagnostics


def check(folder: Path, written: dict, *proxy: Path) -> tuple[int, str]:
    path = folder / "gateway.yaml"
    path.write_text(yaml.safe_dump(written, sort_keys=False))
    command = [BIN / "headgate", "check", path, *(word for file in proxy for word in ("--envoy", file))]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_check_finds_clusters_without_a_provider(suite, tmp_path):
    code, said = check(tmp_path, policy(suite), suite.out / "bootstrap.json")
    assert code == 1, said
    assert "cluster `stranger` leads to no provider" in said and "bootstrap.json:1:" in said and "clusters" in said
    written = policy(suite)
    written["providers"]["south"]["clusters"] = ["beta", "stranger"]
    code, said = check(tmp_path, written, suite.out / "bootstrap.json")
    assert code == 0, said


def test_whole_rendering_is_refused(suite, tmp_path):
    path = tmp_path / "gateway.yaml"
    path.write_text(json.dumps(policy(suite)))
    done = suite.headgate("render", "envoy", path, "--out", tmp_path / "out", *FILTER)
    assert done.returncode == 1 and "--fragments" in done.stderr
