"""Builds the files of a release into target/dist: the module, the native module, the two programs, a bill of materials for each, the module as an
OCI image layout, and SHA256SUMS.

The same commit gives the same bytes, wherever the checkout lies: paths are remapped, and the only time in the files is
SOURCE_DATE_EPOCH, by default the time of the commit.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import uuid
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "target/dist"
# Apart from other builds, which have other flags.
BUILD = ROOT / "target/release-build"
WASM_TARGET = "wasm32-wasip1"
PROGRAMS = ["headgate", "headgate-collector"]
# Envoy's own programs are linked to glibc. The module needs the one of this machine or a newer one: release on Debian 12.
GLIBC_TARGET = f"{os.uname().machine}-unknown-linux-gnu"


def output(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def epoch() -> int:
    return int(os.environ.get("SOURCE_DATE_EPOCH") or output("git", "log", "-1", "--format=%ct"))


def native_target() -> str:
    """Static binaries need musl and its C compiler; without them the programs link to the machine's glibc."""
    machine = os.uname().machine
    musl, gnu = f"{machine}-unknown-linux-musl", f"{machine}-unknown-linux-gnu"
    if musl in output("rustup", "target", "list", "--installed").split() and shutil.which("musl-gcc"):
        return musl
    print(
        f"headgate: building for {gnu}; static programs need musl: apt-get install musl-tools && rustup target add {musl}",
        file=sys.stderr,
    )
    return gnu


def remapped() -> list[tuple[str, str]]:
    """Folders of this machine, and the names that stand for them in the files."""
    cargo = os.environ.get("CARGO_HOME", str(Path.home() / ".cargo"))
    return [(str(ROOT), "/headgate"), (cargo, "/cargo"), (output("rustc", "--print", "sysroot"), "/rust")]


def build(target: str, profile: str, packages: list[str]) -> Path:
    """Builds packages; returns the folder of the results."""
    flags = [f"--remap-path-prefix={folder}={name}" for folder, name in remapped()]
    c_flags = " ".join(f"-ffile-prefix-map={folder}={name}" for folder, name in remapped())
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch()), "CFLAGS": c_flags, "CARGO_INCREMENTAL": "0"}
    # Added to the flags in .cargo/config.toml, which RUSTFLAGS would replace.
    config = f"target.{target}.rustflags={json.dumps(flags)}"
    command = ["cargo", "build", "--quiet", "--locked", "--config", config, "--target-dir", str(BUILD)]
    command += ["--target", target, "--profile", profile]
    for package in packages:
        command += ["-p", package]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    return BUILD / target / profile


def tryout(target: str) -> Path:
    """Builds the module that the collector's try-out page loads; returns its folder."""
    module = build("wasm32-unknown-unknown", "browser", ["headgate-tryout"]) / "headgate_tryout.wasm"
    generator = build(target, "release", ["headgate-tryout-bindgen"]) / "headgate-tryout-bindgen"
    folder = BUILD / "tryout"
    folder.mkdir(exist_ok=True)
    subprocess.run([generator, module, folder], check=True)
    return folder


def sbom(package: str, target: str) -> bytes:
    """CycloneDX 1.5 of a package: every crate that is linked into it for the target, with the checksums of Cargo.lock."""
    metadata = json.loads(output("cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", target))
    packages = {one["id"]: one for one in metadata["packages"]}
    nodes = {one["id"]: one for one in metadata["resolve"]["nodes"]}
    root = next(id for id, one in packages.items() if one["name"] == package and one["source"] is None)
    linked, waiting = {}, [root]
    while waiting:
        id = waiting.pop()
        if id not in linked:
            normal = [dep["pkg"] for dep in nodes[id]["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])]
            linked[id] = sorted(normal)
            waiting += normal
    sums = checksums()
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{package} {target} {epoch()}')}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(epoch(), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": component(packages[root], sums, "application"),
        },
        "components": [component(packages[id], sums, "library") for id in by_name(packages, linked) if id != root],
        "dependencies": [
            {"ref": reference(packages[id]), "dependsOn": sorted(reference(packages[on]) for on in linked[id])}
            for id in by_name(packages, linked)
        ],
    }
    return (json.dumps(document, indent=2) + "\n").encode()


