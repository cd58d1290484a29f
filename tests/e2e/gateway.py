"""A whole gateway on this machine: scripted providers, the collector, and Envoy with Headgate, on free ports.

Every request of a test has its own trace id, which is in its record. So a record is found even if the client never saw a
request id, and `settle` can check at the end that each request left exactly one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

import wire

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "envoy"))
import apisix  # noqa: E402
import stack  # noqa: E402  the parts of `just demo`

TOOLS = ROOT / "target/tools"
BIN = Path(os.environ.get("HEADGATE_BIN", ROOT / "target/debug"))
COLLECTOR = Path(os.environ.get("HEADGATE_COLLECTOR", BIN / "headgate-collector"))
WASM = Path(os.environ.get("HEADGATE_WASM", ROOT / "target/wasm32-wasip1/wasm/headgate.wasm"))
# The host of the filter: Envoy with headgate.wasm, Envoy with the native module (`just e2e-native`), or the stand-in for APISIX
# (`just e2e-apisix`).
HOST = os.environ.get("HEADGATE_E2E_HOST", "wasm")
NATIVE, APISIX = HOST == "native", HOST == "apisix"
MODULE = Path(os.environ.get("HEADGATE_NATIVE", TOOLS.parent / "native/headgate-0.2.0.so")) if NATIVE else WASM
# The module as the `headgate` command is told of it.
FILTER = (stack.module_option(MODULE), MODULE)
ENVOY = Path(os.environ.get("HEADGATE_ENVOY", TOOLS / "envoy-1.40.0/envoy/_bin/envoy"))

# Longest wait for an expected event, s. Even on a very busy machine, a longer time means a hang.
PATIENCE = 60

# Messages of Envoy or the SDK when the filter's VM dies or is started again.
TRAP = re.compile(r"panicked|Uncaught|proxy_abi|unreachable|a fault at|Caught Segmentation|wasm.{0,40}(trap|fail|crash|reload)|worker \d+ has died", re.IGNORECASE)


class Provider:
    """A scripted provider and the requests that it received."""

    def __init__(self, name: str, folder: Path):
        self.name = name
        self.part, self.url = stack.provider(BIN / "headgate-mock-provider", name, folder / f"{name}.log")

    def control(self, method: str, path: str, body: dict | None = None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def script(self, *responses: dict) -> None:
        """Queues exact answers, which take precedence over the behaviour that the model's name selects."""
        self.control("POST", "/_script", {"responses": list(responses)})

    def unscript(self) -> int:
        """Drops queued answers, and returns their number."""
        queued = self.control("POST", "/_script", {"responses": []})["queued"]
        self.control("DELETE", "/_script")
        return queued

    def seen(self, trace: str | None = None) -> list[wire.Seen]:
        """Returns the requests that arrived here, of one trace or of all."""
        found = [wire.Seen(entry) for entry in self.control("GET", "/_seen")]
        return [one for one in found if trace is None or trace in (one.header("traceparent") or "")]

    def saw_abort(self, trace: str, seconds: float = PATIENCE) -> bool:
        """Returns whether the connection of this request was closed before the end of its answer."""
        return wait_until(lambda: any(one.aborted for one in self.seen(trace)), seconds)


