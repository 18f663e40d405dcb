import logging
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import croupier
from croupier import Permutation, Permutations, permutation_builder


@pytest.fixture
def identity(numbers):
    return Permutation.identity(numbers)


@pytest.fixture
def order(numbers):
    return (
        permutation_builder(numbers)
        .split_random(counts=[7, 3], seed=9, split_names=["train", "test"])
        .execute()
    )


def num_reading_threads():
    tasks = Path("/proc/self/task").iterdir()
    return sum((task / "comm").read_text() == "croupier-read\n" for task in tasks)


def xs(permutation, batch_size=3):
    batches = permutation.with_format("python_col").iter(batch_size)
    return [x for batch in batches for x in batch["x"]]


class TestPermutations:
    def test_splits_are_found_by_name_and_number(self, numbers, order):
        splits = Permutations(numbers, order)
        assert splits.split_names == ["train", "test"]
        assert splits.split_dict == {"train": 0, "test": 1}
        assert splits.base_table.uri == numbers.uri
        assert splits.permutation_table is order
        assert xs(splits["test"]) == xs(splits[1]) == xs(splits[-1]) == xs(splits.get_by_index(1))
        assert sorted(xs(splits["train"]) + xs(splits.get_by_name("test"))) == list(range(10))

    def test_they_are_a_collection(self, numbers, order):
        splits = Permutations(numbers, order)
        assert len(splits) == 2
        assert [len(split) for split in splits] == [7, 3]
        assert "train" in splits
        assert 1 in splits
        assert "valid" not in splits
        assert 2 not in splits
        assert "'train': 7, 'test': 3" in repr(splits)

    def test_what_is_not_there_is_an_error(self, numbers, order):
        splits = Permutations(numbers, order)
        with pytest.raises(ValueError, match="No split named `valid` found; .*: train, test"):
            splits["valid"]
        for index in (2, -3):
            with pytest.raises(IndexError, match=f"{index} of 2"):
                splits[index]
        with pytest.raises(TypeError, match="Invalid split name or index: None"):
            splits[None]

    def test_unnamed_splits(self, numbers):
        splits = Permutations(numbers, permutation_builder(numbers).split_random(fixed=2).execute())
        assert (splits.split_names, splits.split_dict) == ([], {})
        with pytest.raises(KeyError, match="No split named `0` found"):
            splits["0"]

    def test_they_pickle(self, numbers, order):
        splits = Permutations(numbers, order)
        again = pickle.loads(pickle.dumps(splits))
        assert again.split_names == splits.split_names
        assert xs(again["train"]) == xs(splits["train"])


class TestFromTables:
    def test_the_first_split_is_the_default(self, numbers, order):
        assert xs(Permutation.from_tables(numbers, order)) == xs(Permutations(numbers, order)[0])
        assert xs(Permutation.from_tables(numbers)) == list(range(10))
        assert len(Permutation.from_tables(numbers, order, "test")) == 3

    def test_errors_tell_what_is_wrong(self, numbers, order):
        unnamed = permutation_builder(numbers).execute()
        cases = [
            (
                None,
                "train",
                ValueError,
                "on split `train` because no permutation table is provided",
            ),
            (unnamed, "train", ValueError, "because no split names are defined in the permutation"),
            (order, "valid", ValueError, "split `valid` is not defined in the permutation table"),
            (order, 1.5, TypeError, "Invalid split: 1.5"),
            (order, 2, IndexError, "2"),
            (order, -3, IndexError, "-3"),
            (order, [], ValueError, "at least one split"),
            (order, [0, "train"], ValueError, "given twice"),
        ]
        for permutation_table, split, error, message in cases:
            with pytest.raises(error, match=message):
                Permutation.from_tables(numbers, permutation_table, split)

    def test_other_objects_are_type_errors(self, numbers, order):
        with pytest.raises(TypeError, match="base_table"):
            Permutation.identity(pa.table({"x": [1]}))
        with pytest.raises(TypeError, match="permutation_table"):
            Permutation.from_tables(numbers, order.to_arrow())

    def test_a_permutation_of_another_table_is_refused(self, database, numbers, order):
        other = database.create_table("other", numbers.to_arrow())
        with pytest.raises(
            ValueError, match=r"another table: memory:.*/numbers\.lance, not memory:.*/other"
        ):
            Permutation.from_tables(other, order)
        shorter = croupier.connect("memory://").create_table("numbers", numbers.to_arrow()[:5])
        with pytest.raises(ValueError, match="another table"):
            Permutations(shorter, order)

    def test_a_permutation_reads_the_version_that_it_was_built_on(self, lance_uri):
        import lance

        table = croupier.open_dataset(lance_uri)
        order = permutation_builder(table).shuffle(seed=1).execute()
        before = xs(Permutation.from_tables(table, order))
        lance.write_dataset(pa.table({"x": [1], "s": ["new"]}), lance_uri, mode="append")
        newer = croupier.open_dataset(lance_uri)
        assert newer.version == table.version + 1
        assert xs(Permutation.from_tables(newer, order)) == before
        assert xs(Permutation.from_tables(table, order)) == before


