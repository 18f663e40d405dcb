"""Lists of rows as files: kept beside tables, and shared by the processes of a machine."""

from __future__ import annotations

import datetime
import os
import pickle
import shutil
from pathlib import Path

import lance
import lancedb
import pyarrow as pa
import pytest
from child_script import run_script
from lancedb.permutation import permutation_builder as lancedb_permutation_builder

import croupier
from croupier import Permutation, Permutations, permutation_builder

NUM_ROWS = 30_000

BUILDS = {
    "filtered": lambda builder: builder.filter("k <> 3").split_random(ratios=[0.8, 0.2], seed=1),
    "calculated": lambda builder: builder.split_calculated("k % 5").shuffle(seed=2),
    "hashed": lambda builder: builder.split_hash(["x"], [3, 1], split_names=["train", "test"]),
    "folds": lambda builder: builder.filter("x % 3 > 0").split_kfold(10, seed=3),
    "grouped": lambda builder: builder.split_grouped("k", fixed=2, seed=4),
    "stratified": lambda builder: builder.split_stratified("k", ratios=[0.5, 0.5], seed=5),
}


@pytest.fixture(scope="module")
def temporary_files(tmp_path_factory) -> Path:
    """For all tests: a process knows what it shares wherever that is."""
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(autouse=True)
def shared_files(temporary_files, monkeypatch) -> Path:
    """The directory of the files that processes share, which is not there at first."""
    monkeypatch.setenv("TMPDIR", str(temporary_files))
    directory = temporary_files / f"croupier-{os.geteuid()}"
    shutil.rmtree(directory, ignore_errors=True)
    return directory


@pytest.fixture
def uri(tmp_path) -> str:
    """A database with the table t of several fragments, of which some rows are deleted."""
    rows = pa.table({"x": range(NUM_ROWS), "k": [i * 37 % 11 for i in range(NUM_ROWS)]})
    table = croupier.connect(tmp_path).create_table("t", rows, max_rows_per_file=9000)
    table.delete("x % 1000 = 5")
    return str(tmp_path)


def xs_of(permutation: Permutation) -> list[int]:
    rows = permutation.select_columns(["x"]).with_format("python_col")
    column: list[int] = rows.take_offsets(range(len(permutation)))["x"]
    return column


@pytest.mark.parametrize("name", BUILDS)
class TestPickles:
    def test_they_are_small_and_have_the_same_rows(self, uri, name, shared_files):
        table = croupier.connect(uri).open_table("t")
        order = BUILDS[name](permutation_builder(table)).execute()
        assert order.num_list_bytes > 4096
        splits = Permutations(table, order)
        for each in (order, splits, splits[0], splits.join([0, 1])):
            assert len(pickle.dumps(each)) < 4096
        assert len(list(shared_files.iterdir())) == 1
        again = pickle.loads(pickle.dumps(splits))
        assert [xs_of(split) for split in again] == [xs_of(split) for split in splits]
        assert xs_of(pickle.loads(pickle.dumps(splits[1]))) == xs_of(splits[1])

    def test_without_the_file_the_order_is_built_again(self, uri, name, shared_files):
        table = croupier.connect(uri).open_table("t")
        splits = Permutations(table, BUILDS[name](permutation_builder(table)).execute())
        pickled = pickle.dumps(splits)
        shutil.rmtree(shared_files)
        # The version that it was built on stays what it was.
        table.delete("k = 1")
        again = pickle.loads(pickled)
        assert [xs_of(split) for split in again] == [xs_of(split) for split in splits]


