"""Splits of a permutation, by number or name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from croupier.errors import NameNotFoundError

if TYPE_CHECKING:
    from croupier._permutation_table import PermutationTable


def check_split_number(number: int, num_splits: int) -> int:
    """Give the number of a split in [0, num_splits); negative ones count from the last.

    Raises:
        IndexError: if there is no such split.
    """
    if not -num_splits <= number < num_splits:
        raise IndexError(f"split out of range: {number} of {num_splits}")
    return number + num_splits if number < 0 else number


def find_split(split: str | int, permutation_table: PermutationTable) -> int:
    """Give the number of the split that a permutation is to be made of.

    Raises:
        NameNotFoundError: if no split has that name.
        IndexError: if there is no split of that number.
    """
    if isinstance(split, int):
        return check_split_number(split, len(permutation_table.split_sizes))
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
    return names.index(split)
