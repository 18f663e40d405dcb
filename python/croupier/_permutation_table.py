"""Permutation tables: orders of rows, as tables of row ids and split numbers."""

from __future__ import annotations

import html
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from croupier import _core
from croupier.errors import VersionNotFoundError
from croupier.history import version_arguments
from croupier.table import Table, as_connection, as_table

if TYPE_CHECKING:
    from croupier.async_database import AsyncConnection
    from croupier.async_table import AsyncTable
    from croupier.database import Connection

_NAME = "permutation"


class PermutationTable(Table):
    """An order of the rows of a base table, divided into splits. Holds no data of the table.

    It is a table of the columns ``row_id`` and ``split_id``, by split and in reading order within
    one, whose rows are computed when they are read. It cannot be edited. What depends on numbers
    alone is held as numbers, whatever the number of rows; of filters and of splits by value the
    rows are listed, in 1 to 8 bytes each.

    It pickles with its base table, in less than 4 KB: lists go by a file that all processes of the
    machine map. Where that is gone, because the process that pickled it has ended or was on another
    machine, the order is built again of the version that it was built on. A list that cannot be
    built again, as one that LanceDB made in memory, goes by value.

    Made by `PermutationBuilder.execute`, and by `open_permutation` of one that was kept.
    """

    def __init__(self, core: _core.PermutationTable, base_table: Table):
        """Use `PermutationBuilder.execute`."""
        super().__init__(core.as_table(base_table._source), _NAME)
        self._core = core
        self._base_table = base_table

    @property
    def metadata(self) -> dict[str, str]:
        """The schema's metadata: ``base_version``, ``split_names``, the order's specification."""
        return {key.decode(): value.decode() for key, value in (self.schema.metadata or {}).items()}

    @property
    def order(self) -> str:
        """The canonical line that says what the order is: ``docs/concepts/order.md``."""
        return self._core.order

    @property
    def order_id(self) -> str:
        """Names the order: equal ids on equal tables mean the same rows in the same order."""
        return self._core.order_id

    @property
    def is_computed(self) -> bool:
        """Whether the order depends on numbers alone, so that no rows are listed."""
        return self._core.is_computed

    @property
    def base_version(self) -> int:
        """The version of the base table that the row ids belong to."""
        return self._core.base_version

    @property
    def split_names(self) -> list[str]:
        """The names of the splits; empty where they have none."""
        return list(self._core.split_names)

    @property
    def split_sizes(self) -> list[int]:
        """The number of rows of every split."""
        return list(self._core.split_sizes)

    @property
    def num_rows_left_out(self) -> int:
        """Rows that the filter keeps and no split has: ``split_random(fixed=3)`` rounds down."""
        return max(0, self._core.num_selected_rows - self._core.num_rows)

    @property
    def num_list_bytes(self) -> int:
        """Bytes that lists of rows take; 0 for an order that is computed."""
        return self._core.num_list_bytes

    def persist(
        self, database: Connection | AsyncConnection, name: str, *, materialize: bool = False
    ) -> Table:
        """Keep the permutation as a table of a database.

        `Permutations` and `Permutation.from_tables` take the kept table in place of this one, in
        any process, as LanceDB does. An order that is computed is kept as numbers, in the metadata
        of a table without rows, which LanceDB takes for an empty one. Of others, a file beside the
        rows of a local table is mapped when it is opened, and shared by all processes.

        Args:
            database: a connection to where it is kept.
            name: of the new table.
            materialize: list the rows of a computed order too, for LanceDB to read: 16 bytes each
                before compression.

        Raises:
            ValueError: if there is a table of that name.
            NotImplementedError: at a store that can only be read.
        """
        connection: Connection = as_connection(database)
        self._core.keep(
            self._base_table._source,
            connection._database.table_uri(name),
            materialize=materialize,
            storage_options=connection._access.options,
        )
        return connection.open_table(name)

    def _writer(self) -> _core.TableWriter:
        raise NotImplementedError("a permutation cannot be edited; build another one")

    def _pinned(self) -> PermutationTable:
        return self

    def _describe_splits(self) -> str:
        names = self._core.split_names
        return ", ".join(
            f"{names[i]!r}: {size:,}" if names else f"{i}: {size:,}"
            for i, size in enumerate(self._core.split_sizes)
        )

    def __repr__(self) -> str:
        left_out = f", {self.num_rows_left_out:,} left out" if self.num_rows_left_out else ""
        return (
            f"<croupier.PermutationTable of '{self._base_table.name}' version {self.base_version}: "
            f"{self.count_rows():,} rows in {len(self._core.split_sizes)} splits "
            f"({self._describe_splits()}){left_out}, order {self.order_id}>"
        )

    def _repr_html_(self) -> str:
        names = self._core.split_names
        rows = "".join(
            f"<tr><td>{html.escape(names[i]) if names else i}</td><td>{size:,}</td></tr>"
            for i, size in enumerate(self._core.split_sizes)
        )
        return (
            f"<p>Permutation of <b>{html.escape(self._base_table.name)}</b> version "
            f"{self.base_version}: {self.count_rows():,} rows, {self.num_rows_left_out:,} left out"
            f"<br><code>{html.escape(self.order)}</code></p>"
            f"<table><tr><th>split</th><th>rows</th></tr>{rows}</table>"
        )

    def __reduce__(self) -> tuple[Callable[..., PermutationTable], tuple[Any, ...]]:
        return unpickle_permutation_table, (self._base_table, self._core.to_bytes([]))


