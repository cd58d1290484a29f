"""The native module on a real Envoy: faults in each of its hooks, many policies, and a process that is killed."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

import policy
import pytest
import wire
from gateway import BIN, ENVOY, MODULE, TOOLS, Gateway, wait_until
from test_policy_reload import with_alias
from test_protocols import Http2
from traffic import Traffic

pytestmark = pytest.mark.native_only

# Built by `just e2e-native`: it panics in the hook that a file names.
FAULTY = Path(os.environ.get("HEADGATE_NATIVE_FAULTS", TOOLS.parent / "native-faults/headgate-0.2.0.so"))

# Hooks of a stream, in the gate and in an attempt. A request with trailers goes through all of them.
STREAM = ["RequestHeaders", "RequestBody", "ResponseHeaders", "ResponseBody", "Attempt RequestHeaders", "Attempt ResponseHeaders"]
# Hooks at the end of a stream, after its answer.
END = ["Complete", "Destroy", "Log"]


class Faulty(Gateway):
    """A gateway with the module that panics where it is told to."""

    module = FAULTY

    def start(self) -> Faulty:
        self.fault_file = self.folder / "fault"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.fault("")
        self.env["HEADGATE_FAULT"] = str(self.fault_file)
        return super().start()

    def fault(self, hook: str) -> None:
        self.fault_file.write_text(hook)

    def faults(self) -> int:
        return self.log().count("a fault at")


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    if not FAULTY.exists():
        pytest.fail(f"{FAULTY} is missing: `just e2e-native` builds it")
    gateway = Faulty(tmp_path_factory.mktemp("faulty"), policy.shared, key_ids=policy.KEY_IDS)
    try:
        yield gateway.start()
        gateway.settle()
        assert gateway.envoy.process.poll() is None, "Envoy has ended"
    finally:
        gateway.stop()


def serves(gateway: Gateway) -> None:
    gateway.fault("")
    assert gateway.chat("ok").status == 200


@pytest.mark.parametrize("hook", STREAM)
def test_a_fault_in_a_hook_of_a_stream_lets_nothing_pass(faulty, hook):
    before = faulty.faults()
    faulty.fault(hook)
    try:
        answer = faulty.chat("ok")
        # What a provider has said must not pass, nor must the request reach it unexamined.
        assert answer.status >= 500 or not answer.whole, (answer.status, answer.body)
        assert b"Hello" not in answer.body
    except OSError:
        pass
    assert faulty.faults() > before
    serves(faulty)


def test_a_fault_in_trailers_lets_nothing_pass(faulty):
    before = faulty.faults()
    faulty.fault("RequestTrailers")
    trace = faulty.trace()
    try:
        Http2(faulty.listen).ask(faulty.head(trace), [b'{"model":"ok","messages":[]}'], [("x-trailer", "1")])
    except (OSError, AssertionError, KeyError):
        pass
    assert wait_until(lambda: faulty.faults() > before)
    faulty.fault("")
    # The client may have left before the answer.
    assert faulty.records(trace)[0]["status"] in (0, 500)
    serves(faulty)


@pytest.mark.parametrize("hook", END)
def test_a_fault_at_the_end_of_a_stream_keeps_the_record(faulty, hook):
    faulty.fault(hook)
    answer = faulty.chat("ok")
    assert answer.status == 200
    faulty.fault("")
    assert faulty.record(answer)["status"] == 200
    serves(faulty)


def test_a_fault_before_a_filter_is_made_lets_nothing_pass(faulty):
    faulty.fault("New")
    head = faulty.head("f" * 32, **{"content-type": "application/json"})
    try:
        # No record is expected: no gate was ever there.
        answer = wire.call(faulty.listen, "POST", "/v1/chat/completions", head, b'{"model":"ok","messages":[]}')
        assert answer.status >= 500
    except OSError:
        pass
    serves(faulty)


@pytest.mark.parametrize("hook", ["Tick", "Delivered"])
def test_records_arrive_after_a_fault_of_delivery(faulty, hook):
    before = faulty.faults()
    faulty.fault(hook)
    answer = faulty.chat("ok")
    assert answer.status == 200
    assert wait_until(lambda: faulty.faults() > before)
    faulty.fault("")
    assert faulty.record(answer)["status"] == 200


def test_a_fault_of_a_new_policy_keeps_the_old_one(faulty):
    before = faulty.faults()
    faulty.fault("Configure")
    faulty.render(with_alias(faulty, "never"))
    assert wait_until(lambda: faulty.faults() > before)
    assert faulty.chat("never").status == 404
    faulty.fault("")
    faulty.render(with_alias(faulty, "after-a-fault"))
    assert wait_until(lambda: faulty.chat("after-a-fault").status == 200)


def with_short_requests(gateway: Gateway, name: str) -> dict:
    """Returns a policy whose requests last about as long as a delivery: the last one often ends while one is under way."""
    changed = with_alias(gateway, name)
    changed["models"]["short"] = policy.alias(policy.target("alpha", "slow-first-byte-10"))
    changed["prices"]["alpha/slow-first-byte-10"] = policy.PRICE
    return changed


def test_fifty_policies_under_load(new_gateway):
    gateway = new_gateway(lambda gateway: with_short_requests(gateway, "first"))
    with Traffic(gateway, clients=4, aliases=("ok", "short", "status-503+ok", "short", "nope")) as traffic:
        for number in range(50):
            gateway.render(with_short_requests(gateway, f"number-{number}"))
            time.sleep(0.15)
    traffic.assert_all_served()
    assert wait_until(lambda: gateway.chat("number-49").status == 200)
    gateway.settle()
    gateway.assert_no_trap()
    revisions = {record["config_revision"] for record in gateway.all_records()}
    assert len(revisions) > 25, "the policies were in force one after the other"


def test_policies_that_end_on_a_worker_leave_no_call_behind(new_gateway):
    """The last stream of a policy ends on a worker while a call to the collector is under way on the main thread."""
    gateway = new_gateway(policy.shared)
    collector = gateway.collector.process
    for number in range(12):
        assert gateway.chat("ok").status == 200
        # It takes the call, and does not answer.
        collector.send_signal(signal.SIGSTOP)
        answers = []
        streams = [threading.Thread(target=lambda: answers.append(gateway.chat("stream-30-delay-20", stream=True))) for _ in range(4)]
        [stream.start() for stream in streams]
        time.sleep(0.15)
        gateway.render(with_alias(gateway, f"late-{number}"))
        [stream.join() for stream in streams]
        assert [answer.whole and answer.status for answer in answers] == [200] * 4
        # No worker waits until the call is given up for its time.
        begun = time.monotonic()
        assert [gateway.chat("ok").status for _ in range(8)] == [200] * 8
        assert time.monotonic() - begun < 2
        collector.send_signal(signal.SIGCONT)
    gateway.settle()
    gateway.assert_no_trap()
    assert "a call to the collector is made again" in gateway.log()
    assert "please report this" not in gateway.log()


def test_a_cooldown_holds_on_all_workers_at_once(new_gateway):
    gateway = new_gateway(policy.shared, workers=4)
    for _ in range(3):
        # Every worker has just looked at the targets in cooldown.
        with Traffic(gateway, clients=8, pause=0, aliases=("ok",)):
            time.sleep(0.1)
        for provider in gateway.providers.values():
            provider.control("DELETE", "/_seen")
        assert [gateway.chat("tired").status for _ in range(30)] == [200] * 30
        assert len(gateway.providers["alpha"].seen()) == 1, "only the first request tried the target"
        time.sleep(1.6)


def test_check_compares_the_module_with_envoy(new_gateway):
    gateway = new_gateway(policy.shared)
    check = ["check", gateway.folder / "gateway.yaml", "--native", MODULE]
    fits = gateway.headgate(*check, "--envoy-binary", ENVOY, "--envoy-version", "1.40")
    assert fits.returncode == 0, fits.stderr
    old = gateway.headgate(*check, "--envoy-version", "1.39")
    assert old.returncode == 1 and "Envoy 1.39 has another ABI" in old.stderr
    other = gateway.headgate(*check, "--envoy-binary", BIN / "headgate")
    assert other.returncode == 1 and "functions that the native module needs" in other.stderr
    none = gateway.headgate("check", gateway.folder / "gateway.yaml", "--native", gateway.folder / "gateway.yaml")
    assert none.returncode == 1 and "this is no native module" in none.stderr


def test_render_refuses_what_the_module_cannot_do(tmp_path, new_gateway):
    gateway = new_gateway(policy.shared)
    file = gateway.folder / "gateway.yaml"
    made = json.loads(file.read_text())
    unnamed = gateway.headgate("render", "envoy", file, "--out", tmp_path, "--native", tmp_path / "headgate.so")
    assert unnamed.returncode == 1 and "must have its version" in unnamed.stderr
    both = gateway.headgate("render", "envoy", file, "--out", tmp_path, "--native", "a", "--wasm", "b")
    assert both.returncode == 2
    other = gateway.headgate("render", "envoy", file, "--out", gateway.out, "--native", tmp_path / "headgate-0.2.0-b.so")
    assert other.returncode == 1 and "the native module changes" in other.stderr
    assert made["models"]