class TestColumns:
    def test_shape_and_schema(self, identity, numbers):
        assert identity.schema == numbers.schema
        assert identity.column_names == ["x", "y", "s"]
        assert (identity.num_rows, identity.num_columns) == identity.shape == (10, 3)
        assert len(identity) == 10

    def test_select_orders_and_collapses(self, identity):
        selected = identity.select_columns(["s", "x", "s"])
        assert selected.column_names == selected.schema.names == ["s", "x"]
        assert selected[4] == [{"s": "4", "x": 4}]
        assert identity.column_names == ["x", "y", "s"]

    def test_select_only_refines(self, identity):
        with pytest.raises(ValueError, match="Must select at least one column"):
            identity.select_columns([])
        with pytest.raises(
            croupier.NameNotFoundError,
            match="Cannot select column `y` because it does not exist; the columns are: x",
        ):
            identity.select_columns(["x"]).select_columns(["y"])
        with pytest.raises(TypeError, match="list of column names"):
            identity.select_columns("x")

    def test_row_ids_come_where_they_are_selected(self, identity):
        selected = identity.select_columns(["_rowid", "x"])
        assert selected.schema.names == ["_rowid", "x"]
        assert selected.schema.field("_rowid").type == pa.uint64()
        assert selected[3] == [{"_rowid": 3, "x": 3}]
        assert next(selected.iter(2)) == [{"_rowid": 0, "x": 0}, {"_rowid": 1, "x": 1}]
        assert selected.rename_column("_rowid", "id")[3] == [{"x": 3, "id": 3}]

    def test_remove_ignores_unknown_names(self, identity):
        assert identity.remove_columns(["y", "zz"]).column_names == ["x", "s"]
        with pytest.raises(ValueError, match="Cannot remove all columns"):
            identity.remove_columns(["x", "y", "s"])

    def test_a_renamed_column_moves_to_the_end(self, identity):
        renamed = identity.rename_column("x", "number")
        assert renamed.column_names == ["y", "s", "number"]
        assert renamed[2] == [{"y": 4.0, "s": "2", "number": 2}]
        assert next(renamed.iter(1)) == [{"y": 0.0, "s": "0", "number": 0}]
        assert renamed.select_columns(["number"])[5] == [{"number": 5}]

    def test_names_can_be_swapped(self, identity):
        swapped = identity.rename_columns({"x": "y", "y": "x"})
        assert swapped.schema.field("y").type == pa.int64()
        assert swapped[3] == [{"s": "3", "y": 3, "x": 9.0}]

    def test_renaming_errors(self, identity):
        with pytest.raises(ValueError, match="Cannot rename column `zz` because it does not exist"):
            identity.rename_column("zz", "a")
        with pytest.raises(
            ValueError, match="Cannot rename column `x` to `y` because a column with"
        ):
            identity.rename_column("x", "y")
        with pytest.raises(ValueError, match="already exists"):
            identity.rename_columns({"x": "a", "y": "a"})


