"""What each type of Arrow becomes in the torch formats."""

from __future__ import annotations

import pickle
import sys
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
import torch
from child_script import run_script
from torch.utils.data import default_collate
from torch_columns import FLOATS, NULLS, batch_of, bfloat16, permutation_of

import croupier
from croupier import Permutation, Ragged
from croupier._torch_formats import to_torch, to_torch_batch

TORCH_FORMATS = ["torch", "torch_row", "torch_col", "torch_batch"]
NUMBER_TYPES = [
    pa.int8(),
    pa.int16(),
    pa.int32(),
    pa.int64(),
    pa.uint8(),
    pa.uint16(),
    pa.uint32(),
    pa.uint64(),
    pa.float16(),
    pa.float32(),
    pa.float64(),
]


@pytest.mark.parametrize("type_", NUMBER_TYPES, ids=str)
def test_numbers_keep_their_type(type_):
    column = pa.array(np.array([1, 2, 3], type_.to_pandas_dtype()), type_)
    tensor = permutation_of({"c": column}).take_offsets([2, 0])["c"]
    assert tensor.shape == (2,)
    assert tensor.dtype == getattr(torch, str(np.dtype(type_.to_pandas_dtype())))
    assert tensor.to(torch.float64).tolist() == [3, 1]


def test_extremes_of_numbers_survive():
    assert batch_of(pa.array([0, 2**64 - 1], pa.uint64())).numpy().tolist() == [0, 2**64 - 1]
    assert batch_of(pa.array([-(2**63)], pa.int64())).tolist() == [-(2**63)]


def test_booleans_and_fixed_size_lists_of_everything_dense():
    batch = permutation_of(
        {
            "flag": [True, False, True],
            "vector": pa.array([[1, 2], [3, 4], [5, 6]], pa.list_(pa.float32(), 2)),
            "flags": pa.array([[True], [False], [True]], pa.list_(pa.bool_(), 1)),
            "matrix": pa.array([[[1, 2, 3], [4, 5, 6]]] * 3, pa.list_(pa.list_(pa.int16(), 3), 2)),
        }
    ).take_offsets([1, 2])
    assert batch["flag"].tolist() == [False, True]
    assert batch["flag"].dtype == torch.bool
    assert batch["vector"].tolist() == [[3, 4], [5, 6]]
    assert batch["flags"].tolist() == [[False], [True]]
    assert batch["matrix"].shape == (2, 2, 3)
    assert batch["matrix"][1].tolist() == [[1, 2, 3], [4, 5, 6]]


def test_fixed_size_lists_are_not_copied():
    vectors = pa.array([[1, 2], [3, 4], [5, 6]], pa.list_(pa.float32(), 2))
    batch = pa.record_batch({"v": vectors})
    address = vectors.values.buffers()[1].address
    assert to_torch_batch(batch)["v"].data_ptr() == address
    assert to_torch_batch(batch.slice(1))["v"].data_ptr() == address + 8
    assert to_torch_batch(batch.slice(1))["v"].tolist() == [[3, 4], [5, 6]]


def test_writing_to_a_batch_does_not_change_the_table(tmp_path):
    numbers = np.random.default_rng(1).random(4096)
    for where in ("memory://", str(tmp_path)):
        table = croupier.connect(where).create_table("t", pa.table({"x": numbers}))
        permutation = Permutation.identity(table).with_format("torch_batch")
        for _ in range(2):
            for batch in permutation.iter(1024):
                batch["x"].zero_()
        assert np.array_equal(permutation.take_offsets(range(4096))["x"].numpy(), numbers)


def test_batches_of_a_loop_are_the_rows_they_should_be():
    vectors = np.arange(60, dtype=np.float32).reshape(20, 3)
    permutation = permutation_of(
        {"v": pa.FixedSizeListArray.from_arrays(vectors.ravel(), 3), "x": range(20)}
    )
    loop = list(permutation.iter(6))
    assert [len(batch["x"]) for batch in loop] == [6, 6, 6, 2]
    assert torch.cat([batch["x"] for batch in loop]).tolist() == list(range(20))
    assert np.array_equal(torch.cat([batch["v"] for batch in loop]).numpy(), vectors)