PARENT = """
import multiprocessing
import pickle
import sys
from pathlib import Path

import croupier


def order_mappings():
    # Those of files of orders: kB of their pages by kind.
    found, name = {}, None
    for line in Path("/proc/self/smaps").read_text().splitlines():
        first, *rest = line.split()
        if not first.endswith(":"):
            name = rest[-1] if rest[-1].endswith(".order") else None
        elif name and rest[-1:] == ["kB"]:
            kinds = found.setdefault(name, {})
            kinds[first[:-1]] = kinds.get(first[:-1], 0) + int(rest[0])
    return found


def read(permutation, expected, barrier):
    assert permutation._rows.row_ids(range(len(permutation))) == expected
    barrier.wait(60)
    [kinds] = order_mappings().values()
    barrier.wait(60)
    # Every page that is here is there too.
    assert kinds["Rss"] > 0
    assert kinds["Private_Clean"] + kinds["Private_Dirty"] == 0, kinds
    assert kinds["Shared_Clean"] + kinds["Shared_Dirty"] == kinds["Rss"], kinds
    assert kinds["Pss"] * 2 <= kinds["Rss"], kinds


if __name__ == "__main__":
    table = croupier.connect(sys.argv[1]).open_table("t")
    kept = len(sys.argv) > 2
    if kept:
        order = croupier.connect(sys.argv[1]).open_table(sys.argv[2])
    else:
        order = croupier.permutation_builder(table).filter("k <> 3").shuffle(seed=1).execute()
    permutation = croupier.Permutation.from_tables(table, order)
    expected = permutation._rows.row_ids(range(len(permutation)))
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    children = [context.Process(target=read, args=(permutation, expected, barrier))
                for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
        assert child.exitcode == 0
    Path("pickled").write_bytes(pickle.dumps(permutation))
    Path("expected").write_bytes(pickle.dumps(expected))
    print("equal")
"""


class TestProcesses:
    def test_spawned_processes_share_the_memory_of_the_list(self, tmp_path, uri, shared_files):
        assert run_script(tmp_path, PARENT, uri) == "equal\n"
        assert list(shared_files.iterdir()) == []
        # The parent has ended: this process builds the order again.
        again = pickle.loads((tmp_path / "pickled").read_bytes())
        expected = pickle.loads((tmp_path / "expected").read_bytes())
        assert again._rows.row_ids(range(len(again))) == expected

    def test_they_share_that_of_a_kept_one(self, tmp_path, uri, shared_files):
        database = croupier.connect(uri)
        permutation_builder(database.open_table("t")).filter("k <> 3").persist(database, "order")
        assert run_script(tmp_path, PARENT, uri, "order") == "equal\n"
        assert not shared_files.exists()
        again = pickle.loads((tmp_path / "pickled").read_bytes())
        expected = pickle.loads((tmp_path / "expected").read_bytes())
        assert again._rows.row_ids(range(len(again))) == expected

    def test_a_forked_child_leaves_the_files_of_its_parent(self, tmp_path, uri):
        script = """
import os, pickle, sys
import croupier
table = croupier.connect(sys.argv[1]).open_table("t")
order = croupier.permutation_builder(table).filter("k <> 3").execute()
pickled = pickle.dumps(order)
[directory] = os.scandir(os.environ["TMPDIR"])
files = os.listdir(directory)
assert len(files) == 1
pid = os.fork()
if pid == 0:
    assert len(pickle.loads(pickled)) == len(order)
    pickle.dumps(order)
    sys.exit(0)
assert os.waitpid(pid, 0)[1] == 0
assert os.listdir(directory) == files
print("there")
"""
        assert run_script(tmp_path, script, uri) == "there\n"
        assert list(Path(os.environ["TMPDIR"]).glob("*/*")) == []

    def test_another_table_of_that_name_is_one_error_with_the_remedy(self, uri, shared_files):
        database = croupier.connect(uri)
        table = database.open_table("t")
        pickled = pickle.dumps(permutation_builder(table).filter("k <> 3").execute())
        state = pickle.loads(pickled)._core.to_bytes([])
        shutil.rmtree(shared_files)
        other = database.create_table("u", table.to_arrow().slice(1))
        with pytest.raises(ValueError, match=r"cannot be built again.*persist"):
            croupier._permutation_table.unpickle_permutation_table(other, state)


def order_files(uri: str, name: str = "order") -> list[Path]:
    return list(Path(uri, f"{name}.lance", "_croupier").glob("*"))


