"""/openapi.json of a running collector: a valid document that describes every behaviour of the collector for every role.

schemathesis makes valid and invalid requests from the document, and compares each answer with it: status, media type,
headers, schema, whether invalid data is refused and valid data accepted, and whether a route needs its token.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import openapi_spec_validator
import pytest
from collector import Collector
from gateway import TOOLS

HERE = Path(__file__).parent
# Every run makes the same requests.
SEED = "20260101"
SOAK = os.environ.get("HEADGATE_SOAK") == "1"
# Role, random examples for each route, and phases. The routes of owners and proxies are tested in every phase, and in a soak
# with more examples. Other roles need fewer: their requests are refused or answered as described.
RUNS = [
    ("owner", "8" if SOAK else "2", "coverage,fuzzing,stateful"),
    ("ingest", "10" if SOAK else "4", "coverage,fuzzing"),
    ("auditor", "2", "fuzzing"),
    ("viewer", "2", "fuzzing"),
    ("admin", "2", "fuzzing"),
]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    one = Collector(tmp_path_factory.mktemp("api"))
    yield one
    one.part.stop()


def test_the_document_is_valid_openapi(service):
    openapi_spec_validator.validate(service.send("GET", "/openapi.json"))


@pytest.mark.slow
@pytest.mark.parametrize(("role", "examples", "phases"), RUNS, ids=[role for role, *_ in RUNS])
def test_schemathesis_finds_nothing(service, role, examples, phases):
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", HERE / "schemathesis.toml", "--no-color", "run",
        f"http://{service.listen}/openapi.json", "--header", f"Authorization: Bearer {service.tokens[role]}",
        "--seed", SEED, "--max-examples", examples, "--phases", phases, "--continue-on-failure",
        "--generation-database", "none", "--warnings", "off",
        # An answer of a minute; its tests are in collector/server/tests/collector/any_store/live.rs.
        "--exclude-path", "/v1/requests/stream",
    ]  # fmt: skip
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TOOLS / "python"), str(HERE), *sys.path])}
    done = subprocess.run(
        [str(word) for word in command], cwd=service.folder, env=env, capture_output=True, text=True, timeout=1_800
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Tested: 0" not in done.stdout
    log = (service.folder / "collector.log").read_text()
    assert "panicked" not in log, log
