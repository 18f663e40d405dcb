"""Scans and counts with a filter: the rows that pylance gives, of tables of every kind."""

import lance
import pyarrow as pa
import pytest

import croupier

FILTERS = [
    "x > 700",
    "x % 3 = 1 AND s LIKE 'row 1%'",
    "x IS NULL",
    "NOT (x > 500)",
    "x IN (1, 2, 900) OR st.a = 17",
    "st.b IS NOT NULL AND st.b < 0.5",
    "array_has(tags, 3)",
    "d = 'red'",
    "_rowid < 300",
    "true",
    "false",
]


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    """1000 rows in four fragments, with nulls, every seventh deleted."""
    numbers = range(1000)
    rows = pa.table(
        {
            "x": pa.array([None if i % 11 == 5 else i for i in numbers], pa.int64()),
            "s": [f"row {i}" for i in numbers],
            "st": pa.array([{"a": i % 50, "b": None if i % 3 else i / 1000} for i in numbers]),
            "tags": pa.array([list(range(i % 5)) for i in numbers], pa.list_(pa.int32())),
            "d": pa.array([["red", "green", None][i % 3] for i in numbers]).dictionary_encode(),
        }
    )
    uri = str(tmp_path_factory.mktemp("filters") / "t.lance")
    lance.write_dataset(rows, uri, max_rows_per_file=250).delete("s LIKE '%7'")
    return uri


@pytest.mark.parametrize("where", FILTERS)
def test_rows_are_those_of_pylance(uri, where):
    expected = lance.dataset(uri).to_table(["s", "x", "tags"], filter=where, with_row_id=True)
    table = croupier.open_dataset(uri)
    query = table.search().where(where).select(["s", "x", "tags"]).with_row_id()
    assert query.to_arrow().to_pylist() == expected.to_pylist()
    assert table.count_rows(where) == expected.num_rows
    batches = list(query.to_batches(50))
    assert [batch.num_rows for batch in batches[:-1]] == [50] * (len(batches) - 1)
    assert pa.Table.from_batches(batches, expected.schema).num_rows == expected.num_rows
    window = query.offset(3).limit(10).to_arrow()
    assert window.to_pylist() == expected.slice(3, 10).to_pylist()


def test_columns_of_dictionaries_are_filtered(uri):
    expected = lance.dataset(uri).to_table(["d"], filter="x > 500")["d"].to_pylist()
    table = croupier.open_dataset(uri)
    assert table.search().where("x > 500").select(["d"]).to_arrow()["d"].to_pylist() == expected


def test_a_table_in_memory_is_filtered_alike(numbers):
    assert numbers.search().where("x > 7 OR s = '0'").to_arrow()["x"].to_pylist() == [0, 8, 9]
    assert numbers.count_rows("y >= 25") == 5
    assert numbers.scan(["x"], filter="x = 3").read_all().to_pydict() == {"x": [3]}
    assert numbers.search().where("_rowid IN (4, 2)").to_arrow()["x"].to_pylist() == [2, 4]


@pytest.mark.parametrize(
    ("where", "error", "text"),
    [
        ("x >", ValueError, r"x >\n"),
        ("x > 3 x", ValueError, r"\^"),
        ("nothing > 3", croupier.NameNotFoundError, "x, y, s"),
        ("x + 1", TypeError, "true or false"),
        ("x > 'a word'", (TypeError, ValueError), r"\^"),
        ("no_such_function(x)", ValueError, "no_such_function"),
    ],
)
def test_errors_show_where(numbers, where, error, text):
    with pytest.raises(error, match=text):
        numbers.search().where(where).to_arrow()
    with pytest.raises(error, match=text):
        numbers.count_rows(where)
