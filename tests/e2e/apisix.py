"""The stand-in for APISIX by address, as the host of the end-to-end tests: HEADGATE_E2E_HOST=apisix."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import stack


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
    part.wait_for_line("listening on ")
    return part


def workers(part: stack.Part) -> list[int]:
    """Returns the process ids of the workers that run."""
    children = Path(f"/proc/{part.process.pid}/task/{part.process.pid}/children").read_text().split()
    return [int(pid) for pid in children if os.path.exists(f"/proc/{pid}")]
