"""The demo: two scripted providers, the collector, Envoy with Headgate, and a first set of requests.

Prints the result of each request, taken from the collector's record of it, and then stays up. With --once it ends by
itself; the exit code is 0 only if every request ended as expected.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import secrets
import shutil
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import stack
from stack import say

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "target/demo"
LOCK = ROOT / "target/demo.lock"

POLICY = """\
environment: demo
listen: {listen}
admin: {admin}
collector: {{url: "http://{collector}", token: "${{HEADGATE_INGEST_TOKEN}}"}}
providers:
  alpha: {{format: openai, url: "{alpha}/v1", credential: "${{ALPHA_API_KEY}}"}}
  beta: {{format: openai, url: "{beta}/v1", credential: "${{BETA_API_KEY}}"}}
  gamma: {{format: anthropic, url: "{beta}/anthropic", credential: "${{BETA_API_KEY}}"}}
models:
  chat:                                   # served by alpha, by beta when alpha cannot
    targets:
      - {{provider: alpha, model: gpt-4o-mini}}
      - {{provider: beta, model: gpt-5-mini, tier: 2}}
  unstable:                               # alpha always answers 503 here: every request moves on to beta
    targets:
      - {{provider: alpha, model: status-503}}
      - {{provider: beta, model: gpt-5-mini, tier: 2}}
  embed-small:
    targets:
      - {{provider: beta, model: text-embedding-3-small}}
  claude:                                 # for clients of Anthropic's API
    targets:
      - {{provider: gamma, model: claude-sonnet-4-5}}
teams:
  search: {{project: assistant, cost_center: cc-12}}
keys:
  - {{id: demo, sha256: {sha256}, owner: demo, team: search}}
  - {{id: embeddings-only, sha256: {limited_sha256}, owner: demo, models: ["embed-*"]}}
  - {{id: intern, sha256: {intern_sha256}, owner: intern}}
limits:
  - {{id: per-key, per: key, requests: 600/min, tokens: 100k/min, concurrency: 8}}
budgets:
  - {{id: interns, match: {{key: intern}}, usd: 0.000001, period: month}}
guardrails:
  - {{id: secrets, detect: {{secrets: all}}, action: block}}
  - {{id: mail, on: [request], detect: {{pii: [email]}}, action: mask, restore: true}}
