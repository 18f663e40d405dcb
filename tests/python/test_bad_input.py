"""What users see of files that are no tables, or not tables any more."""

import struct
from pathlib import Path

import lance
import pyarrow as pa
import pytest

import croupier


def only(folder, pattern="*"):
    files = sorted(folder.glob(pattern))
    assert len(files) == 1
    return files[0]


@pytest.fixture
def dataset(tmp_path):
    uri = tmp_path / "t.lance"
    rows = pa.table(
        {"x": pa.array(range(5000), pa.int64()), "s": [f"row {i}" for i in range(5000)]}
    )
    lance.write_dataset(rows, str(uri))
    return uri


def test_a_path_without_a_dataset(tmp_path):
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(OSError, match=str(path)) as caught:
            croupier.open_dataset(path)
        assert not isinstance(caught.value, croupier.CorruptFileError)
    with pytest.raises(FileNotFoundError):
        croupier.open_dataset(tmp_path / "nothing")
    file = tmp_path / "file"
    file.write_text("no table")
    with pytest.raises(OSError, match=str(file)):
        croupier.open_dataset(file)


@pytest.mark.parametrize("share", [0, 0.3, 0.9])
def test_a_truncated_manifest_names_the_file(dataset, share):
    manifest = only(dataset / "_versions", "*.manifest")
    whole = manifest.read_bytes()
    manifest.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(croupier.CorruptFileError, match=manifest.name):
        croupier.open_dataset(dataset)


@pytest.mark.parametrize("share", [0, 0.3, 0.999])
def test_a_truncated_data_file_names_the_file(dataset, share):
    table = croupier.open_dataset(dataset)
    file = only(dataset / "data")
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * share)])
    for read in (
        table.to_arrow,
        lambda: table.take_offsets([4999]).to_arrow(),
        lambda: list(croupier.Permutation.identity(table).iter(100)),
    ):
        with pytest.raises(OSError, match=file.name):
            read()


def test_a_missing_data_file_is_not_found(dataset):
    table = croupier.open_dataset(dataset)
    file = only(dataset / "data")
    file.unlink()
    with pytest.raises(FileNotFoundError, match=file.name):
        table.to_arrow()


def test_an_unknown_column_lists_those_there_are(dataset):
    table = croupier.open_dataset(dataset)
    with pytest.raises(croupier.NameNotFoundError, match="'y'.*x, s"):
        table.to_arrow(["y"])


def test_a_newer_file_version_is_named(dataset):
    table = croupier.open_dataset(dataset)
    file = only(dataset / "data")
    content = bytearray(file.read_bytes())
    # The footer ends with major and minor version, and the magic.
    assert content[-4:] == b"LANC"
    struct.pack_into("<HH", content, len(content) - 8, 9, 7)
    file.write_bytes(content)
    with pytest.raises(NotImplementedError, match=rf"{file.name}.*9\.7"):
        table.to_arrow()


def test_unknown_feature_flags_are_named(dataset):
    manifest = only(dataset / "_versions", "*.manifest")
    content = manifest.read_bytes()
    # The manifest message stands at the position that the footer names, behind its length.
    (position,) = struct.unpack_from("<Q", content, len(content) - 16)
    (length,) = struct.unpack_from("<I", content, position)
    end = position + 4 + length
    # Protobuf takes the last of several values: reader_feature_flags is field 9, a varint.
    flags = b"\x48" + bytes([0x80, 0x80, 0x80, 0x01])  # 1 << 21
    message = content[position + 4 : end] + flags
    manifest.write_bytes(
        content[:position] + struct.pack("<I", len(message)) + message + content[end:]
    )
    with pytest.raises(NotImplementedError, match=f"feature flag.*{1 << 21}"):
        croupier.open_dataset(dataset)


def test_a_column_of_a_type_that_cannot_be_read_is_named_and_the_others_are_read(tmp_path):
    uri = str(tmp_path / "t.lance")
    # A nested column first: the parent of its child is then field 0, which protobuf leaves out.
    pairs = pa.list_(pa.struct([("l", pa.list_(pa.int32()))]), 2)
    d = pa.array([[{"l": [1]}, {"l": []}]] * 2, pairs)
    rows = pa.table({"l": [[1], [2, 3]], "x": [1, 2], "d": d})
    lance.write_dataset(rows, uri)
    table = croupier.open_dataset(uri)
    assert table.schema == rows.schema
    assert table.to_arrow(["x"])["x"].to_pylist() == [1, 2]
    permutation = croupier.Permutation.identity(table)
    assert permutation.select_columns(["x"]).take_offsets([1]) == [{"x": 2}]
    with pytest.raises(NotImplementedError, match="'d"):
        table.to_arrow(["d"])
    with pytest.raises(NotImplementedError, match="'d"):
        permutation.select_columns(["d"]).take_offsets([0])
    assert permutation.select_columns(["l"]).take_offsets([1]) == [{"l": [2, 3]}]
    assert Path(uri).name in repr(table)
