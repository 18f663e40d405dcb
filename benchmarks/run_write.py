"""Compare writing, by Croupier and by pylance: time, CPU time, size and reading of the files.

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
import run_access
from run_access import median, milliseconds

LIBRARIES = ["croupier", "pylance"]
# How fast Croupier is to be, of pylance's speed; how large its files, of the size of pylance's; and
# how fast they are to be read, of the speed from those.
SPEED_GOAL = 0.95
SIZE_GOAL = 1.05
READ_GOAL = 1.0
# A batch of a shuffle.
READ = "take-256"

Figures = dict[str, Any]


def write(library: str, name: str, source: pathlib.Path, folder: str) -> Figures:
    """Write a table into a folder by a process of its own, and measure that."""
    script = pathlib.Path(__file__).parent / "write.py"
    command = [sys.executable, script, library, name, source, folder]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: Figures = json.loads(done.stdout)
    return figures


def measure(library: str, name: str, source: pathlib.Path) -> Figures:
    """Run one measurement on the disk of the cache."""
    with tempfile.TemporaryDirectory(dir=datasets.cache_folder()) as folder:
        return write(library, name, source, folder)


def compare_writes(sets: Iterable[datasets.Dataset], repeats: int) -> dict[str, Any]:
    """Measure and print writing each table, and a wide one; then reading what was written."""
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
    results["read"] = compare_files(tables, repeats)
    return results


def compare_files(tables: list[tuple[str, pathlib.Path]], repeats: int) -> dict[str, Any]:
    """Measure and print how the files of one library and the other are read by each of them."""
    results: dict[str, Any] = {}
    print(f"\n**Reading what was written**: {READ}, ms, median (min to max)\n")
    print("| table | reader | files of croupier | files of pylance | × pylance | goal |")
    print("|---|---|--:|--:|--:|--:|")
    for name, source in tables:
        with tempfile.TemporaryDirectory(dir=datasets.cache_folder()) as root:
            for writer in LIBRARIES:
                folder = pathlib.Path(root, writer)
                folder.mkdir()
                write(writer, name, source, str(folder))
            for reader in LIBRARIES:
                runs: dict[str, list[Figures]] = {writer: [] for writer in LIBRARIES}
                for repeat in range(repeats):
                    for writer in LIBRARIES[repeat % 2 :] + LIBRARIES[: repeat % 2]:
                        uri = f"{root}/{writer}/{name}.lance"
                        runs[writer].append(run_access.measure(reader, READ, uri, repeat))
                results[f"{name}, {reader}"] = runs
                ours, theirs = runs["croupier"], runs["pylance"]
                ratio = median(theirs, "seconds") / median(ours, "seconds")
                cells = [name, reader, milliseconds(ours), milliseconds(theirs), f"{ratio:.2f}"]
                print("| " + " | ".join([*cells, f"≥ {READ_GOAL:.0f}"]) + " |", flush=True)
    return results
