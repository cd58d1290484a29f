"""Prints figures of the code: words of comments and documents, names used twice, visibility, circles of files, lengths of
files, functions and test names. They show a trend; they are not limits.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import circles  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
TREES = ["plugins", "host-config", "collector", "tests", "envoy"]

RIDDLES = re.compile(r"\b(?:what|who|whose)\b", re.I)
WORD = re.compile(r"[A-Za-z][A-Za-z'-]*")
TYPE = re.compile(r"^(?:pub(?:\([^)]*\))?[ \t]+)?(?:struct|enum|trait|type|union)[ \t]+(\w+)", re.M)
FUNCTION = re.compile(r"^[ \t]*(?:pub(?:\([^)]*\))?[ \t]+)?(?:const |async |unsafe |extern \"C\" )*fn (\w+)")
TEST = re.compile(r"#\[(?:tokio::)?test\][^{]*?fn (\w+)|^def (test_\w+)", re.S | re.M)


def tracked(*patterns: str) -> list[Path]:
    done = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in done.stdout.splitlines() if (ROOT / name).is_file()]


def comments(file: Path) -> str:
    """Returns the text of a source file's comments and docstrings."""
    text = file.read_text()
    if file.suffix == ".rs":
        return "\n".join(re.findall(r"(?:^|[ \t])//[/!]?(.*)$", text, re.M))
    return "\n".join(re.findall(r"(?:^|\s)#(.*)$", text, re.M) + re.findall(r'"""(.*?)"""', text, re.S))


def prose(file: Path) -> str:
    """Returns a document without tables and code."""
    text = re.sub(r"^```.*?^```", "", file.read_text(), flags=re.S | re.M)
    return "\n".join(re.sub(r"`[^`]*`", "", line) for line in text.splitlines() if not line.startswith("|"))


def words_row(name: str, texts: list[str]) -> str:
    text = "\n".join(texts)
    words = len(WORD.findall(text))
    return f"{name:<28} {words:>8} {100 * len(RIDDLES.findall(text)) / max(words, 1):>8.2f}"


def words() -> None:
    print(f"{'what, who, whose':<28} {'words':>8} {'per 100':>8}")
    for tree in TREES:
        print(words_row(f"comments in {tree}", [comments(file) for file in tracked(f"{tree}/*.rs", f"{tree}/*.py")]))
    for name in ["*.md", "docs/*.md"]:
        for file in tracked(f":(glob){name}" if name == "*.md" else name):
            if name == "*.md":
                print(words_row(str(file.relative_to(ROOT)), [prose(file)]))
    print(words_row("docs", [prose(file) for file in tracked("docs/*.md")]))


def sources(folder: Path) -> list[Path]:
    return [file for file in tracked(f"{folder.relative_to(ROOT)}/src/*.rs")]


def production(file: Path) -> str:
    """Returns a source file without its tests."""
    return circles.TESTS.sub("", file.read_text())


def names() -> None:
    print("\ntype names used twice in a crate")
    for folder in circles.crates():
        count = Counter(name for file in sources(folder) for name in TYPE.findall(production(file)))
        twice = sorted(name for name, times in count.items() if times > 1)
        if twice:
            print(f"  {folder.relative_to(ROOT)}: {', '.join(f'{name} {count[name]}' for name in twice)}")


def walls() -> None:
    text = "\n".join(file.read_text() for file in tracked("*.rs"))
    print(f"\npub(in: {text.count('pub(in')}   super::super: {text.count('super::super')}")
    print("circles of files")
    for name, groups in circles.found().items():
        for group in sorted(groups, key=len, reverse=True):
            print(f"  {name}: {len(group)} files: {', '.join(sorted(group)[:6])}{', ...' if len(group) > 6 else ''}")


def functions(file: Path) -> list[tuple[int, str]]:
    """Returns the lengths of a file's functions, from `fn` to the closing brace at the same indentation."""
    found, lines = [], production(file).splitlines()
    for at, line in enumerate(lines):
        if (match := FUNCTION.match(line)) and not line.rstrip().endswith(";"):
            indent = line[: len(line) - len(line.lstrip())]
            end = at if line.rstrip().endswith("}") else next((n for n in range(at, len(lines)) if lines[n] == indent + "}"), at)
            found.append((end - at + 1, f"{file.relative_to(ROOT)}:{at + 1} {match.group(1)}"))
    return found


def spread(lengths: list[int]) -> str:
    ordered = sorted(lengths)
    at = lambda share: ordered[min(len(ordered) - 1, int(share * len(ordered)))]  # noqa: E731
    return f"median {at(0.5)}, p90 {at(0.9)}, p99 {at(0.99)}, max {ordered[-1]}"


def lengths() -> None:
    files = [file for tree in TREES for file in tracked(f"{tree}/*.rs") if "/src/" in str(file)]
    by_file = sorted(((len(production(file).splitlines()), str(file.relative_to(ROOT))) for file in files), reverse=True)
    by_function = sorted((one for file in files for one in functions(file)), reverse=True)
    print(f"\nlines of {len(by_file)} files: {spread([size for size, _ in by_file])}")
    print("".join(f"  {size:>5} {name}\n" for size, name in by_file[:8]), end="")
    print(f"lines of {len(by_function)} functions: {spread([size for size, _ in by_function])}")
    print("".join(f"  {size:>5} {name}\n" for size, name in by_function[:8]), end="")


def test_names() -> None:
    print("\ncharacters of test names")
    for tree in TREES:
        found = [rust or python for file in tracked(f"{tree}/*.rs", f"{tree}/*.py") for rust, python in TEST.findall(file.read_text())]
        if found:
            longest = max(found, key=len)
            print(f"  {tree:<12} {len(found):>5} tests: median {statistics.median(map(len, found)):.0f}, max {len(longest)} ({longest})")
    cases = [file.stem for file in tracked("tests/cases/*/*.yaml")]
    print(f"  {'cases':<12} {len(cases):>5} files: median {statistics.median(map(len, cases)):.0f}, max {max(map(len, cases))}")


def main() -> None:
    for part in (words, names, walls, lengths, test_names):
        part()


if __name__ == "__main__":
    main()
