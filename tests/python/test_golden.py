"""Fixtures: they never change, and what a release of Croupier wrote, every later one reads."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
import pytest
from arrow_values import assert_same_rows, take_rows

import croupier

GOLDEN = Path(__file__).parents[1] / "golden"
WRITTEN = sorted(GOLDEN.glob("written_*/*.lance"))
BEFORE = sorted(GOLDEN.glob("written_*/*_before.arrow"))  # of a version with the tag `before`


def rows_in(path):
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).read_all()


def test_fixtures_are_as_they_were_made():
    """`sha256sum` in tests/golden writes the lines of new files; those that are there stay."""
    known = {}
    for line in (GOLDEN / "SHA256SUMS").read_text().splitlines():
        digest, path = line.split("  ")
        known[path] = digest
    there = {
        path.relative_to(GOLDEN).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in GOLDEN.rglob("*")
        if path.is_file()
        and path.suffix != ".py"
        and path.name != "SHA256SUMS"
        and "__pycache__" not in path.parts
    }
    assert {path for path in there if there[path] != known.get(path)} == set()
    assert set(known) == set(there)


def values_of(table):
    """The file with the rows of a table, or with the columns of its pages."""
    beside = table.with_suffix(".arrow")
    return beside if beside.exists() else GOLDEN / "pages" / f"{table.stem[:-5]}.arrow"


def id_of(path):
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", WRITTEN, ids=id_of)
def test_tables_by_releases_are_read(path):
    expected = rows_in(values_of(path))
    table = croupier.open_dataset(path, read_blobs=True)
    names = [name for name in expected.column_names if not name.startswith("_row")]
    assert table.schema.names == names
    read = table.scan(expected.column_names)
    # Fields of pages have metadata that asks for encodings.
    actual = pa.table(read).replace_schema_metadata(expected.schema.metadata)
    if "pages" in values_of(path).parts:
        actual = pa.table(actual.columns, schema=expected.schema)
    assert_same_rows(actual, expected)
    some = [len(expected) - 1, 0, len(expected) // 2, 0]
    taken = pa.table([table.take_offsets(some).to_arrow()[name] for name in names], names)
    assert taken.num_rows == 4
    assert_same_rows(
        pa.table(taken.columns, schema=expected.select(names).schema),
        take_rows(expected.select(names), some),
    )


@pytest.mark.parametrize("path", BEFORE, ids=id_of)
def test_older_versions_by_releases_are_read(path):
    expected = rows_in(path)
    name = path.stem.removesuffix("_before")
    table = croupier.open_dataset(path.with_name(f"{name}.lance"), "before")
    assert_same_rows(pa.table(table.scan(expected.column_names)), expected)
    deleted = table.checkout("deleted")
    assert deleted.schema.names == ["id", "text", "tags", "point", "vector"]
    assert deleted.to_arrow()["id"].to_pylist() == [i for i in range(75) if i % 10 != 3]


def test_there_are_fixtures_of_every_kind():
    assert len(WRITTEN) >= 25
    assert len(BEFORE) >= 4
