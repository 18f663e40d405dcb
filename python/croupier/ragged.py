"""Lists of different lengths, as tensors."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import torch

__all__ = ["Ragged"]


class Ragged(NamedTuple):
    """The lists of a column, one for each row, as their items in a row and where each list begins.

    What the format ``torch_batch`` makes of columns of lists. It is a named tuple, which torch's
    DataLoader pins and sends between processes as it does tensors, and which what takes such pairs
    unpacks: ``torch.nested.nested_tensor_from_jagged(*ragged)``.

    Attributes:
        values: the items of all lists, in order: a tensor whose first dimension is the item, or
            what else the format makes of their type: another `Ragged` for lists of lists, a dict
            for structs, a list for strings.
        offsets: int64, one more than there are rows: list i is ``values[offsets[i]:offsets[i+1]]``.

    Example:
        >>> import torch
        >>> from croupier import Ragged
        >>> ragged = Ragged(torch.tensor([1, 2, 3]), torch.tensor([0, 2, 2, 3]))
        >>> ragged.lengths.tolist()
        [2, 0, 1]
        >>> ragged.to_padded(-1).tolist()
        [[1, 2], [-1, -1], [3, -1]]
    """

    values: Any
    offsets: torch.Tensor

    @property
    def lengths(self) -> torch.Tensor:
        """The number of items of each list."""
        return self.offsets.diff()

    def to_padded(self, fill: float = 0, length: int | None = None) -> torch.Tensor:
        """Make one dense tensor of rows × items (× what an item is), shorter lists filled up.

        Args:
            fill: the value after the end of a list.
            length: of every row; longer lists lose what is past it. The longest list sets it where
                none is given.

        Raises:
            TypeError: if the items are no tensor: lists of strings, of lists, of structs.
        """
        import torch

        values = self.values
        if not isinstance(values, torch.Tensor):
            raise TypeError(f"items that are a {type(values).__name__} make no dense tensor")
        lengths = self.lengths
        if length is None:
            length = int(lengths.max()) if len(lengths) else 0
        places = torch.arange(length, device=values.device)
        inside = places < lengths[:, None]
        padded = values.new_full((len(lengths), length, *values.shape[1:]), fill)
        padded[inside] = values[(self.offsets[:-1, None] + places)[inside]]
        return padded

    def unbind(self) -> list[Any]:
        """List the lists: views of the values, one for each row."""
        bounds = pairwise(self.offsets.tolist())
        return [_slice(self.values, begin, end) for begin, end in bounds]


def _slice(values: Any, begin: int, end: int) -> Any:
    if isinstance(values, Ragged):
        return Ragged(
            _slice(values.values, int(values.offsets[begin]), int(values.offsets[end])),
            values.offsets[begin : end + 1] - values.offsets[begin],
        )
    if isinstance(values, dict):
        return {name: _slice(member, begin, end) for name, member in values.items()}
    return values[begin:end]