def test_bfloat16_keeps_its_bits():
    values = [1.5, -2.0, float("inf"), 2.0**-130]
    field, array = bfloat16(values)
    tensor = permutation_of([array], schema=pa.schema([field])).take_offsets([0, 1, 2, 3])["c"]
    assert tensor.dtype == torch.bfloat16
    assert tensor.to(torch.float32).tolist() == values


def test_vectors_of_bfloat16():
    field, array = bfloat16([1, 2, 3, 4])
    type_ = pa.list_(field.with_name("item"), 2)
    vectors = pa.FixedSizeListArray.from_arrays(array, type=type_)
    batch = pa.record_batch([vectors], schema=pa.schema([pa.field("c", type_)]))
    tensor = to_torch_batch(batch)["c"]
    assert tensor.dtype == torch.bfloat16
    assert tensor.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("type_", "counts"),
    [
        (pa.date32(), [-1, 19000]),
        (pa.date64(), [0, 86_400_000]),
        (pa.time32("s"), [0, 86_399]),
        (pa.time64("us"), [0, 86_399_999_999]),
        (pa.timestamp("ns"), [-1, 2**62]),
        (pa.timestamp("ms", "Europe/Berlin"), [0, 1_700_000_000_123]),
        (pa.duration("us"), [-5, 7]),
    ],
    ids=str,
)
def test_times_are_int64_counts_of_their_unit(type_, counts):
    storage = pa.int32() if type_.bit_width == 32 else pa.int64()
    tensor = batch_of(pa.array(counts, storage).cast(type_))
    assert tensor.dtype == torch.int64
    assert tensor.tolist() == counts


def test_decimals_are_the_nearest_float64():
    tensor = batch_of(pa.array([Decimal("0.10"), None, Decimal("-3.25")], pa.decimal128(10, 2)))
    assert tensor.dtype == torch.float64
    assert torch.equal(tensor[[0, 2]], torch.tensor([0.1, -3.25], dtype=torch.float64))
    assert tensor[1].isnan()


def test_fixed_size_binary_is_bytes_by_row():
    tensor = batch_of(pa.array([b"abc", b"def"], pa.binary(3)))
    assert tensor.dtype == torch.uint8
    assert [bytes(row.tolist()) for row in tensor] == [b"abc", b"def"]


def test_text_and_binary_are_lists():
    assert batch_of(["a", None, "ü"]) == ["a", None, "ü"]
    assert batch_of(pa.array([b"a", b"\0"], pa.large_binary())) == [b"a", b"\0"]


def test_dictionaries_give_their_values():
    assert batch_of(pa.array(["x", None, "x"]).dictionary_encode()) == ["x", None, "x"]
    codes = pa.array([7.5, 1.5, 7.5]).dictionary_encode()
    assert to_torch_batch(pa.record_batch({"c": codes}))["c"].tolist() == [7.5, 1.5, 7.5]


def test_tensors_of_fixed_shape():
    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    tensor = batch_of(pa.FixedShapeTensorArray.from_numpy_ndarray(values))
    assert np.array_equal(tensor.numpy(), values)
    # Stored by columns: the logical shape is that of the array that it was made of.
    turned = pa.FixedShapeTensorArray.from_numpy_ndarray(values.transpose(0, 2, 1))
    assert np.array_equal(batch_of(turned).numpy(), turned.to_numpy_ndarray())


def test_structs_are_dicts_and_null_where_they_are():
    column = pa.array([{"a": 1.5, "s": "x"}, None, {"a": None, "s": "y"}])
    batch = batch_of(column)
    assert batch["a"].dtype == torch.float64
    assert batch["a"].isnan().tolist() == [False, True, True]
    assert batch["s"] == ["x", None, "y"]
    numbers = pa.array([{"a": {"b": 1}}, {"a": None}])
    with pytest.raises(ValueError, match=r"column 'c\.a\.b' of type int64 has 1 nulls"):
        batch_of(numbers)
    masked = batch_of(numbers, nulls="mask")
    assert masked["a"]["b__mask"].tolist() == [True, False]
    assert list(masked) == ["a"]


