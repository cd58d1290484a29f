"""Experiment."""
from __future__ import annotations
import json, time, urllib.request
import policy
from gateway import Gateway

FIELDS = ["request_id", "model", "provider", "served_model", "key", "input_tokens", "output_tokens", "cost_usd", "decision"]

class Logged(Gateway):
    def render(self, policy=None):
        super().render(policy)
        path = self.out / "lds.json"
        text = json.loads(path.read_text())
        hcm = text["resources"][0]["filter_chains"][0]["filters"][0]["typed_config"]
        form = {f: f"%FILTER_STATE(wasm.headgate_{f}:PLAIN)%" for f in FIELDS} | {"status": "%RESPONSE_CODE%", "details": "%RESPONSE_CODE_DETAILS%", "trace": "%REQ(TRACEPARENT)%"}
        hcm["access_log"].append({"name": "envoy.access_loggers.file", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog", "path": str(self.folder / "access.log"), "log_format": {"json_format": form}}})
        path.write_text(json.dumps(text))

def make(gateway):
    p = policy.shared(gateway)
    p["metrics"] = True
    p["logging"]["access_log_fields"] = FIELDS
    return p

def test_x(tmp_path):
    g = Logged(tmp_path / "g", make, key_ids=policy.KEY_IDS)
    g.start()
    try:
        for m in ("ok", "status-503+ok", "nope", "status-400", "all-down"):
            print(m, g.chat(m).status)
        print(g.chat("ok", key="expired").status)
        print(g.chat("ok", stream=True).status)
        print(g.call(None, path="/v1/models", method="GET").status)
        print(g.call(None, path="/healthz", method="GET").status)
        time.sleep(8)
        with urllib.request.urlopen(f"http://{g.admin}/stats/prometheus") as a: text = a.read().decode()
        print("\n".join(l for l in text.splitlines() if ("headgate_" in l or "gen_ai" in l) and "_bucket" not in l and "envoy_http" not in l and not l.startswith("envoy_cluster_u")))
        print("\n".join([l for l in text.splitlines() if "gen_ai" in l and "_bucket" in l][:20]))
        with urllib.request.urlopen(f"http://{g.admin}/stats?filter=wasmcustom") as a: print(a.read().decode()[:6000])
        print((g.folder / "access.log").read_text())
        print("\n".join(l for l in g.log().splitlines() if "warn" in l or "error" in l)[-3000:])
    finally:
        g.stop()
