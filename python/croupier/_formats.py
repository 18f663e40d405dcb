"""From a record batch to what a training loop wants.

Every format is a function of this module, so that a permutation with a format pickles. Libraries
are imported by the first batch that needs them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import polars as pl
    import torch

_REMEDY = (
    "leave the column out with remove_columns or select_columns, or convert it in with_transform"
)


def to_python(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Make a list of row dicts."""
    rows: list[dict[str, Any]] = batch.to_pylist()
    return rows


def to_python_columns(batch: pa.RecordBatch) -> dict[str, list[Any]]:
    """Make a dict of lists."""
    columns: dict[str, list[Any]] = batch.to_pydict()
    return columns


def to_arrow(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Keep the batch as it is."""
    return batch


def to_pandas(batch: pa.RecordBatch) -> pd.DataFrame:
    """Make a pandas DataFrame."""
    return batch.to_pandas()


def to_polars(batch: pa.RecordBatch) -> pl.DataFrame:
    """Make a polars DataFrame."""
    import polars as pl

    return pl.from_arrow(batch)


def to_numpy(batch: pa.RecordBatch) -> np.ndarray[Any, Any]:
    """Make one array of rows × columns: of object where the columns have no common number type."""
    import numpy as np

    columns = [column.to_numpy(zero_copy_only=False) for column in batch.columns]
    dtypes = {column.dtype for column in columns}
    if len(dtypes) == 1:
        dtype = dtypes.pop()
    elif all(dtype.kind in "iuf" for dtype in dtypes):
        dtype = np.result_type(*dtypes)
    else:
        dtype = np.dtype(object)
    rows: np.ndarray[Any, Any] = np.empty((batch.num_rows, len(columns)), dtype)
    for i, column in enumerate(columns):
        rows[:, i] = column
    return rows


def _to_tensor(name: str, array: pa.Array) -> torch.Tensor:
    """Make a tensor of a column: n values, or n × d of fixed-size lists."""
    import torch

    if array.null_count > 0:
        raise TypeError(
            f"column '{name}' has {array.null_count} nulls in this batch, which a torch tensor "
            f"cannot hold; {_REMEDY}"
        )
    type_ = array.type
    if pa.types.is_fixed_size_list(type_):
        values = _to_tensor(name, array.flatten())
        return values.reshape(len(array), type_.list_size, *values.shape[1:])
    if pa.types.is_boolean(type_):
        return torch.from_numpy(array.to_numpy(zero_copy_only=False))
    if not (pa.types.is_integer(type_) or pa.types.is_floating(type_)):
        raise TypeError(f"column '{name}' of type {type_} has no torch tensor; {_REMEDY}")
    return torch.from_dlpack(array)


def to_torch_batch(batch: pa.RecordBatch) -> dict[str, torch.Tensor]:
    """Make a dict of tensors, whose first dimension is the row."""
    return {
        name: _to_tensor(name, column)
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    }


def to_torch(batch: pa.RecordBatch) -> list[dict[str, torch.Tensor]]:
    """Make a list of row dicts of tensors, which torch's default collate stacks."""
    columns = to_torch_batch(batch)
    return [
        dict(zip(columns, row, strict=True))
        for row in zip(*(column.unbind(0) for column in columns.values()), strict=True)
    ]


def to_torch_columns(batch: pa.RecordBatch) -> torch.Tensor:
    """Make one tensor of columns × rows."""
    import torch

    tensors = to_torch_batch(batch)
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if len(set(shapes.values())) > 1:
        raise TypeError(
            f"columns of different shapes make no single tensor: {shapes}; use the format "
            "'torch_batch', or select columns of one shape"
        )
    return torch.stack(list(tensors.values()))


def to_torch_rows(batch: pa.RecordBatch) -> list[torch.Tensor]:
    """Make a list of one-dimensional tensors, one for each row, lists laid out in place."""
    import numpy as np
    import torch

    columns = [
        tensor.reshape(batch.num_rows, -1).numpy() if batch.num_rows else tensor.numpy()
        for tensor in to_torch_batch(batch).values()
    ]
    if batch.num_rows == 0:
        return []
    return list(torch.from_numpy(np.concatenate(columns, axis=1)).unbind(0))


FORMATS: dict[str, Callable[[pa.RecordBatch], Any]] = {
    "python": to_python,
    "python_col": to_python_columns,
    "numpy": to_numpy,
    "pandas": to_pandas,
    "arrow": to_arrow,
    "polars": to_polars,
    "torch": to_torch,
    "torch_row": to_torch_rows,
    "torch_col": to_torch_columns,
    "torch_batch": to_torch_batch,
}
