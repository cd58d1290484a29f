"""Made-up records for the pages: two hundred requests of three days, some refused, failed, retried or left."""

from __future__ import annotations

import random

DAY_US = 86_400_000_000
TEAMS = ["search", "support", "ops"]
MODELS = ["chat", "fast", "reason"]


def uuid7(at_us: int, number: int) -> str:
    ms = at_us // 1000
    return f"{ms >> 16:08x}-{ms & 0xFFFF:04x}-7{number & 0xFFF:03x}-8000-{number:012x}"


def attempt(provider: str, error: str | None = None, kind: str = "first", after: int = 400) -> dict:
    one = {"provider": provider, "model": "m-large", "kind": kind, "started_after_us": after, "latency_us": 250_000}
    return {**one, "status": 503, "error": error} if error else {**one, "status": 200}


def caller(number: int, team: str) -> dict:
    if number % 9 == 4:
        return {"key_id": "try-out", "owner": "ben", "team": team, "source": "playground"}
    return {"key_id": f"{team}-bot", "owner": "ann", "team": team}


def record(number: int, at_us: int, pick: random.Random) -> dict:
    team = pick.choice(TEAMS)
    made = {
        "schema": 1, "id": uuid7(at_us, number), "node": "gw-1", "boot": "b", "seq": number, "started_at": at_us,
        "duration_us": pick.randint(200_000, 4_000_000), "trace_id": f"{number:032x}", "config_revision": "rev-1",
        "environment": "test", "caller": caller(number, team),
        "surface": "chat_completions", "requested_model": pick.choice(MODELS), "stream": number % 2 == 0, "status": 200,
        "ended_by": "complete", "retention_class": "default",
        "decisions": [{"stage": "keys", "policy_id": f"{team}-bot", "verdict": "allow"}],
        "attempts": [attempt("alpha")], "served_by": {"provider": "alpha", "model": "m-large"},
        "payload": {"mode": "metadata_only", "request_bytes": 900, "response_bytes": 400, "attachments": 0},
    }  # fmt: skip
    if made["stream"]:
        made["time_to_first_token_us"] = made["duration_us"] // 3
    tokens = pick.randint(10, 5_000)
    made["usage"] = {"input_tokens": tokens, "output_tokens": 50, "cached_input_tokens": 0, "reasoning_tokens": 0, "source": "reported"}
    made["cost"] = {"nano_usd": tokens * 1_750, "price_revision": "p1", "assumed": False}
    match number % 10:
        case 3:
            refused = {"stage": "limits", "policy_id": "per-key", "verdict": "deny", "observed": 61, "limit": 60}
            made |= {"status": 429, "rejected_by": "gateway", "error_code": "rate_limit_exceeded", "ended_by": "gateway"}
            made |= {"attempts": [], "decisions": [*made["decisions"], refused]}
        case 5:
            made |= {"attempts": [attempt("alpha", "server_error"), attempt("beta", kind="failover", after=300_000)]}
            made |= {"served_by": {"provider": "beta", "model": "m-large"}}
        case 7:
            made |= {"status": 503, "error_code": "provider_unavailable", "ended_by": "gateway"}
            made |= {"attempts": [attempt("alpha", "server_error"), attempt("beta", "timeout", "failover", 300_000)]}
    if made["status"] != 200:
        for name in ("usage", "cost", "served_by"):
            del made[name]
    return made


def counts_report(now_s: int, teams: list[str] = TEAMS) -> dict:
    """Returns a proxy's report of two limits and a budget: the first team is close to its budget, the second has passed its limit."""
    budget = {"id": "team-month", "kind": "budget", "per": ["team"], "meters": [{"unit": "nano_usd", "period": "month", "max": 5_000_000_000}], "warn_at": [50, 80]}
    limit = {"id": "per-key", "kind": "limit", "per": ["key"], "meters": [{"unit": "requests", "period": "hour", "max": 60}, {"unit": "concurrency", "max": 8}]}
    month = {"rule": "team-month", "meter": "nano_usd/month", "start": now_s - 20 * 86_400, "end": now_s + 10 * 86_400, "max": 5_000_000_000}
    hour = {"rule": "per-key", "meter": "requests/hour", "start": now_s - 1_800, "end": now_s + 1_800, "max": 60}
    used = [4_250_000_000, 1_000_000_000, 0]
    rows = [{**month, "subject": [team], "used": used[place], "open": 100_000_000} for place, team in enumerate(teams)]
    rows += [{**hour, "subject": [f"{team}-bot"], "used": [12, 60, 3][place], "open": 2} for place, team in enumerate(teams)]
    return {"schema": 1, "node": "gw-1", "boot": "counts", "seq": 1, "whole": True, "revision": "rev-1", "cursor": 0, "rules": [budget, limit], "rows": rows}


def beat(node: str = "gw-1", revision: str = "rev-1") -> dict:
    return {"node": node, "boot": f"beat-{node}", "version": "0.2.0", "config_revision": revision, "uptime_s": 60, "queued": 0, "dropped": 0, "last_seq": 0}


def records(now_us: int, count: int = 200) -> list[dict]:
    pick = random.Random(7)
    step = 3 * DAY_US // count
    return [record(number, now_us - (count - number) * step - 1_000_000, pick) for number in range(1, count + 1)]
