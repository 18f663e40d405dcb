"""The rows of one split, or of several, in an order, selected and formatted."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

import pyarrow as pa

from croupier import _core, _formats
from croupier._permutation_description import describe, describe_as_html
from croupier._permutation_table import (
    PermutationTable,
    pin_base_table,
    unpickle_permutation_table,
)
from croupier._ranks import find_shard
from croupier._reads_in_order import ReadsInOrder
from croupier._row_order import RowOrder, check_window
from croupier._selection import Selection, check_column_names
from croupier._splits import find_split
from croupier._worker_batch import worker_batch
from croupier.errors import VersionNotFoundError
from croupier.loader import Batches, rename_batch, start_loader
from croupier.table import Table, is_one_row

if TYPE_CHECKING:
    from croupier.async_table import AsyncTable

DEFAULT_BATCH_SIZE = 100
_UNIQUE_BATCH_ROWS = 65536

_logger = logging.getLogger("croupier")


class Permutation:
    """One split of a permutation: rows of a base table in an order, selected and formatted.

    Map-style dataset of PyTorch (`len`, ``__getitem__``, ``__getitems__``), in the process itself
    and in DataLoader workers, forked or spawned. All ``with_*``, column and format calls return a
    new permutation that shares the table; none touches data. Nothing is read but the columns that
    are selected.

    ``for batch in permutation``, or ``async for``, gives batches of `batch_size` rows, read ahead
    by threads, and **leaves out a last batch that is shorter**; `iter` gives it too, and so does
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

    def __init__(
        self, base_table: Table, permutation_table: PermutationTable | None, order: RowOrder
    ):
        """Use `identity` or `from_tables`."""
        self.base_table = base_table
        self.permutation_table = permutation_table
        self.batch_size = DEFAULT_BATCH_SIZE
        self.transform_fn: Callable[[pa.RecordBatch], Any] = _formats.FORMATS["python"]
        self.offset: int | None = None
        self.limit: int | None = None
        self.connection_factory: Callable[[str], Table] | None = None
        self._order = order
        self._selection = Selection.of_all(base_table)
        self._rows = order.open(base_table, permutation_table)
        self._told_of_rows_left_out = False
        self._reads_in_order = ReadsInOrder()

    @classmethod
    def identity(cls, table: Table | AsyncTable) -> Permutation:
        """Read all rows in storage order.

        Args:
            table: at its version, which is pinned as with every permutation.
        """
        return cls.from_tables(table)

    @classmethod
    def from_tables(
        cls,
        base_table: Table | AsyncTable,
        permutation_table: Table | AsyncTable | None = None,
        split: str | int | Sequence[str | int] | None = None,
        *,
        interleave: bool = True,
    ) -> Permutation:
        """Read one split of a permutation, or several as one.

        Args:
            base_table: whose rows are read.
            permutation_table: their order, as it was built or as it was kept; storage order where
                none is given.
            split: its name or number; the first where none is given. A list: these as one.
            interleave: of several splits: as for `Permutations.join`.

        Raises:
            NameNotFoundError: if no split has that name.
            IndexError: if there is no split of that number.
            ValueError: if a split is named without a permutation table, or the permutation is one
                of another table or version.
        """
        base_table, opened = pin_base_table(base_table, permutation_table)
        several = isinstance(split, Sequence) and not isinstance(split, str)
        if opened is None:
            if split is not None:
                raise ValueError(
                    f"Cannot create a permutation on split `{split}` because no permutation table "
                    "is provided"
                )
            return cls(base_table, None, RowOrder())
        asked: list[Any] = list(split) if several else [0 if split is None else split]  # type: ignore[arg-type]
        splits = tuple(find_split(each, opened) for each in asked)
        if not splits:
            raise ValueError("at least one split must be given")
        if len(set(splits)) != len(splits):
            raise ValueError(f"a split is given twice: {split}")
        return cls(base_table, opened, RowOrder(splits, interleave))

    @property
    def split(self) -> int | tuple[int, ...]:
        """The number of the split, or of each that is read; 0 in storage order."""
        splits = self._order.splits
        return splits[0] if len(splits) == 1 else splits or 0

    @property
    def selection(self) -> dict[str, str]:
        """The columns: their names here to those of the base table, or to expressions."""
        return dict(self._selection.columns)

    @property
    def schema(self) -> pa.Schema:
        """The selected columns, under their names here."""
        return self._selection.schema

    @property
    def num_columns(self) -> int:
        """The number of selected columns."""
        return len(self._selection.columns)

    @property
    def num_rows(self) -> int:
        """The number of rows between skip and take."""
        begin, end = self._window()
        return end - begin

    @property
    def column_names(self) -> list[str]:
        """The names of the selected columns."""
        return list(self._selection.columns)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.num_rows, self.num_columns

    def __len__(self) -> int:
        return self.num_rows

    def select_columns(self, columns: Sequence[str] | Mapping[str, str]) -> Permutation:
        """Keep only these columns, in this order.

        Args:
            columns: of the selection so far; ``a.b`` is field ``b`` of the struct column ``a``.
                ``_rowid``, the row id, and its like may be added: ``_rowaddr``, ``_rowoffset``,
                ``_row_created_at_version``, ``_row_last_updated_at_version``. Or a dict of names to
                expressions of SQL (``docs/reference/sql.md``) over the columns of the base table,
                which are computed when rows are read, from the columns that they name alone.

        Raises:
            NameNotFoundError: for a name that is not selected, or a field that does not exist.
            ValueError: for no names at all; for an expression that cannot be understood.
            TypeError: for an expression whose types do not go together.
        """
        if isinstance(columns, Mapping):
            return self._with_selection(self._selection.compute(columns))
        return self._with_selection(self._selection.select(check_column_names(columns)))

    def remove_columns(self, columns: Sequence[str]) -> Permutation:
        """Keep all columns but these; names that are not there are ignored.

        Raises:
            ValueError: if no column is left.
        """
        return self._with_selection(self._selection.remove(check_column_names(columns)))

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
        return self._with_selection(self._selection.rename(column_map))

    def flatten(self) -> Permutation:
        """Make columns of the fields of structs, at every depth: ``a.b`` of field ``b`` of ``a``.

        Fields are null where a struct above them is. Nothing is read for the other fields.
        """
        return self._with_selection(self._selection.flatten())

    def unique(self, column: str) -> list[Any]:
        """Read the distinct values of a column, in the order of their first rows.

        Args:
            column: of the selection. All its rows are read; memory is that of the distinct values.

        Raises:
            NameNotFoundError: if it is not selected.
            TypeError: for a type whose values cannot be compared, such as lists.
        """
        one = self.select_columns([column]).with_format("arrow")
        field = one.schema.field(0)
        found = pa.chunked_array([], field.type)
        for batch in one.iter(_UNIQUE_BATCH_ROWS):
            try:
                found = pa.chunked_array([*found.chunks, batch.column(0)], field.type).unique()
            except pa.ArrowNotImplementedError as error:
                raise TypeError(f"column '{column}' of type {field.type}: {error}") from error
            found = pa.chunked_array([found], field.type)
        values: list[Any] = found.to_pylist()
        return values

    def shard(
        self,
        num_shards: int | None = None,
        index: int | None = None,
        *,
        remainder: str = "spread",
    ) -> Permutation:
        """Read one of several equal parts: rows index, index + num_shards, …, as for ranks.

        Without numbers, the part of this process: of torch.distributed, if it is initialized, else
        of the first pair of variables that is set: RANK and WORLD_SIZE (torchrun), SLURM_PROCID and
        SLURM_NTASKS, OMPI_COMM_WORLD_RANK and OMPI_COMM_WORLD_SIZE, PMI_RANK and PMI_SIZE; else
        everything. The logger ``croupier`` says which, at level INFO. It is decided by this call:
        what is pickled, or inherited by a worker, stays this part.

        Args:
            num_shards: how many parts there are.
            index: which one, in [0, num_shards).
            remainder: what becomes of rows that cannot be dealt evenly: with ``spread`` the first
                shards have one row more, ``drop`` leaves them out, ``repeat`` fills all shards up
                with the first rows. With the last two all ranks take the same number of steps.

        Raises:
            ValueError: for an index out of range; for one number without the other, or variables
                that contradict each other.
        """
        return self._with_step("shard", *find_shard(num_shards, index), remainder)

    def sort_by(self, column: str, *, descending: bool = False) -> Permutation:
        """Read the rows by the value of a column, in their order here where values are equal.

        The column is read at once; nulls come last.

        Args:
            column: of the base table; ``a.b`` for a field of a struct.
            descending: largest first.

        Raises:
            NameNotFoundError: if there is no such column.
            TypeError: for a type that has no order.
        """
        return self._with_step("sort_by", column, descending)

    def with_repeat(self, times: int) -> Permutation:
        """Read the rows several times over, in the same order each time.

        Raises:
            ValueError: if `times` is negative, or the rows would be too many.
        """
        return self._with_step("repeat", times)

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
        return self.with_transform(_formats.make_format(format, nulls, self._selection.columns))

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

    def __iter__(self) -> Batches:
        return self.iter(self.batch_size, skip_last_batch=True)

    def __aiter__(self) -> Batches:
        return self.iter(self.batch_size, skip_last_batch=True)

    def iter(self, batch_size: int, skip_last_batch: bool = False) -> Batches:
        """Read all rows in batches, ahead of the caller.

        For ``for``, and for ``async for``, which waits beside the event loop. Every batch has
        `batch_size` rows but the last. Leaving the loop early stops the reading.

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
        return Batches(loader, self.schema, self.transform_fn)

    def take_offsets(self, offsets: Sequence[int]) -> Any:
        """Read the rows at these positions, in this order, formatted as one batch.

        Args:
            offsets: each in [0, num_rows), counted from the end of the skipped rows, or negative,
                counted from the last row; repeats are allowed.

        Raises:
            IndexError: for a position out of range.
        """
        begin, end = self._window()
        batch = self._rows.take(offsets, self._selection.sources, begin, end, True)
        return self.transform_fn(rename_batch(batch, self.schema))

    async def take_offsets_async(self, offsets: Sequence[int]) -> Any:
        """Read rows as `take_offsets`, beside the event loop; their format is made on it."""
        from croupier._event_loop import await_call

        window = self._window()
        sources = self._selection.sources
        batch = await await_call(self._rows.start_take, offsets, sources, *window, True)
        return self.transform_fn(rename_batch(batch, self.schema))

    @overload
    def __getitem__(self, index: slice) -> Permutation: ...
    @overload
    def __getitem__(self, index: int | Sequence[int]) -> Any: ...
    def __getitem__(self, index: int | slice | Sequence[int]) -> Any:
        """Read one row, formatted as a batch of one; a slice gives a permutation of its rows.

        A list, array or tensor of positions gives a batch of them, for a DataLoader whose sampler
        makes batches.

        Raises:
            IndexError: for a position out of range.
        """
        if isinstance(index, slice):
            positions = range(*index.indices(self.num_rows))
            return self._with_step("slice", positions.start, positions.step, len(positions))
        return self.__getitems__([index] if is_one_row(index) else index)  # type: ignore[list-item,arg-type]

    def __getitems__(self, indices: Sequence[int]) -> Any:
        """Read rows, formatted as one batch: what a DataLoader asks for.

        If it asks for batch after batch in order, as without a sampler, then from the third on
        threads read ahead, as for `iter`, within `croupier.config.prefetch_bytes`; each of several
        workers within its part of that, and 8 MiB a thread.
        """
        batch = self._reads_in_order.take(self, indices)
        if batch is None:
            return worker_batch(self.take_offsets(indices))
        return worker_batch(self.transform_fn(rename_batch(batch, self.schema)))

    def __repr__(self) -> str:
        return describe(self)

    def _repr_html_(self) -> str:
        return describe_as_html(self)

    def __getstate__(self) -> dict[str, Any]:
        table = self.permutation_table
        state = {
            "base_table_name": self.base_table.name,
            "base_version": self.base_table.version,
            "base_branch": self.base_table.current_branch(),
            "permutation": None if table is None else table._core.to_bytes(self._order.splits),
            "order": self._order,
            "selection": self._selection.columns,
            "expressions": self._selection.expressions,
            "batch_size": self.batch_size,
            "transform_fn": self.transform_fn,
            "offset": self.offset,
            "limit": self.limit,
            "connection_factory": self.connection_factory,
        }
        if self.connection_factory is None:
            state["base_table"] = self.base_table
        return state

    def __copy__(self) -> Permutation:
        # A copy in this process shares the order.
        copied = object.__new__(type(self))
        vars(copied).update(vars(self), _reads_in_order=ReadsInOrder())
        return copied

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
            permutation_table = unpickle_permutation_table(base_table, state["permutation"])
        self.__init__(base_table, permutation_table, state["order"])  # type: ignore[misc]
        self._selection = Selection(base_table, state["selection"], state["expressions"])
        if self._selection.expressions:
            self._rows = self._rows.with_base(self._selection.source)
        for name in ("batch_size", "transform_fn", "offset", "limit"):
            setattr(self, name, state[name])
        self.connection_factory = connection_factory

    def _copy(self, **changes: Any) -> Permutation:
        changed = copy.copy(self)
        vars(changed).update(changes)
        return changed

    def _with_selection(self, selection: Selection) -> Permutation:
        rows = self._rows
        if selection.expressions != self._selection.expressions:
            rows = rows.with_base(selection.source)
        return self._copy(_selection=selection, _rows=rows)

    def _with_step(self, name: str, *arguments: Any) -> Permutation:
        """Change which rows are read, of those between skip and take."""
        order, rows = self._order, self._rows
        begin, end = self._window()
        if (begin, end) != (0, rows.num_rows):
            order, rows = order.then(rows, "slice", begin, 1, end - begin)
        order, rows = order.then(rows, name, *arguments)
        return self._copy(_order=order, _rows=rows, offset=None, limit=None)

    def _with_window(self, offset: int | None, limit: int | None) -> Permutation:
        check_window(offset, limit, self._rows.num_rows)
        return self._copy(offset=offset, limit=limit)

    def _window(self) -> tuple[int, int]:
        begin = self.offset or 0
        return begin, self._rows.num_rows if self.limit is None else begin + self.limit

    def _start_loader(
        self,
        batch_size: int,
        drop_last: bool,
        *,
        num_threads: int | None = None,
        prefetch_bytes: int | None = None,
        skip_rows: int = 0,
        batch_step: int = 1,
    ) -> _core.Loader:
        _check_batch_size(batch_size)
        begin, end = self._window()
        begin = min(begin + skip_rows, end)
        return start_loader(
            self._rows,
            columns=self._selection.sources,
            batch_rows=batch_size,
            begin=begin,
            end=end,
            drop_last=drop_last,
            batch_step=batch_step,
            num_threads=num_threads,
            prefetch_bytes=prefetch_bytes,
        )


def _check_batch_size(batch_size: int) -> None:
    if batch_size < 0:
        raise OverflowError(f"batch_size must not be negative: {batch_size}")
    if batch_size == 0:
        raise ValueError("batch_size must be positive: 0")
