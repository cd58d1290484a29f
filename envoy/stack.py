"""Starts and stops the parts of a gateway on this machine: providers, collector, Envoy.

It uses only the standard library, so that the demo needs nothing but Python. Each part is a child of this process, with
its output in a file. A part that does not become ready in time is reported with the end of that file.

Envoy ends with the thread that started it, so parts must be started from a thread that lives as long as they do.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path


class NotReady(Exception):
    """A part did not start; the text names it and contains the end of its log."""


#: Every process that was started, in order: also one that does not become ready has to be ended.
started: list[Part] = []


class Part:
    """One process and its log."""

    def __init__(self, name: str, command: list[str], log: Path, env: dict[str, str] | None = None):
        self.name = name
        self.log = log
        # Called before it is stopped.
        self.before_stop = None
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **(env or {})},
            )
        started.append(self)

    def wait_for_line(self, start: str, seconds: float = 15) -> str:
        """Returns the first line of the log that begins with `start`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for line in self.log.read_text(errors="replace").splitlines():
                if line.startswith(start):
                    return line
            self._must_live()
            time.sleep(0.02)
        raise self.not_ready(f"did not say {start!r} within {seconds:.0f} s")

    def wait_for_url(self, url: str, seconds: float = 90) -> None:
        """Waits until the URL answers 200."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(url, timeout=2) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                pass
            self._must_live()
            time.sleep(0.05)
        raise self.not_ready(f"did not answer {url} within {seconds:.0f} s")

    def not_ready(self, why: str) -> NotReady:
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
        return NotReady(f"{self.name} {why}; the end of {self.log}:\n{tail}")

    def _must_live(self) -> None:
        if self.process.poll() is not None:
            raise self.not_ready(f"ended with exit code {self.process.returncode}")

    def stop(self, how: int = signal.SIGTERM, seconds: float = 10) -> None:
        if self.process.poll() is None:
            if self.before_stop and how == signal.SIGTERM:
                self.before_stop()
            self.process.send_signal(how)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


# Workers of one test run take ports from ranges of their own: a port is free until its part listens, and two workers could take
# the same one. Envoys would even share it.
WORKER = int(re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or 0) % 8
PORTS = range(10_000 + WORKER * 2_750, 10_000 + (WORKER + 1) * 2_750)
# Ports that this process has given away.
given: set[int] = set()


def free_port() -> int:
    """Returns a free loopback port below the range of outgoing connections, from which a busy machine could take it before
    the part listens on it. No port is returned twice, until all were."""
    if len(given) > len(PORTS) // 2:
        given.clear()
    while True:
        port = random.choice(PORTS)
        if port in given:
            continue
        given.add(port)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def provider(binary: Path, name: str, log: Path) -> tuple[Part, str]:
    """Starts a scripted provider and returns its base URL."""
    part = Part(f"provider {name}", [binary, "--listen", "127.0.0.1:0", "--name", name], log)
    return part, part.wait_for_line("listening on ").split()[-1]


def collector(binary: Path, listen: str, data: Path, log: Path, env: dict[str, str]) -> Part:
    """Starts the collector on `listen`."""
    part = Part("collector", [binary, "serve", "--listen", listen, "--data", data], log, env)
    part.wait_for_url(f"http://{listen}/readyz")
    return part


def module_option(module: Path) -> str:
    """Returns the option of the `headgate` command for a file of the filter."""
    return "--wasm" if module.suffix == ".wasm" else "--native"


def render(headgate: Path, policy: Path, out: Path, module: Path) -> None:
    """Writes Envoy's files. The error is the command's own diagnostics."""
    command = [headgate, "render", "envoy", policy, "--out", out, module_option(module), module]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        raise NotReady(done.stderr or done.stdout)


def admin_address(out: Path) -> str:
    """Returns Envoy's admin address, from its bootstrap."""
    address = json.loads((out / "bootstrap.json").read_text())["admin"]["address"]["socket_address"]
    return f"{address['address']}:{address['port_value']}"


def listen_address(out: Path) -> str:
    """Returns the gateway's address from the rendered listener, with loopback for 0.0.0.0."""
    listener = json.loads((out / "lds.json").read_text())["resources"][0]
    address = listener["address"]["socket_address"]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(address["address"], address["address"])
    return f"{host}:{address['port_value']}"


def envoy(binary: Path, out: Path, log: Path, env: dict[str, str], *, node: str = "envoy-1", workers: int = 2) -> Part:
    """Starts Envoy on rendered files and waits until it serves."""
    command = [binary, "-c", out / "bootstrap.json", "--use-dynamic-base-id", "--concurrency", str(workers)]
    part = Part("Envoy", [*command, "--service-node", node, "--log-level", "info"], log, env)
    part.wait_for_url(f"http://{admin_address(out)}/ready")
    return part


def drain(headgate: Path, out: Path) -> None:
    """Lets Envoy finish its requests and deliver its records. A failure is ignored, since Envoy is stopped anyway."""
    done = subprocess.run([str(headgate), "drain", str(out)], capture_output=True, text=True)
    if done.returncode:
        fail(done.stderr.strip())


def watch(parts: list[Part]) -> None:
    """Waits until a part ends, which is an error, and reports it."""
    while all(part.process.poll() is None for part in parts):
        time.sleep(0.5)
    ended = next(part for part in parts if part.process.poll() is not None)
    raise ended.not_ready("ended unexpectedly")


class Ended(Exception):
    """This process received a signal to end."""


def end(number: int, _frame: object) -> None:
    """Ends everything on a signal, and ignores a second one, which must not interrupt the stopping."""
    for name in ENDING:
        signal.signal(name, signal.SIG_IGN)
    raise Ended(signal.Signals(number).name)


#: The signals that end a program in a terminal, or under a supervisor such as systemd or a container's init.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def supervise(play) -> int:
    """Runs `play`, which starts parts, and stops them at the end. The exit code is 1 if `play` returns False."""
    for name in ENDING:
        signal.signal(name, end)
    try:
        return 1 if play() is False else 0
    except (Ended, KeyboardInterrupt):
        return 0
    except NotReady as problem:
        fail(str(problem))
        return 1
    finally:
        for part in reversed(started):
            part.stop()


def say(text: str = "") -> None:
    print(text, flush=True)


def fail(text: str) -> None:
    print(f"headgate: {text}", file=sys.stderr, flush=True)
