"""Measure readers side by side, and print ratios.

    ./run bench [--quick | --full] [--parts NAME …] [--tables NAME …] [--peers NAME …]
                [--repeats N] [--runs N] [--json FILE] [--large]

Part ``shuffle``: one epoch of every table in shuffled batches of 256 rows, all columns as Arrow.
Parts ``access`` and ``growth``: scans, takes and opening, see run_access.py. Part ``write``:
writing each table from memory, see run_write.py. Part ``permutations``: building orders of up to
100 M rows, and with ``--large`` of 10^9, see run_permutations.py. Part ``import``: what starting a
worker takes before it reads, see run_import.py. Part ``workers``: DataLoaders with forked and
spawned workers, see run_workers.py. All from a warm page cache. Every measurement is a fresh
process; repeats are interleaved. Tables are made once in
``CROUPIER_BENCH_DATA`` (default: ~/.cache/croupier-benchmarks).
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
from typing import Any

import datasets
import run_access
import run_import
import run_permutations
import run_workers
import run_write
from measure import BATCH_SIZE

FOLDER = pathlib.Path(__file__).parent
GATHER = FOLDER.parent / "build" / "bench" / "benchmarks" / "croupier_gather"
PARTS = ["shuffle", "access", "growth", "write", "permutations", "import", "workers"]
# The parts that read the tables of `datasets.RECIPES`.
PARTS_OF_TABLES = {"shuffle", "access", "write", "workers"}
LIMIT = "gather"
BASELINE = "lancedb_permutation"
PEERS = ["croupier_stream", "croupier_take", BASELINE, "pylance_take", "arrow_take", LIMIT]

Figures = dict[str, Any]


def measure(peer: str, dataset: datasets.Dataset, seed: int, max_seconds: float) -> Figures:
    """Run one measurement in a process of its own."""
    if peer == LIMIT:
        threads = len(os.sched_getaffinity(0))
        command = [GATHER, dataset.ipc, str(seed), str(BATCH_SIZE), str(threads)]
    else:
        script = FOLDER / "measure.py"
        command = [sys.executable, script, peer, dataset.name, dataset.folder, str(seed)]
        command.append(str(max_seconds))
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def median(runs: list[Figures], figure: str) -> float:
    """Return the median of one figure."""
    return statistics.median(run[figure] for run in runs)


def format_table(dataset: datasets.Dataset, runs: dict[str, list[Figures]]) -> str:
    """Make the Markdown table of one dataset: medians, spread of the rate, ratios."""
    limit = median(runs[LIMIT], "rows_per_second") if LIMIT in runs else None
    baseline = median(runs[BASELINE], "rows_per_second") if BASELINE in runs else None
    lines = [
        f"**{dataset.name}**, {dataset.num_rows:,} rows",
        "",
        "| reader | rows/s (min to max) | MB/s | CPU µs/row | first batch ms | peak MB "
        "| × lancedb | of the limit |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for peer, of_peer in runs.items():
        rates = [run["rows_per_second"] for run in of_peer]
        rate = statistics.median(rates)
        cells = [
            of_peer[0]["version"] + (" (take)" if peer == "croupier_take" else ""),
            f"{rate:,.0f} ({min(rates):,.0f} to {max(rates):,.0f})",
            f"{median(of_peer, 'bytes_per_second') / 1e6:,.0f}",
            f"{median(of_peer, 'cpu_seconds_per_row') * 1e6:,.2f}",
            f"{median(of_peer, 'first_batch_seconds') * 1e3:,.1f}",
            f"{median(of_peer, 'peak_memory_bytes') / 1e6:,.0f}",
            "" if baseline is None else f"{rate / baseline:,.1f}",
            "" if limit is None else f"{rate / limit:.0%}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    partial = [p for p, r in runs.items() if any(run["rows"] < dataset.num_rows for run in r)]
    if partial:
        lines += ["", f"Stopped before the end of the epoch: {', '.join(partial)}."]
    return "\n".join(lines)


def describe_machine() -> str:
    """Name the processor, and how much of it this process may use."""
    model = platform.processor() or platform.machine()
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{model}, {len(os.sched_getaffinity(0))} CPUs, {memory / 2**30:.0f} GiB of memory"


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Measure readers of tables.")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="4 GB of tables, 3 repeats (default)")
    size.add_argument("--full", action="store_true", help="larger tables, 7 repeats")
    parser.add_argument("--parts", nargs="+", choices=PARTS, metavar="NAME", default=PARTS)
    parser.add_argument("--tables", nargs="+", choices=datasets.RECIPES, metavar="NAME")
    parser.add_argument("--peers", nargs="+", choices=PEERS, metavar="NAME")
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--runs", type=int, help="in workers: of two forked workers")
    parser.add_argument("--large", action="store_true", help="in permutations: 10^9 rows too")
    parser.add_argument("--json", type=pathlib.Path, help="file for every single figure")
    return parser.parse_args()


def compare_shuffles(
    sets: list[datasets.Dataset], peers: list[str], repeats: int, max_seconds: float
) -> dict[str, dict[str, list[Figures]]]:
    """Measure and print a shuffled epoch of each table."""
    results: dict[str, dict[str, list[Figures]]] = {}
    for dataset in sets:
        runs: dict[str, list[Figures]] = {peer: [] for peer in peers}
        for repeat in range(repeats):
            # Another reader first every time; all read the same shuffle in a repeat.
            for peer in peers[repeat % len(peers) :] + peers[: repeat % len(peers)]:
                dataset.warm()
                runs[peer].append(measure(peer, dataset, repeat, max_seconds))
        results[dataset.name] = runs
        print(f"\n{format_table(dataset, runs)}", flush=True)
    return results


def main() -> None:
    """Measure what the command line asks for."""
    arguments = parse_arguments()
    repeats = arguments.repeats or (7 if arguments.full else 3)
    peers = [peer for peer in PEERS if peer in (arguments.peers or PEERS)]
    report: dict[str, Any] = {"machine": describe_machine(), "batch_size": BATCH_SIZE}
    print(f"{describe_machine()}; batches of {BATCH_SIZE}; median of {repeats}")
    names = arguments.tables or datasets.RECIPES
    if not PARTS_OF_TABLES.intersection(arguments.parts):
        names = []
    sets = [datasets.provide(name, full=arguments.full) for name in names]
    if "shuffle" in arguments.parts:
        max_seconds = 120.0 if arguments.full else 15.0
        report["runs"] = compare_shuffles(sets, peers, repeats, max_seconds)
    if "access" in arguments.parts:
        report["access"] = run_access.compare_access(sets, repeats)
    if "growth" in arguments.parts:
        report["growth"] = run_access.compare_growth(repeats)
    if "write" in arguments.parts:
        report["write"] = run_write.compare_writes(sets, repeats)
    if "permutations" in arguments.parts:
        sizes = [10_000_000, 100_000_000] if arguments.full else [1_000_000, 10_000_000]
        report["permutations"] = run_permutations.compare_permutations(sizes, repeats)
        if arguments.large:
            report["large"] = run_permutations.build_large()
            report["shared"] = run_permutations.share_large()
    if "import" in arguments.parts:
        report["import"] = run_import.compare_imports()
    if "workers" in arguments.parts:
        report["workers"] = run_workers.compare_workers(sets, arguments.repeats or 3)
        runs = arguments.runs or (100 if arguments.full else 10)
        num_runs = {"croupier": runs, "lancedb": max(1, runs // 10)}
        report["failures"] = run_workers.count_failures(sets[-1], num_runs)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
