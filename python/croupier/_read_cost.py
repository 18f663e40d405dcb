"""How many reads a batch takes, and how many bytes: an estimate from the sizes of columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from croupier.table import Table

    Array = np.ndarray[Any, Any]

# Reads of one file with no more than this between them are one (storage/range_coalescer.h).
_MAX_GAP_BYTES = 8 << 10
# What is decoded as a whole, where values are small: a chunk of a page.
_CHUNK_BYTES = 4 << 10
# Of more files the metadata is not read; all columns are taken to be equally wide.
_MAX_FILES = 1000


def bytes_per_row(table: Table, columns: Iterable[str]) -> dict[str, float]:
    """Tell how many bytes a row has in each of the columns in storage that are read for `columns`.

    Reads the ends of the data files, if they are not too many.

    Args:
        table: with the columns.
        columns: of the table, or members of its structs.

    Returns:
        By the name of the stored column; without those that hold nothing. Empty if the table does
        not tell.
    """
    wanted = tuple(columns)

    def is_wanted(name: str) -> bool:
        return any(name == column or name.startswith(column + ".") for column in wanted)

    facts = table._source.describe("table")
    num_rows = facts["num_rows"] + facts["num_deleted_rows"]
    if num_rows == 0:
        return {}
    if facts["num_data_files"] > _MAX_FILES:
        every = table.schema.names
        width = facts["data_file_bytes"] / num_rows / max(len(every), 1)
        return dict.fromkeys(wanted, width) if width else {}
    return {
        column["name"]: column["size_bytes"] / num_rows
        for column in table._source.describe("columns")["columns"]
        if column["size_bytes"] and is_wanted(column["name"])
    }


def estimate_reads(addresses: Array, widths: Mapping[str, float]) -> tuple[float, float]:
    """Estimate the reads and the bytes of a batch, on average over batches.

    Args:
        addresses: of rows, batches × rows, ascending in each batch.
        widths: bytes of a row in each column.
    """
    import numpy as np

    steps = np.diff(addresses, axis=1)
    is_same_file = np.diff(addresses >> np.uint64(32), axis=1) == 0
    reads = num_bytes = 0.0
    for width in widths.values():
        unit = max(width, _CHUNK_BYTES)
        merges = is_same_file & (steps * width <= _MAX_GAP_BYTES + unit)
        groups = addresses.shape[1] - merges.sum(axis=1)
        spans = np.where(merges, steps, 0).sum(axis=1)
        reads += float(groups.mean())
        num_bytes += float((spans * width + groups * unit).mean())
    return reads, num_bytes
