"""Building permutations: how rows are split and shuffled."""

from __future__ import annotations

import logging
import operator
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from croupier import _core
from croupier.table import Table

_logger = logging.getLogger("croupier")


class PermutationTable:
    """An order of the rows of a base table, divided into splits. Holds no data of the table.

    Read as a table it has the columns ``row_id`` and ``split_id``, sorted by split and in reading
    order within one; they are computed when read. Immutable; pickles in a few hundred bytes.

    Made by `PermutationBuilder.execute`.
    """

    def __init__(self, core: _core.PermutationTable, base_table: Table):
        self._core = core
        self._base_table = base_table

    @property
    def schema(self) -> pa.Schema:
        """``row_id`` and ``split_id``, with the metadata of the permutation."""
        return pa.schema(self._core.schema())

    @property
    def metadata(self) -> dict[str, str]:
        """The schema's metadata: ``base_version``, ``split_names``, the order's specification."""
        return {key.decode(): value.decode() for key, value in (self.schema.metadata or {}).items()}

    @property
    def order_id(self) -> str:
        """Names the order: equal ids on equal tables mean the same rows in the same order."""
        return self._core.order_id

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
        """Rows of the base table that are in no split: ``split_random(fixed=3)`` rounds down."""
        return self._core.num_base_rows - self._core.num_rows

    def count_rows(self) -> int:
        """Count the rows of all splits."""
        return self._core.num_rows

    def __len__(self) -> int:
        return self.count_rows()

    def to_arrow(self) -> pa.Table:
        """Compute all rows: 16 bytes each."""
        batches = map(pa.record_batch, self._core.rows(self._base_table._source))
        return pa.Table.from_batches(batches, self.schema)

    def __repr__(self) -> str:
        names = self._core.split_names
        splits = ", ".join(
            f"{names[i]!r}: {size:,}" if names else f"{i}: {size:,}"
            for i, size in enumerate(self._core.split_sizes)
        )
        left_out = f", {self.num_rows_left_out:,} left out" if self.num_rows_left_out else ""
        return (
            f"<croupier.PermutationTable of '{self._base_table.name}' version {self.base_version}: "
            f"{self.count_rows():,} rows in {len(self._core.split_sizes)} splits ({splits})"
            f"{left_out}, order {self.order_id}>"
        )

    def __reduce__(self) -> tuple[Callable[..., PermutationTable], tuple[Any, ...]]:
        return unpickle_permutation_table, (self._base_table, *self._recipe())

    def _recipe(self) -> tuple[str, list[str]]:
        """The numbers and names that determine the permutation of a table."""
        return self._core.order, self._core.split_names


def unpickle_permutation_table(
    base_table: Table, order: str, split_names: list[str]
) -> PermutationTable:
    """Make what `PermutationTable.__reduce__` took apart."""
    core = _core.PermutationTable.parse(order, split_names, base_table.current_branch() or "")
    return PermutationTable(core, base_table)


