"""Data files that the tool `croupier_write_data_file` wrote, as pylance reads them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
from arrow_values import assert_same_rows, take_rows

TOOLS = [
    Path(__file__).parents[2] / "build" / preset / "tests" / "croupier_write_data_file"
    for preset in ("release", "dev")
]


def find_tool():
    """Find the tool in a build, or None."""
    return next((tool for tool in TOOLS if tool.exists()), None)


def write_file(path, schema, batches, version, page_bytes=8 << 20, repeats=1):
    """Write a data file; gives what a manifest says of it."""
    stream = path.with_suffix(".arrows")
    with pa.ipc.new_stream(str(stream), schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    arguments = [find_tool(), stream, path, version, str(page_bytes), str(repeats)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    stream.unlink()
    if done.returncode:
        raise ValueError(done.stderr.strip())
    return json.loads(done.stdout)


def cut(rows, random):
    """Cut rows into batches, some of them slices and some empty."""
    table = rows.combine_chunks()
    begin = 0
    while begin < len(rows):
        count = int(random.choice([0, 1, 7, 64, 500, 3000]))
        yield from table.slice(begin, count).to_batches()
        begin += count


def dataset_of(lance, folder, rows, batches, version, page_bytes=8 << 20):
    """Write a file and make a dataset of it."""
    (folder / "data").mkdir(parents=True)
    written = write_file(folder / "data" / "0.lance", rows.schema, batches, version, page_bytes)
    file = lance.fragment.DataFile(
        "0.lance",
        fields=written["fields"],
        column_indices=list(range(len(written["fields"]))),
        file_major_version=2,
        file_minor_version=written["minor_version"],
        file_size_bytes=written["size_bytes"],
    )
    fragment = lance.FragmentMetadata(id=0, files=[file], physical_rows=written["num_rows"])
    operation = lance.LanceOperation.Overwrite(rows.schema, [fragment])
    return lance.LanceDataset.commit(str(folder), operation)


def check_dataset(dataset, rows, random):
    """Compare rows with what pylance reads of a dataset: all, a range, rows in any order.

    Column by column: pylance 14 cannot read fixed-size lists of structs beside others, nor write
    a table that it can read so.
    """
    begin = int(random.integers(0, max(1, len(rows))))
    count = int(random.integers(0, len(rows) - begin + 1))
    wanted = random.integers(0, len(rows), 20) if len(rows) else np.array([], int)
    for name in rows.column_names:
        column = rows.select([name])
        read = {"columns": [name]}
        assert_same_rows(dataset.to_table(**read, batch_size=1000), column)
        if not count:
            continue
        assert_same_rows(
            dataset.to_table(**read, offset=begin, limit=count), column.slice(begin, count)
        )
        assert_same_rows(dataset.take(wanted.tolist(), **read), take_rows(column, wanted))


def check_file(lance, path, rows, random):
    """Compare rows with what pylance reads of a file: all, a range, some rows."""
    from lance.file import LanceFileReader

    reader = LanceFileReader(str(path))
    assert_same_rows(reader.read_all(batch_size=1000).to_table(), rows)
    if not len(rows):
        return
    begin = int(random.integers(0, len(rows)))
    count = int(random.integers(1, len(rows) - begin + 1))
    assert_same_rows(reader.read_range(begin, count).to_table(), rows.slice(begin, count))
    wanted = sorted({int(row) for row in random.integers(0, len(rows), 20)})
    assert_same_rows(reader.take_rows(wanted).to_table(), take_rows(rows, np.array(wanted)))
