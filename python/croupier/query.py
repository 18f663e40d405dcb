"""Plain reads of a table: scans, and takes of chosen rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa

from croupier import _core
from croupier._selection import ROW_ADDRESS, ROW_ID, Selection, check_column_names
from croupier.loader import rename_batch, start_loader

if TYPE_CHECKING:
    import pandas as pd

    from croupier.table import Table

__all__ = ["ScanQuery", "TakeQuery"]

SCAN_BATCH_ROWS = 8192

_Query = TypeVar("_Query", bound="Query")


class Query:
    """What plain reads have in common: which columns, and in which shape the rows end."""

    def __init__(self, table: Table):
        self._table = table._pinned()
        self._columns: dict[str, str] | None = None
        self._expressions: dict[str, str] = {}
        self._added: dict[str, bool] = {}

    def select(self: _Query, columns: Sequence[str] | Mapping[str, str]) -> _Query:
        """Read these columns only, in this order.

        Args:
            columns: names; ``a.b`` is field ``b`` of the struct column ``a``. ``_rowid``,
                ``_rowaddr``, ``_rowoffset``, ``_row_created_at_version`` and
                ``_row_last_updated_at_version`` may be among them. Or a dict of names to
                expressions of SQL (``docs/reference/sql.md``), which are computed as rows are read.

        Raises:
            ValueError: for an expression that cannot be understood.
            NameNotFoundError: for one that names an unknown column; for other names when read.
            TypeError: for an expression whose types do not go together, or that is no text.

        Example:
            >>> import croupier
            >>> table = croupier.connect("memory://").create_table("t", [{"x": 2}, {"x": 3}])
            >>> table.search().select({"twice": "x * 2", "x": "x"}).to_list()
            [{'twice': 4, 'x': 2}, {'twice': 6, 'x': 3}]
        """
        if isinstance(columns, Mapping):
            computed = Selection.of_all(self._table).compute(columns)
            self._columns, self._expressions = computed.columns, computed.expressions
        else:
            self._columns, self._expressions = (
                {name: name for name in check_column_names(columns)},
                {},
            )
        return self

    def with_row_id(self: _Query, with_row_id: bool = True) -> _Query:
        """Add the column ``_rowid``."""
        self._added[ROW_ID] = with_row_id
        return self

    def with_row_address(self: _Query, with_row_address: bool = True) -> _Query:
        """Add the column ``_rowaddr``: ``fragment << 32 | offset``, where the row lies now."""
        self._added[ROW_ADDRESS] = with_row_address
        return self

    @property
    def selection(self) -> Selection:
        """The columns that are read."""
        columns = self._columns
        if columns is None:
            columns = Selection.of_all(self._table).columns
        added = {name: name for name, wanted in self._added.items() if wanted}
        return Selection(self._table, {**columns, **added}, self._expressions)

    def to_arrow(self) -> pa.Table:
        """Read into a pyarrow Table."""
        raise NotImplementedError

    def to_batches(self, batch_size: int | None = None) -> pa.RecordBatchReader:
        """Read as a stream of record batches.

        Args:
            batch_size: rows of every batch but the last.
        """
        table = self.to_arrow()
        return table.to_reader(max_chunksize=batch_size)

    def to_pandas(self) -> pd.DataFrame:
        """Read into a pandas DataFrame."""
        return self.to_arrow().to_pandas()

    def to_list(self) -> list[dict[str, Any]]:
        """Read into a list of dicts, one for each row."""
        rows: list[dict[str, Any]] = self.to_arrow().to_pylist()
        return rows

    def _rows_in_order(self, selection: Selection) -> _core.Permutation:
        rows = self._table._rows_in_order()
        return rows.with_base(selection.source) if selection.expressions else rows


class ScanQuery(Query):
    """A plain scan of a table, made by `Table.search`.

    Example:
        >>> import croupier
        >>> table = croupier.connect("memory://").create_table("t", [{"x": i} for i in range(5)])
        >>> table.search().select(["x"]).offset(1).limit(2).with_row_id(True).to_list()
        [{'x': 1, '_rowid': 1}, {'x': 2, '_rowid': 2}]
    """

    def __init__(self, table: Table):
        super().__init__(table)
        self._limit: int | None = None
        self._offset = 0
        self._filter: str | None = None

    def limit(self, limit: int | None) -> ScanQuery:
        """Read at most this many rows; None reads all."""
        if limit is not None and limit < 0:
            raise ValueError(f"limit must not be negative: {limit}")
        self._limit = limit
        return self

    def offset(self, offset: int) -> ScanQuery:
        """Leave out this many rows at the beginning."""
        if offset < 0:
            raise ValueError(f"offset must not be negative: {offset}")
        self._offset = offset
        return self

    def where(self, where: str, prefilter: bool = True) -> ScanQuery:
        """Read only the rows for which a condition is true, not null.

        Args:
            where: an expression of SQL (``docs/reference/sql.md``). A second one takes the place of
                the first.
            prefilter: as in LanceDB; it makes no difference to a plain scan.

        Raises:
            ValueError: when read, if the expression cannot be understood or computed; the message
                shows where.
            NameNotFoundError: when read, if it names an unknown column.
            TypeError: when read, if an operator does not take a type, or the value is no boolean.

        Example:
            >>> import croupier
            >>> table = croupier.connect("memory://").create_table("t", [{"x": 2}, {"x": 3}])
            >>> table.search().where("x % 2 = 1").to_list()
            [{'x': 3}]
        """
        self._filter = where
        return self

    def to_arrow(self) -> pa.Table:
        """Read into a pyarrow Table."""
        schema, batches = self.open_batches(None)
        return pa.Table.from_batches(batches, schema)

    def to_batches(self, batch_size: int | None = None) -> pa.RecordBatchReader:
        """Read as a stream of record batches; rows are read as it goes on.

        The stream is for one thread at a time.

        Args:
            batch_size: rows of every batch but the last; 8192 where none is given.
        """
        return pa.RecordBatchReader.from_batches(*self.open_batches(batch_size))

    def open_batches(self, batch_size: int | None) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """Start the scan; gives its schema and the batches that `to_batches` makes a reader of."""
        batch_rows = SCAN_BATCH_ROWS if batch_size is None else batch_size
        if batch_rows <= 0:
            raise ValueError(f"batch_size must be positive: {batch_size}")
        selection = self.selection
        schema = selection.schema
        batches = self._batches(selection, batch_rows)
        return schema, (rename_batch(batch, schema) for batch in batches)

    def _batches(self, selection: Selection, batch_rows: int) -> Iterator[pa.RecordBatch]:
        if self._filter is not None:
            return self._filtered(selection, batch_rows)
        if self._offset == 0 and self._limit is None:
            return selection.source.scan(selection.sources, batch_rows)
        return self._window(selection, batch_rows)

    def _filtered(self, selection: Selection, batch_rows: int) -> Iterator[pa.RecordBatch]:
        left = self._offset
        limit = self._limit
        if limit == 0:
            return
        scan = selection.source.scan(selection.sources, batch_rows, self._filter)
        for batch in scan:
            rows = batch.slice(left)
            left -= batch.num_rows - rows.num_rows
            if limit is not None:
                rows = rows.slice(0, limit)
                limit -= rows.num_rows
            if rows.num_rows:
                yield rows
            if limit == 0:
                return

    def _window(self, selection: Selection, batch_rows: int) -> Iterator[pa.RecordBatch]:
        rows = self._rows_in_order(selection)
        begin = min(self._offset, rows.num_rows)
        end = rows.num_rows if self._limit is None else min(begin + self._limit, rows.num_rows)
        loader = start_loader(
            rows, columns=selection.sources, batch_rows=batch_rows, begin=begin, end=end
        )
        try:
            yield from loader
        finally:
            loader.close()


class TakeQuery(Query):
    """Chosen rows of a table, made by `Table.take_offsets` and `Table.take_row_ids`."""

    def __init__(self, table: Table, rows: Sequence[int], *, are_row_ids: bool):
        super().__init__(table)
        self.rows = rows
        self._are_row_ids = are_row_ids

    @staticmethod
    def named(rows: pa.RecordBatch, selection: Selection) -> pa.Table:
        """Give what was taken, under the names of the selection."""
        if rows.schema.names != list(selection.columns):
            rows = rename_batch(rows, selection.schema)
        return pa.Table.from_batches([rows])

    def taker(self, selection: Selection) -> _core.TableSource | _core.Permutation:
        """Give what takes `rows`."""
        return selection.source if self._are_row_ids else self._rows_in_order(selection)

    def to_arrow(self) -> pa.Table:
        """Read into a pyarrow Table."""
        selection = self.selection
        return self.named(self.taker(selection).take(self.rows, selection.sources), selection)
