"""The policy that most tests share: an alias for every behaviour of the scripted provider.

Alias `B` is served by alpha alone, `B+ok` by alpha's model B and then by beta. Failed targets have no cooldown, so that
tests do not affect each other; tests of cooldowns have their own aliases.
"""

from __future__ import annotations

from gateway import Gateway, sha256

# US dollars per million tokens; 1 USD/M is 1,000 nano-USD a token.
PRICE = {"input": "1", "cached_input": "0.5", "output": "2"}

LONE = [
    "ok", "no-usage", "gzip", "many-chunks", "big-1000", "big-20000", "split-bytes", "garbage", "half-json-ok", "half-json",
    "reset-mid-stream", "huge-header", "slow-first-byte-300", "stream-200-delay-50", "stream-30-delay-20",
    "status-400", "status-401", "status-403", "status-404", "status-422", "status-429", "status-500", "status-503",
    "reset-before", "close-before", "garbage-http",
]  # fmt: skip
FAILING = [
    "status-500", "status-502", "status-503", "status-429", "reset-before", "close-before", "garbage-http", "huge-header",
    "status-400", "status-401", "reset-mid-stream", "half-json", "garbage",
]  # fmt: skip
# Served through Anthropic's Messages API, as `claude:B` and `claude:B+ok`.
MESSAGES = [
    "ok", "no-usage", "stream-200-delay-50", "reset-mid-stream", "status-400", "status-401", "status-403", "status-404",
    "status-413", "status-429", "status-500", "status-503", "status-529",
]  # fmt: skip
KEY_IDS = ("main", "narrow", "expired", "disabled", "other", "plain")


def target(provider: str, model: str, **more) -> dict:
    return {"provider": provider, "model": model, **more}


def alias(*targets: dict, **failover) -> dict:
    return {"targets": list(targets), "failover": {"cooldown": "0s", "first_byte_timeout": "20s", **failover}}


def pair(model: str, **failover) -> dict:
    """Returns an alias with alpha's model first, then beta."""
    return alias(target("alpha", model), target("beta", "ok", tier=2), **failover)


def models() -> dict:
    found = {name: alias(target("alpha", name)) for name in LONE}
    found |= {f"{name}+ok": pair(name) for name in FAILING}
    found |= {
        "chat": alias(target("alpha", "gpt-4o-mini"), target("beta", "gpt-4.1-mini", tier=2)),
        "embed-small": alias(target("beta", "text-embedding-3-small")),
        "meta/llama": alias(target("alpha", "llama")),
        "hang": alias(target("alpha", "hang"), first_byte_timeout="1s"),
        "hang+ok": pair("hang", first_byte_timeout="1s"),
        "hang+hang": alias(target("alpha", "hang"), target("beta", "hang", tier=2), first_byte_timeout="1s"),
        "hang-forever": alias(target("alpha", "hang"), first_byte_timeout="60s"),
        "unpriced": alias(target("alpha", "unpriced-model")),
        "nobody": alias(target("dead", "ok")),
        "nobody+ok": alias(target("dead", "ok"), target("beta", "ok", tier=2)),
        "plain": alias(target("plain", "ok")),
        "alpha+plain": alias(target("alpha", "status-503"), target("plain", "ok", tier=2)),
        "all-down": alias(target("alpha", "status-503"), target("beta", "status-502", tier=2), target("dead", "ok", tier=3)),
        "retry-same": alias(target("alpha", "flaky-1"), attempts=2),
        "retry-round": alias(target("alpha", "flaky-2"), target("beta", "status-503", tier=2), attempts=5),
        "one-attempt": pair("status-503", attempts=1),
        "only-connect+hang": pair("hang", on=["connect"], first_byte_timeout="1s"),
        "only-connect+503": pair("status-503", on=["connect"]),
        "only-connect+429": pair("status-429", on=["connect"]),
        "only-connect+reset": pair("reset-before", on=["connect"]),
        "only-connect+dead": alias(target("dead", "ok"), target("beta", "ok", tier=2), on=["connect"]),
        "no-connect": alias(target("dead", "ok"), target("beta", "ok", tier=2), on=["timeout", "reset", "429", "5xx"]),
        "on-404": pair("status-404", on=["404"]),
        "busy": pair("status-429-retry-after-2"),
        "busy-alone": alias(target("alpha", "status-429-retry-after-3")),
        "busy-503": pair("status-503-retry-after-4"),
        "tired": pair("status-500", cooldown="1500ms"),
        "weights": alias(target("alpha", "w3", weight=3), target("beta", "w1", weight=1), target("dead", "w0", weight=0)),
        "conditions": alias(
            target("alpha", "for-streams", when={"stream": True}),
            target("alpha", "for-search", when={"team": ["search"], "header": {"x-lane": "fast-*"}}),
            target("alpha", "for-long-prompts", when={"prompt_bytes": {"min": "1000"}}),
            target("beta", "for-the-rest", tier=2),
        ),
        "only-streams": alias(target("alpha", "ok", when={"stream": True})),
        "claude": alias(target("claude", "claude-sonnet-4-5"), target("spare", "claude-haiku-4-5", tier=2)),
        "claude:nobody": alias(target("dead-claude", "ok")),
        "both": alias(target("alpha", "gpt-4o-mini"), target("claude", "claude-sonnet-4-5"), attempts=1),
    }
    for name in MESSAGES:
        found[f"claude:{name}"] = alias(target("claude", name))
        found[f"claude:{name}+ok"] = alias(target("claude", name), target("spare", "ok", tier=2))
    return found


