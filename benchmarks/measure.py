"""Measure one reader on one table, in a process of its own; print the figures as JSON.

python benchmarks/measure.py PEER TABLE FOLDER SEED MAX_SECONDS
"""

from __future__ import annotations

import importlib
import json
import pathlib
import resource
import sys
import time
from collections.abc import Iterator
from typing import Protocol

import pyarrow as pa

BATCH_SIZE = 256


class Peer(Protocol):
    """A module of benchmarks/peers."""

    def version(self) -> str:
        """Name the library and its version."""

    def batches(self, name: str, folder: str, seed: int, batch_size: int) -> Iterator[pa.Table]:
        """Open a table and read it once, shuffled by the seed, in batches of all columns."""


def cpu_seconds() -> float:
    """Processor time of all threads so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_memory_bytes() -> int:
    """Return the most memory that was resident, mapped files included."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no VmHWM in /proc/self/status")


def measure(peer: Peer, name: str, folder: str, seed: int, max_seconds: float) -> dict[str, object]:
    """Read one epoch, or what of it fits into `max_seconds`.

    The rate counts from the first batch on; what comes before is the time of the first batch.
    """
    opened = time.perf_counter()
    batches = peer.batches(name, folder, seed, BATCH_SIZE)
    first = next(batches)
    begun, begun_cpu = time.perf_counter(), cpu_seconds()
    num_rows = num_bytes = 0
    for batch in batches:
        num_rows += batch.num_rows
        num_bytes += batch.nbytes
        if time.perf_counter() - begun > max_seconds:
            break
    seconds, cpu = time.perf_counter() - begun, cpu_seconds() - begun_cpu
    return {
        "rows": first.num_rows + num_rows,
        "rows_per_second": num_rows / seconds,
        "bytes_per_second": num_bytes / seconds,
        "cpu_seconds_per_row": cpu / num_rows,
        "first_batch_seconds": begun - opened,
        "peak_memory_bytes": peak_memory_bytes(),
        "version": peer.version(),
    }


def main() -> None:
    """Measure what the command line names."""
    peer_name, name, folder, seed, max_seconds = sys.argv[1:]
    peer = importlib.import_module(f"peers.{peer_name}")
    print(json.dumps(measure(peer, name, folder, int(seed), float(max_seconds))))


if __name__ == "__main__":
    main()
