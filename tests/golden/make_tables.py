#!/usr/bin/env python3
"""Write the table fixtures: small datasets by the reference writer, and the rows they must give.

    python tests/golden/make_tables.py [FOLDER]

Needs pylance 14.0; the fixtures in the repository were made with pylance 14.0.2. They never
change: a new case is a new table. For each table NAME it writes NAME.lance and NAME.arrow, an IPC
file of its live rows with `_rowid` (of those columns that can be read today).
"""

import datetime
import pathlib
import shutil
import struct
import sys

import lance
import numpy as np
import pyarrow as pa

LINEAGE = ["_rowaddr", "_row_created_at_version", "_row_last_updated_at_version"]


def save(folder, name, dataset, columns=None):
    columns = columns or dataset.schema.names
    write_rows(folder, name, dataset.to_table(columns=columns, with_row_id=True))


def write_rows(folder, name, rows):
    with pa.ipc.new_file(folder / f"{name}.arrow", rows.schema) as writer:
        writer.write_table(rows)


def save_lineage(folder, name, dataset):
    """Save rows with every column that says what a row is."""
    rows = dataset.scanner(columns=[*dataset.schema.names, "_rowid", *LINEAGE]).to_table()
    with pa.ipc.new_file(folder / f"{name}.arrow", rows.schema) as writer:
        writer.write_table(rows)


def varint(value):
    """Encode a number of a protobuf message."""
    value &= 0xFFFFFFFFFFFFFFFF
    encoded = b""
    while value >= 0x80:
        encoded += bytes([value & 0x7F | 0x80])
        value >>= 7
    return encoded + bytes([value])


def number(field, value):
    """Encode a number field."""
    return varint(field << 3) + varint(value)


def message(field, content=b""):
    """Encode a field of bytes."""
    return varint(field << 3 | 2) + varint(len(content)) + content


