#!/usr/bin/env python3
"""Write the fixtures of what a release of Croupier writes, which every later one must read.

    python tests/golden/make_written.py FOLDER

The fixtures of a release are never written again: those of the next one go to another folder,
tests/golden/written_VERSION. For each table NAME it writes NAME.lance, as Croupier does, and checks
that pylance reads the rows that were given. Tables of pages hold the columns of make_pages.py,
whose values are in pages/NAME.arrow without the version at its end; the rows of the others are put
beside them as NAME.arrow, as pylance reads them. Afterwards the checksums are written:

    cd tests/golden
    find pages tables written_* -type f | LC_ALL=C sort | xargs sha256sum > SHA256SUMS
"""

import datetime
import pathlib
import sys

import lance
import make_pages
import pyarrow as pa

import croupier

sys.path.append(str(pathlib.Path(__file__).parents[1] / "python"))
from arrow_values import assert_same_rows

LINEAGE = ["_rowid", "_rowaddr", "_row_created_at_version", "_row_last_updated_at_version"]

PAGES = {
    "types": make_pages.types_table,
    "full_zip": make_pages.full_zip_table,
    "compressed": make_pages.compressed_table,
    "encodings": make_pages.encodings_table,
    "constants": make_pages.constants_table,
    "nested": make_pages.nested_table,
    "nested_2_2": make_pages.nested_2_2_table,
    "dictionaries": make_pages.dictionaries_table,
    "packed": make_pages.packed_table,
    "packed_variable": make_pages.packed_variable_table,
}


def write_pages(database):
    """Write every type, layout and encoding, in both formats."""
    for name, make in PAGES.items():
        columns = make()
        only_2_2 = name in ("nested_2_2", "packed_variable")
        for version in ("2.2",) if only_2_2 else ("2.1", "2.2"):
            rows = pa.table(
                [array for _, array in columns], schema=pa.schema([field for field, _ in columns])
            )
            table = database.create_table(
                f"{name}_v{version.replace('.', '_')}", rows, data_storage_version=version
            )
            dataset = lance.dataset(table.uri)
            dataset.validate()
            for column in rows.column_names:  # some cannot be read together
                assert_same_rows(dataset.to_table([column]), rows.select([column]))


def rows_of(begin, end):
    ids = range(begin, end)
    return pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "text": [None if i % 7 == 0 else f"row {i}" for i in ids],
            "tags": [[f"tag {k}" for k in range(i % 4)] for i in ids],
            "point": [{"x": i / 8, "y": None if i % 3 else i} for i in ids],
            "vector": pa.array([[float(i), i / 2] for i in ids], pa.list_(pa.float32(), 2)),
        }
    )


def save(table, name, folder, lineage):
    dataset = lance.dataset(table.uri)
    dataset.validate()
    columns = [*dataset.schema.names, *(LINEAGE if lineage else LINEAGE[:2])]
    rows = dataset.scanner(columns=columns).to_table()
    with pa.ipc.new_file(folder / f"{name}.arrow", rows.schema) as writer:
        writer.write_table(rows)


def write_history(database, folder, version, stable):
    """Every change of a table, each a version, the last ones by name."""
    name = f"history_v{version.replace('.', '_')}{'_stable' * stable}"
    table = database.create_table(
        name,
        rows_of(0, 60),
        data_storage_version=version,
        stable_row_ids=stable,
        max_rows_per_file=25,
    )
    table.add(rows_of(60, 75))
    table.delete("id % 10 = 3")
    table.tags.create("deleted", table.version)
    table.update("id BETWEEN 20 AND 30", values_sql={"text": "'new ' || text"})
    merge = table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
    merge.execute(rows_of(70, 80))
    table.add_columns({"twice": "id * 2"})
    table.add_columns(pa.field("nothing", pa.int16()))
    table.drop_columns(["tags"])
    save(table, f"{name}_before", folder, stable)
    table.tags.create("before", table.version)
    table.compact_files(target_rows_per_fragment=40)
    table.delete("id < 4")
    save(table, name, folder, stable)


def write_blobs(database, folder, version):
    name = f"blobs_v{version.replace('.', '_')}"
    blob = pa.field("blob", pa.large_binary(), metadata={"lance-encoding:blob": "true"})
    values = [b"some bytes", None, b"", bytes(range(256)) * 3, b"\x00"]
    rows = pa.table(
        [pa.array(range(5)), pa.array(values, pa.large_binary())],
        schema=pa.schema([pa.field("id", pa.int64()), blob]),
    )
    table = database.create_table(name, rows, data_storage_version=version)
    blobs = lance.dataset(table.uri).take_blobs("blob", indices=range(5))
    assert [blob and blob.read() for blob in blobs] == values
    expected = pa.table({"id": rows["id"], "blob": rows["blob"]})
    with pa.ipc.new_file(folder / f"{name}.arrow", expected.schema) as writer:
        writer.write_table(expected)


def write_metadata(database, folder):
    """A schema with metadata, JSON, and times with zones."""
    zone = datetime.timezone(datetime.timedelta(hours=8))
    schema = pa.schema(
        [
            pa.field("j", pa.json_(), metadata={"unit": "none"}),
            pa.field("t", pa.timestamp("us", "+08:00"), nullable=False),
        ],
        metadata={"made by": "croupier"},
    )
    rows = [
        {"j": '{"a":[1,2.5,null],"b":"é"}', "t": datetime.datetime(2024, 2, 29, tzinfo=zone)},
        {"j": None, "t": datetime.datetime(1970, 1, 1, tzinfo=zone)},
    ]
    table = database.create_table("metadata", pa.Table.from_pylist(rows, schema=schema))
    save(table, "metadata", folder, lineage=False)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True)  # never over others
    database = croupier.connect(folder)
    write_pages(database)
    for version in ("2.1", "2.2"):
        for stable in (False, True):
            write_history(database, folder, version, stable)
        write_blobs(database, folder, version)
    write_metadata(database, folder)


if __name__ == "__main__":
    main()
