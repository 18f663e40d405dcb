"""Building permutations: how rows are split and shuffled."""

from __future__ import annotations

import logging
import operator
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from croupier import _core
from croupier._permutation_table import PermutationTable
from croupier._ranks import find_shard
from croupier.table import Table, as_table

if TYPE_CHECKING:
    from croupier.async_database import AsyncConnection
    from croupier.async_table import AsyncTable
    from croupier.database import Connection

_logger = logging.getLogger("croupier")


class PermutationBuilder:
    """Describes a permutation of a table: which rows, how they are split, how they are shuffled.

    The methods return the builder itself, so that calls can be chained. Whatever the order of the
    calls, rows are filtered, then split, then shuffled within their splits, then sharded; of
    several split methods the last one counts. `execute` ends it. For one thread at a time.

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

    def __init__(self, table: Table | AsyncTable):
        table = as_table(table)
        if not isinstance(table, Table):
            raise TypeError(f"expected a croupier.Table, not {type(table).__name__}")
        self._table = table._pinned()
        self._core: _core.PermutationBuilder | None = _core.PermutationBuilder(self._table._source)

    def split_random(
        self,
        *,
        ratios: Sequence[float] | None = None,
        counts: Sequence[int] | None = None,
        fixed: int | None = None,
        remainder: str = "drop",
        seed: int | None = None,
        clump_size: int | None = None,
        split_names: Sequence[str] | None = None,
    ) -> PermutationBuilder:
        """Deal the rows to splits at random; within a split they are in random order too.

        Exactly one of `ratios`, `counts` and `fixed` says how large the splits are.

        Args:
            ratios: shares of all rows, each in [0, 1], at most 1 together, rounded to whole rows.
            counts: numbers of rows; what is over is left out.
            fixed: a number of splits of equal size.
            remainder: what becomes of rows that `fixed` does not divide: ``drop`` leaves them out,
                ``spread`` gives the first splits one row more.
            seed: of the random order; a new one for every build where none is given.
            clump_size: rows that stay together, in storage order, which makes reading cheaper.
            split_names: one for each split.

        Raises:
            ValueError: for sizes that are out of range.
            OverflowError: for a negative seed.
        """
        self._live().split_random(
            **_sizes(ratios, counts, fixed),
            remainder=remainder,
            seed=_check_seed(seed),
            clump_size=_clump(clump_size),
            split_names=_names(split_names),
        )
        return self

    def split_sequential(
        self,
        *,
        ratios: Sequence[float] | None = None,
        counts: Sequence[int] | None = None,
        fixed: int | None = None,
        remainder: str = "drop",
        split_names: Sequence[str] | None = None,
    ) -> PermutationBuilder:
        """Cut the rows into splits in storage order.

        Exactly one of `ratios`, `counts` and `fixed` says how large the splits are.

        Args:
            ratios: shares of all rows, each in [0, 1], at most 1 together, rounded to whole rows.
            counts: numbers of rows; what is over is left out.
            fixed: a number of splits of equal size.
            remainder: what becomes of rows that `fixed` does not divide: ``drop`` leaves them out,
                ``spread`` gives the first splits one row more.
            split_names: one for each split.

        Raises:
            ValueError: for sizes that are out of range.
        """
        self._live().split_sequential(
            **_sizes(ratios, counts, fixed), remainder=remainder, split_names=_names(split_names)
        )
        return self

    def split_kfold(
        self,
        k: int,
        *,
        shuffle: bool = True,
        seed: int | None = None,
        clump_size: int | None = None,
        split_names: Sequence[str] | None = None,
    ) -> PermutationBuilder:
        """Deal all rows to k folds, whose sizes differ by one row at most.

        ``Permutations.without(i)`` gives the rows of all folds but one.

        Args:
            k: the number of folds.
            shuffle: whether rows are dealt at random; else folds are cut in storage order.
            seed: of the random order; a new one for every build where none is given.
            clump_size: rows that stay together.
            split_names: one for each fold.

        Raises:
            ValueError: if k is not positive, or greater than the number of rows.
        """
        if shuffle:
            return self.split_random(
                fixed=k,
                remainder="spread",
                seed=seed,
                clump_size=clump_size,
                split_names=split_names,
            )
        return self.split_sequential(fixed=k, remainder="spread", split_names=split_names)

    def split_hash(
        self,
        columns: str | Sequence[str],
        split_weights: Sequence[int],
        *,
        discard_weight: int | None = None,
        split_names: Sequence[str] | None = None,
    ) -> PermutationBuilder:
        """Split by a hash of the values of columns, in proportion to weights.

        A row keeps its split whatever rows are added or removed, on every machine and in every
        release. Rows of equal values share a split, rows of nulls too. LanceDB's hash is another
        one, which is not promised to stay. Rows of a split are in storage order.

        Args:
            columns: names of columns of numbers, texts, bytes, dates or times.
            split_weights: of each split, positive.
            discard_weight: of rows that are left out; none are where it is not given.
            split_names: one for each split.

        Raises:
            NameNotFoundError: for an unknown column.
            TypeError: for a column of another type.
            ValueError: for no columns or weights, or weights that are not positive.
        """
        self._live().split_hash(
            _columns(columns),
            [_check_int64(weight) for weight in split_weights],
            0 if discard_weight is None else _check_int64(discard_weight),
            _names(split_names),
        )
        return self

    def split_calculated(
        self, calculation: str, split_names: Sequence[str] | None = None
    ) -> PermutationBuilder:
        """Split by an expression that gives the number of the split of each row.

        Rows of a split are in storage order. Only the columns that it names are read.

        Args:
            calculation: an expression of SQL (``docs/reference/sql.md``) with an integer or boolean
                value: ``id % 3``, ``label = 'cat'``, ``case when … end``. Rows for which it is null
                are left out.
            split_names: one for each split.

        Raises:
            ValueError: if the expression cannot be understood, with a caret under the place; by
                `execute`, for a negative number.
            NameNotFoundError: if it names an unknown column.
            TypeError: if its value is no integer.
        """
        self._live().split_calculated(calculation, _names(split_names))
        return self

    def split_stratified(
        self,
        columns: str | Sequence[str],
        *,
        ratios: Sequence[float] | None = None,
        fixed: int | None = None,
        seed: int | None = None,
        split_names: Sequence[str] | None = None,
    ) -> PermutationBuilder:
        """Deal the rows at random, so that every split has the same mixture of values.

        Among the rows of each value the ratios hold to one row. Rows of a split are in storage
        order: call `shuffle` too for a random one. The table is read twice.

        Args:
            columns: whose values are kept in proportion, as a label.
            ratios: shares of the rows, each in [0, 1], at most 1 together. Or:
            fixed: a number of splits of equal shares.
            seed: of the choice; a new one for every build where none is given.
            split_names: one for each split.

        Raises:
            NameNotFoundError: for an unknown column.
            TypeError: for a column whose values cannot be hashed.
            ValueError: for shares out of range.
        """
        return self._split_by_value(False, columns, ratios, fixed, seed, split_names)

    def split_grouped(
        self,
        columns: str | Sequence[str],
        *,
        ratios: Sequence[float] | None = None,
        fixed: int | None = None,
        seed: int | None = None,
        split_names: Sequence[str] | None = None,
    ) -> PermutationBuilder:
        """Deal groups of rows with equal values at random, so that no group is in two splits.

        A group keeps its split whatever rows are added or removed. The ratios are those of groups,
        in expectation: with few or unequal groups the sizes of splits differ from them. Rows of a
        split are in storage order: call `shuffle` too for a random one.

        Args:
            columns: whose values make a group, as the id of a patient.
            ratios: shares of the groups, each in [0, 1], at most 1 together. Or:
            fixed: a number of splits of equal shares.
            seed: of the choice; a new one for every build where none is given.
            split_names: one for each split.

        Raises:
            NameNotFoundError: for an unknown column.
            TypeError: for a column whose values cannot be hashed.
            ValueError: for shares out of range.
        """
        return self._split_by_value(True, columns, ratios, fixed, seed, split_names)

    def _split_by_value(
        self,
        grouped: bool,
        columns: str | Sequence[str],
        ratios: Sequence[float] | None,
        fixed: int | None,
        seed: int | None,
        split_names: Sequence[str] | None,
    ) -> PermutationBuilder:
        if (ratios is None) == (fixed is None):
            raise ValueError("Exactly one of 'ratios' or 'fixed' must be provided")
        if fixed is not None and _check_int64(fixed) <= 0:
            raise ValueError(f"Split fixed config must be greater than 0: {fixed}")
        shares = (
            [1 / fixed] * fixed if fixed is not None else [float(each) for each in ratios or ()]
        )
        checked_seed = _check_seed(seed)
        self._live().split_by_value(
            grouped=grouped,
            columns=_columns(columns),
            ratios=shares,
            seed=int.from_bytes(os.urandom(8), "little") if checked_seed is None else checked_seed,
            split_names=_names(split_names),
        )
        return self

    def filter(self, filter: str) -> PermutationBuilder:
        """Keep only the rows for which a condition is true, not null.

        Args:
            filter: an expression of SQL (``docs/reference/sql.md``). A second one takes the place
                of the first. Only the columns that it names are read.

        Raises:
            ValueError: if the expression cannot be understood, with a caret under the place.
            NameNotFoundError: if it names an unknown column.
            TypeError: if its value is no boolean.
        """
        self._live().filter(filter)
        return self

    def shuffle(
        self,
        *,
        seed: int | None = None,
        clump_size: int | None = None,
        window_clumps: int | None = None,
    ) -> PermutationBuilder:
        """Read the rows of every split in random order.

        Rows that are read together cost less if they lie together. Clumps of consecutive rows keep
        them together and leave less randomness; windows give nearly all of it back: the rows of
        every `window_clumps` clumps that follow each other in the new order are shuffled among
        themselves. `croupier.shuffle_quality` tells what an order is worth and what it costs.

        Args:
            seed: of the order; a new one for every build where none is given.
            clump_size: consecutive rows that move together.
            window_clumps: clumps whose rows are shuffled together.

        Raises:
            OverflowError: for a negative seed.
            ValueError: for sizes that are not positive.
        """
        self._live().shuffle(
            seed=_check_seed(seed),
            clump_size=_clump(clump_size),
            window_clumps=1 if window_clumps is None else _check_int64(window_clumps),
        )
        return self

    def shard(
        self,
        num_shards: int | None = None,
        index: int | None = None,
        *,
        remainder: str = "spread",
    ) -> PermutationBuilder:
        """Keep one of several equal parts of each split: positions index, index + num_shards, ….

        Without numbers, the part of this process's rank, found as by `Permutation.shard`.

        Args:
            num_shards: how many parts there are.
            index: which one, in [0, num_shards).
            remainder: what becomes of rows that cannot be dealt evenly: with ``spread`` the first
                shards have one row more, ``drop`` leaves them out, ``repeat`` fills all shards up
                with the first rows.

        Raises:
            ValueError: for an index out of range; for one number without the other, or variables
                that contradict each other.
        """
        core = self._live()
        shards, number = find_shard(num_shards, index)
        core.shard(_check_int64(shards), _check_int64(number), remainder)
        return self

    def execute(
        self, *, memory_limit: int | None = None, temp_dir: str | None = None
    ) -> PermutationTable:
        """Build the permutation; the builder cannot be used again.

        Without a filter, and with sequential or random splits, nothing is read. Else the columns
        that are named are scanned, and the rows of each split listed.

        Args:
            memory_limit: bytes of lists that stay in memory; what is over goes to a temporary file
                without a name. `croupier.config.order_bytes` where none is given.
            temp_dir: where that file is; ``TMPDIR``, else ``/tmp``, where none is given.

        Raises:
            ValueError: if the table has too few rows for the splits; if an expression cannot be
                computed for a row.
            OSError: if the temporary file cannot be written.
        """
        core = self._live()
        self._core = None
        limit = 0 if memory_limit is None else _check_int64(memory_limit)
        if memory_limit is not None and limit <= 0:
            raise ValueError(f"memory_limit must be positive: {memory_limit}")
        permutation_table = PermutationTable(
            core.execute(list_bytes=limit, spill_directory=temp_dir or ""), self._table
        )
        if permutation_table.num_rows_left_out:
            _logger.info("%r", permutation_table)
        return permutation_table

    async def execute_async(
        self, *, memory_limit: int | None = None, temp_dir: str | None = None
    ) -> PermutationTable:
        """Build the permutation beside the event loop, as `execute`."""
        from croupier._event_loop import run_async

        return await run_async(self.execute, memory_limit=memory_limit, temp_dir=temp_dir)

    def persist(
        self, database: Connection | AsyncConnection, name: str, *, materialize: bool = False
    ) -> PermutationTable:
        """Build the permutation and keep it as a table: see `PermutationTable.persist`."""
        permutation_table = self.execute()
        permutation_table.persist(database, name, materialize=materialize)
        return permutation_table

    def _live(self) -> _core.PermutationBuilder:
        if self._core is None:
            raise RuntimeError("Builder already consumed")
        return self._core


def permutation_builder(table: Table | AsyncTable) -> PermutationBuilder:
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


def _columns(columns: str | Sequence[str]) -> list[str]:
    return [columns] if isinstance(columns, str) else list(columns)


def _clump(clump_size: int | None) -> int:
    return 1 if clump_size is None else _check_int64(clump_size)
