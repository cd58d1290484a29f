"""The verifiers of Sigstore, in Python and JavaScript, accept entries of the collector's logs, and refuse altered ones."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from test_verifiers import ROOT, SIZES, Log, log  # noqa: F401

TOOLS = Path(os.environ.get("HEADGATE_SIGSTORE", ROOT / "target/tools/sigstore"))
# Behind everything else: it is there for what is nowhere else.
sys.path.append(str(TOOLS))
NUMBERS = (1, 256, 257, 512, 513, 700)


def in_javascript(one: Log, folder: Path, entry: bytes, proof: bytes) -> tuple[int, str]:
    (folder / "key").write_text(one.key)
    (folder / "entry").write_bytes(entry)
    (folder / "proof").write_bytes(proof)
    package = ROOT / "target/tools/node/node_modules/@sigstore/verify"
    command = ["node", ROOT / "tests/verifiers/sigstore.mjs", package, folder / "key", folder / "proof", folder / "entry"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.returncode, run.stdout + run.stderr


def test_javascript_accepts_checkpoint_and_path(log, tmp_path):  # noqa: F811
    for number in NUMBERS:
        assert in_javascript(log, tmp_path, log.entry(number), log.proof(number)) == (0, "accepted\n"), number


def test_javascript_refuses_another_entry_path_and_signature(log, tmp_path):  # noqa: F811
    entry, proof = log.entry(500), log.proof(500)
    code, said = in_javascript(log, tmp_path, log.entry(501), proof)
    assert code == 1 and "root hash" in said, said
    head, note = proof.split(b"\n\n", 1)
    other = head.replace(b"index 499", b"index 498") + b"\n\n" + note
    assert other != proof and in_javascript(log, tmp_path, entry, other)[0] == 1
    body, signature = note.split(b"\n\n", 1)
    size = body.replace(b"\n700\n", b"\n701\n")
    assert size != body
    code, said = in_javascript(log, tmp_path, entry, head + b"\n\n" + size + b"\n\n" + signature)
    assert code == 1 and "signature" in said, said


def python_entry(one: Log, number: int, body: bytes, index: int) -> SimpleNamespace:
    head, note = one.proof(number).split(b"\n\n", 1)
    lines = head.split(b"\n")
    at = next(place for place, line in enumerate(lines) if line.startswith(b"index "))
    path = [base64.b64decode(line) for line in lines[at + 1 :]]
    _, size, root = note.split(b"\n")[:3]
    proof = SimpleNamespace(log_index=index, tree_size=int(size), hashes=path, root_hash=base64.b64decode(root))
    return SimpleNamespace(_inner=SimpleNamespace(inclusion_proof=proof, canonicalized_body=body))


def test_python_accepts_the_path_and_refuses_another(log):  # noqa: F811
    from sigstore._internal.merkle import verify_merkle_inclusion
    from sigstore.errors import VerificationError

    for number in NUMBERS:
        verify_merkle_inclusion(python_entry(log, number, log.entry(number), number - 1))
    assert SIZES[-1] == 700
    for body, index in ((log.entry(501), 499), (log.entry(500), 498)):
        with pytest.raises(VerificationError):
            verify_merkle_inclusion(python_entry(log, 500, body, index))
