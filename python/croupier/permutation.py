"""Permutations: which rows of a table are read, in which order, divided into splits."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from croupier import _core, _formats
from croupier._permutation_builder import (
    PermutationBuilder,
    PermutationTable,
    permutation_builder,
    unpickle_permutation_table,
)
from croupier.errors import NameNotFoundError, VersionNotFoundError
from croupier.loader import rename_batch, start_loader
from croupier.table import SYSTEM_COLUMNS, Table

__all__ = [
    "DEFAULT_BATCH_SIZE",
    "Permutation",
    "PermutationBuilder",
    "PermutationTable",
    "Permutations",
    "permutation_builder",
]

DEFAULT_BATCH_SIZE = 100

_logger = logging.getLogger("croupier")


class Permutations:
    """The splits of a permutation, by number or name.

    Args:
        base_table: whose rows are read.
        permutation_table: the order and the splits.

    Example:
        >>> import croupier
        >>> table = croupier.connect("memory://").create_table("t", [{"x": i} for i in range(10)])
        >>> order = croupier.permutation_builder(table).split_sequential(
        ...     ratios=[0.8, 0.2], split_names=["train", "test"]).execute()
        >>> splits = croupier.Permutations(table, order)
        >>> splits["test"].take_offsets([0])
        [{'x': 8}]
        >>> [len(split) for split in splits]
        [8, 2]
    """

    def __init__(self, base_table: Table, permutation_table: PermutationTable):
        self.base_table = _pin_base_table(base_table, permutation_table)
        self.permutation_table = permutation_table
        self.split_names: list[str] = permutation_table.split_names
        self.split_dict: dict[str, int] = {name: i for i, name in enumerate(self.split_names)}

    def get_by_name(self, name: str) -> Permutation:
        """Get the split of that name.

        Raises:
            NameNotFoundError: if there is none.
        """
        if name not in self.split_dict:
            known = ", ".join(self.split_names) or "(none)"
            raise NameNotFoundError(f"No split named `{name}` found; the splits are: {known}")
        return self.get_by_index(self.split_dict[name])

    def get_by_index(self, index: int) -> Permutation:
        """Get a split by its number; negative numbers count from the last.

        Raises:
            IndexError: if there is no such split.
        """
        return Permutation.from_tables(
            self.base_table, self.permutation_table, self._check_index(index)
        )

    def __getitem__(self, split: str | int) -> Permutation:
        if isinstance(split, str):
            return self.get_by_name(split)
        if isinstance(split, int):
            return self.get_by_index(split)
        raise TypeError(f"Invalid split name or index: {split}")

    def __len__(self) -> int:
        return len(self.permutation_table.split_sizes)

    def __iter__(self) -> Iterator[Permutation]:
        return map(self.get_by_index, range(len(self)))

    def __contains__(self, split: object) -> bool:
        if isinstance(split, str):
            return split in self.split_dict
        return isinstance(split, int) and -len(self) <= split < len(self)

    def __repr__(self) -> str:
        return f"<croupier.Permutations {self.permutation_table!r}>"

    def __reduce__(self) -> tuple[type[Permutations], tuple[Table, PermutationTable]]:
        return Permutations, (self.base_table, self.permutation_table)

    def _check_index(self, index: int) -> int:
        if not -len(self) <= index < len(self):
            raise IndexError(f"split out of range: {index} of {len(self)}")
        return index + len(self) if index < 0 else index


class Permutation:
    """One split of a permutation: rows of a base table in an order, selected and formatted.

    Map-style dataset of PyTorch (`len`, ``__getitem__``, ``__getitems__``), in the process itself
    and in DataLoader workers, forked or spawned. All ``with_*``, column and format calls return a
    new permutation that shares the table; none touches data. Nothing is read but the columns that
    are selected.

    ``for batch in permutation`` gives batches of `batch_size` rows, read ahead by threads, and
    **leaves out a last batch that is shorter**; `iter` gives it too, and so does
    `croupier.Loader`. The representation tells how many rows a loop leaves out.

    Made by `identity`, `from_tables` and `Permutations`.

    Example:
        >>> import croupier
        >>> table = croupier.connect("memory://").create_table("t", [{"x": i} for i in range(5)])
        >>> permutation = croupier.Permutation.identity(table)
        >>> [batch["x"] for batch in permutation.with_format("python_col").with_batch_size(2)]
        [[0, 1], [2, 3]]
        >>> permutation.take_offsets([4, 0])
        [{'x': 4}, {'x': 0}]
    """

    def __init__(self, base_table: Table, permutation_table: PermutationTable | None, split: int):
        """Use `identity` or `from_tables`."""
        self.base_table = base_table
        self.permutation_table = permutation_table
        self.split = split
        self.selection: dict[str, str] = {name: name for name in base_table.schema.names}
        self.batch_size = DEFAULT_BATCH_SIZE
        self.transform_fn: Callable[[pa.RecordBatch], Any] = _formats.FORMATS["python"]
        self.offset: int | None = None
        self.limit: int | None = None
        self.connection_factory: Callable[[str], Table] | None = None
        self._core = _open_split(base_table, permutation_table, split)
        self._schema: pa.Schema | None = None
        self._told_of_rows_left_out = False

    @classmethod
    def identity(cls, table: Table) -> Permutation:
        """Read all rows in storage order.

        Args:
            table: at its version, which is pinned as with every permutation.
        """
        return cls.from_tables(table)

    @classmethod
    def from_tables(
        cls,
        base_table: Table,
        permutation_table: PermutationTable | None = None,
        split: str | int | None = None,
    ) -> Permutation:
        """Read one split of a permutation.

        Args:
            base_table: whose rows are read.
            permutation_table: their order; storage order where none is given.
            split: its name or number; the first where none is given.

        Raises:
            NameNotFoundError: if no split has that name.
            IndexError: if there is no split of that number.
            ValueError: if a split is named without a permutation table, or the permutation is one
                of another table or version.
        """
        base_table = _pin_base_table(base_table, permutation_table)
        if split is None:
            return cls(base_table, permutation_table, 0)
        if permutation_table is None:
            raise ValueError(
                f"Cannot create a permutation on split `{split}` because no permutation table is "
                "provided"
            )
        if isinstance(split, int):
            return cls(base_table, permutation_table, split)
        if not isinstance(split, str):
            raise TypeError(f"Invalid split: {split}")
        names = permutation_table.split_names
        if not names:
            raise NameNotFoundError(
                f"Cannot create a permutation on split `{split}` because no split names are "
                "defined in the permutation table"
            )
        if split not in names:
            raise NameNotFoundError(
                f"Cannot create a permutation on split `{split}` because split `{split}` is not "
                f"defined in the permutation table; the splits are: {', '.join(names)}"
            )
        return cls(base_table, permutation_table, names.index(split))

    @property
    def schema(self) -> pa.Schema:
        """The selected columns, under their names here."""
        if self._schema is None:
            source = self.base_table._source
            base = pa.schema(source.project_schema(list(self.selection.values())))
            fields = [
                field.with_name(name) for name, field in zip(self.selection, base, strict=True)
            ]
            self._schema = pa.schema(fields, metadata=base.metadata)
        return self._schema

    @property
    def num_columns(self) -> int:
        """The number of selected columns."""
        return len(self.selection)

    @property
    def num_rows(self) -> int:
        """The number of rows between skip and take."""
        begin, end = self._window()
        return end - begin

    @property
    def column_names(self) -> list[str]:
        """The names of the selected columns."""
        return list(self.selection)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.num_rows, self.num_columns

    def __len__(self) -> int:
        return self.num_rows

    def select_columns(self, columns: Sequence[str]) -> Permutation:
        """Keep only these columns, in this order.

        Args:
            columns: of the selection so far; ``a.b`` is field ``b`` of the struct column ``a``.
                ``_rowid``, the row id, and its like may be added: ``_rowaddr``,
                ``_rowoffset``, ``_row_created_at_version``, ``_row_last_updated_at_version``.

        Raises:
            NameNotFoundError: for a name that is not selected, or a field that does not exist.
            ValueError: for no names at all.
        """
        if isinstance(columns, str):
            raise TypeError(f"expected a list of column names, not the string {columns!r}")
        if len(columns) == 0:
            raise ValueError("Must select at least one column")
        selection = {name: self._source_of(name) for name in columns}
        if any("." in path for path in selection.values()):
            self.base_table._source.project_schema(list(dict.fromkeys(selection.values())))
        return self._with_selection(selection)

    def _source_of(self, name: str) -> str:
        """Find the column or field of the base table that a name means here."""
        if name in self.selection:
            return self.selection[name]
        if name in SYSTEM_COLUMNS:
            return name
        column, dot, _ = name.rpartition(".")
        while dot:
            if column in self.selection:
                return f"{self.selection[column]}.{name[len(column) + 1 :]}"
            column, dot, _ = column.rpartition(".")
        raise NameNotFoundError(
            f"Cannot select column `{name}` because it does not exist; the columns are: "
            f"{', '.join(self.selection)}"
        )

    def remove_columns(self, columns: Sequence[str]) -> Permutation:
        """Keep all columns but these; names that are not there are ignored.

        Raises:
            ValueError: if no column is left.
        """
        if isinstance(columns, str):
            raise TypeError(f"expected a list of column names, not the string {columns!r}")
        selection = {name: column for name, column in self.selection.items() if name not in columns}
        if not selection:
            raise ValueError("Cannot remove all columns")
        return self._with_selection(selection)

    def rename_column(self, old_name: str, new_name: str) -> Permutation:
        """Rename a column, which moves to the end.

        Raises:
            NameNotFoundError: if no column is called `old_name`.
            ValueError: if one is called `new_name` already.
        """
        return self.rename_columns({old_name: new_name})

    def rename_columns(self, column_map: Mapping[str, str]) -> Permutation:
        """Rename columns, all at once, so that names may be swapped; they move to the end.

        Args:
            column_map: old names to new ones.

        Raises:
            NameNotFoundError: if an old name is not there.
            ValueError: if a new name is used twice.
        """
        selection = dict(self.selection)
        for old_name in column_map:
            if old_name not in selection:
                raise NameNotFoundError(
                    f"Cannot rename column `{old_name}` because it does not exist; the columns "
                    f"are: {', '.join(self.selection)}"
                )
            del selection[old_name]
        for old_name, new_name in column_map.items():
            if new_name in selection:
                raise ValueError(
                    f"Cannot rename column `{old_name}` to `{new_name}` because a column with that "
                    "name already exists"
                )
            selection[new_name] = self.selection[old_name]
        return self._with_selection(selection)

    def unique(self, column: str) -> list[Any]:
        """List the distinct values of a column: not there yet.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("unique is not implemented yet")

    def flatten(self) -> Permutation:
        """Make columns of the fields of structs: not there yet.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("flatten is not implemented yet")

    def with_repeat(self, times: int) -> Permutation:
        """Read the rows several times over: not there yet.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("with_repeat is not implemented yet")

    def with_batch_size(self, batch_size: int) -> Permutation:
        """Set the rows of a batch for ``for batch in permutation``.

        Raises:
            ValueError: if it is not positive.
        """
        _check_batch_size(batch_size)
        return self._copy(batch_size=batch_size)

    def with_skip(self, skip: int) -> Permutation:
        """Leave out the first `skip` rows of the split, whatever was skipped before.

        Raises:
            ValueError: if the split has fewer rows.
        """
        return self._with_window(skip, self.limit)

    def with_take(self, limit: int) -> Permutation:
        """Read only the first `limit` rows of the split that are not skipped.

        Raises:
            ValueError: if the split has fewer rows.
        """
        return self._with_window(self.offset, limit)

    def skip(self, skip: int) -> Permutation:
        """Deprecated: use `with_skip`."""
        warnings.warn("skip is deprecated. Use with_skip instead", DeprecationWarning, stacklevel=2)
        return self.with_skip(skip)

    def take(self, limit: int) -> Permutation:
        """Deprecated: use `with_take`."""
        warnings.warn("take is deprecated. Use with_take instead", DeprecationWarning, stacklevel=2)
        return self.with_take(limit)

    def repeat(self, times: int) -> Permutation:
        """Deprecated: use `with_repeat`."""
        warnings.warn(
            "repeat is deprecated. Use with_repeat instead", DeprecationWarning, stacklevel=2
        )
        return self.with_repeat(times)

    def with_format(
        self, format: str, *, nulls: str | Mapping[str, Any] | None = None
    ) -> Permutation:
        """Set what batches are.

        What each type becomes is in the guide "Formats".

        Args:
            format: ``python``, the default: a list of row dicts · ``python_col``: a dict of lists ·
                ``numpy``: one array of rows × columns, of object where columns have no common
                number type · ``pandas``, ``polars``: a DataFrame · ``arrow``: a RecordBatch ·
                ``torch``: a list of row dicts of tensors, which DataLoader's default collate
                stacks · ``torch_row``: a list of one-dimensional tensors · ``torch_col``: one
                tensor of columns × rows · ``torch_batch``: a dict of tensors whose first dimension
                is the row, without a Python object per row (in a DataLoader with
                ``collate_fn=croupier.util.keep_batch``).
            nulls: what the torch formats make of nulls. ``nan``, the default: NaN in floats, None
                in strings and binary values, and an error in other types · ``raise``: an error in
                all types · ``mask``: NaN or 0, and for each nullable column ``c`` of ``torch`` and
                ``torch_batch`` a column ``c__mask`` of booleans: true where there is a value · a
                dict of columns and the values that stand for their nulls; ``nan`` for others.

        Raises:
            ValueError: for another name; by a batch, for a null that has no value in torch.
            NameNotFoundError: if `nulls` names a column that is not selected.
            TypeError: by a batch, for a type that has no tensor.
        """
        return self.with_transform(_formats.make_format(format, nulls, self.selection))

    def with_transform(self, transform: Callable[[pa.RecordBatch], Any]) -> Permutation:
        """Set a function that makes batches what the caller wants; replaces the format.

        Args:
            transform: is given a RecordBatch of the selected columns, in the caller's thread. For
                use in spawned workers it must pickle: a function of a module, not a lambda.
        """
        if not callable(transform):
            raise TypeError(f"expected a function, not {type(transform).__name__}")
        return self._copy(transform_fn=transform)

    def with_connection_factory(self, connection_factory: Callable[[str], Table]) -> Permutation:
        """Set how the base table is opened where this permutation is unpickled.

        Args:
            connection_factory: is given the table's name, and returns the table, at the same
                version. It must pickle. Use it where a worker finds the table by another path.
        """
        if not callable(connection_factory):
            raise TypeError(f"expected a function, not {type(connection_factory).__name__}")
        return self._copy(connection_factory=connection_factory)

    def __iter__(self) -> Iterator[Any]:
        return self.iter(self.batch_size, skip_last_batch=True)

    def iter(self, batch_size: int, skip_last_batch: bool = False) -> Iterator[Any]:
        """Read all rows in batches, ahead of the caller.

        Every batch has `batch_size` rows but the last. Leaving the loop early stops the reading.

        Args:
            batch_size: rows of a batch.
            skip_last_batch: leave out the last batch if it is shorter.

        Raises:
            ValueError: if the batch size is not positive.
        """
        loader = self._start_loader(batch_size, skip_last_batch)
        rows_left_out = self.num_rows % batch_size if skip_last_batch else 0
        if rows_left_out and not self._told_of_rows_left_out:
            self._told_of_rows_left_out = True
            _logger.info(
                "iteration leaves out the last %d of %d rows, which fill no batch of %d",
                rows_left_out,
                self.num_rows,
                batch_size,
            )
        return self._batches(loader)

    def _batches(self, loader: _core.Loader) -> Iterator[Any]:
        schema = self.schema
        transform = self.transform_fn
        try:
            for batch in loader:
                yield transform(rename_batch(pa.record_batch(batch), schema))
        finally:
            loader.close()

    def take_offsets(self, offsets: Sequence[int]) -> Any:
        """Read the rows at these positions, in this order, formatted as one batch.

        Args:
            offsets: each in [0, num_rows), counted from the end of the skipped rows; repeats are
                allowed.

        Raises:
            IndexError: for a position out of range.
        """
        begin, end = self._window()
        batch = self._core.take(offsets, list(self.selection.values()), begin, end)
        return self.transform_fn(rename_batch(pa.record_batch(batch), self.schema))

    def __getitem__(self, index: int) -> Any:
        """Read one row, formatted as a batch of one.

        Raises:
            IndexError: for a position out of range.
        """
        return self.take_offsets([index])

    def __getitems__(self, indices: Sequence[int]) -> Any:
        """Read rows, formatted as one batch: what a DataLoader asks for."""
        return self.take_offsets(indices)

    def __repr__(self) -> str:
        columns = ", ".join(
            name if name == column else f"{name} = {column}"
            for name, column in self.selection.items()
        )
        parts = [f"{self.num_rows:,} rows × {self.num_columns} columns ({columns})"]
        if self.offset is not None or self.limit is not None:
            begin, end = self._window()
            parts.append(f"positions {begin:,} to {end:,} of {self._core.num_rows:,}")
        if self.permutation_table is None:
            parts.append("in storage order")
        else:
            names = self.permutation_table.split_names
            name = f"'{names[self.split]}' ({self.split} of {len(names)})" if names else self.split
            parts.append(f"split {name}")
            parts.append(f"order {self.permutation_table.order_id}")
        parts.append(f"format {_formats.format_name(self.transform_fn)}")
        parts.append(f"batches of {self.batch_size:,}")
        if left_out := self.num_rows % self.batch_size:
            parts.append(f"of which a loop leaves out the last {left_out:,} rows")
        table = self.base_table
        return f"<croupier.Permutation of '{table.name}' version {table.version}: " + (
            ", ".join(parts) + ">"
        )

    def __getstate__(self) -> dict[str, Any]:
        table = self.permutation_table
        state = {
            "base_table_name": self.base_table.name,
            "base_version": self.base_table.version,
            "base_branch": self.base_table.current_branch(),
            "permutation": None if table is None else table._recipe(),
            "split": self.split,
            "selection": self.selection,
            "batch_size": self.batch_size,
            "transform_fn": self.transform_fn,
            "offset": self.offset,
            "limit": self.limit,
            "connection_factory": self.connection_factory,
        }
        if self.connection_factory is None:
            state["base_table"] = self.base_table
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        connection_factory = state["connection_factory"]
        if connection_factory is None:
            base_table = state["base_table"]
        else:
            name, version = state["base_table_name"], state["base_version"]
            base_table = connection_factory(name)
            if (base_table.version, base_table.current_branch()) != (version, state["base_branch"]):
                raise VersionNotFoundError(
                    f"a permutation of table '{name}' was pickled at version {version} of branch "
                    f"{state['base_branch'] or 'main'}, but its connection factory returned "
                    f"version {base_table.version} of branch "
                    f"{base_table.current_branch() or 'main'}"
                )
        permutation_table = None
        if state["permutation"] is not None:
            permutation_table = unpickle_permutation_table(base_table, *state["permutation"])
        self.__init__(base_table, permutation_table, state["split"])  # type: ignore[misc]
        for name in ("selection", "batch_size", "transform_fn", "offset", "limit"):
            setattr(self, name, state[name])
        self.connection_factory = connection_factory

    def _copy(self, **changes: Any) -> Permutation:
        changed = copy.copy(self)
        vars(changed).update(changes)
        return changed

    def _with_selection(self, selection: dict[str, str]) -> Permutation:
        return self._copy(selection=selection, _schema=None)

    def _with_window(self, offset: int | None, limit: int | None) -> Permutation:
        num_rows = self._core.num_rows
        for name, value in (("skip", offset), ("take", limit)):
            if value is not None and value < 0:
                raise OverflowError(f"with_{name} of a negative number of rows: {value}")
        begin, size = offset or 0, limit or 0
        if begin > num_rows:
            raise ValueError(
                f"Offset is greater than the number of rows in the permutation table: {begin} of "
                f"{num_rows}"
            )
        if size > num_rows:
            raise ValueError(
                f"Limit is greater than the number of rows in the permutation table: {size} of "
                f"{num_rows}"
            )
        if begin + size > num_rows:
            raise ValueError(
                "Offset + limit is greater than the number of rows in the permutation table: "
                f"{begin} + {size} of {num_rows}"
            )
        return self._copy(offset=offset, limit=limit)

    def _window(self) -> tuple[int, int]:
        begin = self.offset or 0
        return begin, self._core.num_rows if self.limit is None else begin + self.limit

    def _start_loader(
        self,
        batch_size: int,
        drop_last: bool,
        *,
        num_threads: int | None = None,
        prefetch_bytes: int | None = None,
    ) -> _core.Loader:
        _check_batch_size(batch_size)
        begin, end = self._window()
        return start_loader(
            self._core,
            columns=list(self.selection.values()),
            batch_rows=batch_size,
            begin=begin,
            end=end,
            drop_last=drop_last,
            num_threads=num_threads,
            prefetch_bytes=prefetch_bytes,
        )


