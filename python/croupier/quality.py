"""How well an order is shuffled, and what it costs to read: numbers to choose a clump size by."""

from __future__ import annotations

import html
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from croupier import _shuffle_statistics as statistics
from croupier._read_cost import bytes_per_row, estimate_reads
from croupier._row_places import PermutationPlaces, RanksAsPlaces, RowPlaces
from croupier._shuffle_statistics import Measure
from croupier.permutation import Permutation

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

__all__ = ["Measure", "ShuffleQuality", "shuffle_quality"]

DEFAULT_CLUMP_SIZE = 64
DEFAULT_MAX_ROWS = 1 << 18
_MAX_PLOTTED = 4096


@dataclass(frozen=True)
class ShuffleQuality:
    """What `shuffle_quality` found.

    Attributes:
        name: of the order.
        num_rows: of the whole order.
        batch_size: rows of a batch.
        num_batches: that were measured.
        is_sample: whether there are more.
        clump_size: rows that lie together in storage and count as one clump.
        clump_pairs: pairs of rows of one clump in a batch, on average.
        displacement: mean distance of position and rank, as a part of `num_rows`: 0 in storage
            order, 1/3 when shuffled.
        rank_correlation: of position and rank: 1 in storage order, -1 in its reverse.
        neighbours: chi-square of where the rows at neighbouring positions are from; None for few
            rows.
        label: the column of labels, if one was given.
        label_runs: runs of equal labels in the batches, one after the other; None without labels.
        label_batches: chi-square of the labels of each batch; None without labels.
        reads_per_1000_rows: estimated reads of storage; None where sizes are not known.
        bytes_per_1000_rows: estimated bytes of these; None where sizes are not known.
    """

    name: str
    num_rows: int
    batch_size: int
    num_batches: int
    is_sample: bool
    clump_size: int
    clump_pairs: Measure
    displacement: Measure
    rank_correlation: Measure
    neighbours: Measure | None = None
    label: str | None = None
    label_runs: Measure | None = None
    label_batches: Measure | None = None
    reads_per_1000_rows: float | None = None
    bytes_per_1000_rows: float | None = None
    _drawn: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def measures(self) -> dict[str, Measure]:
        """The measures that there are, by name."""
        names = (
            "clump_pairs",
            "displacement",
            "rank_correlation",
            "neighbours",
            "label_runs",
            "label_batches",
        )
        values = {name: getattr(self, name) for name in names}
        return {name: measure for name, measure in values.items() if measure is not None}

    @property
    def is_uniform(self) -> bool:
        """Whether no measure tells the order from a uniform shuffle: all within six deviations."""
        return all(abs(measure.z or 0) <= statistics.MAX_Z for measure in self.measures.values())

    def to_dict(self) -> dict[str, Any]:
        """Give all numbers, for JSON."""
        facts: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("name", "num_rows", "batch_size", "num_batches", "is_sample", "clump_size")
        }
        facts["label"] = self.label
        for name, measure in self.measures.items():
            facts[name] = {
                "observed": measure.observed,
                "expected": measure.expected,
                "deviation": measure.deviation,
                "z": measure.z,
            }
        facts["reads_per_1000_rows"] = self.reads_per_1000_rows
        facts["bytes_per_1000_rows"] = self.bytes_per_1000_rows
        facts["is_uniform"] = self.is_uniform
        return facts

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draw it to a file.

        Args:
            path: whose ending, ``.png`` or ``.svg`` for example, says what it will be.

        Raises:
            ImportError: without matplotlib: ``pip install 'croupier[plot]'``.
        """
        from croupier._quality_plot import plot_quality

        plot_quality(self, self._drawn, path)

    def __repr__(self) -> str:
        heads, rows = ("", "observed", "expected", "z"), self._rows()
        widths = [max(len(row[i]) for row in (heads, *rows)) for i in range(4)]
        lines = [
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in (heads, *rows)
        ]
        return (
            "\n".join([f"<croupier.ShuffleQuality of {self._title()}", *lines, *self._cost()]) + ">"
        )

    def _repr_html_(self) -> str:
        def table_row(cells: tuple[str, ...], tag: str) -> str:
            return (
                "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"
            )

        body = "".join(table_row(row, "td") for row in self._rows())
        cost = "".join(f"<p>{html.escape(line)}</p>" for line in self._cost())
        return (
            f"<p><b>{html.escape(self._title())}</b></p><table><thead>"
            f"{table_row(('', 'observed', 'expected', 'z'), 'th')}</thead>"
            f"<tbody>{body}</tbody></table>{cost}"
        )

    def _title(self) -> str:
        sample = f", {self.num_batches:,} of them sampled" if self.is_sample else ""
        verdict = "like" if self.is_uniform else "not like"
        return (
            f"{self.name}: {self.num_rows:,} rows in batches of {self.batch_size:,}{sample}; "
            f"{verdict} a uniform shuffle"
        )

    def _rows(self) -> list[tuple[str, str, str, str]]:
        names = {
            "clump_pairs": f"pairs of a clump of {self.clump_size:,} in a batch",
            "displacement": "displacement",
            "rank_correlation": "rank correlation",
            "neighbours": "neighbours, chi-square",
            "label_runs": f"runs of '{self.label}'",
            "label_batches": f"'{self.label}' by batch, chi-square",
        }
        return [
            (
                names[name],
                _short(measure.observed),
                _short(measure.expected),
                "" if measure.z is None else f"{measure.z:+.1f}",
            )
            for name, measure in self.measures.items()
        ]

    def _cost(self) -> list[str]:
        if self.reads_per_1000_rows is None or self.bytes_per_1000_rows is None:
            return []
        return [
            f"about {_short(self.reads_per_1000_rows)} reads and "
            f"{_short(self.bytes_per_1000_rows / 1024)} KiB for 1,000 rows"
        ]


def shuffle_quality(
    permutation: Permutation | Any,
    batch_size: int | None = None,
    label: str | Any | None = None,
    clump_size: int = DEFAULT_CLUMP_SIZE,
    *,
    columns: Sequence[str] | None = None,
    max_rows: int = DEFAULT_MAX_ROWS,
    seed: int = 0,
) -> ShuffleQuality:
    """Measure how well an order is shuffled, and what it costs to read.

    Each statistic stands beside its mean and deviation over all orders, each equally likely. What
    is measured, and how it helps to choose a clump size, is on the page "Shuffle quality" of the
    documentation. Nothing of the rows is read but their labels, if a column is named. Time and
    memory depend on `max_rows`, not on the number of rows.

    Args:
        permutation: in its window; or, without a table, the rank of the row at each position:
            integers in one dimension.
        batch_size: rows of a batch; the permutation's own where none is given. Batches are the full
            ones.
        label: a column of the permutation with few values: text, integers, booleans; or, without a
            table, the label of the row of each rank.
        clump_size: rows that lie together in storage and count as one clump. It need not be what
            the order was shuffled with.
        columns: of the permutation that are read, for the cost; all where none are given.
        max_rows: positions to look at. Where there are more, batches are drawn from all of them.
        seed: of the draw.

    Raises:
        ValueError: for an argument out of range, or fewer than two rows.
        NameNotFoundError: for a column that is not in the selection.
        TypeError: for a column of labels that cannot be compared.

    Example:
        >>> import croupier
        >>> table = croupier.connect("memory://").create_table(
        ...     "t", [{"digit": i // 100} for i in range(1000)])
        >>> order = croupier.permutation_builder(table).shuffle(seed=7).execute()
        >>> shuffled = croupier.Permutations(table, order)[0]
        >>> croupier.shuffle_quality(shuffled, 50, label="digit").is_uniform
        True
        >>> in_storage_order = croupier.Permutation.identity(table)
        >>> quality = croupier.shuffle_quality(in_storage_order, 50, label="digit")
        >>> quality.is_uniform, quality.label_runs.observed, quality.label_runs.expected
        (False, 10, 901.0)
    """
    places: RowPlaces
    if isinstance(permutation, Permutation):
        batch_size = permutation.batch_size if batch_size is None else batch_size
        places = PermutationPlaces(permutation)
    elif isinstance(permutation, RowPlaces):
        places = permutation
    else:
        places = RanksAsPlaces(permutation)
    if batch_size is None:
        raise ValueError("batch_size is needed where the order has none of its own")
    _check_arguments(places.num_rows, batch_size, clump_size, max_rows)
    sample = _Sample(places, batch_size, max_rows, seed)
    label_runs = label_batches = None
    if label is not None:
        codes = _label_codes(permutation, label, sample)
        label_runs = statistics.label_runs(codes)
        label_batches = _label_batches(codes, sample.num_batches)
    reads = num_bytes = None
    if isinstance(permutation, Permutation):
        read = permutation if columns is None else permutation.select_columns(list(columns))
        widths = bytes_per_row(read.base_table, read.selection.values())
        if widths:
            reads, num_bytes = (
                cost * 1000 / sample.batch_size
                for cost in estimate_reads(sample.sorted_addresses, widths)
            )
    pairs = sample.count_clump_pairs(clump_size)
    positions, ranks = sample.positions, sample.ranks
    even = sample.batch_size // 2 * 2
    return ShuffleQuality(
        name=_name(permutation),
        num_rows=places.num_rows,
        batch_size=sample.batch_size,
        num_batches=sample.num_batches,
        is_sample=sample.is_sample,
        clump_size=clump_size,
        clump_pairs=sample.compare_clump_pairs(pairs, clump_size),
        displacement=statistics.displacement(
            positions, ranks, places.num_rows, is_whole=not sample.is_sample
        ),
        rank_correlation=statistics.rank_correlation(positions, ranks),
        neighbours=statistics.neighbours(
            sample.batch_ranks[:, 0:even:2].ravel(),
            sample.batch_ranks[:, 1:even:2].ravel(),
            places.num_rows,
        ),
        label=None if label is None else label if isinstance(label, str) else "label",
        label_runs=label_runs,
        label_batches=label_batches,
        reads_per_1000_rows=reads,
        bytes_per_1000_rows=num_bytes,
        _drawn={
            "positions": positions[:: math.ceil(len(positions) / _MAX_PLOTTED)],
            "ranks": ranks[:: math.ceil(len(ranks) / _MAX_PLOTTED)],
            "pairs": pairs,
        },
    )


def _check_arguments(num_rows: int, batch_size: int, clump_size: int, max_rows: int) -> None:
    if batch_size < 2:
        raise ValueError(f"batch_size must be at least 2, since pairs are counted: {batch_size}")
    if clump_size < 2:
        raise ValueError(f"clump_size must be at least 2, since pairs are counted: {clump_size}")
    if max_rows < min(batch_size, num_rows):
        raise ValueError(f"max_rows must be a batch at least: {max_rows} of {batch_size}")
    if num_rows < 2:
        raise ValueError(f"{num_rows} rows have no order to measure")


class _Sample:
    """Batches of an order, and independent positions; all of them, where they are few.

    Attributes:
        batch_size: at most the number of rows.
        batch_positions: batches × rows.
        batch_ranks: of the rows there, among those of the order.
        sorted_addresses: of the rows there, ascending in each batch.
        positions: all, or drawn one by one.
        ranks: of the rows there, among those of the order.
    """

    def __init__(self, places: RowPlaces, batch_size: int, max_rows: int, seed: int):
        import numpy as np

        self._num_rows = places.num_rows
        self.batch_size = min(batch_size, self._num_rows)
        self.is_sample = self._num_rows > max_rows
        num_batches = self._num_rows // self.batch_size
        chosen: Array
        if self.is_sample:
            generator = np.random.default_rng(seed)
            count = min(num_batches, max_rows // self.batch_size)
            chosen = np.sort(generator.choice(num_batches, count, replace=False))
            self.positions = generator.integers(0, self._num_rows, max_rows)
        else:
            chosen = np.arange(num_batches)
            self.positions = np.arange(self._num_rows)
        self.num_batches = len(chosen)
        self.batch_positions = chosen[:, None] * self.batch_size + np.arange(self.batch_size)
        addresses, ranks = places.find(self.batch_positions.ravel())
        self.sorted_addresses = np.sort(addresses.reshape(self.batch_positions.shape), axis=1)
        in_batches = ranks.reshape(self.batch_positions.shape)
        if self.is_sample:
            self._estimate_ranks(places, in_batches)
        else:
            rest = places.find(self.positions[in_batches.size :])[1]
            self._count_ranks(np.concatenate([ranks, rest]))

    def _count_ranks(self, storage_ranks: Array) -> None:
        """Find the ranks among all rows of the order."""
        import numpy as np

        self.ranks: Array = np.empty(len(storage_ranks), np.int64)
        self.ranks[np.argsort(storage_ranks)] = np.arange(len(storage_ranks))
        self.batch_ranks = self.ranks[: self.batch_positions.size].reshape(
            self.batch_positions.shape
        )
        self._has_all_rows = True

    def _estimate_ranks(self, places: RowPlaces, in_batches: Array) -> None:
        """Find the ranks from those in storage, of which the order may have a part."""
        import numpy as np

        independent = places.find(self.positions)[1]
        self.batch_ranks, self.ranks = in_batches, independent
        self._has_all_rows = places.num_base_rows == self._num_rows
        if not self._has_all_rows:
            self._storage_ranks = in_batches, independent
            self._storage_rows_per_row = places.num_base_rows / self._num_rows
            # The independent rows tell which share of the order's rows lies before a rank.
            ascending = np.sort(independent)
            scale = self._num_rows / len(ascending)
            self.batch_ranks, self.ranks = (
                (np.searchsorted(ascending, ranks) * scale)
                .astype(np.int64)
                .clip(max=self._num_rows - 1)
                for ranks in self._storage_ranks
            )

    def count_clump_pairs(self, clump_size: int) -> Array:
        """Count the pairs of one clump in each batch."""
        import numpy as np

        clumps = np.sort(self._clumps(clump_size)[0], axis=1)
        # A row is one of a pair with each row of its clump before it in the sorted batch.
        pairs: Array = np.zeros(self.num_batches, np.int64)
        num_before: Array = np.zeros(self.num_batches, np.int64)
        for i in range(1, self.batch_size):
            num_before = np.where(clumps[:, i] == clumps[:, i - 1], num_before + 1, 0)
            pairs += num_before
        return pairs

    def compare_clump_pairs(self, pairs: Array, clump_size: int) -> Measure:
        """Compare them with those of a uniform shuffle."""
        import numpy as np

        if self._has_all_rows:
            return statistics.clump_pairs(pairs, self.batch_size, self._num_rows, clump_size)
        counts = np.unique(self._clumps(clump_size)[1], return_counts=True)[1].astype(np.int64)
        num_pairs = int((counts * (counts - 1) // 2).sum())
        return statistics.clump_pairs_of_sample(
            pairs, self.batch_size, num_pairs, math.comb(len(self.positions), 2)
        )

    def _clumps(self, clump_size: int) -> tuple[Array, Array]:
        """Number the clumps of the rows in batches, and of the independent rows."""
        if self._has_all_rows:
            return self.batch_ranks // clump_size, self.ranks // clump_size
        # As many rows of storage as have `clump_size` rows of the order among them.
        size = max(2, round(clump_size * self._storage_rows_per_row))
        in_batches, independent = self._storage_ranks
        return in_batches // size, independent // size


def _label_codes(permutation: Permutation | Any, label: str | Any, sample: _Sample) -> Array:
    """Number the labels of the rows of the batches, one batch after the other."""
    import numpy as np

    if isinstance(permutation, Permutation):
        if not isinstance(label, str):
            raise TypeError(f"label must be the name of a column, not {type(label).__name__}")
        rows = permutation.select_columns([label]).with_format("arrow")
        values = rows.take_offsets(sample.batch_positions.ravel()).column(0)
    else:
        values = pa.array(np.asarray(label))
        ranks = np.asarray(permutation)[sample.batch_positions.ravel()]
        values = values.take(pa.array(ranks))
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    try:
        encoded = values.dictionary_encode(null_encoding="encode")
    except pa.ArrowNotImplementedError as error:
        raise TypeError(f"values of type {values.type} are no labels: {error}") from error
    codes: Array = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes


def _label_batches(codes: Array, num_batches: int) -> Measure | None:
    """Compare the labels of each batch with those of all."""
    import numpy as np

    num_labels = int(codes.max()) + 1
    batch_size = len(codes) // num_batches
    # Rare labels are one label together, so that the table stays in proportion to the sample.
    counts = np.bincount(codes, minlength=num_labels)
    is_common = counts >= max(8, len(codes) / (8 * batch_size))
    columns = np.where(is_common, np.cumsum(is_common) - 1, int(is_common.sum()))
    width = int(is_common.sum()) + 1
    cells = np.repeat(np.arange(num_batches), batch_size) * width + columns[codes]
    table = np.bincount(cells, minlength=num_batches * width).reshape(num_batches, width)
    return statistics.chi_square(table)


def _name(permutation: Permutation | Any) -> str:
    if not isinstance(permutation, Permutation):
        return "an order"
    table = permutation.base_table
    order = permutation.permutation_table
    of_order = (
        "in storage order"
        if order is None
        else (f"split {permutation.split} of order {order.order_id}")
    )
    return f"'{table.name}' version {table.version}, {of_order}"


def _short(number: float) -> str:
    """Write about four digits."""
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.4g}"
