"""The command ``croupier quality``: how well orders of a table are shuffled, and what they cost."""

from __future__ import annotations

import argparse
import json
from typing import Any

from croupier.info import add_table_arguments, open_table
from croupier.permutation import Permutation, Permutations, permutation_builder
from croupier.quality import DEFAULT_CLUMP_SIZE, DEFAULT_MAX_ROWS, ShuffleQuality, shuffle_quality
from croupier.table import Table


def add_parser(commands: Any) -> None:
    """Add the command to those of the program: `argparse`'s object of subparsers."""
    parser = commands.add_parser(
        "quality",
        help="measure shuffles of a table",
        description="Measure how far a shuffle of a table is from a uniform one, and what it costs "
        "to read; with several clump sizes, one after the other.",
    )
    add_table_arguments(parser)
    parser.add_argument("--batch-size", type=int, default=256, metavar="ROWS", help="default 256")
    order = parser.add_mutually_exclusive_group()
    order.add_argument(
        "--clump-size",
        type=int,
        nargs="+",
        metavar="ROWS",
        help="shuffle clumps of so many rows; by default single rows",
    )
    order.add_argument("--unshuffled", action="store_true", help="measure the storage order")
    parser.add_argument("--seed", type=int, default=0, help="of the shuffle; default 0")
    parser.add_argument(
        "--columns", nargs="+", metavar="NAME", help="that are read, for the cost; default all"
    )
    parser.add_argument("--label", metavar="NAME", help="a column whose values should be mixed")
    parser.add_argument(
        "--measured-clump-size",
        type=int,
        default=DEFAULT_CLUMP_SIZE,
        metavar="ROWS",
        help=f"rows that count as one clump when measured; default {DEFAULT_CLUMP_SIZE}",
    )
    parser.add_argument(
        "--max-rows",
        type=int,
        default=DEFAULT_MAX_ROWS,
        metavar="ROWS",
        help=f"rows to look at; default {DEFAULT_MAX_ROWS}",
    )
    parser.add_argument("--json", action="store_true", help="write JSON, for programs")
    parser.add_argument(
        "--plot", metavar="FILE", help="draw the last order that is measured: PNG, SVG …"
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    table = open_table(options)
    found: list[ShuffleQuality] = []
    for clump_size in options.clump_size or [None]:
        quality = shuffle_quality(
            _permutation(table, clump_size, options),
            options.batch_size,
            options.label,
            options.measured_clump_size,
            columns=options.columns,
            max_rows=options.max_rows,
        )
        found.append(quality)
        if not options.json:
            size = "" if clump_size is None else f"clumps of {clump_size:,}: "
            print(size + str(quality))
    if options.json:
        print(json.dumps([quality.to_dict() for quality in found], indent=2))
    if options.plot:
        found[-1].plot(options.plot)


def _permutation(table: Table, clump_size: int | None, options: argparse.Namespace) -> Permutation:
    if options.unshuffled:
        return Permutation.identity(table)
    # A clump of one row is a row.
    clump_size = None if clump_size == 1 else clump_size
    order = permutation_builder(table).shuffle(seed=options.seed, clump_size=clump_size).execute()
    return Permutations(table, order)[0]
