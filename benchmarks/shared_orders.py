"""Open a kept permutation of many rows, and give one to spawned processes; print figures as JSON.

python benchmarks/shared_orders.py FOLDER NUM_PROCESSES

FOLDER is a database with the table `rows`. The permutation keeps half of them, shuffled.
"""

from __future__ import annotations

import json
import multiprocessing
import pathlib
import pickle
import random
import sys
import time
from multiprocessing.connection import Connection
from typing import Any

import croupier

FIRST_ROWS = 256
ALL_ROWS = 1_000_000  # enough to touch every page of the list


def memory_bytes() -> dict[str, int]:
    """Memory of this process: its part of what is shared too, and what is its own alone."""
    kinds: dict[str, int] = {}
    for line in pathlib.Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]:
        kind, kilobytes, _ = line.split()
        kinds[kind.removesuffix(":")] = int(kilobytes) * 1024
    return {"pss": kinds["Pss"], "uss": kinds["Private_Clean"] + kinds["Private_Dirty"]}


def read_rows(permutation: croupier.Permutation, num_rows: int) -> float:
    """Find the row ids at random positions; the seconds that it took."""
    positions = [random.randrange(len(permutation)) for _ in range(num_rows)]
    begun = time.perf_counter()
    permutation._rows.row_ids(positions)
    return time.perf_counter() - begun


def work(pickled: bytes, barrier: Any, results: Connection) -> None:
    """Be one of several processes that read an order."""
    before = memory_bytes()
    begun = time.perf_counter()
    permutation = pickle.loads(pickled)
    unpickled = time.perf_counter() - begun
    first = read_rows(permutation, FIRST_ROWS)
    read_rows(permutation, ALL_ROWS)
    barrier.wait()
    after = memory_bytes()
    barrier.wait()
    results.send(
        {
            "unpickle_seconds": unpickled,
            "first_rows_seconds": first,
            **{f"{kind}_bytes": after[kind] - before[kind] for kind in after},
        }
    )


def share(permutation: croupier.Permutation, num_processes: int) -> dict[str, Any]:
    """Give a permutation to spawned processes."""
    begun = time.perf_counter()
    pickled = pickle.dumps(permutation)
    pickle_seconds = time.perf_counter() - begun
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(num_processes)
    pipes = [context.Pipe(duplex=False) for _ in range(num_processes)]
    processes = [context.Process(target=work, args=(pickled, barrier, end)) for _, end in pipes]
    for process in processes:
        process.start()
    outcomes = [results.recv() for results, _ in pipes]
    for process in processes:
        process.join()
    return {
        "pickle_bytes": len(pickled),
        "pickle_seconds": pickle_seconds,
        **{key: [outcome[key] for outcome in outcomes] for key in outcomes[0]},
    }


def main() -> None:
    """Measure what the command line names."""
    folder, num_processes = sys.argv[1], int(sys.argv[2])
    database = croupier.connect(folder)
    table = database.open_table("rows")
    built = croupier.permutation_builder(table).filter("label < 5").shuffle(seed=1).execute()
    figures: dict[str, Any] = {
        "version": croupier.__version__,
        "rows": len(table),
        "rows_selected": len(built),
        "list_bytes": built.num_list_bytes,
        "built": share(croupier.Permutation.from_tables(table, built), num_processes),
    }
    if "order" in database.table_names():
        database.drop_table("order")
    kept = built.persist(database, "order")
    begun = time.perf_counter()
    opened = croupier.Permutation.from_tables(table, kept)
    figures["open_kept_seconds"] = time.perf_counter() - begun
    figures["first_rows_of_kept_seconds"] = read_rows(opened, FIRST_ROWS)
    assert opened.permutation_table is not None
    figures["kept_list_bytes"] = opened.permutation_table.num_list_bytes
    figures["kept"] = share(opened, num_processes)
    database.drop_table("order")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
