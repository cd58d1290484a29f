"""Each forwarder against a receiver that is not ours: every entry arrives, in order, with every field."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import time
import urllib.request

import pytest
from receivers import S3, SECRET, TOOLS, Collector, Program, StandIn, certificate, free_port, tenzir, wait_until

COUNT = 10_000
TOKEN = "${RECEIVER_TOKEN}"


def deliver(collector: Collector, name: str):
    # Tenzir reads a text such as "2026-01" as a time.
    collector.send(1, COUNT, cost={"nano_usd": 5, "price_revision": "prices-1", "assumed": False})
    collector.delivered(name, COUNT)


def test_splunk_hec_to_tenzir(tmp_path, running):
    receiver, port = tenzir(tmp_path / "receiver", f'accept_splunk "127.0.0.1:PORT", hec_token="{SECRET}"')
    running.append(receiver)
    forwarder = {"id": "siem", "kind": "splunk_hec", "url": f"http://127.0.0.1:{port}", "token": TOKEN, "start": "oldest"}
    collector = Collector(tmp_path / "collector", forwarder)
    running.append(collector)
    deliver(collector, "siem")
    wait_until(lambda: sum("request" in line["sourcetype"] for line in receiver.lines()) >= COUNT, "all are printed")
    lines = receiver.lines()
    requests = [line for line in lines if line["sourcetype"] == "headgate:request"]
    stored = [json.loads(line) for line in collector.export()]
    assert [line["event"] for line in requests] == stored, "in order, with every field"
    assert {line["host"] for line in requests} == {"n"} and requests[0]["time"].startswith("2026-01-01T00:00:00.00000")
    audit = [line["event"] for line in lines if line["sourcetype"] == "headgate:audit"]
    assert [one["type"] for one in audit[:2]] == ["collector.started", "forwarder.added"] and audit == [json.loads(line) for line in collector.export("audit")][: len(audit)]
    assert collector.ask("POST", "/v1/forwarders/siem/test")[1]["delivered"] is True
    marked = wait_until(lambda: [x for x in receiver.lines() if x["event"].get("type") == "forwarder.tested"], "the test arrives")
    assert len(marked) >= 1


def test_wrong_token_of_splunk_blocks(tmp_path, running):
    receiver, port = tenzir(tmp_path / "receiver", 'accept_splunk "127.0.0.1:PORT", hec_token="another"')
    running.append(receiver)
    forwarder = {"id": "siem", "kind": "splunk_hec", "url": f"http://127.0.0.1:{port}", "token": TOKEN, "start": "oldest"}
    collector = Collector(tmp_path / "collector", forwarder)
    running.append(collector)
    wait_until(lambda: collector.forwarder("siem")["state"] == "blocked", "it is blocked")
    assert "status 403, code 4" in collector.forwarder("siem")["error"]
    tested = collector.ask("POST", "/v1/forwarders/siem/test")[1]
    assert tested["delivered"] is False and "403" in tested["error"]


def test_otlp_to_tenzir(tmp_path, running):
    receiver, port = tenzir(tmp_path / "receiver", 'accept_otlp "127.0.0.1:PORT"')
    running.append(receiver)
    forwarder = {"id": "otel", "kind": "otlp", "url": f"http://127.0.0.1:{port}", "logs": ["requests"], "start": "oldest"}
    collector = Collector(tmp_path / "collector", forwarder)
    running.append(collector)
    deliver(collector, "otel")
    wait_until(lambda: len(receiver.lines()) >= COUNT, "all are printed")
    bodies = [line["body"]["string_value"].encode() for line in receiver.lines()]
    assert bodies == collector.export(), "the stored bytes, in order"
    one = receiver.lines()[0]
    names = json.dumps(one)
    for name in ["gen_ai.request.model", "gen_ai.usage.input_tokens", "gen_ai.response.time_to_first_chunk", "gen_ai.request.stream"]:
        assert name in names, one


def test_elasticsearch_to_osmem(tmp_path, running):
    port = free_port()
    [program] = (TOOLS / "osmem_server/bin").iterdir()
    receiver = Program(tmp_path / "receiver", [program, "-addr", f"127.0.0.1:{port}", "-no-stdin-watch"], port)
    running.append(receiver)
    forwarder = {"id": "search", "kind": "elasticsearch", "url": f"http://127.0.0.1:{port}", "start": "oldest", "index": "gw"}
    collector = Collector(tmp_path / "collector", forwarder)
    running.append(collector)
    deliver(collector, "search")
    assert collector.ask("POST", "/v1/forwarders/search/replay", {"log": "requests", "from_position": 1})[0] == 200
    wait_until(lambda: collector.progress("search")["sent"] == 2 * COUNT, "all are sent again")
    found = {}
    for begin in range(1, COUNT + 1, 1000):
        query = {"size": 1000, "query": {"range": {"seq": {"gte": begin, "lt": begin + 1000}}}}
        call = urllib.request.Request(
            f"http://127.0.0.1:{port}/gw-requests/_search", json.dumps(query).encode(), {"content-type": "application/json"}
        )
        hits = json.loads(urllib.request.urlopen(call).read())["hits"]["hits"]
        assert len(hits) == 1000, "repeating has made no second document"
        found |= {hit["_source"]["seq"]: hit["_source"] for hit in hits}
    for line in collector.export():
        stored = json.loads(line)
        document = found[stored["seq"]]
        assert document.pop("@timestamp").startswith("2026-01-01T00:00:")
        assert document == stored


@pytest.mark.parametrize("scheme", ["tcp", "tls"])
def test_syslog_to_rsyslog(tmp_path, running, scheme):
    port = free_port()
    folder = tmp_path / "receiver"
    folder.mkdir()
    files = certificate(folder)
    driver = 'StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="anon"' if scheme == "tls" else ""
    (folder / "rsyslog.conf").write_text(f"""
