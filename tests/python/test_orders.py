"""Filters, splits by value, clumps, windows and shards: what the builder makes of a table."""

from __future__ import annotations

import pickle
from collections import Counter
from itertools import chain, pairwise

import pyarrow as pa
import pytest

import croupier
from croupier import Permutation, Permutations, permutation_builder

NUM_ROWS = 1000


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    return pa.table(
        {
            "x": range(NUM_ROWS),
            "label": [None if i % 50 == 7 else "abc"[i % 7 % 3] for i in range(NUM_ROWS)],
            "group": [i // 10 * 37 % 101 for i in range(NUM_ROWS)],
        }
    )


@pytest.fixture(scope="module", params=["memory", "local", "stable", "deleted"])
def table(request, rows, tmp_path_factory) -> croupier.Table:
    """Tables in memory and in files, of several fragments, with stable row ids and deletions."""
    uri = "memory://" if request.param == "memory" else tmp_path_factory.mktemp("orders")
    database = croupier.connect(uri)
    options = {"stable_row_ids": request.param == "stable", "max_rows_per_file": 300}
    if request.param != "deleted":
        return database.create_table("t", rows, **options)
    more = pa.table({"x": [-1] * 100, "label": ["z"] * 100, "group": [-1] * 100})
    table = database.create_table("t", pa.concat_tables([rows, more.cast(rows.schema)]), **options)
    table.delete("x < 0")
    return table


def xs_of(table: croupier.Table, permutation, split=None) -> list[int]:
    read = Permutation.from_tables(table, permutation, split).select_columns(["x"])
    column = read.with_format("python_col").take_offsets(range(len(read)))["x"]
    assert isinstance(column, list)
    return column


def all_xs(table: croupier.Table, permutation) -> list[list[int]]:
    return [xs_of(table, permutation, split) for split in range(len(permutation.split_sizes))]


class TestFilter:
    def test_only_rows_that_it_keeps_are_there(self, table):
        kept = permutation_builder(table).filter("x % 3 = 0 and label is not null").execute()
        expected = [i for i in range(0, NUM_ROWS, 3) if i % 50 != 7]
        assert xs_of(table, kept) == expected
        shuffled = permutation_builder(table).filter("x % 3 = 0").shuffle(seed=3).execute()
        assert xs_of(table, shuffled) != list(range(0, NUM_ROWS, 3))
        assert sorted(xs_of(table, shuffled)) == list(range(0, NUM_ROWS, 3))
        assert not shuffled.is_computed
        assert shuffled.num_list_bytes <= 8 * len(shuffled)

    def test_splits_are_cut_from_what_is_left(self, table):
        builder = permutation_builder(table).split_random(ratios=[0.8, 0.2], seed=1)
        permutation = builder.filter("x < 100").execute()
        assert permutation.split_sizes == [80, 20]
        assert sorted(chain(*all_xs(table, permutation))) == list(range(100))

    def test_nothing_left_is_an_empty_permutation_or_no_split(self, table):
        empty = permutation_builder(table).filter("x > 1e6").execute()
        assert len(empty) == 0
        assert list(Permutation.from_tables(table, empty)) == []
        builder = permutation_builder(table).filter("x > 1e6").split_random(fixed=2)
        with pytest.raises(ValueError, match="only 0 rows are available"):
            builder.execute()

    def test_errors_are_told_at_once(self, table):
        with pytest.raises(ValueError, match="x >\n"):
            permutation_builder(table).filter("x >")
        with pytest.raises(croupier.NameNotFoundError, match="zz"):
            permutation_builder(table).filter("zz > 3")
        with pytest.raises(TypeError):
            permutation_builder(table).filter("x + 1")
        with pytest.raises(ValueError, match=";"):
            permutation_builder(table).filter("x > 3; drop")

    def test_it_may_name_row_ids(self, table):
        permutation = permutation_builder(table).filter("_rowoffset < 5").execute()
        assert xs_of(table, permutation) == [0, 1, 2, 3, 4]


class TestSplitsByValue:
    def test_an_expression_gives_the_number_of_the_split(self, table):
        permutation = permutation_builder(table).split_calculated("x % 3").execute()
        assert all_xs(table, permutation) == [list(range(k, NUM_ROWS, 3)) for k in range(3)]
        by_truth = permutation_builder(table).split_calculated("x >= 900", ["train", "test"])
        assert Permutations(table, by_truth.execute())["test"].num_rows == 100

    def test_a_null_leaves_the_row_out_and_a_negative_number_is_an_error(self, table):
        calculation = "case when x < 10 then 1 end"
        permutation = permutation_builder(table).split_calculated(calculation).execute()
        assert all_xs(table, permutation) == [[], list(range(10))]
        assert permutation.num_rows_left_out == NUM_ROWS - 10
        with pytest.raises(ValueError, match="out of range: -1"):
            permutation_builder(table).split_calculated("-1").execute()
        with pytest.raises(TypeError, match="must be an integer"):
            permutation_builder(table).split_calculated("label")

    def test_hashed_rows_keep_their_splits_when_rows_are_added(self, tmp_path, rows):
        table = croupier.connect(tmp_path).create_table("t", rows)
        before = permutation_builder(table).split_hash(["x"], [8, 1, 1]).execute()
        old = all_xs(table, before)
        more = rows.set_column(0, "x", pa.array(range(NUM_ROWS, 2 * NUM_ROWS)))
        table.add(more)
        after = permutation_builder(table).split_hash(["x"], [8, 1, 1]).execute()
        new = all_xs(table, after)
        assert [[x for x in split if x < NUM_ROWS] for split in new] == old
        assert sum(map(len, new)) == 2 * NUM_ROWS
        assert 700 < len(old[0]) < 880

    def test_hashes_are_of_values(self, rows):
        database = croupier.connect("memory://")
        texts = [str(i % 13) for i in range(NUM_ROWS)]
        splits = []
        for name, column in {
            "string": pa.array(texts),
            "large": pa.array(texts, pa.large_string()),
            "dictionary": pa.array(texts).dictionary_encode(),
        }.items():
            table = database.create_table(name, pa.table({"x": range(NUM_ROWS), "key": column}))
            permutation = permutation_builder(table).split_hash("key", [1, 1]).execute()
            splits.append(all_xs(table, permutation))
        assert splits[0] == splits[1] == splits[2]
        assert all(splits[0])

    def test_discarded_weight_leaves_rows_out(self, table):
        permutation = permutation_builder(table).split_hash(["x"], [1], discard_weight=3).execute()
        assert 180 < len(permutation) < 320
        assert permutation.num_rows_left_out == NUM_ROWS - len(permutation)

    def test_no_group_is_in_two_splits(self, table, rows):
        builder = permutation_builder(table).split_grouped("group", ratios=[0.5, 0.5], seed=4)
        groups = rows["group"].to_pylist()
        seen = [{groups[x] for x in split} for split in all_xs(table, builder.execute())]
        assert not seen[0] & seen[1]
        assert seen[0] | seen[1] == set(groups)

    def test_strata_have_the_same_ratios_in_every_split(self, table, rows):
        builder = permutation_builder(table).split_stratified("label", ratios=[0.7, 0.3], seed=5)
        permutation = builder.execute()
        assert sum(permutation.split_sizes) == NUM_ROWS
        labels = rows["label"].to_pylist()
        whole = Counter(labels)
        for split, share in zip(all_xs(table, permutation), (0.7, 0.3), strict=True):
            for label, count in Counter(labels[x] for x in split).items():
                assert abs(count - share * whole[label]) < 1, label

    @pytest.mark.parametrize("split", ["split_stratified", "split_grouped"])
    def test_equal_shares_take_every_row(self, table, split):
        builder = permutation_builder(table)
        permutation = getattr(builder, split)("group", fixed=7, seed=6).execute()
        assert sum(permutation.split_sizes) == NUM_ROWS
        assert permutation.num_rows_left_out == 0

    def test_errors(self, table):
        builder = permutation_builder(table)
        for call, error, message in (
            (lambda: builder.split_hash([], [1]), ValueError, "At least one column"),
            (lambda: builder.split_hash(["x"], []), ValueError, "At least one split"),
            (lambda: builder.split_hash(["x"], [1, 0]), ValueError, "greater than 0: 0"),
            (lambda: builder.split_hash(["x", "x"], [1]), ValueError, "twice"),
            (lambda: builder.split_hash(["zz"], [1]), croupier.NameNotFoundError, "zz"),
            (lambda: builder.split_grouped("x", ratios=[0.6, 0.6]), ValueError, "sum to 1.0"),
            (lambda: builder.split_grouped("x", ratios=[float("nan")]), ValueError, "between"),
            (lambda: builder.split_grouped("x"), ValueError, "Exactly one"),
            (lambda: builder.split_stratified("x", fixed=0), ValueError, "greater than 0"),
            (lambda: builder.split_calculated("zz"), croupier.NameNotFoundError, "zz"),
        ):
            with pytest.raises(error, match=message):
                call()


class TestFolds:
    @pytest.mark.parametrize("shuffle", [False, True])
    def test_folds_cover_all_rows(self, table, shuffle):
        permutation = permutation_builder(table).split_kfold(7, shuffle=shuffle, seed=1).execute()
        assert sorted(permutation.split_sizes) == [142, 143, 143, 143, 143, 143, 143]
        assert sorted(chain(*all_xs(table, permutation))) == list(range(NUM_ROWS))

    @pytest.mark.parametrize("interleave", [False, True])
    def test_a_fold_is_left_out(self, table, interleave):
        folds = Permutations(table, permutation_builder(table).split_kfold(5, seed=1).execute())
        train = folds.without(2, interleave=interleave).select_columns(["x"])
        held_out = {row["x"] for row in folds[2].take_offsets(range(len(folds[2])))}
        xs = [row["x"] for row in train.take_offsets(range(len(train)))]
        assert len(xs) == 800
        assert set(xs) == set(range(NUM_ROWS)) - held_out
        first = [row["x"] for row in folds[0].take_offsets(range(len(folds[0])))]
        assert (xs[:200] == first) != interleave
        again = pickle.loads(pickle.dumps(train))
        assert [row["x"] for row in again.take_offsets(range(len(again)))] == xs

    def test_splits_are_joined_by_name_in_the_order_asked_for(self, table):
        names = ["a", "b", "c"]
        builder = permutation_builder(table).split_sequential(fixed=3, split_names=names)
        permutation = builder.execute()
        joined = Permutations(table, permutation).join(["c", "a"])
        assert joined.split == (2, 0)
        assert [row["x"] for row in joined.take_offsets([0, 332, 333, 665])] == [666, 998, 0, 332]
        with pytest.raises(ValueError, match="twice"):
            Permutation.from_tables(table, permutation, ["a", 0])


class TestClumps:
    @pytest.mark.parametrize("clump_size", [1, 7, 64, 999, 1000, 5000])
    def test_rows_of_a_clump_stay_together(self, table, clump_size):
        permutation = permutation_builder(table).shuffle(seed=2, clump_size=clump_size).execute()
        xs = xs_of(table, permutation)
        assert sorted(xs) == list(range(NUM_ROWS))
        for before, after in pairwise(xs):
            assert after == before + 1 or after % clump_size == 0
        assert permutation.is_computed

    def test_windows_mix_the_rows_of_their_clumps(self, table):
        clumped = permutation_builder(table).shuffle(seed=2, clump_size=10).execute()
        windowed = (
            permutation_builder(table).shuffle(seed=2, clump_size=10, window_clumps=5).execute()
        )
        of_clumps, of_windows = xs_of(table, clumped), xs_of(table, windowed)
        assert of_clumps != of_windows
        for begin in range(0, NUM_ROWS, 50):
            assert sorted(of_clumps[begin : begin + 50]) == sorted(of_windows[begin : begin + 50])

    def test_random_splits_are_cut_between_rows_of_clumps(self, table):
        builder = permutation_builder(table)
        permutation = builder.split_random(fixed=4, seed=3, clump_size=50).execute()
        for split in all_xs(table, permutation):
            assert {x // 50 * 50 for x in split} == {x for x in split if x % 50 == 0}

    def test_sizes_that_are_not_positive_are_refused(self, table):
        for arguments in ({"clump_size": 0}, {"window_clumps": -1}):
            with pytest.raises(ValueError, match="greater than 0"):
                permutation_builder(table).shuffle(**arguments)


class TestShards:
    @pytest.mark.parametrize("of_builder", [False, True])
    @pytest.mark.parametrize(
        ("remainder", "sizes"),
        [("spread", [334, 333, 333]), ("drop", [333] * 3), ("repeat", [334] * 3)],
    )
    def test_shards_divide_what_is_read(self, table, remainder, sizes, of_builder):
        whole = xs_of(table, permutation_builder(table).shuffle(seed=8).execute())
        for index in range(3):
            builder = permutation_builder(table).shuffle(seed=8)
            if of_builder:
                permutation = builder.shard(3, index, remainder=remainder).execute()
                xs = xs_of(table, permutation)
            else:
                read = Permutation.from_tables(table, builder.execute())
                part = read.shard(3, index, remainder=remainder)
                xs = [row["x"] for row in part.take_offsets(range(len(part)))]
            assert len(xs) == sizes[index]
            assert xs == [whole[(index + 3 * k) % NUM_ROWS] for k in range(sizes[index])]

    def test_errors(self, table):
        with pytest.raises(ValueError, match="3 of 3"):
            permutation_builder(table).shard(3, 3)
        with pytest.raises(ValueError, match="remainder"):
            Permutation.identity(table).shard(3, 0, remainder="pad")


class TestSameEverywhere:
    def test_the_order_does_not_depend_on_what_kind_of_table_it_is(self, rows, tmp_path):
        orders = []
        for uri, options in (
            ("memory://", {}),
            (tmp_path, {"max_rows_per_file": 77}),
            (tmp_path / "stable", {"stable_row_ids": True}),
        ):
            table = croupier.connect(uri).create_table("t", rows, **options)
            permutation = (
                permutation_builder(table)
                .filter("x % 5 <> 0")
                .split_random(ratios=[0.5, 0.5], seed=1, clump_size=3)
                .shuffle(seed=2, clump_size=4, window_clumps=6)
                .shard(2, 1)
                .execute()
            )
            orders.append((permutation.order_id, all_xs(table, permutation)))
        assert orders[0] == orders[1] == orders[2]

    def test_lists_that_are_spilled_are_the_same(self, table, tmp_path):
        builders = [
            permutation_builder(table).filter("x % 3 <> 1").split_hash("x", [2, 1]).shuffle(seed=1)
            for _ in range(2)
        ]
        permutations = [
            builders[0].execute(),
            builders[1].execute(memory_limit=1, temp_dir=str(tmp_path)),
        ]
        assert all_xs(table, permutations[0]) == all_xs(table, permutations[1])
        assert list(tmp_path.iterdir()) == []
        with pytest.raises(OSError, match="temporary file"):
            permutation_builder(table).filter("x % 3 <> 1").execute(
                memory_limit=1, temp_dir=str(tmp_path / "nowhere")
            )
