"""Permutations that are kept as tables, and those that change hands with LanceDB."""

from __future__ import annotations

import json
import pickle

import lance
import lancedb
import pyarrow as pa
import pytest
from lancedb.permutation import Permutation as LanceDBPermutation
from lancedb.permutation import permutation_builder as lancedb_permutation_builder

import croupier
from croupier import Permutation, Permutations, permutation_builder

NUM_ROWS = 500


@pytest.fixture
def uri(tmp_path) -> str:
    """A database with the table t of three fragments, of which some rows are deleted."""
    database = croupier.connect(tmp_path)
    rows = pa.table({"x": range(NUM_ROWS), "k": [i % 7 for i in range(NUM_ROWS)]})
    table = database.create_table("t", rows, max_rows_per_file=200)
    table.delete("x % 11 = 5")
    return str(tmp_path)


def live_xs() -> list[int]:
    return [x for x in range(NUM_ROWS) if x % 11 != 5]


def xs_of(permutation: Permutation) -> list[int]:
    rows = permutation.select_columns(["x"]).take_offsets(range(len(permutation)))
    return [row["x"] for row in rows]


BUILDS = {
    "identity": lambda builder: builder,
    "shuffled": lambda builder: builder.shuffle(seed=1),
    "random": lambda builder: builder.split_random(
        ratios=[0.7, 0.2], seed=2, split_names=["train", "test"]
    ),
    "sequential": lambda builder: builder.split_sequential(fixed=3, split_names=["a", "b", "c"]),
    "clumped": lambda builder: builder.split_random(fixed=2, seed=3, clump_size=8).shuffle(
        seed=4, clump_size=4, window_clumps=3
    ),
    "filtered": lambda builder: builder.filter("k <> 3").shuffle(seed=5),
    "hashed": lambda builder: builder.split_hash(
        ["k"], [2, 1], discard_weight=1, split_names=["train", "test"]
    ),
    "calculated": lambda builder: builder.split_calculated("k % 3").shuffle(seed=6),
    "grouped": lambda builder: builder.split_grouped("k", fixed=2, seed=7),
    "stratified": lambda builder: builder.split_stratified("k", ratios=[0.5, 0.5], seed=8),
}


@pytest.mark.parametrize("materialize", [False, True])
@pytest.mark.parametrize("name", BUILDS)
class TestKept:
    def test_it_reads_the_same_rows_by_us(self, uri, name, materialize):
        database = croupier.connect(uri)
        table = database.open_table("t")
        built = BUILDS[name](permutation_builder(table)).execute()
        kept = built.persist(database, "order", materialize=materialize)
        assert len(kept) == (len(built) if materialize or not built.is_computed else 0)
        # Others go on with the table.
        table.add(pa.table({"x": [-1], "k": [0]}))
        table.compact_files()
        again = Permutations(database.open_table("t"), croupier.connect(uri).open_table("order"))
        expected = Permutations(table, built)
        assert again.split_names == expected.split_names
        assert [xs_of(split) for split in again] == [xs_of(split) for split in expected]
        assert xs_of(pickle.loads(pickle.dumps(again[0]))) == xs_of(expected[0])

    def test_it_reads_the_same_rows_by_lancedb(self, uri, name, materialize):
        database = croupier.connect(uri)
        table = database.open_table("t")
        builder = BUILDS[name](permutation_builder(table))
        built = builder.persist(database, "order", materialize=materialize)
        theirs = lancedb.connect(uri)
        for split in range(len(built.split_sizes)):
            ours = xs_of(Permutation.from_tables(table, built, split))
            if built.is_computed and not materialize:
                with pytest.raises(ValueError, match="No rows found"):
                    LanceDBPermutation.from_tables(
                        theirs.open_table("t"), theirs.open_table("order"), split
                    )
                continue
            read = LanceDBPermutation.from_tables(
                theirs.open_table("t"), theirs.open_table("order"), split
            )
            rows = [row["x"] for batch in read.iter(1000) for row in batch]
            assert rows == ours


LANCEDB_BUILDS = {
    "none": lambda builder: builder,
    "shuffled": lambda builder: builder.shuffle(seed=1, clump_size=4),
    "random": lambda builder: builder.split_random(
        ratios=[0.7, 0.2], seed=2, split_names=["train", "test"]
    ),
    "sequential": lambda builder: builder.split_sequential(counts=[100, 200]),
    "hashed": lambda builder: builder.split_hash(["k"], [2, 1], discard_weight=1),
    "calculated": lambda builder: builder.split_calculated("k % 3"),
    "filtered": lambda builder: builder.filter("k <> 3").split_random(fixed=2, seed=3),
}


@pytest.mark.parametrize("name", LANCEDB_BUILDS)
def test_permutations_of_lancedb_read_the_same_rows(uri, name):
    theirs = lancedb.connect(uri)
    base = theirs.open_table("t")
    built = LANCEDB_BUILDS[name](lancedb_permutation_builder(base)).execute()
    rows = built.to_arrow()
    lance.write_dataset(rows, f"{uri}/order.lance")
    database = croupier.connect(uri)
    splits = Permutations(database.open_table("t"), database.open_table("order"))
    assert splits.base_table.version == int(rows.schema.metadata[b"base_version"])
    for split in range(len(splits)):
        expected = LanceDBPermutation.from_tables(base, built, split)
        assert xs_of(splits[split]) == [row["x"] for batch in expected.iter(1000) for row in batch]
    assert "croupier-order-2" in splits.permutation_table.order


