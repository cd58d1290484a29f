"""Forwarders and receivers that fail: nothing is lost, nothing is out of order, and no secret is anywhere."""

from __future__ import annotations

import itertools
import json
import socket
import subprocess
import sys
import threading
import time
import zipfile

import pytest
from receivers import ROOT, SECRET, Answer, Collector, StandIn, free_port, listens, wait_until

TOKEN = "${RECEIVER_TOKEN}"


def hook(receiver, **more) -> dict:
    return {"id": "hook", "kind": "webhook", "url": receiver.url, "logs": ["requests"], "start": "oldest"} | more


@pytest.fixture
def start(tmp_path):
    """Starts collectors, which end with the test."""
    started = []

    def one(*forwarders, **more) -> Collector:
        collector = Collector(tmp_path / f"collector-{len(started)}", *forwarders, **more)
        started.append(collector)
        return collector

    yield one
    for collector in started:
        if collector.process.poll() is None:
            collector.stop()
        assert SECRET not in (collector.folder / "log").read_text()


def without_repeats(numbers: list[int]) -> list[int]:
    return list(dict.fromkeys(numbers))


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_a_status_that_passes_is_tried_again(start, status):
    receiver = StandIn(lambda call: Answer(status) if call["number"] < 2 else Answer())
    collector = start(hook(receiver))
    collector.send(1, 700)
    wait_until(lambda: len(receiver.calls) >= 1, "a call")
    wait_until(lambda: collector.forwarder("hook")["error"] == f"the receiver answers with status {status}", "the error is shown")
    assert collector.forwarder("hook")["state"] == "retrying"
    collector.delivered("hook", 700)
    assert receiver.numbers() == list(range(1, 701)), "each once, in order"
    assert wait_until(lambda: collector.forwarder("hook")["state"] == "ok", "it is well again")


@pytest.mark.parametrize("status", [301, 401, 402, 403, 404, 405, 410])
def test_a_status_for_the_operator_blocks(start, status):
    wrong = [True]
    receiver = StandIn(lambda call: Answer(status, headers={"location": "http://127.0.0.1:1/"}) if wrong[0] else Answer())
    collector = start(hook(receiver, token=TOKEN))
    collector.send(1, 10)
    state = wait_until(lambda: (one := collector.forwarder("hook"))["state"] == "blocked" and one, "it is blocked")
    assert str(status) in state["error"] and SECRET not in json.dumps(state)
    time.sleep(2)
    assert len(receiver.calls) == 1, "it waits for the operator"
    wrong[0] = False
    assert collector.ask("POST", "/v1/forwarders/hook/resume")[0] == 200
    collector.delivered("hook", 10)
    assert receiver.numbers() == list(range(1, 11))
    assert receiver.calls[-1]["headers"]["authorization"] == SECRET


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_one_event_that_is_refused_is_one_dead_letter(start, status):
    poison = 333
    refuse = [True]
    holds = lambda call: any(event["data"]["seq"] == poison for event in json.loads(call["body"]))  # noqa: E731
    receiver = StandIn(lambda call: Answer(status) if refuse[0] and holds(call) else Answer())
    collector = start(hook(receiver))
    collector.send(1, 1000)
    collector.delivered("hook", 1000)
    assert receiver.numbers() == [number for number in range(1, 1001) if number != poison]
    [letter] = collector.ask("GET", "/v1/forwarders/hook/dead-letters")[1]["data"]
    assert (letter["log"], letter["position"], letter["status"]) == ("requests", poison, status)
    progress = collector.progress("hook")
    assert (progress["sent"], progress["refused"], collector.forwarder("hook")["dead_letters"]) == (999, 1, 1)
    assert collector.ask("POST", "/v1/forwarders/hook/dead-letters/retry")[1] == {"delivered": 0, "dead_letters": 1}
    refuse[0] = False
    assert collector.ask("POST", "/v1/forwarders/hook/dead-letters/retry")[1] == {"delivered": 1, "dead_letters": 0}
    assert receiver.numbers()[-1] == poison
    assert [entry["count"] for entry in collector.audit("forwarder.retried")] == [0, 1]


