"""Three verifiers that share no code, Headgate's, Python's and Go's, accept evidence packets and refuse altered ones."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from go import go_program
from test_verifiers import BINARY, Log, record

ROOT = Path(__file__).resolve().parents[2]
PERIOD = ["--from", "2026-01-01", "--to", "2026-01-02"]
FILTER = [word for number in (2, 3, 4, 250, 256, 257, 258, 600, 699) for word in ("--filter", f"id={record(number)['id']}")]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A whole packet and a filtered one of a log of 700 records, with the public key."""
    folder = tmp_path_factory.mktemp("packets")
    log = Log(folder)
    # Reading it leaves an entry in the audit log, which is signed within a second.
    log.send("/v1/audit.ndjson")
    log.audit_checkpoint()
    log.process.terminate()
    assert log.process.wait() == 0
    settings = os.environ | {"HEADGATE_COLLECTOR_LOG_KEY": log.secret}
    packets = {}
    for kind, more in {"whole": [], "filtered": FILTER}.items():
        packets[kind] = folder / f"{kind}.zip"
        command = [BINARY, "packet", "--data", folder / "data", *PERIOD, "--out", packets[kind], *more]
        subprocess.run(command, env=settings, check=True, capture_output=True)
    return packets, log.public


@pytest.fixture(scope="module")
def go(tmp_path_factory):
    return go_program(tmp_path_factory.mktemp("go"), ROOT / "tests/verifiers/packet/main.go")


def judge(path: Path, key: str, go: Path) -> list[bool]:
    """Returns whether each of the verifiers accepts a packet."""
    commands = [[BINARY, "verify", "--packet", path, "--key", key], [sys.executable, ROOT / "tests/verifiers/packet.py", path, key], [go, path, key]]
    return [subprocess.run(command, capture_output=True, check=False).returncode == 0 for command in commands]


def contents(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def written(path: Path, files: dict[str, bytes]) -> Path:
    """Writes an archive in the form that the collector writes, with sums that fit but a note that does not."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o100644 << 16
            archive.writestr(info, data)
    return path


@pytest.mark.parametrize("kind", ["whole", "filtered"])
def test_all_accept(made, go, kind):
    packets, key = made
    assert judge(packets[kind], key, go) == [True] * 3


def test_other_programs_read_the_archive(made, tmp_path):
    path = made[0]["whole"]
    for command in (["unzip", "-tq", path], [sys.executable, "-m", "zipfile", "-t", path], ["unzip", "-q", path, "-d", tmp_path]):
        subprocess.run(command, check=True, capture_output=True)
    subprocess.run(["sha256sum", "--check", "--quiet", "--strict", "SHA256SUMS"], cwd=tmp_path, check=True)


def change_row(lines):
    lines[3] = lines[3].replace(b'"status":200', b'"status":503')


def swap(lines):
    lines[3], lines[4] = lines[4], lines[3]


CHANGES = {
    "changed": change_row,
    "removed": lambda lines: lines.pop(3),
    "first removed": lambda lines: lines.pop(0),
    "last removed": lambda lines: lines.pop(),
    "added": lambda lines: lines.insert(3, lines[3]),
    "swapped": swap,
}


@pytest.mark.parametrize("kind", ["whole", "filtered"])
@pytest.mark.parametrize("name", CHANGES)
def test_all_refuse_other_rows(made, go, tmp_path, kind, name):
    packets, key = made
    files = contents(packets[kind].read_bytes())
    lines = files["data/requests.ndjson"].split(b"\n")[:-1]
    before = list(lines)
    CHANGES[name](lines)
    assert lines != before
    files["data/requests.ndjson"] = b"\n".join(lines) + b"\n"
    # First as an accident would leave it, then with sums that fit again.
    assert judge(written(tmp_path / "a.zip", files), key, go) == [False] * 3
    sums = [(name, hashlib.sha256(data).hexdigest()) for name, data in files.items() if not name.startswith("SHA256SUMS")]
    files["SHA256SUMS"] = "".join(f"{digest}  {name}\n" for name, digest in sums).encode()
    assert judge(written(tmp_path / "b.zip", files), key, go) == [False] * 3


def test_all_refuse_a_flipped_byte_in_each_file(made, go, tmp_path):
    packets, key = made
    true = contents(packets["whole"].read_bytes())
    assert len(true) == 21
    for name, data in true.items():
        for place in {0, len(data) // 2, len(data) - 1} if data else ():
            altered = data[:place] + bytes([data[place] ^ 2]) + data[place + 1 :]
            verdicts = judge(written(tmp_path / "p.zip", true | {name: altered}), key, go)
            assert verdicts == [False] * 3, f"{name}, byte {place}"


def test_a_flipped_byte_of_the_archive_is_found_or_changes_no_content(made, tmp_path):
    packets, key = made
    true = packets["filtered"].read_bytes()
    expected, path = contents(true), tmp_path / "p.zip"
    step = max(1, len(true) // 150)
    for place in [*range(0, len(true), step), *range(len(true) - 60, len(true))]:
        path.write_bytes(true[:place] + bytes([true[place] ^ 4]) + true[place + 1 :])
        run = subprocess.run([BINARY, "verify", "--packet", path, "--key", key], capture_output=True, check=False)
        if run.returncode != 0:
            continue
        # Bytes of headers that this program does not read. Another one may refuse them, but must not read other content.
        try:
            found = contents(path.read_bytes())
        except zipfile.BadZipFile:
            continue
        assert found == expected, f"byte {place}"


def test_another_key_is_refused(made, go, tmp_path):
    packets, _ = made
    output = subprocess.run([BINARY, "log-key", "new", "--name", "logs.example.com/test"], check=True, capture_output=True, text=True)
    other = dict(line.split("=", 1) for line in output.stdout.splitlines())["public_key"]
    assert judge(packets["whole"], other, go) == [False] * 3


def test_a_name_in_the_archive_cannot_write_on_the_terminal(made, tmp_path):
    packets, key = made
    files = contents(packets["whole"].read_bytes()) | {"data/\x1b[2J.csv": b"x"}
    run = subprocess.run([BINARY, "verify", "--packet", written(tmp_path / "p.zip", files), "--key", key], capture_output=True, text=True, check=False)
    assert run.returncode == 1 and "\\u{1b}[2J.csv: it was added" in run.stdout, run.stdout
    assert "\x1b" not in run.stdout
