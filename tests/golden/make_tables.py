#!/usr/bin/env python3
"""Write the table fixtures: small datasets by the reference writer, and the rows they must give.

    python tests/golden/make_tables.py [FOLDER]

Needs pylance 14.0; the fixtures in the repository were made with pylance 14.0.2. They never
change: a new case is a new table. For each table NAME it writes NAME.lance and NAME.arrow, an IPC
file of its live rows with `_rowid` (of those columns that can be read today).
"""

import pathlib
import sys

import lance
import numpy as np
import pyarrow as pa


def save(folder, name, dataset, columns=None):
    columns = columns or dataset.schema.names
    rows = dataset.to_table(columns=columns, with_row_id=True)
    with pa.ipc.new_file(folder / f"{name}.arrow", rows.schema) as writer:
        writer.write_table(rows)


def main():
    folder = pathlib.Path(
        sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "tables"
    )
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(7)

    def write(name, table, version="2.2", rows_per_file=1 << 20):
        return lance.write_dataset(
            table,
            str(folder / f"{name}.lance"),
            data_storage_version=version,
            max_rows_per_file=rows_per_file,
        )

    numbers = pa.table(
        {
            "i": pa.array(range(100), pa.int32()),
            "s": [f"row {i}" if i % 7 else None for i in range(100)],
        },
        metadata={"made by": "make_tables.py"},
    )
    save(folder, "numbers", write("numbers", numbers))
    save(folder, "numbers_v2_1", write("numbers_v2_1", numbers, "2.1"))

    # Some rows of several fragments deleted: the arrow form of deletion files.
    dataset = write("deletions_arrow", numbers, rows_per_file=30)
    dataset.delete("i % 3 = 0 or i between 31 and 40")
    save(folder, "deletions_arrow", lance.dataset(dataset.uri))

    # Many rows deleted: the bitmap form, with array and bitmap containers.
    many = pa.table(
        {
            "i": pa.array(np.zeros(80000), pa.int8()),
            "k": pa.array(np.arange(80000) // 1000, pa.int16()),
        }
    )
    dataset = write("deletions_bitmap", many)
    dataset.delete("_rowaddr % 2 = 1 and _rowaddr < 66000 or _rowaddr > 79900")
    save(folder, "deletions_bitmap", lance.dataset(dataset.uri))

    # Columns that cannot be read yet stand beside one that can.
    nested = pa.table(
        {
            "i": pa.array([1, 2, 3], pa.int64()),
            "l": pa.array([[1], None, [2, 3]], pa.list_(pa.int32())),
            "st": pa.array([{"x": 1, "y": "a"}, None, {"x": 3, "y": None}]),
            "m": pa.array([[("a", 1)], [], None], pa.map_(pa.string(), pa.int32())),
            "d": pa.array(["a", "b", "a"]).dictionary_encode(),
            "fs": pa.array([[{"x": 1}] * 2] * 3, pa.list_(pa.struct({"x": pa.int32()}), 2)),
        }
    )
    save(folder, "nested", write("nested", nested), ["i"])

    # Columns added, dropped and retyped: several files in a fragment, and one column in none.
    dataset = write(
        "evolved", pa.table({"a": pa.array(range(10), pa.int32()), "b": rng.random(10)})
    )
    dataset.add_columns({"c": "a * 2"})
    dataset.drop_columns(["b"])
    dataset.alter_columns({"path": "a", "name": "renamed", "data_type": pa.int64()})
    dataset.add_columns(pa.schema([pa.field("later", pa.string())]))
    lance.write_dataset(
        pa.table(
            {"renamed": pa.array([10], pa.int64()), "c": pa.array([20], pa.int32()), "later": ["x"]}
        ).cast(dataset.schema),
        dataset.uri,
        mode="append",
    )
    save(folder, "evolved", lance.dataset(dataset.uri))

    save(folder, "empty", write("empty", numbers.slice(0, 0)))
    save(folder, "old_format", write("old_format", numbers, "2.0"), [])

    # Values that are wide: records of their own, read in place or not; and columns of one value.
    rng = np.random.default_rng(8)
    vectors = pa.array(rng.integers(0, 100, 40 * 72).astype(np.float32))
    is_null = pa.array([i % 5 == 3 for i in range(40)])
    docs = [None if i % 7 == 5 else rng.bytes(300 + 2 * i) for i in range(40)]
    records = pa.table(
        {
            "vector": pa.FixedSizeListArray.from_arrays(vectors, 72),
            "vector_or_null": pa.FixedSizeListArray.from_arrays(vectors, 72, mask=is_null),
            "doc": pa.array(docs, pa.large_binary()),
            "same": pa.array([7] * 40, pa.uint16()),
            "none": pa.array([None] * 40, pa.float64()),
            "flag": pa.array([None if i % 11 == 0 else i % 3 == 0 for i in range(40)]),
        }
    )
    save(folder, "records", write("records", records, rows_per_file=16))


if __name__ == "__main__":
    main()
