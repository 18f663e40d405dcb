import json
import logging
import pickle

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import croupier
from croupier import permutation_builder


@pytest.fixture
def thousand(database):
    return database.create_table("thousand", pa.table({"x": range(1000)}))


def rows_of(permutation_table):
    rows = permutation_table.to_arrow()
    splits = range(len(permutation_table.split_sizes))
    return [rows.filter(pc.field("split_id") == split)["row_id"].to_pylist() for split in splits]


def test_without_splits_all_rows_are_one_split_in_storage_order(thousand):
    permutation = permutation_builder(thousand).execute()
    assert permutation.split_sizes == [1000]
    assert rows_of(permutation) == [list(range(1000))]


def test_the_table_is_what_lancedb_exchanges(thousand):
    permutation = (
        permutation_builder(thousand)
        .split_random(ratios=[0.9, 0.1], seed=3, split_names=["train", "test"])
        .execute()
    )
    schema = permutation.schema
    assert schema.field("row_id").type == pa.uint64()
    assert schema.field("split_id") == pa.field("split_id", pa.uint64(), nullable=False)
    assert json.loads(permutation.metadata["split_names"]) == ["train", "test"]
    assert permutation.metadata["base_version"] == "1"
    assert permutation.base_version == 1
    assert permutation.count_rows() == len(permutation) == 1000
    table = permutation.to_arrow()
    assert table.schema.equals(schema, check_metadata=True)
    assert table["split_id"].to_pylist() == [0] * 900 + [1] * 100
    assert sorted(table["row_id"].to_pylist()) == list(range(1000))


def test_shuffles_are_a_function_of_the_seed(thousand):
    def order(seed):
        return permutation_builder(thousand).shuffle(seed=seed).execute()

    assert order(5).to_arrow() == order(5).to_arrow()
    assert order(5).order_id == order(5).order_id
    assert order(5).to_arrow()["row_id"] != order(6).to_arrow()["row_id"]
    assert order(5).order_id != order(6).order_id
    assert sorted(rows_of(order(5))[0]) == list(range(1000))
    assert rows_of(order(5))[0] != list(range(1000))


def test_without_a_seed_every_build_has_its_own(thousand):
    one, other = (permutation_builder(thousand).shuffle().execute() for _ in range(2))
    assert one.to_arrow()["row_id"] != other.to_arrow()["row_id"]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"ratios": [0.5, 0.3, 0.2]}, [5, 3, 2]),
        ({"ratios": [1 / 3] * 3}, [4, 3, 3]),
        ({"ratios": [0.25, 0.25]}, [3, 3]),
        ({"counts": [6, 2]}, [6, 2]),
        ({"fixed": 3}, [3, 3, 3]),
    ],
)
@pytest.mark.parametrize("kind", ["split_random", "split_sequential"])
def test_sizes_of_splits(numbers, kind, sizes, expected):
    permutation = getattr(permutation_builder(numbers), kind)(**sizes).execute()
    assert permutation.split_sizes == expected
    splits = rows_of(permutation)
    rows = [row for split in splits for row in split]
    assert len(set(rows)) == len(rows) == sum(expected)
    if kind == "split_sequential":
        assert rows == list(range(sum(expected)))


