"""Checkpoints outside: in a bucket with a lock (moto), and stamped by an authority (openssl ts)."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import os
import subprocess
import tempfile
import urllib.request
import zipfile
from pathlib import Path

import pytest
from receivers import BINARY, S3, SECRET, Answer, Collector, StandIn, new_log_key, wait_until

DAYS = 30
KEYS = {"access_key": "${ACCESS_KEY}", "secret_key": "${RECEIVER_TOKEN}", "region": "eu-central-1"}


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


def lock(store: S3, path: str = "logs/headgate") -> dict:
    return {"name": "archive", "kind": "object_lock", "url": f"{store.url}/{path}", "days": str(DAYS), "every": "1s", "read_back": "1s"} | KEYS


def metrics(collector: Collector) -> dict[str, float]:
    """Returns the samples of anchors by their names and labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{collector.port}/metrics") as answer:
        lines = [line for line in answer.read().decode().splitlines() if line.startswith("headgate_collector_anchor_")]
    return {name.removeprefix("headgate_collector_anchor_"): float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def sample(collector: Collector, name: str, anchor: str, log: str = "requests") -> float:
    return metrics(collector)[f'{name}{{anchor="{anchor}",log="{log}"}}']


def test_a_checkpoint_is_locked_in_a_bucket(tmp_path, running, key):
    from botocore.exceptions import ClientError

    store = S3(tmp_path / "receiver", locks=True)
    running.append(store)
    collector = start(tmp_path / "collector", key, lock(store))
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
    at = held(collector)["object"]
    assert at["address"] == f"{store.url}/logs/{name}" and at["version"] == version and f'"{at["etag"]}"' == object_head["ETag"]
    assert at["locked_until"] == int(end.timestamp()) * 1_000_000
    with pytest.raises(ClientError):
        store.client.delete_object(Bucket="logs", Key=name, VersionId=version)
    statement = collector.ask("GET", "/v1/log")[1]["statement"]
    assert "held outside" in statement
    assert SECRET not in (collector.folder / "log").read_text()


def test_a_bucket_that_is_not_there_is_shown(tmp_path, running, key):
    store = S3(tmp_path / "receiver")
    running.append(store)
    collector = start(tmp_path / "collector", key, lock(store, "another"))
    running.append(collector)
    collector.send(1, 1)
    message = wait_until(lambda: place(collector)["message"], "the failure is shown")
    assert "status 404" in message and place(collector)["holds"] is None
    assert "operator only" in collector.ask("GET", "/v1/log")[1]["statement"]
    assert sample(collector, "failing", "archive") == 1 and sample(collector, "failures_total", "archive") >= 1
    first = sample(collector, "age_seconds", "archive")
    wait_until(lambda: sample(collector, "age_seconds", "archive") > first, "the last success is longer ago")


def read_back(collector: Collector, log: str = "requests") -> dict:
    return place(collector, log)["read_back"] or {}


def altered(collector: Collector, kind: str = "anchor.altered") -> list[dict]:
    return [{one["path"]: (one.get("before"), one.get("after")) for one in entry["changes"]} for entry in collector.audit(kind)]


def test_what_is_in_the_bucket_is_read_back(tmp_path, running, key):
    """As it was put at first; then the store forgets it, which no lock of a real one allows."""
    store = S3(tmp_path / "receiver", locks=True)
    running.append(store)
    collector = start(tmp_path / "collector", key, lock(store))
    running.append(collector)
    collector.send(1, 10)
    wait_until(lambda: read_back(collector).get("size") == 10, "the newest object is read back")
    assert read_back(collector)["state"] == "as_stored"
    # An older object is read too, in turn.
    collector.send(11, 20)
    wait_until(lambda: read_back(collector).get("size") == 20, "the newer one is")
    wait_until(lambda: read_back(collector).get("size") == 10, "the older one is read again")
    assert altered(collector) == [] and sample(collector, "altered_objects", "archive") == 0
    assert sample(collector, "failing", "archive") == 0 and sample(collector, "age_seconds", "archive") < 60

    # The store forgets everything, as if the account were gone.
    urllib.request.urlopen(urllib.request.Request(f"{store.url}/moto-api/reset", method="POST")).read()
    wait_until(lambda: sample(collector, "altered_objects", "archive") == 2, "both are missed")
    found = [one for one in altered(collector) if one["log"] == (None, "requests")]
    assert sorted(one["size"][1] for one in found) == [10, 20], found
    assert {one["object"] for one in found} == {("as stored", "missing")}
    assert read_back(collector)["state"] == "missing" and place(collector)["altered_objects"] == 2
    # It is told once.
    wait_until(lambda: read_back(collector)["at"] > collector.audit("anchor.altered")[-1]["time"] + 3_000_000, "it is read again")
    assert len(altered(collector)) == len({(one["log"], one["size"]) for one in altered(collector)})


def test_another_object_in_the_bucket_is_told_and_so_is_its_return(tmp_path, running, key):
    """The stand-in for a bucket takes objects and hands out what the test wants."""
    objects, answers = {}, {}

    def answer(call: dict) -> Answer:
        name = call["path"].split("?")[0]
        if call["body"]:
            objects[name] = call["body"]
            return Answer(headers={"etag": '"e1"', "x-amz-version-id": "v 1"})
        assert "versionId=v%201" in call["path"]
        return answers.get(name) or Answer(body=objects[name])

    bucket = StandIn(answer)
    anchor = {"name": "archive", "kind": "object_lock", "url": f"{bucket.url}/logs", "days": "3", "every": "1s", "read_back": "1s"} | KEYS
    collector = start(tmp_path / "collector", key, anchor)
    running.append(collector)
    collector.send(1, 10)
    wait_until(lambda: read_back(collector).get("size") == 10, "it is read back")
    name = "/logs/requests/00000000000000000010.checkpoint"
    cases = {
        "other bytes": Answer(body=objects[name].replace(b"10", b"11", 1)),
        "more bytes": Answer(body=objects[name] + b"x"),
        "a shorter lock": Answer(body=objects[name], headers={"x-amz-object-lock-retain-until-date": "2026-01-01T00:00:00Z"}),
    }
    for told, (case, other) in enumerate(cases.items(), 1):
        answers[name] = other
        wait_until(lambda: read_back(collector)["state"] == "differs", case)
        assert len(altered(collector)) == told and altered(collector)[-1]["object"] == ("as stored", "differs"), case
        assert altered(collector)[-1]["version"] == (None, "v 1")
        assert sample(collector, "altered_objects", "archive") == 1
        del answers[name]
        wait_until(lambda: read_back(collector)["state"] == "as_stored", "it is back")
        assert altered(collector, "anchor.restored")[-1]["object"] == ("differs", "as stored")
        assert sample(collector, "altered_objects", "archive") == 0
    # A key that may not read is no finding.
    answers[name] = Answer(403)
    wait_until(lambda: read_back(collector)["state"] == "unreadable", "it is shown")
    assert "keys may read" in read_back(collector)["message"] and len(altered(collector)) == len(cases)
    assert sample(collector, "altered_objects", "archive") == 0


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


def packet(collector: Collector, folder: Path) -> Path:
    body = {"from": "2026-01-01", "to": "2026-01-02"}
    status, made = collector.ask("POST", "/v1/packets", body)
    assert status == 201, made
    state = wait_until(lambda: (one := collector.ask("GET", f"/v1/packets/{made['id']}")[1])["state"] in ("ready", "failed") and one, "a packet")
    assert state["state"] == "ready", state
    url = f"http://127.0.0.1:{collector.port}/v1/packets/{made['id']}/packet.zip"
    path = folder / f"{made['id']}.zip"
    with urllib.request.urlopen(urllib.request.Request(url, headers={"authorization": "Bearer own"})) as answer:
        path.write_bytes(answer.read())
    return path


def verify(path: Path, key: str) -> subprocess.CompletedProcess:
    return subprocess.run([BINARY, "verify", "--packet", path, "--key", key], capture_output=True, text=True, check=False)


def public_key(collector: Collector) -> str:
    key = next(one for one in collector.ask("GET", "/v1/log")[1]["logs"] if one["log"] == "requests")["public_key"]
    name, _, bytes_ = key.split("+", 2)
    name = name.removesuffix("/requests")
    id_ = hashlib.sha256(name.encode() + b"\n" + base64.b64decode(bytes_)).hexdigest()[:8]
    return f"{name}+{id_}+{bytes_}"


def test_a_packet_has_what_is_held_outside(tmp_path, running, key):
    authority, store = Authority(tmp_path / "authority"), S3(tmp_path / "receiver", locks=True)
    running.append(store)
    collector = start(tmp_path / "collector", key, lock(store), stamp(authority.server.url))
    running.append(collector)
    collector.send(1, 40)
    wait_until(lambda: [one["holds"]["size"] for one in collector.ask("GET", "/v1/log")[1]["places"] if one["log"] == "requests" and one["holds"]] == [40, 40], "both hold it")
    held(collector, "audit")
    collector.stop()
    # The places are gone, so what they hold becomes older than the packet's checkpoint.
    collector.configure()
    collector.start()
    collector.send(41, 300)
    wait_until(lambda: collector.ask("GET", "/v1/log")[1]["logs"][0]["checkpoint"]["size"] == 300, "a newer checkpoint")
    first = packet(collector, tmp_path)
    run = verify(first, public_key(collector))
    assert run.returncode == 0, run.stdout
    with zipfile.ZipFile(first) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    outside = {(one["log"], one["anchor"]): one for one in json.loads(files["proofs/outside.json"])}
    assert set(outside) == {(log, anchor) for log in ("requests", "audit") for anchor in ("archive", "clock")}
    of_bucket, of_clock = outside["requests", "archive"], outside["requests", "clock"]
    assert (of_bucket["size"], of_clock["size"]) == (40, 40) and of_bucket["proof"] and of_clock["kind"] == "rfc3161"
    # The object itself, as a reader gets it with the packet in hand.
    name = of_bucket["object"]["address"].removeprefix(f"{store.url}/logs/")
    got = store.client.get_object(Bucket="logs", Key=name, VersionId=of_bucket["object"]["version"])
    assert got["Body"].read() == files["proofs/outside/requests.archive.checkpoint"]
    assert got["ETag"] == f'"{of_bucket["object"]["etag"]}"' and of_bucket["object"]["locked_until"].startswith(got["ObjectLockRetainUntilDate"].strftime("%Y-%m-%dT%H:%M:%S"))
    # The command that `verify` prints, as it stands there, in the folder of the packet.
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(first) as archive:
        archive.extractall(folder)
    (folder / "AUTHORITY.pem").write_bytes((authority.folder / "ca.pem").read_bytes())
    commands = [line[line.index("openssl ts") :] for line in run.stdout.splitlines() if "openssl ts" in line]
    assert len(commands) == 2, run.stdout
    for command in commands:
        done = subprocess.run(command.split(), cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0 and "Verification: OK" in done.stdout + done.stderr, done
    assert not authority.verifies(files["proofs/outside/requests.clock.tsr"], files["proofs/outside/audit.clock.checkpoint"])
    subprocess.run(["sha256sum", "--check", "--quiet", "--strict", "SHA256SUMS"], cwd=folder, check=True)
    assert b"proofs/outside/requests.clock.tsr" in files["SHA256SUMS"]
    # People and programs read of it.
    page, sources = files["index.html"].decode(), json.loads(files["data/sources.json"])["outside_memory"]
    assert "Outside memory" in page and "object lock" in page and "time stamp" in page and "held outside by archive, clock" in page
    assert {(one["kind"], one["name"], one["log"]) for one in sources} >= {("object lock", "archive", "requests"), ("time stamp", "clock", "audit")}
    # The audit log has grown by the first packet, and nothing else of the second is another.
    second = packet(collector, tmp_path)
    with zipfile.ZipFile(second) as archive:
        again = {name: archive.read(name) for name in archive.namelist() if name.startswith("proofs/outside/")}
    assert again == {name: data for name, data in files.items() if name.startswith("proofs/outside/")}

    for altered_file in ("proofs/outside/requests.clock.tsr", "proofs/outside/requests.archive.checkpoint", "proofs/outside.json"):
        path = tmp_path / "altered.zip"
        data = files[altered_file]
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, true in files.items():
                info = zipfile.ZipInfo(name)
                info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o100644 << 16
                archive.writestr(info, data[:90] + bytes([data[90] ^ 1]) + data[91:] if name == altered_file else true)
        assert verify(path, public_key(collector)).returncode == 1, altered_file


def test_a_packet_without_places_outside_says_so(tmp_path, running, key):
    collector = start(tmp_path / "collector", key)
    running.append(collector)
    collector.send(1, 3)
    wait_until(lambda: collector.ask("GET", "/v1/log")[1]["logs"][0]["checkpoint"], "a checkpoint")
    path = packet(collector, tmp_path)
    with zipfile.ZipFile(path) as archive:
        assert "Signed by the operator only: no witness has confirmed" in archive.read("index.html").decode()
        assert not [name for name in archive.namelist() if "outside" in name]
        assert json.loads(archive.read("data/sources.json"))["outside_memory"] == []
    run = verify(path, public_key(collector))
    assert run.returncode == 0 and "signed by the operator only" in run.stdout, run.stdout


def test_logs_that_are_begun_anew_are_held_under_their_new_name(tmp_path, running, key):
    """The request log has not grown since, so its checkpoint under the new name has the size of the one before."""
    store = S3(tmp_path / "receiver", locks=True)
    running.append(store)
    collector = start(tmp_path / "collector", key, lock(store))
    running.append(collector)
    collector.send(1, 10)
    wait_until(lambda: (place(collector)["holds"] or {}).get("size") == 10, "the checkpoint is outside")
    words = ["log", "restart", "--data", collector.folder / "data", "--reason", "a test"]
    subprocess.run([BINARY, *words], check=True, capture_output=True, env=os.environ)
    held_now = lambda: (place(collector)["holds"] or {}).get("checkpoint", "")  # noqa: E731
    wait_until(lambda: held_now().startswith("logs.example.com/test/2/requests\n10\n"), "the new name is outside")
    versions = store.client.list_object_versions(Bucket="logs", Prefix="headgate/requests/")["Versions"]
    assert len(versions) == 2, "both names are still there"
