"""Compare plain access, by Croupier and by pylance: scans, takes, opening, growth.

Called by run.py; see docs/developing/benchmarks.md.
"""

from __future__ import annotations

import json
import pathlib
import statistics
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

import datasets

LIBRARIES = ["croupier", "pylance"]
TAKES = ["take-1", "take-256", "take-10000"]
# Conditions for 1 % and half of the rows.
FILTERS = ["filter:number < 10", "filter:number < 500"]
# How much faster than pylance Croupier is to be.
GOALS = {"scan": 1.0, "filter": 1.0, "take-1": 3.0, "take-256": 3.0, "take-10000": 3.0, "open": 1.0}
GROWTH = [10, 100, 1000]

Figures = dict[str, Any]


def measure(library: str, access: str, uri: str, seed: int) -> Figures:
    """Run one measurement in a process of its own."""
    script = pathlib.Path(__file__).parent / "access.py"
    small = str(datasets.provide_fragments(GROWTH[0]))
    command = [sys.executable, script, library, access, uri, small, str(seed)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: Figures = json.loads(done.stdout)
    return figures


def interleave(libraries: list[str], access: str, uri: str, repeats: int) -> dict[str, Any]:
    """Measure all libraries in turn, again and again, each time beginning with another one."""
    runs: dict[str, list[Figures]] = {library: [] for library in libraries}
    for repeat in range(repeats):
        first = repeat % len(libraries)
        for library in libraries[first:] + libraries[:first]:
            datasets.warm(*pathlib.Path(uri).rglob("*"))
            runs[library].append(measure(library, access, uri, repeat))
    return runs


def median(runs: list[Figures], figure: str) -> float:
    """Return the median of one figure."""
    return statistics.median(run[figure] for run in runs)


def milliseconds(runs: list[Figures], figure: str = "seconds") -> str:
    """Show the median and the spread of a time."""
    times = [run[figure] * 1e3 for run in runs]
    digits = 3 if statistics.median(times) < 1 else 1 if statistics.median(times) < 100 else 0
    low, mid, high = (
        f"{t:,.{digits}f}" for t in (min(times), statistics.median(times), max(times))
    )
    return f"{mid} ({low} to {high})"


def compare_access(sets: Iterable[datasets.Dataset], repeats: int) -> dict[str, Any]:
    """Measure and print scans, takes and opening."""
    rows = [(each.name, each.lance, access) for each in sets for access in ["scan", *TAKES]]
    rows += [("filtered", str(datasets.provide_filtered()), access) for access in FILTERS]
    rows.append(("1000 fragments", str(datasets.provide_fragments(1000)), "open"))
    results: dict[str, Any] = {}
    print("\n**Access**: ms, median (min to max)\n")
    print("| table | access | croupier | pylance | × pylance | goal | CPU, × pylance | the limit |")
    print("|---|---|--:|--:|--:|--:|--:|--:|")
    for name, uri, access in rows:
        libraries = [*LIBRARIES, "read"] if access == "scan" else LIBRARIES
        runs = interleave(libraries, access, uri, repeats)
        results[f"{name}, {access}"] = runs
        ours, theirs = runs["croupier"], runs["pylance"]
        cells = [
            name,
            access,
            milliseconds(ours),
            milliseconds(theirs),
            f"{median(theirs, 'seconds') / median(ours, 'seconds'):.1f}",
            f"≥ {GOALS[access.partition(':')[0]]:.0f}",
            f"{median(theirs, 'cpu_seconds') / max(median(ours, 'cpu_seconds'), 1e-6):.1f}",
            milliseconds(runs["read"]) if "read" in runs else "",
        ]
        print("| " + " | ".join(cells) + " |", flush=True)
    return results


def compare_growth(repeats: int) -> dict[str, Any]:
    """Measure and print what a fragment or page costs in tables of growing size."""
    makers = {
        "fragments of 64 rows × 100 columns": datasets.provide_fragments,
        "pages of 1024 int64": datasets.provide_pages,
    }
    results: dict[str, Any] = {}
    print("\n**Growth**: opened and scanned once; of each fragment or page\n")
    print("| table | croupier µs | pylance µs | croupier remembers kB | pylance remembers kB |")
    print("|---|--:|--:|--:|--:|")
    for what, make in makers.items():
        for number in GROWTH:
            runs = interleave(LIBRARIES, "growth", str(make(number)), repeats)
            results[f"{number} {what}"] = runs
            cells = [f"{number} {what}"]
            for figure, unit in (("seconds", 1e6), ("remembered_bytes", 1e-3)):
                for library in LIBRARIES:
                    cells.append(f"{median(runs[library], figure) * unit / number:,.1f}")
            print("| " + " | ".join(cells) + " |", flush=True)
    return results
