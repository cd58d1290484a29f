"""/openapi.json of a running collector: a valid document, and nothing that the collector does differs from it, whoever asks.

schemathesis makes requests from the document, good ones and bad ones, and holds each answer against it: status, media type,
headers, schema, whether bad data is refused and good data taken, whether a route lets in who shows no token.
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
# Role, random examples for each route, and phases: what owners and proxies may is tried at length, of the other roles
# that they are refused or answered as described.
RUNS = [
    ("owner", "8", "coverage,fuzzing,stateful"),
    ("ingest", "10", "coverage,fuzzing"),
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


@pytest.mark.parametrize(("role", "examples", "phases"), RUNS, ids=[role for role, *_ in RUNS])
def test_schemathesis_finds_nothing(service, role, examples, phases):
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", HERE / "schemathesis.toml", "--no-color", "run",
        f"http://{service.listen}/openapi.json", "--header", f"Authorization: Bearer {service.tokens[role]}",
        "--seed", SEED, "--max-examples", examples, "--phases", phases, "--continue-on-failure",
        "--generation-database", "none", "--warnings", "off",
    ]  # fmt: skip
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TOOLS / "python"), str(HERE), *sys.path])}
    done = subprocess.run(
        [str(word) for word in command], cwd=service.folder, env=env, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Tested: 0" not in done.stdout
    log = (service.folder / "collector.log").read_text()
    assert "panicked" not in log, log
