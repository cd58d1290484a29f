"""/metrics as Prometheus reads it: every metric is well-formed and up to date."""

from __future__ import annotations

import re
import urllib.error
import urllib.request

import pytest
from collector import Collector
from prometheus_client.openmetrics.parser import text_string_to_metric_families

# Every label, with its largest number of values. Clients cannot choose values.
LABELS = {"route": 60, "status": 30, "outcome": 6, "log": 2, "state": 3, "le": 20, "version": 1, "class": 7}


@pytest.fixture(scope="module")
def collector(tmp_path_factory):
    one = Collector(tmp_path_factory.mktemp("metrics"))
    yield one
    one.part.stop()


def scrape(collector) -> tuple[str, dict]:
    with urllib.request.urlopen(f"http://{collector.listen}/metrics", timeout=10) as answer:
        assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
        text = answer.read().decode()
    return text, {family.name: family for family in text_string_to_metric_families(text)}


def value(families: dict, name: str, sample: str = "", **labels) -> float:
    name = f"headgate_collector_{name}"
    [found] = [one for one in families[name].samples if one.name == name + sample and labels.items() <= one.labels.items()]
    return found.value


def test_prometheus_reads_bounded_labels(collector):
    for path in ("/nowhere", "/v1/requests?q=CANARY", "/CANARY"):
        try:
            collector.send("GET", path, "token-owner")
        except urllib.error.HTTPError as refused:
            assert refused.code == 404
    text, families = scrape(collector)
    assert "CANARY" not in text and "token-" not in text and "tok_" not in text and "main" not in text
    seen: dict[str, set] = {}
    for family in families.values():
        assert re.fullmatch(r"headgate_collector(_[a-z]+)+", family.name) and family.documentation, family
        for sample in family.samples:
            for label, one in sample.labels.items():
                seen.setdefault(label, set()).add(one)
    assert all(len(values) <= LABELS[label] for label, values in seen.items()), seen


def test_numbers_match_the_store(collector):
    _, families = scrape(collector)
    assert value(families, "log_head", log="requests") == 3
    assert value(families, "log_head", log="audit") >= 3
    assert value(families, "records", "_total", outcome="stored") == 3
    assert value(families, "batches", "_total", outcome="acknowledged") == 1
    assert value(families, "missing_records") == 1 and value(families, "open_gaps") == 1
    assert value(families, "data_planes", state="live") == 1 and value(families, "data_planes", state="stale") == 0
    assert value(families, "store_size_bytes") > 100_000 and value(families, "store_readable") == 1
    assert value(families, "commit_seconds", "_count") >= 4
    assert value(families, "http_requests", "_total", route="/v1/ingest/requests", status="200") == 1
    assert value(families, "http_request_duration_seconds", "_count", route="/v1/ingest/requests") == 1
    assert value(families, "queued_batches") == 0 and value(families, "dropped_notes", "_total") == 0
    assert value(families, "build", "_info") == 1