class TestWindow:
    def test_skip_and_take_are_absolute(self, identity):
        assert xs(identity.with_skip(4).with_skip(4)) == [4, 5, 6, 7, 8, 9]
        assert xs(identity.with_take(3).with_skip(2)) == [2, 3, 4]
        assert xs(identity.with_skip(2).with_take(3)) == [2, 3, 4]
        assert len(identity.with_skip(2).with_take(3)) == 3

    def test_positions_count_from_the_window(self, identity):
        window = identity.with_skip(2).with_take(3).select_columns(["x"])
        assert window.take_offsets([2, 0]) == [{"x": 4}, {"x": 2}]
        assert window.take_offsets([-1, -3]) == [{"x": 4}, {"x": 2}]
        for position in (3, -4):
            with pytest.raises(IndexError, match=f"{position} of 3"):
                window[position]

    def test_an_empty_window_iterates_zero_times(self, identity):
        for empty in (identity.with_skip(10), identity.with_take(0)):
            assert len(empty) == 0
            assert list(empty) == []
            assert list(empty.iter(4)) == []

    def test_errors(self, identity):
        with pytest.raises(
            ValueError, match="Offset is greater than the number of rows.*: 11 of 10"
        ):
            identity.with_skip(11)
        with pytest.raises(
            ValueError, match="Limit is greater than the number of rows.*: 11 of 10"
        ):
            identity.with_take(11)
        with pytest.raises(ValueError, match=r"Offset \+ limit is greater than .*: 8 \+ 5 of 10"):
            identity.with_skip(8).with_take(5)
        with pytest.raises(OverflowError):
            identity.with_skip(-1)
        with pytest.raises(OverflowError):
            identity.with_take(-1)

    def test_the_old_names_warn(self, identity):
        with pytest.warns(DeprecationWarning, match="Use with_skip instead"):
            assert len(identity.skip(3)) == 7
        with pytest.warns(DeprecationWarning, match="Use with_take instead"):
            assert len(identity.take(3)) == 3


