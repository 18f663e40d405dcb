"""Other Arrow libraries read a table by its C stream, and nothing is copied on the way."""

import duckdb
import polars as pl
import pyarrow as pa
import pytest

import croupier
from croupier import _core

LIVE = [i for i in range(1000) if i % 7 != 3]


@pytest.fixture(params=["memory", "local"])
def table(request, lance_uri, database):
    if request.param == "local":
        return croupier.open_dataset(lance_uri)
    rows = {"x": LIVE, "s": [f"row {i}" for i in LIVE]}
    return database.create_table("numbers", pa.table(rows))


def test_pyarrow_reads_a_table(table):
    assert pa.table(table).to_pydict() == {"x": LIVE, "s": [f"row {i}" for i in LIVE]}
    reader = pa.RecordBatchReader.from_stream(table)
    assert reader.schema.equals(table.schema, check_metadata=True)
    assert sum(batch.num_rows for batch in reader) == len(LIVE)


def test_polars_reads_a_table(table):
    frame = pl.DataFrame(table)
    assert frame["x"].to_list() == LIVE
    assert frame.filter(pl.col("s") == "row 12")["x"].to_list() == [12]


def test_duckdb_reads_a_table(table):
    numbers = table  # noqa: F841 - DuckDB finds it by its name
    total = duckdb.sql("SELECT sum(x), count(DISTINCT s) FROM numbers").fetchall()
    assert total == [(sum(LIVE), len(LIVE))]
    # A query reads the stream anew, so a table can be used in several.
    joined = duckdb.sql(
        "SELECT a.x FROM numbers a JOIN numbers b ON a.x = b.x + 1 WHERE b.s = 'row 4'"
    )
    assert joined.fetchall() == [(5,)]


def test_what_is_read_is_allocated_once(tmp_path):
    import lance

    numbers = pa.array(range(500_000), pa.int64())
    uri = str(tmp_path / "t.lance")
    lance.write_dataset(pa.table({"x": numbers, "y": numbers.cast(pa.float64())}), uri)
    table = croupier.open_dataset(uri)
    pa.table(table)  # what is remembered is there now
    before = _core.allocated_bytes()
    read = pa.table(table)
    assert read.nbytes <= _core.allocated_bytes() - before < 1.1 * read.nbytes


def uuids_in_other_types() -> dict[str, pa.Array]:
    storage = pa.array([None, *(bytes([i]) * 16 for i in range(4)), None], pa.binary(16))
    uuids = storage.cast(pa.uuid()).slice(1, 4)
    offsets = pa.array([0, 1, 1, 3, 4], pa.int32())
    structs = pa.StructArray.from_arrays([uuids, pa.array(range(4))], ["u", "x"])
    return {
        "flat": uuids,
        "list": pa.ListArray.from_arrays(offsets, uuids),
        "large_list": pa.LargeListArray.from_arrays(offsets.cast(pa.int64()), uuids),
        "struct": structs,
        "map": pa.MapArray.from_arrays(offsets, pa.array(list("abcd")), uuids),
        "list of structs": pa.ListArray.from_arrays(offsets, structs),
        "fixed_size_list of structs": pa.FixedSizeListArray.from_arrays(structs, 1),
    }


@pytest.mark.parametrize("name", uuids_in_other_types())
def test_extension_types_cross_at_any_depth(name):
    rows = pa.table({"c": uuids_in_other_types()[name]})
    table = croupier.connect("memory://").create_table("t", rows)
    read = table.to_arrow()
    read.validate(full=True)
    assert read.equals(rows)
    assert table.schema == read.schema == rows.schema
    assert table.take_offsets([3, 1]).to_arrow().equals(rows.take([3, 1]))
    assert pa.table(table).equals(rows)  # by Arrow's C structs
