"""Blobs: large values that are read by and by."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from croupier import _core
    from croupier.table import Table

__all__ = ["BlobFile"]


class BlobFile(io.RawIOBase):
    """A value of a blob column as a file that is open for reading.

    Nothing is read before it is asked for, and nothing is kept. Wrap it in `io.BufferedReader` for
    many small reads. It has one position, so that each thread wants one of its own. It works in a
    forked child, and pickles as the table, the column and the row, with its position. Made by
    `Table.take_blobs`.
    """

    def __init__(self, blob: _core.Blob, table: Table, column: str, row_id: int):
        super().__init__()
        self._blob = blob
        self._table = table
        self._column = column
        self._row_id = row_id
        self._position = 0

    def size(self) -> int:
        """Give the size in bytes."""
        return self._blob.size

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that it can be read from any place."""
        return True

    def tell(self) -> int:
        """Give the position, in bytes from the beginning."""
        self._check_open()
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position, also past the end, where nothing is read.

        Raises:
            ValueError: for a place before the beginning.
        """
        self._check_open()
        bases = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._blob.size}
        if whence not in bases:
            raise ValueError(f"invalid whence: {whence}")
        position = bases[whence] + offset
        if position < 0:
            raise ValueError(f"negative seek position: {position}")
        self._position = position
        return position

    def read(self, size: int | None = -1) -> bytes:
        """Read as many bytes, or to the end, in one go."""
        self._check_open()
        position = self._position
        left = max(0, self._blob.size - position)
        size = left if size is None or size < 0 else min(size, left)
        data = self._blob.read(position, size) if size else b""
        self._position = position + len(data)
        return data

    def readall(self) -> bytes:
        """Read to the end, in one go."""
        return self.read()

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer, and give the number of bytes."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def read_range(self, offset: int, length: int) -> bytes:
        """Read bytes from any place; the position stays.

        Raises:
            ValueError: if they are not all inside the value.
        """
        self._check_open()
        if offset < 0 or length < 0 or offset + length > self._blob.size:
            raise ValueError(f"not in {self._blob.size} bytes: {length} bytes from {offset} on")
        return self._blob.read(offset, length) if length else b""

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")

    def __repr__(self) -> str:
        return (
            f"<croupier.BlobFile: {self._blob.size:,} bytes of column '{self._column}', "
            f"row {self._row_id} of '{self._table.name}'>"
        )

    def __reduce__(self) -> tuple[Callable[..., BlobFile], tuple[Table, str, int, int]]:
        self._check_open()
        return _unpickle, (self._table, self._column, self._row_id, self._position)


def _unpickle(table: Table, column: str, row_id: int, position: int) -> BlobFile:
    (blob,) = table.take_blobs(column, [row_id])
    assert blob is not None, "the version is the same, so the value is there"
    blob.seek(position)
    return blob
