"""Measure a DataLoader over one library's table, in a process of its own; print JSON.

python benchmarks/workers/measure_loader.py LIBRARY METHOD WORKERS FOLDER TABLE SEED MAX_SECONDS
"""

from __future__ import annotations

import importlib
import json
import os
import pathlib
import sys
import time
import warnings
from typing import Any

from loaders import LOADERS
from torch.utils.data import DataLoader

BATCH_SIZE = 256
PACKAGES = {"arrow": "pyarrow", "limit": "torch"}


def processes() -> list[pathlib.Path]:
    """List this process and all below it, as folders of /proc."""
    children: dict[str, list[str]] = {}
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        children.setdefault(parent, []).append(process.name)
    found = [str(os.getpid())]
    for pid in found:  # grows
        found += children.get(pid, [])
    return [pathlib.Path("/proc", pid) for pid in found]


def memory_bytes() -> int:
    """Add the memory of this process and all below it: what they share is counted once."""
    lines = (
        line
        for process in processes()
        for line in (process / "smaps_rollup").read_text().splitlines()
    )
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def cpu_seconds() -> float:
    """Add the processor time, so far, of this process and all below it."""
    ticks = 0
    for process in processes():
        fields = (process / "stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def count(batch: dict[str, Any]) -> int:
    """Count the rows of a batch."""
    return len(next(iter(batch.values())))


def measure(
    library: str, method: str, num_workers: int, folder: str, name: str, seed: int, seconds: float
) -> dict[str, Any]:
    """Read an epoch, or what of it fits into the time; the rate counts from the first batch on."""
    package = PACKAGES.get(library, library)
    importlib.import_module(package)
    opened = time.perf_counter()
    options: dict[str, Any] = LOADERS[library](folder, name, seed)
    if num_workers:
        options |= {"num_workers": num_workers, "multiprocessing_context": method}
    loader = DataLoader(batch_size=BATCH_SIZE, **options)
    iterator = iter(loader)
    first = count(next(iterator))
    begun, begun_cpu = time.perf_counter(), cpu_seconds()
    num_rows = 0
    for batch in iterator:
        num_rows += count(batch)
        if time.perf_counter() - begun > seconds or num_rows > 0.9 * len(loader) * BATCH_SIZE:
            break
    took, cpu = time.perf_counter() - begun, cpu_seconds() - begun_cpu
    return {
        "rows": first + num_rows,
        "rows_per_second": num_rows / took,
        "first_batch_seconds": begun - opened,
        "cpu_seconds_per_row": cpu / num_rows,
        # With the workers, and what they have read ahead.
        "memory_bytes": memory_bytes(),
        "version": f"{package} {importlib.import_module(package).__version__}",
    }


def main() -> None:
    """Measure what the command line names."""
    library, method, workers, folder, name, seed, seconds = sys.argv[1:]
    # Of torch, about more workers than processors.
    warnings.filterwarnings("ignore", message=".*suggested max number of worker")
    figures = measure(library, method, int(workers), folder, name, int(seed), float(seconds))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