class TestPins:
    def test_the_version_and_branch_that_it_was_built_on_are_read(self, uri):
        database = croupier.connect(uri)
        lance.dataset(f"{uri}/t.lance").create_branch("side")
        table = database.open_table("t", branch="side")
        permutation_builder(table).shuffle(seed=1).persist(database, "order", materialize=True)
        lance.dataset(f"{uri}/t.lance").delete("x < 100")
        read = Permutation.from_tables(database.open_table("t"), database.open_table("order"))
        assert read.base_table.current_branch() == "side"
        assert sorted(xs_of(read)) == live_xs()

    def test_a_version_that_was_cleaned_up_is_one_error_with_the_remedy(self, uri):
        database = croupier.connect(uri)
        table = database.open_table("t")
        permutation_builder(table).filter("k = 1").persist(database, "order")
        table.add(pa.table({"x": [-1], "k": [0]}))
        import datetime

        table.cleanup_old_versions(datetime.timedelta(0))
        with pytest.raises(croupier.VersionNotFoundError, match=r"version 2 of table 't'.*tag"):
            Permutation.from_tables(database.open_table("t"), database.open_table("order"))

    def test_another_table_of_that_name_is_refused(self, uri):
        database = croupier.connect(uri)
        table = database.open_table("t")
        built = permutation_builder(table).filter("k = 1").persist(database, "order")
        rows = table.checkout(1).to_arrow()
        database.drop_table("t")
        other = database.create_table("t", rows, max_rows_per_file=200)
        other.delete("x % 11 = 5")
        assert other.version == table.version
        for permutation in (built, database.open_table("order")):
            with pytest.raises(ValueError, match="another table"):
                Permutation.from_tables(database.open_table("t"), permutation)

    def test_a_table_that_does_not_say_its_version_is_read_with_a_warning(self, uri):
        database = croupier.connect(uri)
        rows = pa.table({"split_id": [0, 0, 1], "row_id": [4, 2, 3]})
        order = database.create_table("order", rows)
        with pytest.warns(UserWarning, match="does not say which version"):
            splits = Permutations(database.open_table("t"), order)
        assert [xs_of(split) for split in splits] == [[4, 2], [3]]

    def test_malformed_tables_are_refused(self, uri):
        database = croupier.connect(uri)
        table = database.open_table("t")
        base = {"row_id": [1], "split_id": [0]}
        for name, rows, metadata, message in (
            ("a", {"split_id": [0]}, {"base_version": "2"}, "must contain a column named row_id"),
            ("b", {"row_id": [0]}, {"base_version": "2"}, "must contain a column named split_id"),
            ("c", base, {"base_version": "abc"}, 'unreadable base_version of "abc"'),
            ("d", base, {"base_version": "2", "split_names": "["}, "unreadable split_names"),
            ("e", base, {"base_version": "2", "croupier.order": "x"}, "not an order"),
            ("f", {"row_id": [None], "split_id": [0]}, {"base_version": "2"}, "null row_id"),
        ):
            columns = {key: pa.array(value, pa.uint64()) for key, value in rows.items()}
            order = database.create_table(name, pa.table(columns, metadata=metadata))
            with pytest.raises(ValueError, match=message):
                Permutations(table, order.checkout_latest())

    def test_a_kept_table_that_was_changed_is_refused(self, uri):
        database = croupier.connect(uri)
        table = database.open_table("t")
        permutation_builder(table).filter("k = 1").persist(database, "order")
        database.open_table("order").delete("split_id = 0 and row_id < 100")
        with pytest.raises(ValueError, match="was changed after it was kept"):
            Permutations(table, database.open_table("order"))

    def test_rows_that_changed_places_are_noticed(self, uri):
        database = croupier.connect(uri)
        table = database.open_table("t")
        builder = permutation_builder(table).filter("k = 1").shuffle(seed=1)
        order = builder.execute().persist(database, "order")
        rows = order.to_arrow()
        order.add(rows.take(list(reversed(range(len(rows))))), "overwrite")
        with pytest.raises(ValueError, match="was changed after it was kept"):
            Permutations(table, database.open_table("order"))

    def test_rows_of_no_split_are_left_out(self, uri):
        database = croupier.connect(uri)
        rows = pa.table(
            {"row_id": [4, 2, 3, 1], "split_id": pa.array([0, None, -1, 2], pa.int64())},
            metadata={"base_version": "2", "split_names": json.dumps(["a", "b", "c"])},
        )
        splits = Permutations(database.open_table("t"), database.create_table("order", rows))
        assert [xs_of(split) for split in splits] == [[4], [], [1]]
        assert splits["c"].num_rows == 1


def test_a_permutation_reads_as_a_table(uri):
    table = croupier.connect(uri).open_table("t")
    permutation = permutation_builder(table).filter("k < 3").split_calculated("k").execute()
    assert permutation.schema.names == ["row_id", "split_id"]
    assert permutation.count_rows("split_id = 1") == permutation.split_sizes[1]
    ones = permutation.search().where("split_id = 1").select(["row_id"]).limit(3).to_list()
    assert (
        ones
        == permutation.take_offsets(range(permutation.split_sizes[0], len(permutation))[:3])
        .select(["row_id"])
        .to_list()
    )
    assert permutation.head(2).num_rows == 2
    assert len(permutation.to_pandas()) == len(permutation)
    for call in (
        lambda: permutation.delete("split_id = 1"),
        lambda: permutation.add(permutation.to_arrow()),
    ):
        with pytest.raises(NotImplementedError, match="cannot be edited"):
            call()


def test_a_permutation_of_a_trillion_rows_pickles_small(uri):
    table = croupier.connect(uri).open_table("t")
    built = permutation_builder(table).split_random(fixed=2, seed=1).shuffle(seed=2).execute()
    assert len(pickle.dumps(built)) < 2048
    assert len(pickle.dumps(Permutation.from_tables(table, built))) < 2048
