"""Compare building permutations, by Croupier and by lancedb: time, memory, time to the first batch.

Called by run.py; see docs/developing/benchmarks.md.
"""

from __future__ import annotations

import json
import os
import pathlib
import statistics
import subprocess
import sys
from typing import Any

import datasets
from run_access import median, milliseconds

# The memory that lancedb may sort in: 100 MiB unless its environment says otherwise.
MORE_MEMORY = {"LANCEDB_PERM_BUILDER_MEMORY_LIMIT": str(16 << 30)}
READERS: dict[str, tuple[str, dict[str, str]]] = {
    "croupier": ("croupier", {}),
    "lancedb": ("lancedb", {}),
    "lancedb, 16 GiB": ("lancedb", MORE_MEMORY),
}
# What is to be reached until the first batch: a time where Croupier computes the order, a part of
# lancedb's time where it lists the rows.
GOALS = {"shuffle": "≤ 10 ms", "filter + split": "≥ 5 ×", "hash split + shuffle": "≥ 5 ×"}
PEAK_GOAL_BYTES_PER_ROW = 12
# From here on everything runs once.
MANY_ROWS = 100_000_000

LARGE_ROWS = 1_000_000_000
LARGE_CASE = "filter runs + shuffle"
LARGE_ADDRESS_SPACE_BYTES = 4_000_000_000

SHARED_ROWS = 50_000_000
SHARED_PROCESSES = 4

Figures = dict[str, Any]


def measure(reader: str, case: str, folder: pathlib.Path, *limit: str) -> Figures | str:
    """Run one measurement in a process of its own; the last line of its errors if it fails."""
    library, environment = READERS[reader]
    script = pathlib.Path(__file__).parent / "permutations.py"
    done = subprocess.run(
        [sys.executable, script, library, case, folder, *limit],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        return (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    figures: Figures = json.loads(done.stdout)
    return figures


def format_lines(num_rows: int, case: str, readers: dict[str, list[Figures]]) -> list[str]:
    """Make the lines of one case: medians, and how Croupier stands to lancedb at its fastest."""
    theirs = [
        median(runs, "first_batch_seconds")
        for name, runs in readers.items()
        if name != "croupier" and runs
    ]
    lines = []
    for name, runs in readers.items():
        cells = [f"{num_rows:,}", case, name]
        if not runs:
            cells += ["fails"] + [""] * 6
        else:
            peak = median(runs, "peak_bytes")
            cells += [
                milliseconds(runs, "build_seconds"),
                milliseconds(runs, "first_batch_seconds"),
                f"{median(runs, 'first_batch_cpu_seconds') * 1e3:,.0f}",
                f"{peak / 1e6:,.0f}",
                f"{peak / num_rows:.1f}",
            ]
            if name == "croupier":
                ratio = min(theirs, default=0) / median(runs, "first_batch_seconds")
                cells += [f"{ratio:,.0f}" if theirs else "", GOALS[case]]
            else:
                cells += ["", ""]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def compare_permutations(sizes: list[int], repeats: int) -> dict[str, Any]:
    """Measure and print building permutations of tables of several sizes."""
    results: dict[str, Any] = {}
    errors: dict[str, str] = {}
    print("\n**Permutations**: ms from the builder on, median (min to max); peak above the start\n")
    print("| rows | case | by | built | first batch | CPU | peak MB | B/row | × lancedb | goal |")
    print("|--:|---|---|--:|--:|--:|--:|--:|--:|--:|")
    for num_rows in sizes:
        folder = datasets.provide_narrow(num_rows)
        for case in GOALS:
            readers: dict[str, list[Figures]] = {reader: [] for reader in READERS}
            names = list(readers)
            for repeat in range(1 if num_rows >= MANY_ROWS else repeats):
                shift = repeat % len(names)
                for reader in names[shift:] + names[:shift]:
                    datasets.warm(*folder.rglob("*"))
                    outcome = measure(reader, case, folder)
                    if isinstance(outcome, str):
                        errors[f"{num_rows:,} rows, {case}, {reader}"] = outcome
                    else:
                        readers[reader].append(outcome)
            print("\n".join(format_lines(num_rows, case, readers)), flush=True)
            results[f"{case}, {num_rows}"] = readers
    for where, error in errors.items():
        print(f"\nFails: {where}: {error}")
    print(
        f"\nGoal of memory: {PEAK_GOAL_BYTES_PER_ROW} B/row at {MANY_ROWS:,} rows. *16 GiB*: with "
        + " ".join(f"{key}={value}" for key, value in MORE_MEMORY.items())
    )
    return {"runs": results, "errors": errors}


def build_large() -> Figures:
    """Measure and print a permutation of a table of 10^9 rows, in little memory."""
    folder = datasets.provide_runs(LARGE_ROWS)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    outcome = measure("croupier", LARGE_CASE, folder, str(LARGE_ADDRESS_SPACE_BYTES))
    if isinstance(outcome, str):
        raise RuntimeError(outcome)
    print(
        f"\n**Large**: {LARGE_CASE} of {LARGE_ROWS:,} rows ({size / 1e6:,.0f} MB of files), of "
        f"which {outcome['rows_selected']:,} are kept; address space of the process limited to "
        f"{LARGE_ADDRESS_SPACE_BYTES / 1e9:g} GB\n\n"
        f"- built in {outcome['build_seconds']:.1f} s ({outcome['build_cpu_seconds']:.1f} s of CPU)"
        f", first batch after {outcome['first_batch_seconds']:.1f} s\n"
        f"- peak of resident memory above the start: {outcome['peak_bytes'] / 1e6:,.0f} MB, "
        f"{outcome['peak_bytes'] / LARGE_ROWS:.2f} B/row\n"
        f"- lists of rows: {outcome['list_bytes'] / 1e6:,.0f} MB"
    )
    return outcome


def share_large() -> Figures:
    """Measure and print a listed permutation that is kept, and that spawned processes share."""
    script = pathlib.Path(__file__).parent / "shared_orders.py"
    folder = datasets.provide_runs(SHARED_ROWS)
    command = [sys.executable, str(script), str(folder), str(SHARED_PROCESSES)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures: Figures = json.loads(done.stdout)
    print(
        f"\n**Shared**: half of {SHARED_ROWS:,} rows, {figures['rows_selected']:,}, shuffled, in "
        f"{SHARED_PROCESSES} spawned processes; medians\n\n"
        "| permutation | list MB | pickle bytes | unpickle ms | first 256 rows ms | PSS MB "
        "| USS MB |\n"
        "|---|--:|--:|--:|--:|--:|--:|"
    )
    for kind, list_bytes in (
        ("built", figures["list_bytes"]),
        ("kept", figures["kept_list_bytes"]),
    ):
        shared = figures[kind]
        cells = [kind, f"{list_bytes / 1e6:,.0f}", f"{shared['pickle_bytes']:,}"]
        cells += [
            f"{statistics.median(shared[key]) * factor:,.1f}"
            for key, factor in (
                ("unpickle_seconds", 1e3),
                ("first_rows_seconds", 1e3),
                ("pss_bytes", 1e-6),
                ("uss_bytes", 1e-6),
            )
        ]
        print("| " + " | ".join(cells) + " |")
    print(
        f"\n- a kept one is opened in {figures['open_kept_seconds'] * 1e3:.1f} ms, its first 256 "
        f"random rows are found in {figures['first_rows_of_kept_seconds'] * 1e3:.1f} ms\n"
        f"- the built one is pickled in {figures['built']['pickle_seconds'] * 1e3:,.0f} ms, once"
    )
    return figures
