"""What a forwarder of each kind does while its receiver is away: it waits, and holds the batch ready."""

from __future__ import annotations

import itertools
import socket
import struct
import threading
import time

import pytest
from receivers import Answer, Collector, StandIn, wait_until
from speed import KINDS


class Cutting:
    """A receiver on TCP that reads everything, and resets the connection while it is told to."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.calls, self.cuts = [], True
        threading.Thread(target=self.run, daemon=True).start()

    @property
    def url(self) -> str:
        return f"tcp://127.0.0.1:{self.server.getsockname()[1]}"

    def run(self):
        while True:
            connection, _ = self.server.accept()
            with connection:
                body = b"".join(iter(lambda: connection.recv(1 << 16), b""))
                self.calls.append({"body": body, "at": time.monotonic()})
                if self.cuts:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Refusing(StandIn):
    """A receiver by HTTP that answers 503 while it is told to."""

    def __init__(self, answer):
        self.cuts = True
        super().__init__(lambda call: Answer(503) if self.cuts else answer(call))


@pytest.mark.parametrize("name", KINDS)
def test_new_entries_do_not_end_a_pause_and_the_batch_is_sent_as_it_is(tmp_path, running, name):
    options, answer = KINDS[name]
    receiver = Refusing(answer) if answer else Cutting()
    table = {"id": "one", "kind": name.split()[0], "url": f"{receiver.url}/logs" if answer else receiver.url, "logs": ["requests"], "start": "oldest"}
    collector = Collector(tmp_path / "collector", table | options)
    running.append(collector)
    collector.send(1, 10)
    wait_until(lambda: receiver.calls, "the first try")
    for number in range(11, 41):
        collector.send(number, number)
        time.sleep(0.1)
    wait_until(lambda: len(receiver.calls) >= 3, "the third try")
    first, *others = receiver.calls[:3]
    assert first["body"] and [one["body"] for one in others] == [first["body"]] * 2, "nothing was rendered again"
    names = {one.get("path", "").split("?")[0] for one in receiver.calls[:3]}
    assert len(names) == 1, f"a file keeps its name: {names}"
    pauses = [later["at"] - earlier["at"] for earlier, later in itertools.pairwise(receiver.calls[:3])]
    assert pauses[0] >= 0.74 and pauses[1] >= 1.48, f"new entries ended a pause: {pauses}"
    receiver.cuts = False
    collector.ask("POST", "/v1/forwarders/one/resume")
    collector.delivered("one", 40)
    assert collector.forwarder("one")["state"] == "ok" and collector.progress("one")["sent"] == 40


def test_a_batch_that_waits_gives_way_to_a_replay(tmp_path, running):
    receiver = Refusing(lambda call: Answer())
    collector = Collector(tmp_path / "collector", {"id": "one", "kind": "webhook", "url": receiver.url, "logs": ["requests"], "start": "oldest"})
    running.append(collector)
    collector.send(1, 10)
    wait_until(lambda: receiver.calls, "the first try")
    assert collector.ask("POST", "/v1/forwarders/one/replay", {"log": "requests", "from_position": 6})[0] == 200
    receiver.cuts = False
    collector.ask("POST", "/v1/forwarders/one/resume")
    collector.delivered("one", 10)
    assert receiver.numbers() == [6, 7, 8, 9, 10]
