"""`just run`: it makes an ingest token, and a signal ends everything that it started."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from gateway import BIN, ENVOY, ROOT, WASM, stack

POLICY = """
environment: test
listen: 127.0.0.1:{listen}
admin: 127.0.0.1:{admin}
collector: {{url: "http://127.0.0.1:{collector}", token: "${{RUN_TEST_TOKEN}}"}}
providers: {{local: {{format: openai, url: "http://127.0.0.1:9/v1"}}}}
models: {{chat: {{targets: [{{provider: local, model: m}}]}}}}
prices: {{"local/m": {{input: 0, output: 0}}}}
keys: [{{id: a, sha256: "0000000000000000000000000000000000000000000000000000000000000001"}}]
"""


def free_ports(count: int) -> list[int]:
    return [stack.free_port() for _ in range(count)]


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def start(tmp_path, policy: str, *flags: str) -> subprocess.Popen:
    file = tmp_path / "gateway.yaml"
    file.write_text(policy)
    command = [sys.executable, ROOT / "envoy/run.py", file, "--envoy", ENVOY, "--wasm", WASM, "--bin", BIN]
    environ = {name: value for name, value in os.environ.items() if name != "RUN_TEST_TOKEN"}
    command += ["--data", tmp_path / "data", "--workers", "1", *flags]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environ)


def lines_until(process: subprocess.Popen, start: str) -> str:
    said = ""
    for line in process.stdout:
        said += line
        if line.startswith(start):
            return said
    pytest.fail(f"ended without {start!r}:\n{said}")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_run_makes_a_token_and_ends_all(tmp_path, name):
    listen, admin, collector = ports = free_ports(3)
    run = start(tmp_path, POLICY.format(listen=listen, admin=admin, collector=collector))
    try:
        said = lines_until(run, "Ctrl-C ends everything.")
        token = re.search(r"RUN_TEST_TOKEN was not set; this run's ingest token is (\S+)", said)[1]
        head = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        ingest = urllib.request.Request(f"http://127.0.0.1:{collector}/v1/ingest/requests", b"{}", head)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(ingest, timeout=10)
        assert refused.value.code != 401, "the collector knows the token"
        run.send_signal(getattr(signal, name))
        assert run.wait(40) == 0
    finally:
        run.kill()
        run.wait()
    assert not any(is_open(port) for port in ports)


def test_failed_start_leaves_nothing_behind(tmp_path):
    listen, admin, collector = free_ports(3)
    with socket.create_server(("127.0.0.1", listen)):
        run = start(tmp_path, POLICY.format(listen=admin, admin=listen, collector=collector))
        try:
            said, _ = run.communicate(timeout=90)
        finally:
            run.kill()
    assert run.returncode == 1 and "Envoy" in said, said
    deadline = time.monotonic() + 10
    while is_open(collector) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not is_open(collector)
