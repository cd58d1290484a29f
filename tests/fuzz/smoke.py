"""Builds the fuzz targets and runs each for some seconds, from its seeds: `smoke.py SECONDS`.

libFuzzer's coverage instrumentation is part of every LLVM, so the flags below do what `cargo fuzz` does with a nightly toolchain,
but for the address sanitizer. An input that breaks a property is kept in tests/fuzz/artifacts, where the message says.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE.parents[1] / "target/fuzz"
FLAGS = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
]
# Targets that read the seeds of another one.
SEEDS_OF = {"candidates": "guard"}
# Longest input, bytes, and longest time for one, s.
LIMITS = ["-max_len=16384", "-timeout=10", "-rss_limit_mb=2048"]


def targets() -> list[str]:
    return sorted(file.stem for file in (HERE / "fuzz_targets").glob("*.rs"))


def build() -> None:
    environment = {**os.environ, "RUSTFLAGS": " ".join(FLAGS), "CARGO_TARGET_DIR": str(BUILD)}
    # A target given, so that build scripts are built without the flags.
    subprocess.run(["cargo", "build", "--quiet", "--release", "--target", host()], cwd=HERE, env=environment, check=True)


def host() -> str:
    return re.search("host: (.+)", subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout).group(1)


def fuzz(target: str, seconds: str) -> bool:
    """Whether the target found nothing."""
    artifacts = HERE / "artifacts" / target
    artifacts.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as corpus:
        folder = HERE / "seeds" / SEEDS_OF.get(target, target)
        seeds = [str(folder)] if folder.is_dir() else []
        command = [BUILD / host() / "release" / target, corpus, *seeds, f"-max_total_time={seconds}", f"-artifact_prefix={artifacts}/", *LIMITS]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    runs = re.findall(r"^Done (\d+) runs", done.stderr, re.M)
    print(f"{target}: {runs[-1] if runs else 'no'} runs in {seconds} s", flush=True)
    if done.returncode:
        print(done.stderr[-4000:], file=sys.stderr)
    return done.returncode == 0 and bool(runs)


def main() -> int:
    seconds = sys.argv[1] if len(sys.argv) > 1 else "5"
    build()
    return 0 if all([fuzz(target, seconds) for target in targets()]) else 1


if __name__ == "__main__":
    sys.exit(main())
