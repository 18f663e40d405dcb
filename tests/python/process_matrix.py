"""Read tables, permutations and loaders in workers of every kind, epoch after epoch.

Usage: process_matrix.py WHERE METHOD EPOCHS [STORAGE_OPTIONS]

WHERE is ``memory``, or the folder or URI of a database with the tables ``small`` and ``large``,
which ``write_tables`` makes. METHOD is how workers start. A worker that forks starts anew in every
epoch, others in every twentieth. Run with warnings as errors; it prints one line.
"""

import json
import pickle
import sys
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch.utils.data import ConcatDataset, DataLoader

import croupier

SIZES = {"small": 100, "large": 1_000_000}
EPOCHS_OF_A_WORKER = 20
NUM_CHUNKS = 4
MAX_CHUNK_ROWS = 500


def write_tables(database: croupier.Connection) -> None:
    """Make tables of one column, which counts from zero."""
    for name, num_rows in SIZES.items():
        x = pa.array(range(num_rows), pa.int32())
        database.create_table(name, pa.table({"x": x}), max_rows_per_file=max(25, num_rows // 4))


def sum_of(batches: Any) -> int:
    """Add up the first column."""
    return sum(pc.sum(batch.column(0)).as_py() for batch in batches)


class Reads:
    """A map-style dataset of reads: each item reads a part of one table in its own way."""

    def __init__(self, table: croupier.Table, method: str):
        order = croupier.permutation_builder(table).shuffle(seed=5).execute()
        self.table = table
        self.permutation = croupier.Permutation.from_tables(table, order).with_format("arrow")
        self.loader = croupier.Loader(self.permutation, batch_size=max(7, len(table) // 16))
        self.copies_loader = method != "fork"
        step = max(1, len(table) // NUM_CHUNKS)
        self.chunks = [
            range(begin, min(begin + MAX_CHUNK_ROWS, begin + step, len(table)))
            for begin in range(0, len(table), step)
        ]
        self.reads = [
            *(("take", chunk) for chunk in range(len(self.chunks))),
            *(("table", chunk) for chunk in range(len(self.chunks))),
            ("iterate", 0),
            ("load", 0),
            ("scan", 0),
            ("filter", 0),
        ]
        # The parent has used all of it, with threads, before there are workers.
        for _ in range(3):
            next(self.loader)
        self.expected = [self.read(*each, copies_loader=True) for each in self.reads]

    def __len__(self) -> int:
        return len(self.reads)

    def __getitem__(self, index: int) -> int:
        return self.read(*self.reads[index], copies_loader=self.copies_loader)

    def read(self, how: str, chunk: int, *, copies_loader: bool) -> int:
        """Give the sum of what is read."""
        if how == "take":
            return sum_of([self.permutation.__getitems__(self.chunks[chunk])])
        if how == "table":
            return sum_of([self.table.__getitems__(self.chunks[chunk])])
        if how == "iterate":
            return sum_of(self.permutation.iter(batch_size=max(9, len(self.table) // 8)))
        if how == "scan":
            return sum_of(self.table.scan(["x"]))
        if how == "filter":
            return self.table.count_rows("x % 2 = 1")
        return sum_of(pickle.loads(pickle.dumps(self.loader)) if copies_loader else self.loader)


def first(samples: Sequence[int]) -> int:
    """Collate one sample."""
    return samples[0]


def run_epochs(parts: list[Reads], method: str, epochs: int) -> None:
    """Have two workers read it all, and compare with what the parent has read."""
    expected = [each for part in parts for each in part.expected]
    done = 0
    while done < epochs:
        loader = DataLoader(
            ConcatDataset(parts),
            num_workers=2,
            multiprocessing_context=method,
            persistent_workers=method != "fork",
            collate_fn=first,
        )
        for _ in range(min(EPOCHS_OF_A_WORKER, epochs - done)):
            read = list(loader)
            assert read == expected, (read, expected)
            done += 1


def main(where: str, method: str, epochs: int, options: dict[str, str]) -> None:
    """Run the epochs for both tables."""
    torch.multiprocessing.set_forkserver_preload(["torch", "croupier"])
    if where == "memory":
        database = croupier.connect("memory://")
        write_tables(database)
    else:
        database = croupier.connect(where, storage_options=options, pickle_credentials=True)
    parts = []
    for name, num_rows in SIZES.items():
        parts.append(Reads(database.open_table(name), method))
        assert parts[-1].expected[parts[-1].reads.index(("scan", 0))] == sum(range(num_rows))
    run_epochs(parts, method, epochs)
    print(f"{epochs} epochs")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), json.loads(" ".join(sys.argv[4:]) or "{}"))
