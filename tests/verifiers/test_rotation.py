"""Go's `note.Open` on checkpoints of a log whose key is being changed: verifiers with either key go on."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from go import go_program
from test_verifiers import BINARY, ROOT, Log, record


@pytest.fixture(scope="module")
def go(tmp_path_factory):
    return go_program(tmp_path_factory.mktemp("go"), ROOT / "tests/verifiers/note/main.go")


def opened(go: Path, note: Path, *keys: str) -> tuple[int, str]:
    run = subprocess.run([go, note, *keys], capture_output=True, text=True, check=False)
    return run.returncode, run.stdout.strip()


def test_go_opens_a_checkpoint_of_two_keys_with_either(tmp_path, go):
    log = Log(tmp_path)
    (tmp_path / "before").write_bytes(log.notes[700])
    made = subprocess.run([BINARY, "log-key", "new", "--name", "logs.example.com/test"], check=True, capture_output=True, text=True)
    new = dict(line.split("=", 1) for line in made.stdout.splitlines())
    log.process.terminate()
    assert log.process.wait() == 0
    settings = {
        "HEADGATE_COLLECTOR_LOG_KEY": new["log_key"], "HEADGATE_COLLECTOR_FORMER_LOG_KEY": log.secret,
        "HEADGATE_COLLECTOR_CHECKPOINT_INTERVAL": "1", "HEADGATE_INGEST_TOKEN": "in", "HEADGATE_OWNER_TOKEN": "own",
    }  # fmt: skip
    log.start(tmp_path, settings)
    rotate = [BINARY, "log-key", "rotate", "--data", tmp_path / "data", "--public-key", new["public_key"]]
    subprocess.run(rotate, check=True, capture_output=True, env=os.environ)
    batch = {"node": "n", "boot": "b", "dropped": 0, "records": [record(number) for number in range(701, 711)]}
    log.send("/v1/ingest/requests", "in", batch)
    note = tmp_path / "note"
    note.write_bytes(log.checkpoint(710))
    log.process.terminate()
    assert log.process.wait() == 0

    old_key, new_key = log.key, new["requests_key"]
    assert opened(go, note, old_key) == (0, "1 1"), "a verifier that does not know the new key yet"
    assert opened(go, note, new_key) == (0, "1 1"), "one that knows only the new key"
    assert opened(go, note, old_key, new_key) == (0, "2 0")
    assert opened(go, tmp_path / "before", old_key) == (0, "1 0")
    assert opened(go, tmp_path / "before", new_key)[0] == 1, "the new key had not signed before"
    # One wrong signature of a known key is enough to refuse the note, whatever the other one says.
    lines = note.read_bytes().split(b"\n")
    places = [place for place, line in enumerate(lines) if line.startswith("— ".encode())]
    assert len(places) == 2
    name, signature = lines[places[0]].rsplit(b" ", 1)
    lines[places[0]] = name + b" " + signature[:40] + (b"A" if signature[40:41] != b"A" else b"B") + signature[41:]
    (tmp_path / "wrong").write_bytes(b"\n".join(lines))
    assert opened(go, tmp_path / "wrong", old_key, new_key)[0] == 1
    assert sorted(opened(go, tmp_path / "wrong", key)[0] for key in (old_key, new_key)) == [0, 1]