class TestReading:
    def test_a_loop_leaves_out_a_short_last_batch_and_says_so(self, identity, caplog):
        permutation = identity.with_batch_size(4).select_columns(["x"])
        with caplog.at_level(logging.INFO, "croupier"):
            batches = list(permutation)
            assert list(permutation) == batches
        assert [[row["x"] for row in batch] for batch in batches] == [[0, 1, 2, 3], [4, 5, 6, 7]]
        assert caplog.messages == [
            "iteration leaves out the last 2 of 10 rows, which fill no batch of 4"
        ]
        assert "a loop leaves out the last 2 rows" in repr(permutation)

    def test_iter_gives_every_row_in_full_batches(self, identity):
        assert [len(batch) for batch in identity.iter(4)] == [4, 4, 2]
        assert [len(batch) for batch in identity.iter(4, skip_last_batch=True)] == [4, 4]
        assert [len(batch) for batch in identity.iter(5)] == [5, 5]
        assert [len(batch) for batch in identity.iter(100)] == [10]
        assert [len(batch) for batch in identity] == []

    def test_iteration_and_take_agree_on_the_order(self, numbers, order):
        train = Permutations(numbers, order)["train"]
        taken = train.with_format("python_col").take_offsets(range(7))["x"]
        assert xs(train) == xs(train, batch_size=7) == taken
        assert taken == order.to_arrow()["row_id"].to_pylist()[:7]

    def test_batch_sizes_are_positive(self, identity):
        for batch_size, error in ((0, ValueError), (-1, OverflowError)):
            with pytest.raises(error, match="batch_size"):
                identity.with_batch_size(batch_size)
            with pytest.raises(error, match="batch_size"):
                identity.iter(batch_size)

    def test_positions_in_any_order_with_repeats(self, identity):
        rows = identity.select_columns(["x"])
        assert rows.take_offsets([3, 1, 3]) == [{"x": 3}, {"x": 1}, {"x": 3}]
        assert rows.__getitems__((9, 0)) == [{"x": 9}, {"x": 0}]
        assert rows.take_offsets(np.array([5, 6], np.uint64)) == [{"x": 5}, {"x": 6}]
        assert rows.take_offsets(np.arange(10, dtype=np.int32)[::3]) == [
            {"x": x} for x in (0, 3, 6, 9)
        ]
        assert rows.take_offsets(pa.array([4])) == [{"x": 4}]
        assert rows[np.int64(7)] == [{"x": 7}]

    def test_no_positions_are_an_empty_batch_of_the_schema(self, identity):
        batch = identity.with_format("arrow").select_columns(["s", "x"]).take_offsets([])
        assert batch.num_rows == 0
        assert batch.schema == identity.select_columns(["s", "x"]).schema

    @pytest.mark.parametrize("split", [None, "train"])
    def test_positions_out_of_range_are_index_errors(self, numbers, order, split):
        permutation = (
            Permutation.identity(numbers) if split is None else Permutations(numbers, order)[split]
        )
        num_rows = len(permutation)
        for position in (num_rows, -1 - num_rows, 1 << 80):
            with pytest.raises(IndexError, match=str(position)):
                permutation[position]
            with pytest.raises(IndexError, match=str(position)):
                permutation.take_offsets([0, position])

    def test_a_position_that_is_no_integer_is_a_type_error(self, identity):
        with pytest.raises(TypeError):
            identity.take_offsets(["x"])

    def test_sequence_iteration_protocols_end(self, identity):
        assert sum(1 for _ in zip(identity.iter(1), range(100), strict=False)) == 10

    def test_a_changed_copy_shares_the_order(self, numbers, order, monkeypatch):
        def write_out(self):
            raise AssertionError("the order is written out")

        permutation = Permutation.from_tables(numbers, order, "train")
        monkeypatch.setattr(Permutation, "__getstate__", write_out)
        few = permutation.with_batch_size(2).with_skip(1).select_columns(["x"])
        assert xs(few.with_transform(lambda batch: batch)) == xs(permutation)[1:]

    def test_a_transform_is_applied_to_loops_and_takes(self, identity):
        summed = identity.with_transform(lambda batch: sum(batch["x"].to_pylist()))
        assert list(summed.iter(5)) == [10, 35]
        assert summed.take_offsets([1, 2]) == 3
        with pytest.raises(TypeError, match="function"):
            identity.with_transform("sum")

    def test_an_error_of_a_transform_ends_the_loop_with_it(self, identity):
        def fail(batch):
            raise RuntimeError("no")

        with pytest.raises(RuntimeError, match="no"):
            list(identity.with_transform(fail).iter(5))

    def test_leaving_a_loop_early_ends_its_threads(self, identity, monkeypatch):
        monkeypatch.setenv("CROUPIER_PREFETCH_BYTES", "1")  # they wait for the loop
        before = num_reading_threads()
        for _batch in identity.iter(2):
            assert num_reading_threads() > before
            break
        assert num_reading_threads() == before

    def test_a_permutation_can_be_read_by_several_loops_at_once(self, identity):
        one, other = identity.iter(3), identity.iter(5)
        assert [len(next(loop)) for loop in (one, other, one, other, one)] == [3, 5, 3, 5, 3]


