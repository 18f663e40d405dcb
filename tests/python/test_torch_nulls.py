"""What becomes of nulls in the torch formats."""

import pyarrow as pa
import pytest
import torch
from torch_columns import FLOATS, NULLS, batch_of, bfloat16, permutation_of

import croupier
from croupier import Ragged


@pytest.mark.parametrize("column", NULLS, ids=lambda column: str(column.type))
def test_nulls_that_torch_cannot_tell_are_a_value_error_with_the_remedy(column):
    remedy = r"nulls in this batch.*nulls=\{'c': 0\}.*nulls='mask'.*with_transform"
    permutation = permutation_of({"ok": [1, 2, 3], "c": column})
    with pytest.raises(ValueError, match=f"column 'c' of type .* has . {remedy}"):
        permutation.take_offsets([0, 1, 2])
    assert permutation.take_offsets([0])["c"] is not None
    assert permutation.remove_columns(["c"]).take_offsets([1]) is not None


@pytest.mark.parametrize("column", NULLS, ids=lambda column: str(column.type))
def test_a_mask_tells_where_values_are(column):
    batch = permutation_of({"c": column}, nulls="mask").take_offsets([0, 1, 2])
    assert batch["c__mask"].dtype == torch.bool
    assert batch["c__mask"].tolist() == column.is_valid().to_pylist()
    known = permutation_of({"c": column.drop_null()}).take_offsets([0])
    rows, expected = batch["c"], known["c"]
    if isinstance(rows, Ragged):
        assert rows.lengths.tolist() == [2, 0, 2]
        rows, expected = rows.to_padded(), expected.to_padded()
    assert rows.dtype == expected.dtype
    assert torch.equal(rows[0], expected[0])
    assert not rows[1].numpy().any()


def test_masks_do_not_come_and_go_with_the_data():
    columns = {"c": [1, None, 3], "s": ["a", None, "b"]}
    permutation = permutation_of(columns, nulls="mask")
    assert list(permutation.take_offsets([0])) == ["c", "s", "c__mask", "s__mask"]
    schema = pa.schema([pa.field("c", pa.int64(), nullable=False)])
    never_null = permutation_of({"c": [1]}, schema=schema, nulls="mask")
    assert list(never_null.take_offsets([0])) == ["c"]
    with pytest.raises(ValueError, match=r"name of another one's mask: \['c__mask'\]"):
        permutation_of({"c": [1], "c__mask": [1]}, nulls="mask").take_offsets([0])


@pytest.mark.parametrize("column", FLOATS, ids=lambda column: str(column.type))
def test_nulls_of_floats_are_nan(column):
    tensor = batch_of(column)
    rows = tensor.isnan().reshape(len(column), -1)
    assert rows.any(1).tolist() == rows.all(1).tolist() == column.is_null().to_pylist()
    with pytest.raises(ValueError, match="column 'c'"):
        batch_of(column, nulls="raise")


def test_nulls_of_bfloat16_are_nan():
    field, array = bfloat16([1, 2, 3])
    array = pa.array([array[0].as_py(), None, array[2].as_py()], pa.binary(2))
    tensor = permutation_of([array], schema=pa.schema([field])).take_offsets([0, 1, 2])["c"]
    assert tensor.isnan().tolist() == [False, True, False]
    assert tensor.dtype == torch.bfloat16


def test_items_of_vectors_and_lists_may_be_null():
    type_ = pa.list_(pa.float32(), 2)
    tensor = batch_of(pa.array([[1, None], [3, 4]], type_))
    assert tensor.isnan().tolist() == [[False, True], [False, False]]
    ragged = batch_of(pa.array([[1.0, None], [3.0]]))
    assert ragged.values.isnan().tolist() == [False, True, False]
    for type_ in (pa.list_(pa.int64(), 2), pa.list_(pa.int64())):
        column = pa.array([[1, None], [3, 4], None], type_)
        with pytest.raises(ValueError, match="column 'c' of type int64 has 1 nulls"):
            batch_of(column, nulls="mask")
        values = batch_of(column, nulls={"c": -1})
        rows = values.to_padded(-1) if isinstance(values, Ragged) else values
        assert rows.tolist() == [[1, -1], [3, 4], [-1, -1]]


def test_values_in_the_place_of_nulls():
    columns = {
        "i": pa.array([None, 2], pa.uint16()),
        "b": [None, True],
        "s": [None, "x"],
        "f": [None, 0.5],
        "t": pa.array([None, 5], pa.timestamp("s")),
    }
    nulls = {"i": 65535, "b": False, "s": "", "f": 0, "t": -1}
    batch = permutation_of(columns, nulls=nulls).take_offsets([0, 1])
    assert batch["i"].numpy().tolist() == [65535, 2]
    assert batch["b"].tolist() == [False, True]
    assert batch["s"] == ["", "x"]
    assert batch["f"].tolist() == [0, 0.5]
    assert batch["t"].tolist() == [-1, 5]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (pa.array([None, 2], pa.uint8()), 256),
        (pa.array([None, 2], pa.int64()), 0.5),
        (pa.array([None, 2], pa.int64()), "x"),
        (pa.array([None, 2.0]), "x"),
        (pa.array([None, "s"]), 1),
    ],
)
def test_a_value_that_the_type_does_not_hold_is_an_error(column, value):
    with pytest.raises(ValueError, match=f"{value!r} cannot stand for the nulls of column 'c'"):
        batch_of(column, nulls={"c": value})


def test_wrong_rules_for_nulls_are_found_by_the_call():
    permutation = permutation_of({"c": [1]}, "python")
    with pytest.raises(ValueError, match="nulls is one of nan, raise, mask, or a dict; not 'zero'"):
        permutation.with_format("torch_batch", nulls="zero")
    with pytest.raises(croupier.NameNotFoundError, match="names `d`.*the columns are: c"):
        permutation.with_format("torch_batch", nulls={"d": 0})
    with pytest.raises(ValueError, match="the format 'pandas' keeps nulls"):
        permutation.with_format("pandas", nulls="nan")
    with pytest.raises(ValueError, match="'torch_row' has no place for masks.*torch, torch_batch"):
        permutation.with_format("torch_row", nulls="mask")
    with pytest.raises(TypeError, match="must be a str or a dict, not int"):
        permutation.with_format("torch_batch", nulls=0)
