"""Where the rows of an order lie in storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

if TYPE_CHECKING:
    import numpy as np

    from croupier.permutation import Permutation

    Array = np.ndarray[Any, Any]


@runtime_checkable
class RowPlaces(Protocol):
    """An order, as far as its quality is concerned."""

    @property
    def num_rows(self) -> int:
        """Positions that there are."""
        ...

    @property
    def num_base_rows(self) -> int:
        """Rows that lie in storage, whether the order has them or not."""
        ...

    def find(self, positions: Array) -> tuple[Array, Array]:
        """Find the address and the rank of the row at each position.

        Returns:
            Addresses, uint64: ``fragment << 32 | offset``, ascending in storage order; and ranks
            among the rows in storage, int64.
        """
        ...


class RanksAsPlaces:
    """An order that is given by the rank of the row at each position."""

    def __init__(self, ranks: Any):
        import numpy as np

        self._ranks = np.asarray(ranks)
        if self._ranks.ndim != 1 or self._ranks.dtype.kind not in "iu":
            raise TypeError("an order is a Permutation, or integers in one dimension: ranks")
        if len(self._ranks) and int(self._ranks.min()) < 0:
            raise ValueError(f"ranks must not be negative: {int(self._ranks.min())}")
        self.num_rows = len(self._ranks)
        self.num_base_rows = int(self._ranks.max()) + 1 if self.num_rows else 0

    def find(self, positions: Array) -> tuple[Array, Array]:
        """Give the ranks, and take them for addresses."""
        import numpy as np

        ranks = self._ranks[positions]
        return ranks.astype(np.uint64), ranks.astype(np.int64)


class PermutationPlaces:
    """A permutation of a table. Nothing is read from storage but what row ids need."""

    def __init__(self, permutation: Permutation):
        self._rows = permutation._rows
        self._begin, end = permutation._window()
        self.num_rows = end - self._begin
        self.num_base_rows = len(permutation.base_table)

    def find(self, positions: Array) -> tuple[Array, Array]:
        """Read the columns that every table has beside its own."""
        import numpy as np

        places = cast(Any, positions + self._begin)
        batch = self._rows.take(places, ["_rowaddr", "_rowoffset"])
        addresses, ranks = (column.to_numpy() for column in batch.columns)
        return addresses, ranks.astype(np.int64)
