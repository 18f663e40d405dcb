"""Which rows a permutation reads, as what can be pickled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from croupier import _core
from croupier._permutation_table import PermutationTable
from croupier.table import Table


@dataclass(frozen=True)
class RowOrder:
    """Splits of a permutation table, or all rows in storage order, and what was made of them.

    Args:
        splits: numbers of the splits that are read as one; none in storage order.
        interleave: whether several splits are shuffled together.
        steps: methods of the compiled permutation, each with its arguments.
    """

    splits: tuple[int, ...] = ()
    interleave: bool = True
    steps: tuple[tuple[str, tuple[Any, ...]], ...] = ()

    def then(
        self, rows: _core.Permutation, name: str, *arguments: Any
    ) -> tuple[RowOrder, _core.Permutation]:
        """Take a step from the rows of this order; gives the order and the rows behind it."""
        order = replace(self, steps=(*self.steps, (name, arguments)))
        return order, getattr(rows, name)(*arguments)

    def open(
        self, base_table: Table, permutation_table: PermutationTable | None
    ) -> _core.Permutation:
        """Make what reads the rows.

        Args:
            base_table: whose rows are read.
            permutation_table: None in storage order.
        """
        if permutation_table is None:
            rows = base_table._rows_in_order()
        else:
            core = permutation_table._core
            source = base_table._source
            parts = [_core.Permutation.make(source, core, split) for split in self.splits]
            seed = core.shuffle_seed if self.interleave else None
            rows = parts[0] if len(parts) == 1 else _core.Permutation.join(parts, seed)
        for name, arguments in self.steps:
            rows = getattr(rows, name)(*arguments)
        return rows

    def describe_steps(self) -> list[str]:
        """Describe the steps for people."""
        return [f"{name}({', '.join(map(repr, arguments))})" for name, arguments in self.steps]


def check_window(offset: int | None, limit: int | None, num_rows: int) -> None:
    """Check that the rows of an order have those between skip and take.

    Args:
        offset: how many are skipped.
        limit: how many are taken; None for all others.
        num_rows: how many there are.
    """
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
