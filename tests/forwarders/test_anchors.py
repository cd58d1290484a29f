"""Checkpoints outside: in a bucket with a lock (moto), and stamped by an authority (openssl ts)."""

from __future__ import annotations

import base64
import datetime
import subprocess
import tempfile
from pathlib import Path

import pytest
from receivers import S3, SECRET, Answer, Collector, StandIn, new_log_key, wait_until

DAYS = 30


@pytest.fixture(scope="module")
def key() -> str:
    return new_log_key()


def start(folder: Path, key: str, *anchors: dict) -> Collector:
    more = {"HEADGATE_COLLECTOR_LOG_KEY": key, "HEADGATE_COLLECTOR_CHECKPOINT_INTERVAL": "1", "ACCESS_KEY": "key"}
    return Collector(folder, anchors=anchors, **more)


def place(collector: Collector, log: str = "requests") -> dict:
    return next(one for one in collector.ask("GET", "/v1/log")[1]["places"] if one["log"] == log)


def held(collector: Collector, log: str = "requests") -> dict:
    return wait_until(lambda: place(collector, log)["holds"], f"a checkpoint of the {log} log is outside")


def test_a_checkpoint_is_locked_in_a_bucket(tmp_path, running, key):
    from botocore.exceptions import ClientError

    store = S3(tmp_path / "receiver", locks=True)
    running.append(store)
    keys = {"access_key": "${ACCESS_KEY}", "secret_key": "${RECEIVER_TOKEN}", "region": "eu-central-1"}
    lock = {"name": "archive", "kind": "object_lock", "url": f"{store.url}/logs/headgate", "days": str(DAYS), "every": "1s"} | keys
    collector = start(tmp_path / "collector", key, lock)
    running.append(collector)
    collector.send(1, 100)
    wait_until(lambda: (place(collector)["holds"] or {}).get("size") == 100, "the newest checkpoint is outside")
    held(collector, "audit")
    name = "headgate/requests/00000000000000000100.checkpoint"
    assert store.files()[name].decode() == held(collector)["checkpoint"]
    object_head = store.client.head_object(Bucket="logs", Key=name)
    assert object_head["ObjectLockMode"] == "COMPLIANCE"
    end, days = object_head["ObjectLockRetainUntilDate"], datetime.timedelta(days=DAYS)
    assert abs(end - datetime.datetime.now(datetime.UTC) - days) < datetime.timedelta(minutes=5)
    version = object_head["VersionId"]
    with pytest.raises(ClientError):
        store.client.delete_object(Bucket="logs", Key=name, VersionId=version)
    statement = collector.ask("GET", "/v1/log")[1]["statement"]
    assert "held outside" in statement
    assert SECRET not in (collector.folder / "log").read_text()


def test_a_bucket_that_is_not_there_is_shown(tmp_path, running, key):
    store = S3(tmp_path / "receiver")
    running.append(store)
    keys = {"access_key": "${ACCESS_KEY}", "secret_key": "${RECEIVER_TOKEN}"}
    lock = {"name": "archive", "kind": "object_lock", "url": f"{store.url}/another", "days": "1", "every": "1s"} | keys
    collector = start(tmp_path / "collector", key, lock)
    running.append(collector)
    collector.send(1, 1)
    message = wait_until(lambda: place(collector)["message"], "the failure is shown")
    assert "status 404" in message and place(collector)["holds"] is None
    assert "operator only" in collector.ask("GET", "/v1/log")[1]["statement"]


class Authority:
    """A time-stamping authority: OpenSSL's, behind HTTP."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir()
        (folder / "tsa.conf").write_text(f"""