def test_dead_letters_can_be_dropped(start):
    collector = start(hook(StandIn(lambda call: Answer(400))))
    collector.send(1, 5)
    collector.delivered("hook", 5)
    assert collector.ask("DELETE", "/v1/forwarders/hook/dead-letters")[1] == {"dropped": 5}
    assert collector.forwarder("hook")["dead_letters"] == 0
    [entry] = collector.audit("forwarder.dead_letters_dropped")
    assert (entry["count"], entry["resource"]) == (5, {"kind": "forwarder", "id": "hook"})


def test_retry_after_is_obeyed(start):
    receiver = StandIn(lambda call: Answer(429, headers={"retry-after": "5"}) if call["number"] == 0 else Answer())
    collector = start(hook(receiver))
    collector.send(1, 10)
    collector.delivered("hook", 10)
    first, second = receiver.calls[0]["at"], receiver.calls[1]["at"]
    assert 5 <= second - first < 15


def test_a_huge_retry_after_ends_by_resume(start):
    far = Answer(503, headers={"retry-after": "99999999999"})
    receiver = StandIn(lambda call: far if call["number"] == 0 else Answer())
    collector = start(hook(receiver))
    collector.send(1, 10)
    wait_until(lambda: collector.forwarder("hook")["state"] == "retrying", "it waits")
    collector.ask("POST", "/v1/forwarders/hook/resume")
    collector.delivered("hook", 10)


def test_cut_slow_and_broken_answers(start):
    answers = [Answer(cut=True), Answer(before=25), Answer(cut=True)]
    receiver = StandIn(lambda call: answers[call["number"]] if call["number"] < len(answers) else Answer())
    collector = start(hook(receiver))
    collector.send(1, 300)
    collector.delivered("hook", 300)
    assert without_repeats([event["data"]["seq"] for call in receiver.calls for event in json.loads(call["body"])]) == list(range(1, 301))


def test_ingest_does_not_wait_for_a_receiver(start):
    collector = start(hook(StandIn(lambda call: Answer(before=15))))
    begun = time.monotonic()
    collector.send(1, 2000)
    assert time.monotonic() - begun < 10
    assert collector.progress("hook")["behind"] == 2000


def test_pause_resume_and_replay(start):
    receiver = StandIn()
    collector = start(hook(receiver))
    assert collector.ask("POST", "/v1/forwarders/hook/pause")[1]["state"] == "paused"
    collector.send(1, 50)
    time.sleep(3)
    assert receiver.numbers() == []
    collector.ask("POST", "/v1/forwarders/hook/resume")
    collector.delivered("hook", 50)
    status, answer = collector.ask("POST", "/v1/forwarders/hook/replay", {"log": "requests", "from_position": 41})
    assert status == 200, answer
    collector.delivered("hook", 50)
    wait_until(lambda: receiver.numbers() == [*range(1, 51), *range(41, 51)], "the last ten once more")
    [entry] = collector.audit("forwarder.replayed")
    assert {"path": "next_position", "before": 51, "after": 41} in entry["changes"]
    for kind in ("forwarder.paused", "forwarder.resumed"):
        assert len(collector.audit(kind)) == 1
    for body in ({"log": "audit", "from_position": 1}, {"log": "requests", "from_position": 0}, {"log": "x"}, {}):
        status, answer = collector.ask("POST", "/v1/forwarders/hook/replay", body)
        assert (status, answer["error"]["code"]) == (400, "invalid_body"), body
    for method, path in [("POST", "/pause"), ("POST", "/test"), ("GET", "/dead-letters")]:
        status, answer = collector.ask(method, f"/v1/forwarders/other{path}")
        assert (status, answer["error"]["code"]) == (404, "forwarder_not_found")


def test_a_filter_leaves_others_out(start):
    receiver = StandIn()
    collector = start(hook(receiver, filter="status=429&status=500"))
    for number in range(1, 401):
        collector.send(number, number, status=[200, 429, 500, 404][number % 4])
    collector.delivered("hook", 400)
    assert receiver.numbers() == [number for number in range(1, 401) if number % 4 in (1, 2)]
    assert collector.progress("hook")["lost"] == 0


