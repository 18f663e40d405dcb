"""Helpers around tables and batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from croupier import _torch_formats
from croupier._worker_batch import worker_batch

if TYPE_CHECKING:
    import torch

__all__ = ["keep_batch", "tbl_to_tensor"]


def tbl_to_tensor(tbl: pa.Table | pa.RecordBatch) -> torch.Tensor:
    """Stack the columns of a table or record batch into one tensor of columns × rows.

    Serves as ``collate_fn`` of a DataLoader over a `croupier.Table`.

    Args:
        tbl: columns of one shape and of types that make a tensor, as for the format ``torch_col``.

    Raises:
        TypeError: for columns that make no tensor.
        ValueError: for nulls that have no value in torch.
    """
    if isinstance(tbl, pa.RecordBatch):
        return _torch_formats.to_torch_columns(tbl)
    columns = [column.combine_chunks() for column in tbl.columns]
    return _torch_formats.to_torch_columns(pa.RecordBatch.from_arrays(columns, schema=tbl.schema))


def keep_batch(batch: Any) -> Any:
    """Give the batch back as it is.

    Serves as ``collate_fn`` of a DataLoader over a permutation whose format makes whole batches
    (``torch_batch``, ``arrow``, ``numpy``, …), which torch's default would take for lists of rows.

    From a worker the batch goes to its parent in one buffer, whatever tensors and arrays are in it;
    also a batch that another dataset made.
    """
    return worker_batch(batch)