"""


@dataclass
class Case:
    """A request and its expected result."""

    title: str
    path: str
    body: dict | None
    status: int = 200
    served_by: str | None = None
    attempts: int = 1
    key: str = "demo"


def chat(model: str, text: str = "Say hello.", **more: object) -> dict:
    return {"messages": [{"role": "user", "content": text}], "model": model, **more}


# Has the form of a real key, but belongs to nobody.
ACCESS_KEY = "AKIA" + "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(16))


CASES = [
    Case("a chat completion", "/v1/chat/completions", chat("chat"), served_by="alpha/gpt-4o-mini"),
    Case("the same as a stream", "/v1/chat/completions", chat("chat", stream=True), served_by="alpha/gpt-4o-mini"),
    Case("failed over from 503", "/v1/chat/completions", chat("unstable"), served_by="beta/gpt-5-mini", attempts=2),
    Case("an embedding", "/v1/embeddings", {"input": "hello", "model": "embed-small"}, served_by="beta/text-embedding-3-small"),
    Case("a message (Anthropic)", "/v1/messages", chat("claude", max_tokens=50), served_by="gamma/claude-sonnet-4-5"),
    Case("a mail address, masked", "/v1/chat/completions", chat("chat", "Write to ada@example.org."), served_by="alpha/gpt-4o-mini"),
    Case("a secret in the prompt", "/v1/chat/completions", chat("chat", f"My key is {ACCESS_KEY}."), status=422, attempts=0),
    Case("a budget that is spent", "/v1/chat/completions", chat("chat"), status=429, attempts=0, key="intern"),
    Case("the list of models", "/v1/models", None, attempts=0),
    Case("an unknown model", "/v1/chat/completions", chat("nope"), status=404, attempts=0),
    Case("a model not for this key", "/v1/chat/completions", chat("chat"), status=403, attempts=0, key="embeddings-only"),
    Case("an unknown key", "/v1/chat/completions", chat("chat"), status=401, attempts=0, key="unknown"),
]


class Demo:
    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.parts: list[stack.Part] = []
        self.keys = {name: f"hg-{secrets.token_urlsafe(32)}" for name in ("demo", "embeddings-only", "intern", "unknown")}
        self.env = {
            "HEADGATE_INGEST_TOKEN": secrets.token_urlsafe(32),
            "HEADGATE_OWNER_TOKEN": secrets.token_urlsafe(32),
            "ALPHA_API_KEY": secrets.token_urlsafe(24),
            "BETA_API_KEY": secrets.token_urlsafe(24),
        }
        self.collector = f"127.0.0.1:{stack.free_port()}"

    def claim(self) -> None:
        """Locks the folder until this process ends; otherwise a second demo would remove the first one's database."""
        self.lock = LOCK.open("a")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise stack.NotReady("a demo is running already; end it first, both use target/demo") from None

    def start(self) -> None:
        self.claim()
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir(parents=True)
        binaries = Path(self.options.bin)
        urls = {}
        for name in ("alpha", "beta"):
            say(f"==> starting provider {name}")
            part, urls[name] = stack.provider(binaries / "headgate-mock-provider", name, FOLDER / f"{name}.log")
            self.parts.append(part)
        say("==> starting the collector")
        data = FOLDER / "collector"
        self.parts.append(
            stack.collector(binaries / "headgate-collector", self.collector, data, FOLDER / "collector.log", self.env)
        )
        say("==> rendering the policy and starting Envoy")
        policy, out = FOLDER / "gateway.yaml", FOLDER / "envoy"
        policy.write_text(self.policy(urls))
        stack.render(binaries / "headgate", policy, out, Path(self.options.wasm))
        self.parts.append(stack.envoy(Path(self.options.envoy), out, FOLDER / "envoy.log", self.env))
        self.gateway = stack.listen_address(out)
        self.write_env()

    def policy(self, urls: dict[str, str]) -> str:
        digest = {name: hashlib.sha256(key.encode()).hexdigest() for name, key in self.keys.items()}
        return POLICY.format(
            listen=f"127.0.0.1:{self.options.port or stack.free_port()}",
            admin=f"127.0.0.1:{stack.free_port()}",
            collector=self.collector,
            sha256=digest["demo"],
            limited_sha256=digest["embeddings-only"],
            intern_sha256=digest["intern"],
            **urls,
        )

    def write_env(self) -> None:
        lines = {
            "HEADGATE_URL": f"http://{self.gateway}/v1",
            "HEADGATE_KEY": self.keys["demo"],
            "HEADGATE_COLLECTOR_URL": f"http://{self.collector}",
            "HEADGATE_OWNER_TOKEN": self.env["HEADGATE_OWNER_TOKEN"],
        }
        file = FOLDER / "demo.env"
        file.touch(mode=0o600)
        file.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))

    def send(self, case: Case) -> tuple[int, str]:
        """Sends a request and returns its status and request id."""
        body = None if case.body is None else json.dumps(case.body).encode()
        request = urllib.request.Request(f"http://{self.gateway}{case.path}", body)
        request.add_header("authorization", f"Bearer {self.keys[case.key]}")
        request.add_header("content-type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                answer.read()
                return answer.status, answer.headers["x-headgate-request-id"]
        except urllib.error.HTTPError as error:
            error.read()
            return error.code, error.headers["x-headgate-request-id"]

    def record(self, request_id: str) -> dict | None:
        """Returns the collector's record of the request, which arrives a moment after the answer."""
        request = urllib.request.Request(f"http://{self.collector}/v1/requests/{request_id}")
        request.add_header("authorization", f"Bearer {self.env['HEADGATE_OWNER_TOKEN']}")
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(request, timeout=5) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code != 404:
                    raise
            time.sleep(0.1)
        return None

    def play(self) -> bool:
        say()
        say(f"{'request':<26}{'served by':<30}{'tries':>5} {'status':>6} {'tokens':>9} {'USD':>13}  record")
        return all([self.show(case) for case in CASES])

    def show(self, case: Case) -> bool:
        status, request_id = self.send(case)
        record = self.record(request_id) or {}
        served = record.get("served_by")
        served_by = f"{served['provider']}/{served['model']}" if served else None
        attempts = len(record.get("attempts", []))
        usage, cost = record.get("usage"), record.get("cost")
        tokens = f"{usage['input_tokens']}+{usage['output_tokens']}" if usage else "-"
        money = f"{cost['nano_usd'] / 1e9:.9f}" if cost else "-"
        right = (status, record.get("status"), served_by, attempts) == (case.status, case.status, case.served_by, case.attempts)
        line = f"{case.title:<26}{served_by or '-':<30}{attempts:>5} {status:>6} {tokens:>9} {money:>13}  {request_id}"
        say(line if right else f"{line}  <- unexpected")
        return right

    def wait(self) -> None:
        say()
        say(f"gateway    http://{self.gateway}/v1    (any OpenAI client; HEADGATE_KEY is in target/demo/demo.env)")
        say(f"logs       http://{self.collector}/logs")
        # Made for this demo and valid on this machine while it runs.
        say(f"sign in    {self.env['HEADGATE_OWNER_TOKEN']}    (HEADGATE_OWNER_TOKEN is there too)")
        say()
        say("try        . target/demo/demo.env")
        say('           curl "$HEADGATE_URL/chat/completions" -H "authorization: Bearer $HEADGATE_KEY" \\')
        say('             -d \'{"model": "chat", "messages": [{"role": "user", "content": "hi"}]}\'')
        say('           curl "$HEADGATE_COLLECTOR_URL/v1/requests?limit=1" -H "authorization: Bearer $HEADGATE_OWNER_TOKEN"')
        say()
        say("Ctrl-C ends everything.")
        stack.watch(self.parts)

    def run(self) -> bool:
        self.start()
        right = self.play()
        if not self.options.once:
            self.wait()
        return right


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--envoy", required=True)
    parser.add_argument("--wasm", required=True)
    parser.add_argument("--bin", required=True, help="folder with headgate, headgate-collector, headgate-mock-provider")
    parser.add_argument("--port", type=int, help="port of the gateway (default: a free one)")
    parser.add_argument("--once", action="store_true", help="send the requests, print the results, and end")
    demo = Demo(parser.parse_args())
    return stack.supervise(demo.run)


if __name__ == "__main__":
    sys.exit(main())
