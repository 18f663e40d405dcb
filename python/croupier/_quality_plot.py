"""The quality of a shuffle as a picture, by matplotlib, which nothing else needs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from croupier._shuffle_statistics import MAX_Z

if TYPE_CHECKING:
    from croupier.quality import ShuffleQuality

_COLOUR, _REFERENCE = "#3366aa", "#cc5533"
# Longer bars are cut here; the numbers beside them are not.
_MAX_BAR = 3 * MAX_Z


def plot_quality(
    quality: ShuffleQuality, drawn: dict[str, Any], path: str | os.PathLike[str]
) -> None:
    """Draw where rows are from, pairs of a clump in batches, and how far measures are from chance.

    Args:
        quality: that is drawn.
        drawn: positions and their ranks, and the pairs of each batch.
        path: of the file; its ending says what it will be.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "plots need matplotlib: pip install 'croupier[plot]'", name="matplotlib"
        ) from error
    # Not pyplot, which would choose a window system and keep every figure.
    figure = Figure(figsize=(12, 4), layout="constrained")
    where, pairs, measures = figure.subplots(1, 3)

    where.scatter(drawn["positions"], drawn["ranks"], s=2, color=_COLOUR, rasterized=True)
    where.set(title="where rows are from", xlabel="position", ylabel="rank in storage")

    counts = drawn["pairs"]
    bins = range(int(counts.min()), int(counts.max()) + 2)
    # With edges, since a bar of all batches may be narrower than a dot.
    pairs.hist(
        counts, bins if len(bins) < 64 else 64, align="left", color=_COLOUR, edgecolor=_COLOUR
    )
    expected = quality.clump_pairs.expected
    pairs.axvline(expected, color=_REFERENCE, label=f"uniform: {expected:.3g} on average")
    pairs.set(
        title=f"pairs of a clump of {quality.clump_size:,} in a batch",
        xlabel="pairs",
        ylabel="batches",
    )
    pairs.legend()

    names = [name.replace("_", " ") for name in quality.measures]
    values = [measure.z or 0.0 for measure in quality.measures.values()]
    bars = measures.barh(names, [max(-_MAX_BAR, min(_MAX_BAR, z)) for z in values], color=_COLOUR)
    measures.bar_label(bars, [f"{z:+,.1f}" for z in values], padding=3)
    for limit in (-MAX_Z, MAX_Z):
        measures.axvline(limit, color=_REFERENCE)
    measures.set(
        title="deviations from a uniform shuffle", xlabel="z", xlim=(-2 * _MAX_BAR, 2 * _MAX_BAR)
    )
    measures.invert_yaxis()

    figure.suptitle(
        f"{quality.name}: {quality.num_rows:,} rows in batches of {quality.batch_size:,}"
    )
    figure.savefig(path, dpi=150)
