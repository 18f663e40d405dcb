"""The datasets that are compared: one table as each library gives it to torch's DataLoader.

All deliver the same: a dict of tensors, and of lists for texts and bytes, in batches of rows in an
order that the seed shuffles. Each is made as its library's documentation has it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import torch


def to_tensors(batch: pa.RecordBatch) -> dict[str, Any]:
    """Make tensors of the columns, for libraries that give Arrow."""
    columns: dict[str, Any] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if pa.types.is_fixed_size_list(column.type):
            values = torch.from_dlpack(column.flatten())
            columns[name] = values.reshape(len(column), column.type.list_size)
        elif pa.types.is_primitive(column.type):
            columns[name] = torch.from_dlpack(column)
        else:
            columns[name] = column.to_pylist()
    return columns


def keep(batch: Any) -> Any:
    """Collate what is a batch already."""
    return batch


def croupier(folder: str, name: str, seed: int) -> dict[str, Any]:
    """Give a permutation of Croupier."""
    import croupier
    from croupier.util import keep_batch

    table = croupier.connect(folder).open_table(name)
    order = croupier.permutation_builder(table).shuffle(seed=seed).execute()
    permutation = croupier.Permutation.from_tables(table, order)
    return {"dataset": permutation.with_format("torch_batch"), "collate_fn": keep_batch}


def lancedb(folder: str, name: str, seed: int) -> dict[str, Any]:
    """Give a permutation of lancedb, whose torch formats do not take texts or vectors."""
    import lancedb
    from lancedb.permutation import Permutation, permutation_builder

    table = lancedb.connect(folder).open_table(name)
    order = permutation_builder(table).shuffle(seed=seed).execute()
    permutation = Permutation.from_tables(table, order).with_transform(to_tensors)
    return {"dataset": permutation, "collate_fn": keep}


def datasets(folder: str, name: str, seed: int) -> dict[str, Any]:
    """Give a data set of Hugging Face's library, mapped from its Arrow file."""
    import datasets

    rows = datasets.Dataset.from_file(f"{folder}/{name}.stream.arrow").with_format("torch")
    sampler = torch.utils.data.RandomSampler(rows, generator=torch.Generator().manual_seed(seed))
    return {"dataset": rows, "sampler": sampler}


class MappedArrow:
    """Rows of a mapped Arrow IPC file of one batch, in a shuffled order."""

    def __init__(self, path: str, seed: int):
        self._path = path
        self._rows: pa.RecordBatch | None = None
        self._order = np.random.default_rng(seed).permutation(self._open().num_rows)

    def _open(self) -> pa.RecordBatch:
        if self._rows is None:
            self._rows = pa.ipc.open_file(pa.memory_map(self._path)).get_batch(0)
        return self._rows

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_rows": None}

    def __len__(self) -> int:
        return len(self._order)

    def __getitems__(self, positions: list[int]) -> dict[str, Any]:
        return to_tensors(self._open().take(pa.array(self._order[positions])))


def arrow(folder: str, name: str, seed: int) -> dict[str, Any]:
    """Give takes from a mapped Arrow file."""
    return {"dataset": MappedArrow(f"{folder}/{name}.arrow", seed), "collate_fn": keep}


class SameBatch:
    """Rows that are there already."""

    def __init__(self, num_rows: int):
        self._num_rows = num_rows

    def __len__(self) -> int:
        return self._num_rows

    def __getitems__(self, positions: list[int]) -> dict[str, Any]:
        return {"row": torch.zeros(len(positions))}


def limit(folder: str, name: str, seed: int) -> dict[str, Any]:
    """Give batches of one number a row, which cost nothing: what torch itself takes."""
    num_rows = pa.ipc.open_file(pa.memory_map(f"{folder}/{name}.arrow")).get_batch(0).num_rows
    return {"dataset": SameBatch(num_rows), "collate_fn": keep}


LOADERS: dict[str, Callable[[str, str, int], dict[str, Any]]] = {
    "croupier": croupier,
    "lancedb": lancedb,
    "datasets": datasets,
    "arrow": arrow,
    "limit": limit,
}