def test_lists_are_ragged():
    ragged = batch_of(pa.array([[1, 2], [], [3, 4, 5]], pa.list_(pa.int16())))
    assert isinstance(ragged, Ragged)
    assert ragged.values.tolist() == [1, 2, 3, 4, 5]
    assert ragged.values.dtype == torch.int16
    assert ragged.offsets.tolist() == [0, 2, 2, 5]
    assert ragged.lengths.tolist() == [2, 0, 3]
    assert ragged.to_padded(-1).tolist() == [[1, 2, -1], [-1, -1, -1], [3, 4, 5]]
    assert ragged.to_padded(length=2).tolist() == [[1, 2], [0, 0], [3, 4]]
    assert [row.tolist() for row in ragged.unbind()] == [[1, 2], [], [3, 4, 5]]


def test_ragged_lists_unpack_into_nested_tensors():
    ragged = batch_of([[1, 2], [], [3, 4, 5]])
    nested = torch.nested.nested_tensor_from_jagged(*ragged)
    assert [row.tolist() for row in nested.unbind()] == [[1, 2], [], [3, 4, 5]]


def test_lists_of_a_slice_begin_at_zero():
    lists = pa.array([[9], [1, 2], [3]], pa.large_list(pa.float32()))
    ragged = to_torch_batch(pa.record_batch({"c": lists}).slice(1))["c"]
    assert ragged.values.tolist() == [1, 2, 3]
    assert ragged.offsets.tolist() == [0, 2, 3]


def test_lists_of_vectors_strings_structs_and_lists():
    vectors = batch_of(pa.array([[[1, 2]], [[3, 4], [5, 6]]], pa.list_(pa.list_(pa.int8(), 2))))
    assert vectors.values.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert vectors.to_padded().tolist() == [[[1, 2], [0, 0]], [[3, 4], [5, 6]]]
    words = batch_of([["a", "b"], []])
    assert words.unbind() == [["a", "b"], []]
    with pytest.raises(TypeError, match="items that are a list"):
        words.to_padded()
    boxes = batch_of([[{"x": 1}, {"x": 2}], [{"x": 3}]])
    assert boxes.values["x"].tolist() == [1, 2, 3]
    assert boxes.unbind()[0]["x"].tolist() == [1, 2]
    nested = batch_of([[[1], [2, 3]], [], [[4]]])
    assert nested.values.offsets.tolist() == [0, 1, 3, 4]
    assert [[v.tolist() for v in row.unbind()] for row in nested.unbind()] == [
        [[1], [2, 3]],
        [],
        [[4]],
    ]


def test_maps_are_lists_of_keys_and_values():
    column = pa.array([[("a", 1), ("b", 2)], [("c", 3)]], pa.map_(pa.string(), pa.int32()))
    ragged = to_torch_batch(pa.record_batch({"c": column}))["c"]
    assert ragged.values["key"] == ["a", "b", "c"]
    assert ragged.values["value"].tolist() == [1, 2, 3]
    assert ragged.offsets.tolist() == [0, 2, 3]


def test_blobs_are_their_bytes_or_their_descriptors(tmp_path):
    lance = pytest.importorskip("lance")
    field = pa.field("c", pa.large_binary(), metadata={"lance-encoding:blob": "true"})
    rows = pa.table([pa.array([b"one", b"three"], field.type)], pa.schema([field]))
    uri = str(tmp_path / "blobs.lance")
    lance.write_dataset(rows, uri, data_storage_version="2.1")
    read = croupier.open_dataset(uri, read_blobs=True)
    batch = Permutation.identity(read).with_format("torch_batch").take_offsets([1, 0])
    assert batch["c"] == [b"three", b"one"]
    described = Permutation.identity(croupier.open_dataset(uri)).with_format("torch_batch")
    assert described.take_offsets([1, 0])["c"]["size"].numpy().tolist() == [5, 3]


def test_the_representation_names_format_and_rule():
    permutation = permutation_of({"c": [1]}, nulls={"c": 0})
    assert "format torch_batch (nulls={'c': 0})" in repr(permutation)
    assert "format torch_batch," in repr(permutation.with_format("torch_batch"))


@pytest.mark.parametrize("format", TORCH_FORMATS)
@pytest.mark.parametrize(
    "column",
    [pa.nulls(2), pa.array([[["a"]]] * 2, pa.list_(pa.list_(pa.string(), 1), 1))],
    ids=["null", "vectors of text"],
)
def test_what_has_no_tensor_is_a_type_error_with_the_remedy(format, column):
    batch = pa.record_batch({"ok": [1, 2], "c": column})
    transform = permutation_of({"ok": [1]}, format).transform_fn
    with pytest.raises(TypeError, match="column 'c' of type .* has no torch tensor; leave the"):
        transform(batch)


