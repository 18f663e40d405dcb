"""Tables that are made and changed through the Python API: in memory, in a folder, in S3."""

from __future__ import annotations

import datetime
import pickle
import uuid
from collections.abc import Iterator

import lance
import lancedb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from with_servers import BUCKET

import croupier
from croupier import permutation_builder

pytestmark = pytest.mark.filterwarnings(
    # Of the server of S3 and of what it is made of, not ours.
    "ignore::DeprecationWarning",
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


@pytest.fixture(params=["memory", "folder", "s3"])
def db(request, tmp_path) -> croupier.Connection:
    if request.param != "s3":
        return croupier.connect("memory://" if request.param == "memory" else tmp_path / "db")
    return croupier.connect(
        f"s3://{BUCKET}/{uuid.uuid4()}",
        storage_options=request.getfixturevalue("s3_options"),
        pickle_credentials=True,
    )


@pytest.fixture
def table(db) -> croupier.Table:
    """x counts from 0 to 9, s is its name."""
    rows = {"x": pa.array(range(10), pa.int64()), "s": [str(i) for i in range(10)]}
    return db.create_table("t", pa.table(rows))


def x_of(table) -> list[int]:
    return table.to_arrow()["x"].to_pylist()


ROWS = pa.table({"x": [1, 2], "s": ["a", None]})


@pytest.mark.parametrize(
    "data",
    [
        ROWS,
        ROWS.to_batches()[0],
        ROWS.to_reader(),
        ROWS.to_batches(max_chunksize=1),
        iter(ROWS.to_batches(max_chunksize=1)),
        ROWS.to_pylist(),
        ROWS.to_pydict(),
        pl.DataFrame({"x": [1, 2], "s": ["a", None]}),
        pd.DataFrame({"x": [1, 2], "s": ["a", None]}),
    ],
    ids=lambda data: type(data).__name__,
)
def test_rows_of_any_kind_are_written(tmp_path, data):
    table = croupier.connect(tmp_path).create_table("t", data)
    assert table.to_arrow().to_pylist() == ROWS.to_pylist()
    assert lance.dataset(table.uri).to_table().to_pylist() == ROWS.to_pylist()
    lance.dataset(table.uri).validate()


def test_a_table_is_copied_into_another_database(table, tmp_path):
    copy = croupier.connect(tmp_path / "other").create_table("copy", table)
    assert x_of(copy) == list(range(10))
    assert lancedb.connect(tmp_path / "other").open_table("copy").count_rows("x > 4") == 5


def test_modes_of_creation(db, table):
    with pytest.raises(ValueError, match="Table 't' already exists"):
        db.create_table("t", ROWS)
    assert x_of(db.create_table("t", ROWS, exist_ok=True)) == list(range(10))
    with pytest.raises(ValueError, match="mode"):
        db.create_table("t", ROWS, mode="append")
    other = db.create_table("t", {"z": [1.5] * 5}, mode="overwrite", max_rows_per_file=2)
    assert (other.version, other.schema.names) == (2, ["z"])
    assert other._source.describe("files")["num_fragments"] == 3
    assert x_of(other.checkout(1)) == list(range(10))
    empty = db.create_table("empty", schema=pa.schema([("v", pa.list_(pa.float32(), 4))]))
    assert (len(empty), empty.schema.names) == (0, ["v"])
    with pytest.raises(ValueError, match="schema"):
        db.create_table("nothing")
    assert "nothing" not in db


def test_tables_are_listed_dropped_and_renamed(db, table):
    db.create_table("u", ROWS)
    assert (len(db), "u" in db, db.table_names()) == (2, True, ["t", "u"])
    assert db.table_names(limit=1) == ["t"]
    assert db.table_names(page_token="t", limit=5) == ["u"]
    if "s3://" in repr(db):
        with pytest.raises(NotImplementedError, match=r"u.lance.*create a table of its rows"):
            db.rename_table("u", "v")
        db.create_table("v", db["u"])
        db.drop_table("u")
    else:
        db.rename_table("u", "v")
    assert x_of(db["v"]) == [1, 2]
    with pytest.raises(ValueError, match="'t' already exists"):
        db.rename_table("v", "t")
    with pytest.raises(croupier.NameNotFoundError, match=r"'u'.*t, v"):
        db.rename_table("u", "w")
    with pytest.raises(ValueError, match="not a name"):
        db.rename_table("v", "../v")
    db.drop_table("v")
    with pytest.raises(croupier.NameNotFoundError, match="'v'"):
        db.drop_table("v")
    db.drop_table("v", ignore_missing=True)
    db.drop_all_tables()
    assert db.table_names() == []


def test_rows_are_added_and_the_object_moves(db, table):
    before = table.checkout(1)
    result = table.add([{"s": "ten", "x": 10}])
    assert (result.version, result.num_rows_added) == (2, 1)
    assert (len(table), table.version) == (11, 2)
    table.add(pa.table({"x": pa.array([11], pa.int32())}))
    assert table.to_arrow()["s"].to_pylist()[-2:] == ["ten", None]
    assert x_of(table.checkout(1)) == x_of(before) == list(range(10))
    assert x_of(db.open_table("t")) == list(range(12))
    table.add({"y": [0.5]}, mode="overwrite")
    assert (table.schema.names, len(table)) == (["y"], 1)


def test_what_cannot_be_added_leaves_the_table_as_it_was(table):
    with pytest.raises(ValueError, match=r"'z'.*x, s"):
        table.add({"x": [1], "z": [2]})
    with pytest.raises(TypeError, match=r"'x'.*int64.*string"):
        table.add({"x": ["a word"]})
    with pytest.raises(TypeError, match="not int"):
        table.add(7)

    def broken() -> Iterator[pa.RecordBatch]:
        yield from ROWS.to_batches()
        raise KeyError("half-way")

    with pytest.raises(KeyError, match="half-way"):
        table.add(pa.RecordBatchReader.from_batches(ROWS.schema, broken()))
    assert (table.version, x_of(table.checkout_latest())) == (1, list(range(10)))


def test_progress_is_told(db):
    told = []
    batches = ROWS.to_batches(max_chunksize=1) * 5
    db.create_table("t", batches, progress=told.append)
    assert [each["num_rows"] for each in told][-1] == 10

    def fail(done):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        db.create_table("u", batches, progress=fail)
    assert db.table_names() == ["t"]


def test_rows_are_deleted(table):
    assert table.delete("x % 2 = 0 OR s = '9'").num_rows_removed == 6
    assert x_of(table) == [1, 3, 5, 7]
    assert table.delete("x > 100").num_rows_removed == 0
    with pytest.raises(croupier.NameNotFoundError, match=r"nothing.*x, s|x, s"):
        table.delete("nothing > 1")
    table.delete("true")
    assert (x_of(table), len(table)) == ([], 0)


def test_rows_are_updated(table):
    assert table.update("x > 7", {"s": "it's large", "x": -1}).rows_updated == 2
    assert sorted(x_of(table)) == [-1, -1, *range(8)]
    assert table.count_rows("s = 'it''s large'") == 2
    table.update(values_sql={"x": "x + 100"})
    assert sorted(x_of(table)) == [99, 99, *range(100, 108)]
    with pytest.raises(croupier.NameNotFoundError, match="z"):
        table.update("x > 1", {"z": 1})
    with pytest.raises(ValueError, match=r"'x'.*int64"):
        table.update("x > 1", values_sql={"x": "s || 'a'"})
    with pytest.raises(ValueError, match="values"):
        table.update("x > 1")


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        (True, pa.bool_()),
        (-7, pa.int64()),
        (2.5, pa.float64()),
        (float("inf"), pa.float64()),
        (None, pa.string()),
        ("it's", pa.string()),
        (b"\x00\xff", pa.binary()),
        (datetime.date(2024, 2, 29), pa.date32()),
        (datetime.datetime(2024, 2, 29, 1, 2, 3, 456000), pa.timestamp("us")),
        ([0.25, -1.0], pa.list_(pa.float32(), 2)),
        (["it's", ""], pa.list_(pa.string())),
    ],
)
def test_plain_values_of_an_update(table, value, type_):
    table.add_columns(pa.field("v", type_))
    table.update("x < 5", {"v": value})
    assert table.to_arrow()["v"].to_pylist().count(value) == (10 if value is None else 5)