def _open_split(
    base_table: Table, permutation_table: PermutationTable | None, split: int
) -> _core.Permutation:
    if permutation_table is None:
        return base_table._rows_in_order()
    return _core.Permutation.make(base_table._source, permutation_table._core, split)


def _pin_base_table(base_table: Table, permutation_table: PermutationTable | None) -> Table:
    """Give the version of the table that is read: that on which the permutation was built."""
    if not isinstance(base_table, Table):
        raise TypeError(f"base_table must be a croupier.Table, not {type(base_table).__name__}")
    if permutation_table is None:
        return base_table._pinned()
    if not isinstance(permutation_table, PermutationTable):
        raise TypeError(
            "permutation_table must be what PermutationBuilder.execute returned, not "
            f"{type(permutation_table).__name__}"
        )
    built_on = permutation_table._base_table
    if base_table is built_on:
        return built_on
    if base_table.uri != built_on.uri:
        raise ValueError(
            f"the permutation was built on another table: {built_on.uri}, not {base_table.uri}"
        )
    if base_table.current_branch() != built_on.current_branch():
        raise ValueError(
            f"the permutation was built on branch '{built_on.current_branch() or 'main'}' of table "
            f"'{built_on.name}', not on '{base_table.current_branch() or 'main'}'"
        )
    if base_table.version != built_on.version:
        return built_on
    if base_table.schema != built_on.schema or len(base_table) != len(built_on):
        raise ValueError(
            f"the permutation was built on another table that was at {built_on.uri} too"
        )
    return built_on


def _check_batch_size(batch_size: int) -> None:
    if batch_size < 0:
        raise OverflowError(f"batch_size must not be negative: {batch_size}")
    if batch_size == 0:
        raise ValueError("batch_size must be positive: 0")
