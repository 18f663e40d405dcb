"""Columns computed by scans and takes: the values that lancedb gives."""

import asyncio
import pickle

import lancedb
import pyarrow as pa
import pytest

import croupier

COLUMNS = {
    "twice": "x * 2",
    "again": "x * 2",
    "name": "upper(s)",
    "a": "st.a",
    "x": "x",
    "s": "x + 1",  # hides the column of that name
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("query_expressions")
    numbers = range(500)
    rows = pa.table(
        {
            "x": pa.array([None if i % 11 == 5 else i for i in numbers], pa.int64()),
            "s": [f"row {i}" for i in numbers],
            "st": [{"a": i % 50} for i in numbers],
        }
    )
    lancedb.connect(folder).create_table("t", rows).delete("s LIKE '%7'")
    return folder


@pytest.fixture
def table(folder):
    return croupier.connect(folder).open_table("t")


@pytest.fixture
def theirs(folder):
    return lancedb.connect(folder).open_table("t")


def test_scans_compute_what_lancedb_computes(table, theirs):
    expected = theirs.search().select(COLUMNS).to_arrow()
    read = table.search().select(COLUMNS).to_arrow()
    assert read.schema.names == expected.schema.names
    assert read.to_pylist() == expected.to_pylist()
    assert table.search().select(COLUMNS).to_batches(100).read_all() == read


def test_filters_name_columns_of_the_table(table, theirs):
    def query(of):
        return of.search().where("s LIKE '%3'").select(COLUMNS).limit(20).offset(5)

    assert query(table).to_arrow().to_pylist() == query(theirs).to_arrow().to_pylist()


def test_windows_and_row_ids_go_with_it(table, theirs):
    rows = table.search().select({"y": "x"}).with_row_id().offset(7).limit(30).to_arrow()
    expected = theirs.search().select({"y": "x"}).with_row_id(True).offset(7).limit(30).to_arrow()
    assert rows.to_pylist() == expected.to_pylist()


@pytest.mark.parametrize("by", ["offsets", "row_ids"])
def test_takes_compute_in_the_order_that_is_asked_for(table, by):
    chosen = [9, 3, 9, 400]

    def take(of):
        taken = of.take_offsets(chosen) if by == "offsets" else of.take_row_ids(chosen)
        return taken.select(COLUMNS).with_row_id()

    plain = table.take_offsets(chosen) if by == "offsets" else table.take_row_ids(chosen)
    numbers = plain.select(["x"]).to_arrow()["x"].to_pylist()
    rows = take(table).to_list()
    assert [row["twice"] for row in rows] == [None if x is None else 2 * x for x in numbers]
    assert [*rows[0]] == [*COLUMNS, "_rowid"]
    assert asyncio.run(take(croupier.AsyncTable(table)).to_list()) == rows


def test_queries_that_compute_pickle(table):
    query = table.search().select(COLUMNS).where("x < 9")
    assert pickle.loads(pickle.dumps(query)).to_list() == query.to_list()


def test_expressions_that_cannot_be_are_errors(table):
    with pytest.raises(croupier.NameNotFoundError, match="no column 'nothing'"):
        table.search().select({"y": "nothing + 1"})
    with pytest.raises(ValueError, match=r"x \+"):
        table.search().select({"y": "x +"})
    with pytest.raises(TypeError, match="must be an expression of SQL, not int"):
        table.search().select({"y": 1})
    with pytest.raises(ValueError, match="at least one column"):
        table.search().select({})
    with pytest.raises(TypeError, match="not the string 'x'"):
        table.search().select("x")
