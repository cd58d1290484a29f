"""A collector without a gateway, for tests of its API."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path

from gateway import COLLECTOR, stack

TOKENS = {"HEADGATE_INGEST_TOKEN": "token-ingest", "HEADGATE_OWNER_TOKEN": "token-owner"}


def record(number: int) -> dict:
    """Returns a record with every field that a client's request can cause."""
    moment = (1_767_225_600_000 + number) << 16
    return {
        "schema": 1, "id": f"{moment >> 32:08x}-{moment >> 16 & 0xFFFF:04x}-7000-8000-{number:012x}",
        "node": "n", "boot": "b", "seq": number, "started_at": 1_767_225_600_000_000 + number, "duration_us": 5,
        "time_to_first_token_us": 3, "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "parent_span_id": "b7ad6b7169203331", "span_id": f"8000{number:012x}", "provider_request_id": "req-1",
        "config_revision": "rev-1", "environment": "e2e", "caller": {"key_id": "main", "team": "search"},
        "client": {"end_user": "u", "tags": {"purpose": "test"}}, "surface": "chat_completions",
        "requested_model": "chat", "served_by": {"provider": "alpha", "model": "m"},
        "response_model": "m-2026-01-01", "requested_service_tier": "auto", "service_tier": "default",
        "requested_speed": "fast", "speed": "fast", "stream": True,
        "attempts": [{"provider": "alpha", "model": "m", "kind": "first", "status": 200, "started_after_us": 1, "latency_us": 2, "span_id": f"{(0x8000 << 48) + number + 1:016x}"}],
        "status": 200, "finish_reason": "stop", "ended_by": "complete",
        "decisions": [{"stage": "keys", "policy_id": "main", "verdict": "allow"}],
        "usage": {"input_tokens": 1, "output_tokens": 2, "cached_input_tokens": 0, "reasoning_tokens": 0, "source": "reported"},
        "cost": {"nano_usd": 5, "price_revision": "2026-01", "assumed": False},
        "payload": {"mode": "metadata_only", "request_bytes": 1, "response_bytes": 2, "attachments": 0},
        "retention_class": "default",
    }  # fmt: skip


def seeds() -> list[tuple[str, dict]]:
    """Returns one entry of each kind, so that answers are not empty. Record 3 is missing."""
    now = int(time.time())
    batch = {"node": "n", "boot": "b", "dropped": 1, "records": [record(number) for number in (1, 2, 4)]}
    meter = {"unit": "nano_usd", "period": "day", "max": 1000}
    rule = {"id": "spend", "kind": "budget", "per": ["team"], "meters": [meter], "warn_at": [50]}
    row = {"rule": "spend", "meter": "nano_usd/day", "subject": ["search"], "start": now - 60, "end": now + 86_400}
    report = {
        "schema": 1, "node": "n", "boot": "b", "seq": 1, "whole": True, "revision": "rev-1", "cursor": 0,
        "rules": [rule], "rows": [{**row, "max": 1000, "used": 600, "open": 5}],
    }  # fmt: skip
    beat = {
        "node": "n", "boot": "b", "version": "0.1.0", "config_revision": "rev-1", "uptime_s": 1, "queued": 0,
        "dropped": 0, "last_seq": 4,
    }  # fmt: skip
    return [("/v1/ingest/requests", batch), ("/v1/limits/sync", report), ("/v1/heartbeat", beat)]


POLICY = {
    "environment": "e2e",
    "listen": "127.0.0.1:8080",
    "providers": {"alpha": {"format": "openai", "url": "https://alpha.example/v1"}},
    "models": {"chat": {"targets": [{"provider": "alpha", "model": "gpt-5"}]}},
}


class Collector:
    """A collector without a gateway, with an entry of each kind or other deliveries, and a token of each role."""

    def __init__(self, folder: Path, deliveries: list[tuple[str, dict]] | None = None, env: dict[str, str] | None = None, port: int = 0):
        self.folder, self.listen = folder, f"127.0.0.1:{port or stack.free_port()}"
        self.part = stack.collector(COLLECTOR, self.listen, folder / "data", folder / "collector.log", {**TOKENS, **(env or {})})
        for path, body in seeds() if deliveries is None else deliveries:
            self.send("POST", path, "token-ingest", body)
        self.send("PUT", "/v1/policy", "token-owner", POLICY, {"if-none-match": "*"})
        self.tokens = {"owner": "token-owner", "ingest": "token-ingest"}
        for role in ("viewer", "auditor", "admin"):
            self.tokens[role] = self.send("POST", "/v1/tokens", "token-owner", {"role": role})["token"]

    def send(self, method: str, path: str, token: str = "", body: dict | None = None, more: dict | None = None):
        data = None if body is None else json.dumps(body).encode()
        headers = {**({"authorization": f"Bearer {token}"} if token else {}), **(more or {})}
        request = urllib.request.Request(f"http://{self.listen}{path}", data=data, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
            return json.loads(text) if text else None