def shared(gateway: Gateway) -> dict:
    aliases = models()
    targets = [one for model in aliases.values() for one in model["targets"]]
    return {
        "environment": "e2e",
        "listen": gateway.listen,
        "admin": gateway.admin,
        "max_request_bytes": "21MiB",
        "collector": {"url": f"http://{gateway.collector_address}", "token": "${HEADGATE_INGEST_TOKEN}"},
        "providers": providers(gateway),
        "models": aliases,
        "teams": {"search": {"project": "assistant", "cost_center": "cc-12", "tenant": "acme"}},
        "keys": keys(gateway),
        "prices": {f"{one['provider']}/{one['model']}": PRICE for one in targets if one["model"] != "unpriced-model"},
        "logging": {"fingerprint_key": "${HEADGATE_FINGERPRINT_KEY}", "tags": ["feature"]},
    }


def providers(gateway: Gateway) -> dict:
    """Returns alpha and beta with credentials. `plain` is beta's server without one and under another path; `dead` does not
    listen. `claude` is alpha's server through the Messages API, `spare` is beta's."""
    alpha, beta = (gateway.providers[name].url for name in ("alpha", "beta"))
    return {
        "alpha": {"format": "openai", "url": f"{alpha}/v1", "credential": "${ALPHA_API_KEY}"},
        "beta": {"format": "openai", "url": f"{beta}/openai/v2", "credential": "${BETA_API_KEY}"},
        "plain": {"format": "openai", "url": f"{beta}/plain/v1"},
        "dead": {"format": "openai", "url": "http://127.0.0.1:9/v1", "credential": "${BETA_API_KEY}"},
        "claude": {"format": "anthropic", "url": f"{alpha}/anthropic", "credential": "${ALPHA_API_KEY}"},
        "spare": {"format": "anthropic", "url": beta, "credential": "${BETA_API_KEY}"},
        "dead-claude": {"format": "anthropic", "url": "http://127.0.0.1:9"},
    }


def keys(gateway: Gateway) -> list[dict]:
    more: dict[str, dict] = {
        "main": {"owner": "alice", "team": "search"},
        "narrow": {"owner": "bob", "models": ["embed-*", "ok"]},
        "expired": {"expires": "2020-01-01"},
        "disabled": {"disabled": True},
    }
    return [{"id": key, "sha256": sha256(secret), **more.get(key, {})} for key, secret in gateway.keys.items()]
