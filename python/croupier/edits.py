"""Changes of tables: each is one commit, and the table object is at the new version after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import pyarrow as pa

from croupier import _core
from croupier.rows import Progress, reader_of, write_rows

__all__ = ["CleanupStats", "MergeInsertBuilder", "MergeResult", "OptimizeStats", "WriteResult"]

# Rows that a function which computes columns is tried with.
_FIRST_ROWS = 1024

Columns: TypeAlias = Mapping[str, str] | pa.Schema | pa.Field | Callable[[pa.RecordBatch], Any]


@dataclass(frozen=True)
class WriteResult:
    """What a change has made.

    Attributes:
        version: of the table now.
        num_rows_added: rows that were written, new versions of old ones included.
        num_rows_removed: rows that were removed, old versions included.
    """

    version: int
    num_rows_added: int
    num_rows_removed: int

    @property
    def rows_updated(self) -> int:
        """How many rows an update changed."""
        return min(self.num_rows_added, self.num_rows_removed)


@dataclass(frozen=True)
class MergeResult(WriteResult):
    """What a merge has made.

    Attributes:
        num_inserted_rows: rows of the source that matched none.
        num_updated_rows: rows that were replaced.
        num_deleted_rows: rows that were removed and not replaced.
    """

    num_inserted_rows: int
    num_updated_rows: int
    num_deleted_rows: int


@dataclass(frozen=True)
class CleanupStats:
    """What a clean-up has deleted.

    Attributes:
        old_versions: versions that can no longer be read.
        num_files: files, manifests included.
        bytes_removed: their size.
    """

    old_versions: int
    num_files: int
    bytes_removed: int


@dataclass(frozen=True)
class OptimizeStats:
    """What an optimisation has made.

    Attributes:
        compaction: of the fragments.
        prune: of old versions and files.
    """

    compaction: WriteResult
    prune: CleanupStats


class TableEdits:
    """The methods of a table that change it. Not to be used by itself."""

    @property
    def _source(self) -> _core.TableSource:
        raise NotImplementedError

    def _writer(self) -> _core.TableWriter:
        raise NotImplementedError

    def _move_to(self, version: int) -> None:
        raise NotImplementedError

    @property
    def schema(self) -> pa.Schema:
        """Every column, with metadata."""
        raise NotImplementedError

    def _changed(self, written: Mapping[str, int]) -> WriteResult:
        self._move_to(written["version"])
        return WriteResult(
            written["version"], written["num_rows_added"], written["num_rows_removed"]
        )

    def add(
        self,
        data: Any,
        mode: str = "append",
        *,
        schema: pa.Schema | None = None,
        max_rows_per_file: int | None = None,
        progress: bool | Progress = False,
    ) -> WriteResult:
        """Add rows.

        Args:
            data: rows, as `croupier.Connection.create_table` takes them. Columns are matched by
                name and converted to the types of the table; a nullable column that the data lacks
                is null.
            mode: ``append``; or ``overwrite``: the rows and schema of the data take the place of
                those of the table, at a new version.
            schema: for overwriting; that of the data where none is given.
            max_rows_per_file: as for `croupier.Connection.create_table`.
            progress: as for `croupier.Connection.create_table`.

        Raises:
            ValueError: for a column that the table does not have, or a missing one that allows no
                nulls.
            TypeError: if a column cannot be converted; the message names it and both types.

        Example:
            >>> import croupier
            >>> table = croupier.connect("memory://").create_table("t", [{"x": 1}])
            >>> table.add([{"x": 2}, {"x": 3}]).version
            2
            >>> len(table)
            3
        """
        if mode not in ("append", "overwrite"):
            raise ValueError(f"mode must be 'append' or 'overwrite', not {mode!r}")
        writer = self._writer()
        if mode == "append":
            write, schema = writer.append, self.schema
        else:
            write = writer.overwrite
        return self._changed(
            write_rows(
                data,
                schema,
                progress,
                lambda rows, report, are_in_memory: write(
                    rows,
                    max_rows_per_file=max_rows_per_file,
                    keeps_batches=are_in_memory,
                    progress=report,
                ),
            )
        )

    def delete(self, where: str) -> WriteResult:
        """Delete the rows for which a condition is true, not null.

        Args:
            where: an expression of SQL (``docs/reference/sql.md``).

        Raises:
            ValueError: if the expression cannot be understood or computed; the message shows where.
            NameNotFoundError: if it names an unknown column.

        Example:
            >>> import croupier
            >>> table = croupier.connect("memory://").create_table("t", [{"x": 1}, {"x": 2}])
            >>> table.delete("x = 1").num_rows_removed
            1
        """
        return self._changed(self._writer().delete(where))

    def update(
        self,
        where: str | None = None,
        values: Mapping[str, Any] | None = None,
        *,
        values_sql: Mapping[str, str] | None = None,
        updates: Mapping[str, Any] | None = None,
    ) -> WriteResult:
        """Give columns new values in the rows for which a condition is true.

        Args:
            where: an expression of SQL; all rows without one.
            values: column → plain value.
            values_sql: column → expression of SQL over the row as it was.
            updates: another name of `values`.

        Raises:
            ValueError: if no column is given, an expression cannot be understood, or a value cannot
                be converted to the type of its column.
            NameNotFoundError: for an unknown column.

        Example:
            >>> import croupier
            >>> table = croupier.connect("memory://").create_table("t", [{"x": 1}, {"x": 2}])
            >>> table.update("x = 2", values_sql={"x": "x * 10"}).rows_updated
            1
            >>> table.to_arrow()["x"].to_pylist()
            [1, 20]
        """
        values = updates if values is None else values
        if (values is None) == (values_sql is None):
            raise ValueError("give either values or values_sql")
        if values_sql is None:
            values_sql = {name: sql_literal(value) for name, value in (values or {}).items()}
        return self._changed(self._writer().update(where, list(values_sql.items())))

    def merge_insert(self, on: str | Sequence[str]) -> MergeInsertBuilder:
        """Begin a merge of rows by keys.

        Args:
            on: the column, or columns, by which rows are matched. A null matches nothing.

        Example:
            >>> import croupier
            >>> table = croupier.connect("memory://").create_table("t", [{"k": 1, "v": "a"}])
            >>> merge = table.merge_insert("k").when_matched_update_all()
            >>> merge.when_not_matched_insert_all().execute(
            ...     [{"k": 1, "v": "b"}, {"k": 2, "v": "c"}]
            ... ).num_inserted_rows
            1
        """
        return MergeInsertBuilder(self, [on] if isinstance(on, str) else list(on))

    def add_columns(
        self, transforms: Columns | Sequence[pa.Field], *, read_columns: Sequence[str] | None = None
    ) -> WriteResult:
        """Add columns behind the others.

        Args:
            transforms: name → expression of SQL; or a schema, a field or a list of fields, whose
                values are null; or a function that is given a `pyarrow.RecordBatch` of rows in
                storage order and returns a batch or table of the new columns for these rows. It is
                called with the first rows twice: at first to see which columns it makes.
            read_columns: the columns that the function is given; all where none are given.

        Raises:
            ValueError: for a name that the table has, or if the function returns other rows.

        Example:
            >>> import croupier
            >>> table = croupier.connect("memory://").create_table("t", [{"x": 1}, {"x": 2}])
            >>> table.add_columns({"twice": "x * 2"}).version
            2
            >>> table.to_arrow()["twice"].to_pylist()
            [2, 4]
        """
        writer = self._writer()
        if isinstance(transforms, Mapping):
            columns = list(transforms.items())
            return self._changed(writer.add_computed_columns(self._source, columns))
        if callable(transforms) and not isinstance(transforms, (pa.Schema, pa.Field)):
            return self._changed(self._add_function(writer, transforms, read_columns))
        if isinstance(transforms, pa.Field):
            transforms = [transforms]
        return self._changed(writer.add_columns(pa.schema(transforms), []))

    def _add_function(
        self,
        writer: _core.TableWriter,
        function: Callable[[pa.RecordBatch], Any],
        read_columns: Sequence[str] | None,
    ) -> dict[str, int]:
        source = self._source
        names = source.schema().names if read_columns is None else list(read_columns)
        # What it makes of the first rows tells which columns there will be.
        inputs = source.project_schema(names)
        rows = source.scan(names, _FIRST_ROWS)
        none = pa.RecordBatch.from_arrays(
            [pa.nulls(0, type_) for type_ in inputs.types], schema=inputs
        )
        first = next(rows, none)
        schema = reader_of(function(first), None).schema

        def compute(batch: pa.RecordBatch) -> pa.Table:
            return reader_of(function(batch), schema).read_all()

        return writer.add_columns(schema, names, compute)

    def drop_columns(self, columns: Sequence[str]) -> WriteResult:
        """Remove columns. Their values stay in the files until these are compacted.

        Raises:
            NameNotFoundError: for an unknown column.
            ValueError: if no column would be left.
        """
        return self._changed(self._writer().drop_columns(list(columns)))

    def compact_files(
        self,
        *,
        target_rows_per_fragment: int | None = None,
        materialize_deletions_threshold: float | None = None,
    ) -> WriteResult:
        """Write fragments anew that are small, or have many deleted rows.

        Rows that are written anew come behind the others, in their order. In a table without stable
        row ids they get new row ids; versions before are as they were.

        Args:
            target_rows_per_fragment: neighbours with fewer rows are joined up to this many;
                1,048,576 where none is given.
            materialize_deletions_threshold: the share of deleted rows from which on a fragment is
                written anew; 0.1 where none is given.
        """
        return self._changed(
            self._writer().compact(
                target_rows_per_fragment=target_rows_per_fragment,
                max_deleted_share=materialize_deletions_threshold,
            )
        )

    def cleanup_old_versions(
        self, older_than: timedelta | None = None, *, delete_unverified: bool = False
    ) -> CleanupStats:
        """Delete old versions, and files that no version refers to.

        The newest version stays, as do those with a tag, and those that branches began from.

        Args:
            older_than: the age from which on versions are deleted; two weeks where none is given.
            delete_unverified: whether files that no version refers to are deleted even if they are
                younger than seven days: they may be those of a change in progress.
        """
        stats = self._writer().clean_up(
            older_than_us=None if older_than is None else older_than // timedelta(microseconds=1),
            grace_us=0 if delete_unverified else None,
        )
        return CleanupStats(stats["num_versions"], stats["num_files"], stats["num_bytes"])

    def optimize(
        self,
        *,
        cleanup_older_than: timedelta | None = None,
        delete_unverified: bool = False,
        retrain: bool = False,
    ) -> OptimizeStats:
        """Write fragments anew that need it, then delete old versions, as LanceDB.

        Args:
            cleanup_older_than: the age from which on versions are deleted; a week where none is
                given.
            delete_unverified: as for `cleanup_old_versions`.
            retrain: as in LanceDB, of no effect.

        Example:
            >>> import croupier
            >>> table = croupier.connect("memory://").create_table("t", [{"x": 1}])
            >>> _ = table.add([{"x": 2}])
            >>> table.optimize().compaction.version
            3
        """
        compaction = self.compact_files()
        older_than = timedelta(weeks=1) if cleanup_older_than is None else cleanup_older_than
        prune = self.cleanup_old_versions(older_than, delete_unverified=delete_unverified)
        return OptimizeStats(compaction, prune)

    def restore(self, version: int | str) -> WriteResult:
        """Make the rows and schema of an older version those of a new one.

        Args:
            version: by its number, or by a tag.

        Raises:
            VersionNotFoundError: if there is no such version (any more).
            NameNotFoundError: if there is no such tag.
        """
        writer = self._writer()
        if isinstance(version, str):
            return self._changed(writer.restore(tag=version))
        return self._changed(writer.restore(version))

    def create_index(self, *args: Any, **kwargs: Any) -> None:
        """Refuse: a loader reads rows in an order, and has no indexes.

        Raises:
            NotImplementedError: always. Indexes that lancedb has made stay, and go on to be right.
        """
        raise NotImplementedError(
            "croupier has no indexes: make them with lancedb, on the same table; edits keep them"
        )

    create_scalar_index = create_index
    create_fts_index = create_index


class MergeInsertBuilder:
    """A merge of rows into a table, made by `Table.merge_insert`."""

    def __init__(self, table: TableEdits, on: list[str]):
        self._table = table
        self._on = on
        self._plan: dict[str, Any] = {
            "update_matched": False,
            "update_where": None,
            "insert_unmatched": False,
            "delete_unmatched": False,
            "delete_where": None,
        }

    def when_matched_update_all(self, *, where: str | None = None) -> MergeInsertBuilder:
        """Replace rows of the table by the rows of the source that match them.

        Args:
            where: only where this is true; columns are ``target.a`` and ``source.a``.
        """
        self._plan.update(update_matched=True, update_where=where)
        return self

    def when_not_matched_insert_all(self) -> MergeInsertBuilder:
        """Add the rows of the source that match none."""
        self._plan.update(insert_unmatched=True)
        return self

    def when_not_matched_by_source_delete(self, condition: str | None = None) -> MergeInsertBuilder:
        """Delete the rows of the table that match none.

        Args:
            condition: only those for which this is true.
        """
        self._plan.update(delete_unmatched=True, delete_where=condition)
        return self

    def execute(self, new_data: Any) -> MergeResult:
        """Merge rows, as one commit.

        Args:
            new_data: rows, as `croupier.Connection.create_table` takes them, with the columns of
                the table; held in memory.

        Raises:
            ValueError: if nothing is to be done, a column is missing, or a row of the table matches
                several of the source.
        """
        if not any(self._plan[key] for key in self._plan):
            raise ValueError("a merge needs at least one of its when_… methods")
        rows = reader_of(new_data, self._table.schema).read_all()
        written = self._table._writer().merge(rows, on=self._on, **self._plan)
        self._table._move_to(written["version"])
        return MergeResult(
            written["version"],
            written["num_rows_added"],
            written["num_rows_removed"],
            written["num_inserted"],
            written["num_updated"],
            written["num_deleted"],
        )


def sql_literal(value: Any) -> str:
    """Write a plain value as SQL.

    Raises:
        NotImplementedError: for a value that SQL has no literal for.
    """
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            return f"CAST('{value}' AS DOUBLE)"
        return repr(value)
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    if isinstance(value, datetime):
        return f"timestamp '{value.isoformat(sep=' ')}'"
    if hasattr(value, "isoformat"):
        return f"date '{value.isoformat()}'"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(sql_literal, value)) + "]"
    for to_plain in ("tolist", "as_py"):  # of NumPy, also of its scalars; of pyarrow's scalars
        if hasattr(value, to_plain):
            return sql_literal(getattr(value, to_plain)())
    raise NotImplementedError(
        f"no literal of SQL for a value of type {type(value).__name__}; use values_sql"
    )