def by_name(packages: dict, ids) -> list[str]:
    return sorted(ids, key=lambda id: (packages[id]["name"], packages[id]["version"]))


def checksums() -> dict[tuple[str, str], str]:
    """SHA-256 of each crate of the registry, by name and version."""
    entries = re.findall(r'name = "(.+)"\nversion = "(.+)"\nsource = .+\nchecksum = "(.+)"', (ROOT / "Cargo.lock").read_text())
    return {(name, version): checksum for name, version, checksum in entries}


def reference(package: dict) -> str:
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package: dict, sums: dict, kind: str) -> dict:
    made = {"type": kind, "bom-ref": reference(package), "name": package["name"], "version": package["version"]}
    if package["license"]:
        # Old manifests write a slash for OR.
        made["licenses"] = [{"expression": re.sub(r"\s*/\s*", " OR ", package["license"])}]
    if checksum := sums.get((package["name"], package["version"])):
        made["hashes"] = [{"alg": "SHA-256", "content": checksum}]
        made["purl"] = reference(package)
    return made


def oci_layout(wasm: Path, version: str) -> dict[str, bytes]:
    """Files of an OCI image layout with the module as the one layer, as hosts of Wasm modules pull it."""
    blobs: dict[str, bytes] = {}

    def blob(media_type: str, content: bytes, **more) -> dict:
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = content
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content), **more}

    def text(value: dict) -> bytes:
        return json.dumps(value, separators=(",", ":")).encode()

    created = datetime.fromtimestamp(epoch(), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    title = {"org.opencontainers.image.title": wasm.name}
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": blob("application/vnd.module.wasm.config.v1+json", text({"name": "headgate", "version": version})),
        "layers": [blob("application/vnd.module.wasm.content.layer.v1+wasm", wasm.read_bytes(), annotations=title)],
        "annotations": {"org.opencontainers.image.version": version, "org.opencontainers.image.created": created},
    }
    name = {"org.opencontainers.image.ref.name": version}
    index = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [blob("application/vnd.oci.image.manifest.v1+json", text(manifest), annotations=name)],
    }
    return {"oci-layout": text({"imageLayoutVersion": "1.0.0"}), "index.json": text(index), **blobs}


def tar(files: dict[str, bytes]) -> bytes:
    """A tar archive without owners or times of this machine."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = len(content), epoch(), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def native_module(version: str) -> Path:
    """Returns the place of the native module. Its name has its version, because Envoy never loads a path twice."""
    return DIST / f"headgate-{version}-{GLIBC_TARGET}.so"


def main() -> None:
    version = re.search(r'^version = "(.+)"', (ROOT / "Cargo.toml").read_text(), re.M).group(1)
    target = native_target()
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir(parents=True)
    wasm = DIST / "headgate.wasm"
    shutil.copyfile(build(WASM_TARGET, "wasm", ["headgate-filter"]) / "headgate_filter.wasm", wasm)
    (DIST / "headgate.wasm.cdx.json").write_bytes(sbom("headgate-filter", WASM_TARGET))
    (DIST / "headgate.wasm.oci.tar").write_bytes(tar(oci_layout(wasm, version)))
    native = native_module(version)
    shutil.copy(build(GLIBC_TARGET, "native", ["headgate-native"]) / "libheadgate_native.so", native)
    (DIST / f"{native.name}.cdx.json").write_bytes(sbom("headgate-native", GLIBC_TARGET))
    os.environ["HEADGATE_TRYOUT"] = str(tryout(target))
    built = build(target, "dist", PROGRAMS)
    for program in PROGRAMS:
        name = f"{program}-{version}-{target}"
        shutil.copy(built / program, DIST / name)
        (DIST / f"{name}.cdx.json").write_bytes(sbom(program, target))
    names = sorted(file.name for file in DIST.iterdir())
    sums = "".join(f"{hashlib.sha256((DIST / name).read_bytes()).hexdigest()}  {name}\n" for name in names)
    (DIST / "SHA256SUMS").write_text(sums)
    print(sums, end="")


if __name__ == "__main__":
    main()
