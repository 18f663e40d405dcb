import pickle
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import croupier

ROWS = [{"a": 1, "b": "one"}, {"a": 2, "b": None}]


@pytest.mark.parametrize(
    "data",
    [
        ROWS,
        iter(ROWS),
        {"a": [1, 2], "b": ["one", None]},
        pa.Table.from_pylist(ROWS),
        pa.RecordBatch.from_pylist(ROWS),
        pa.Table.from_pylist(ROWS).to_reader(),
        pa.Table.from_pylist(ROWS).to_batches(max_chunksize=1),
        pd.DataFrame(ROWS, index=[5, 6]),
        pl.DataFrame(ROWS),
    ],
    ids=lambda data: type(data).__name__,
)
def test_create_table_takes_rows_in_any_shape(database, data):
    assert database.create_table("t", data).to_arrow().to_pylist() == ROWS


def test_rows_with_other_keys_than_the_first_lose_nothing(database):
    table = database.create_table("t", [{"a": 1}, {"b": 2}])
    assert table.to_arrow().to_pylist() == [{"a": 1, "b": None}, {"a": None, "b": 2}]


def test_what_is_no_rows_is_a_type_error(database):
    with pytest.raises(TypeError, match="not int"):
        database.create_table("t", 3)
    with pytest.raises(TypeError, match="not str"):
        database.create_table("t", "rows")


def test_a_table_of_the_same_name_is_an_error(database):
    database.create_table("t", ROWS)
    with pytest.raises(ValueError, match="Table 't' already exists"):
        database.create_table("t", ROWS)


@pytest.mark.parametrize("rows", [pa.table({"_rowid": [1]}), pa.table([[1], [2]], ["a", "a"])])
def test_impossible_column_names_are_errors(database, rows):
    with pytest.raises(ValueError, match="column"):
        database.create_table("t", rows)


def test_memory_databases_are_separate_and_keep_their_tables():
    one, other = croupier.connect("memory://"), croupier.connect("memory:///")
    one.create_table("t", ROWS)
    assert one.table_names() == ["t"]
    assert len(one.open_table("t")) == 2
    assert other.table_names() == []
    with pytest.raises(croupier.NameNotFoundError, match=r"'t' was not found.*\(none\)"):
        other.open_table("t")


def test_a_folder_lists_and_opens_its_tables(lance_uri):
    db = croupier.connect(Path(lance_uri).parent)
    assert db.table_names() == ["numbers"]
    assert repr(db) == f"<croupier.Connection '{Path(lance_uri).parent}': 1 table (numbers)>"
    table = db.open_table("numbers")
    assert (table.name, len(table)) == ("numbers", 857)
    with pytest.raises(croupier.NameNotFoundError, match="'letters' was not found.*: numbers"):
        db.open_table("letters")
    assert pickle.loads(pickle.dumps(db)).table_names() == ["numbers"]


def test_a_folder_that_does_not_exist_has_no_tables(tmp_path):
    assert croupier.connect(tmp_path / "nothing").table_names() == []


def test_home_and_relative_paths_are_resolved(lance_uri, monkeypatch):
    folder = Path(lance_uri).parent
    monkeypatch.setenv("HOME", str(folder))
    assert croupier.connect("~").table_names() == ["numbers"]
    monkeypatch.chdir(folder)
    table = croupier.open_dataset("numbers.lance")
    monkeypatch.chdir("/")
    assert len(pickle.loads(pickle.dumps(table))) == 857
    assert len(croupier.open_dataset(f"file://{lance_uri}")) == 857


@pytest.mark.parametrize("uri", ["db://mine", "hdfs://host/x"])
def test_what_comes_later_says_so(uri):
    scheme = uri.partition("mine")[0].partition("host")[0]
    with pytest.raises(NotImplementedError, match=f"'{scheme}'; readable: .*s3://"):
        croupier.connect(uri)
    with pytest.raises(NotImplementedError, match=f"'{scheme}'; readable: .*s3://"):
        croupier.open_dataset(uri)


@pytest.mark.parametrize("name", ["", "a/b", ".."])
def test_a_name_that_cannot_be_one_is_an_error(tmp_path, name):
    with pytest.raises(ValueError, match="not a name of a table"):
        croupier.connect(tmp_path).open_table(name)
