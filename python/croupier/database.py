"""Databases: folders of tables, and tables in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from croupier import _core
from croupier.errors import NameNotFoundError
from croupier.history import version_arguments
from croupier.rows import Progress, is_stream, write_rows
from croupier.storage import StoreAccess
from croupier.table import Table, make_memory_home, open_table

__all__ = ["Connection", "connect", "open_dataset"]

_TABLE_SUFFIX = ".lance"


class Connection:
    """A database: a folder in which table ``t`` is the Lance dataset ``t.lance``.

    It pickles as its folder, without credentials (see `connect`); one to ``memory://`` with all its
    tables, whose copies go their own way. Made by `croupier.connect`.
    """

    def __init__(
        self,
        uri: str,
        access: StoreAccess,
        *,
        shown_uri: str | None = None,
        memory: _core.MemoryFolder | None = None,
    ):
        """Use `croupier.connect`."""
        self._database = _core.open_database(uri, storage_options=access.options)
        self._access = access
        self._shown_uri = shown_uri
        self._memory = memory

    @property
    def uri(self) -> str:
        """What the connection was made with."""
        return self._shown_uri or self._database.uri

    def table_names(self, page_token: str | None = None, limit: int | None = None) -> list[str]:
        """List the tables, sorted by name.

        Args:
            page_token: list those behind this name: the last one of the page before.
            limit: list at most so many; all where none is given.
        """
        names = self._database.table_names()
        if page_token is not None:
            names = [name for name in names if name > page_token]
        return names if limit is None else names[:limit]

    def open_table(
        self,
        name: str,
        version: int | str | None = None,
        *,
        branch: str | None = None,
        allow_external: Iterable[str | os.PathLike[str]] = (),
        read_blobs: bool = False,
    ) -> Table:
        """Open a table.

        Args:
            name: of the table.
            version: a version by its number, or by a tag; the newest where none is given.
            branch: as for `open_dataset`.
            allow_external: as for `open_dataset`.
            read_blobs: as for `open_dataset`.

        Raises:
            NameNotFoundError: if there is no such table, tag or branch.
            VersionNotFoundError: if it has no such version (any more).
        """
        options: dict[str, Any] = {
            "allow_external": [os.fspath(each) for each in allow_external],
            "read_blobs": read_blobs,
        }
        source = self._database.open_table(name, **version_arguments(version, branch), **options)
        return Table(source, name, memory=self._memory, access=self._access, **options)

    def create_table(
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
    ) -> Table:
        """Create a table.

        Rows that come as a stream are written as they come: memory does not grow with them.

        Args:
            name: of the new table.
            data: rows: a pyarrow Table, RecordBatch, RecordBatchReader or an iterable of batches, a
                pandas or polars DataFrame, a list of dicts, a dict of columns, another `Table`, or
                any object with ``__arrow_c_stream__``. None, with a schema, makes no rows.
            schema: of the table, to which the columns of the data are converted; that of the data
                where none is given.
            mode: ``create``, or ``overwrite``: the rows and schema of a table that exists become
                those of the data, at a new version.
            exist_ok: with the mode ``create``, open the table if it exists, and write nothing.
            data_storage_version: of the data files of a new table: ``2.2`` or ``2.1``.
            stable_row_ids: whether row ids of a new table stay those of their rows when these are
                updated or compacted.
            max_rows_per_file: rows of a data file at most, which is a fragment; 1,048,576 where
                none is given.
            progress: True draws a line on stderr; a function is called with a dict of
                ``num_rows``, ``num_bytes`` and ``num_files`` after each batch.

        Raises:
            ValueError: if there is a table of that name, if the name cannot be one, or for columns
                that no table can have.
            TypeError: if the data is nothing of these, or a column cannot be converted.
            NotImplementedError: for a type that the format does not have; and at a store that can
                only be read.
            OSError: if the storage fails; there is no table then.
        """
        if mode not in ("create", "overwrite"):
            raise ValueError(f"mode must be 'create' or 'overwrite', not {mode!r}")
        uri = self._database.table_uri(name)
        table = self._find(name)
        if table is None:
            try:
                write_rows(
                    data,
                    schema,
                    progress,
                    lambda rows, report, are_in_memory: _core.TableWriter.create(
                        uri,
                        rows,
                        data_format_version=data_storage_version,
                        stable_row_ids=stable_row_ids,
                        max_rows_per_file=max_rows_per_file,
                        keeps_batches=are_in_memory,
                        progress=report,
                        storage_options=self._access.options,
                    ),
                )
                return self.open_table(name)
            except ValueError:
                table = self._find(name)
                # Another may have made it meanwhile; of a stream nothing is left then.
                if table is None or (mode == "overwrite" and is_stream(data)):
                    raise
        if mode == "overwrite":
            table.add(
                data,
                "overwrite",
                schema=schema,
                max_rows_per_file=max_rows_per_file,
                progress=progress,
            )
        elif not exist_ok:
            raise ValueError(f"Table '{name}' already exists in {self.uri}")
        return table

    def _find(self, name: str) -> Table | None:
        """Open a table, if there is one; one that is being made is none yet."""
        if name not in self.table_names():
            return None
        try:
            return self.open_table(name)
        except (NameNotFoundError, FileNotFoundError):
            return None

    def drop_table(self, name: str, *, ignore_missing: bool = False) -> None:
        """Delete a table with all its versions.

        Args:
            name: of the table.
            ignore_missing: whether it is no error if there is no such table.

        Raises:
            NameNotFoundError: if there is no such table.
        """
        try:
            self._database.drop_table(name)
        except NameNotFoundError:
            if not ignore_missing:
                raise

    def rename_table(self, cur_name: str, new_name: str) -> None:
        """Give a table another name.

        Raises:
            NameNotFoundError: if there is no such table.
            ValueError: if the new name is taken, or cannot be one.
            NotImplementedError: in an object store, which can only copy.
        """
        self._database.rename_table(cur_name, new_name)

    def drop_all_tables(self) -> None:
        """Delete every table."""
        for name in self.table_names():
            self.drop_table(name)

    def __len__(self) -> int:
        return len(self.table_names())

    def __contains__(self, name: object) -> bool:
        return name in self.table_names()

    def __getitem__(self, name: str) -> Table:
        return self.open_table(name)

    def __repr__(self) -> str:
        names = self.table_names()
        shown = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
        count = "1 table" if len(names) == 1 else f"{len(names)} tables"
        return f"<croupier.Connection '{self.uri}': {count} ({shown})>"

    def __reduce__(self) -> tuple[Callable[..., Connection], tuple[Any, ...]]:
        if self._memory is None:
            return Connection, (self.uri, self._access)
        files: dict[str, bytes] = {}
        for name in self.table_names():
            files |= self._memory.read_files(name + _TABLE_SUFFIX)
        return _connect_to_memory, (self.uri, files)


def connect(
    uri: str | os.PathLike[str],
    *,
    storage_options: Mapping[str, str] | None = None,
    pickle_credentials: bool = False,
) -> Connection:
    """Connect to a database.

    Args:
        uri: a folder of tables, which need not exist yet: a path, where ``~`` is the home
            directory, or a URI: ``file://``, ``s3://bucket/path``, ``gs://bucket/path``,
            ``az://container/path``; or ``memory://``, a new, empty database that lives as long as
            the connection.
        storage_options: how an object store is reached, by the names that LanceDB has for
            credentials, endpoint, time-outs and retries. What is not given comes from the
            environment (``AWS_…``, ``GOOGLE_…``, ``AZURE_…``).
        pickle_credentials: whether what pickles (tables, for worker processes) takes the
            credentials of `storage_options` along. Without it workers find theirs in the
            environment.

    Raises:
        ValueError: for a malformed URI, or a storage option that is unknown or malformed.
        NotImplementedError: for remote databases, which come later.

    Example:
        >>> import croupier
        >>> db = croupier.connect("memory://")
        >>> table = db.create_table("numbers", [{"x": 1}, {"x": 2}])
        >>> db
        <croupier.Connection 'memory://': 1 table (numbers)>
        >>> len(db.open_table("numbers"))
        2
    """
    location = os.fspath(uri)
    access = StoreAccess(storage_options, pickle_credentials=pickle_credentials)
    if location in ("memory://", "memory:///"):
        return _connect_to_memory(location, {})
    return Connection(_resolve(location, "connect"), access)


def open_dataset(
    uri: str | os.PathLike[str],
    version: int | str | None = None,
    *,
    branch: str | None = None,
    allow_external: Iterable[str | os.PathLike[str]] = (),
    read_blobs: bool = False,
    storage_options: Mapping[str, str] | None = None,
    pickle_credentials: bool = False,
) -> Table:
    """Open a Lance dataset by its own path, wherever it lies.

    Args:
        uri: the dataset's folder, as a path, where ``~`` is the home directory, or as a URI
            (``file://``, ``s3://``, ``gs://``, ``az://``).
        version: a version by its number, or by a tag; the newest where none is given.
        branch: the branch that the version is on; the main one where none is given.
        allow_external: folders or URIs outside the dataset in which its files may lie. A clone or
            a branch may name any on the same file system, or in the same bucket, without this.
        read_blobs: whether blob columns hold the bytes (``large_binary``), instead of structs that
            say where the bytes are; `Table.take_blobs` reads single blobs in parts.
        storage_options: as for `connect`.
        pickle_credentials: as for `connect`.

    Raises:
        FileNotFoundError: if there is no dataset.
        VersionNotFoundError: if it has no such version (any more).
        NameNotFoundError: if it has no such tag or branch.
        CorruptFileError: if its files are malformed.
        OSError: if the store cannot be read; the message names the place.
        NotImplementedError: for a dataset that needs features which cannot be read yet.
    """
    location = _resolve(os.fspath(uri), "open_dataset")
    access = StoreAccess(storage_options, pickle_credentials=pickle_credentials)
    name = location.rstrip("/").rsplit("/", 1)[-1]
    return open_table(
        location,
        name.removesuffix(_TABLE_SUFFIX) or name,
        version,
        branch,
        access,
        {
            "allow_external": [os.fspath(each) for each in allow_external],
            "read_blobs": read_blobs,
        },
    )


def _connect_to_memory(shown_uri: str, files: dict[str, bytes]) -> Connection:
    home, memory = make_memory_home(files)
    return Connection(home, StoreAccess(), shown_uri=shown_uri, memory=memory)


def _resolve(location: str, what: str) -> str:
    """Make a path absolute, for another process to find it; leave URIs as they are."""
    if not location:
        raise ValueError(f"{what} needs a path or URI, not an empty string")
    if "://" in location:
        return location
    return str(Path(location).expanduser().absolute())