global(workDirectory="{folder}" maxMessageSize="64k" DefaultNetstreamDriverCAFile="{files["ca"]}"
  DefaultNetstreamDriverCertFile="{files["cert"]}" DefaultNetstreamDriverKeyFile="{files["key"]}")
module(load="imtcp" {driver})
template(name="all" type="string" string="%pri% %timestamp:::date-rfc3339% %hostname% %app-name% %msgid% %msg%\\n")
ruleset(name="r") {{ action(type="omfile" file="{folder}/messages" template="all") }}
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="r")
""")
    rsyslogd = shutil.which("rsyslogd") or "/usr/sbin/rsyslogd"
    assert os.path.exists(rsyslogd), "apt-get install rsyslog rsyslog-openssl"
    receiver = Program(folder, [rsyslogd, "-n", "-f", folder / "rsyslog.conf", "-i", folder / "pid"], port)
    running.append(receiver)
    forwarder = {"id": "log", "kind": "syslog", "url": f"{scheme}://localhost:{port}", "start": "oldest"}
    if scheme == "tls":
        forwarder["ca_file"] = str(files["ca"])
    collector = Collector(tmp_path / "collector", forwarder)
    running.append(collector)
    deliver(collector, "log")
    messages = folder / "messages"
    requests = lambda: [x for x in messages.read_text().splitlines() if " headgate request " in x] if messages.exists() else []  # noqa: E731
    wait_until(lambda: len(requests()) >= COUNT, "all are written")
    heads, bodies = zip(*(line.split(" request ", 1) for line in requests()), strict=True)
    # Several workers of rsyslog write the file, so the order in it is theirs; test_faults.py has the order on the wire.
    assert {body.strip().encode() for body in bodies} == set(collector.export()), "the stored bytes"
    assert heads[0].split()[0] == "134" and heads[0].split()[2] == "n", heads[0]
    audit = [x for x in messages.read_text().splitlines() if " headgate audit " in x]
    assert all(line.startswith("110 ") for line in audit)
    assert all(any(kind in line for line in audit) for kind in ("collector.started", "forwarder.added"))


def test_tenzir_knows_the_ocsf_form(tmp_path, running):
    stand_in = StandIn()
    collector = Collector(tmp_path / "collector", {"id": "hook", "kind": "webhook", "url": stand_in.url, "format": "ocsf", "start": "oldest"})
    running.append(collector)
    collector.send(1, 20)
    collector.delivered("hook", 20)
    events = [event["data"] for event in stand_in.events()]
    (tmp_path / "events").write_text("".join(json.dumps(event) + "\n" for event in events))
    pipeline = f'from_file "{tmp_path}/events" {{ read_ndjson }}\nocsf_cast\nwrite_ndjson\nsave_stdout'
    run = subprocess.run([TOOLS / "bin/tenzir", "--bare-mode", pipeline], env={**os.environ, "PYTHONPATH": str(TOOLS)}, capture_output=True, text=True, check=True)
    assert len(run.stdout.splitlines()) == len(events) > 20
    warnings = {line for line in run.stderr.splitlines() if line.startswith("warning")}
    # Its type for times is not that of JSON.
    assert warnings <= {"warning: expected type `time` for `time`, but got `int`"}, run.stderr


def archive(store: S3, **more) -> dict:
    keys = {"access_key": "${ACCESS_KEY}", "secret_key": TOKEN, "region": "eu-central-1"}
    return {"id": "archive", "kind": "object_store", "url": f"{store.url}/logs/headgate", "start": "oldest", "every": "1s"} | keys | more


def positions(name: str) -> range:
    first, last = name.rsplit("/", 1)[1].split(".")[0].split("-")
    return range(int(first), int(last) + 1)


def test_lines_in_a_bucket(tmp_path, running):
    store = S3(tmp_path / "receiver")
    running.append(store)
    collector = Collector(tmp_path / "collector", archive(store), ACCESS_KEY="key")
    running.append(collector)
    deliver(collector, "archive")
    files = {name: data for name, data in store.files().items() if "log=requests" in name}
    assert all(name.startswith("headgate/log=requests/dt=2026-01-01/hh=00/") for name in files), list(files)
    assert [at for name in sorted(files) for at in positions(name)] == list(range(1, COUNT + 1)), "each position once"
    lines = [line for name in sorted(files) for line in gzip.decompress(files[name]).splitlines()]
    assert lines == collector.export(), "the stored bytes, in order"
    assert any("log=audit" in name for name in store.files())
    # Repeating is harmless: the same names, the same bytes.
    assert collector.ask("POST", "/v1/forwarders/archive/replay", {"log": "requests", "from_position": 1})[0] == 200
    wait_until(lambda: collector.progress("archive")["sent"] == 2 * COUNT, "all are put again")
    again = [line for name in sorted(store.files()) if "log=requests" in name for line in gzip.decompress(store.files()[name]).splitlines()]
    assert set(again) == set(lines)


def test_parquet_in_a_bucket_is_read_by_duckdb(tmp_path, running):
    import duckdb

    store = S3(tmp_path / "receiver")
    running.append(store)
    collector = Collector(tmp_path / "collector", archive(store, encoding="parquet", logs=["requests"]), ACCESS_KEY="key")
    running.append(collector)
    deliver(collector, "archive")
    for number, data in enumerate(store.files().values()):
        (tmp_path / f"{number}.parquet").write_bytes(data)
    rows = duckdb.sql(f"""
        SELECT position, id, epoch_us(started_at), requested_model, provider, status, input_tokens, cost_nano_usd, entry, error_code
        FROM '{tmp_path}/*.parquet' ORDER BY position""").fetchall()
    stored = [(line, json.loads(line)) for line in collector.export()]
    assert len(rows) == len(stored) == COUNT
    for position, (row, (line, record)) in enumerate(zip(rows, stored, strict=True), 1):
        expected = (position, record["id"], record["started_at"], "chat", "alpha", 200, 1, 5, line.decode(), None)
        assert row == expected


def test_a_kill_between_file_and_cursor_makes_the_same_file_again(tmp_path, running):
    store = S3(tmp_path / "receiver")
    running.append(store)
    collector = Collector(tmp_path / "collector", archive(store, logs=["requests"]), ACCESS_KEY="key")
    running.append(collector)
    for turn in range(10):
        collector.send(turn * 500 + 1, turn * 500 + 500)
        time.sleep(0.9 + turn / 20)
        collector.kill()
        collector.start()
    collector.delivered("archive", 5000)
    names = sorted(store.files())
    assert [at for name in names for at in positions(name)] == list(range(1, 5001)), "no position is in two files"


def test_wrong_keys_of_a_bucket_block(tmp_path, running):
    store = S3(tmp_path / "receiver")
    running.append(store)
    gone = archive(store) | {"url": f"{store.url}/another/headgate"}
    collector = Collector(tmp_path / "collector", gone, ACCESS_KEY="key")
    running.append(collector)
    state = wait_until(lambda: (one := collector.forwarder("archive"))["state"] == "blocked" and one, "it is blocked")
    assert "status 404" in state["error"] and SECRET not in json.dumps(state)
