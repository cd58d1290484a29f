"""A collector with forwarders, and receivers: real ones, and a stand-in that fails in every way."""

from __future__ import annotations

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/e2e"), str(ROOT / "envoy")]

from collector import record  # noqa: E402
from stack import free_port  # noqa: E402

BINARY = ROOT / "target/debug/headgate-collector"
TOOLS = ROOT / "target/tools/receivers"
# Behind everything else: it is there for what is nowhere else.
sys.path.append(str(TOOLS))
PATIENCE_S = 120
SECRET = "s3cr3t-t0ken-of-the-receiver"  # noqa: S105


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(holds, what: str, patience: float = PATIENCE_S):
    """Polls until it holds; returns its last value."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        value = holds()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError(f"waited in vain: {what}")


def new_log_key() -> str:
    made = subprocess.run([BINARY, "log-key", "new", "--name", "logs.example.com/test"], capture_output=True, text=True, check=True)
    return next(line.removeprefix("log_key=") for line in made.stdout.splitlines() if line.startswith("log_key="))


class Collector:
    """A collector on its own folder, with the forwarders of these tables."""

    def __init__(self, folder: Path, *forwarders: dict, anchors: tuple[dict, ...] = (), store: str | None = None, **variables: str):
        self.folder, self.port, self.store = folder, free_port(), store
        folder.mkdir(parents=True, exist_ok=True)
        self.variables = {"RECEIVER_TOKEN": SECRET} | variables
        self.configure(*forwarders, anchors=anchors)
        self.start()

    def configure(self, *forwarders: dict, anchors: tuple[dict, ...] = ()):
        """Writes the settings for the next start."""
        named = [*(("forwarders", one) for one in forwarders), *(("anchors", one) for one in anchors)]
        tables = [f"[[{name}]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in one.items()) for name, one in named]
        (self.folder / "collector.toml").write_text("\n".join(tables))

    def start(self):
        place = ["--store", self.store] if self.store else ["--data", self.folder / "data"]
        tokens = {"HEADGATE_INGEST_TOKEN": "in", "HEADGATE_OWNER_TOKEN": "own"}
        log = (self.folder / "log").open("a")
        command = [BINARY, "serve", "--config", self.folder / "collector.toml", *place, "--listen", f"127.0.0.1:{self.port}"]
        self.process = subprocess.Popen(
            command, env=os.environ | tokens | self.variables, stdout=subprocess.PIPE, stderr=log, text=True
        )
        line = self.process.stdout.readline()
        assert line.startswith("listening"), (self.folder / "log").read_text()

    def stop(self):
        self.process.terminate()
        assert self.process.wait() == 0

    def kill(self):
        self.process.kill()
        self.process.wait()

    def ask(self, method: str, path: str, body: dict | None = None, token: str = "own"):
        data = None if body is None else json.dumps(body).encode()
        url = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, data, {"authorization": f"Bearer {token}"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def send(self, first: int, last: int, **members):
        for begin in range(first, last + 1, 500):
            records = [record(number) | members for number in range(begin, min(begin + 500, last + 1))]
            batch = {"node": "n", "boot": "b", "dropped": 0, "records": records}
            status, answer = self.ask("POST", "/v1/ingest/requests", batch, "in")
            assert status == 200, answer

    def export(self, log: str = "requests") -> list[bytes]:
        """Returns the stored bytes of a log, in order."""
        url = f"http://127.0.0.1:{self.port}/v1/{log}.ndjson?order=asc"
        request = urllib.request.Request(url, headers={"authorization": "Bearer own"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read().splitlines()

    def forwarder(self, name: str) -> dict:
        status, answer = self.ask("GET", "/v1/forwarders")
        assert status == 200
        return next(one for one in answer["data"] if one["id"] == name)

    def progress(self, name: str, log: str = "requests") -> dict:
        return next(one for one in self.forwarder(name)["logs"] if one["log"] == log)

    def delivered(self, name: str, position: int):
        """Waits until the request log is done up to a position."""
        wait_until(lambda: self.progress(name)["position"] >= position, f"{name} at {position}: {self.forwarder(name)}")

    def packet(self, patience: float = PATIENCE_S, **order: str) -> Path:
        """Makes an evidence packet; returns its file."""
        status, made = self.ask("POST", "/v1/packets", {"from": "2026-01-01", "to": "2026-02-01"} | order)
        assert status in (200, 201, 202), made
        name = made["id"]
        state = lambda: self.ask("GET", f"/v1/packets/{name}")[1]["state"]  # noqa: E731
        assert wait_until(lambda: (lambda found: found if found in ("ready", "failed") else None)(state()), "the packet", patience) == "ready"
        [file] = self.folder.rglob(f"*{name}*.zip")
        return file

    def audit(self, kind: str) -> list[dict]:
        return [json.loads(line) for line in self.export("audit") if json.loads(line)["type"] == kind]


class Answer:
    """What the stand-in does with a call."""

    def __init__(self, status=200, body=b"{}", headers=(), before=0.0, cut=False):
        self.status, self.body, self.headers, self.before, self.cut = status, body, dict(headers), before, cut


class StandIn:
    """A receiver that answers as it is told, and keeps the bodies that it has taken."""

    def __init__(self, answer=None):
        self.answer = answer or (lambda call: Answer())
        self.calls, self.lock = [], threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body of an answer are two writes: the second would wait 40 ms for the caller's delayed acknowledgement.
            disable_nagle_algorithm = True

            def do_POST(self):  # noqa: N802
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                call = {"path": self.path, "headers": {name.lower(): value for name, value in self.headers.items()}, "body": body, "at": time.monotonic()}
                with outer.lock:
                    call["number"] = len(outer.calls)
                    outer.calls.append(call)
                answer = outer.answer(call)
                call["status"] = answer.status
                time.sleep(answer.before)
                if answer.cut:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            do_GET = do_PUT = do_POST  # noqa: N815

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def events(self, status: int = 200) -> list[dict]:
        """Returns the CloudEvents of all calls with this answer."""
        with self.lock:
            return [event for call in self.calls if call.get("status") == status for event in json.loads(call["body"])]

    def numbers(self) -> list[int]:
        """Returns the numbers of the records that were taken, in order."""
        return [event["data"]["seq"] for event in self.events() if event["type"] == "headgate.request.v1"]


class Program:
    """A receiver that is a program: its output goes to a file."""

    def __init__(self, folder: Path, command: list, port: int | None = None, **variables: str):
        folder.mkdir(parents=True, exist_ok=True)
        self.out = folder / "out"
        self.process = subprocess.Popen(
            command, env=os.environ | variables, stdin=subprocess.PIPE, stdout=self.out.open("ab"),
            stderr=(folder / "err").open("ab"), start_new_session=True,
        )  # fmt: skip
        if port:
            wait_until(lambda: self.process.poll() is not None or listens(port), f"{command[0]} listens")
            assert self.process.poll() is None, (folder / "err").read_text()

    def stop(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def lines(self) -> list[dict]:
        """Returns the objects of the output, without a last line that is not whole."""
        return [json.loads(line) for line in self.out.read_bytes().split(b"\n")[:-1] if line]


def tenzir(folder: Path, source: str) -> tuple[Program, int]:
    """Starts a pipeline of Tenzir that prints everything that a source takes."""
    port = free_port()
    pipeline = source.replace("PORT", str(port)) + "\nwrite_ndjson\nsave_stdout"
    variables = {"PYTHONPATH": str(TOOLS)}
    return Program(folder, [TOOLS / "bin/tenzir", "--bare-mode", pipeline], port, **variables), port


def certificate(folder) -> dict:
    """Makes an authority and a certificate for `localhost`."""
    files = {name: folder / f"{name}.pem" for name in ("ca", "cert", "key", "ca_key", "request")}
    openssl = lambda *words: subprocess.run(["openssl", *words], check=True, capture_output=True)  # noqa: E731
    new = ["-newkey", "rsa:2048", "-nodes"]
    openssl("req", "-x509", *new, "-keyout", files["ca_key"], "-out", files["ca"], "-subj", "/CN=test authority", "-days", "2")
    openssl("req", *new, "-keyout", files["key"], "-out", files["request"], "-subj", "/CN=localhost")
    (folder / "ext").write_text("subjectAltName=DNS:localhost\n")
    openssl("x509", "-req", "-in", files["request"], "-CA", files["ca"], "-CAkey", files["ca_key"], "-CAcreateserial",
            "-out", files["cert"], "-days", "2", "-extfile", folder / "ext")  # fmt: skip
    return files


class S3:
    """A store of objects that is not ours: moto, with its own client."""

    def __init__(self, folder: Path, *, locks: bool = False, **variables: str):
        port = free_port()
        moto = TOOLS.parent / "moto"
        server = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        self.program = Program(folder, server, port, PYTHONPATH=str(moto), **variables)
        if str(moto) not in sys.path:
            sys.path.append(str(moto))
        import boto3

        self.url = f"http://127.0.0.1:{port}"
        self.client = boto3.client(
            "s3", endpoint_url=self.url, region_name="eu-central-1", aws_access_key_id="key", aws_secret_access_key=SECRET
        )
        place = {"LocationConstraint": "eu-central-1"}
        self.client.create_bucket(Bucket="logs", CreateBucketConfiguration=place, ObjectLockEnabledForBucket=locks)

    def files(self) -> dict[str, bytes]:
        listed = self.client.list_objects_v2(Bucket="logs").get("Contents", [])
        return {one["Key"]: self.client.get_object(Bucket="logs", Key=one["Key"])["Body"].read() for one in listed}

    def stop(self):
        self.program.stop()
