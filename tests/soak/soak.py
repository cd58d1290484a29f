"""Mixed traffic while parts are killed at random; afterwards every request and every cent is accounted for.

Providers keep a ledger of their requests. At the end each of these has a record, or belongs to a worker whose end
`GET /v1/gaps` reports; the cost of all recorded requests equals the providers' own count; no VM has died. Run it with
`just soak`; `--seconds` and `--seed` repeat a run.
"""

from __future__ import annotations

import argparse
import collections
import json
import random
import secrets
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

import policy as shared_policy  # noqa: E402
import wire  # noqa: E402
from gateway import BIN, TRAP, Gateway, Provider, sha256, stack, wait_until  # noqa: E402
from test_dns import DnsGateway, DnsServer  # noqa: E402

# Nano-USD of one good answer of the scripted provider under `shared_policy.PRICE`: 7 new and 4 cached tokens in, 7 out.
ANSWER_COST = 7 * 1_000 + 4 * 500 + 7 * 2_000
CLIENTS = 6
# Share of clients that leave in the middle of a stream.
LEAVERS = 0.05
# Longest time in which a worker delivers its records while the collector answers, s.
DELIVERY_S = 5
# Longest time until a silent worker is reported, s.
SILENCE_S = 120
# Alpha's host, by a name in the soak's own name server; beta has an address.
NAME = "alpha.test"


class LedgerProvider(Provider):
    """A scripted provider on a fixed port that keeps a ledger and can be started again."""

    def __init__(self, name: str, folder: Path):
        self.name, self.folder = name, folder
        self.listen = f"127.0.0.1:{stack.free_port()}"
        self.url = f"http://{self.listen}"
        self.ledger = folder / f"{name}.ledger"
        self.start()

    def start(self) -> None:
        command = [BIN / "headgate-mock-provider", "--listen", self.listen, "--name", self.name, "--ledger", self.ledger]
        self.part = stack.Part(f"provider {self.name}", command, self.folder / f"{self.name}.log")
        wait_until(lambda: listens(self.listen), 10)

    def events(self) -> dict[str, set[str]]:
        """Returns the trace ids of each event."""
        found: dict[str, set[str]] = collections.defaultdict(set)
        for line in self.ledger.read_text().splitlines():
            event, _, parent = line.partition(" ")
            if parent.count("-") == 3:
                found[event].add(parent.split("-")[1])
        return found


def listens(address: str) -> bool:
    host, port = wire.address(address)
    try:
        stack.socket.create_connection((host, port), 1).close()
        return True
    except OSError:
        return False


def soak_policy(gateway: Gateway) -> dict:
    """Returns a policy with failover in both dialects, streams, guardrails, limits and a budget that is never reached."""
    made = shared_policy.shared(gateway)
    made["collector"] |= {"sync_interval": "500ms"}
    for provider in ("alpha", "claude"):
        made["providers"][provider]["url"] = made["providers"][provider]["url"].replace("127.0.0.1", NAME)
    made["limits"] = [
        {"id": "per-key", "per": "key", "requests": "1M/h", "tokens": "1000M/h", "concurrency": 1000},
    ]
    made["budgets"] = [{"id": "month", "usd": 100_000, "period": "month"}]
    made["guardrails"] = [
        {"id": "secrets", "detect": {"secrets": "all"}, "action": "block"},
        {"id": "pii", "on": ["request"], "detect": {"pii": ["email"]}, "action": "mask", "restore": True},
    ]
    made["keys"] = [{"id": key, "sha256": sha256(secret), "owner": "soak"} for key, secret in gateway.keys.items()]
    return made


