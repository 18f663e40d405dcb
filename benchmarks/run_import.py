"""Compare what `import croupier` costs beyond `import pyarrow`, with what `import lancedb` costs.

Called by run.py; see docs/developing/benchmarks.md. A worker that is spawned waits for this first.
"""

from __future__ import annotations

import subprocess
import sys

from run_access import milliseconds

LIBRARIES = ("croupier", "lancedb")
REPEATS = 20
GOAL_MILLISECONDS = 50

_SCRIPT = """
import sys, time
import pyarrow
started = time.perf_counter()
__import__(sys.argv[1])
print(time.perf_counter() - started)
"""


def measure(library: str) -> dict[str, float]:
    """Import one library in a process of its own that has imported pyarrow."""
    command = [sys.executable, "-c", _SCRIPT, library]
    return {"seconds": float(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)}


def compare_imports() -> dict[str, list[dict[str, float]]]:
    """Measure and print the imports, in turns."""
    runs: dict[str, list[dict[str, float]]] = {library: [] for library in LIBRARIES}
    for library in LIBRARIES:
        measure(library)  # writes the byte code of its modules
    for _ in range(REPEATS):
        for library, of_library in runs.items():
            of_library.append(measure(library))
    print(
        f"\n**Import**, beyond `import pyarrow`; median of {REPEATS}; goal of croupier: "
        f"{GOAL_MILLISECONDS} ms\n\n| library | ms (min to max) |\n|---|--:|"
    )
    for library, of_library in runs.items():
        print(f"| {library} | {milliseconds(of_library)} |")
    return runs
