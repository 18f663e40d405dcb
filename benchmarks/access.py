"""Measure one way to read a table by one library, in a process of its own; print figures as JSON.

python benchmarks/access.py LIBRARY ACCESS URI SMALL_URI SEED

An access is ``scan``, ``take-N`` (N random rows), ``filter:CONDITION`` (all columns of the rows for
which it is true), ``open`` (open the table, read one row) or ``growth`` (open the table, scan it;
what each page or fragment then costs).
"""

from __future__ import annotations

import concurrent.futures
import gc
import json
import os
import pathlib
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from measure import cpu_seconds, peak_memory_bytes

# How long takes are repeated, each of other rows; the first of a process is not counted.
TAKE_SECONDS = 1.0
MAX_TAKES = 200

Figures = dict[str, Any]


class Table(Protocol):
    """An open table of one library."""

    def count_rows(self) -> int:
        """Count the rows."""

    def scan(self) -> Iterator[pa.RecordBatch]:
        """Read all rows and columns, by batches of 8192 rows, the default of both libraries."""

    def scan_where(self, condition: str) -> Iterator[pa.RecordBatch]:
        """Read all columns of the rows for which a condition is true."""

    def take(self, rows: np.ndarray) -> pa.Table:
        """Read the rows with these numbers, all columns."""


class CroupierTable:
    """A table of Croupier."""

    def __init__(self, uri: str):
        import croupier

        self.version = f"croupier {croupier.__version__}"
        self._table = croupier.open_dataset(uri)
        self.count_rows = self._table.count_rows
        self.scan = self._table.to_batches

    def scan_where(self, condition: str) -> Iterator[pa.RecordBatch]:
        """Read the rows for which a condition is true."""
        return self._table.scan(filter=condition)

    def take(self, rows: np.ndarray) -> pa.Table:
        """Read the rows with these numbers."""
        return self._table.take_offsets(rows).to_arrow()


class PylanceTable:
    """A table of pylance."""

    def __init__(self, uri: str):
        import lance

        self.version = f"pylance {lance.__version__}"
        self._table = lance.dataset(uri)
        self.count_rows = self._table.count_rows
        self.scan = self._table.to_batches
        self.take = self._table.take

    def scan_where(self, condition: str) -> Iterator[pa.RecordBatch]:
        """Read the rows for which a condition is true."""
        return self._table.to_batches(filter=condition)


LIBRARIES: dict[str, Callable[[str], Any]] = {"croupier": CroupierTable, "pylance": PylanceTable}


def resident_bytes() -> int:
    """Return the memory that is resident now."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def scan(batches: Callable[[], Iterator[pa.RecordBatch]]) -> Figures:
    """Read everything once."""
    begun, begun_cpu = time.perf_counter(), cpu_seconds()
    num_rows = num_bytes = 0
    for batch in batches():
        num_rows += batch.num_rows
        num_bytes += batch.nbytes
    return {
        "seconds": time.perf_counter() - begun,
        "cpu_seconds": cpu_seconds() - begun_cpu,
        "rows": num_rows,
        "bytes": num_bytes,
    }


def take(table: Any, num_rows: int, seed: int) -> Figures:
    """Read random rows, again and again; the figure is the median of one take."""
    rng = np.random.default_rng(seed)
    total = table.count_rows()
    table.take(rng.integers(0, total, num_rows))
    seconds: list[float] = []
    begun = time.perf_counter()
    while len(seconds) < 3 or (
        len(seconds) < MAX_TAKES and time.perf_counter() - begun < TAKE_SECONDS
    ):
        rows = rng.integers(0, total, num_rows)
        started, started_cpu = time.perf_counter(), cpu_seconds()
        taken = table.take(rows)
        seconds.append(time.perf_counter() - started)
        last_cpu = cpu_seconds() - started_cpu
        if taken.num_rows != num_rows:
            raise RuntimeError(f"{taken.num_rows} rows of {num_rows}")
    return {
        "seconds": statistics.median(seconds),
        "slowest_seconds": max(seconds),
        "cpu_seconds": last_cpu,
        "takes": len(seconds),
        "rows": num_rows,
    }


def open_and_read(open_table: Callable[[str], Any], uri: str, seed: int) -> Figures:
    """Open the table and read one row; the library is loaded already."""
    row = np.random.default_rng(seed).integers(0, 640, 1)
    begun, begun_cpu = time.perf_counter(), cpu_seconds()
    open_table(uri).take(row)
    return {"seconds": time.perf_counter() - begun, "cpu_seconds": cpu_seconds() - begun_cpu}


def grow(open_table: Callable[[str], Any], uri: str) -> Figures:
    """Open and scan a table; what stays resident while it is open is what it remembers."""
    gc.collect()
    pa.default_memory_pool().release_unused()
    before = resident_bytes()
    begun, begun_cpu = time.perf_counter(), cpu_seconds()
    table = open_table(uri)
    for batch in table.scan():
        del batch
    seconds, cpu = time.perf_counter() - begun, cpu_seconds() - begun_cpu
    pa.default_memory_pool().release_unused()
    return {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "remembered_bytes": resident_bytes() - before,
    }


def read_files(uri: str) -> Figures:
    """Read every byte of the data files from the page cache: no reader can be faster."""

    def read(path: pathlib.Path) -> int:
        buffer = bytearray(1 << 20)
        num_bytes = 0
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(buffer):
                num_bytes += count
        return num_bytes

    begun, begun_cpu = time.perf_counter(), cpu_seconds()
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        num_bytes = sum(threads.map(read, pathlib.Path(uri, "data").iterdir()))
    return {
        "seconds": time.perf_counter() - begun,
        "cpu_seconds": cpu_seconds() - begun_cpu,
        "bytes": num_bytes,
        "version": "read(2), a thread for each CPU",
    }


def measure(library: str, access: str, uri: str, small: str, seed: int) -> Figures:
    """Do what the command line names."""
    if library == "read":
        return read_files(uri)
    open_table = LIBRARIES[library]
    # Loads the library and all that it loads late, on another table.
    warm = open_table(small)
    warm.take(np.zeros(1, np.int64))
    next(iter(warm.scan()))
    if access == "open":
        figures = open_and_read(open_table, uri, seed)
    elif access == "growth":
        figures = grow(open_table, uri)
    elif access == "scan":
        figures = scan(open_table(uri).scan)
    elif access.startswith("filter:"):
        table = open_table(uri)
        figures = scan(lambda: table.scan_where(access.removeprefix("filter:")))
    else:
        figures = take(open_table(uri), int(access.removeprefix("take-")), seed)
    return figures | {"peak_memory_bytes": peak_memory_bytes(), "version": warm.version}


def main() -> None:
    """Measure what the command line names."""
    library, access, uri, small, seed = sys.argv[1:]
    print(json.dumps(measure(library, access, uri, small, int(seed))))


if __name__ == "__main__":
    main()