def test_start_now_leaves_the_past_out(start):
    receiver = StandIn()
    collector = start()
    collector.send(1, 20)
    collector.stop()
    later = start(hook(receiver, start="now"))
    later.send(1, 20)
    later.delivered("hook", 20)
    assert receiver.numbers() == list(range(1, 21)), "a new log begins with its first entry"
    collector.folder.joinpath("collector.toml").write_text(later.folder.joinpath("collector.toml").read_text())
    collector.start()
    collector.send(21, 30)
    collector.delivered("hook", 30)
    wait_until(lambda: receiver.numbers()[20:] == list(range(21, 31)), "what was there before is left out")


def test_kills_of_the_collector_lose_nothing(start):
    receiver = StandIn(lambda call: Answer(before=0.02))
    collector = start(hook(receiver))
    for round_number in range(50):
        collector.send(round_number * 40 + 1, round_number * 40 + 40)
        time.sleep((round_number * 37 % 100) / 500)
        collector.kill()
        collector.start()
    collector.delivered("hook", 2000)
    numbers = receiver.numbers()
    assert without_repeats(numbers) == list(range(1, 2001)), "in order, each at least once"


RECEIVER = """
import http.server, json, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        with open(sys.argv[2], "a") as out:
            out.write("".join(f"{event['data']['seq']}\\n" for event in json.loads(body)))
            out.flush(); os.fsync(out.fileno())
        self.send_response(204); self.end_headers()
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def test_kills_of_the_receiver_lose_nothing(start, tmp_path):
    port, out = free_port(), tmp_path / "out"
    run = lambda: subprocess.Popen([sys.executable, "-c", RECEIVER, str(port), str(out)])  # noqa: E731
    process = run()
    collector = start({"id": "hook", "kind": "webhook", "url": f"http://127.0.0.1:{port}", "logs": ["requests"], "start": "oldest"})
    for round_number in range(20):
        collector.send(round_number * 500 + 1, round_number * 500 + 500)
        time.sleep((round_number * 61 % 100) / 200)
        process.kill()
        process.wait()
        process = run()
        wait_until(lambda: listens(port), "the receiver is back")
        # Failures in a row would lengthen the pause.
        collector.ask("POST", "/v1/forwarders/hook/resume")
    collector.delivered("hook", 10_000)
    process.kill()
    process.wait()
    # A kill may leave a part of a batch, which is sent again whole.
    numbers = [int(line) for line in out.read_text().split("\n") if line.isdigit()]
    assert set(numbers) >= set(range(1, 10_001))


def test_retention_that_overtakes_is_noted(start):
    gone = [True]
    receiver = StandIn(lambda call: Answer(500) if gone[0] else Answer())
    collector = start(hook(receiver))
    collector.send(1, 500)
    wait_until(lambda: collector.forwarder("hook")["state"] == "retrying", "it waits")
    delete_all_requests(collector)
    collector.send(501, 510)
    gone[0] = False
    collector.ask("POST", "/v1/forwarders/hook/resume")
    collector.delivered("hook", 510)
    assert receiver.numbers()[-10:] == list(range(501, 511))
    progress = collector.progress("hook")
    entries = collector.audit("forwarder.lost")
    assert progress["lost"] == sum(entry["count"] for entry in entries) == 500 - (progress["sent"] - 10)
    assert entries[0]["outcome"] == "failure"
    with zipfile.ZipFile(collector.packet()) as packet:
        losses = json.loads(packet.read("data/deliveries.json"))["not_delivered"]
        page = packet.read("index.html").decode()
    assert sum(one["entries"] for one in losses) == progress["lost"] and {one["forwarder"] for one in losses} == {"hook"}
    for one in losses:
        assert f"not delivered to the forwarder hook: {one['entries']} entries of the log requests, positions {one['first_position']} to {one['last_position']}" in page
    assert "have less than this packet" in page


def delete_all_requests(collector: Collector):
    """Deletes what is older than a day, by a clock that is ahead: as retention does, and without waiting for it."""
    import sqlite3

    collector.stop()
    database = sqlite3.connect(collector.folder / "data/headgate.db")
    moved = "UPDATE request_entries SET received_at = received_at - 400 * 86400000000"
    triggers = [row[0] for row in database.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'request_entries'")]
    for trigger in triggers:
        database.execute(f"DROP TRIGGER {trigger}")
    database.execute(moved)
    database.commit()
    database.close()
    collector.start()
    count = lambda: len(collector.export())  # noqa: E731
    wait_until(lambda: count() == 0, "retention deletes them")


def test_syslog_frames_arrive_in_order(start):
    """Each connection is one batch of whole frames, and the next one begins after its end."""
    listener = socket.create_server(("127.0.0.1", 0))
    batches = []

    def receive():
        while True:
            connection, _ = listener.accept()
            with connection:
                batches.append(b"".join(iter(lambda one=connection: one.recv(65_536), b"")))

    threading.Thread(target=receive, daemon=True).start()
    url = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    collector = start({"id": "log", "kind": "syslog", "url": url, "logs": ["requests"], "start": "oldest"})
    collector.send(1, 2500)
    collector.delivered("log", 2500)
    messages = [message for batch in batches for message in frames(batch)]
    assert [message.split(b" request - ", 1)[1] for message in messages] == collector.export()
    assert messages[0].startswith(b"<134>1 2026-01-01T00:00:00.000001Z n headgate - request - {")


def frames(batch: bytes) -> list[bytes]:
    found = []
    while batch:
        length, rest = batch.split(b" ", 1)
        found.append(rest[: int(length)])
        assert len(found[-1]) == int(length)
        batch = rest[int(length) :]
    return found


def test_the_secret_is_nowhere(start, tmp_path):
    receiver = StandIn(lambda call: Answer(500, body=SECRET.encode()) if call["number"] < 2 else Answer())
    url = f"{receiver.url}/path-{SECRET}"
    forwarder = {"id": "hook", "kind": "webhook", "url": "${RECEIVER_URL}", "token": TOKEN, "start": "oldest"}
    collector = start(forwarder, RECEIVER_URL=url)
    collector.send(1, 10)
    collector.delivered("hook", 10)
    shown = json.dumps([collector.ask("GET", "/v1/forwarders"), *map(bytes.decode, collector.export("audit"))])
    settings = subprocess.run(
        [ROOT / "target/debug/headgate-collector", "config", "show", "--config", collector.folder / "collector.toml"],
        env={"RECEIVER_TOKEN": SECRET, "RECEIVER_URL": url}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "${RECEIVER_URL}" in settings.stdout
    collector.stop()
    files = [path.read_bytes() for path in (collector.folder / "data").iterdir()]
    everything = [shown.encode(), settings.stdout.encode(), (collector.folder / "log").read_bytes(), *files]
    assert not any(SECRET.encode() in part for part in everything)


WRONG = [
    ({"kind": "webhook", "url": "http://h"}, "has no `id`"),
    ({"id": "a b", "kind": "webhook", "url": "http://h"}, "`id`: it must have 1 to 64 letters"),
    ({"id": "a", "kind": "kafka", "url": "http://h"}, "there are: splunk_hec, otlp"),
    ({"id": "a", "kind": "webhook"}, "has no `url`"),
    ({"id": "a", "kind": "webhook", "url": "ftp://h"}, "`url` must begin with http:// or https://"),
    ({"id": "a", "kind": "syslog", "url": "tcp://h"}, "`url` must name a port"),
    ({"id": "a", "kind": "webhook", "url": "http://h", "token": "plain"}, "a secret does not belong into this file"),
    ({"id": "a", "kind": "webhook", "url": "${NOT_SET}"}, "NOT_SET"),
    ({"id": "a", "kind": "splunk_hec", "url": "http://h"}, "has no `token`"),
    ({"id": "a", "kind": "webhook", "url": "http://h", "logs": []}, "write a list of logs"),
    ({"id": "a", "kind": "webhook", "url": "http://h", "filter": "colour=red"}, "there is no filter `colour`"),
    ({"id": "a", "kind": "webhook", "url": "http://h", "filter": "status=abc"}, "`filter`"),
    ({"id": "a", "kind": "webhook", "url": "http://h", "color": "red"}, "is no setting of a forwarder"),
    ({"id": "a", "kind": "webhook", "url": "http://h", "signal": "traces"}, '`signal` is for the kind "otlp"'),
    ({"id": "a", "kind": "otlp", "url": "http://h", "acks": "off"}, '`acks` is for the kind "splunk_hec"'),
    ({"id": "a", "kind": "otlp", "url": "http://h", "ack_timeout": "9s"}, '`ack_timeout` is for the kind "splunk_hec"'),
    ({"id": "a", "kind": "splunk_hec", "url": "http://h", "ack_timeout": "0s"}, 'from "1s" to "60m"'),
    ({"id": "a", "kind": "otlp", "url": "http://h", "signing_key": "${PATH}"}, '`signing_key` is for the kind "webhook"'),
    ({"id": "a", "kind": "otlp", "url": "http://h", "signal": "traces", "logs": ["audit"]}, "traces are of requests"),
    ({"id": "a", "kind": "otlp", "url": "http://h", "semconv": "v2"}, "there are: v0.1.0, v1.36, both"),
    ({"id": "a", "kind": "webhook", "url": "http://h", "signing_key": "whsec_plain"}, "a secret does not belong into this file"),
    ({"id": "a", "kind": "webhook", "url": "http://h", "hold_until_forwarded": "1y"}, 'from "1d" to "90d"'),
    ({"id": "a", "kind": "webhook", "url": "http://h", "hold_until_forwarded": "91d"}, 'from "1d" to "90d"'),
]


@pytest.mark.parametrize(("table", "why"), WRONG)
def test_wrong_settings_are_refused_with_their_line(tmp_path, table, why):
    path = tmp_path / "collector.toml"
    path.write_text("\n[[forwarders]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items()))
    run = subprocess.run(
        [ROOT / "target/debug/headgate-collector", "config", "check", "--config", path], capture_output=True, text=True, check=False
    )
    assert run.returncode != 0 and why in run.stderr, run.stderr
    line = int(run.stderr.split("collector.toml:")[1].split(":")[0])
    assert line in range(2, 8), run.stderr


def test_two_with_one_id_are_refused(tmp_path):
    path = tmp_path / "collector.toml"
    path.write_text('[[forwarders]]\nid = "a"\nkind = "webhook"\nurl = "http://h"\n' * 2)
    run = subprocess.run(
        [ROOT / "target/debug/headgate-collector", "config", "check", "--config", path], capture_output=True, text=True, check=False
    )
    assert run.returncode != 0 and "two forwarders have the id" in run.stderr


CODES = itertools.product([400, 403, 503], [5, 6, 7, 9, 10, 12, 4])


def test_splunk_codes(start):
    """Each answer that Splunk documents: data is split, everything else waits, nothing is lost."""
    codes = list(CODES)
    poison = lambda call: b'"seq":3,' in call["body"]  # noqa: E731
    current = [None]

    def answer(call):
        if current[0] is None:
            return Answer(body=b'{"text":"Success","code":0}')
        status, code = current[0]
        body = json.dumps({"text": "no", "code": code}).encode()
        return Answer(status, body) if poison(call) else Answer(body=b'{"text":"Success","code":0}')

    receiver = StandIn(answer)
    forwarder = {"id": "siem", "kind": "splunk_hec", "url": receiver.url, "token": TOKEN, "logs": ["requests"], "start": "oldest"}
    collector = start(forwarder)
    collector.send(1, 5)
    collector.delivered("siem", 5)
    for status, code in codes:
        current[0] = (status, code)
        collector.ask("POST", "/v1/forwarders/siem/replay", {"log": "requests", "from_position": 1})
        if status == 400 and code in (5, 6, 12):
            collector.delivered("siem", 5)
            [letter] = collector.ask("GET", "/v1/forwarders/siem/dead-letters")[1]["data"]
            assert letter["position"] == 3 and f"code {code}" in letter["reason"]
        else:
            expected = "retrying" if status == 503 else "blocked"
            wait_until(lambda wanted=expected: collector.forwarder("siem")["state"] == wanted, f"{status} {code}")
            assert f"code {code}" in collector.forwarder("siem")["error"]
        current[0] = None
        collector.ask("POST", "/v1/forwarders/siem/resume")
        collector.delivered("siem", 5)
        wait_until(lambda: collector.forwarder("siem")["state"] == "ok", "it is well again")
