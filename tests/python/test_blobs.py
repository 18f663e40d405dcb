"""Blob columns: files that read what is asked for."""

import datetime
import io
import pickle
from pathlib import Path

import lance
import numpy as np
import pyarrow as pa
import pytest

import croupier

# Of the sizes that files of 2.2 keep in the data file, in a shared file, and in one of their own.
SIZES = [0, 1, 10, 70_000, 5_000_000, 64 * 1024, 200_000]


def blobs():
    random = np.random.default_rng(5)
    return [None, *(random.bytes(size) for size in SIZES), None]


@pytest.fixture(params=["2.0", "2.1", "2.2"])
def uri(request, tmp_path):
    """Values of every size and two nulls, in two fragments; row 3 is deleted."""
    uri = str(tmp_path / "t.lance")
    values = blobs()
    if request.param == "2.2":
        field = lance.blob_field("clip")
        clip = lance.blob_array(values)
    else:
        field = pa.field("clip", pa.large_binary(), metadata={"lance-encoding:blob": "true"})
        clip = pa.array(values, field.type)
    schema = pa.schema([pa.field("id", pa.int64()), field])
    rows = pa.Table.from_arrays([pa.array(range(len(values))), clip], schema=schema)
    lance.write_dataset(rows, uri, max_rows_per_file=5, data_storage_version=request.param)
    lance.dataset(uri).delete("id = 3")
    return uri


def expected():
    return [value for i, value in enumerate(blobs()) if i != 3]


def test_values_are_those_that_were_written(uri):
    table = croupier.open_dataset(uri)
    every = list(range(len(table)))
    assert [blob and blob.readall() for blob in table.take_blobs("clip", offsets=every)] == (
        expected()
    )
    row_ids = table.take(every[::-1], columns=["_rowid"])["_rowid"].to_pylist()
    taken = table.take_blobs("clip", row_ids + row_ids[:2])
    wanted = expected()[::-1]
    assert [blob and blob.read() for blob in taken] == wanted + wanted[:2]


def test_blobs_are_read_as_bytes_where_the_table_is_opened_so(uri):
    table = croupier.open_dataset(uri, read_blobs=True)
    assert table.schema.field("clip").type == pa.large_binary()
    opened = croupier.connect(uri.removesuffix("/t.lance")).open_table("t", read_blobs=True)
    for each in (table, opened, pickle.loads(pickle.dumps(table)), table.checkout(table.version)):
        assert each.to_arrow(["clip"])["clip"].to_pylist() == expected()
        assert each.take(offsets=[4, 1])["clip"].to_pylist() == [expected()[4], expected()[1]]


@pytest.mark.parametrize("is_below_base", [False, True])
def test_external_blobs_are_read_where_they_are(tmp_path, is_below_base):
    media = tmp_path / "media"
    media.mkdir()
    content = bytes(range(256)) * 40
    (media / "a.bin").write_bytes(content)
    place = (media / "a.bin").as_uri()
    blob = lance.Blob
    values = [blob.from_uri(place), None, blob.from_uri(place, 5, 700), b"inline"]
    schema = pa.schema([pa.field("id", pa.int64()), lance.blob_field("clip")])
    rows = pa.table({"id": range(4), "clip": lance.blob_array(values)}, schema=schema)
    uri = str(tmp_path / "t.lance")
    if is_below_base:
        bases = [lance.DatasetBasePath(media.as_uri(), name="media", is_dataset_root=False, id=7)]
        lance.write_dataset(rows, uri, data_storage_version="2.2", initial_bases=bases)
    else:
        lance.write_dataset(
            rows, uri, data_storage_version="2.2", allow_external_blob_outside_bases=True
        )
    descriptors = lance.dataset(uri).to_table()["clip"].combine_chunks()
    assert descriptors.field("kind").to_pylist() == [3, None, 3, 0]
    assert descriptors.field("blob_id").to_pylist()[0] == (7 if is_below_base else 0)
    expected = [content, None, content[5:705], b"inline"]
    table = croupier.open_dataset(uri)
    taken = table.take_blobs("clip", offsets=[3, 2, 1, 0])
    assert [each and each.readall() for each in taken] == expected[::-1]
    with_bytes = croupier.open_dataset(uri, read_blobs=True)
    assert with_bytes.to_arrow(["clip"])["clip"].to_pylist() == expected
    (media / "a.bin").unlink()
    with pytest.raises(FileNotFoundError, match="a.bin"):
        croupier.open_dataset(uri).take_blobs("clip", offsets=[2])[0].readall()