class Gateway:
    """A gateway between `start` and `stop`. `policy` makes the gateway.yaml from a gateway with known addresses. One that is
    `beside` another has its own proxy, and shares providers, collector and keys with it."""

    # The file of the filter.
    module = MODULE

    def __init__(self, folder: Path, policy, *, workers: int = 2, key_ids=("main",), beside: Gateway | None = None):
        self.folder, self.data, self.out = folder, folder / "collector", folder / "envoy"
        self.workers = workers
        self.make_policy = policy
        self.keys = {key: f"hg-{secrets.token_urlsafe(32)}" for key in key_ids}
        self.listen = f"127.0.0.1:{stack.free_port()}"
        self.admin = f"127.0.0.1:{stack.free_port()}"
        self.collector_address = f"127.0.0.1:{stack.free_port()}"
        self.env = {
            "HEADGATE_INGEST_TOKEN": secrets.token_urlsafe(32),
            "HEADGATE_OWNER_TOKEN": secrets.token_urlsafe(32),
            "HEADGATE_FINGERPRINT_KEY": secrets.token_urlsafe(32),
            "ALPHA_API_KEY": f"alpha-{secrets.token_urlsafe(24)}",
            "BETA_API_KEY": f"beta-{secrets.token_urlsafe(24)}",
        }
        self.providers: dict[str, Provider] = {}
        self.collector: stack.Part | None = None
        self.envoy: stack.Part | None = None
        self.issued: dict[str, int] = {}
        self.node = "e2e"
        self.beside = beside
        if beside:
            self.node, self.keys, self.env = f"e2e-{folder.name}", beside.keys, beside.env
            self.providers, self.collector_address = beside.providers, beside.collector_address

    @property
    def members(self) -> int:
        """Number of members of the fleet: each worker with headgate.wasm, the whole proxy with the native module."""
        return 1 if NATIVE else self.workers

    @property
    def url(self) -> str:
        return f"http://{self.listen}"

    def start(self) -> Gateway:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.beside:
            for name in ("alpha", "beta"):
                self.providers[name] = Provider(name, self.folder)
            self.start_collector()
        self.render()
        self.start_envoy()
        return self

    def start_collector(self) -> None:
        log = self.folder / "collector.log"
        self.collector = stack.collector(COLLECTOR, self.collector_address, self.data, log, self.env)

    def start_envoy(self) -> None:
        """Starts the proxy: the stand-in for APISIX, if that is the host."""
        log = self.folder / "envoy.log"
        if APISIX:
            binary = BIN / "headgate-apisix-stand-in"
            self.envoy = apisix.start(binary, self.out, self.module, self.listen, log, self.env, node=self.node, workers=self.workers)
            return
        self.envoy = stack.envoy(ENVOY, self.out, log, self.env, node=self.node, workers=self.workers)

    def render(self, policy: dict | None = None) -> None:
        """Writes gateway.yaml (JSON is YAML) and renders it for the host."""
        self.render_text(json.dumps(policy or self.make_policy(self), indent=1))

    def render_text(self, policy: str) -> None:
        path = self.folder / "gateway.yaml"
        path.write_text(policy)
        render = apisix.render if APISIX else stack.render
        render(BIN / "headgate", path, self.out, self.module)

    def kill_collector(self) -> None:
        self.collector.stop(signal.SIGKILL)

    def stop(self) -> None:
        providers = () if self.beside else self.providers.values()
        parts = [self.envoy, self.collector, *(provider.part for provider in providers)]
        for part in filter(None, parts):
            part.stop()
        crashed = self.envoy and -self.envoy.process.returncode in (signal.SIGSEGV, signal.SIGABRT)
        assert not crashed, f"the proxy has crashed at its end:\n{self.log()[-2000:]}"

    def serve(self):
        """Serves a fixture; at its end every request must have its records, and no VM may have died."""
        try:
            yield self.start()
            self.settle()
            self.assert_no_trap()
        finally:
            self.stop()

    # Requests

    def trace(self, requests: int = 1) -> str:
        """Returns a trace id that expects this number of requests and records."""
        trace = secrets.token_hex(16)
        self.issued[trace] = requests
        return trace

    def head(self, trace: str, key: str | None = "main", **more: str) -> list[tuple[str, str]]:
        """Returns the headers of a request."""
        headers = [("host", self.listen), ("traceparent", wire.traceparent(trace))]
        if key is not None:
            headers.append(("authorization", f"Bearer {self.keys.get(key, key)}"))
        return headers + [(name.replace("_", "-"), value) for name, value in more.items()]

    def call(self, body: bytes | dict | None, *, path="/v1/chat/completions", method="POST", key="main", **headers) -> wire.Answer:
        """Sends one request on its own connection. The answer knows its trace."""
        trace = self.trace()
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        head = self.head(trace, key, **{"content-type": "application/json", **headers})
        answer = wire.call(self.listen, method, path, head, data)
        answer.trace = trace
        return answer

    def chat(self, model: str, *, key="main", headers: dict | None = None, **more) -> wire.Answer:
        """Sends a chat completion."""
        return self.call({"messages": [{"role": "user", "content": "Say hello."}], "model": model, **more}, key=key, **(headers or {}))

    # Records

    def query(self, path: str, **filters: str) -> dict:
        query = f"?{urllib.parse.urlencode(filters)}" if filters else ""
        request = urllib.request.Request(f"http://{self.collector_address}{path}{query}")
        request.add_header("authorization", f"Bearer {self.env['HEADGATE_OWNER_TOKEN']}")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def all_records(self, **filters: str) -> list[dict]:
        """Returns every record, newest first."""
        records, after = [], {}
        while True:
            page = self.query("/v1/requests", limit="500", **filters, **after)
            records += page["data"]
            if not page["has_more"]:
                return records
            after = {"after": page["next"]}

    def records(self, trace: str, count: int = 1, seconds: float = PATIENCE) -> list[dict]:
        """Waits for `count` records of a trace, and returns them oldest first. More than that is a failure."""
        found: list[dict] = []

        def arrived() -> bool:
            page = self.query("/v1/requests", limit="200")["data"]
            found[:] = [record for record in page if record.get("trace_id") == trace]
            return len(found) >= count

        wait_until(arrived, seconds)
        assert len(found) == count, f"{len(found)} records where {count} should be: {found}"
        return sorted(found, key=lambda record: record["started_at"])

    def record(self, of: wire.Answer | str) -> dict:
        """Returns the record of an answer or a trace; the answer's request id must be the record's."""
        if isinstance(of, str):
            return self.records(of)[0]
        record = self.records(of.trace)[0]
        assert record["id"] == of.header("x-headgate-request-id")
        return record

    def settle(self, seconds: float = PATIENCE) -> None:
        """Waits until every request so far has exactly one record, and no number is missing or used twice."""
        counts: dict[str, int] = {}
        records: list[dict] = []

        def settled() -> bool:
            counts.clear()
            records[:] = self.all_records()
            for record in records:
                trace = record.get("trace_id")
                counts[trace] = counts.get(trace, 0) + 1
            return all(counts.get(trace, 0) == expected for trace, expected in self.issued.items())

        wait_until(settled, seconds)
        wrong = {trace: counts.get(trace, 0) for trace, expected in self.issued.items() if counts.get(trace, 0) != expected}
        assert not wrong, f"records per trace that should be otherwise: {wrong}"
        boots = {record["boot"] for record in records}
        assert len(boots) <= self.members, "a VM was started anew"
        for boot in boots:
            numbers = sorted(record["seq"] for record in records if record["boot"] == boot)
            assert numbers == list(range(1, len(numbers) + 1)), f"numbers of boot {boot}: {numbers}"

    # Logs

    def log(self, part: str = "envoy") -> str:
        return (self.folder / f"{part}.log").read_text(errors="replace")

    def assert_no_trap(self, but: str | None = None) -> None:
        """Asserts that no VM has died; `but` is Envoy's message about a configuration that it was meant to refuse."""
        lines = [line for line in self.log().splitlines() if TRAP.search(line) and not (but and re.search(but, line))]
        assert not lines, "\n".join(lines[:10])
        assert self.envoy.process.poll() is None, "the proxy has ended"

    def stats(self, pattern: str) -> dict[str, int]:
        """Returns Envoy's counters and gauges with matching names."""
        with urllib.request.urlopen(f"http://{self.admin}/stats?format=json", timeout=10) as answer:
            stats = json.load(answer)["stats"]
        return {one["name"]: one["value"] for one in stats if "value" in one and re.search(pattern, one["name"])}

    def headgate(self, *arguments: str) -> subprocess.CompletedProcess:
        """Runs the `headgate` command."""
        return subprocess.run([str(BIN / "headgate"), *map(str, arguments)], capture_output=True, text=True, timeout=30)


def sha256(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def wait_until(holds, seconds: float = PATIENCE) -> bool:
    """Waits for a condition, and returns whether it became true in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
