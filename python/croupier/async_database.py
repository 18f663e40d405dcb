"""Databases whose calls are awaited."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from croupier._event_loop import run_async
from croupier.async_table import AsyncTable
from croupier.database import Connection, connect
from croupier.rows import Progress

__all__ = ["AsyncConnection", "connect_async"]


class AsyncConnection:
    """A database whose calls are awaited: `croupier.Connection`, beside an event loop.

    The coroutines have the arguments, results and errors of its methods. It pickles, and serves any
    event loop of any process, as a connection does.

    Args:
        connection: whose calls are to be awaited.
    """

    def __init__(self, connection: Connection):
        self._open_connection: Connection | None = connection

    @property
    def _sync_connection(self) -> Connection:
        if self._open_connection is None:
            raise RuntimeError("Connection is closed")
        return self._open_connection

    def is_open(self) -> bool:
        """Tell whether the connection was not closed."""
        return self._open_connection is not None

    def close(self) -> None:
        """Let go of the connection: what is called then raises a RuntimeError, as in LanceDB.

        Calls under way go on, and tables stay open. May be called again.
        """
        self._open_connection = None

    def __enter__(self) -> AsyncConnection:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @property
    def connection(self) -> Connection:
        """The connection whose calls are not awaited."""
        return self._sync_connection

    @property
    def uri(self) -> str:
        """What the connection was made with."""
        return self._sync_connection.uri

    async def table_names(
        self, start_after: str | None = None, limit: int | None = None
    ) -> list[str]:
        """List the tables, sorted by name.

        Args:
            start_after: list those behind this name: the last one of the page before.
            limit: list at most so many; all where none is given.
        """
        return await run_async(self._sync_connection.table_names, start_after, limit)

    async def open_table(
        self,
        name: str,
        version: int | str | None = None,
        *,
        branch: str | None = None,
        allow_external: Iterable[str | os.PathLike[str]] = (),
        read_blobs: bool = False,
    ) -> AsyncTable:
        """Open a table, as `Connection.open_table`."""
        return AsyncTable(
            await run_async(
                self._sync_connection.open_table,
                name,
                version,
                branch=branch,
                allow_external=allow_external,
                read_blobs=read_blobs,
            )
        )

    async def create_table(
        self,
        name: str,
        data: Any = None,
        schema: pa.Schema | None = None,
        mode: str = "create",
        exist_ok: bool = False,
        *,
        data_storage_version: str = "2.2",
        stable_row_ids: bool = False,
        max_rows_per_file: int | None = None,
        progress: bool | Progress = False,
    ) -> AsyncTable:
        """Create a table, as `Connection.create_table`.

        An iterator of batches, and `progress`, are called on the thread that writes.
        """
        return AsyncTable(
            await run_async(
                self._sync_connection.create_table,
                name,
                data,
                schema,
                mode,
                exist_ok,
                data_storage_version=data_storage_version,
                stable_row_ids=stable_row_ids,
                max_rows_per_file=max_rows_per_file,
                progress=progress,
            )
        )

    async def drop_table(self, name: str, *, ignore_missing: bool = False) -> None:
        """Delete a table with all its versions, as `Connection.drop_table`."""
        await run_async(self._sync_connection.drop_table, name, ignore_missing=ignore_missing)

    async def rename_table(self, cur_name: str, new_name: str) -> None:
        """Give a table another name, as `Connection.rename_table`."""
        await run_async(self._sync_connection.rename_table, cur_name, new_name)

    async def drop_all_tables(self) -> None:
        """Delete every table."""
        await run_async(self._sync_connection.drop_all_tables)

    def __repr__(self) -> str:
        connection = self._open_connection
        return f"<croupier.AsyncConnection {'closed' if connection is None else repr(self.uri)}>"

    def __reduce__(self) -> tuple[type[AsyncConnection], tuple[Connection]]:
        return AsyncConnection, (self._sync_connection,)


async def connect_async(
    uri: str | os.PathLike[str],
    *,
    storage_options: Mapping[str, str] | None = None,
    pickle_credentials: bool = False,
) -> AsyncConnection:
    """Connect to a database whose calls are awaited, as `croupier.connect`.

    Args:
        uri: as for `croupier.connect`.
        storage_options: as for `croupier.connect`.
        pickle_credentials: as for `croupier.connect`.

    Example:
        >>> import asyncio
        >>> import croupier
        >>> async def count():
        ...     db = await croupier.connect_async("memory://")
        ...     table = await db.create_table("numbers", [{"x": 1}, {"x": 2}])
        ...     async for batch in croupier.Permutation.identity(table).iter(1):
        ...         print(batch)
        ...     return await table.count_rows()
        >>> asyncio.run(count())
        [{'x': 1}]
        [{'x': 2}]
        2
    """
    return AsyncConnection(
        await run_async(
            connect, uri, storage_options=storage_options, pickle_credentials=pickle_credentials
        )
    )
