"""Permutations: which rows of a table are read, in which order, divided into splits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from croupier._permutation import DEFAULT_BATCH_SIZE, Permutation
from croupier._permutation_builder import PermutationBuilder, permutation_builder
from croupier._permutation_table import PermutationTable, pin_base_table
from croupier._splits import check_split_number
from croupier.errors import NameNotFoundError
from croupier.table import Table

if TYPE_CHECKING:
    from croupier.async_table import AsyncTable

__all__ = [
    "DEFAULT_BATCH_SIZE",
    "Permutation",
    "PermutationBuilder",
    "PermutationTable",
    "Permutations",
    "permutation_builder",
]


class Permutations:
    """The splits of a permutation, by number or name.

    Args:
        base_table: whose rows are read.
        permutation_table: the order and the splits, or the table that it was kept as.

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

    def __init__(self, base_table: Table | AsyncTable, permutation_table: Table | AsyncTable):
        if permutation_table is None:
            raise TypeError("permutation_table must be a permutation, not None")
        self.base_table, opened = pin_base_table(base_table, permutation_table)
        assert opened is not None
        self.permutation_table: PermutationTable = opened
        self.split_names: list[str] = opened.split_names
        self.split_dict: dict[str, int] = {name: i for i, name in enumerate(self.split_names)}

    def get_by_name(self, name: str) -> Permutation:
        """Get the split of that name.

        Raises:
            NameNotFoundError: if there is none.
        """
        return self.get_by_index(self._number_of(name))

    def get_by_index(self, index: int) -> Permutation:
        """Get a split by its number; negative numbers count from the last.

        Raises:
            IndexError: if there is no such split.
        """
        return Permutation.from_tables(
            self.base_table, self.permutation_table, check_split_number(index, len(self))
        )

    def join(self, splits: Sequence[str | int], *, interleave: bool = True) -> Permutation:
        """Read several splits as one.

        Args:
            splits: names or numbers, in the order in which they are read; each once.
            interleave: whether the rows of all of them are shuffled together, by the seed of the
                permutation. Those of a permutation that is not shuffled, and of every one without
                this, come one split after the other.

        Raises:
            NameNotFoundError: if a split does not exist.
            IndexError: if there is no split of that number.
            ValueError: for no splits, or one that is named twice.
        """
        return Permutation.from_tables(
            self.base_table, self.permutation_table, list(splits), interleave=interleave
        )

    def without(self, split: str | int, *, interleave: bool = True) -> Permutation:
        """Read all splits but one as one: what a fold is trained on.

        Args:
            split: a name or a number.
            interleave: as for `join`.

        Raises:
            NameNotFoundError: if there is no such split.
            IndexError: if there is no split of that number.
            ValueError: if there are no others.
        """
        left_out = self._number_of(split)
        others = [number for number in range(len(self)) if number != left_out]
        return self.join(others, interleave=interleave)

    def _number_of(self, split: str | int) -> int:
        if isinstance(split, int):
            return check_split_number(split, len(self))
        if split not in self.split_dict:
            known = ", ".join(self.split_names) or "(none)"
            raise NameNotFoundError(f"No split named `{split}` found; the splits are: {known}")
        return self.split_dict[split]

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

    def _repr_html_(self) -> str:
        return self.permutation_table._repr_html_()

    def __reduce__(self) -> tuple[type[Permutations], tuple[Table, PermutationTable]]:
        return Permutations, (self.base_table, self.permutation_table)