[req]
distinguished_name = name
[name]
[tsa]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[tsa_config]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
""")
        (folder / "serial").write_text("01\n")
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "ca.key", "-out", folder / "ca.pem", "-subj", "/CN=ca", "-days", "2")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "tsa.key", "-out", folder / "tsa.csr", "-subj", "/CN=tsa")
        signing = ["-CA", folder / "ca.pem", "-CAkey", folder / "ca.key", "-CAcreateserial", "-days", "2"]
        openssl("x509", "-req", "-in", folder / "tsa.csr", "-out", folder / "tsa.pem", "-extfile", folder / "tsa.conf", "-extensions", "tsa", *signing)
        self.server = StandIn(self.answer)

    def answer(self, call: dict) -> Answer:
        assert call["headers"]["content-type"] == "application/timestamp-query"
        with tempfile.TemporaryDirectory() as folder:
            query, reply = Path(folder) / "query", Path(folder) / "reply"
            query.write_bytes(call["body"])
            openssl("ts", "-reply", "-config", self.folder / "tsa.conf", "-section", "tsa_config", "-queryfile", query, "-out", reply)
            return Answer(body=reply.read_bytes(), headers={"content-type": "application/timestamp-reply"})

    def verifies(self, reply: bytes, data: bytes) -> bool:
        (self.folder / "reply").write_bytes(reply)
        (self.folder / "data").write_bytes(data)
        command = ["openssl", "ts", "-verify", "-in", self.folder / "reply", "-data", self.folder / "data", "-CAfile", self.folder / "ca.pem"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def openssl(*words):
    run = subprocess.run(["openssl", *words], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def stamp(url: str) -> dict:
    return {"name": "clock", "kind": "rfc3161", "url": url, "every": "1s"}


def test_a_checkpoint_is_stamped_by_an_authority(tmp_path, running, key):
    authority = Authority(tmp_path / "authority")
    collector = start(tmp_path / "collector", key, stamp(authority.server.url))
    running.append(collector)
    collector.send(1, 10)
    wait_until(lambda: (place(collector)["holds"] or {}).get("size") == 10, "the newest checkpoint is stamped")
    kept = held(collector)
    reply, note = base64.b64decode(kept["timestamp_reply"]), kept["checkpoint"].encode()
    assert authority.verifies(reply, note), "OpenSSL accepts the token"
    assert not authority.verifies(reply, note.replace(b"10", b"11", 1)), "and none over another checkpoint"
    held(collector, "audit")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer(body=b"<html>"), "no time-stamp reply"),
        (Answer(500), "status 500"),
        (Answer(body=bytes.fromhex("30053003020102")), "refuses with status 2"),
        (Answer(body=bytes.fromhex("30053003020100")), "another checkpoint"),
        (Answer(body=b""), "no time-stamp reply"),
        (Answer(cut=True), "cannot be reached"),
    ],
    ids=["a page", "500", "rejection", "no token", "nothing", "cut"],
)
def test_an_authority_that_fails_is_shown(tmp_path, running, key, answer, why):
    authority = StandIn(lambda call: answer)
    collector = start(tmp_path / "collector", key, stamp(authority.url))
    running.append(collector)
    collector.send(1, 1)
    message = wait_until(lambda: place(collector)["message"], "the failure is shown")
    assert why in message and place(collector)["holds"] is None and place(collector)["failing_since"]


def test_an_old_token_is_refused(tmp_path, running, key):
    """An authority, or a proxy before it, may answer with a token from before: the nonce is another one."""
    authority, first = Authority(tmp_path / "authority"), []

    def again(call: dict) -> Answer:
        first.append(authority.answer(call))
        return first[0]

    replay = StandIn(again)
    collector = start(tmp_path / "collector", key, stamp(replay.url))
    running.append(collector)
    for number in range(1, 4):
        collector.send(number, number)
        wait_until(lambda count=number: len(first) > count, "it is asked again")
    assert wait_until(lambda: any(one["message"] for one in collector.ask("GET", "/v1/log")[1]["places"]), "the failure is shown")
    messages = [one["message"] or "" for one in collector.ask("GET", "/v1/log")[1]["places"]]
    assert any("another checkpoint" in message for message in messages), messages