@pytest.mark.parametrize("version", ["2.0", "2.1"])
def test_descriptors_of_blobs_below_structs(tmp_path, version):
    clip = pa.field("clip", pa.large_binary(), metadata={"lance-encoding:blob": "true"})
    type_ = pa.struct([pa.field("inner", pa.struct([clip])), ("y", pa.int32())])
    nulls = [None, {"inner": None, "y": 1}] if version == "2.1" else []
    values = [{"inner": {"clip": value}, "y": i} for i, value in enumerate(blobs())] + nulls
    schema = pa.schema([pa.field("s", type_)])
    rows = pa.table({"s": pa.array(values * 20, type_)}, schema=schema)
    uri = str(tmp_path / "t.lance")
    lance.write_dataset(rows, uri, data_storage_version=version)
    expected = lance.dataset(uri).to_table()["s"].to_pylist()
    if version == "2.0":  # Which pylance gives as a descriptor of no bytes at 1.
        for value, row in zip(expected, rows["s"].to_pylist(), strict=True):
            if row["inner"]["clip"] is None:
                assert value["inner"].pop("clip") == {"position": 1, "size": 0}
                value["inner"]["clip"] = None
    assert croupier.open_dataset(uri).to_arrow()["s"].to_pylist() == expected


def test_a_blob_is_a_file(uri):
    table = croupier.open_dataset(uri)
    (blob,) = table.take_blobs("clip", offsets=[4])
    value = expected()[4]
    assert len(value) == 5_000_000
    assert blob.size() == len(value)
    assert blob.readable()
    assert blob.seekable()
    assert not blob.writable()
    assert (blob.read(10), blob.tell()) == (value[:10], 10)
    assert blob.seek(-5, io.SEEK_END) == len(value) - 5
    assert blob.read(100) == value[-5:]
    assert blob.read(1) == b""
    assert blob.seek(3) == 3
    assert blob.seek(4, io.SEEK_CUR) == 7
    buffer = bytearray(6)
    assert blob.readinto(buffer) == 6
    assert bytes(buffer) == value[7:13]
    assert blob.read_range(1_000_000, 2_000_000) == value[1_000_000:3_000_000]
    assert blob.tell() == 13
    assert blob.seek(10**9) == 10**9
    assert blob.read() == b""
    with io.BufferedReader(blob) as buffered:
        buffered.seek(100)
        assert buffered.read(1000) == value[100:1100]
    with pytest.raises(ValueError, match="closed"):
        blob.read()
    with pytest.raises(ValueError, match="closed"):
        blob.tell()


def test_places_outside_of_a_blob_are_errors(uri):
    table = croupier.open_dataset(uri)
    (blob,) = table.take_blobs("clip", offsets=[3])
    with pytest.raises(ValueError, match="negative"):
        blob.seek(-1)
    with pytest.raises(ValueError, match="whence"):
        blob.seek(0, 9)
    for offset, length in ((-1, 2), (0, -1), (69_999, 2), (70_001, 0), (0, 2**62)):
        with pytest.raises(ValueError, match="70000 bytes"):
            blob.read_range(offset, length)


def test_a_blob_pickles_as_its_place(uri):
    table = croupier.open_dataset(uri)
    (blob,) = table.take_blobs("clip", offsets=[4])
    blob.seek(17)
    pickled = pickle.dumps(blob)
    assert len(pickled) < 1000
    lance.dataset(uri).delete("id = 0")
    again = pickle.loads(pickled)
    assert (again.tell(), again.read(4)) == (17, expected()[4][17:21])
    assert "5,000,000 bytes of column 'clip'" in repr(again)


def test_what_cannot_be_is_refused(uri):
    table = croupier.open_dataset(uri)
    with pytest.raises(croupier.NameNotFoundError, match="zz"):
        table.take_blobs("zz", offsets=[0])
    with pytest.raises(TypeError, match="id"):
        table.take_blobs("id", offsets=[0])
    with pytest.raises(IndexError):
        table.take_blobs("clip", [3])
    with pytest.raises(IndexError):
        table.take_blobs("clip", offsets=[len(table)])
    for both in ({}, {"row_ids": [0], "offsets": [0]}):
        with pytest.raises(TypeError, match="either"):
            table.take_blobs("clip", **both)


def written_by_croupier(folder, version, values, **options):
    field = pa.field("clip", pa.large_binary(), metadata={"lance-encoding:blob": "true"})
    schema = pa.schema([pa.field("id", pa.int64()), field])
    ids = pa.array(range(len(values)))
    rows = pa.Table.from_arrays([ids, pa.array(values, field.type)], schema=schema)
    database = croupier.connect(folder)
    return database.create_table("t", rows, data_storage_version=version, **options)


def sizes_of_sidecars(table):
    return sorted(path.stat().st_size for path in Path(table.uri).rglob("*.blob"))


def check_blobs(table, values):
    """Compare what both libraries read of the column `clip`."""
    every = list(range(len(values)))
    assert [blob and blob.read() for blob in table.take_blobs("clip", offsets=every)] == values
    dataset = lance.dataset(table.uri)
    dataset.validate()
    theirs = dataset.take_blobs("clip", indices=every)
    assert [blob and blob.read() for blob in theirs] == values


