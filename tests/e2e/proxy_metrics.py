"""The metrics of the filter, as Prometheus reads them from Envoy, and as they follow from the records of the collector."""

from __future__ import annotations

import urllib.request
from collections import Counter

from gateway import Gateway
from prometheus_client.parser import text_string_to_metric_families

OPERATIONS = {"chat_completions": "chat", "messages": "chat", "completions": "text_completion", "unknown": ""}
DURATION = "gen_ai_client_operation_duration_milliseconds"
FIRST_TOKEN = "gen_ai_server_time_to_first_token_milliseconds"
PARTS = {"cached_input": "cached_input_tokens", "cache_write_input": "cache_write_input_tokens", "reasoning": "reasoning_tokens"}


def scrape(gateway: Gateway) -> str:
    with urllib.request.urlopen(f"http://{gateway.admin}/stats/prometheus", timeout=10) as answer:
        return answer.read().decode()


def series(name: str, **labels: str) -> tuple:
    """Returns a series. A label without a value is none."""
    return name, frozenset((label, value) for label, value in labels.items() if value)


def shown(text: str) -> Counter:
    """Returns the counters of the filter, and the counts of its histograms. Those that are 0 are left out."""
    found: Counter = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.startswith(("headgate_", "gen_ai_")) and sample.name.endswith(("_total", "_count")):
                key = series(sample.name, **sample.labels)
                assert key not in found, f"{key} is there twice"
                found[key] = int(sample.value)
    return +found


def label(name: str) -> str:
    """Returns a name as a label: Envoy would cut off dots at the end."""
    kept = name.rstrip(".")
    return kept + "_" * (len(name) - len(kept))


def outcome(record: dict) -> str:
    if record.get("rejected_by") == "gateway":
        return "refused"
    if record["ended_by"] == "client":
        return "aborted"
    return "success" if 100 <= record["status"] < 400 and record["ended_by"] == "complete" else "error"


def stage(record: dict) -> str:
    if record.get("rejected_by") != "gateway":
        return ""
    denied = [one["stage"] for one in record.get("decisions", []) if one["verdict"] == "deny"]
    return denied[-1] if denied else "providers" if record.get("attempts") else "request"


def expected(records: list[dict], aliases) -> Counter:
    """Returns the metrics that follow from these records under a policy with these aliases."""
    found: Counter = Counter()
    for record in records:
        # Names that no policy had are no labels, nor are names before a policy had them.
        model = "" if record.get("error_code") == "model_not_found" else record.get("requested_model", "")
        names = {
            "gen_ai_operation_name": OPERATIONS.get(record["surface"], record["surface"]),
            "gen_ai_request_model": label(model) if model in aliases else "",
            "gen_ai_provider_name": record.get("served_by", {}).get("provider", ""),
        }
        status = f"{record['status'] // 100}xx" if record["status"] else ""
        found[series("headgate_requests_total", **names, status_class=status, outcome=outcome(record), stage=stage(record))] += 1
        found[series(f"{DURATION}_count", **names)] += 1
        if record["stream"] and "time_to_first_token_us" in record:
            found[series(f"{FIRST_TOKEN}_count", **names)] += 1
        usage = record.get("usage", {})
        for kind in ("input", "output"):
            found[series("gen_ai_client_token_usage_total", **names, gen_ai_token_type=kind)] += usage.get(f"{kind}_tokens", 0)
        for kind, field in PARTS.items():
            found[series("headgate_token_parts_total", **names, gen_ai_token_type=kind)] += usage.get(field, 0)
        found[series("headgate_cost_nano_usd_total", **names)] += record.get("cost", {}).get("nano_usd", 0)
        found.update(findings(record))
    return +found


def findings(record: dict) -> Counter:
    found: Counter = Counter()
    for one in record.get("decisions", []):
        unreachable = "observed" not in one and one.get("reason") == "unreachable"
        if one["stage"] != "guardrails" or one["verdict"] == "allow" and not unreachable:
            continue
        kind = one["reason"] if "observed" in one or unreachable else "external"
        labels = {"guardrail": one["policy_id"], "finding": kind, "verdict": one["verdict"], "direction": one["direction"]}
        found[series("headgate_guardrail_findings_total", **labels)] += one.get("observed", 1)
    return found