@pytest.mark.parametrize("format", ["torch_row", "torch_col"])
@pytest.mark.parametrize("column", [["a", "b"], [[1], [2, 3]], [{"a": 1}] * 2], ids=repr)
def test_one_tensor_has_no_place_for_text_lists_and_structs(format, column):
    permutation = permutation_of({"ok": [1, 2], "c": column}, format)
    with pytest.raises(TypeError, match="column 'c' of type .* has no place.*'torch_batch'"):
        permutation.take_offsets([0, 1])


def test_rows_of_torch_have_what_the_batch_has():
    columns = {
        "v": pa.array([[1, 2], [3, 4]], pa.list_(pa.float32(), 2)),
        "s": ["a", "b"],
        "l": [[1], [2, 3]],
        "d": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}],
        "n": pa.array([None, 5], pa.int64()),
    }
    rows = permutation_of(columns, "torch", nulls="mask").take_offsets([1, 0])
    assert rows[0]["v"].tolist() == [3, 4]
    assert rows[0]["l"].tolist() == [2, 3]
    assert rows[0]["d"]["a"].tolist() == 2
    assert rows[1]["n__mask"].item() is False
    for row in rows:
        del row["l"], row["l__mask"]
    batch = default_collate(rows)
    assert batch["v"].tolist() == [[3, 4], [1, 2]]
    assert batch["s"] == ["b", "a"]
    assert batch["d"]["a"].tolist() == [2, 1]
    assert batch["n__mask"].tolist() == [True, False]


def test_types_that_torch_does_not_join_are_a_type_error():
    columns = {"u": pa.array([1], pa.uint16()), "i": pa.array([2], pa.int32())}
    with pytest.raises(TypeError, match="no common type.*'u': 'torch.uint16'.*'torch_row'"):
        permutation_of(columns, "torch_col").take_offsets([0])
    assert permutation_of(columns, "torch_row")[0][0].tolist() == [1, 2]


def test_torch_row_joins_types_and_nulls_as_lancedb_does():
    rows = permutation_of(
        {"i": pa.array([1, None], pa.int32()), "f": pa.array([0.5, None], pa.float32())},
        "torch_row",
    ).take_offsets([0, 1])
    assert rows[0].tolist() == [1, 0.5]
    assert rows[1].isnan().all()
    assert rows[0].dtype == torch.float64
    field, array = bfloat16([1.5])
    schema = pa.schema([field, pa.field("f", pa.float32())])
    mixed = permutation_of([array, pa.array([2.5], pa.float32())], "torch_row", schema)
    assert mixed[0][0].tolist() == [1.5, 2.5]
    assert mixed[0][0].dtype == torch.float32


COLUMNS_OF_MANY_TYPES = {
    "x": pa.array([1, None, 3], pa.int64()),
    "v": pa.array([[1, 2]] * 3, pa.list_(pa.float32(), 2)),
    "l": [[1], [], [2, 3]],
    "d": [{"a": 1.0, "s": "x"}] * 3,
    "t": pa.array([1, 2, None], pa.timestamp("us")),
    "b": [True, False, None],
}


@pytest.mark.parametrize("format", ["torch", "torch_batch"])
def test_formats_pickle_with_their_rules(format):
    permutation = permutation_of(COLUMNS_OF_MANY_TYPES, format, nulls="mask")
    again = pickle.loads(pickle.dumps(permutation))
    ours, theirs = permutation.take_offsets([0]), again.take_offsets([0])
    assert str(ours) == str(theirs)


