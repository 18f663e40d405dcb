"""What a uniform shuffle would give, and how far from it an order is.

Each function compares a statistic with its mean and standard deviation over all orders, each
equally likely. ``docs/concepts/shuffle-quality.md`` has the formulas and where they are from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

# No uniform shuffle in a million is farther from the mean than this, in deviations.
MAX_Z = 6.0


@dataclass(frozen=True)
class Measure:
    """A statistic of an order beside what a uniform shuffle gives.

    Attributes:
        observed: in the order.
        expected: its mean over uniform shuffles.
        deviation: its standard deviation over uniform shuffles; 0 where they all give the same.
    """

    observed: float
    expected: float
    deviation: float

    @property
    def z(self) -> float | None:
        """How many deviations it is from the mean; None where uniform shuffles do not vary."""
        if self.deviation == 0:
            return None
        return (self.observed - self.expected) / self.deviation


def clump_pairs(pairs: Array, batch_size: int, num_rows: int, clump_size: int) -> Measure:
    """Compare the pairs of rows of one clump in a batch, on average over batches.

    Args:
        pairs: in each batch that was measured.
        batch_size: rows of each.
        num_rows: of the whole order, which has a clump of every `clump_size` of them, and a rest.
        clump_size: rows of a clump.
    """
    whole, rest = divmod(num_rows, clump_size)

    def choices(size: int, of: int) -> int:
        return math.perm(of, size)

    def sum_over_clumps(size: int) -> int:
        return whole * choices(size, clump_size) + choices(size, rest)

    # The chance that two rows, three rows, two pairs of rows are each of one clump.
    two = _ratio(sum_over_clumps(2), choices(2, num_rows))
    three = _ratio(sum_over_clumps(3), choices(3, num_rows))
    squares = whole * choices(2, clump_size) ** 2 + choices(2, rest) ** 2
    both = _ratio(sum_over_clumps(2) ** 2 - squares + sum_over_clumps(4), choices(4, num_rows))
    num_pairs = math.comb(batch_size, 2)
    variance = num_pairs * two * (1 - two)
    variance += batch_size * (batch_size - 1) * (batch_size - 2) * (three - two * two)
    variance += num_pairs * math.comb(batch_size - 2, 2) * (both - two * two)
    # Batches of one order share its rows.
    variance += (len(pairs) - 1) * num_pairs**2 * (both - two * two)
    return Measure(
        float(pairs.mean()), num_pairs * two, _deviation_of_mean(variance * len(pairs), len(pairs))
    )


def _deviation_of_mean(variance_of_sum: float, count: int) -> float:
    """Take the deviation of a mean count; one event, more or less, never tells anything."""
    return math.sqrt(max(variance_of_sum, 1.0)) / count


def _ratio(numerator: int, denominator: int) -> float:
    return numerator / denominator if denominator else 0.0


def clump_pairs_of_sample(
    pairs: Array, batch_size: int, num_pairs_in_sample: int, num_pairs_of_sample: int
) -> Measure:
    """Compare the pairs of one clump where the sizes of clumps are known from a sample alone.

    Args:
        pairs: in each batch that was measured.
        batch_size: rows of each.
        num_pairs_in_sample: of one clump, among rows at independent positions.
        num_pairs_of_sample: all of those rows.
    """
    chance = num_pairs_in_sample / num_pairs_of_sample
    expected = math.comb(batch_size, 2) * chance
    total = expected * len(pairs)
    variance = total + (total**2 / num_pairs_in_sample if num_pairs_in_sample else 0.0)
    return Measure(float(pairs.mean()), expected, _deviation_of_mean(variance, len(pairs)))


def displacement(positions: Array, ranks: Array, num_rows: int, *, is_whole: bool) -> Measure:
    """Compare the mean distance of position and rank, as a part of the number of rows.

    Args:
        positions: all, or independent ones.
        ranks: of the rows there.
        num_rows: of the whole order.
        is_whole: whether all positions are there.
    """
    import numpy as np

    distances = np.abs(positions.astype(np.float64) - ranks)
    n = num_rows
    expected = (n * n - 1) / (3 * n * n)
    if is_whole:
        variance = (n + 1) * (2 * n * n + 7) / 45 / n**4
    else:
        variance = 1 / 18 / len(positions)
    return Measure(float(distances.mean() / n), expected, math.sqrt(variance))


def rank_correlation(positions: Array, ranks: Array) -> Measure:
    """Compare the correlation of position and rank: 1 in storage order, -1 in its reverse."""
    import numpy as np

    count = len(positions)
    x = positions - positions.mean()
    y = ranks - ranks.mean()
    scale = math.sqrt(float(x @ x) * float(y @ y))
    observed = float(np.clip(x @ y / scale, -1, 1)) if scale else 0.0
    return Measure(observed, 0.0, 1 / math.sqrt(count - 1) if count > 1 else 0.0)


def neighbours(first: Array, second: Array, num_rows: int) -> Measure | None:
    """Compare where the rows at neighbouring positions are from: chi-square over g × g regions.

    Args:
        first: ranks at some positions.
        second: ranks at the positions that follow, none of which is in `first`.
        num_rows: of the whole order, which is cut into g regions of storage.

    Returns:
        None if there are too few rows to tell.
    """
    import numpy as np

    regions = min(16, math.isqrt(len(first) // 8))
    if regions < 4:
        return None
    cells = (first * regions // num_rows) * regions + second * regions // num_rows
    table = np.bincount(cells.astype(np.int64), minlength=regions * regions)
    return chi_square(table.reshape(regions, regions))


def label_runs(codes: Array) -> Measure | None:
    """Compare the number of runs of equal labels: the test of Wald and Wolfowitz.

    Args:
        codes: the label at each position, from 0.

    Returns:
        None if there are fewer than two labels.
    """
    import numpy as np

    counts = np.bincount(codes)
    counts = counts[counts > 0].astype(np.float64)
    n = float(len(codes))
    if len(counts) < 2:
        return None
    squares, cubes = float((counts**2).sum()), float((counts**3).sum())
    observed = 1 + int(np.count_nonzero(codes[1:] != codes[:-1]))
    expected = n + 1 - squares / n
    variance = (squares * (squares + n * (n + 1)) - 2 * n * cubes - n**3) / (n * n * (n - 1))
    return Measure(observed, expected, math.sqrt(max(variance, 0.0)))


def chi_square(table: Array) -> Measure | None:
    """Compare a table of counts with what its margins let expect.

    Args:
        table: counts; rows and columns without a count are left out.

    Returns:
        The chi-square statistic; None if fewer than two rows or columns are left.
    """
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0].astype("float64")
    num_rows, num_columns = table.shape
    n = float(table.sum())
    if num_rows < 2 or num_columns < 2 or n < 4:
        return None
    row_sums, column_sums = table.sum(axis=1), table.sum(axis=0)
    observed = n * float((table**2 / row_sums[:, None] / column_sums).sum() - 1)
    expected = n * (num_rows - 1) * (num_columns - 1) / (n - 1)

    def spread(size: int, sums: Array) -> tuple[float, float]:
        even = (size - 1) * (n - size) / (n - 1)
        return even, (n * float((1 / sums).sum()) - size * size) / (n - 2)

    (even_rows, uneven_rows) = spread(num_rows, row_sums)
    (even_columns, uneven_columns) = spread(num_columns, column_sums)
    variance = 2 * n / (n - 3) * (even_rows - uneven_rows) * (even_columns - uneven_columns)
    variance += n * n / (n - 1) * uneven_rows * uneven_columns
    return Measure(observed, expected, math.sqrt(max(variance, 0.0)))
