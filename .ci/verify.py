"""Runs the recipes that must pass, those that compute beside those that wait, and prints a table of their times.

Each recipe writes to target/ci/NAME.log; the log is printed when the recipe ends. A recipe whose needs have failed is skipped.
The exit code is 1 if a recipe failed or was skipped.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / "target/ci"
# Time limit of one recipe, s.
LIMIT = 45 * 60


@dataclass
class Step:
    """Recipes that run one after the other, once the steps in `needs` have passed and those in `after` have ended."""

    name: str
    recipes: list[str]
    needs: list[str] = field(default_factory=list)
    # Steps that must have ended, passed or not.
    after: list[str] = field(default_factory=list)
    # Lower priority, so that tests which measure time get the processor first.
    nice: int = 0
    # Everything that the recipes build is there already.
    built: bool = False
    passed: bool | None = None
    wall_s: float = 0
    cpu_s: float = 0


STEPS = [
    Step("fetch", ["envoy", "python-packages", "node-packages", "receivers"]),
    # Two recipes that add a target to the toolchain at once are in each other's way.
    Step("toolchain", ["_cargo"]),
    # The collector that is built next has the module.
    Step("tryout", ["tryout"], needs=["toolchain"]),
    Step("build", ["build-tests", "programs"], needs=["tryout"]),
    Step("wasm", ["wasm"], needs=["toolchain"]),
    # Suites that wait for processes and for the disk, with time limits, run one after the other.
    Step("unit", ["unit"], needs=["build", "wasm"], built=True),
    Step("e2e", ["e2e"], needs=["fetch", "build", "wasm"], after=["unit"], built=True),
    # The cases, and what is its own: all of it takes as long as `e2e`.
    Step("native", ["e2e-native tests/e2e/test_cases.py tests/e2e/test_native.py"], needs=["fetch", "build"], after=["e2e"]),
    # The cases alone.
    Step("apisix", ["e2e-apisix tests/e2e/test_cases.py"], needs=["fetch", "build", "wasm"], after=["native"], built=True),
    Step("contract", ["contract"], needs=["build"], after=["apisix"], built=True),
    Step("pages", ["pages"], needs=["fetch", "build", "wasm"], after=["contract"], built=True),
    Step("verifiers", ["verifiers"], needs=["fetch", "build"], after=["pages"], built=True),
    Step("forwarders", ["forwarders"], needs=["fetch", "build"], after=["verifiers"], built=True),
    Step("lint", ["lint"], needs=["build"], nice=15),
    Step("deny", ["deny"], needs=["fetch"]),
    Step("doc", ["doc"], needs=["lint"], nice=15),
    Step("book", ["book"], needs=["fetch"]),
    Step("fuzz", ["fuzz-smoke"], needs=["doc"], nice=15),
    Step("asan", ["asan"], needs=["fuzz"], nice=15),
]

changed = threading.Condition()


def run(step: Step, just: str) -> None:
    """Runs the recipes of a step and records the time they took."""
    log = LOGS / f"{step.name}.log"
    environment = {**os.environ, **({"HEADGATE_BUILT": "1"} if step.built else {})}
    begun = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["nice", "-n", str(step.nice), just, *(word for recipe in step.recipes for word in recipe.split())],
            cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    limit = threading.Timer(LIMIT, os.killpg, (process.pid, signal.SIGKILL))
    limit.start()
    _, status, usage = os.wait4(process.pid, 0)
    limit.cancel()
    with changed:
        step.wall_s = time.monotonic() - begun
        step.cpu_s = usage.ru_utime + usage.ru_stime
        step.passed = status == 0
        print(f"\n===== {step.name}: {'passed' if step.passed else 'FAILED'} in {step.wall_s:.0f} s", flush=True)
        sys.stdout.buffer.write(log.read_bytes())
        sys.stdout.buffer.flush()
        changed.notify_all()


def when_ready(step: Step, by_name: dict[str, Step], just: str) -> None:
    """Waits for what the step needs and comes after, then runs it; skips it if a need failed."""
    needs = [by_name[name] for name in step.needs]
    earlier = needs + [by_name[name] for name in step.after]
    with changed:
        changed.wait_for(lambda: all(step.passed is not None for step in earlier))
        if not all(need.passed for need in needs):
            step.passed = False
            print(f"\n===== {step.name}: skipped", flush=True)
            changed.notify_all()
            return
    run(step, just)


def table(steps: list[Step], total_s: float) -> str:
    rows = [f"{step.name:<10} {step.wall_s:>8.0f} {step.cpu_s:>8.0f}  {'passed' if step.passed else 'FAILED'}" for step in steps]
    cpu_s = sum(step.cpu_s for step in steps)
    return "\n".join([f"{'step':<10} {'wall s':>8} {'cpu s':>8}", *rows, f"{'all':<10} {total_s:>8.0f} {cpu_s:>8.0f}"])


def main() -> int:
    just = sys.argv[1]
    LOGS.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    by_name = {step.name: step for step in STEPS}
    threads = [threading.Thread(target=when_ready, args=(step, by_name, just)) for step in STEPS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("\n" + table(STEPS, time.monotonic() - begun), flush=True)
    return 0 if all(step.passed for step in STEPS) else 1


if __name__ == "__main__":
    sys.exit(main())
