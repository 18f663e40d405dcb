"""What pickles, by pickle and by cloudpickle, is read like the original."""

import pickle

import cloudpickle
import pyarrow as pa
import pytest

import croupier
from croupier import Permutation, Permutations, permutation_builder

FORMATS = ["python", "python_col", "numpy", "pandas", "polars", "arrow"]
FORMATS += ["torch", "torch_row", "torch_col", "torch_batch"]


@pytest.fixture(params=[pickle, cloudpickle], ids=["pickle", "cloudpickle"])
def again(request):
    return lambda thing: pickle.loads(request.param.dumps(thing))


@pytest.fixture(params=["memory", "local"])
def connection(request, tmp_path):
    return croupier.connect("memory://" if request.param == "memory" else tmp_path / "database")


def edited(connection, **options):
    """A table with deletions, updates, and several versions; the rows of two of them."""
    table = connection.create_table("t", pa.table({"x": range(20)}), **options)
    table.delete("x % 5 = 0")
    old = table.checkout(table.version)
    table.add(pa.table({"x": range(20, 24)}))
    table.update(where="x = 21", values={"x": 210})
    return table, old


def rows(table):
    return table.search().with_row_id(True).with_row_address(True).to_list()


@pytest.mark.parametrize("stable_row_ids", [False, True])
def test_a_table_with_its_versions_deletions_and_row_ids(connection, again, stable_row_ids):
    table, old = edited(connection, stable_row_ids=stable_row_ids)
    for each in (table, old):
        copy = again(each)
        assert rows(copy) == rows(each)
        assert (copy.version, copy.name, len(copy)) == (each.version, each.name, len(each))
        assert copy.schema.equals(each.schema, check_metadata=True)
        assert [v["version"] for v in copy.list_versions()] == [
            v["version"] for v in each.list_versions()
        ]
        # An old version stays one: the newest is found from it.
        assert rows(copy.checkout_latest()) == rows(table)


def test_a_copy_in_memory_goes_its_own_way(again):
    table, _ = edited(croupier.connect("memory://"))
    copy = again(table)
    copy.add(pa.table({"x": [1]}))
    table.delete("true")
    assert (len(table), len(copy)) == (0, 21)


def test_a_table_with_blobs(connection, again):
    field = pa.field("data", pa.large_binary(), metadata={"lance-encoding:blob": "true"})
    values = [b"a" * 70_000, None, b"b" * 100]
    table = connection.create_table("t", pa.table([values], pa.schema([field])))
    files = again(table).take_blobs("data", offsets=[0, 1, 2])
    assert [file and file.read() for file in files] == values
    files[0].seek(69_990)
    assert again(files[0]).read() == b"a" * 10


def test_a_connection_with_its_tables(connection, again):
    table, _ = edited(connection)
    connection.create_table("u", [{"y": 1}])
    copy = again(connection)
    assert (copy.uri, copy.table_names()) == (connection.uri, ["t", "u"])
    assert rows(copy["t"]) == rows(table)
    copy.create_table("v", [{"z": 1}])
    assert ("v" in connection) == (connection.uri != "memory://")


@pytest.mark.parametrize("format", FORMATS)
def test_a_permutation_in_any_format(connection, again, format):
    table, _ = edited(connection)
    order = permutation_builder(table).shuffle(seed=2).execute()
    permutation = Permutation.from_tables(table, order).with_format(format)
    copy = again(permutation)
    expected = permutation.take_offsets([3, 1])
    assert type(copy.take_offsets([3, 1])) is type(expected)
    assert str(copy.take_offsets([3, 1])) == str(expected)


def test_permutations_and_what_was_made_of_them(connection, again):
    table, _ = edited(connection)
    order = (
        permutation_builder(table)
        .filter("x != 7")
        .split_random(ratios=[0.5, 0.5], seed=3, split_names=["a", "b"])
        .shuffle(seed=4)
        .execute()
    )
    splits = Permutations(table, order)
    wanted = splits["a"].with_format("python_col")
    for made in (
        wanted,
        wanted.with_skip(2).with_take(3),
        wanted.rename_column("x", "y"),
        wanted[::2],
        splits.join(["b", "a"]),
        splits.without("b"),
    ):
        assert str(list(again(made).iter(4))) == str(list(made.iter(4)))
    assert [len(split) for split in again(splits)] == [len(split) for split in splits]
    assert again(order).to_arrow() == order.to_arrow()


def double(batch):
    return [2 * x for x in batch["x"].to_pylist()]


def test_a_transform_of_a_module_and_with_cloudpickle_any(connection):
    permutation = Permutation.identity(edited(connection)[0])
    named = permutation.with_transform(double)
    assert pickle.loads(pickle.dumps(named)).take_offsets([0]) == [2]
    factor = 3
    closure = permutation.with_transform(lambda batch: factor * batch["x"][0].as_py())
    assert pickle.loads(cloudpickle.dumps(closure)).take_offsets([0]) == 3
    with pytest.raises((AttributeError, pickle.PicklingError), match="lambda"):
        pickle.dumps(closure)


@pytest.mark.parametrize("num_batches", [0, 1, 3, 5, 6])
def test_a_loader_goes_on_from_its_next_batch(connection, again, num_batches):
    permutation = Permutation.identity(edited(connection)[0])
    with croupier.Loader(permutation, batch_size=4, columns=["x"], num_threads=2) as loader:
        begun = [next(loader) for _ in range(min(num_batches, len(loader)))]
        copy = again(again(loader))
        assert (len(copy), copy.schema) == (len(loader), loader.schema)
        assert copy.counters["num_batches"] == 0
        half = [next(copy)] if num_batches < len(loader) else []
        rest = half + list(again(copy))
        assert pa.Table.from_batches(begun + rest) == pa.table(permutation.base_table)
        assert len(list(loader)) == len(rest)
    with pytest.raises(ValueError, match="closed"):
        next(again(loader))


def test_queries(connection, again):
    table, _ = edited(connection)
    row_ids = table.search().with_row_id(True).to_arrow()["_rowid"].to_pylist()
    for query in (
        table.search().where("x > 3").select(["x"]).limit(5).with_row_id(True),
        table.take_offsets([3, 0]).with_row_address(True),
        table.take_row_ids(row_ids[4:6]).select(["x"]),
    ):
        assert again(query).to_list() == query.to_list()


def test_what_streams_does_not_pickle(connection):
    table, _ = edited(connection)
    for stream in (Permutation.identity(table).iter(3), table.scan(), table.to_batches()):
        with pytest.raises(TypeError, match="pickle|cannot"):
            pickle.dumps(stream)


def test_the_factory_finds_the_table_where_it_is_read(tmp_path, again):
    table = croupier.connect(tmp_path).create_table("t", pa.table({"x": range(5)}))
    opener = Opener(table.uri)
    permutation = Permutation.identity(table).with_connection_factory(opener)
    assert again(permutation).take_offsets([4]) == [{"x": 4}]
    table.add(pa.table({"x": [5]}))
    with pytest.raises(croupier.VersionNotFoundError, match="version 1 .* version 2"):
        again(permutation)


class Opener:
    """A factory that pickles, and opens the newest version."""

    def __init__(self, uri):
        self.uri = uri

    def __call__(self, name):
        return croupier.open_dataset(self.uri)
