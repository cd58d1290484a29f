"""A reader of others (`aics-tlog`) authenticates every tile and every entry bundle of both logs."""

from __future__ import annotations

import base64
import os
import sys
import urllib.error
import urllib.request

import pytest
from test_verifiers import Log

sys.path.append(os.environ.get("HEADGATE_AICS_WITNESS", ""))


class Reader:
    """Reads tiles without a token and bundles with one; `change` alters what was read."""

    def __init__(self, url: str, name: str, change=None):
        self.base, self.change = f"{url}/log/{name}/", change or (lambda path, data: data)

    def get(self, path: str, token: str | None = None) -> bytes | None:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        try:
            with urllib.request.urlopen(urllib.request.Request(self.base + path, headers=headers)) as answer:
                return self.change(path, answer.read())
        except urllib.error.HTTPError as error:
            assert error.code == 404, path
            return None

    def read_tile(self, level: int, index: int, width: int | None) -> bytes | None:
        from aics_tlog.tiles import tile_path

        return self.get(tile_path(level, index, width))

    def read_entry_bundle(self, index: int, width: int | None) -> bytes | None:
        from aics_tlog.tiles import entry_bundle_path

        return self.get(entry_bundle_path(index, width), "own")


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    one = Log(tmp_path_factory.mktemp("log"))
    one.send("/v1/audit.ndjson")
    one.audit_checkpoint()
    yield one
    one.process.terminate()
    assert one.process.wait() == 0


def state(log: Log, name: str) -> tuple[int, bytes]:
    _, size, root, *_ = log.send(f"/log/{name}/checkpoint").split(b"\n")
    return int(size), base64.b64decode(root)


@pytest.mark.parametrize("name", ["requests", "audit"])
def test_every_tile_and_every_bundle_is_authentic(log, name):
    from aics_tlog.verified import audit_tiles

    size, root = state(log, name)
    report = audit_tiles(Reader(log.url, name), size, root)
    assert (report.size, report.bundles) == (size, -(-size // 256))


def test_entries_are_those_of_the_log(log):
    from aics_tlog.tiles import read_entry
    from aics_tlog.verified import VerifiedTileReader

    reader = VerifiedTileReader(Reader(log.url, "requests"), *state(log, "requests"))
    for number in (1, 256, 257, 512, 700):
        assert read_entry(reader, number - 1, 700) == log.entry(number), number


@pytest.mark.parametrize("path", ["tile/0/001", "tile/entries/001", "tile/entries/002.p/188"])
def test_an_altered_byte_is_found(log, path):
    from aics_tlog.tiles import TileMissingError, TileVerificationError
    from aics_tlog.verified import audit_tiles

    changed = []

    def change(at: str, data: bytes) -> bytes:
        if at != path:
            return data
        changed.append(at)
        return data[:100] + bytes([data[100] ^ 1]) + data[101:]

    with pytest.raises((TileVerificationError, TileMissingError)):
        audit_tiles(Reader(log.url, "requests", change), *state(log, "requests"))
    assert changed