class PermutationBuilder:
    """Describes a permutation of a table: how it is split, and how it is shuffled.

    The methods return the builder itself, so that calls can be chained; of several split methods
    the last one counts. `execute` ends it.

    Args:
        table: the base table, at its version.

    Example:
        >>> import croupier
        >>> table = croupier.connect("memory://").create_table("t", [{"x": i} for i in range(10)])
        >>> builder = croupier.PermutationBuilder(table)
        >>> builder.split_sequential(counts=[6, 2], split_names=["train", "test"]).execute()
        <croupier.PermutationTable of 't' version 1: 8 rows in 2 splits ('train': 6, 'test': 2),
        2 left out, order ...>
    """

    def __init__(self, table: Table):
        if not isinstance(table, Table):
            raise TypeError(f"expected a croupier.Table, not {type(table).__name__}")
        self._table = table._pinned()
        self._core: _core.PermutationBuilder | None = _core.PermutationBuilder(table._source)

    def split_random(
        self,
        *,
        ratios: Sequence[float] | None = None,
        counts: Sequence[int] | None = None,
        fixed: int | None = None,
        seed: int | None = None,
        clump_size: int | None = None,
        split_names: Sequence[str] | None = None,
    ) -> PermutationBuilder:
        """Deal the rows to splits at random; within a split they are in random order too.

        Exactly one of `ratios`, `counts` and `fixed` says how large the splits are.

        Args:
            ratios: shares of all rows, each in [0, 1], at most 1 together, rounded to whole rows.
            counts: numbers of rows; what is over is left out.
            fixed: a number of splits of equal size, rounded down; the remainder is left out.
            seed: of the random order; a new one for every build where none is given.
            clump_size: not there yet.
            split_names: one for each split.

        Raises:
            ValueError: for sizes that are out of range.
            OverflowError: for a negative seed.
        """
        _refuse_clumps(clump_size)
        self._live().split_random(
            **_sizes(ratios, counts, fixed),
            seed=_check_seed(seed),
            split_names=_names(split_names),
        )
        return self

    def split_sequential(
        self,
        *,
        ratios: Sequence[float] | None = None,
        counts: Sequence[int] | None = None,
        fixed: int | None = None,
        split_names: Sequence[str] | None = None,
    ) -> PermutationBuilder:
        """Cut the rows into splits in storage order.

        Exactly one of `ratios`, `counts` and `fixed` says how large the splits are.

        Args:
            ratios: shares of all rows, each in [0, 1], at most 1 together, rounded to whole rows.
            counts: numbers of rows; what is over is left out.
            fixed: a number of splits of equal size, rounded down; the remainder is left out.
            split_names: one for each split.

        Raises:
            ValueError: for sizes that are out of range.
        """
        self._live().split_sequential(
            **_sizes(ratios, counts, fixed), split_names=_names(split_names)
        )
        return self

    def split_hash(
        self,
        columns: Sequence[str],
        split_weights: Sequence[int],
        *,
        discard_weight: int | None = None,
        split_names: Sequence[str] | None = None,
    ) -> PermutationBuilder:
        """Split by a hash of columns: not there yet.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("split_hash is not implemented yet; use split_random with a seed")

    def split_calculated(
        self, calculation: str, split_names: Sequence[str] | None = None
    ) -> PermutationBuilder:
        """Split by an expression: not there yet.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("split_calculated is not implemented yet: SQL comes later")

    def filter(self, filter: str) -> PermutationBuilder:
        """Keep the rows for which an expression holds: not there yet.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("filter is not implemented yet: SQL comes later")

    def shuffle(
        self, *, seed: int | None = None, clump_size: int | None = None
    ) -> PermutationBuilder:
        """Read the rows of every split in random order.

        Args:
            seed: of the order; a new one for every build where none is given.
            clump_size: not there yet.

        Raises:
            OverflowError: for a negative seed.
        """
        _refuse_clumps(clump_size)
        self._live().shuffle(seed=_check_seed(seed))
        return self

    def execute(self) -> PermutationTable:
        """Build the permutation; the builder cannot be used again.

        Raises:
            ValueError: if the table has too few rows for the splits.
        """
        core = self._live()
        self._core = None
        permutation_table = PermutationTable(core.execute(), self._table)
        if permutation_table.num_rows_left_out:
            _logger.info("%r", permutation_table)
        return permutation_table

    def _live(self) -> _core.PermutationBuilder:
        if self._core is None:
            raise RuntimeError("Builder already consumed")
        return self._core


def permutation_builder(table: Table) -> PermutationBuilder:
    """Begin to describe a permutation of a table."""
    return PermutationBuilder(table)


def _sizes(
    ratios: Sequence[float] | None, counts: Sequence[int] | None, fixed: int | None
) -> dict[str, Any]:
    if sum(sizes is not None for sizes in (ratios, counts, fixed)) != 1:
        raise ValueError("Exactly one of 'ratios', 'counts', or 'fixed' must be provided")
    return {
        "ratios": None if ratios is None else [float(ratio) for ratio in ratios],
        "counts": None if counts is None else [_check_int64(count) for count in counts],
        "fixed": None if fixed is None else _check_int64(fixed),
    }


def _check_int64(number: int) -> int:
    if not -(2**63) <= operator.index(number) < 2**63:
        raise OverflowError(f"too large: {number}")
    return number


def _check_seed(seed: int | None) -> int | None:
    if seed is not None and not 0 <= operator.index(seed) < 2**64:
        raise OverflowError(f"a seed is in [0, 2**64): {seed}")
    return seed


def _names(split_names: Sequence[str] | None) -> list[str]:
    if isinstance(split_names, str):
        raise TypeError(f"expected a list of split names, not the string {split_names!r}")
    return list(split_names or ())


def _refuse_clumps(clump_size: int | None) -> None:
    if clump_size is not None:
        raise NotImplementedError("clump_size is not implemented yet")
