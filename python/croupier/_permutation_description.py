"""Permutations as people read them."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from croupier._formats import format_name

if TYPE_CHECKING:
    from croupier._permutation import Permutation


def describe(permutation: Permutation) -> str:
    """Describe a permutation in one line."""
    table = permutation.base_table
    parts = ", ".join(_parts(permutation))
    return f"<croupier.Permutation of '{table.name}' version {table.version}: {parts}>"


def describe_as_html(permutation: Permutation) -> str:
    """Describe a permutation in a line and a table of its columns, for notebooks."""
    table = permutation.base_table
    rows = "".join(
        f"<tr><td>{html.escape(field.name)}</td><td>{html.escape(str(field.type))}</td></tr>"
        for field in permutation.schema
    )
    _, *parts = _parts(permutation)
    return (
        f"<p>{permutation.num_rows:,} rows of <b>{html.escape(table.name)}</b> version "
        f"{table.version}: {html.escape(', '.join(parts))}</p>"
        f"<table><tr><th>column</th><th>type</th></tr>{rows}</table>"
    )


def _parts(permutation: Permutation) -> list[str]:
    """What a permutation is, its rows and columns first."""
    columns = ", ".join(
        name if name == column else f"{name} = {column}"
        for name, column in permutation.selection.items()
    )
    num_rows, num_columns = permutation.shape
    parts = [f"{num_rows:,} rows × {num_columns} columns ({columns})"]
    if permutation.offset is not None or permutation.limit is not None:
        begin, end = permutation._window()
        parts.append(f"positions {begin:,} to {end:,} of {permutation._rows.num_rows:,}")
    if permutation.permutation_table is None:
        parts.append("in storage order")
    else:
        names = permutation.permutation_table.split_names
        for split in permutation._order.splits:
            name = f"'{names[split]}' ({split} of {len(names)})" if names else split
            parts.append(f"split {name}")
        parts.append(f"order {permutation.permutation_table.order_id}")
    parts += permutation._order.describe_steps()
    parts.append(f"format {format_name(permutation.transform_fn)}")
    parts.append(f"batches of {permutation.batch_size:,}")
    if left_out := num_rows % permutation.batch_size:
        parts.append(f"of which a loop leaves out the last {left_out:,} rows")
    return parts
