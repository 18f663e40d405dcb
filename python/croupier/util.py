"""Helpers around tables and batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from croupier import _formats

if TYPE_CHECKING:
    import torch

__all__ = ["keep_batch", "tbl_to_tensor"]


def tbl_to_tensor(tbl: pa.Table | pa.RecordBatch) -> torch.Tensor:
    """Stack the columns of a table or record batch into one tensor of columns × rows.

    Serves as ``collate_fn`` of a DataLoader over a `croupier.Table`.

    Args:
        tbl: columns of one shape, of numbers or booleans or fixed-size lists of these, without
            nulls.

    Raises:
        TypeError: for columns that make no tensor.
    """
    if isinstance(tbl, pa.RecordBatch):
        return _formats.to_torch_columns(tbl)
    columns = [column.combine_chunks() for column in tbl.columns]
    return _formats.to_torch_columns(pa.RecordBatch.from_arrays(columns, schema=tbl.schema))


def keep_batch(batch: Any) -> Any:
    """Give the batch back as it is.

    Serves as ``collate_fn`` of a DataLoader over a permutation whose format makes whole batches
    (``torch_batch``, ``arrow``, ``numpy``, …), which torch's default would take for lists of rows.
    """
    return batch