def test_values_of_numpy_and_pyarrow_are_plain_values(table):
    table.add_columns([pa.field("v", pa.list_(pa.float32(), 2)), pa.field("n", pa.int8())])
    table.update("x = 1", {"v": np.array([1.5, 2.5], np.float32), "n": np.int64(7)})
    table.update("x = 2", {"v": pa.scalar([3.5, 4.5]), "n": pa.scalar(8)})
    rows = {row["x"]: (row["v"], row["n"]) for row in table.to_arrow().to_pylist()}
    assert rows[1] == ([1.5, 2.5], 7)
    assert rows[2] == ([3.5, 4.5], 8)
    with pytest.raises(NotImplementedError, match="dict"):
        table.update("x = 3", {"v": {}})


def test_columns_of_extension_types_are_computed_from_no_rows(db):
    type_ = pa.list_(pa.json_())
    table = db.create_table("empty", schema=pa.schema([("j", type_)]))
    table.add_columns(lambda batch: batch.rename_columns(["k"]))
    assert table.schema.types == [type_, type_]


def test_slices_of_nested_fixed_size_lists_are_merged(db):
    items = pa.array(range(300), pa.int16())
    lists = pa.FixedSizeListArray.from_arrays(pa.FixedSizeListArray.from_arrays(items, 3), 2)
    structs = pa.StructArray.from_arrays([lists], ["m"])
    rows = pa.table({"k": range(50), "m": lists, "s": structs})
    table = db.create_table("m", rows.slice(0, 10))
    merge = table.merge_insert("k").when_matched_update_all().when_not_matched_insert_all()
    merge.execute(rows.slice(5).to_batches()[0])
    assert table.to_arrow().sort_by("k").to_pylist() == rows.to_pylist()
    assert table.search().where("k % 2 = 1").to_arrow().sort_by("k").to_pylist() == [
        row for row in rows.to_pylist() if row["k"] % 2
    ]


