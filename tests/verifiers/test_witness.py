"""A witness of others (`aics-witness`) confirms the collector's checkpoints over HTTP, and stops a database that went back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_verifiers import BINARY, PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/e2e")]
sys.path.append(os.environ.get("HEADGATE_AICS_WITNESS", ""))

from collector import record  # noqa: E402

NAME = "logs.example.com/test"


def wait(what: str, look):
    for _ in range(PATIENCE_S * 10):
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited in vain: {what}")


def aics(folder: Path, *words: str) -> str:
    command = [sys.executable, "-m", "aics_witness", words[0], "--config", folder / "witness.json", *words[1:]]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment()).stdout


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


class Collector:
    def __init__(self, folder: Path, secret: str):
        settings = {
            "HEADGATE_COLLECTOR_LOG_KEY": secret, "HEADGATE_COLLECTOR_CHECKPOINT_INTERVAL": "1",
            "HEADGATE_INGEST_TOKEN": "in", "HEADGATE_OWNER_TOKEN": "own",
        }
        command = [BINARY, "serve", "--config", folder / "collector.toml", "--data", folder / "data", "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, env=os.environ | settings, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().removeprefix("listening on ").strip()

    def ask(self, path: str, token: str = "own", body: dict | None = None) -> bytes:
        import urllib.request

        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request) as answer:
            return answer.read()

    def ingest(self, boot: str, first: int, end: int) -> None:
        batch = {"node": "n", "boot": boot, "dropped": 0, "records": [record(number) for number in range(first, end)]}
        for one in batch["records"]:
            one["boot"] = boot
        assert json.loads(self.ask("/v1/ingest/requests", "in", batch))["stored"] == end - first

    def log(self) -> dict:
        return json.loads(self.ask("/v1/log"))

    def anchor(self) -> dict:
        return next(one for one in self.log()["anchors"] if one["log"] == "requests")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


@pytest.fixture
def witness(tmp_path: Path):
    made = subprocess.run([BINARY, "log-key", "new", "--name", NAME], check=True, capture_output=True, text=True)
    keys = dict(line.split("=", 1) for line in made.stdout.splitlines())
    vkey = aics(tmp_path, "init", "--name", "witness.example.org/w1", "--listen", "127.0.0.1:0").strip().splitlines()[-1]
    for log in ("requests", "audit"):
        aics(tmp_path, "add-log", "--origin", f"{NAME}/{log}", "--vkey", keys[f"{log}_key"])
    command = [sys.executable, "-m", "aics_witness", "serve", "--config", tmp_path / "witness.json"]
    log = (tmp_path / "witness.log").open("w")
    process = subprocess.Popen(command, env=environment(), stderr=log)
    said = lambda: [line for line in (tmp_path / "witness.log").read_text().splitlines() if "listening on" in line]  # noqa: E731
    url = wait("the witness", said)[0].split("listening on ")[1].split()[0]
    (tmp_path / "collector.toml").write_text(f'[[witnesses]]\nname = "w1"\nurl = "{url}"\nvkey = "{vkey}"\n')
    yield tmp_path, keys, vkey
    process.terminate()
    process.wait()


def test_a_witness_of_others_confirms_and_remembers(witness):
    folder, keys, vkey = witness
    collector = Collector(folder, keys["log_key"])
    collector.ingest("b", 1, 301)
    wait("a cosignature", lambda: collector.anchor()["confirmed_size"] == 300)
    collector.stop()
    shutil.copytree(folder / "data", folder / "older")
    collector = Collector(folder, keys["log_key"])
    collector.ingest("b", 301, 701)
    wait("a cosignature over the growth", lambda: collector.anchor()["confirmed_size"] == 700)
    assert collector.log()["signed_by"] == "witnesses", collector.log()

    from aics_tlog import parse_checkpoint, parse_note, parse_vkey, verify_cosignature  # their code over what ours has published

    note, key = parse_note(collector.ask("/log/requests/checkpoint").decode()), parse_vkey(vkey)
    line, tree = next(line for line in note.signatures if line.key_id == key.key_id), parse_checkpoint(note.text)
    assert tree.size == 700
    assert verify_cosignature(line.signature, key.name, key.public_key, tree.origin, tree.size, tree.root)
    assert not verify_cosignature(line.signature, key.name, key.public_key, tree.origin, tree.size - 1, tree.root)
    policy = folder / "trust.policy"
    policy.write_text(f"log {keys['public_key']}\nwitness w1 {vkey}\nquorum w1\n")
    done = subprocess.run([BINARY, "verify", "--data", folder / "data", "--policy", policy], capture_output=True, text=True)
    assert done.returncode == 0 and "confirmed by w1" in done.stdout, done.stdout
    collector.stop()

    shutil.rmtree(folder / "data")
    (folder / "older").rename(folder / "data")
    collector = Collector(folder, keys["log_key"])
    collector.ingest("c", 1001, 1011)
    wait("signing stops", lambda: collector.log()["logs"][0]["signing_stopped"] == "rolled_back")
    assert collector.anchor()["state"] == "ahead", collector.anchor()
    collector.ingest("c", 1011, 1021)
    assert collector.ask("/log/requests/checkpoint").split(b"\n")[1] == b"300"
    assert b"tree.rolled_back" in collector.ask("/v1/audit?event_types=tree.rolled_back")
    collector.stop()
