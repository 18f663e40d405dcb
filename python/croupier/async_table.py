"""Tables whose calls are awaited."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa

from croupier._event_loop import run_async
from croupier.async_query import AsyncBatchReader, AsyncQuery, AsyncTakeQuery
from croupier.blob import BlobFile
from croupier.edits import (
    CleanupStats,
    Columns,
    MergeInsertBuilder,
    MergeResult,
    OptimizeStats,
    WriteResult,
)
from croupier.history import Branches, Tags
from croupier.rows import Progress
from croupier.table import Table

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = [
    "AsyncBranches",
    "AsyncMergeInsertBuilder",
    "AsyncTable",
    "AsyncTags",
]

_Result = TypeVar("_Result")


class AsyncTags:
    """The tags of a table: names of versions, which keep them from clean-up.

    Made by `AsyncTable.tags`. The methods are those of `Tags`.
    """

    def __init__(self, tags: Tags):
        """Use `AsyncTable.tags`."""
        self._tags = tags

    async def list(self) -> dict[str, dict[str, Any]]:
        """List the tags of all branches, as they are now."""
        return await run_async(self._tags.list)

    async def create(self, tag: str, version: int) -> None:
        """Name a version of the table's branch."""
        await run_async(self._tags.create, tag, version)

    async def update(self, tag: str, version: int) -> None:
        """Have a tag name another version."""
        await run_async(self._tags.update, tag, version)

    async def delete(self, tag: str) -> None:
        """Remove a tag."""
        await run_async(self._tags.delete, tag)

    async def get_version(self, tag: str) -> int:
        """Find the version that a tag names."""
        return await run_async(self._tags.get_version, tag)


class AsyncBranches:
    """The branches of a table, made by `AsyncTable.branches`; its methods are of `Branches`."""

    def __init__(self, branches: Branches):
        """Use `AsyncTable.branches`."""
        self._branches = branches

    async def list(self) -> dict[str, dict[str, Any]]:
        """List the branches beside the main one, as they are now."""
        return await run_async(self._branches.list)

    async def checkout(self, name: str, version: int | None = None) -> AsyncTable:
        """Open a branch, as `Branches.checkout`."""
        return AsyncTable(await run_async(self._branches.checkout, name, version))


