"""Check that the rooms of src/croupier include only to their left.

Every finding is printed as FILE:LINE: REASON; the exit status is 1 if there is any.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

# Each room and the rooms that it may include. `testing` serves tests alone.
ROOMS = {
    "base": {"base"},
    "storage": {"base", "storage"},
    "format": {"base", "storage", "format"},
    "expression": {"base", "storage", "format", "expression"},
    "table": {"base", "storage", "format", "expression", "table"},
    "permutation": {"base", "storage", "format", "expression", "table", "permutation"},
    "loader": {"base", "storage", "format", "expression", "table", "permutation", "loader"},
    "testing": {"testing"},
}
# The room that each public header belongs to.
PUBLIC = {
    "blob": "table",
    "cancel": "base",
    "version": "base",
    "storage": "storage",
    "database": "table",
    "expression": "expression",
    "table": "table",
    "table_description": "table",
    "table_edit": "table",
    "table_history": "table",
    "table_writer": "table",
    "order_spec": "permutation",
    "permutation": "permutation",
    "loader": "loader",
}
INCLUDE = re.compile(r'#include ["<]croupier/([a-z_0-9]+)(?:/|\.h)')
PUBLIC_INCLUDE = re.compile(r'#include ["<]croupier/([a-z_0-9]+)\.h')
# No I/O, threads or clocks in the format room; forks are known to one pair of files.
FORMAT_FORBIDDEN = re.compile(
    r"#include (<(thread|mutex|chrono|fstream|filesystem|unistd\.h|fcntl\.h)>"
    r'|"croupier/base/wall_clock\.h")'
)


def room_of_include(line: str) -> str | None:
    """Find the room that an include line names, or None if it is not ours."""
    public = PUBLIC_INCLUDE.search(line)
    if public:
        return PUBLIC.get(public.group(1), public.group(1))
    include = INCLUDE.search(line)
    return include.group(1) if include else None


def check_file(path: Path, room: str) -> list[str]:
    """Check one file of a room."""
    is_test = path.stem.endswith(("_test", "_benchmark")) or path.stem.startswith("test_")
    findings = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        included = room_of_include(line)
        if included is not None and included not in ROOMS:
            findings.append(f"{path}:{number}: includes {included}, which is no room")
        elif included == "testing" and not is_test and room != "testing":
            findings.append(f"{path}:{number}: only tests include the room testing")
        elif included not in (None, "testing") and included not in ROOMS[room]:
            findings.append(f"{path}:{number}: {room} includes {included}, to its right")
        if "#include <arrow/api.h>" in line and not is_test:
            findings.append(f"{path}:{number}: includes all of Arrow; name the header that is used")
        if room == "format" and not is_test and FORMAT_FORBIDDEN.search(line):
            findings.append(
                f"{path}:{number}: the room format does no I/O and knows no threads or clocks"
            )
        if "pthread_atfork" in line and path.name not in ("process_local.cc", "fork_gate.cc"):
            findings.append(f"{path}:{number}: only process_local and fork_gate watch forks")
        if "ForkEpoch()" in line and path.stem not in ("process_local", "process_local_test"):
            findings.append(f"{path}:{number}: only base/process_local.h compares fork epochs")
    return findings


def check_tree(root: Path) -> list[str]:
    """Check every room below root/src/croupier and the public headers."""
    findings = []
    for path in sorted(root.glob("src/croupier/*/**/*")):
        if path.suffix in (".h", ".cc"):
            room = path.relative_to(root / "src/croupier").parts[0]
            if room not in ROOMS:
                findings.append(f"{path}: {room} is no room")
            else:
                findings += check_file(path, room)
    for path in sorted(root.glob("include/croupier/*.h*")):
        name = path.name.split(".")[0]
        if name not in PUBLIC:
            findings.append(f"{path}: belongs to no room")
        else:
            findings += check_file(path, PUBLIC[name])
    return findings


def main() -> int:
    findings = check_tree(Path(__file__).resolve().parent.parent)
    print("\n".join(findings) if findings else "every room includes only to its left")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
