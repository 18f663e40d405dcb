"""Tables that LanceDB wrote, and its permutations beside ours: the same calls, the same rows."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path

import lancedb
import lancedb.permutation
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

import croupier


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """A LanceDB database with the table `items`: three fragments, some rows deleted."""
    database = lancedb.connect(str(tmp_path))
    table = database.create_table("items", make_rows(0, 100))
    table.add(make_rows(100, 150))
    table.add(make_rows(150, 151))
    table.delete("x % 10 = 3")
    database.create_table("others", make_rows(0, 1))
    return str(tmp_path)


def make_rows(begin: int, end: int) -> pa.Table:
    x = np.arange(begin, end)
    vectors = pa.FixedSizeListArray.from_arrays(np.repeat(x, 4).astype(np.float32), 4)
    return pa.table({"x": x, "y": x / 8, "vector": vectors, "s": [f"item {i}" for i in x]})


def open_both(folder: str) -> tuple[lancedb.table.Table, croupier.Table]:
    return lancedb.connect(folder).open_table("items"), croupier.connect(folder).open_table("items")


def test_a_database_lists_the_same_tables(folder):
    names = lancedb.connect(folder).list_tables().tables
    assert croupier.connect(folder).table_names() == names == ["items", "others"]


def test_a_table_reads_the_same(folder):
    theirs, ours = open_both(folder)
    assert ours.version == theirs.version
    assert ours.schema == theirs.schema
    assert len(ours) == theirs.count_rows() == 136
    assert ours.to_arrow() == theirs.to_arrow()
    with_row_id = theirs.search().with_row_id(True).limit(1000).to_arrow()
    assert ours.search().select(["x", "_rowid"]).to_arrow() == with_row_id.select(["x", "_rowid"])


def identities(folder: str) -> tuple[lancedb.permutation.Permutation, croupier.Permutation]:
    theirs, ours = open_both(folder)
    return (
        lancedb.permutation.Permutation.identity(theirs),
        croupier.Permutation.identity(ours),
    )


def test_an_identity_permutation_has_the_same_shape(folder):
    theirs, ours = identities(folder)
    assert len(ours) == len(theirs)
    for name in ("num_rows", "num_columns", "shape", "column_names"):
        assert getattr(ours, name) == getattr(theirs, name), name
    # LanceDB's schema is that of the rows alone, too.
    assert ours.schema.equals(theirs.schema)


def assert_equal(ours: object, theirs: object) -> None:
    """Compare what a format gives: types and values, down to the items of lists and dicts."""
    assert type(ours) is type(theirs)
    if isinstance(ours, torch.Tensor):
        assert ours.dtype == theirs.dtype
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0, equal_nan=True)
    elif isinstance(ours, np.ndarray):
        assert ours.dtype == theirs.dtype
        if ours.dtype == object:
            assert_equal(ours.tolist(), theirs.tolist())
        else:
            np.testing.assert_array_equal(ours, theirs)
    elif isinstance(ours, dict):
        assert list(ours) == list(theirs)
        for key in ours:
            assert_equal(ours[key], theirs[key])
    elif isinstance(ours, list):
        assert len(ours) == len(theirs)
        for our_item, their_item in zip(ours, theirs, strict=True):
            assert_equal(our_item, their_item)
    elif hasattr(ours, "equals"):
        assert ours.equals(theirs)
    else:
        assert ours == theirs or (ours is pd.NaT and theirs is pd.NaT)


# The columns that each format can hold in LanceDB.
FORMATS = {
    "python": ["x", "y", "vector", "s"],
    "python_col": ["x", "y", "vector", "s"],
    "pandas": ["x", "y", "s"],
    "polars": ["x", "y", "vector", "s"],
    "arrow": ["x", "y", "vector", "s"],
    "numpy": ["y"],
    "torch": ["x", "y"],
    "torch_row": ["x", "y"],
    "torch_col": ["y"],
}


@pytest.mark.parametrize("format", FORMATS)
def test_batches_of_a_format_are_the_same(folder, format):
    theirs, ours = (
        rows.select_columns(FORMATS[format]).with_format(format) for rows in identities(folder)
    )
    assert_equal(ours.take_offsets([5, 130, 5, 0]), theirs.take_offsets([5, 130, 5, 0]))
    assert_equal(ours[7], theirs[7])
    assert_equal(ours.__getitems__([1, 2]), theirs.__getitems__([1, 2]))
    # Rows of the first fragment: in storage order LanceDB cuts batches where fragments end.
    windows = [rows.with_batch_size(30).with_skip(3).with_take(80) for rows in (ours, theirs)]
    assert_equal(*(list(window) for window in windows))
    assert_equal(*(list(window.iter(30)) for window in windows))


DATE = datetime.date(2024, 1, 1)
COLUMNS = {
    "bool": pa.array([True, False, True]),
    "bool_null": pa.array([True, None, True]),
    **{
        str(type_): pa.array([1, 2, 3], type_)
        for type_ in (pa.int8(), pa.int32(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())
    },
    "float16": pa.array(np.array([1, 2, 3], np.float16)),
    "float32": pa.array([1, 2, 3], pa.float32()),
    "int_null": pa.array([1, None, 3], pa.int32()),
    "float_null": pa.array([1, None, 3], pa.float32()),
    "text": pa.array(["a", "b", "c"]),
    "binary": pa.array([b"a", None, b"c"]),
    "date": pa.array([DATE, None, DATE]),
    "time": pa.array([1, 2, None], pa.time32("s")),
    "timestamp": pa.array([1, 2, None], pa.timestamp("us")),
    "instant": pa.array([1, 2, None], pa.timestamp("us", "UTC")),
    "duration": pa.array([1, 2, None], pa.duration("ms")),
    "decimal": pa.array([Decimal("1.5"), None, Decimal("2.5")], pa.decimal128(10, 2)),
    "fixed": pa.array([[1, 2], None, [5, 6]], pa.list_(pa.float32(), 2)),
    "list": pa.array([[1, 2], [], None], pa.list_(pa.int64())),
    "struct": pa.array([{"a": 1, "b": 2.0}, None, {"a": 2, "b": 3.0}]),
    "dictionary": pa.array(["x", "y", "x"]).dictionary_encode(),
}
TOGETHER = [
    ["int32", "float32"],
    ["int8", "uint8"],
    ["int32", "uint16"],
    ["bool", "int32"],
    ["int32", "text"],
    ["int32", "int_null"],
    ["fixed", "int32"],
    ["bool", "bool_null"],
    ["uint64", "float16"],
    ["date", "text", "instant"],
]


@pytest.fixture(scope="module")
def typed(tmp_path_factory) -> tuple[lancedb.permutation.Permutation, croupier.Permutation]:
    folder = str(tmp_path_factory.mktemp("typed"))
    lancedb.connect(folder).create_table("items", pa.table(COLUMNS))
    return identities(folder)


@pytest.mark.parametrize(
    "format",
    [
        "python",
        "python_col",
        "numpy",
        "pandas",
        "arrow",
        "polars",
        "torch",
        "torch_row",
        "torch_col",
    ],
)
@pytest.mark.filterwarnings("ignore:Exporting an unversioned DLPack capsule:DeprecationWarning")
def test_types_that_a_format_takes_in_lancedb_are_the_same(typed, format):
    """Whatever LanceDB makes a batch of, in any combination tried, ours is equal."""
    num_compared = 0
    for columns in [[name] for name in COLUMNS] + TOGETHER:
        theirs, ours = (rows.select_columns(columns).with_format(format) for rows in typed)
        try:
            expected = theirs.take_offsets([2, 0, 1])
        except (TypeError, RuntimeError, pa.ArrowException):
            continue  # What LanceDB's torch formats do not take.
        try:
            assert_equal(ours.take_offsets([2, 0, 1]), expected)
        except AssertionError as error:
            raise AssertionError(f"columns {columns}") from error
        num_compared += 1
    assert num_compared >= 10


def test_split_sizes_and_names_are_the_same(folder):
    theirs, ours = open_both(folder)
    split = {"ratios": [0.5, 0.3, 0.15], "split_names": ["a", "b", "c"]}
    their_order = lancedb.permutation.permutation_builder(theirs).split_sequential(**split)
    our_order = croupier.permutation_builder(ours).split_sequential(**split)
    their_splits = lancedb.permutation.Permutations(theirs, their_order.execute())
    our_splits = croupier.Permutations(ours, our_order.execute())
    assert our_splits.split_names == their_splits.split_names
    for name in split["split_names"]:
        rows, their_rows = (
            splits[name].with_format("arrow").take_offsets(range(len(splits[name])))
            for splits in (our_splits, their_splits)
        )
        assert rows["x"].to_pylist() == their_rows["x"].to_pylist()
