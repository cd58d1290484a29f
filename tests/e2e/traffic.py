"""Bounded load from a few concurrent clients, which keep every answer."""

from __future__ import annotations

import threading
import time

from gateway import Gateway


class Traffic:
    """A few clients that send one request after the other until they are stopped."""

    def __init__(self, gateway: Gateway, clients: int = 4, pause: float = 0.005, aliases=("ok", "status-503+ok", "nope")):
        self.gateway, self.pause, self.aliases = gateway, pause, aliases
        self.answers: list = []
        self.failures: list[BaseException] = []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(number,)) for number in range(clients)]

    def _run(self, number: int) -> None:
        try:
            while not self.over.is_set():
                alias = self.aliases[(number + len(self.answers)) % len(self.aliases)]
                self.answers.append((alias, self.gateway.chat(alias)))
                time.sleep(self.pause)
        except BaseException as failure:
            self.failures.append(failure)

    def __enter__(self) -> Traffic:
        [thread.start() for thread in self.threads]
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        [thread.join() for thread in self.threads]

    def assert_all_served(self) -> None:
        assert self.failures == []
        assert self.answers
        for alias, answer in self.answers:
            assert answer.status == (404 if alias == "nope" else 200), answer.body
