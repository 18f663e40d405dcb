"""Check that relative links in the Markdown files lead to files and headings that are there."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
HEADING = re.compile(r"#{1,6} (.*)")


@cache
def prose(path: Path) -> list[tuple[int, str]]:
    """Give the lines of a file outside of code, with their numbers."""
    lines = []
    is_code = False
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        is_fence = line.lstrip().startswith("```")
        is_code ^= is_fence
        if not is_code and not is_fence:
            lines.append((number, line))
    return lines


@cache
def anchors(path: Path) -> set[str]:
    """Name the headings of a file as links do: in lower case, without marks, joined by hyphens."""
    found = (HEADING.fullmatch(line) for _, line in prose(path))
    return {re.sub(r"[^\w\- ]", "", match[1].lower()).replace(" ", "-") for match in found if match}


def main() -> int:
    root = Path(__file__).resolve().parent.parent
    listed = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=root, check=True, capture_output=True, text=True
    )
    dead = []
    for name in listed.stdout.split():
        path = root / name
        for number, line in prose(path):
            for target, anchor in LINK.findall(line):
                if "://" in target:
                    continue
                file = path.parent / target if target else path
                if not file.exists():
                    dead.append(f"{name}:{number}: no such file: {target}")
                elif anchor and file.suffix == ".md" and anchor not in anchors(file.resolve()):
                    dead.append(f"{name}:{number}: no such heading: {target}#{anchor}")
    print("\n".join(dead) if dead else "every link leads somewhere")
    return 1 if dead else 0


if __name__ == "__main__":
    sys.exit(main())