@pytest.mark.parametrize("stable", [False, True])
def test_rows_are_merged(db, stable):
    rows = {"k": [1, 2, None, 4], "v": ["a", "b", "c", "d"]}
    table = db.create_table("t", rows, stable_row_ids=stable)
    ids = {row["k"]: row["_rowid"] for row in table.search().with_row_id().to_list()}
    merge = table.merge_insert("k").when_matched_update_all().when_not_matched_insert_all()
    result = merge.execute([{"k": 2, "v": "B"}, {"k": None, "v": "C"}, {"k": 5, "v": "E"}])
    assert (result.num_updated_rows, result.num_inserted_rows) == (1, 2)
    assert sorted(map(str, table.to_arrow().to_pylist())) == sorted(
        str({"k": k, "v": v})
        for k, v in [(1, "a"), (2, "B"), (None, "c"), (None, "C"), (4, "d"), (5, "E")]
    )
    if stable:
        now = {row["k"]: row["_rowid"] for row in table.search().with_row_id().to_list()}
        assert (now[1], now[2], now[4]) == (ids[1], ids[2], ids[4])
    where = "source.v > target.v"
    result = (
        table.merge_insert(["k"])
        .when_matched_update_all(where=where)
        .when_not_matched_by_source_delete("k > 2")
        .execute([{"k": 1, "v": "A"}, {"k": 2, "v": "b"}])
    )
    assert (result.num_updated_rows, result.num_deleted_rows) == (1, 2)
    assert sorted(row["v"] for row in table.search().to_list()) == ["C", "a", "b", "c"]
    with pytest.raises(ValueError, match="several"):
        table.merge_insert("k").when_matched_update_all().execute([{"k": 1, "v": "x"}] * 2)
    with pytest.raises(croupier.NameNotFoundError, match="z"):
        table.merge_insert("z").when_matched_update_all().execute([{"k": 1, "v": "x"}])
    with pytest.raises(ValueError, match="when_"):
        table.merge_insert("k").execute([{"k": 1, "v": "x"}])


def test_a_merge_inserts_as_pylance_does(tmp_path):
    rows = pa.table({"k": list(range(50)), "v": [f"v{i}" for i in range(50)]})
    more = pa.table({"k": list(range(40, 60)), "v": [f"new {i}" for i in range(40, 60)]})
    table = croupier.connect(tmp_path).create_table("t", rows)
    merge = table.merge_insert("k").when_matched_update_all().when_not_matched_insert_all()
    merge.execute(more)
    other = lance.write_dataset(rows, tmp_path / "other.lance")
    other.merge_insert("k").when_matched_update_all().when_not_matched_insert_all().execute(more)
    assert table.to_arrow().sort_by("k") == other.to_table().sort_by("k")
    assert lance.dataset(table.uri).to_table().sort_by("k") == other.to_table().sort_by("k")


