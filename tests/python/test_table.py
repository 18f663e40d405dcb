import pickle

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

import croupier


def test_a_table_tells_what_it_is(numbers):
    assert numbers.name == "numbers"
    assert numbers.version == 1
    assert numbers.schema.names == ["x", "y", "s"]
    assert numbers.count_rows() == len(numbers) == 10
    assert repr(numbers).startswith(
        "<croupier.Table 'numbers': 10 rows, version 1, 3 columns (x: int64, y: float, s: string), "
        "at memory://"
    )


def test_schema_metadata_is_kept(database):
    schema = pa.schema([pa.field("x", pa.int64(), metadata={"unit": "m"})], {"made": "here"})
    table = database.create_table("t", pa.table({"x": [1]}, schema))
    assert table.schema.equals(schema, check_metadata=True)
    assert table.to_arrow().schema.equals(schema, check_metadata=True)


@pytest.fixture(params=["memory", "local"])
def table(request, lance_uri, database):
    """The same 857 rows in memory and on disk."""
    local = croupier.open_dataset(lance_uri)
    if request.param == "local":
        return local
    x = [i for i in range(1000) if i % 7 != 3]
    return database.create_table("numbers", pa.table({"x": x, "s": [f"row {i}" for i in x]}))


LIVE = [i for i in range(1000) if i % 7 != 3]


def test_all_rows_by_every_ending(table):
    rows = [{"x": i, "s": f"row {i}"} for i in LIVE]
    assert len(table) == 857
    assert table.to_arrow().to_pylist() == rows
    assert table.to_pandas().to_dict("records") == rows
    assert table.search(None).to_list() == rows
    assert pa.table(table).to_pylist() == rows
    assert pl.DataFrame(table).to_dicts() == rows
    batches = list(table.to_batches(100))
    assert [batch.num_rows for batch in batches] == [100] * 8 + [57]
    assert pa.Table.from_batches(batches).to_pylist() == rows


def test_columns_come_in_the_order_asked_for(table):
    assert table.to_arrow(["s", "x"]).column_names == ["s", "x"]
    assert table.search().select(["s"]).with_row_id(True).to_arrow().column_names == ["s", "_rowid"]
    assert table.search().select(["_rowid", "x"]).to_arrow().column_names == ["_rowid", "x"]


@pytest.mark.parametrize(
    ("offset", "limit"), [(0, 5), (3, 4), (850, 100), (900, 5), (7, 0), (9, None)]
)
def test_offset_and_limit_cut_the_scan(table, offset, limit):
    query = table.search().select(["x"]).offset(offset).limit(limit)
    expected = LIVE[offset:] if limit is None else LIVE[offset : offset + limit]
    assert [row["x"] for row in query.to_list()] == expected


def test_take_offsets_counts_live_rows_in_storage_order(table):
    assert table.take_offsets([856, 0, 3, 3]).select(["x"]).to_list() == [
        {"x": LIVE[i]} for i in (856, 0, 3, 3)
    ]
    assert table.take_offsets(np.array([5, 4])).to_arrow()["x"].to_pylist() == [LIVE[5], LIVE[4]]
    assert table.take_offsets([]).to_arrow().schema == table.schema
    for offsets in ([857], [-1], [0, 1 << 70]):
        with pytest.raises(IndexError):
            table.take_offsets(offsets).to_arrow()
    with pytest.raises(TypeError):
        table.take_offsets([0.5]).to_arrow()


def test_take_row_ids_reads_what_the_scan_named(table):
    ids = table.search().with_row_id().to_arrow()
    chosen = ids.take([5, 700, 5])
    taken = table.take_row_ids(chosen["_rowid"].to_pylist()).with_row_id().to_arrow()
    assert taken.to_pylist() == chosen.to_pylist()
    assert (
        table.take_row_ids(chosen["_rowid"].to_numpy()).to_list()
        == chosen.drop("_rowid").to_pylist()
    )
    with pytest.raises(IndexError):
        table.take_row_ids([1 << 40]).to_arrow()


def test_deleted_row_ids_are_index_errors(lance_uri):
    table = croupier.open_dataset(lance_uri)
    with pytest.raises(IndexError, match="3"):
        table.take_row_ids([3]).to_arrow()


def test_scan_and_take_read_chosen_columns(table):
    assert table.scan().read_all() == table.to_arrow()
    reader = table.scan(["s"], with_row_id=True, batch_size=100)
    assert reader.schema.names == ["s", "_rowid"]
    assert [batch.num_rows for batch in reader] == [100] * 8 + [57]
    taken = table.take([5, 0, 5], columns=["x"], with_row_id=True)
    assert taken["x"].to_pylist() == [LIVE[5], LIVE[0], LIVE[5]]
    assert table.take(row_ids=taken["_rowid"].to_pylist(), columns=["x"])["x"] == taken["x"]
    assert table.take([]).num_rows == table.take(row_ids=[]).num_rows == 0
    for both in ({}, {"offsets": [0], "row_ids": [0]}):
        with pytest.raises(TypeError, match="either"):
            table.take(**both)


def test_a_table_is_a_map_style_dataset(table):
    batch = table.__getitems__([2, 1])
    assert isinstance(batch, pa.RecordBatch)
    assert batch["x"].to_pylist() == [2, 1]


def test_unknown_columns_are_errors_that_list_the_columns(table):
    for read in (
        lambda: table.to_arrow(["zz"]),
        lambda: table.search().select(["zz"]).to_batches(),
        lambda: table.take_offsets([0]).select(["zz"]).to_arrow(),
        lambda: table.take_row_ids([0]).select(["zz"]).to_arrow(),
    ):
        with pytest.raises(croupier.NameNotFoundError, match="zz.*x, s"):
            read()
    with pytest.raises(TypeError, match="list of column names"):
        table.search().select("x")


def test_what_a_loader_does_not_have_says_so(table):
    with pytest.raises(NotImplementedError, match="vector"):
        table.search([0.1, 0.2])


def test_arguments_out_of_range_are_errors(table):
    with pytest.raises(ValueError, match="-1"):
        table.search().limit(-1)
    with pytest.raises(ValueError, match="-1"):
        table.search().offset(-1)
    with pytest.raises(ValueError, match="batch_size must be positive: 0"):
        table.to_batches(0)


def test_tables_pickle(table):
    again = pickle.loads(pickle.dumps(table))
    assert (again.name, again.version, again.schema) == (table.name, table.version, table.schema)
    assert again.to_arrow() == table.to_arrow()


def test_a_local_table_pickles_small_and_pinned(lance_uri):
    import lance

    table = croupier.open_dataset(lance_uri)
    pickled = pickle.dumps(table)
    assert len(pickled) < 500
    lance.dataset(lance_uri).delete("x = 0")
    again = pickle.loads(pickled)
    assert (again.version, table.version) == (2, 2)
    assert len(again) == len(table) == 857
    assert again.to_arrow() == table.to_arrow()