WORKERS = """
import sys
import pyarrow as pa
from torch.utils.data import DataLoader
import croupier
from croupier.util import keep_batch

if __name__ == "__main__":
    table = croupier.connect("memory://").create_table("t", pa.table({
        "x": pa.array([1, None, 3], pa.int64()),
        "v": pa.array([[1, 2]] * 3, pa.list_(pa.float32(), 2)),
        "l": [[1], [], [2, 3]],
        "d": [{"a": 1.0, "s": "x"}] * 3,
    }))
    permutation = croupier.Permutation.identity(table).with_format("torch_batch", nulls="mask")
    loader = DataLoader(permutation, batch_size=2, num_workers=1, collate_fn=keep_batch,
                        multiprocessing_context=sys.argv[1])
    batches = list(loader)
    assert str(batches) == str(list(permutation.iter(2)))
    print(type(batches[0]["l"]).__name__)
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_batches_go_between_processes(tmp_path, method):
    assert run_script(tmp_path, WORKERS, method) == "Ragged\n"


def test_empty_batches_of_every_type():
    columns = {**COLUMNS_OF_MANY_TYPES, "h": pa.array([b"ab"] * 3, pa.binary(2))}
    batch = permutation_of(columns, nulls="mask").take_offsets([])
    assert batch["v"].shape == (0, 2)
    assert batch["h"].shape == (0, 2)
    assert batch["l"].offsets.tolist() == [0]
    assert batch["l"].to_padded().shape == (0, 0)
    assert batch["d"]["s"] == []
    assert batch["b"].dtype == torch.bool
    assert permutation_of(columns, "torch", nulls="mask").take_offsets([]) == []


EVERY_TYPE = [
    *(column for column in COLUMNS_OF_MANY_TYPES.values()),
    *FLOATS,
    *NULLS,
    pa.array([None, "a", "b"]),
    pa.array([b"x", None, b"y"], pa.binary_view()),
    pa.array(["x", None, "y"]).dictionary_encode(),
    pa.array([[("a", 1)], None, [("b", 2), ("c", None)]], pa.map_(pa.string(), pa.float32())),
    pa.array([[], None, []], pa.list_(pa.int8(), 0)),
    pa.array([None, [["a"], []], [["b", "c"]]]),
    pa.array([[{"a": [1]}], None, [{"a": [2, 3]}]]),
    pa.array([Decimal(1), None, Decimal(3)], pa.decimal256(60, 2)),
    pa.array([b"0" * 16, None, b"1" * 16], pa.uuid()),
    pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, None, 5], pa.int8())),
    pa.ExtensionArray.from_storage(
        pa.fixed_shape_tensor(pa.float32(), [2, 1]),
        pa.array([[1, 2], None, [3, 4]], pa.list_(pa.float32(), 2)),
    ),
    pa.StructArray.from_arrays(
        [pa.array([1, 2, 3]), pa.array([[1], [2, 3], [4]])],
        ["a", "l"],
        mask=pa.array([False, True, False]),
    ),
]


@pytest.mark.parametrize(
    "column", EVERY_TYPE, ids=lambda column: str(getattr(column, "type", "python"))
)
def test_slices_of_a_batch_are_slices_of_what_it_makes(column):
    batch = pa.record_batch({"c": column})
    rows = to_torch(batch, "mask")
    for begin in range(4):
        for end in range(begin, 4):
            part = batch.slice(begin, end - begin)
            assert str(to_torch(part, "mask")) == str(rows[begin:end])


def count_calls_and_blocks(batch: pa.RecordBatch) -> tuple[int, int]:
    """Count calls of Python and C functions, and blocks of memory that the result keeps."""
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    to_torch_batch(batch, "mask")
    before = sys.getallocatedblocks()
    sys.setprofile(count)
    try:
        result = to_torch_batch(batch, "mask")
    finally:
        sys.setprofile(None)
    kept = sys.getallocatedblocks() - before
    assert len(result["x"]) == len(batch)
    return calls, kept


def test_torch_batch_makes_no_python_object_for_a_row():
    def batch_of_rows(num_rows: int) -> pa.RecordBatch:
        x = np.arange(num_rows)
        mask = x % 3 == 0
        offsets = pa.array(np.arange(num_rows + 1) * 2, pa.int32())
        return pa.record_batch(
            {
                "x": pa.array(x, mask=mask),
                "b": pa.array(x % 2 == 0, mask=mask),
                "v": pa.FixedSizeListArray.from_arrays(np.repeat(x, 4), 4),
                "l": pa.ListArray.from_arrays(offsets, np.repeat(x, 2)),
                "t": pa.array(x, pa.timestamp("us"), mask=mask),
                "d": pa.StructArray.from_arrays([pa.array(x / 2)], ["f"]),
                "h": pa.array(x % 5).dictionary_encode(),
            }
        )

    few, many = (count_calls_and_blocks(batch_of_rows(rows)) for rows in (10, 100_000))
    assert many[0] == few[0]
    assert abs(many[1] - few[1]) < 100
