"""Compare DataLoaders with workers, over the tables of several libraries.

Called by run.py; see docs/developing/benchmarks.md.
"""

from __future__ import annotations

import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import datasets
from measure import BATCH_SIZE

CROUPIER = "croupier"
LIMIT = "limit"  # torch's DataLoader over a batch that is there already
LIBRARIES = [CROUPIER, "lancedb", "datasets", "arrow", LIMIT]
# How many workers, and how they are started.
WORKERS = [(0, ""), (2, "fork"), (4, "fork"), (2, "spawn"), (4, "spawn")]
# In this all are to survive, and Croupier is to be the fastest of those that do.
GOAL = (2, "fork")
# A child that says nothing for so long hangs. Spawned workers import torch first.
HANG_SECONDS = {"": 30.0, "fork": 30.0, "spawn": 60.0}
# Who hangs so often is measured no more in that row: each time costs as long as ten measurements.
MAX_HANGS = 2
# What of the epoch is read, unless that takes longer: so that a run of all fits into 25 minutes.
SECONDS = 3.0

Figures = dict[str, Any]


def interpreter() -> str:
    """Find the Python that has the packages of tools/requirements-bench.txt."""
    folder = os.environ.get("CROUPIER_BENCH_PEERS")
    return sys.executable if folder is None else f"{folder}/bin/python"


def measure(
    library: str, workers: tuple[int, str], dataset: datasets.Dataset, seed: int, seconds: float
) -> Figures | str:
    """Run one measurement in processes of its own; what went wrong, if it does."""
    number, method = workers
    script = pathlib.Path(__file__).parent / "workers" / "measure_loader.py"
    arguments = [library, method, number, dataset.folder, dataset.name, seed, seconds]
    child = subprocess.Popen(
        [interpreter(), script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        stdout, stderr = child.communicate(timeout=HANG_SECONDS[method] + seconds)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        return "hangs"
    if child.returncode != 0:
        is_crash = child.returncode < 0 or "DataLoader worker" in stderr
        return "crashes" if is_crash else (stderr.strip().splitlines() or ["fails"])[-1]
    figures: Figures = json.loads(stdout)
    return figures


def describe(workers: tuple[int, str]) -> str:
    """Name workers for people."""
    return f"{workers[0]} {workers[1]}".strip()


def spread(runs: list[Figures], figure: str, unit: float, digits: int = 0) -> str:
    """Write the median of a figure, and its least and greatest value."""
    values = [run[figure] * unit for run in runs]
    middle = statistics.median(values)
    return f"{middle:,.{digits}f} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def format_lines(
    name: str, workers: tuple[int, str], outcomes: dict[str, list[Figures | str]]
) -> list[str]:
    """Make the lines of one table and number of workers."""
    runs = {
        library: [o for o in each if not isinstance(o, str)] for library, each in outcomes.items()
    }
    rates = {
        library: statistics.median(run["rows_per_second"] for run in each)
        for library, each in runs.items()
        if each
    }
    # Of the peers that survive.
    best = max(
        (
            rates[library]
            for library in rates
            if library not in (CROUPIER, LIMIT) and len(runs[library]) == len(outcomes[library])
        ),
        default=None,
    )
    lines = []
    for library, all_of_it in outcomes.items():
        of_library = runs[library]
        failures = [outcome for outcome in all_of_it if isinstance(outcome, str)]
        told = ", ".join(f"{failures.count(each)} × {each}" for each in dict.fromkeys(failures))
        cells = [name, describe(workers)]
        if of_library:
            cells += [
                "*limit*: no data" if library == LIMIT else of_library[0]["version"],
                spread(of_library, "rows_per_second", 1),
                f"{statistics.median(run['cpu_seconds_per_row'] for run in of_library) * 1e6:,.1f}",
                spread(of_library, "first_batch_seconds", 1e3),
                f"{statistics.median(run['memory_bytes'] for run in of_library) / 1e6:,.0f}",
                f"{len(failures)} of {len(all_of_it)}" + (f": {told}" if told else ""),
                f"{rates[library] / best:,.1f}" if library == CROUPIER and best else "",
            ]
        else:
            cells += [library, "", "", "", "", f"{len(failures)} of {len(all_of_it)}: {told}", ""]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def cells_of(
    sets: Sequence[datasets.Dataset],
) -> Iterator[tuple[datasets.Dataset, tuple[int, str], list[str]]]:
    """List what is measured: a table, workers, libraries.

    Spawned workers read the last table alone, for what they differ in is the time to the first
    batch; the limit is the same for every table.
    """
    for dataset in sets:
        is_last = dataset is sets[-1]
        for workers in WORKERS:
            if is_last:
                yield dataset, workers, LIBRARIES
            elif workers[1] != "spawn":
                yield dataset, workers, [each for each in LIBRARIES if each != LIMIT]


def compare_workers(
    sets: Sequence[datasets.Dataset], repeats: int
) -> dict[str, dict[str, list[Figures | str]]]:
    """Measure and print DataLoaders of each table, without and with workers."""
    results: dict[str, dict[str, list[Figures | str]]] = {}
    begun = time.monotonic()
    print(f"\n**Workers**: DataLoader of batches of {BATCH_SIZE}, as dicts of tensors\n")
    columns = ["table", "workers", "by", "rows/s", "CPU µs/row", "first batch ms", "MB of all"]
    print(f"| {' | '.join([*columns, 'failures', '× best peer'])} |")
    print("|---|---|---|--:|--:|--:|--:|---|--:|")
    for dataset, workers, libraries in cells_of(sets):
        outcomes: dict[str, list[Figures | str]] = {library: [] for library in libraries}
        for repeat in range(repeats):
            # Another library first every time; all read the same shuffle in a repeat.
            shift = repeat % len(libraries)
            for library in libraries[shift:] + libraries[:shift]:
                if outcomes[library].count("hangs") >= MAX_HANGS:
                    continue
                dataset.warm()
                datasets.warm(pathlib.Path(dataset.ipc_stream))
                outcomes[library].append(measure(library, workers, dataset, repeat, SECONDS))
        print("\n".join(format_lines(dataset.name, workers, outcomes)), flush=True)
        results[f"{dataset.name}, {describe(workers)}"] = outcomes
    print(f"\nMedian of {repeats} (least to greatest); {_minutes_since(begun)}.")
    return results


def count_failures(
    dataset: datasets.Dataset, num_runs: dict[str, int]
) -> dict[str, list[Figures | str]]:
    """Run loaders with two forked workers again and again, and print how many of them fail."""
    begun = time.monotonic()
    print(f"\n**Runs with {describe(GOAL)}ed workers**, {dataset.name}\n")
    print("| by | runs | failures |")
    print("|---|--:|---|")
    results: dict[str, list[Figures | str]] = {}
    for library, runs in num_runs.items():
        outcomes: list[Figures | str] = []
        for run in range(runs):
            outcomes.append(measure(library, GOAL, dataset, run, 0.5))
            # Of Croupier all are run, whatever comes.
            if library != CROUPIER and outcomes.count("hangs") >= MAX_HANGS:
                break
        failures = [outcome for outcome in outcomes if isinstance(outcome, str)]
        told = ", ".join(f"{failures.count(each)} × {each}" for each in dict.fromkeys(failures))
        print(f"| {library} | {len(outcomes)} | {told or 0} |", flush=True)
        results[library] = outcomes
    print(f"\n{_minutes_since(begun)}.")
    return results


def _minutes_since(begun: float) -> str:
    return f"{(time.monotonic() - begun) / 60:,.1f} minutes"
