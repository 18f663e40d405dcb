"""Check that every relative link in the Markdown files leads to a file of the repository."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


def main() -> int:
    root = Path(__file__).resolve().parent.parent
    listed = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=root, check=True, capture_output=True, text=True
    )
    dead = []
    for name in listed.stdout.split():
        path = root / name
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            for target in LINK.findall(line):
                if "://" not in target and not (path.parent / target).exists():
                    dead.append(f"{name}:{number}: no such file: {target}")
    print("\n".join(dead) if dead else "every link leads somewhere")
    return 1 if dead else 0


if __name__ == "__main__":
    sys.exit(main())
