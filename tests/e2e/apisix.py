"""The stand-in for APISIX by address, as the host of the end-to-end tests: HEADGATE_E2E_HOST=apisix."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from pathlib import Path

import stack
import wire


def render(headgate: Path, policy: Path, out: Path, module: Path) -> None:
    """Writes APISIX's files. The error is the command's own diagnostics."""
    command = [headgate, "render", "apisix", policy, "--out", out, "--wasm", module]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        raise stack.NotReady(done.stderr or done.stdout)


def environment(env: dict[str, str]) -> dict[str, str]:
    """Returns the environment with the whole header values that APISIX's own plugins send."""
    bearer = {f"{name}_BEARER": f"Bearer {value}" for name, value in env.items() if name.endswith("_API_KEY")}
    return {**env, **bearer, "HEADGATE_INGEST_AUTHORIZATION": f"Bearer {env['HEADGATE_INGEST_TOKEN']}"}


def start(binary: Path, out: Path, module: Path, listen: str, log: Path, env: dict[str, str], *, node: str, workers: int) -> stack.Part:
    """Starts the stand-in on rendered files and waits until it listens."""
    command = [binary, "--files", out, "--wasm", module, "--listen", listen, "--node", node, "--workers", workers]
    part = stack.Part("the stand-in for APISIX", command, log, environment(env))
    deadline = time.monotonic() + 15
    while not listens(listen):
        if time.monotonic() > deadline or part.process.poll() is not None:
            raise part.not_ready(f"does not listen on {listen}")
        time.sleep(0.02)
    return part


def listens(address: str) -> bool:
    try:
        socket.create_connection(wire.address(address), 1).close()
        return True
    except OSError:
        return False


def workers(part: stack.Part) -> list[int]:
    """Returns the process ids of the workers that run."""
    children = Path(f"/proc/{part.process.pid}/task/{part.process.pid}/children").read_text().split()
    return [int(pid) for pid in children if os.path.exists(f"/proc/{pid}")]
