"""Databases: folders of tables, and tables in memory."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from croupier import _core
from croupier.errors import NameNotFoundError
from croupier.history import version_arguments
from croupier.storage import StoreAccess
from croupier.table import Table, make_memory_table, open_table

__all__ = ["Connection", "connect", "open_dataset"]

_TABLE_SUFFIX = ".lance"


class Connection(ABC):
    """A database. Made by `croupier.connect`."""

    @property
    @abstractmethod
    def uri(self) -> str:
        """What the connection was made with."""

    @abstractmethod
    def table_names(self) -> list[str]:
        """List the tables, sorted by name."""

    @abstractmethod
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

    @abstractmethod
    def create_table(self, name: str, data: Any) -> Table:
        """Create a table. Only in a ``memory://`` database for now.

        Args:
            name: of the new table.
            data: a pyarrow Table, RecordBatch or RecordBatchReader, a pandas or polars DataFrame, a
                list of dicts, or any other object with ``__arrow_c_stream__``.

        Raises:
            ValueError: if there is a table of that name.
        """

    def __repr__(self) -> str:
        names = self.table_names()
        shown = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
        count = "1 table" if len(names) == 1 else f"{len(names)} tables"
        return f"<croupier.Connection '{self.uri}': {count} ({shown})>"


class _FolderConnection(Connection):
    """A folder in which table ``t`` is the Lance dataset ``t.lance``."""

    def __init__(self, uri: str, access: StoreAccess):
        self._database = _core.open_database(uri, storage_options=access.options)
        self._access = access

    @property
    def uri(self) -> str:
        return self._database.uri

    def table_names(self) -> list[str]:
        return self._database.table_names()

    def open_table(
        self,
        name: str,
        version: int | str | None = None,
        *,
        branch: str | None = None,
        allow_external: Iterable[str | os.PathLike[str]] = (),
        read_blobs: bool = False,
    ) -> Table:
        options: dict[str, Any] = {
            "allow_external": [os.fspath(each) for each in allow_external],
            "read_blobs": read_blobs,
        }
        source = self._database.open_table(name, **version_arguments(version, branch), **options)
        return Table(source, name, in_memory=False, access=self._access, **options)

    def create_table(self, name: str, data: Any) -> Table:
        raise NotImplementedError(
            f"creating table '{name}' at {self._database.table_uri(name)}: tables in files cannot "
            "be written yet; write them with pylance or lancedb, or use a memory:// database"
        )

    def __reduce__(self) -> tuple[type[_FolderConnection], tuple[str, StoreAccess]]:
        return _FolderConnection, (self.uri, self._access)


class _MemoryConnection(Connection):
    """Tables that live as long as this object."""

    def __init__(self, uri: str):
        self._uri = uri
        self._tables: dict[str, Table] = {}

    @property
    def uri(self) -> str:
        return self._uri

    def table_names(self) -> list[str]:
        return sorted(self._tables)

    def open_table(
        self,
        name: str,
        version: int | str | None = None,
        *,
        branch: str | None = None,
        allow_external: Iterable[str | os.PathLike[str]] = (),
        read_blobs: bool = False,
    ) -> Table:
        if name not in self._tables:
            known = ", ".join(self.table_names()) or "(none)"
            raise NameNotFoundError(
                f"Table '{name}' was not found in {self.uri}; the tables are: {known}"
            )
        table = self._tables[name]
        if branch is not None:
            table = table.branches.checkout(branch)
        return table if version is None else table.checkout(version)

    def create_table(self, name: str, data: Any) -> Table:
        if not name or "/" in name:
            raise ValueError(f"not a name of a table: {name!r}")
        if name in self._tables:
            raise ValueError(f"Table '{name}' already exists in {self.uri}")
        table = make_memory_table(name, _rows_of(data))
        self._tables[name] = table
        return table


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
        return _MemoryConnection(location)
    return _FolderConnection(_resolve(location, "connect"), access)


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


def _resolve(location: str, what: str) -> str:
    """Make a path absolute, for another process to find it; leave URIs as they are."""
    if not location:
        raise ValueError(f"{what} needs a path or URI, not an empty string")
    if "://" in location:
        return location
    return str(Path(location).expanduser().absolute())


def _rows_of(data: Any) -> pa.Table:
    if isinstance(data, pa.Table):
        return data
    if isinstance(data, Mapping):
        return pa.table(data)
    if type(data).__module__.partition(".")[0] == "pandas":
        return pa.Table.from_pandas(data, preserve_index=False)
    if hasattr(data, "__arrow_c_stream__"):
        return pa.table(data)
    if hasattr(data, "__arrow_c_array__"):
        return pa.Table.from_batches([pa.record_batch(data)])
    if isinstance(data, Iterable) and not isinstance(data, (str, bytes)):
        rows = list(data)
        if all(isinstance(row, Mapping) for row in rows):
            # pyarrow by itself would leave out columns that the first row lacks.
            names = dict.fromkeys(name for row in rows for name in row)
            return pa.table({name: [row.get(name) for row in rows] for name in names})
        if rows and all(isinstance(row, pa.RecordBatch) for row in rows):
            return pa.Table.from_batches(rows)
    raise TypeError(
        "expected rows as an Arrow table or stream, a DataFrame or a list of dicts, not "
        f"{type(data).__name__}"
    )
