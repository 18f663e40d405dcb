"""Queries whose results are awaited."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from croupier import _core
from croupier._event_loop import await_call, run_async
from croupier._formats import to_polars
from croupier.query import ScanQuery, TakeQuery

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["AsyncBatchReader", "AsyncQuery", "AsyncTakeQuery"]


class AsyncBatchReader:
    """A stream of record batches, for ``async for``, read once.

    A read that is cancelled, or fails, ends it. Made by the queries of an `AsyncTable`.
    """

    def __init__(self, schema: pa.Schema, batches: Iterator[pa.RecordBatch]):
        """Use `AsyncQuery.to_batches`."""
        self._schema = schema
        self._batches = _generator_of(batches)
        self._is_whole = True
        self._is_being_read = False

    @property
    def schema(self) -> pa.Schema:
        """The schema of the batches."""
        return self._schema

    def __aiter__(self) -> AsyncBatchReader:
        return self

    async def __anext__(self) -> pa.RecordBatch:
        if self._is_being_read:
            raise ValueError("another task is reading this stream of batches")
        if not self._is_whole:
            raise ValueError("the stream of batches has ended before its time")
        self._is_being_read = True
        self._is_whole = False
        try:
            batch = await run_async(next, self._batches, None)
            self._is_whole = True
        finally:
            self._is_being_read = False
        if batch is None:
            raise StopAsyncIteration
        return batch

    async def aclose(self) -> None:
        """Stop the reading. May be called again."""
        self._is_whole = False
        await run_async(self._batches.close)

    def __del__(self) -> None:
        # A scan ends with the reads that it is at; no event loop is to wait for that.
        _core.do_later(partial(_close, self._batches))


class AsyncQuery:
    """A plain scan of a table, made by `AsyncTable.query`.

    Example:
        >>> import asyncio
        >>> import croupier
        >>> async def read():
        ...     db = await croupier.connect_async("memory://")
        ...     table = await db.create_table("t", [{"x": i} for i in range(5)])
        ...     return await table.query().where("x > 1").limit(2).to_list()
        >>> asyncio.run(read())
        [{'x': 2}, {'x': 3}]
    """

    def __init__(self, query: ScanQuery):
        """Use `AsyncTable.query`."""
        self._query = query

    def select(self, columns: Sequence[str] | Mapping[str, str]) -> AsyncQuery:
        """Read these columns only, as `ScanQuery.select`."""
        self._query.select(columns)
        return self

    def where(self, predicate: str) -> AsyncQuery:
        """Read only the rows for which a condition is true, as `ScanQuery.where`."""
        self._query.where(predicate)
        return self

    def limit(self, limit: int | None) -> AsyncQuery:
        """Read at most this many rows; None reads all."""
        self._query.limit(limit)
        return self

    def offset(self, offset: int) -> AsyncQuery:
        """Leave out this many rows at the beginning."""
        self._query.offset(offset)
        return self

    def with_row_id(self, with_row_id: bool = True) -> AsyncQuery:
        """Add the column ``_rowid``."""
        self._query.with_row_id(with_row_id)
        return self

    def with_row_address(self, with_row_address: bool = True) -> AsyncQuery:
        """Add the column ``_rowaddr``."""
        self._query.with_row_address(with_row_address)
        return self

    async def to_arrow(self) -> pa.Table:
        """Read into a pyarrow Table."""
        return await run_async(self._query.to_arrow)

    async def to_batches(self, max_batch_length: int | None = None) -> AsyncBatchReader:
        """Read as a stream of record batches, by ``async for``; rows are read as it goes on.

        Args:
            max_batch_length: rows of every batch but the last; 8192 where none is given.
        """
        return AsyncBatchReader(*await run_async(self._query.open_batches, max_batch_length))

    async def to_pandas(self) -> pd.DataFrame:
        """Read into a pandas DataFrame."""
        return await run_async(self._query.to_pandas)

    async def to_polars(self) -> pl.DataFrame:
        """Read into a polars DataFrame."""
        return await run_async(to_polars, await self.to_arrow())

    async def to_list(self) -> list[dict[str, Any]]:
        """Read into a list of dicts, one for each row."""
        return await run_async(self._query.to_list)


class AsyncTakeQuery:
    """Chosen rows of a table, made by `AsyncTable.take_offsets` and `AsyncTable.take_row_ids`."""

    def __init__(self, query: TakeQuery):
        """Use `AsyncTable.take_offsets` or `AsyncTable.take_row_ids`."""
        self._query = query

    def select(self, columns: Sequence[str] | Mapping[str, str]) -> AsyncTakeQuery:
        """Read these columns only, as `TakeQuery.select`."""
        self._query.select(columns)
        return self

    def with_row_id(self, with_row_id: bool = True) -> AsyncTakeQuery:
        """Add the column ``_rowid``."""
        self._query.with_row_id(with_row_id)
        return self

    def with_row_address(self, with_row_address: bool = True) -> AsyncTakeQuery:
        """Add the column ``_rowaddr``."""
        self._query.with_row_address(with_row_address)
        return self

    async def to_arrow(self) -> pa.Table:
        """Read into a pyarrow Table."""
        selection = self._query.selection
        taker = await run_async(self._query.taker, selection)
        batch = await await_call(taker.start_take, self._query.rows, selection.sources)
        return self._query.named(batch, selection)

    async def to_batches(self, max_batch_length: int | None = None) -> AsyncBatchReader:
        """Read as a stream of record batches, by ``async for``.

        Args:
            max_batch_length: rows of every batch but the last; all where none is given.
        """
        table = await self.to_arrow()
        batches = table.to_batches(max_chunksize=max_batch_length)
        return AsyncBatchReader(table.schema, iter(batches))

    async def to_pandas(self) -> pd.DataFrame:
        """Read into a pandas DataFrame."""
        return await run_async((await self.to_arrow()).to_pandas)

    async def to_polars(self) -> pl.DataFrame:
        """Read into a polars DataFrame."""
        return await run_async(to_polars, await self.to_arrow())

    async def to_list(self) -> list[dict[str, Any]]:
        """Read into a list of dicts, one for each row."""
        return await run_async((await self.to_arrow()).to_pylist)


def _generator_of(batches: Iterator[pa.RecordBatch]) -> Any:
    """Make what can be closed, which an iterator cannot."""
    yield from batches


def _close(batches: Any) -> None:
    # One that runs, for a call that nobody waits for any more, ends with it.
    with suppress(ValueError):
        batches.close()
