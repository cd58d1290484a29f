"""The demo's locking; `just demo --once` runs the demo itself."""

from __future__ import annotations

import fcntl
import subprocess
import sys

from gateway import BIN, ENVOY, ROOT, WASM


def test_second_demo_does_not_start():
    marker = ROOT / "target/demo/marker"
    marker.parent.mkdir(exist_ok=True)
    marker.touch()
    with (ROOT / "target/demo.lock").open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass  # a real demo is running, which is as good
        command = [sys.executable, ROOT / "envoy/demo.py", "--once", "--envoy", ENVOY, "--wasm", WASM, "--bin", BIN]
        second = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr == "headgate: a demo is running already; end it first, both use target/demo\n"
    assert marker.exists()
    marker.unlink()