class AsyncTable:
    """A table whose calls are awaited: `croupier.Table`, beside an event loop.

    Methods that read, write or look at storage are coroutines, with the arguments, results and
    errors of the methods of `Table`. Each runs on a thread of Croupier's, and is stopped if it is
    cancelled; what that means for a change is in `croupier.run_async`. Any number of calls may be
    under way, changes too: the table is at the newest version that one of them has made. What
    Python computes for a change (batches of an iterator, columns by a function, progress) it
    computes on that thread.

    `permutation_builder`, `Permutation` and `Permutations` take it as a table. It pickles, and
    serves any event loop of any process, as a table does.

    Args:
        table: whose calls are to be awaited.
    """

    def __init__(self, table: Table):
        # At the newest version of its edits. Calls get an object that stays at theirs.
        self._open_table: Table | None = table._pinned()
        self._name = table.name

    @property
    def _sync_table(self) -> Table:
        table = self._open_table
        if table is None:
            raise RuntimeError(f"Table {self._name} is closed")
        return table._pinned()

    def is_open(self) -> bool:
        """Tell whether the table was not closed."""
        return self._open_table is not None

    def close(self) -> None:
        """Let go of the table: what is called then raises a RuntimeError, as in LanceDB.

        Calls under way go on, and what was made of the table stays usable. May be called again.
        """
        self._open_table = None

    def __enter__(self) -> AsyncTable:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @property
    def table(self) -> Table:
        """The table at its version, whose calls are not awaited."""
        return self._sync_table

    @property
    def name(self) -> str:
        """The name in its database; that of its folder, for a dataset that lies in none."""
        return self._name

    async def uri(self) -> str:
        """Tell where the table is."""
        return self._sync_table.uri

    async def schema(self) -> pa.Schema:
        """Give every column, with metadata; those that cannot be read yet included."""
        return self._sync_table.schema

    async def version(self) -> int:
        """Tell the version that this object reads."""
        return self._sync_table.version

    def current_branch(self) -> str | None:
        """Name the branch that the version is on; None for the main branch."""
        return self._sync_table.current_branch()

    async def checkout(self, version: int | str) -> AsyncTable:
        """Open another version of this table, as `Table.checkout`; this object stays at its own."""
        return AsyncTable(await run_async(self._sync_table.checkout, version))

    async def checkout_latest(self) -> AsyncTable:
        """Open the newest version of this branch; this object stays at its own."""
        return AsyncTable(await run_async(self._sync_table.checkout_latest))

    async def list_versions(self) -> list[dict[str, Any]]:
        """List the versions of this branch that there are, as `Table.list_versions`."""
        return await run_async(self._sync_table.list_versions)

    @property
    def tags(self) -> AsyncTags:
        """The tags of the table."""
        return AsyncTags(self._sync_table.tags)

    @property
    def branches(self) -> AsyncBranches:
        """The branches of the table."""
        return AsyncBranches(self._sync_table.branches)

    async def count_rows(self, filter: str | None = None) -> int:
        """Count the rows, as `Table.count_rows`."""
        return await run_async(self._sync_table.count_rows, filter)

    def query(self) -> AsyncQuery:
        """Begin a plain scan, to be narrowed by where, select, offset and limit."""
        return AsyncQuery(self._sync_table.search())

    async def search(self, query: None = None) -> AsyncQuery:
        """Begin a plain scan, as `query`.

        Args:
            query: must be None; vector and full-text search are not for a loader.

        Raises:
            NotImplementedError: if a query is given.
        """
        return AsyncQuery(self._sync_table.search(query))

    async def to_arrow(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Read all rows into a pyarrow Table, as `Table.to_arrow`."""
        return await run_async(self._sync_table.to_arrow, columns)

    async def to_pandas(self) -> pd.DataFrame:
        """Read all rows into a pandas DataFrame."""
        return await run_async(self._sync_table.to_pandas)

    async def to_polars(self) -> pl.DataFrame:
        """Read all rows into a polars DataFrame."""
        return await run_async(self._sync_table.to_polars)

    async def to_batches(self, max_batch_length: int | None = None) -> AsyncBatchReader:
        """Read all rows as a stream of record batches, as `AsyncQuery.to_batches`."""
        return await self.query().to_batches(max_batch_length)

    async def head(self, n: int = 5) -> pa.Table:
        """Read the first rows into a pyarrow Table."""
        return await run_async(self._sync_table.head, n)

    def take_offsets(self, offsets: Sequence[int]) -> AsyncTakeQuery:
        """Read rows by their place in storage order, as `Table.take_offsets`."""
        return AsyncTakeQuery(self._sync_table.take_offsets(offsets))

    def take_row_ids(self, row_ids: Sequence[int]) -> AsyncTakeQuery:
        """Read rows by their row ids, as `Table.take_row_ids`."""
        return AsyncTakeQuery(self._sync_table.take_row_ids(row_ids))

    async def take(
        self,
        offsets: Sequence[int] | None = None,
        *,
        row_ids: Sequence[int] | None = None,
        columns: Sequence[str] | None = None,
        with_row_id: bool = False,
        with_row_address: bool = False,
    ) -> pa.Table:
        """Read chosen rows, in the order given, as `Table.take`."""
        if offsets is not None and row_ids is None:
            query = self.take_offsets(offsets)
        elif row_ids is not None and offsets is None:
            query = self.take_row_ids(row_ids)
        else:
            raise TypeError("take needs either offsets or row_ids")
        query.with_row_id(with_row_id).with_row_address(with_row_address)
        return await (query if columns is None else query.select(columns)).to_arrow()

    async def take_blobs(
        self,
        column: str,
        row_ids: Sequence[int] | None = None,
        *,
        offsets: Sequence[int] | None = None,
    ) -> list[BlobFile | None]:
        """Open values of a blob column as files, as `Table.take_blobs`.

        The files read as files do; `croupier.run_async` runs a read of theirs.
        """
        return await run_async(self._sync_table.take_blobs, column, row_ids, offsets=offsets)

    async def add(
        self,
        data: Any,
        mode: str = "append",
        *,
        schema: pa.Schema | None = None,
        max_rows_per_file: int | None = None,
        progress: bool | Progress = False,
    ) -> WriteResult:
        """Add rows, as `Table.add`."""
        return await self._edit(
            Table.add,
            data,
            mode,
            schema=schema,
            max_rows_per_file=max_rows_per_file,
            progress=progress,
        )

    async def delete(self, where: str) -> WriteResult:
        """Delete the rows for which a condition is true, as `Table.delete`."""
        return await self._edit(Table.delete, where)

    async def update(
        self,
        updates: Mapping[str, Any] | None = None,
        *,
        where: str | None = None,
        updates_sql: Mapping[str, str] | None = None,
    ) -> WriteResult:
        """Give columns new values, as `Table.update`.

        Args:
            updates: column → plain value. Or:
            updates_sql: column → expression of SQL over the row as it was.
            where: in which rows; all without one.
        """
        return await self._edit(Table.update, where, updates, values_sql=updates_sql)

    def merge_insert(self, on: str | Sequence[str]) -> AsyncMergeInsertBuilder:
        """Begin a merge of rows by keys, as `Table.merge_insert`."""
        return AsyncMergeInsertBuilder(self, self._sync_table.merge_insert(on))

    async def add_columns(
        self, transforms: Columns | Sequence[pa.Field], *, read_columns: Sequence[str] | None = None
    ) -> WriteResult:
        """Add columns behind the others, as `Table.add_columns`."""
        return await self._edit(Table.add_columns, transforms, read_columns=read_columns)

    async def drop_columns(self, columns: Sequence[str]) -> WriteResult:
        """Remove columns, as `Table.drop_columns`."""
        return await self._edit(Table.drop_columns, columns)

    async def compact_files(
        self,
        *,
        target_rows_per_fragment: int | None = None,
        materialize_deletions_threshold: float | None = None,
    ) -> WriteResult:
        """Write fragments anew that are small, or have deleted rows, as `Table.compact_files`."""
        return await self._edit(
            Table.compact_files,
            target_rows_per_fragment=target_rows_per_fragment,
            materialize_deletions_threshold=materialize_deletions_threshold,
        )

    async def cleanup_old_versions(
        self, older_than: timedelta | None = None, *, delete_unverified: bool = False
    ) -> CleanupStats:
        """Delete old versions, and files of none, as `Table.cleanup_old_versions`."""
        return await self._edit(
            Table.cleanup_old_versions, older_than, delete_unverified=delete_unverified
        )

    async def optimize(
        self,
        *,
        cleanup_older_than: timedelta | None = None,
        delete_unverified: bool = False,
        retrain: bool = False,
    ) -> OptimizeStats:
        """Write fragments anew that need it, then delete old versions, as `Table.optimize`."""
        return await self._edit(
            Table.optimize,
            cleanup_older_than=cleanup_older_than,
            delete_unverified=delete_unverified,
            retrain=retrain,
        )

    async def restore(self, version: int | str) -> WriteResult:
        """Make the rows and schema of an older version those of a new one, as `Table.restore`."""
        return await self._edit(Table.restore, version)

    async def create_index(self, *args: Any, **kwargs: Any) -> None:
        """Refuse, as `Table.create_index`.

        Raises:
            NotImplementedError: always.
        """
        self._sync_table.create_index(*args, **kwargs)

    async def _edit(
        self, edit: Callable[..., _Result], *arguments: Any, **keywords: Any
    ) -> _Result:
        # Edits at the same time each move an object of their own, and this one here alone.
        table = self._sync_table
        try:
            return await run_async(edit, table, *arguments, **keywords)
        finally:
            opened = self._open_table
            if opened is not None:
                opened._advance(table._at_version)

    def __repr__(self) -> str:
        table = self._open_table
        if table is None:
            return f"<croupier.AsyncTable '{self._name}': closed>"
        return f"<croupier.AsyncTable '{table.name}': version {table.version}, at {table.uri}>"

    def __reduce__(self) -> tuple[type[AsyncTable], tuple[Table]]:
        return AsyncTable, (self._sync_table,)


class AsyncMergeInsertBuilder:
    """A merge of rows into a table, made by `AsyncTable.merge_insert`."""

    def __init__(self, table: AsyncTable, merge: MergeInsertBuilder):
        """Use `AsyncTable.merge_insert`."""
        self._table = table
        self._merge = merge

    def when_matched_update_all(self, *, where: str | None = None) -> AsyncMergeInsertBuilder:
        """Replace rows, as `MergeInsertBuilder.when_matched_update_all`."""
        self._merge.when_matched_update_all(where=where)
        return self

    def when_not_matched_insert_all(self) -> AsyncMergeInsertBuilder:
        """Add the rows of the source that match none."""
        self._merge.when_not_matched_insert_all()
        return self

    def when_not_matched_by_source_delete(
        self, condition: str | None = None
    ) -> AsyncMergeInsertBuilder:
        """Delete rows, as `MergeInsertBuilder.when_not_matched_by_source_delete`."""
        self._merge.when_not_matched_by_source_delete(condition)
        return self

    async def execute(self, new_data: Any) -> MergeResult:
        """Merge rows, as one commit: `MergeInsertBuilder.execute`."""
        return await self._table._edit(self._execute_on, new_data)

    def _execute_on(self, table: Table, new_data: Any) -> MergeResult:
        merge = copy.copy(self._merge)
        merge._table = table
        return merge.execute(new_data)
