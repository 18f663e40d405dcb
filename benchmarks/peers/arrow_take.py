"""Arrow: take of the rows of a batch from a memory-mapped IPC file, one record batch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa


def version() -> str:
    """Name the library and its version."""
    return f"pyarrow {pa.__version__}"


def batches(name: str, folder: str, seed: int, batch_size: int) -> Iterator[pa.RecordBatch]:
    """Read the table once, shuffled."""
    rows = pa.ipc.open_file(pa.memory_map(f"{folder}/{name}.arrow")).get_batch(0)
    order = np.random.default_rng(seed).permutation(rows.num_rows)
    for begin in range(0, len(order), batch_size):
        yield rows.take(pa.array(order[begin : begin + batch_size]))