def unpickle_permutation_table(base_table: Table, permutation: bytes) -> PermutationTable:
    """Make what `PermutationTable.__reduce__` took apart."""
    core = _core.PermutationTable.from_bytes(
        permutation, base_table._source, storage_options=base_table._access.options
    )
    return PermutationTable(core, base_table)


def open_permutation(base_table: Table, kept: Table) -> PermutationTable:
    """Read a permutation that was kept as a table, by `PermutationTable.persist` or by LanceDB.

    Args:
        base_table: the table that it orders, at any version.
        kept: with the columns ``row_id`` and ``split_id``.

    Raises:
        VersionNotFoundError: if the version that it was built on is no longer there.
        ValueError: if it cannot be read, or orders another table.
    """
    version, branch = _core.PermutationTable.base_of(kept._source)
    if version is None:
        warnings.warn(
            f"the permutation table '{kept.name}' does not say which version of '{base_table.name}'"
            f" it was built on; its row ids are taken for those of version {base_table.version}",
            stacklevel=3,
        )
        base = base_table._pinned()
    else:
        base = _base_at(base_table, kept, version, None if branch == "main" else branch)
    return PermutationTable(_core.PermutationTable.read(kept._source, base._source), base)


def _base_at(base_table: Table, kept: Table, version: int, branch: str | None) -> Table:
    if (base_table.version, base_table.current_branch()) == (version, branch):
        return base_table._pinned()
    try:
        arguments = version_arguments(version, branch or "main")
        return base_table._at(base_table._source.checkout(**arguments))
    except VersionNotFoundError as error:
        raise VersionNotFoundError(
            f"the permutation '{kept.name}' was built on version {version} of table "
            f"'{base_table.name}', which is no longer there: {error}. Build the permutation again, "
            "and tag versions that permutations are kept for"
        ) from error


def pin_base_table(
    base_table: Table | AsyncTable, permutation_table: Table | AsyncTable | None
) -> tuple[Table, PermutationTable | None]:
    """Give the version of the table that is read, and the permutation of it.

    Args:
        base_table: at any version.
        permutation_table: a permutation, as it was built or as it was kept; None for storage order.
    """
    base_table, permutation_table = as_table(base_table), as_table(permutation_table)
    if not isinstance(base_table, Table):
        raise TypeError(f"base_table must be a croupier.Table, not {type(base_table).__name__}")
    if permutation_table is None:
        return base_table._pinned(), None
    if not isinstance(permutation_table, Table):
        raise TypeError(
            "permutation_table must be what PermutationBuilder.execute returned, or a table that "
            f"it was kept as, not {type(permutation_table).__name__}"
        )
    if not isinstance(permutation_table, PermutationTable):
        opened = open_permutation(base_table, permutation_table)
        return opened._base_table, opened
    built_on = permutation_table._base_table
    if base_table is built_on:
        return built_on, permutation_table
    if base_table.current_branch() != built_on.current_branch():
        raise ValueError(
            f"the permutation was built on branch '{built_on.current_branch() or 'main'}' of table "
            f"'{built_on.name}', not on '{base_table.current_branch() or 'main'}'"
        )
    is_same = base_table.version == built_on.version
    if base_table.uri != built_on.uri:
        # A copy, or the same directory by another name: the files tell.
        identity = base_table._source.identity
        if not (is_same and identity and identity == built_on._source.identity):
            raise ValueError(
                f"the permutation was built on another table: {built_on.uri}, not {base_table.uri}"
            )
        return base_table._pinned(), permutation_table
    if is_same and (
        base_table.schema != built_on.schema
        or len(base_table) != len(built_on)
        or base_table._source.identity != built_on._source.identity
    ):
        raise ValueError(
            f"the permutation was built on another table that was at {built_on.uri} too"
        )
    return built_on, permutation_table
