"""Values of an update, which become those of the column's type: as pylance casts them."""

from __future__ import annotations

import datetime
import decimal

import lance
import numpy as np
import pyarrow as pa
import pytest
from arrow_values import assert_same_rows

import croupier

NAN, INFINITY = float("nan"), float("inf")
DAY = datetime.date(2024, 2, 29)
TIME = datetime.datetime(2024, 2, 29, 1, 2, 3, 456789)

ROWS = pa.table(
    {
        "f": [1.5, -1.5, NAN, INFINITY, -INFINITY, 300.0, 1e300, -0.0, None, 127.9],
        "g": pa.array(
            [1.5, NAN, INFINITY, 1e-45, 3e38, None, 0.1, -0.0, 16777216, 7], pa.float32()
        ),
        "i": [0, 1, -1, 127, 255, 2**31, 2**53 + 1, 2**63 - 1, None, -(2**63)],
        "u": pa.array([0, 1, 2**63, 2**64 - 1, None] * 2, pa.uint64()),
        "small": [0, 1, -1, 127, -128, None, 7, 8, 9, 10],
        "b": [True, False, None, True, False] * 2,
        "d": [DAY, None, datetime.date(1, 1, 1), DAY, DAY] * 2,
        "t": pa.array([TIME, None, datetime.datetime(1, 1, 1), TIME, TIME] * 2, pa.timestamp("us")),
        "dec": pa.array([decimal.Decimal("1.25"), None] * 5, pa.decimal128(20, 2)),
        "s": ["1", " 2", "", "x", "1e3", None, "NaN", "true", "1.5", "2024-02-29"],
    }
)

TYPES = {
    "bool": pa.bool_(),
    "int8": pa.int8(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "uint64": pa.uint64(),
    "float16": pa.float16(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "decimal": pa.decimal128(10, 2),
    "string": pa.string(),
    "large_string": pa.large_string(),
    "date32": pa.date32(),
    "date64": pa.date64(),
    "timestamp_s": pa.timestamp("s"),
    "timestamp_us": pa.timestamp("us"),
    "timestamp_ns": pa.timestamp("ns"),
    "duration": pa.duration("us"),
    "vector": pa.list_(pa.float32(), 2),
    "list": pa.list_(pa.int8()),
}

# An expression, and the types that all its values can be cast to.
CASTS = {
    "f": "bool float16 float32 float64 string large_string",
    "g": "float16 float32 float64 string",
    "i": "bool int64 float16 float32 float64 string timestamp_us duration",
    "u": "uint64 float16 float32 float64 string",
    "small": "bool int8 int32 int64 float16 float32 float64 decimal string date32",
    "b": "int8 int64 float16 float32 float64 string large_string",
    "d": "int32 int64 string date32 date64 timestamp_s timestamp_us",
    "t": "int64 string date32 timestamp_s timestamp_us",
    "dec": "int8 int32 uint64 float32 float64 decimal string",
    "s": "string large_string",
    "1.5": "bool int8 int32 uint64 float16 float64 decimal string",
    "300": "int32 uint64 float16 decimal string date32 timestamp_s duration",
    "f * 2": "float16 float32 float64 string",
    "CAST('NaN' AS DOUBLE)": "float16 float32 float64 string",
    "'2024-02-29'": "string date32 date64 timestamp_s timestamp_us timestamp_ns",
    "'2024-02-29 01:02:03'": "string date32 timestamp_s timestamp_us timestamp_ns",
    "'-1'": "int8 int32 float64 decimal",
    "[1.5, 3]": "vector list",
    "NULL": " ".join(TYPES),
}
FAILING = [
    ("f", "int64"),
    ("300", "int8"),
    ("-1", "uint64"),
    ("u", "int64"),
    ("s", "float64"),
    ("'x'", "date32"),
    ("1e300", "decimal"),
    ("[1.5, 300]", "list"),
    ("[1, 2, 3]", "vector"),
]


def both(tmp_path, names):
    """Make two tables alike, with a column of nulls for each type."""
    rows = ROWS.append_column("row", pa.array(np.arange(len(ROWS))))
    for name in names:
        rows = rows.append_column(name, pa.nulls(len(rows), TYPES[name]))
    for uri in ("ours.lance", "theirs.lance"):
        lance.write_dataset(rows, str(tmp_path / uri))
    return croupier.open_dataset(tmp_path / "ours.lance"), str(tmp_path / "theirs.lance")


@pytest.mark.parametrize("expression", CASTS)
def test_an_update_casts_as_pylance_does(tmp_path, expression):
    names = CASTS[expression].split()
    table, uri = both(tmp_path, names)
    table.update(values_sql=dict.fromkeys(names, expression))
    lance.dataset(uri).update(dict.fromkeys(names, expression))
    theirs = lance.dataset(uri).to_table().sort_by("row").combine_chunks()
    ours = table.to_arrow().sort_by("row").combine_chunks()
    assert_same_rows(ours.select(names), theirs.select(names))


@pytest.mark.parametrize(("expression", "name"), FAILING)
def test_what_pylance_cannot_cast_is_an_error(tmp_path, expression, name):
    table, uri = both(tmp_path, [name])
    with pytest.raises(ValueError, match=f"column '{name}'"):
        table.update(values_sql={name: expression})
    with pytest.raises(Exception, match=r"(?i)cast"):
        lance.dataset(uri).update({name: expression})


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1], pa.date64()),
        pa.array([-1]).view(pa.time64("us")),
        pa.array([86400], pa.int32()).view(pa.time32("s")),
        pa.array([[86400]], pa.list_(pa.int32())).cast(pa.list_(pa.time32("s")), safe=False),
    ],
    ids=lambda column: str(column.type),
)
def test_values_that_are_none_of_their_type_are_refused(column):
    database = croupier.connect("memory://")
    with pytest.raises(ValueError, match="column 'x.*none of its type"):
        database.create_table("t", pa.table({"x": column}))
    if not pa.types.is_primitive(column.type):
        return
    fields = [pa.field("x", column.type)]
    members = pa.StructArray.from_arrays([column], fields=fields)
    # Below a null anything may lie.
    hidden = pa.StructArray.from_arrays([column], fields=fields, mask=pa.array([True]))
    for metadata in (None, {"lance-encoding:packed": "true"}):
        schema = pa.schema([pa.field("s", members.type, metadata=metadata)])
        with pytest.raises(ValueError, match="column 's.*none of its type"):
            database.create_table("s", pa.Table.from_arrays([members], schema=schema))
        rows = pa.Table.from_arrays([hidden], schema=schema)
        table = database.create_table("hidden", rows, mode="overwrite")
        assert table.to_arrow()["s"].to_pylist() == [None]
