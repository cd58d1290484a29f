"""Circles of files: groups of files in one crate that use each other, directly or through others.

Reads the `use` lines and paths like `crate::a::b` of each crate, follows re-exports to the file that defines the name, and looks
for strongly connected groups. `python3 tests/house/circles.py` fails on a circle that `circles.txt` beside it does not list,
and on a listed one that is gone or smaller: the list may only shrink.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).with_name("circles.txt")

PATH = re.compile(r"\b(?:crate|self|super)(?:::\w+)+")
USE = re.compile(r"^[ \t]*(?:pub(?:\([^)]*\))?[ \t]+)?use[ \t]+([^;]+);", re.M)
REEXPORT = re.compile(r"^[ \t]*pub(?:\([^)]*\))?[ \t]+use[ \t]+([^;]+);", re.M)
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)
TESTS = re.compile(r"#\[cfg\(test\)\]\s*mod \w+ \{.*\Z", re.S)


def crates() -> list[Path]:
    """Returns the folders of the workspace's crates that have sources of their own."""
    members = re.search(r"members = \[(.*?)\]", (ROOT / "Cargo.toml").read_text(), re.S).group(1)
    return [ROOT / name for name in re.findall(r'"([^"]+)"', members) if (ROOT / name / "src").is_dir()]


def module_of(source: Path, file: Path) -> tuple[str, ...]:
    """`src/a/b.rs` and `src/a/b/mod.rs` are `a::b`; `lib.rs` and `main.rs` are the root."""
    parts = list(file.relative_to(source).with_suffix("").parts)
    if parts[-1] in ("mod", "lib", "main") and (parts[-1] == "mod" or len(parts) == 1):
        parts.pop()
    return tuple(parts)


def expand(tree: str, before: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], str]]:
    """Returns the paths of a `use` tree, each with its name: `a::{b, c as d}` is a::b named b and a::c named d."""
    tree = tree.strip()
    if (brace := tree.find("{")) >= 0:
        start = before + tuple(part for part in tree[:brace].strip().split("::") if part)
        return [found for part in split(tree[brace + 1 : tree.rindex("}")]) for found in expand(part, start)]
    path, _, name = (part.strip() for part in tree.partition(" as "))
    parts = before + tuple(part.strip() for part in path.split("::") if part.strip())
    if parts and parts[-1] == "self":
        parts = parts[:-1]
    return [(parts, name or parts[-1])] if parts else []


def split(text: str) -> list[str]:
    """Splits at commas outside braces."""
    parts, depth, start = [], 0, 0
    for at, char in enumerate(text):
        depth += (char == "{") - (char == "}")
        if char == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [part for part in [*parts, text[start:]] if part.strip()]


class Crate:
    """The files of one crate, and the names that each re-exports."""

    def __init__(self, folder: Path):
        self.name = str(folder.relative_to(ROOT))
        source = folder / "src"
        self.text = {}
        for file in sorted(source.rglob("*.rs")):
            module = module_of(source, file)
            if file.stem != "tests" and "tests" not in module:
                self.text[module] = TESTS.sub("", COMMENT.sub("", file.read_text()))
        self.exports = {module: self.reexports(module) for module in self.text}

    def reexports(self, module: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        found = {}
        for tree in REEXPORT.findall(self.text[module]):
            for path, name in expand(tree):
                if (absolute := self.absolute(module, path)) is not None:
                    found[name] = absolute
        return found

    def absolute(self, module: tuple[str, ...], path: tuple[str, ...]) -> tuple[str, ...] | None:
        """Returns a path from the crate's root, or none if it leads out of the crate."""
        if path[0] == "crate":
            return path[1:]
        if path[0] not in ("self", "super"):
            # Relative to the file's own module, as `pub use child::Name`.
            return module + path if module + path[:1] in self.text else None
        at = module
        for place, part in enumerate(path):
            if part == "super":
                at = at[:-1]
            elif part != "self":
                return at + path[place:]
        return at

    def file_of(self, path: tuple[str, ...], hops: int = 8) -> tuple[str, ...] | None:
        """Returns the module whose file defines the name of a path."""
        module = next((path[:end] for end in range(len(path), -1, -1) if path[:end] in self.text), None)
        if module is None:
            return None
        rest = path[len(module) :]
        if rest and hops and (target := self.exports[module].get(rest[0])) is not None:
            return self.file_of(target + rest[1:], hops - 1)
        return module

    def uses(self, module: tuple[str, ...]) -> set[tuple[str, ...]]:
        """Returns the other modules that a module's file names."""
        text = self.text[module]
        paths = [path for tree in USE.findall(REEXPORT.sub("", text)) for path, _ in expand(tree)]
        paths += [tuple(path.split("::")) for path in PATH.findall(USE.sub("", text))]
        found = {self.file_of(absolute) for path in paths if (absolute := self.absolute(module, path)) is not None}
        return found - {module, None}

    def circles(self) -> list[frozenset[str]]:
        graph = {module: self.uses(module) for module in self.text}
        return [frozenset("::".join(module) or "crate" for module in group) for group in groups(graph) if len(group) > 1]


def groups(graph: dict) -> list[set]:
    """Returns the strongly connected groups of a graph (Tarjan's algorithm, without recursion)."""
    index, low, on_stack, stack, found = {}, {}, set(), [], []
    for root in graph:
        if root in index:
            continue
        work = [(root, iter(sorted(graph[root])))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, rest = work[-1]
            for other in rest:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    on_stack.add(other)
                    work.append((other, iter(sorted(graph[other]))))
                    break
                if other in on_stack:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    group = set()
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        group.add(member)
                        if member == node:
                            break
                    found.append(group)
    return found


def found() -> dict[str, list[frozenset[str]]]:
    """Returns the circles of each crate."""
    return {crate.name: crate.circles() for crate in map(Crate, crates())}


def listed() -> list[tuple[str, frozenset[str]]]:
    lines = [line.split("#")[0].split() for line in LIST.read_text().splitlines()] if LIST.exists() else []
    return [(line[0], frozenset(line[1:])) for line in lines if line]


def main() -> int:
    now = {(name, circle) for name, circles in found().items() for circle in circles}
    if "--write" in sys.argv[1:]:
        lines = [" ".join([name, *sorted(circle)]) for name, circle in sorted(now, key=lambda one: (one[0], sorted(one[1])))]
        LIST.write_text("# Circles of files that remain: crate, then its modules. The list may only shrink.\n" + "".join(f"{line}\n" for line in lines))
        return 0
    known = set(listed())
    for name, circle in sorted(now - known, key=str):
        print(f"{name}: these files use each other in a circle: {', '.join(sorted(circle))}", file=sys.stderr)
    for name, circle in sorted(known - now, key=str):
        print(f"{LIST.relative_to(ROOT)}: {name} has no such circle any more, remove it: {', '.join(sorted(circle))}", file=sys.stderr)
    return 0 if now == known else 1


if __name__ == "__main__":
    sys.exit(main())