@pytest.mark.parametrize("version", ["2.1", "2.2"])
def test_blobs_are_written_where_pylance_puts_them(tmp_path, version):
    table = written_by_croupier(tmp_path, version, blobs())
    check_blobs(table, blobs())
    assert sizes_of_sidecars(table) == ([] if version == "2.1" else [270_000, 5_000_000])
    table.add({"id": [9]})
    check_blobs(table, [*blobs(), None])
    table.update("id IN (5, 9)", {"clip": b"short"})
    values = [*blobs()[:5], *blobs()[6:], b"short", b"short"]
    check_blobs(table, values)
    table.add([{"id": 10, "clip": b"a dict"}, {"id": 11}])
    values += [b"a dict", None]
    if version == "2.2":
        schema = pa.schema([pa.field("id", pa.int64()), lance.blob_field("clip")])
        rows = [pa.array([12]), lance.blob_array([b"a blob"])]
        table.add(pa.Table.from_arrays(rows, schema=schema))
        values.append(b"a blob")
    merge = table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
    merge.execute({"id": [11, 13], "clip": [b"merged", b"new"]})
    at = len(values) - 1 - values[::-1].index(None)
    values = [*values[:at], *values[at + 1 :], b"merged", b"new"]
    check_blobs(table, values)
    with pytest.raises(ValueError, match="blobs are written as bytes"):
        table.add(table)
    copy = croupier.connect(tmp_path).create_table(
        "copy", croupier.open_dataset(table.uri, read_blobs=True)
    )
    assert copy.schema.field("clip").type == pa.large_binary()
    assert copy.to_arrow()["clip"].to_pylist() == values


@pytest.mark.parametrize("stable", [False, True])
def test_blobs_are_compacted(uri, stable, tmp_path):
    if "2.0" in lance.dataset(uri).data_storage_version:
        with pytest.raises(NotImplementedError, match="Overwrite the table"):
            croupier.open_dataset(uri).compact_files()
        return
    table = croupier.open_dataset(uri)
    table.compact_files()
    assert len(lance.dataset(uri).get_fragments()) == 1
    check_blobs(table, expected())
    version = lance.dataset(uri).data_storage_version
    ours = written_by_croupier(
        tmp_path / "ours", version, blobs(), max_rows_per_file=2, stable_row_ids=stable
    )
    ours.delete("id = 3")
    ours.compact_files()
    assert len(lance.dataset(ours.uri).get_fragments()) == 1
    check_blobs(ours, expected())
    sizes = sizes_of_sidecars(ours)
    ours.cleanup_old_versions(datetime.timedelta(0), delete_unverified=True)
    assert len(sizes_of_sidecars(ours)) < len(sizes) or version == "2.1"
    check_blobs(ours, expected())


def test_blobs_that_are_large_together_are_compacted_in_parts(tmp_path):
    values = [b"x" * 40_000_000, b"", b"y" * 40_000_001, None, b"z"]
    table = written_by_croupier(tmp_path, "2.2", values, max_rows_per_file=2)
    table.compact_files()
    assert len(lance.dataset(table.uri).get_fragments()) == 1
    check_blobs(table, values)


def test_blobs_in_files_elsewhere_stay_there(tmp_path):
    elsewhere = tmp_path / "elsewhere.bin"
    elsewhere.write_bytes(b"0123456789")
    values = [lance.Blob(uri=elsewhere.as_uri()), b"x" * 70_000, None]
    values.append(lance.Blob(uri=elsewhere.as_uri(), position=2, size=3))
    schema = pa.schema([pa.field("id", pa.int64()), lance.blob_field("clip")])
    rows = pa.Table.from_arrays([pa.array(range(4)), lance.blob_array(values)], schema=schema)
    uri = str(tmp_path / "t.lance")
    lance.write_dataset(rows, uri, max_rows_per_file=2, allow_external_blob_outside_bases=True)
    table = croupier.open_dataset(uri, allow_external=[tmp_path])
    table.compact_files()
    check_blobs(table, [b"0123456789", b"x" * 70_000, None, b"234"])
    elsewhere.write_bytes(b"abcdefghij")
    check_blobs(table, [b"abcdefghij", b"x" * 70_000, None, b"cde"])
    croupier.open_dataset(uri).delete("id = 1")
    croupier.open_dataset(uri).compact_files()  # without leave to read them
    descriptors = croupier.open_dataset(uri).to_arrow()["clip"].to_pylist()
    assert [blob and blob["blob_uri"] for blob in descriptors] == [
        elsewhere.as_uri(),
        None,
        elsewhere.as_uri(),
    ]