class TestKept:
    @pytest.mark.parametrize("name", BUILDS)
    def test_others_read_write_and_clean_a_table_that_has_a_file(self, uri, name):
        database = croupier.connect(uri)
        table = database.open_table("t")
        built = BUILDS[name](permutation_builder(table)).execute()
        built.persist(database, "order")
        assert len(order_files(uri)) == 1
        expected = [xs_of(split) for split in Permutations(table, built)]

        theirs = lancedb.connect(uri).open_table("order")
        assert theirs.count_rows() == len(built)
        rows = theirs.to_arrow()
        assert rows.column_names == ["row_id", "split_id"]
        dataset = lance.dataset(f"{uri}/order.lance")
        assert dataset.to_table() == rows
        # Versions that others make of the same rows.
        dataset.add_columns({"more": "split_id + 1"})
        dataset.optimize.compact_files(target_rows_per_fragment=1000)
        theirs.checkout_latest()
        theirs.optimize(cleanup_older_than=datetime.timedelta(milliseconds=1))
        assert len(order_files(uri)) == 1
        again = Permutations(table, database.open_table("order"))
        assert [xs_of(split) for split in again] == expected

    def test_an_edited_table_never_reads_the_file(self, uri):
        database = croupier.connect(uri)
        table = database.open_table("t")
        built = permutation_builder(table).filter("k <> 3").persist(database, "order")
        dataset = lance.dataset(f"{uri}/order.lance")
        first = dataset.to_table().slice(0, 1)
        dataset.delete(f"row_id = {first['row_id'][0].as_py()}")
        lance.write_dataset(first, dataset, mode="append")
        with pytest.raises(ValueError, match="was changed after it was kept"):
            Permutation.from_tables(table, database.open_table("order"))
        # As it was kept it is there still, and so is the file.
        kept = croupier.open_dataset(f"{uri}/order.lance", version=1)
        assert len(Permutation.from_tables(table, kept)) == len(built)
        database.drop_table("order")
        assert not Path(uri, "order.lance").exists()

    def test_a_damaged_file_is_an_error_that_names_it_or_is_not_used(self, uri):
        database = croupier.connect(uri)
        table = database.open_table("t")
        built = permutation_builder(table).filter("k <> 3").shuffle(seed=1).execute()
        kept = built.persist(database, "order")
        expected = xs_of(Permutation.from_tables(table, built))
        [file] = order_files(uri)
        whole = file.read_bytes()
        results = set()
        for place in (0, 20, 70, 200, 1000, len(whole) // 2, len(whole) - 1):
            file.unlink()
            file.write_bytes(whole[:place] + bytes([whole[place] ^ 32]) + whole[place + 1 :])
            try:
                rows = xs_of(Permutation.from_tables(table, kept))
            except croupier.CorruptFileError as error:
                results.add("error" if str(file) in str(error) else "another error")
            else:
                assert rows == expected
                results.add("rows")
        assert results == {"error", "rows"}

    def test_what_lancedb_kept_is_read_again_where_the_file_is_gone(self, uri, shared_files):
        theirs = lancedb.connect(uri)
        built = lancedb_permutation_builder(theirs.open_table("t")).filter("k <> 3").execute()
        lance.write_dataset(built.to_arrow(), f"{uri}/order.lance")
        database = croupier.connect(uri)
        permutation = Permutation.from_tables(
            database.open_table("t"), database.open_table("order")
        )
        pickled = pickle.dumps(permutation)
        assert len(pickled) < 4096
        expected = xs_of(permutation)
        assert xs_of(pickle.loads(pickled)) == expected
        shutil.rmtree(shared_files)
        # A later version of it has other rows.
        lance.dataset(f"{uri}/order.lance").delete("row_id < 100")
        assert xs_of(pickle.loads(pickled)) == expected


def test_one_split_that_goes_by_value_does_not_carry_the_others(uri, shared_files):
    database = croupier.connect(uri)
    table = database.open_table("t")
    built = permutation_builder(table).split_hash(["x"], [1] * 10).execute()
    rows = built.to_arrow()
    kept = croupier.connect("memory://").create_table("order", rows)
    splits = Permutations(table, kept)
    whole, one = pickle.dumps(splits), pickle.dumps(splits[3])
    assert len(one) * 8 < len(whole)
    assert not shared_files.exists()
    again = pickle.loads(one)
    assert xs_of(again) == xs_of(splits[3])
    with pytest.raises(ValueError, match="pickle the permutation table"):
        again.permutation_table.to_arrow()
