"""Makes a copy of the filter's module in which one callback is replaced by a trap.

The rest is the product as it is built. A trap in any callback ends the whole VM, so this shows the effect of a real one.
"""

from __future__ import annotations

from pathlib import Path

FUNCTION, EXPORT, CODE, IMPORT = 3, 7, 10, 2
# A body of two bytes after its length: no locals, `unreachable`, `end`.
TRAP = bytes([3, 0, 0x00, 0x0B])


def number(data: bytes, at: int) -> tuple[int, int]:
    """Reads an unsigned LEB128 number, and returns it with its end."""
    value = shift = 0
    while True:
        byte = data[at]
        value, at, shift = value | (byte & 0x7F) << shift, at + 1, shift + 7
        if byte < 0x80:
            return value, at


def encoded(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def sections(module: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 8
    while at < len(module):
        kind = module[at]
        size, start = number(module, at + 1)
        found.append((kind, module[start : start + size]))
        at = start + size
    return found


def imported_functions(section: bytes) -> int:
    count, at = number(section, 0)
    functions = 0
    for _ in range(count):
        for _ in range(2):
            length, at = number(section, at)
            at += length
        kind = section[at]
        assert kind == 0, "the module imports functions alone"
        functions += 1
        _, at = number(section, at + 1)
    return functions


def with_export(section: bytes, name: bytes, function: int) -> tuple[bytes, int]:
    """Returns the exports with another function under this name, and the original function."""
    entry = encoded(len(name)) + name + b"\0"
    at = section.index(entry) + len(entry)
    old, end = number(section, at)
    return section[:at] + encoded(function) + section[end:], old


def appended(section: bytes, item: bytes) -> bytes:
    count, at = number(section, 0)
    return encoded(count + 1) + section[at:] + item


def trapping(module: bytes, callback: str) -> bytes:
    """Returns the module with `callback` replaced by a function of the same type that traps."""
    parts = dict(sections(module))
    imported = imported_functions(parts[IMPORT])
    count, at = number(parts[FUNCTION], 0)
    types = []
    for _ in range(count):
        kind, at = number(parts[FUNCTION], at)
        types.append(kind)
    exports, old = with_export(parts[EXPORT], callback.encode(), imported + count)
    changed = {
        FUNCTION: appended(parts[FUNCTION], encoded(types[old - imported])),
        EXPORT: exports,
        CODE: appended(parts[CODE], TRAP),
    }
    out = module[:8]
    for kind, content in sections(module):
        content = changed.get(kind, content)
        out += bytes([kind]) + encoded(len(content)) + content
    return out


def module_that_dies(module: Path, callback: str, to: Path) -> Path:
    to.write_bytes(trapping(module.read_bytes(), callback))
    return to
