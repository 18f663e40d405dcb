import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from torch.utils.data import default_collate

import croupier
from croupier import Permutation
from croupier._formats import FORMATS
from croupier.util import keep_batch, tbl_to_tensor


def permutation_of(columns, format=None):
    rows = pa.table(columns)
    permutation = Permutation.identity(croupier.connect("memory://").create_table("t", rows))
    return permutation if format is None else permutation.with_format(format)


@pytest.fixture
def mixed():
    return permutation_of(
        {"i": pa.array([1, 2, 3]), "f": pa.array([0.5, 1.5, 2.5]), "s": list("abc")}
    )


@pytest.fixture
def numeric():
    return permutation_of(
        {"i": pa.array([1, 2, 3], pa.int32()), "f": pa.array([0.5, 1.5, 2.5], pa.float32())}
    )


def test_python_is_the_default_and_gives_row_dicts(mixed):
    expected = [{"i": 3, "f": 2.5, "s": "c"}, {"i": 1, "f": 0.5, "s": "a"}]
    assert mixed.take_offsets([2, 0]) == expected
    assert mixed.with_format("arrow").with_format("python").take_offsets([2, 0]) == expected


def test_python_col_gives_a_dict_of_lists(mixed):
    batch = mixed.with_format("python_col").take_offsets([2, 0])
    assert batch == {"i": [3, 1], "f": [2.5, 0.5], "s": ["c", "a"]}


def test_arrow_gives_a_record_batch_of_the_schema(mixed):
    batch = mixed.with_format("arrow").take_offsets([1])
    assert isinstance(batch, pa.RecordBatch)
    assert batch.schema == mixed.schema


def test_pandas_and_polars_give_data_frames(mixed):
    frame = mixed.with_format("pandas").take_offsets([1, 2])
    assert isinstance(frame, pd.DataFrame)
    assert frame.to_dict("list") == {"i": [2, 3], "f": [1.5, 2.5], "s": ["b", "c"]}
    frame = mixed.with_format("polars").take_offsets([1, 2])
    assert isinstance(frame, pl.DataFrame)
    assert frame.to_dict(as_series=False) == {"i": [2, 3], "f": [1.5, 2.5], "s": ["b", "c"]}


def test_numpy_gives_one_array_of_rows_by_columns(mixed, numeric):
    array = numeric.with_format("numpy").take_offsets([0, 2])
    assert array.dtype == np.float64
    assert array.tolist() == [[1, 0.5], [3, 2.5]]
    array = mixed.with_format("numpy").take_offsets([0, 2])
    assert array.dtype == object
    assert array.tolist() == [[1, 0.5, "a"], [3, 2.5, "c"]]
    assert mixed.select_columns(["i"]).with_format("numpy")[0].dtype == np.int64
    assert mixed.with_format("numpy").take_offsets([]).shape == (0, 3)


def test_numpy_never_mixes_booleans_into_numbers():
    array = permutation_of({"b": [True, False], "i": [3, 4]}, "numpy").take_offsets([0, 1])
    assert array.dtype == object
    assert array.tolist() == [[True, 3], [False, 4]]


def test_torch_gives_rows_that_the_default_collate_stacks(numeric):
    rows = numeric.with_format("torch").take_offsets([2, 0])
    assert [row["i"].ndim for row in rows] == [0, 0]
    batch = default_collate(rows)
    assert batch["i"].tolist() == [3, 1]
    assert batch["f"].tolist() == [2.5, 0.5]


def test_torch_row_gives_a_vector_for_each_row(numeric):
    rows = numeric.with_format("torch_row").take_offsets([2, 0])
    assert [row.tolist() for row in rows] == [[3, 2.5], [1, 0.5]]
    assert rows[0].dtype == torch.float64
    lists = permutation_of(
        {"v": pa.array([[1, 2], [3, 4]], pa.list_(pa.int64(), 2)), "x": [7, 8]}, "torch_row"
    )
    assert [row.tolist() for row in lists.take_offsets([0, 1])] == [[1, 2, 7], [3, 4, 8]]


def test_torch_col_gives_columns_by_rows(numeric):
    tensor = numeric.select_columns(["f"]).with_format("torch_col").take_offsets([2, 0])
    assert tensor.tolist() == [[2.5, 0.5]]
    pair = permutation_of({"a": [1, 2, 3], "b": [4, 5, 6]}, "torch_col").take_offsets([0, 2])
    assert pair.tolist() == [[1, 3], [4, 6]]
    lists = permutation_of(
        {"v": pa.array([[1, 2]], pa.list_(pa.int64(), 2)), "x": [7]}, "torch_col"
    )
    with pytest.raises(TypeError, match="columns of different shapes.*torch_batch"):
        lists[0]


@pytest.mark.parametrize("format", ["torch", "torch_row", "torch_col", "torch_batch"])
def test_empty_batches_have_every_torch_format(format):
    permutation = permutation_of(
        {"a": pa.array([1, 2], pa.int64()), "b": pa.array([3, 4], pa.int64())}, format
    )
    empty = permutation.take_offsets([])
    if format == "torch_col":
        assert empty.shape == (2, 0)
    elif format == "torch_batch":
        assert {name: tuple(tensor.shape) for name, tensor in empty.items()} == {
            "a": (0,),
            "b": (0,),
        }
    else:
        assert empty == []


@pytest.mark.parametrize("format", FORMATS)
def test_a_permutation_pickles_with_any_format(numeric, format):
    permutation = numeric.with_format(format)
    again = pickle.loads(pickle.dumps(permutation))
    assert str(again.take_offsets([2, 0])) == str(permutation.take_offsets([2, 0]))


def test_other_formats_keep_nulls():
    permutation = permutation_of({"c": [1, None]})
    assert permutation.take_offsets([0, 1]) == [{"c": 1}, {"c": None}]
    assert permutation.with_format("polars").take_offsets([1])["c"].to_list() == [None]


def test_an_unknown_format_is_an_error(mixed):
    with pytest.raises(ValueError, match="Invalid format: tensor; formats: python, python_col"):
        mixed.with_format("tensor")


def test_tables_collate_to_tensors(numbers):
    table = numbers.to_arrow(["x"])
    assert tbl_to_tensor(table).tolist() == [list(range(10))]
    assert tbl_to_tensor(pa.concat_tables([table, table])).shape == (1, 20)
    assert tbl_to_tensor(table.to_batches()[0]).shape == (1, 10)
    assert tbl_to_tensor(table[:0]).shape == (1, 0)
    with pytest.raises(TypeError, match="column 's'"):
        tbl_to_tensor(numbers.to_arrow())
    assert keep_batch(table) is table
