"""Builds Go programs with Debian's packages alone."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

GO_PATH = "/usr/share/gocode"


def go_program(folder: Path, source: Path) -> Path:
    """Builds a program in a folder and returns its path."""
    assert shutil.which("go") and Path(GO_PATH, "src/golang.org/x/mod").is_dir(), "apt-get install golang-go golang-golang-x-mod-dev"
    program = folder / "program"
    settings = {"GO111MODULE": "off", "GOPATH": GO_PATH, "GOCACHE": str(folder / "cache"), "HOME": str(folder)}
    subprocess.run(["go", "build", "-o", program, source], check=True, env=os.environ | settings)
    return program
