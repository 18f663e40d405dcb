"""Write a table by one library, in a process of its own; print figures as JSON.

python benchmarks/write.py LIBRARY NAME FOLDER URI

The rows are in memory as Arrow before the clock starts. Both libraries make the files durable by
their own rules: Croupier waits for the disk before it commits, pylance does not.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import sys
import time
from collections.abc import Callable

import datasets
import pyarrow as pa
from measure import cpu_seconds, peak_memory_bytes


def write_by_croupier(rows: pa.Table, uri: str, rows_per_file: int) -> str:
    """Write the table."""
    import croupier

    folder, name = os.path.split(uri.removesuffix(".lance"))
    croupier.connect(folder).create_table(name, rows, max_rows_per_file=rows_per_file)
    return f"croupier {croupier.__version__}"


def write_by_pylance(rows: pa.Table, uri: str, rows_per_file: int) -> str:
    """Write the table."""
    import lance

    lance.write_dataset(rows, uri, max_rows_per_file=rows_per_file)
    return f"pylance {lance.__version__}"


LIBRARIES: dict[str, Callable[[pa.Table, str, int], str]] = {
    "croupier": write_by_croupier,
    "pylance": write_by_pylance,
}


def main() -> None:
    """Measure what the command line names."""
    library, name, source, folder = sys.argv[1:]
    rows = datasets.read_rows(pathlib.Path(source))
    write = LIBRARIES[library]
    # The library is loaded, and its threads are there, before the clock starts.
    write(rows.slice(0, 10), f"{folder}/first.lance", 1 << 20)
    uri = f"{folder}/{name}.lance"
    shutil.rmtree(uri, ignore_errors=True)
    os.sync()
    begun, begun_cpu = time.perf_counter(), cpu_seconds()
    version = write(rows, uri, datasets.rows_per_file(name))
    seconds, cpu = time.perf_counter() - begun, cpu_seconds() - begun_cpu
    size = sum(path.stat().st_size for path in pathlib.Path(uri).rglob("*") if path.is_file())
    figures = {
        "version": version,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "rows": rows.num_rows,
        "bytes": rows.nbytes,
        "file_bytes": size,
        "peak_memory_bytes": peak_memory_bytes(),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
