"""Measures what proofs and forwarders cost: `just bench-delivery [RECORDS] [PART…]`, with all parts or those that are named.

Each figure is of this run. What is compared runs at the same time, so that a slow minute of the machine meets all sides. The
collector's processor time is that of its process, in nanoseconds. A side that is the first one once more shows what chance alone
makes of it.
"""

from __future__ import annotations

import http.client
import json
import random
import shutil
import socket
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import receivers
from collector import record
from receivers import Answer, Collector, StandIn, free_port, wait_until

BATCH = 500
ROUND = 50_000
ROUNDS = 9
PROOFS = 300


def cpu_s(process) -> float:
    """Returns the processor time of a process with all its threads, also those that have ended: clock_getcpuclockid(3)."""
    return time.clock_gettime((~process.pid << 3) | 2)


def peak_mib(process) -> int:
    line = next(line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


def bodies_of(batches: list[tuple[int, int]], senders: int) -> list[list[bytes]]:
    """Returns the bodies of batches, those of each sender."""
    bodies: list[list[bytes]] = [[] for _ in range(senders)]
    for number, (begin, end) in enumerate(batches):
        sender = number % senders
        records = [record(one) | {"boot": f"b{sender}"} for one in range(begin, end + 1)]
        bodies[sender].append(json.dumps({"node": "n", "boot": f"b{sender}", "dropped": 0, "records": records}).encode())
    return bodies


def fill(collectors: list[Collector], first: int, last: int, senders: int = 2) -> list[float]:
    """Stores records in batches, in all collectors at the same time; returns the processor time a record of each, µs."""
    batches = [(begin, min(begin + BATCH - 1, last)) for begin in range(first, last + 1, BATCH)]
    spent = [cpu_s(collector.process) for collector in collectors]
    # In parts, so that the bodies of millions of records are not in memory at once.
    for at in range(0, len(batches), 100):
        bodies = bodies_of(batches[at : at + 100], senders)
        threads = [threading.Thread(target=send, args=(collector.port, one)) for one in bodies for collector in collectors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return [(cpu_s(collector.process) - before) / (last - first + 1) * 1e6 for collector, before in zip(collectors, spent, strict=True)]


def send(port: int, bodies: list[bytes]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    for body in bodies:
        connection.request("POST", "/v1/ingest/requests", body, {"authorization": "Bearer in", "content-type": "application/json"})
        answer = connection.getresponse()
        said = answer.read()
        assert answer.status == 200, said
    connection.close()


def compared(folder: Path, names: tuple[str, ...], make) -> None:
    """Prints the processor time a record of each side, and by how much it is above the first, round by round."""
    costs: dict[str, list[float]] = {name: [] for name in names}
    for number in range(ROUNDS):
        places = [folder / f"{number}-{name.replace(' ', '-')}" for name in names]
        collectors = [make(name, place) for name, place in zip(names, places, strict=True)]
        fill(collectors, 1, 5_000, 1)
        for name, cost in zip(names, fill(collectors, 5_001, 5_000 + ROUND, 1), strict=True):
            costs[name].append(cost)
        for collector, place in zip(collectors, places, strict=True):
            collector.kill()
            shutil.rmtree(place)
    for name, found in costs.items():
        above = [(other / base - 1) * 100 for base, other in zip(costs[names[0]], found, strict=True)]
        low, middle, high = statistics.quantiles(above, n=4)
        told = "" if name == names[0] else f"  {middle:+.1f} % (half of the rounds {low:+.1f} to {high:+.1f})"
        print(f"  {name:<34} {statistics.median(found):>6.2f} µs of CPU a record{told}")


def trees(folder: Path) -> None:
    print("ingest, with the trees of the logs and without (their state is deleted under way):")

    def make(name: str, place: Path) -> Collector:
        collector = Collector(place)
        if "without" in name:
            [database] = (place / "data").glob("*.db")
            with sqlite3.connect(database, timeout=30) as db:
                assert db.execute("DELETE FROM trees WHERE log = 'requests'").rowcount == 1
            db.close()
        return collector

    compared(folder, ("without a tree", "without a tree, once more", "with its tree"), make)


def stopped_receiver(folder: Path) -> None:
    print("ingest, without a forwarder and with one whose receiver does not listen:")

    def make(name: str, place: Path) -> Collector:
        table = {"id": "gone", "kind": "webhook", "url": f"http://127.0.0.1:{free_port()}/in", "start": "oldest"}
        return Collector(place, *([table] if "stopped" in name else []))

    compared(folder, ("no forwarder", "no forwarder, once more", "a stopped receiver"), make)


def signed(collector: Collector) -> int:
    """Returns the size of the newest checkpoint of the request log."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{collector.port}/log/requests/checkpoint", timeout=30) as answer:
            return int(answer.read().split(b"\n")[1])
    except urllib.error.HTTPError:
        return 0


def proofs(collector: Collector, records: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", collector.port, timeout=120)
    wait_until(lambda: signed(collector) >= records, "a checkpoint of all", 60)
    times = []
    for number in random.Random(7).sample(range(1, records + 1), PROOFS):
        begun = time.monotonic()
        connection.request("GET", f"/v1/requests/{record(number)['id']}/proof", headers={"authorization": "Bearer own"})
        answer = connection.getresponse()
        said = answer.read()
        times.append((time.monotonic() - begun) * 1000)
        assert answer.status == 200 and said.startswith(b"c2sp.org/tlog-proof@v1"), said
    times.sort()
    print(f"proof of an entry of {records:,}: p50 {times[len(times) // 2]:.1f} ms, p99 {times[len(times) * 99 // 100]:.1f} ms, by HTTP, with its audit entry")


def packet(collector: Collector, records: int) -> None:
    (Path("/proc") / str(collector.process.pid) / "clear_refs").write_text("5")
    before, spent, begun = peak_mib(collector.process), cpu_s(collector.process), time.monotonic()
    file = collector.packet(1800)
    took = time.monotonic() - begun
    with zipfile.ZipFile(file) as archive:
        content = sum(one.file_size for one in archive.infolist())
        with archive.open("data/requests.ndjson") as lines:
            assert sum(1 for _ in lines) == records
    print(
        f"packet of {records:,} records: {took:.1f} s, {cpu_s(collector.process) - spent:.1f} s of CPU, {file.stat().st_size / 1e6:.0f} MB with {content / 1e6:.0f} MB inside, "
        f"{content / 1e6 / took:.0f} MB/s; the collector's memory at most {peak_mib(collector.process)} MiB, {before} before",
    )


def items(call: dict) -> Answer:
    """Returns the answer of `_bulk`: each item is stored."""
    count = call["body"].count(b"\n") // 2
    call["body"] = b""
    return Answer(body=json.dumps({"errors": False, "items": [{"create": {"status": 201}}] * count}).encode(), headers={"content-type": "application/json"})


def taken(body: bytes, status: int = 200):
    def answer(call: dict) -> Answer:
        call["body"] = b""
        return Answer(status, body, {"content-type": "application/json"})

    return answer


KINDS = {
    "webhook": ({}, taken(b"")),
    "splunk_hec": ({"token": "${RECEIVER_TOKEN}", "acks": "off"}, taken(b'{"text":"Success","code":0}')),
    "elasticsearch": ({"index": "logs"}, items),
    "otlp": ({}, taken(b"{}")),
    "otlp traces": ({"signal": "traces"}, taken(b"{}")),
    "otlp metrics": ({"signal": "metrics"}, taken(b"{}")),
    "datadog": ({"token": "${RECEIVER_TOKEN}"}, taken(b"{}", 202)),
    "object_store": ({"access_key": "${RECEIVER_TOKEN}", "secret_key": "${RECEIVER_TOKEN}", "region": "eu-central-1", "every": "1s"}, taken(b"")),
    "syslog": ({}, None),
}


def sink() -> int:
    """Starts a receiver that reads and forgets; returns its port."""
    server = socket.create_server(("127.0.0.1", 0))

    def read(connection: socket.socket) -> None:
        while connection.recv(1 << 20):
            pass

    def accept() -> None:
        while True:
            threading.Thread(target=read, args=server.accept()[:1], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return server.getsockname()[1]


def forwarders(collector: Collector, records: int) -> None:
    print(f"forwarders, {records:,} records on disk to a receiver that takes everything at once, on the same machine:")
    for kind, (options, answer) in KINDS.items():
        receiver = StandIn(answer) if answer else None
        url = f"{receiver.url}/in" if receiver else f"tcp://127.0.0.1:{sink()}"
        name = kind.replace(" ", "-")
        table = {"id": name, "kind": kind.split()[0], "url": url, "start": "oldest", "logs": ["requests"]} | options
        collector.kill()
        collector.configure(table)
        collector.start()
        begun, spent = time.monotonic(), cpu_s(collector.process)
        wait_until(lambda name=name: collector.progress(name)["position"] >= records, name, 600)
        took = time.monotonic() - begun
        print(f"  {kind:<14} {records / took:>9,.0f} records/s  {(cpu_s(collector.process) - spent) / records * 1e6:>6.1f} µs of CPU a record")
        if receiver:
            receiver.server.shutdown()


PARTS = ("tree", "stopped", "proofs", "packet", "forwarders")


def main() -> None:
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    parts = sys.argv[2:] or PARTS
    assert set(parts) <= set(PARTS), f"parts are: {', '.join(PARTS)}"
    receivers.BINARY = receivers.ROOT / "target/release/headgate-collector"
    folder = Path(tempfile.mkdtemp(prefix="headgate-delivery-"))
    try:
        if "tree" in parts:
            trees(folder)
        if "stopped" in parts:
            stopped_receiver(folder)
        if {"proofs", "packet", "forwarders"} & set(parts):
            filled(folder / "filled", records, parts)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def filled(place: Path, records: int, parts) -> None:
    """Measures what is done with a log of this many records."""
    collector = Collector(place, HEADGATE_COLLECTOR_LOG_KEY=receivers.new_log_key(), HEADGATE_COLLECTOR_CHECKPOINT_INTERVAL="1")
    fill([collector], 1, records)
    if "proofs" in parts:
        proofs(collector, records)
    if "packet" in parts:
        packet(collector, records)
    if "forwarders" in parts:
        forwarders(collector, min(records, 200_000))
    collector.kill()


if __name__ == "__main__":
    main()
