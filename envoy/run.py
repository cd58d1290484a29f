"""Starts the collector and Envoy on a gateway.yaml, and stops both on Ctrl-C or SIGTERM.

The collector listens on the policy's `collector.url`, if that is an address of this machine; otherwise it is expected to
run already. Tokens and credentials come from the environment under the names in the policy. For a collector on this
machine, missing tokens are made and printed once.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

import stack
from stack import say

FOLDER = Path(__file__).resolve().parent.parent / "target/run"


def collector_of(out: Path) -> tuple[str | None, str | None]:
    """Returns the address of the collector if it is on this machine, and the name of the variable with its token."""
    resource = json.loads((out / "ecds/headgate-gate.json").read_text())["resources"][0]
    text = find(resource, "configuration")["value"]
    collector = json.loads(text).get("collector")
    if not collector:
        return None, None
    host = collector["authority"].rsplit(":", 1)[0].strip("[]")
    local = host in ("127.0.0.1", "localhost", "::1")
    return (collector["authority"] if local else None), collector.get("token_env")


def find(value: object, key: str) -> dict:
    """Returns the first object under `key`, at any depth."""
    found = list(walk(value, key))
    if not found:
        raise stack.NotReady(f"the rendered files have no {key!r}")
    return found[0]


def walk(value: object, key: str):
    if isinstance(value, dict):
        if isinstance(value.get(key), dict) and "value" in value[key]:
            yield value[key]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from walk(item, key)


def tokens(token_env: str | None) -> dict[str, str]:
    """Returns tokens for a collector on this machine, and prints those that it makes."""
    made = {}
    for name, variable in (("ingest", token_env or "HEADGATE_INGEST_TOKEN"), ("owner", "HEADGATE_OWNER_TOKEN")):
        if not os.environ.get(variable):
            made[variable] = secrets.token_urlsafe(32)
            say(f"==> {variable} was not set; this run's {name} token is {made[variable]}")
    values = {**os.environ, **made}
    return {**made, "HEADGATE_INGEST_TOKEN": values[token_env or "HEADGATE_INGEST_TOKEN"]}


def check(headgate: Path, policy: str, env: dict[str, str], *flags: str) -> None:
    """Prints the problems of the policy, and exits if there are errors."""
    command = [str(headgate), "check", policy, *flags]
    quiet = subprocess.DEVNULL if flags else None
    if subprocess.run(command, env={**os.environ, **env}, stdout=quiet).returncode:
        raise stack.NotReady("the policy has problems; nothing was started")


def start(options: argparse.Namespace) -> list[stack.Part]:
    parts: list[stack.Part] = []
    env: dict[str, str] = {}
    binaries, out = Path(options.bin), FOLDER / "envoy"
    headgate = binaries / "headgate"
    shutil.rmtree(out, ignore_errors=True)
    if not Path(options.policy).is_file():
        raise stack.NotReady(f"{options.policy}: there is no such file")
    check(headgate, options.policy, env)
    stack.render(headgate, Path(options.policy), out, Path(options.wasm))
    address, token_env = collector_of(out)
    if address:
        env = tokens(token_env)
    # Checked here because a token that is made above need not be set outside.
    check(headgate, options.policy, env, "--env")
    if address:
        say(f"==> starting the collector on {address}")
        data = Path(options.data) if options.data else FOLDER / "collector"
        parts.append(stack.collector(binaries / "headgate-collector", address, data, FOLDER / "collector.log", env))
    say("==> starting Envoy")
    workers = options.workers or os.cpu_count() or 1
    envoy = stack.envoy(Path(options.envoy), out, FOLDER / "envoy.log", env, node=options.node, workers=workers)
    envoy.before_stop = lambda: stack.drain(headgate, out)
    parts.append(envoy)
    say()
    say(f"gateway    http://{stack.listen_address(out)}/v1")
    if address:
        say(f"collector  http://{address}/v1/requests")
    say(f"logs       {FOLDER}/*.log")
    say("Ctrl-C ends everything.")
    return parts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("policy", help="your gateway.yaml")
    parser.add_argument("--envoy", required=True)
    parser.add_argument("--wasm", required=True)
    parser.add_argument("--bin", required=True, help="folder with headgate and headgate-collector")
    parser.add_argument("--data", help="folder of the collector's database (default: target/run/collector)")
    parser.add_argument("--node", default="envoy-1", help="name of this proxy in the records")
    parser.add_argument("--workers", type=int, help="worker threads of Envoy (default: one per core)")
    options = parser.parse_args()
    return stack.supervise(lambda: stack.watch(start(options)))


if __name__ == "__main__":
    sys.exit(main())
