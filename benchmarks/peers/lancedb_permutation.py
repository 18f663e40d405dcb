"""LanceDB's own permutation, in its Arrow format."""

from __future__ import annotations

from collections.abc import Iterator

import lancedb
import pyarrow as pa
from lancedb.permutation import Permutation, permutation_builder


def version() -> str:
    """Name the library and its version."""
    return f"lancedb {lancedb.__version__}"


def batches(name: str, folder: str, seed: int, batch_size: int) -> Iterator[pa.RecordBatch]:
    """Read the table once, shuffled."""
    table = lancedb.connect(folder).open_table(name)
    order = permutation_builder(table).shuffle(seed=seed).execute()
    permutation = Permutation.from_tables(table, order)
    return permutation.with_format("arrow").iter(batch_size)