def test_sequential_splits_can_be_shuffled_within(thousand):
    permutation = permutation_builder(thousand).split_sequential(fixed=2).shuffle(seed=1).execute()
    first, second = rows_of(permutation)
    assert sorted(first) == list(range(500))
    assert sorted(second) == list(range(500, 1000))
    assert first != sorted(first)
    assert second != sorted(second)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({}, "Exactly one of 'ratios', 'counts', or 'fixed' must be provided"),
        ({"ratios": [1.0], "fixed": 2}, "Exactly one of 'ratios', 'counts', or 'fixed'"),
        ({"ratios": [0.5, 0.6]}, "Split percentages must sum to 1.0 or less"),
        ({"ratios": [-0.5]}, "Split percentages must be between 0.0 and 1.0"),
        ({"ratios": [float("nan")]}, "Split percentages must be between 0.0 and 1.0"),
        ({"counts": [0, 2]}, "Split counts must be greater than 0"),
        ({"fixed": 0}, "fixed"),
    ],
)
@pytest.mark.parametrize("kind", ["split_random", "split_sequential"])
def test_impossible_sizes_are_errors_at_the_call(numbers, kind, sizes, message):
    with pytest.raises(ValueError, match=message):
        getattr(permutation_builder(numbers), kind)(**sizes)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"ratios": [0.01, 0.5]}, "One of the splits has 1% of 10 rows which rounds to 0 rows"),
        ({"counts": [11]}, "Split counts specified 11 rows but only 10 are available"),
        ({"counts": [2**62] * 4}, "Split counts"),
        (
            {"fixed": 11},
            "Split fixed config specified 11 splits but only 10 rows are available.  Must have at "
            "least 1 row per split.",
        ),
    ],
)
@pytest.mark.parametrize("kind", ["split_random", "split_sequential"])
def test_sizes_that_the_table_cannot_fill_are_errors(numbers, kind, sizes, message):
    with pytest.raises(ValueError, match=message):
        getattr(permutation_builder(numbers), kind)(**sizes).execute()


@pytest.mark.parametrize("names", [["a"], ["a", "b", "c"], ["a", "a"]])
def test_split_names_must_fit_the_splits(numbers, names):
    with pytest.raises(ValueError, match="name"):
        permutation_builder(numbers).split_random(counts=[2, 3], split_names=names).execute()


def test_seeds_are_not_negative(numbers):
    with pytest.raises(OverflowError, match="-1"):
        permutation_builder(numbers).shuffle(seed=-1)
    with pytest.raises(OverflowError, match="-1"):
        permutation_builder(numbers).split_random(fixed=2, seed=-1)


def test_of_two_split_calls_the_last_one_counts(numbers):
    builder = permutation_builder(numbers).split_random(fixed=2).split_sequential(counts=[4])
    assert rows_of(builder.execute()) == [[0, 1, 2, 3]]


def test_a_builder_is_consumed_by_execute(numbers):
    builder = permutation_builder(numbers)
    builder.execute()
    for call in (builder.execute, builder.shuffle, lambda: builder.split_random(fixed=2)):
        with pytest.raises(RuntimeError, match="Builder already consumed"):
            call()


def test_only_tables_have_permutations():
    with pytest.raises(TypeError, match=r"croupier\.Table"):
        permutation_builder(pa.table({"x": [1]}))


def test_a_remainder_is_in_the_repr_and_logged(numbers, caplog):
    with caplog.at_level(logging.INFO, "croupier"):
        permutation = permutation_builder(numbers).split_random(fixed=3, seed=1).execute()
    assert permutation.num_rows_left_out == 1
    assert repr(permutation) == (
        "<croupier.PermutationTable of 'numbers' version 1: 9 rows in 3 splits (0: 3, 1: 3, 2: 3), "
        f"1 left out, order {permutation.order_id}>"
    )
    assert caplog.messages == [repr(permutation)]


def test_permutation_tables_pickle_small(thousand):
    permutation = permutation_builder(thousand).split_random(fixed=3, seed=1).execute()
    again = pickle.loads(pickle.dumps(permutation))
    assert again.to_arrow() == permutation.to_arrow()
    assert again.order_id == permutation.order_id
    assert len(permutation._core.to_bytes([])) < 300


def test_an_empty_table_has_an_empty_permutation(database):
    table = database.create_table("empty", pa.table({"x": pa.array([], pa.int64())}))
    permutation = permutation_builder(table).shuffle(seed=1).execute()
    assert permutation.split_sizes == [0]
    assert permutation.to_arrow().num_rows == 0
    assert list(croupier.Permutation.from_tables(table, permutation).iter(3)) == []
