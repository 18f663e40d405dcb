"""Check that no function of the rooms makes a static variable when it is first called.

The compiler guards such a variable by a lock. A fork by another thread while it is made leaves
that lock closed in the child, which then hangs at its first use (`base/process_local.h`). A
variable of a thread has no such lock.

Usage: check_statics.py ARCHIVE …
"""

from __future__ import annotations

import subprocess
import sys

_MARK = "guard variable for "
# Of each thread.
_ALLOWED = {"croupier::storage::(anonymous namespace)::Draw()::random"}


def guarded_statics(archive: str) -> list[str]:
    """List the guarded variables of the code in an archive, by their names in C++."""
    command = ["nm", "--demangle", archive]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    names = {line.partition(_MARK)[2] for line in listing.splitlines() if _MARK in line}
    return sorted(name for name in names if name.startswith("croupier::"))


def main(archives: list[str]) -> int:
    found = [name for archive in archives for name in guarded_statics(archive)]
    findings = [name for name in found if name not in _ALLOWED]
    for name in findings:
        print(f"{name}: made at its first use; make it when the library is loaded")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
