"""Compare writing, by Croupier and by pylance: time, CPU time, size of the files.

Called by run.py; see docs/developing/benchmarks.md.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from typing import Any

import datasets
from run_access import median, milliseconds

LIBRARIES = ["croupier", "pylance"]
# How fast Croupier is to be, of pylance's speed, and how large its files, of the size of pylance's.
SPEED_GOAL = 0.95
SIZE_GOAL = 1.05

Figures = dict[str, Any]


def measure(library: str, name: str, source: pathlib.Path) -> Figures:
    """Run one measurement in a process of its own, on the disk of the cache."""
    script = pathlib.Path(__file__).parent / "write.py"
    with tempfile.TemporaryDirectory(dir=datasets.cache_folder()) as folder:
        command = [sys.executable, script, library, name, source, folder]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: Figures = json.loads(done.stdout)
    return figures


def compare_writes(sets: Iterable[datasets.Dataset], repeats: int) -> dict[str, Any]:
    """Measure and print writing each table, and a wide one."""
    tables = [(each.name, pathlib.Path(each.ipc)) for each in sets]
    tables.append(("wide", datasets.provide_wide()))
    results: dict[str, Any] = {}
    print("\n**Writing**: ms, median (min to max)\n")
    print("| table | croupier | pylance | × pylance | CPU, × pylance | goal | size, × pylance |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for name, source in tables:
        runs: dict[str, list[Figures]] = {library: [] for library in LIBRARIES}
        for repeat in range(repeats):
            for library in LIBRARIES[repeat % 2 :] + LIBRARIES[: repeat % 2]:
                runs[library].append(measure(library, name, source))
        results[name] = runs
        ours, theirs = runs["croupier"], runs["pylance"]
        cells = [
            name,
            milliseconds(ours),
            milliseconds(theirs),
            f"{median(theirs, 'seconds') / median(ours, 'seconds'):.2f}",
            f"{median(theirs, 'cpu_seconds') / median(ours, 'cpu_seconds'):.2f}",
            f"≥ {SPEED_GOAL}",
            f"{median(ours, 'file_bytes') / median(theirs, 'file_bytes'):.3f} (≤ {SIZE_GOAL})",
        ]
        print("| " + " | ".join(cells) + " |", flush=True)
    return results
