"""The manifests of deploy/kubernetes: valid by the schemas of Kubernetes, whole, without a secret, and a policy that serves."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from gateway import BIN, ENVOY, MODULE, ROOT, stack
from test_listener_tls import ask

FOLDER = ROOT / "deploy/kubernetes"
# The oldest and the newest version whose schemas the package has, and that Kubernetes' users run.
VERSIONS = ("1.29", "1.37")
BASE = FOLDER / "base"
KUSTOMIZATIONS = [BASE, FOLDER / "overlays/tls"]


def documents(path: Path) -> list[dict]:
    return [one for one in yaml.safe_load_all(path.read_text()) if one]


def manifests(folder: Path = BASE) -> list[dict]:
    """Returns the objects of the resources that a kustomization names."""
    [kustomization] = documents(folder / "kustomization.yaml")
    return [one for name in kustomization["resources"] for one in documents(folder / name)]


def objects(kind: str) -> dict[str, dict]:
    return {one["metadata"]["name"]: one for one in manifests() if one["kind"] == kind}


def pods() -> dict[str, dict]:
    """Returns the pods' templates by the name of their object."""
    owners = objects("Deployment") | objects("StatefulSet")
    return {name: owner["spec"]["template"] for name, owner in owners.items()}


def errors(manifest: dict, version: str) -> str:
    try:
        kubernetes_validate.validate(manifest, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{manifest['kind']} {manifest['metadata']['name']}: {error.message}"
    return ""


@pytest.mark.parametrize("version", VERSIONS)
def test_manifests_are_valid(version):
    found = manifests()
    assert len(found) == 7
    assert [problem for problem in (errors(one, version) for one in found) if problem] == []
    broken = json.loads(json.dumps(objects("Deployment")["headgate-gateway"]))
    broken["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    assert errors(broken, version), "the schemas accept a misspelt key"


@pytest.mark.parametrize("folder", KUSTOMIZATIONS, ids=lambda folder: folder.name)
@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_kustomizations_build(folder):
    done = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    built = [one for one in yaml.safe_load_all(done.stdout) if one]
    assert len(built) == 8
    assert [problem for version in VERSIONS for one in built if (problem := errors(one, version))] == []
    assert {one["metadata"]["namespace"] for one in built} == {"headgate"}
    [config] = [one for one in built if one["kind"] == "ConfigMap"]
    [deployment] = [one for one in built if one["kind"] == "Deployment"]
    volumes = {volume["name"]: volume for volume in deployment["spec"]["template"]["spec"]["volumes"]}
    assert volumes["policy"]["configMap"]["name"] == config["metadata"]["name"] != "headgate-policy"
    assert ("tls" in volumes) == (folder != BASE) == ("certificate_file" in config["data"]["gateway.yaml"])


def test_everything_that_is_named_exists():
    for name, pod in pods().items():
        spec = pod["spec"]
        volumes = {volume["name"] for volume in spec.get("volumes", [])}
        volumes |= {claim["metadata"]["name"] for claim in (objects("StatefulSet").get(name) or {"spec": {}})["spec"].get("volumeClaimTemplates", [])}
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
            ports = {port["name"] for port in container.get("ports", [])}
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                assert probe not in container or container[probe]["httpGet"]["port"] in ports
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
            }  # fmt: skip
        assert spec["securityContext"]["runAsNonRoot"] and spec["automountServiceAccountToken"] is False
    labels = [pod["metadata"]["labels"] for pod in pods().values()]
    selectors = [one["spec"]["selector"] for one in objects("Service").values()]
    selectors += [one["spec"]["selector"]["matchLabels"] for one in objects("PodDisruptionBudget").values()]
    selectors += [one["spec"]["podSelector"]["matchLabels"] for one in objects("NetworkPolicy").values()]
    assert len(selectors) == 5 and all(selector in labels for selector in selectors)


def test_secrets_are_only_referred_to():
    assert objects("Secret") == {}
    text = "".join(path.read_text() for path in FOLDER.rglob("*.yaml"))
    assert not re.search(r"sk-[A-Za-z0-9]|PRIVATE KEY|password:", text)
    [envoy] = pods()["headgate-gateway"]["spec"]["containers"]
    assert all("value" not in variable for variable in envoy["env"])
    read = set(re.findall(r"\$\{(\w+)\}", (BASE / "policy.yaml").read_text()))
    assert read == {"HEADGATE_INGEST_TOKEN", "OPENAI_API_KEY"}


def test_a_pod_has_time_to_drain():
    pod = pods()["headgate-gateway"]["spec"]
    [envoy] = pod["containers"]
    command = envoy["lifecycle"]["preStop"]["exec"]["command"]
    assert int(command[command.index("--wait") + 1]) < pod["terminationGracePeriodSeconds"]


@pytest.mark.parametrize("folder", KUSTOMIZATIONS, ids=lambda folder: folder.name)
def test_policy_serves_health_on_the_probed_port(folder, tmp_path):
    """The policy as the init container renders it, on free ports of this machine."""
    checked = subprocess.run([str(BIN / "headgate"), "check", str(folder / "policy.yaml")], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    written = (folder / "policy.yaml").read_text()
    [envoy] = pods()["headgate-gateway"]["spec"]["containers"]
    assert {port["name"]: port["containerPort"] for port in envoy["ports"]} == {"http": 8080, "health": 8081}
    listen, health, admin = (f"127.0.0.1:{stack.free_port()}" for _ in range(3))
    written = written.replace("0.0.0.0:8080", listen).replace("0.0.0.0:8081", health).replace("/etc/headgate/tls", str(tmp_path))
    policy = tmp_path / "gateway.yaml"
    policy.write_text(f"{written}admin: {admin}\n")
    if folder != BASE:
        import trustme

        leaf = trustme.CA().issue_cert("localhost")
        leaf.cert_chain_pems[0].write_to_path(str(tmp_path / "tls.crt"))
        leaf.private_key_pem.write_to_path(str(tmp_path / "tls.key"))
    stack.render(BIN / "headgate", policy, tmp_path / "envoy", MODULE)
    part = stack.envoy(ENVOY, tmp_path / "envoy", tmp_path / "envoy.log", {"HEADGATE_INGEST_TOKEN": "t", "OPENAI_API_KEY": "k"})
    try:
        assert ask(health, "/healthz") == 200
        assert ask(health, "/v1/models") == 404
    finally:
        part.stop()
