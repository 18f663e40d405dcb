"""Tables by a C++ program, through the public headers, and by the Python interface."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import lance
import numpy as np
import pyarrow as pa
import pytest
from arrow_values import assert_same_rows
from matrix_cases import SHAPES, cases

import croupier

TOOLS = [
    Path(__file__).parents[2] / "build" / preset / "tests" / "croupier_write_table"
    for preset in ("release", "dev")
]
TOOL = next((tool for tool in TOOLS if tool.exists()), None)
pytestmark = pytest.mark.skipif(TOOL is None, reason="the tool that writes is not built")


def write(batches, schema, change, uri, *arguments):
    """Write batches by the C++ program; gives the version that it made."""
    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    done = subprocess.run(
        [TOOL, change, uri, *map(str, arguments)],
        input=stream.getvalue(),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise ValueError(done.stderr.decode().strip())
    return int(done.stdout)


def files_of(uri):
    """The bytes of the data files in the order of the table."""
    names = [
        file.path
        for fragment in lance.dataset(uri).get_fragments()
        for file in fragment.data_files()
    ]
    return [(Path(uri) / "data" / name).read_bytes() for name in names]


def rows_of(shape, version):
    """Columns of some types in a shape."""
    types = ("bool", "int32", "float64", "string", "large_binary", "vector", "dictionary int32")
    chosen = [case for case in cases(version, 1) if case.shape == shape and case.type in types]
    columns = [case.rows()["x"].combine_chunks() for case in chosen]
    fields = [case.rows().schema.field("x").with_name(case.type) for case in chosen]
    size = min(len(column) for column in columns if len(column))
    kept = [i for i, column in enumerate(columns) if len(column)]
    return pa.table(
        [columns[i].slice(0, size) for i in kept],
        schema=pa.schema([fields[i] for i in kept], metadata={"of": shape}),
    )


@pytest.mark.parametrize("stable", [False, True])
@pytest.mark.parametrize(
    ("shape", "version"),
    [(shape, "2.2") for shape in SHAPES]
    + [(shape, "2.1") for shape in SHAPES if shape not in ("map", "fixed list of struct")],
)
def test_both_interfaces_write_the_same_files(tmp_path, shape, version, stable):
    rows = rows_of(shape, version)
    batches = rows.to_batches(max_chunksize=300)
    uri = str(tmp_path / "cpp.lance")
    kind = ["stable"] if stable else []
    assert write(batches, rows.schema, "create", uri, version, 1000, *kind) == 1
    table = croupier.connect(tmp_path).create_table(
        "python",
        pa.RecordBatchReader.from_batches(rows.schema, batches),
        data_storage_version=version,
        stable_row_ids=stable,
        max_rows_per_file=1000,
    )
    assert write(batches[:1], rows.schema, "append", uri) == 2
    table.add(pa.RecordBatchReader.from_batches(rows.schema, batches[:1]))
    by_cpp = croupier.open_dataset(uri)
    assert by_cpp.schema.equals(rows.schema, check_metadata=True)
    assert_same_rows(
        by_cpp.search().with_row_id().to_arrow(), table.search().with_row_id().to_arrow()
    )
    assert files_of(uri) == files_of(table.uri)
    lance.dataset(uri).validate()
    few = pa.table({"other": np.arange(3)})
    assert write(few.to_batches(), few.schema, "overwrite", uri) == 3
    table.add(few, mode="overwrite")
    assert_same_rows(by_cpp.checkout_latest().to_arrow(), table.to_arrow())
    assert files_of(uri) == files_of(table.uri)


def test_both_interfaces_refuse_the_same_rows(tmp_path):
    rows = pa.table({"x": [1, 2]})
    uri = str(tmp_path / "cpp.lance")
    write(rows.to_batches(), rows.schema, "create", uri)
    with pytest.raises(ValueError, match="already"):
        write(rows.to_batches(), rows.schema, "create", uri)
    other = pa.table({"y": [1]})
    with pytest.raises(ValueError, match="no column 'y'.*'x'"):
        write(other.to_batches(), other.schema, "append", uri)
    text = pa.table({"x": ["a"]})
    with pytest.raises(ValueError, match=r"'x'.*int64.*string"):
        write(text.to_batches(), text.schema, "append", uri)
    assert croupier.open_dataset(uri).to_arrow() == rows