def fields(encoded):
    """Split a message into (number, value, the field as it is)."""
    position = 0

    def read():
        nonlocal position
        value = shift = 0
        while True:
            byte = encoded[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while position < len(encoded):
        begin = position
        tag = read()
        value = read()
        if tag % 8 == 2:
            value, position = encoded[position : position + value], position + value
        yield tag >> 3, value, encoded[begin:position]


def spill_lineage(path):
    """Move row ids and versions from the newest manifest into a hidden file for each fragment."""
    manifest = min((path / "_versions").glob("*.manifest"))
    file = manifest.read_bytes()
    (offset,) = struct.unpack_from("<Q", file, len(file) - 16)
    rows = lance.dataset(path).scanner(columns=["_rowid", *LINEAGE]).to_table()
    changed = b""
    for field, value, raw in fields(file[offset + 4 : -16]):
        if field == 2:
            fragment = {number: value for number, value, _ in fields(value)}
            of_fragment = rows.filter(
                pa.compute.equal(pa.compute.shift_right(rows["_rowaddr"], 32), fragment.get(1, 0))
            )
            name = f"lineage-{fragment.get(1, 0)}.lance"
            names = ["_rowid", "_row_created_at_version", "_row_last_updated_at_version"]
            schema = pa.schema([pa.field(name, pa.uint64(), False) for name in names])
            with lance.file.LanceFileWriter(
                str(path / "data" / name), schema, version="2.2"
            ) as out:
                out.write_batch(of_fragment.select(names).cast(schema))
            data_file = message(1, name.encode())
            data_file += message(2, varint(-3) + varint(-4) + varint(-5))
            data_file += message(3, b"\x00\x01\x02") + number(4, 2) + number(5, 2)
            data_file += number(6, (path / "data" / name).stat().st_size)
            kept = [raw for number, _, raw in fields(value) if number not in (5, 7, 9)]
            changed += message(
                2, b"".join(kept) + message(2, data_file) + message(12) + message(13) + message(14)
            )
        elif field in (9, 10):
            changed += number(field, value | 2048)
        else:
            changed += raw
    manifest.write_bytes(file[:offset] + struct.pack("<I", len(changed)) + changed + file[-16:])


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

    # Rows that keep their ids while they move: stable row ids in ranges, arrays and bitmaps.
    def evolve(name, **options):
        ids = pa.table({"k": pa.array(range(60), pa.int32())})
        path = str(folder / f"{name}.lance")
        dataset = lance.write_dataset(
            ids, path, max_rows_per_file=20, data_storage_version="2.2", **options
        )
        dataset.delete("k % 7 = 3")
        dataset.update({"k": "k + 1000"}, where="k % 5 = 0")
        dataset = lance.write_dataset(ids.slice(0, 10), path, mode="append", **options)
        dataset.update({"k": "k + 1000"}, where="k < 4")
        dataset.merge_insert("k").when_matched_update_all().when_not_matched_insert_all().execute(
            pa.table({"k": pa.array([8, 9, 70], pa.int32())})
        )
        return lance.dataset(path)

    def clean_up(dataset):
        lance.dataset(dataset.uri).cleanup_old_versions(
            older_than=datetime.timedelta(0), delete_unverified=True
        )

    save_lineage(folder, "stable_row_ids", evolve("stable_row_ids", enable_stable_row_ids=True))
    dataset = evolve("stable_row_ids_compacted", enable_stable_row_ids=True)
    dataset.optimize.compact_files(target_rows_per_fragment=30)
    dataset.delete("k in (11, 1005)")
    clean_up(dataset)
    save_lineage(folder, "stable_row_ids_compacted", lance.dataset(dataset.uri))
    shutil.copytree(
        folder / "stable_row_ids_compacted.lance", folder / "stable_row_ids_spilled.lance"
    )
    dataset = lance.dataset(folder / "stable_row_ids_spilled.lance")
    dataset.optimize.compact_files(target_rows_per_fragment=40)  # no deletions
    clean_up(dataset)
    spill_lineage(folder / "stable_row_ids_spilled.lance")
    save_lineage(folder, "stable_row_ids_spilled", lance.dataset(dataset.uri))

    # Versions and tags, with manifests named by the older scheme.
    dataset = evolve("history_v1_names", enable_v2_manifest_paths=False)
    dataset.tags.create("first", 1)
    dataset.tags.create("after-delete", 2)
    save_lineage(folder, "history_v1_names", lance.dataset(dataset.uri))
    # JSON, kept as JSONB and given as text.
    texts = [
        '{"b": [1, -2.5, null, true, false, "x\\u0001\\n\\"é"], "a": {"": {}, "deep": [[[]]]}}',
        None,
        "null",
        '"text"',
        "1e300",
        "0.00001",
        "18446744073709551615",
        "-9223372036854775808",
    ]
    json = pa.ExtensionArray.from_storage(pa.json_(), pa.array(texts * 3))
    dataset = write("json", pa.table({"j": json, "i": range(len(json))}), rows_per_file=10)
    rows = dataset.to_table(with_row_id=True)
    plain = rows["j"].combine_chunks().storage
    write_rows(folder, "json", rows.set_column(0, "j", plain))

    # Blobs of every size: of version 1, and of version 2 with small thresholds, so that some lie in
    # files of their own.
    rng = np.random.default_rng(9)
    sizes = [0, 1, None, 40, 100, 3000, 70000, None, 2, 150, 41, 5000, 99, 8, 700]
    values = [None if size is None else rng.bytes(size) for size in sizes]
    numbers = pa.array(range(len(sizes)), pa.int32())
    old = pa.field("blob", pa.large_binary(), metadata={"lance-encoding:blob": "true"})
    new = lance.blob_field("blob", inline_size_threshold=50, dedicated_size_threshold=1000)
    for name, version, field, array in (
        ("blobs_v1", "2.1", old, pa.array(values, pa.large_binary())),
        ("blobs_v2", "2.2", new, lance.blob_array(values)),
    ):
        schema = pa.schema([field, pa.field("i", pa.int32())])
        dataset = write(name, pa.table([array, numbers], schema=schema), version, rows_per_file=6)
        dataset.delete("i = 4")
        dataset = lance.dataset(dataset.uri)
        rows = dataset.to_table(["i"], with_row_id=True)
        kept = pa.array([values[i] for i in rows["i"].to_pylist()], pa.large_binary())
        write_rows(folder, name, rows.add_column(0, "blob", kept))


if __name__ == "__main__":
    main()