def test_columns_are_added_and_dropped(table):
    table.add_columns({"twice": "x * 2", "name": "upper(s) || '!'"})
    assert table.head(2).to_pylist() == [
        {"x": 0, "s": "0", "twice": 0, "name": "0!"},
        {"x": 1, "s": "1", "twice": 2, "name": "1!"},
    ]
    table.delete("x = 3")
    table.add_columns(lambda rows: {"third": [x / 3 for x in rows["x"].to_pylist()]})
    assert table.to_arrow()["third"].to_pylist() == [x / 3 for x in range(10) if x != 3]
    table.add_columns(pa.field("empty", pa.list_(pa.int8())))
    assert table.to_arrow()["empty"].null_count == 9
    with pytest.raises(ValueError, match="twice"):
        table.add_columns({"twice": "x"})

    def fail(rows):
        raise KeyError("no value")

    with pytest.raises(KeyError, match="no value"):
        table.add_columns(fail)
    table.drop_columns(["s", "name"])
    assert table.schema.names == ["x", "twice", "third", "empty"]
    with pytest.raises(croupier.NameNotFoundError, match="name"):
        table.drop_columns(["name"])
    with pytest.raises(ValueError, match="column"):
        table.drop_columns(table.schema.names)


def test_versions_are_restored_tagged_and_cleaned_up(table):
    table.delete("x > 4")
    table.tags.create("small", 2)
    table.add(ROWS)
    table.restore("small")
    assert (table.version, x_of(table)) == (4, [0, 1, 2, 3, 4])
    table.restore(1)
    assert x_of(table) == list(range(10))
    table.tags.update("small", 3)
    assert table.tags.get_version("small") == 3
    with pytest.raises(ValueError, match="small"):
        table.tags.create("small", 1)
    stats = table.cleanup_old_versions(datetime.timedelta(0))
    assert stats.old_versions == 3
    assert [version["version"] for version in table.list_versions()] == [3, 5]
    with pytest.raises(croupier.VersionNotFoundError):
        table.checkout(2)
    table.tags.delete("small")
    assert table.tags.list() == {}
    with pytest.raises(croupier.NameNotFoundError):
        table.tags.delete("small")
    assert x_of(table) == list(range(10))


def test_files_are_compacted(db):
    table = db.create_table("t", {"x": range(100)}, max_rows_per_file=10)
    table.delete("x % 3 = 0")
    expected = x_of(table)
    table.compact_files()
    assert x_of(table) == expected
    assert table._source.describe("files")["num_fragments"] == 1


def test_edits_of_blobs_keep_their_bytes(db):
    field = lance.blob_field("clip")
    values = [b"one", None, b"x" * 100_000, b""]
    rows = pa.table(
        {"i": range(4), "clip": lance.blob_array(values)},
        schema=pa.schema([pa.field("i", pa.int64()), field]),
    )
    table = db.create_table("t", rows)
    table.update("i = 2", values_sql={"i": "i + 10"})
    table.compact_files()
    read = [blob and blob.readall() for blob in table.take_blobs("clip", offsets=range(4))]
    assert sorted(read, key=str) == sorted(values, key=str)


def test_a_permutation_stays_at_its_version(table):
    order = permutation_builder(table).shuffle(seed=1).execute()
    identity = croupier.Permutation.identity(table)
    expected = [
        row["x"] for row in croupier.Permutation.from_tables(table, order).take_offsets(range(10))
    ]
    assert sorted(expected) == list(range(10))
    table.delete("x < 5")
    table.add(ROWS)
    table.compact_files()
    for permutation in (
        croupier.Permutations(table, order)[0],
        pickle.loads(pickle.dumps(order)) and croupier.Permutation.from_tables(table, order),
    ):
        assert [row["x"] for row in permutation.take_offsets(range(10))] == expected
    for each in (identity, pickle.loads(pickle.dumps(identity))):
        assert [row["x"] for row in each.take_offsets(range(10))] == list(range(10))
    assert len(croupier.Permutation.identity(table)) == 7


def test_a_table_pickles_with_its_deletions_and_row_ids(table):
    table.delete("x = 1 OR x = 5")
    again = pickle.loads(pickle.dumps(table))
    assert (again.version, x_of(again)) == (2, [0, 2, 3, 4, 6, 7, 8, 9])
    assert again.search().with_row_id().to_arrow() == table.search().with_row_id().to_arrow()
    assert x_of(again.checkout(1)) == list(range(10))


def test_a_table_in_memory_outlives_its_connection():
    table = croupier.connect("memory://").create_table("t", ROWS)
    table.add(ROWS)
    assert x_of(table) == [1, 2, 1, 2]
    permutation = croupier.Permutation.identity(table)
    del table
    assert len(permutation.take_offsets([0, 3])) == 2


def test_what_belongs_to_lancedb_is_refused(table):
    for name in ("create_index", "create_scalar_index", "create_fts_index"):
        with pytest.raises(NotImplementedError, match="lancedb"):
            getattr(table, name)("x")