class Soak:
    """The gateway, the clients, and the random kills."""

    def __init__(self, folder: Path, seconds: float, seed: int):
        self.random = random.Random(seed)
        self.seconds = seconds
        self.gateway = DnsGateway(folder, soak_policy, key_ids=("main", "other"))
        self.gateway.dns = DnsServer(found=True)
        self.over = threading.Event()
        self.lock = threading.Lock()
        # Trace id, time, status at the client (None: no answer), and whether the answer was complete.
        self.sent: list[tuple[str, float, int | None, bool]] = []
        # Lives of the proxy: start, end, and the signal that ended it.
        self.lives: list[list] = []
        self.kills: collections.Counter = collections.Counter()

    def run(self) -> list[str]:
        gateway = self.gateway
        gateway.folder.mkdir(parents=True, exist_ok=True)
        gateway.providers = {name: LedgerProvider(name, gateway.folder) for name in ("alpha", "beta")}
        try:
            gateway.start_collector()
            gateway.render()
            self.start_proxy()
            self.load()
            return self.faults()
        finally:
            gateway.stop()
            gateway.dns.stop()

    def start_proxy(self) -> None:
        self.gateway.start_envoy()
        self.lives.append([time.time(), None, None])

    def load(self) -> None:
        clients = [threading.Thread(target=self.client, args=(number,)) for number in range(CLIENTS)]
        [client.start() for client in clients]
        deadline = time.monotonic() + self.seconds
        while time.monotonic() < deadline:
            time.sleep(self.random.uniform(3, 8))
            self.break_something()
        self.over.set()
        [client.join() for client in clients]

    def client(self, number: int) -> None:
        chance = random.Random(f"{number}")
        while not self.over.is_set():
            trace = secrets.token_hex(16)
            at = time.time()
            status, whole = None, False
            try:
                status, whole = self.ask(trace, chance)
            except (OSError, ValueError, EOFError, wire.http.client.HTTPException):
                pass
            with self.lock:
                self.sent.append((trace, at, status, whole))
            time.sleep(chance.uniform(0.01, 0.08))

    def ask(self, trace: str, chance: random.Random) -> tuple[int, bool]:
        gateway = self.gateway
        head = gateway.head(trace, chance.choice(["main", "other"]), content_type="application/json")
        model = chance.choice(["ok", "ok", "status-503+ok", "reset-before+ok", "stream-30-delay-20", "nobody+ok", "claude", "nope"])
        messages = [{"role": "user", "content": chance.choice(["Say hello.", "Write to alice@example.org.", "x" * 20_000])}]
        body: dict = {"model": model, "messages": messages, "max_tokens": 16}
        body["stream"] = model.startswith("stream") or chance.random() < 0.3
        path = "/v1/messages" if model == "claude" else "/v1/chat/completions"
        with wire.Exchange(gateway.listen, 30) as exchange:
            exchange.send(wire.request("POST", path, head, json.dumps(body).encode()))
            if body["stream"] and chance.random() < LEAVERS:
                exchange.wait()
                return 0, False
            answer = exchange.answer()
            return answer.status, answer.whole

    def break_something(self) -> None:
        what = self.random.choice([self.break_provider, self.break_collector, self.break_proxy, self.break_dns])
        what(self.random.choice([signal.SIGTERM, signal.SIGKILL]))

    def break_provider(self, how: signal.Signals) -> None:
        provider = self.gateway.providers[self.random.choice(["alpha", "beta"])]
        self.kills[f"provider {how.name}"] += 1
        provider.part.stop(how)
        time.sleep(self.random.uniform(0.2, 2))
        provider.start()

    def break_collector(self, how: signal.Signals) -> None:
        self.kills[f"collector {how.name}"] += 1
        self.gateway.collector.stop(how)
        time.sleep(self.random.uniform(0.2, 4))
        self.gateway.start_collector()

    def break_proxy(self, how: signal.Signals) -> None:
        self.kills[f"proxy {how.name}"] += 1
        self.lives[-1][2] = how
        self.gateway.envoy.stop(how, 30)
        self.lives[-1][1] = time.time()
        self.start_proxy()

    def break_dns(self, how: signal.Signals) -> None:
        """Stops the name server. A known address stays in use, so half of the times the proxy starts without it."""
        self.kills["dns"] += 1
        self.gateway.dns.stop()
        if self.random.random() < 0.5:
            self.break_proxy(how)
        time.sleep(self.random.uniform(0.2, 4))
        self.gateway.dns.start()

    # The account

    def faults(self) -> list[str]:
        """Returns every fault, one a line."""
        found = []
        records = self.settled()
        wait_until(lambda: not self.missing(records, self.gaps()), SILENCE_S)
        gaps = self.gaps()
        found += self.missing(records, gaps)
        found += self.twice(records)
        found += self.money(records)
        found += self.answers()
        lines = [line for line in self.gateway.log().splitlines() if TRAP.search(line)]
        found += [f"trap: {line}" for line in lines[:5]]
        self.report(records, gaps)
        return found

    def gaps(self) -> list[dict]:
        return self.gateway.query("/v1/gaps", limit="500")["data"]

    def settled(self) -> list[dict]:
        """Returns all records, once no more arrive."""
        count, records = -1, self.gateway.all_records()
        while len(records) != count:
            count = len(records)
            time.sleep(DELIVERY_S)
            records = self.gateway.all_records()
        return records

    def missing(self, records: list[dict], gaps: list[dict]) -> list[str]:
        """Returns requests that reached a provider and neither have a record nor belong to a worker with a reported end."""
        on_record = {record.get("trace_id") for record in records}
        arrived = set().union(*(provider.events()["arrived"] for provider in self.gateway.providers.values()))
        sent_at = {trace: at for trace, at, *_ in self.sent}
        lost = [trace for trace in arrived if trace not in on_record]
        told = {gap["boot"] for gap in gaps}
        self.lost = len(lost)
        found = []
        for life in self.lives:
            end = life[1] or time.time()
            # A request that is open when its proxy is killed began at most a stream's length before.
            inside = [trace for trace in lost if life[0] - 1 <= sent_at.get(trace, 0) <= end]
            if not inside:
                continue
            others = {r["boot"] for r in records if not life[0] - 1 <= r["started_at"] / 1e6 <= end}
            if life[2] is None:
                found.append(f"{len(inside)} requests have no record though their proxy was never stopped")
            elif not told - others:
                found.append(f"{len(inside)} requests of a proxy that got {life[2].name} are missing and no gap tells")
        return found

    @staticmethod
    def twice(records: list[dict]) -> list[str]:
        counts = collections.Counter(record["trace_id"] for record in records if record.get("trace_id"))
        return [f"{count} records of one request {trace}" for trace, count in counts.items() if count > 1][:5]

    def money(self, records: list[dict]) -> list[str]:
        """Checks that every finished answer on record costs as much as the provider counted."""
        done = set().union(*(provider.events()["done"] for provider in self.gateway.providers.values()))
        found = []
        whole = [r for r in records if r["status"] == 200 and r["ended_by"] == "complete" and r.get("usage")]
        self.counted = [r for r in whole if r["surface"] == "chat_completions" and r["trace_id"] in done]
        for record in self.counted:
            nano = record.get("cost", {}).get("nano_usd")
            if nano != ANSWER_COST or record["usage"]["source"] != "reported":
                found.append(f"{record['id']}: {nano} nano-USD, {record['usage']}")
        return found[:5]

    def answers(self) -> list[str]:
        """Checks that no limit refused a client, and that no answer is invalid HTTP."""
        statuses = collections.Counter(status for _, _, status, _ in self.sent)
        return [f"{count} answers with status {status}" for status, count in statuses.items() if status in (413, 422, 429, 500)]

    def report(self, records: list[dict], gaps: list[dict]) -> None:
        statuses = collections.Counter(status for _, _, status, _ in self.sent)
        print(f"sent {len(self.sent)}, by status {dict(statuses)}; kills {dict(self.kills)}")
        print(f"records {len(records)}, priced as the provider counted {len(self.counted)}, lost {self.lost}, gaps {len(gaps)}")
        for gap in gaps[:20]:
            print("  gap", json.dumps(gap))


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=600)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--folder", type=Path)
    given = arguments.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="headgate-soak-"))
    faults = Soak(folder, given.seconds, given.seed).run()
    print("\n".join(faults) if faults else "every request and every cent is accounted for")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
