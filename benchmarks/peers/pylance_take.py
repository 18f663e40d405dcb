"""Pylance: take of the rows of a batch by their numbers."""

from __future__ import annotations

from collections.abc import Iterator

import lance
import numpy as np
import pyarrow as pa


def version() -> str:
    """Name the library and its version."""
    return f"pylance {lance.__version__}"


def batches(name: str, folder: str, seed: int, batch_size: int) -> Iterator[pa.Table]:
    """Read the table once, shuffled."""
    dataset = lance.dataset(f"{folder}/{name}.lance")
    order = np.random.default_rng(seed).permutation(dataset.count_rows())
    for begin in range(0, len(order), batch_size):
        yield dataset.take(order[begin : begin + batch_size])