def test_repr_tells_everything_at_a_glance(numbers, order):
    test = Permutations(numbers, order)["test"]
    assert repr(test) == (
        "<croupier.Permutation of 'numbers' version 1: 3 rows × 3 columns (x, y, s), split 'test' "
        f"(1 of 2), order {order.order_id}, format python, batches of 100, of which a loop leaves "
        "out the last 3 rows>"
    )
    view = (
        Permutation.identity(numbers)
        .rename_column("x", "n")
        .select_columns(["n"])
        .with_skip(2)
        .with_take(4)
        .with_format("arrow")
        .with_batch_size(2)
    )
    assert repr(view) == (
        "<croupier.Permutation of 'numbers' version 1: 4 rows × 1 columns (n = x), positions 2 to "
        "6 of 10, in storage order, format arrow, batches of 2>"
    )


def double(batch):
    return [2 * x for x in batch["x"].to_pylist()]


class TestPickle:
    def test_everything_that_was_set_survives(self, numbers, order):
        permutation = (
            Permutations(numbers, order)["train"]
            .select_columns(["x", "s"])
            .rename_column("s", "name")
            .with_skip(1)
            .with_take(5)
            .with_batch_size(2)
        )
        again = pickle.loads(pickle.dumps(permutation))
        assert repr(again) == repr(permutation)
        assert list(again) == list(permutation)
        assert again.take_offsets([4, 0]) == permutation.take_offsets([4, 0])

    @pytest.mark.parametrize("format", croupier._formats.FORMATS)
    def test_every_format_pickles(self, numbers, format):
        permutation = Permutation.identity(numbers).with_format(format)
        assert pickle.loads(pickle.dumps(permutation)).transform_fn is permutation.transform_fn

    def test_transforms_of_a_module_pickle(self, numbers):
        permutation = Permutation.identity(numbers).with_transform(double)
        assert pickle.loads(pickle.dumps(permutation)).take_offsets([2]) == [4]

    def test_a_local_permutation_pickles_small(self, lance_uri):
        table = croupier.open_dataset(lance_uri)
        order = permutation_builder(table).split_random(fixed=2, seed=1).execute()
        permutation = Permutations(table, order)[1]
        pickled = pickle.dumps(permutation)
        assert len(pickled) < 2000
        assert xs(pickle.loads(pickled)) == xs(permutation)

    def test_a_connection_factory_opens_the_table(self, numbers, order, monkeypatch):
        monkeypatch.setitem(_tables, "numbers", numbers)
        permutation = Permutations(numbers, order)["train"].with_connection_factory(open_numbers)
        pickled = pickle.dumps(permutation)
        assert b"memory" not in pickled
        again = pickle.loads(pickled)
        assert again.base_table is _tables["numbers"]
        assert xs(again) == xs(permutation)
        assert again.connection_factory is open_numbers

    def test_a_factory_that_opens_another_table_of_that_name_is_refused(
        self, numbers, order, monkeypatch
    ):
        permutation = Permutations(numbers, order)["train"].with_connection_factory(open_numbers)
        copy = croupier.connect("memory://").create_table("numbers", numbers.to_arrow())
        monkeypatch.setitem(_tables, "numbers", copy)
        with pytest.raises(ValueError, match="was built for another table"):
            pickle.loads(pickle.dumps(permutation))

    def test_a_factory_that_opens_another_version_is_refused(self, lance_uri, monkeypatch):
        import lance

        table = croupier.open_dataset(lance_uri)
        permutation = Permutation.identity(table).with_connection_factory(open_numbers)
        pickled = pickle.dumps(permutation)
        lance.dataset(lance_uri).delete("x = 0")
        monkeypatch.setitem(_tables, "numbers", croupier.open_dataset(lance_uri))
        with pytest.raises(croupier.VersionNotFoundError, match="version 2.*returned version 3"):
            pickle.loads(pickled)


_tables = {
    "numbers": croupier.connect("memory://").create_table(
        "numbers",
        pa.table({"x": range(10), "y": pa.array(range(10), pa.float32()), "s": ["a"] * 10}),
    )
}


def open_numbers(name):
    return _tables[name]
