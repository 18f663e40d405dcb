"""Croupier, read ahead: `Permutation.iter`."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

import croupier


def version() -> str:
    """Name the library and its version."""
    return f"croupier {croupier.__version__}"


def batches(name: str, folder: str, seed: int, batch_size: int) -> Iterator[pa.RecordBatch]:
    """Read the table once, shuffled."""
    table = croupier.connect(folder).open_table(name)
    order = croupier.permutation_builder(table).shuffle(seed=seed).execute()
    permutation = croupier.Permutation.from_tables(table, order)
    return permutation.with_format("arrow").iter(batch_size)
