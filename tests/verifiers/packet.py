"""Checks an evidence packet with the standard library, `pymerkle` and OpenSSL. It shares no code with Headgate.

    python packet.py PACKET.zip KEY

KEY is the operator's public key, `NAME+ID+KEY`. Ends with 0 if everything holds; else it raises."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import subprocess
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path

warnings.simplefilter("ignore")
from pymerkle import InmemoryTree  # noqa: E402

NODE = struct.Struct(">QB32s")


def leaf(line: bytes) -> bytes:
    return hashlib.sha256(b"\0" + line).digest()


def joined(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def root(parts: list[tuple[int, bytes]]) -> tuple[int, bytes]:
    """Returns size and root of the tree over subtrees, (level, head) from left to right."""
    heads, size = [], 0
    for level, head in parts:
        assert size % (1 << level) == 0, "a subtree does not fit its place"
        size += 1 << level
        while heads and heads[-1][0] == level:
            head, level = joined(heads.pop()[1], head), level + 1
        heads.append((level, head))
    whole = heads.pop()[1] if heads else hashlib.sha256().digest()
    while heads:
        whole = joined(heads.pop()[1], whole)
    return size, whole


def signed(note: bytes, key: str, what: str) -> bytes:
    """Returns the text of a note that the key has signed under the name of `what`."""
    name, _, public = key.split("+", 2)
    name, public = f"{name}/{what}", base64.b64decode(public)
    assert public[0] == 1 and len(public) == 33
    key_id = hashlib.sha256(name.encode() + b"\n" + public).digest()[:4]
    text, signatures = note.rsplit(b"\n\n", 1)
    text += b"\n"
    for line in signatures.decode().splitlines():
        dash, by, encoded = line.split(" ")
        raw = base64.b64decode(encoded, validate=True)
        if dash == "—" and by == name and raw[:4] == key_id:
            with tempfile.TemporaryDirectory() as folder:
                at = Path(folder)
                (at / "key").write_bytes(bytes.fromhex("302a300506032b6570032100") + public[1:])
                (at / "text").write_bytes(text)
                (at / "sig").write_bytes(raw[4:])
                command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", at / "key", "-rawin", "-in", at / "text", "-sigfile", at / "sig"]
                assert subprocess.run(command, capture_output=True, check=False).returncode == 0, "a signature is wrong"
            return text
    raise AssertionError(f"no signature by {name}")


def check_log(packet: zipfile.ZipFile, log: str, key: str, part: dict, name: str) -> list[bytes]:
    origin, size, encoded, _ = signed(packet.read(f"proofs/{log}.checkpoint"), key, log).split(b"\n")
    assert origin.decode() == f"{name}/{log}" and int(size) == part["size"]
    data = packet.read(f"data/{log}.ndjson")
    assert not data or data.endswith(b"\n")
    lines = data.split(b"\n")[:-1]
    nodes = {index: (level, head) for index, level, head in NODE.iter_unpack(packet.read(f"proofs/{log}.nodes"))}
    places, parts, between, at, rest = [], [], 0, 0, iter(lines)
    while at < int(size):
        if at in nodes:
            level, head = nodes.pop(at)
            between += max(0, min(at + (1 << level), part["end"]) - max(at, part["first"]))
        else:
            level, head = 0, leaf(next(rest))
            places.append(at)
        parts.append((level, head))
        at += 1 << level
    assert next(rest, None) is None and not nodes, "lines or subtrees are left over"
    assert root(parts) == (int(size), base64.b64decode(encoded)), f"the {log} are not those that were signed"
    assert len(lines) == part["lines"] and between == sum(part["outside"].values())
    assert not places or (places[0], places[-1] + 1) == (part["first"], part["end"])
    if len(lines) == int(size):
        tree = InmemoryTree(algorithm="sha256")
        for line in lines:
            tree.append_entry(line)
        assert tree.get_state(int(size)) == base64.b64decode(encoded), "pymerkle has another root"
    assert packet.read(f"data/{log}.csv").count(b"\r\n") == len(lines) + 1
    return lines


def check(path: str, key: str) -> None:
    with zipfile.ZipFile(path) as packet:
        assert packet.testzip() is None
        names = packet.namelist()
        assert len(names) == len(set(names)), "a name stands twice"
        sums = packet.read("SHA256SUMS")
        listed = dict(reversed(line.split("  ", 1)) for line in sums.decode().splitlines())
        assert set(names) == set(listed) | {"SHA256SUMS", "SHA256SUMS.note"}, "files were added or removed"
        for name, digest in listed.items():
            assert hashlib.sha256(packet.read(name)).hexdigest() == digest, name
        manifest = json.loads(packet.read("manifest.json"))
        note = signed(packet.read("SHA256SUMS.note"), key, "packet")
        assert note == f"{manifest['name']}/packet\nSHA256SUMS {hashlib.sha256(sums).hexdigest()}\n".encode()
        assert manifest["key"] == key and not manifest["scope"]["redact"]
        lines = check_log(packet, "requests", key, manifest["requests"], manifest["name"])
        if manifest["audit"]:
            check_log(packet, "audit", key, manifest["audit"], manifest["name"])
        period = range(manifest["scope"]["from"], manifest["scope"]["to"])
        records = [one for one in map(json.loads, lines) if one["started_at"] in period]
        usage = [one.get("usage") or {} for one in records]
        found = {"records": len(records), "errors": sum(one["status"] >= 400 for one in records)}
        found |= {name: sum(one.get(name, 0) for one in usage) for name in ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_tokens")}
        found["cost_nano_usd"] = sum((one.get("cost") or {}).get("nano_usd", 0) for one in records)
        assert found == manifest["totals"], "the totals are not the sums"
        assert manifest["kind"] == "filtered" or manifest["requests"]["outside"]["not_matched"] == 0


if __name__ == "__main__":
    check(*sys.argv[1:])
    print("accepted")
