"""Which rows a permutation reads, as what can be pickled."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from croupier import _core
from croupier._permutation_table import PermutationTable


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

    def then(self, name: str, *arguments: Any) -> RowOrder:
        """Add a step."""
        return replace(self, steps=(*self.steps, (name, arguments)))

    def open(
        self, source: _core.TableSource, permutation_table: PermutationTable | None
    ) -> _core.Permutation:
        """Make what reads the rows.

        Args:
            source: the base table.
            permutation_table: None in storage order.
        """
        core = None if permutation_table is None else permutation_table._core
        parts = [_core.Permutation.make(source, core, split) for split in self.splits or (0,)]
        rows = parts[0]
        if len(parts) > 1:
            assert core is not None
            rows = _core.Permutation.join(parts, core.shuffle_seed if self.interleave else None)
        for name, arguments in self.steps:
            rows = getattr(rows, name)(*arguments)
        return rows

    def describe_steps(self) -> list[str]:
        """Describe the steps for people."""
        return [f"{name}({', '.join(map(repr, arguments))})" for name, arguments in self.steps]
