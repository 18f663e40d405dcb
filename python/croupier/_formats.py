"""From a record batch to what a training loop wants.

Every format is a function of a module, or a partial of one, so that a permutation with a format
pickles. Libraries are imported by the first batch that needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from croupier._torch_formats import (
    NULL_RULES,
    to_torch,
    to_torch_batch,
    to_torch_columns,
    to_torch_rows,
)
from croupier.errors import NameNotFoundError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import polars as pl

Format = Callable[[pa.RecordBatch], Any]


def _without_dictionaries(batch: pa.RecordBatch) -> pa.RecordBatch:
    # pyarrow looks each value up by itself, with memory of its own for each.
    for i, (name, column) in enumerate(zip(batch.schema.names, batch.columns, strict=True)):
        if pa.types.is_dictionary(column.type):
            batch = batch.set_column(i, name, column.dictionary_decode())
    return batch


def to_python(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Make a list of row dicts."""
    rows: list[dict[str, Any]] = _without_dictionaries(batch).to_pylist()
    return rows


def to_python_columns(batch: pa.RecordBatch) -> dict[str, list[Any]]:
    """Make a dict of lists."""
    columns: dict[str, list[Any]] = _without_dictionaries(batch).to_pydict()
    return columns


def to_arrow(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Keep the batch as it is."""
    return batch


def to_pandas(batch: pa.RecordBatch) -> pd.DataFrame:
    """Make a pandas DataFrame."""
    return batch.to_pandas()


def to_polars(rows: pa.RecordBatch | pa.Table) -> pl.DataFrame:
    """Make a polars DataFrame.

    Column by column, on this thread: a whole DataFrame at once is made by the threads of polars,
    for which a child of a process that has used them waits for ever.
    """
    import polars as pl

    columns = zip(rows.schema.names, rows.columns, strict=True)
    return pl.DataFrame([pl.Series(name, column) for name, column in columns])


def _numpy_column(column: pa.Array) -> np.ndarray[Any, Any]:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    type_ = column.type
    is_integer = pa.types.is_integer(type_)
    if pa.types.is_date(type_) or (pa.types.is_timestamp(type_) and type_.tz is not None):
        # Objects, as in LanceDB: NumPy's own dates have no time zone, and not every date.
        values: np.ndarray[Any, Any] = column.to_pandas().to_numpy(object)
    elif pa.types.is_boolean(type_) and column.null_count == 0:
        values = column.cast(pa.uint8()).to_numpy().view(bool)
    elif column.null_count and (is_integer or pa.types.is_floating(type_)):
        # As to_numpy makes it by itself, but of memory that is safe in a child of a fork.
        floats = column.cast(pa.float64(), safe=False) if is_integer else column
        values = floats.fill_null(float("nan")).to_numpy()
    else:
        values = column.to_numpy(zero_copy_only=False)
    return values


def to_numpy(batch: pa.RecordBatch) -> np.ndarray[Any, Any]:
    """Make one array of rows × columns: of object where the columns have no common number type."""
    import numpy as np

    columns = [_numpy_column(column) for column in batch.columns]
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


FORMATS: dict[str, Callable[..., Any]] = {
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
_WITH_MASKS = ("torch", "torch_batch")


def make_format(name: str, nulls: str | Mapping[str, Any] | None, columns: Iterable[str]) -> Format:
    """Find a format by its name, with a rule for nulls.

    Args:
        name: as for `Permutation.with_format`.
        nulls: as for `Permutation.with_format`.
        columns: those that `nulls` may name.
    """
    if name not in FORMATS:
        raise ValueError(f"Invalid format: {name}; formats: {', '.join(FORMATS)}")
    if nulls is None:
        return FORMATS[name]
    if not name.startswith("torch"):
        raise ValueError(f"nulls is for the torch formats; the format '{name}' keeps nulls")
    if isinstance(nulls, str):
        if nulls not in NULL_RULES:
            raise ValueError(f"nulls is one of {', '.join(NULL_RULES)}, or a dict; not {nulls!r}")
        if nulls == "mask" and name not in _WITH_MASKS:
            raise ValueError(
                f"the format '{name}' has no place for masks; those that have: "
                f"{', '.join(_WITH_MASKS)}"
            )
    elif isinstance(nulls, Mapping):
        known = list(columns)
        for column in nulls:
            if column not in known:
                raise NameNotFoundError(
                    f"nulls names `{column}`, which is not selected; the columns are: "
                    f"{', '.join(known)}"
                )
        nulls = dict(nulls)
    else:
        raise TypeError(f"nulls must be a str or a dict, not {type(nulls).__name__}")
    return partial(FORMATS[name], nulls=nulls)


def format_name(transform: Format) -> str:
    """Name a format for people; a transform of the user's by what it is called."""
    nulls = ""
    if isinstance(transform, partial) and "nulls" in transform.keywords:
        nulls = f" (nulls={transform.keywords['nulls']!r})"
        transform = transform.func
    for name, function in FORMATS.items():
        if transform is function:
            return name + nulls
    return getattr(transform, "__qualname__", type(transform).__qualname__)
