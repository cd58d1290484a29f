"""Programs that share no code with Headgate verify the collector's logs, and refuse altered ones.

Go's `x/mod/sumdb` checks signatures, proofs and tiles; `pymerkle` builds the tree from the entries' bytes."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from pathlib import Path

import pytest
from go import go_program

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/e2e"), str(ROOT / "envoy")]

from collector import record  # noqa: E402

BINARY = ROOT / "target/debug/headgate-collector"
PATIENCE_S = 60
SIZES = (300, 700)


class Log:
    """A collector that signs, with records."""

    def __init__(self, folder: Path):
        made = subprocess.run([BINARY, "log-key", "new", "--name", "logs.example.com/test"], check=True, capture_output=True, text=True)
        keys = dict(line.split("=", 1) for line in made.stdout.splitlines())
        self.key, self.public, self.secret = keys["requests_key"], keys["public_key"], keys["log_key"]
        settings = {
            "HEADGATE_COLLECTOR_LOG_KEY": keys["log_key"], "HEADGATE_COLLECTOR_CHECKPOINT_INTERVAL": "1",
            "HEADGATE_INGEST_TOKEN": "in", "HEADGATE_OWNER_TOKEN": "own",
        }
        self.start(folder, settings)
        self.notes = {}
        first = 1
        for size in SIZES:
            records = [record(number) for number in range(first, size + 1)]
            batch = {"node": "n", "boot": "b", "dropped": 0, "records": records}
            assert json.loads(self.send("/v1/ingest/requests", "in", batch))["stored"] == len(records)
            self.notes[size] = self.checkpoint(size)
            first = size + 1

    def start(self, folder: Path, settings: dict[str, str]):
        command = [BINARY, "serve", "--data", folder / "data", "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, env=os.environ | settings, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().removeprefix("listening on ").strip()

    def send(self, path: str, token: str = "own", body: dict | None = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request) as answer:
            return answer.read()

    def checkpoint(self, size: int) -> bytes:
        for _ in range(PATIENCE_S * 10):
            try:
                note = self.send("/log/requests/checkpoint")
                if int(note.split(b"\n")[1]) == size:
                    return note
            except urllib.error.HTTPError as error:
                assert error.code == 404
            time.sleep(0.1)
        raise AssertionError(f"no checkpoint of {size} entries")

    def audit_checkpoint(self) -> None:
        for _ in range(PATIENCE_S * 10):
            try:
                self.send("/log/audit/checkpoint")
                return
            except urllib.error.HTTPError as error:
                assert error.code == 404
            time.sleep(0.1)
        raise AssertionError("no checkpoint of the audit log")

    def entry(self, number: int) -> bytes:
        return self.send(f"/v1/requests/{record(number)['id']}")

    def proof(self, number: int) -> bytes:
        return self.send(f"/v1/requests/{record(number)['id']}/proof")


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    one = Log(tmp_path_factory.mktemp("log"))
    yield one
    one.process.terminate()
    assert one.process.wait() == 0


@pytest.fixture(scope="module")
def verifier(tmp_path_factory):
    return go_program(tmp_path_factory.mktemp("go"), ROOT / "tests/verifiers/main.go")


def files(log: Log, folder: Path, number: int) -> Path:
    old, new = SIZES
    growth = json.loads(log.send(f"/v1/log/requests/consistency?from={old}&to={new}"))
    (folder / "key").write_text(log.key)
    (folder / "old.note").write_bytes(log.notes[old])
    (folder / "new.note").write_bytes(log.notes[new])
    (folder / "consistency").write_text("\n".join(growth["proof"]))
    (folder / "entry").write_bytes(log.entry(number))
    (folder / "entry.tlog-proof").write_bytes(log.proof(number))
    return folder


def test_go_accepts_checkpoints_proofs_and_tiles(log, verifier, tmp_path):
    for number in (1, 256, 257, 300, 513, 700):
        folder = tmp_path / str(number)
        folder.mkdir()
        run = subprocess.run([verifier, files(log, folder, number), log.url, "requests"], capture_output=True, text=True, check=False)
        assert (run.returncode, run.stdout) == (0, "accepted\n"), number


@pytest.mark.parametrize("name", ["old.note", "new.note", "consistency", "entry", "entry.tlog-proof"])
def test_go_refuses_each_file_with_an_altered_byte(log, verifier, tmp_path, name):
    path = files(log, tmp_path, 500) / name
    true = path.read_bytes()
    for place in range(0, len(true) - 1, 5):
        # Base64 ignores no letter of these texts but the last one before a `=`, which holds bits that nothing uses.
        if true[place + 1 : place + 2] == b"=":
            continue
        path.write_bytes(true[:place] + bytes([true[place] ^ 2]) + true[place + 1 :])
        run = subprocess.run([verifier, tmp_path], capture_output=True, text=True, check=False)
        assert run.returncode != 0, f"{name}, byte {place}"
    path.write_bytes(true)
    assert subprocess.run([verifier, tmp_path], check=False).returncode == 0


def test_go_refuses_the_entry_of_another_position(log, verifier, tmp_path):
    folder = files(log, tmp_path, 500)
    (folder / "entry").write_bytes(log.entry(501))
    assert subprocess.run([verifier, folder], check=False, capture_output=True).returncode == 1


def test_pymerkle_builds_the_same_tree(log):
    warnings.simplefilter("ignore")
    from pymerkle import InmemoryTree

    tree = InmemoryTree(algorithm="sha256")
    for number in range(1, SIZES[-1] + 1):
        tree.append_entry(log.entry(number))
    for size, note in log.notes.items():
        assert tree.get_state(size) == base64.b64decode(note.split(b"\n")[2]), size
    for number in (1, 300, 513, 700):
        own = tree.prove_inclusion(number, SIZES[-1])
        path = [base64.b64decode(line) for line in log.proof(number).split(b"\n\n")[0].split(b"\n")[2:]]
        assert [one for one in own.path if one != tree.get_leaf(number)] == path, number
    other = InmemoryTree(algorithm="sha256")
    for number in range(1, SIZES[0] + 1):
        other.append_entry(log.entry(number) + (b" " if number == 7 else b""))
    assert other.get_state(SIZES[0]) != base64.b64decode(log.notes[SIZES[0]].split(b"\n")[2])
