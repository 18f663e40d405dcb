"""Tables: rows with a schema, at one version."""

from __future__ import annotations

import operator
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

import pyarrow as pa

from croupier import _core
from croupier._formats import to_polars
from croupier._selection import ROW_ID
from croupier._worker_batch import worker_batch
from croupier.blob import BlobFile
from croupier.edits import TableEdits
from croupier.history import Branches, Tags, list_versions, version_arguments
from croupier.query import SCAN_BATCH_ROWS, ScanQuery, TakeQuery
from croupier.storage import StoreAccess

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["Table"]


class _AtVersion:
    """A source, and what is found out about it at first use: what a table is between two edits."""

    def __init__(self, source: _core.TableSource):
        self.source = source
        self._num_rows: int | None = None
        self._rows_in_order: _core.Permutation | None = None

    def num_rows(self) -> int:
        num_rows = self._num_rows
        if num_rows is None:
            num_rows = self._num_rows = self.source.count_rows()
        return num_rows

    def rows_in_order(self) -> _core.Permutation:
        rows = self._rows_in_order
        if rows is None:
            rows = self._rows_in_order = _core.Permutation.make(self.source)
        return rows


class Table(TableEdits):
    """Rows with an Arrow schema at one version.

    Nothing but its own edits (`add`, `delete`, `update` …) moves a table object: to the version
    that they make, the newest of them if several threads edit it. What others commit is another
    version, and another object, which `checkout` and `checkout_latest` return; a read, a query, a
    permutation or a pickle of a table stays at the version that it was begun at. It is a map-style
    dataset of PyTorch: `len`, and rows by their offsets. It pickles, pinned to its branch and
    version: a table in files as its location, without credentials (see `connect`), one in memory
    with its files.

    Made by `croupier.connect`, its connection's methods, and `croupier.open_dataset`.
    """

    def __init__(
        self,
        source: _core.TableSource,
        name: str,
        *,
        memory: _core.MemoryFolder | None = None,
        access: StoreAccess | None = None,
        **options: Any,
    ):
        """Use `croupier.open_dataset` or a connection; the options are those of `open_table`."""
        # By their versions, of which the newest counts: edits of several threads end in any order.
        # No lock, which a fork might leave locked: each step is one call of the dict.
        self._versions = {source.version: _AtVersion(source)}
        self._name = name
        self._memory = memory
        self._access = access or StoreAccess()
        self._options = options

    @property
    def _at_version(self) -> _AtVersion:
        while True:
            at_version = self._versions.get(max(self._versions))
            if at_version is not None:  # else a newer one has just taken its place
                return at_version

    @property
    def _source(self) -> _core.TableSource:
        return self._at_version.source

    @property
    def name(self) -> str:
        """The name in its database; that of its folder, for a dataset that lies in none."""
        return self._name

    @property
    def uri(self) -> str:
        """Where the table is."""
        return self._source.location

    @property
    def schema(self) -> pa.Schema:
        """Every column, with metadata; those that cannot be read yet included."""
        return self._source.schema()

    @property
    def version(self) -> int:
        """The version that this object reads."""
        return self._source.version

    def current_branch(self) -> str | None:
        """Name the branch that the version is on; None for the main branch."""
        return self._source.branch or None

    def checkout(self, version: int | str) -> Table:
        """Open another version of this table; this object stays at its own.

        Args:
            version: a version of this branch by its number, or any version by a tag.

        Returns:
            The table at that version. (LanceDB moves the object itself.)

        Raises:
            VersionNotFoundError: if there is no such version (any more).
            NameNotFoundError: if there is no such tag.
        """
        return self._at(self._source.checkout(**version_arguments(version)))

    def checkout_latest(self) -> Table:
        """Open the newest version of this branch; this object stays at its own."""
        return self._at(self._source.checkout())

    def list_versions(self) -> list[dict[str, Any]]:
        """List the versions of this branch that there are, ascending.

        Returns:
            For each: ``version``, ``timestamp`` of its commit in local time, and ``metadata``,
            counts such as ``total_rows`` as text.
        """
        return list_versions(self._source)

    @property
    def tags(self) -> Tags:
        """The tags of the table."""
        return Tags(self._source, self._writer)

    @property
    def branches(self) -> Branches:
        """The branches of the table."""
        return Branches(self._source, self._at)

    def _at(self, source: _core.TableSource) -> Table:
        return Table(source, self._name, memory=self._memory, access=self._access, **self._options)

    def _pinned(self) -> Table:
        """Give an object at this version that no edit moves."""
        at_version = self._at_version
        pinned = self._at(at_version.source)
        pinned._advance(at_version)
        return pinned

    def _writer(self) -> _core.TableWriter:
        return _core.TableWriter.open(
            self.uri, branch=self.current_branch(), storage_options=self._access.options
        )

    def _move_to(self, version: int) -> None:
        self._advance(_AtVersion(self._source.checkout(version=version)))

    def _advance(self, at_version: _AtVersion) -> None:
        """Be at this version, or stay at a newer one."""
        self._versions[at_version.source.version] = at_version
        newest = max(self._versions)
        for version in list(self._versions):
            if version < newest:
                self._versions.pop(version, None)

    def count_rows(self, filter: str | None = None) -> int:
        """Count the rows.

        Args:
            filter: an expression of SQL (``docs/reference/sql.md``): count those for which it is
                true. Only the columns that it names are read.

        Raises:
            ValueError: if the filter cannot be understood or computed; the message shows where.
            NameNotFoundError: if the filter names an unknown column.
        """
        if filter is not None:
            return self._source.count_rows(filter)
        return self._at_version.num_rows()

    def __len__(self) -> int:
        return self.count_rows()

    def to_arrow(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Read all rows into a pyarrow Table.

        Args:
            columns: in the order of the result; all where none are given.
        """
        query = self.search()
        return (query if columns is None else query.select(columns)).to_arrow()

    def to_pandas(self) -> pd.DataFrame:
        """Read all rows into a pandas DataFrame."""
        return self.to_arrow().to_pandas()

    def to_polars(self) -> pl.DataFrame:
        """Read all rows into a polars DataFrame."""
        return to_polars(self.to_arrow())

    def head(self, n: int = 5) -> pa.Table:
        """Read the first rows into a pyarrow Table."""
        return self.search().limit(n).to_arrow()

    def to_batches(self, batch_size: int | None = None) -> pa.RecordBatchReader:
        """Read all rows as a stream of record batches.

        Args:
            batch_size: rows of every batch but the last; 8192 where none is given.
        """
        return self.search().to_batches(batch_size)

    def scan(
        self,
        columns: Sequence[str] | None = None,
        *,
        with_row_id: bool = False,
        with_row_address: bool = False,
        batch_size: int | None = None,
        filter: str | None = None,
    ) -> pa.RecordBatchReader:
        """Read all rows as a stream of record batches, in storage order.

        Args:
            columns: in the order of the result, ``a.b`` for a field of a struct; all where none are
                given.
            with_row_id: add the column ``_rowid``.
            with_row_address: add the column ``_rowaddr``.
            batch_size: rows of every batch but the last; 8192 where none is given.
            filter: read only the rows for which it is true, as `ScanQuery.where`.

        Example:
            >>> import croupier
            >>> table = croupier.connect("memory://").create_table("t", [{"x": 2}, {"x": 3}])
            >>> table.scan(["x"], with_row_id=True).read_all().to_pydict()
            {'x': [2, 3], '_rowid': [0, 1]}
        """
        query = self.search().with_row_id(with_row_id).with_row_address(with_row_address)
        if filter is not None:
            query.where(filter)
        return (query if columns is None else query.select(columns)).to_batches(batch_size)

    def take(
        self,
        offsets: Sequence[int] | None = None,
        *,
        row_ids: Sequence[int] | None = None,
        columns: Sequence[str] | None = None,
        with_row_id: bool = False,
        with_row_address: bool = False,
    ) -> pa.Table:
        """Read chosen rows, in the order given; repeats are allowed.

        Args:
            offsets: places in storage order, each in [0, number of rows). Or:
            row_ids: values of the column ``_rowid``.
            columns: in the order of the result, ``a.b`` for a field of a struct; all where none are
                given.
            with_row_id: add the column ``_rowid``.
            with_row_address: add the column ``_rowaddr``.

        Raises:
            IndexError: if an offset is out of range, or no row has one of the ids.

        Example:
            >>> import croupier
            >>> table = croupier.connect("memory://").create_table("t", [{"x": 2}, {"x": 3}])
            >>> table.take([1, 0, 1]).to_pydict()
            {'x': [3, 2, 3]}
        """
        if (offsets is None) == (row_ids is None):
            raise TypeError("take needs either offsets or row_ids")
        query = (
            self.take_offsets(offsets) if offsets is not None else self.take_row_ids(row_ids or ())
        )
        query.with_row_id(with_row_id).with_row_address(with_row_address)
        return (query if columns is None else query.select(columns)).to_arrow()

    def take_blobs(
        self,
        column: str,
        row_ids: Sequence[int] | None = None,
        *,
        offsets: Sequence[int] | None = None,
    ) -> list[BlobFile | None]:
        """Open values of a blob column as files, in the order given; repeats are allowed.

        Args:
            column: of blobs, ``a.b`` for a field of a struct.
            row_ids: values of the column ``_rowid``. Or:
            offsets: places in storage order.

        Returns:
            A file for each row; None where the value is null.

        Raises:
            TypeError: if the column holds no blobs.
            IndexError: if no row has one of the ids, or an offset is out of range.
        """
        table = self._pinned()
        ids = table._row_ids_of(row_ids, offsets)
        blobs = table._source.take_blobs(ids, column)
        return [
            None if blob is None else BlobFile(blob, table, column, row_id)
            for row_id, blob in zip(ids, blobs, strict=True)
        ]

    def _row_ids_of(
        self, row_ids: Sequence[int] | None, offsets: Sequence[int] | None
    ) -> list[int]:
        if (offsets is None) == (row_ids is None):
            raise TypeError("give either row_ids or offsets")
        if offsets is not None:
            ids: list[int] = self.take(offsets, columns=[ROW_ID])[ROW_ID].to_pylist()
            return ids
        return [operator.index(row_id) for row_id in row_ids or ()]

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Give all rows to any Arrow library."""
        source = self._source
        scan = source.scan(source.schema().names, SCAN_BATCH_ROWS)
        return scan.__arrow_c_stream__(requested_schema)

    def search(self, query: None = None) -> ScanQuery:
        """Begin a plain scan, to be narrowed by where, select, offset and limit.

        Args:
            query: must be None; vector and full-text search are not for a loader.

        Raises:
            NotImplementedError: if a query is given.
        """
        if query is not None:
            raise NotImplementedError("croupier has no vector or full-text search; use lancedb")
        return ScanQuery(self)

    def take_offsets(self, offsets: Sequence[int]) -> TakeQuery:
        """Read rows by their place in storage order, in the order given.

        Args:
            offsets: each in [0, number of rows); repeats are allowed.

        Raises:
            IndexError: when read, if an offset is out of range.

        Example:
            >>> import croupier
            >>> table = croupier.connect("memory://").create_table("t", [{"x": 2}, {"x": 3}])
            >>> table.take_offsets([1, 0, 1]).to_list()
            [{'x': 3}, {'x': 2}, {'x': 3}]
        """
        return TakeQuery(self, offsets, are_row_ids=False)

    def take_row_ids(self, row_ids: Sequence[int]) -> TakeQuery:
        """Read rows by their row ids, in the order given.

        Args:
            row_ids: values of the column ``_rowid``; repeats are allowed.

        Raises:
            IndexError: when read, if no row has one of the ids.
        """
        return TakeQuery(self, row_ids, are_row_ids=True)

    @overload
    def __getitem__(self, offset: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, offset: Sequence[int]) -> pa.RecordBatch: ...
    def __getitem__(self, offset: int | Sequence[int]) -> dict[str, Any] | pa.RecordBatch:
        """Read one row as a dict, or the rows of a list of offsets into one record batch.

        Raises:
            IndexError: if an offset is out of range; negative ones count from the last row.
        """
        if isinstance(offset, slice):
            raise TypeError(
                "a table has no slices; croupier.Permutation.identity(table)[2:5] and "
                "search().offset(2).limit(3) read the rows of one"
            )
        if is_one_row(offset):
            row: dict[str, Any] = self._take_rows([offset]).to_pylist()[0]  # type: ignore[list-item]
            return row
        return self.__getitems__(offset)  # type: ignore[arg-type]

    def __getitems__(self, offsets: Sequence[int]) -> pa.RecordBatch:
        """Read rows by offset into one record batch: what a DataLoader asks for."""
        return worker_batch(self._take_rows(offsets))

    def _take_rows(self, offsets: Sequence[int]) -> pa.RecordBatch:
        at_version = self._at_version
        columns = at_version.source.schema().names
        return at_version.rows_in_order().take(offsets, columns, 0, -1, True)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Read all rows in storage order, each as a dict."""
        for batch in self.to_batches():
            yield from batch.to_pylist()

    def _rows_in_order(self) -> _core.Permutation:
        return self._at_version.rows_in_order()

    def __repr__(self) -> str:
        columns = ", ".join(f"{field.name}: {field.type}" for field in self.schema)
        return (
            f"<croupier.Table '{self.name}': {len(self):,} rows, version {self.version}, "
            f"{len(self.schema)} columns ({columns}), at {self.uri}>"
        )

    def __reduce__(self) -> tuple[Callable[..., Table], tuple[Any, ...]]:
        pinned = (self.name, self.version, self.current_branch() or "main")
        if self._memory is not None:
            directory = self.uri.removesuffix("/").rpartition("/")[2]
            return _unpickle_memory_table, (
                *pinned,
                directory,
                self._memory.read_files(directory),
                self._options,
            )
        return open_table, (self.uri, *pinned, self._access, self._options)


def as_table(table: Any) -> Any:
    """Give the table behind an `AsyncTable`, and anything else as it is."""
    return getattr(table, "_sync_table", table)


def as_connection(connection: Any) -> Any:
    """Give the connection behind an `AsyncConnection`, and anything else as it is."""
    return getattr(connection, "_sync_connection", connection)


def open_table(
    uri: str,
    name: str,
    version: int | str | None,
    branch: str | None,
    access: StoreAccess,
    options: dict[str, Any],
) -> Table:
    """Open a dataset as a table of that name.

    Args:
        uri: of the dataset.
        name: of the table.
        version: a version or a tag.
        branch: that the version is on.
        access: how its store is reached.
        options: how it is read, as the compiled part has them.
    """
    source = _core.open_dataset(
        uri, **version_arguments(version, branch), storage_options=access.options, **options
    )
    return Table(source, name, access=access, **options)


def make_memory_home(files: dict[str, bytes]) -> tuple[str, _core.MemoryFolder]:
    """Make a folder in memory, which ends with the last that holds it or reads from it.

    Returns:
        Its URI, which has a name that no other process uses, and what holds it.
    """
    name = uuid.uuid4().hex
    return f"memory://{name}", _core.make_memory_folder(name, files)


def _unpickle_memory_table(
    name: str,
    version: int,
    branch: str,
    directory: str,
    files: dict[str, bytes],
    options: dict[str, Any],
) -> Table:
    home, memory = make_memory_home(files)
    source = _core.open_dataset(
        f"{home}/{directory}", **version_arguments(version, branch), **options
    )
    return Table(source, name, memory=memory, **options)


def is_one_row(index: Any) -> bool:
    """Tell a row number, also one of NumPy or torch, from a list or an array of them."""
    return hasattr(index, "__index__") and getattr(index, "ndim", 0) == 0
