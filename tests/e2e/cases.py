"""The case files of `tests/cases`, read the way the pure machines read them, and what each asks of the providers.

`tests/machine/case.rs` says what may stand in a case. PyYAML alone reads YAML 1.1, where `on` is a truth and `2020-01-01`
a date; the other readers of these files speak YAML 1.2, so the words are resolved by its rules here.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path

import yaml
from gateway import Gateway

FOLDER = Path(__file__).resolve().parents[1] / "cases"
POLICY = FOLDER / "gateway.yaml"

CASE = {"request", "providers", "expect", "machine_only"}
REQUEST = {"method", "path", "key", "headers", "body"}
ACT = {"provider", "fails", "status", "headers", "body", "breaks_off"}
EXPECT = {"status", "headers", "body", "json", "upstream", "record"}
UPSTREAM = {"path", "headers", "body"}


class Yaml12(yaml.SafeLoader):
    """YAML 1.2's core schema (10.3.2), without repeated keys."""

    yaml_implicit_resolvers: dict = {}

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"a key is there twice, {node.start_mark}"
        return super().construct_mapping(node, deep)


for tag, pattern, first in [
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
]:
    Yaml12.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(rf"(?:{pattern})$"), first)


def read(path: Path):
    with path.open() as text:  # a problem is then reported with the file's name
        return yaml.load(text, Yaml12)


def files() -> list[Path]:
    """Every file that is a case."""
    return sorted(path for path in FOLDER.rglob("*.yaml") if path != POLICY)


def name(path: Path) -> str:
    return path.relative_to(FOLDER).with_suffix("").as_posix()


def policy(gateway: Gateway) -> dict:
    """The policy of the cases, at this gateway's addresses. Nobody listens on port 9."""
    found = read(POLICY)
    collector = {"url": f"http://{gateway.collector_address}", "token": "${HEADGATE_INGEST_TOKEN}"}
    hosts = {name: provider.url for name, provider in gateway.providers.items()} | {"dead": "http://127.0.0.1:9"}
    for provider, settings in found["providers"].items():
        settings["url"] = re.sub(r"^http://[^/]+", hosts[provider], settings["url"])
    return {**found, "listen": gateway.listen, "admin": gateway.admin, "collector": collector}


def problems(case: dict) -> list[str]:
    """What a case says that means nothing, and what it would have to say."""
    acts, expect = case.get("providers", []), case.get("expect", {})
    parts = [(case, CASE), (case.get("request", {}), REQUEST), (expect, EXPECT)]
    parts += [(act, ACT) for act in acts] + [(one, UPSTREAM) for one in expect.get("upstream") or []]
    found = [f"{word} means nothing" for part, known in parts for word in part if word not in known]
    found += [f"{word} is missing" for word in ("request", "expect") if word not in case]
    found += [f"expect.{word} is missing" for word in ("status", "record") if word not in expect]
    found += [f"{act.get('fails')} is no failure" for act in acts if act.get("fails") not in (None, "connect", "timeout", "reset")]
    if any((act.get("fails") == "connect") != (act.get("provider") == "dead") for act in acts):
        found.append("nobody listens at `dead`, and at `dead` only")
    reason = case.get("machine_only")
    if "machine_only" in case and not (isinstance(reason, str) and re.fullmatch(r"\S+( \S+){3,}\.", reason.strip())):
        found.append("machine_only wants a sentence that says why")
    return found


def scripts(acts: list[dict], cut: int | None = None) -> list[tuple[str, dict]]:
    """The exact answers to queue, with the provider of each. `cut` splits the last act's body into two chunks."""
    queued = []
    for index, act in enumerate(acts):
        at = cut if index == len(acts) - 1 else None
        if act.get("fails") == "connect":
            continue
        queued.append((act["provider"], ENDS[act["fails"]] if "fails" in act else answer(act, at)))
    return queued


ENDS = {"reset": {"then": "reset"}, "timeout": {"then": "hang"}}


def answer(act: dict, cut: int | None) -> dict:
    body = act.get("body", "").encode()
    scripted = {"status": act.get("status", 200), "headers": act.get("headers", {})}
    if act.get("breaks_off"):
        scripted["then"] = "reset"
    if streams(act) or act.get("breaks_off"):
        pieces = [body] if cut is None else [body[:cut], body[cut:]]
        return {**scripted, "chunks": [bytes_of(piece) for piece in pieces if piece]}
    return {**scripted, "body": bytes_of(body)}


def bytes_of(data: bytes) -> dict:
    return {"base64": base64.b64encode(data).decode()}


def streams(act: dict) -> bool:
    return act.get("headers", {}).get("content-type", "").startswith("text/event-stream")


def cuts(body: bytes) -> list[int]:
    """Where a stream is split: every seventh byte, and at, before and behind each end of a line."""
    ends = [match.end() for match in re.finditer(rb"\r\n|\r|\n", body)]
    around = {end + step for end in ends for step in (-2, -1, 0, 1)}
    return sorted(cut for cut in around | set(range(7, len(body), 7)) if 0 < cut < len(body))
