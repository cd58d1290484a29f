"""A policy in two revisions, workers that run them, and requests on which its guardrails found something."""

from __future__ import annotations

import random
import time
from pathlib import Path

from conftest import Service
from made_records import record

DAY_US = 86_400_000_000

FIRST = {
    "environment": "test",
    "listen": "127.0.0.1:8080",
    "providers": {
        "alpha": {"format": "openai", "url": "https://alpha.example/v1", "credential": "${ALPHA_KEY}"},
        "beta": {"format": "openai", "url": "https://beta.example/v1"},
    },
    "models": {
        "chat": {"targets": [
            {"provider": "alpha", "model": "gpt-5", "weight": 3},
            {"provider": "beta", "model": "gpt-5", "tier": 2, "when": {"team": ["search"]}},
        ]},
        "fast": {"targets": [{"provider": "alpha", "model": "gpt-5-mini"}]},
        "reason": {"targets": [{"provider": "beta", "model": "o4"}]},
    },
    "teams": {"search": {"project": "assistant"}, "support": {}, "ops": {}},
    "keys": [
        {"id": "search-bot", "sha256": "aa" * 32, "owner": "ann", "team": "search", "models": ["chat", "fast"]},
        {"id": "support-bot", "sha256": "bb" * 32, "owner": "ben", "team": "support", "expires": "2020-01-01"},
        {"id": "ops/bot:1", "sha256": "cc" * 32, "team": "ops", "disabled": True},
    ],
    "limits": [
        {"id": "per-key", "per": "key", "requests": "60/min"},
        {"id": "ops-only", "match": {"team": "ops"}, "tokens": "1k/min"},
    ],
    "budgets": [{"id": "assistant-month", "match": {"project": "assistant"}, "usd": 500, "period": "month"}],
    "guardrails": [
        {"id": "pii", "detect": {"pii": ["email", "card"]}, "action": "mask"},
        {"id": "secrets", "on": ["request"], "detect": {"secrets": "all"}, "action": "block"},
    ],
}  # fmt: skip

# One key changes its hash and its owner, one goes, one comes; a guardrail only monitors.
SECOND = {
    **FIRST,
    "keys": [
        {**FIRST["keys"][0], "sha256": "dd" * 32, "owner": "anna"},
        FIRST["keys"][1],
        {"id": "new-bot", "sha256": "ee" * 32, "team": "search"},
    ],
    "guardrails": [FIRST["guardrails"][0], {**FIRST["guardrails"][1], "action": "monitor"}],
}


def found(number: int, at_us: int, guardrail: str) -> dict:
    """Returns a record on which a guardrail found something."""
    one = {**record(number, at_us, random.Random(number)), "boot": "guarded"}
    one["caller"] = {"key_id": "search-bot" if number % 3 else "support-bot"}
    one["id"] = one["id"][:-4] + "cafe"
    decision = {"stage": "guardrails", "policy_id": guardrail, "verdict": "mask", "direction": "request", "reason": "email", "observed": 2}
    return {**one, "decisions": [*one["decisions"], decision]}


class Governed(Service):
    """A collector with two revisions of a policy, two live workers, and hits of guardrails."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.first = self.apply(FIRST, 1)
        self.second = self.apply(SECOND, 2)
        now = int(time.time() * 1e6)
        self.hits = [found(number, now - number * DAY_US // 4, "pii") for number in range(1, 10) if number % 10 not in (3, 5, 7)]
        self.hits = [{**one, "seq": seq} for seq, one in enumerate(self.hits, 1)]
        self.deliver("/v1/ingest/requests", {"node": "gw-1", "boot": "guarded", "dropped": 0, "records": self.hits})
        self.beat("w-new", self.second)
        self.beat("w-old", self.first)

    def apply(self, policy: dict, base: int) -> str:
        """Puts a policy in force; returns its config revision."""
        return self.send("PUT", "/v1/policy", "token-owner", policy, {"if-match": f'"{base}"'})["config_revision"]

    def deliver(self, path: str, body: dict):
        answer = self.send("POST", path, "token-ingest", body)
        assert not (answer or {}).get("refused"), answer
        return answer

    def beat(self, boot: str, revision: str):
        self.deliver("/v1/heartbeat", {
            "node": "gw-1", "boot": boot, "version": "0.2.0", "config_revision": revision, "uptime_s": 90, "queued": 1, "dropped": 0, "last_seq": 3,
        })  # fmt: skip
