"""Build one permutation by one library, in a process of its own; print figures as JSON.

python benchmarks/permutations.py LIBRARY CASE FOLDER [ADDRESS_SPACE_BYTES]

A library is imported and has built and read a permutation of a few rows before the clock starts,
and the table is open. With a last argument, the process then has no more address space than that.
"""

from __future__ import annotations

import importlib
import json
import pathlib
import resource
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

from measure import BATCH_SIZE, cpu_seconds

# What makes the library, and what makes its permutations.
LIBRARIES = {
    "croupier": ("croupier", "croupier"),
    "lancedb": ("lancedb", "lancedb.permutation"),
}

CASES: dict[str, Callable[[Any], Any]] = {
    "shuffle": lambda builder: builder.shuffle(seed=1),
    "filter + split": lambda builder: builder.filter("value < 128").split_random(
        ratios=[0.9, 0.1], seed=1
    ),
    "hash split + shuffle": lambda builder: builder.split_hash(
        ["value"], [9, 1], discard_weight=0
    ).shuffle(seed=1),
    "filter runs + shuffle": lambda builder: builder.filter("label < 5").shuffle(seed=1),
}


def resident_bytes(kind: str) -> int:
    """Resident memory of this process: VmRSS is what it is now, VmHWM the most that it was."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no {kind} in /proc/self/status")


def forget_peak() -> None:
    """Let VmHWM begin again at VmRSS."""
    pathlib.Path("/proc/self/clear_refs").write_text("5")


def build(permutation: ModuleType, table: Any, case: str) -> dict[str, object]:
    """Build a permutation of a table, and read one batch of its first split."""
    forget_peak()
    resident = resident_bytes("VmRSS")
    begun, begun_cpu = time.perf_counter(), cpu_seconds()
    order = CASES[case](permutation.permutation_builder(table)).execute()
    built, built_cpu = time.perf_counter(), cpu_seconds()
    peak_of_build = resident_bytes("VmHWM")
    reader = permutation.Permutation.from_tables(table, order, 0).with_format("arrow")
    batches = reader.iter(BATCH_SIZE)
    batch = next(batches)
    first, first_cpu = time.perf_counter(), cpu_seconds()
    peak = resident_bytes("VmHWM")
    if batch.num_rows != BATCH_SIZE:
        raise RuntimeError(f"a batch of {batch.num_rows} rows")
    return {
        "rows": table.count_rows(),
        "rows_selected": order.count_rows(),
        "build_seconds": built - begun,
        "build_cpu_seconds": built_cpu - begun_cpu,
        "first_batch_seconds": first - begun,
        "first_batch_cpu_seconds": first_cpu - begun_cpu,
        "build_peak_bytes": peak_of_build - resident,
        "peak_bytes": peak - resident,
        "list_bytes": getattr(order, "num_list_bytes", None),
    }


def main() -> None:
    """Measure what the command line names."""
    library_name, case, folder, *limit = sys.argv[1:]
    library, permutation = (importlib.import_module(name) for name in LIBRARIES[library_name])
    database = library.connect(folder)
    build(permutation, database.open_table("few"), case)
    table = database.open_table("rows")
    table.count_rows()
    if limit:
        resource.setrlimit(resource.RLIMIT_AS, (int(limit[0]), int(limit[0])))
    figures = build(permutation, table, case)
    print(json.dumps({"version": f"{library_name} {library.__version__}", **figures}))


if __name__ == "__main__":
    main()
