"""Data files that Croupier writes, read by pylance."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest
from arrow_values import assert_same_rows, take_rows
from matrix_cases import SHAPES, cases
from written_files import check_dataset, check_file, cut, dataset_of, find_tool, write_file

lance = pytest.importorskip("lance")
pytestmark = pytest.mark.skipif(find_tool() is None, reason="the tool that writes is not built")


def _case(version, shape, types):
    found = (c for c in cases(version, 1) if c.shape == shape and c.type in types)
    return list(itertools.islice(found, len(types)))


@pytest.mark.parametrize("shape", list(SHAPES))
@pytest.mark.parametrize("version", ["2.1", "2.2"])
def test_pylance_reads_what_was_written(tmp_path, version, shape):
    types = ("bool", "int16", "int64", "float32", "decimal128", "string", "large_binary", "vector")
    for case in _case(version, shape, types):
        rows = case.rows()
        random = np.random.default_rng(case.seed)
        page_bytes = int(random.choice([1, 500, 8 << 20]))
        batches = list(cut(rows, random))
        folder = tmp_path / str(case)
        dataset = dataset_of(lance, folder, rows, batches, version, page_bytes)
        try:
            check_dataset(dataset, rows, random)
            # The file reader cannot read columns of several items a row beside others.
            if shape != "fixed list of struct":
                check_file(lance, folder / "data" / "0.lance", rows, random)
        except Exception as error:
            raise AssertionError(f"{case}, pages of {page_bytes} bytes") from error


@pytest.mark.parametrize("version", ["2.1", "2.2"])
def test_a_file_is_a_fragment_of_a_dataset(tmp_path, version):
    random = np.random.default_rng(3)
    rows = pa.table(
        {
            "i": pa.array(np.arange(5000)),
            "s": pa.array([None if i % 7 == 0 else "s" * (i % 40) for i in range(5000)]),
            "l": pa.array([[j, None] * (j % 3) for j in range(5000)], pa.list_(pa.int32())),
        }
    )
    batches = list(cut(rows, random))
    dataset = dataset_of(lance, tmp_path / "t.lance", rows, batches, version, 4000)
    assert_same_rows(dataset.to_table(), rows)
    wanted = [4999, 0, 17, 17, 2500]
    assert_same_rows(dataset.take(wanted), take_rows(rows, np.array(wanted)))
    assert dataset.count_rows("i >= 4000 AND s IS NULL") == 143
    dataset.validate()


def test_text_that_is_not_utf8_is_refused(tmp_path):
    column = pa.array([b"a", b"\xff"]).view(pa.string())
    batch = pa.record_batch([column], ["x"])
    with pytest.raises(ValueError, match="column 'x'.*UTF-8"):
        write_file(tmp_path / "x.lance", batch.schema, [batch], "2.2")


@pytest.mark.parametrize("version", ["2.1", "2.2"])
def test_blobs_lie_where_their_sizes_say(tmp_path, version):
    values = [b"abc", None, b"", b"x" * 70_000, b"y" * 5_000_000, b"z" * 100_000]
    field = pa.field("clip", pa.large_binary(), metadata={"lance-encoding:blob": "true"})
    rows = pa.table([pa.array(values, pa.large_binary())], schema=pa.schema([field]))
    batches = rows.to_batches(max_chunksize=2)
    dataset = dataset_of(lance, tmp_path / "t.lance", rows, batches, version)
    blobs = dataset.take_blobs("clip", indices=range(len(values)))
    assert [blob and blob.read() for blob in blobs] == values
    sidecars = sorted(path.stat().st_size for path in tmp_path.rglob("*.blob"))
    assert sidecars == ([] if version == "2.1" else [170_000, 5_000_000])


def test_blobs_may_be_structs_of_data_and_uri(tmp_path):
    values = [b"abc", None, b"", b"x" * 70_000]
    rows = pa.table(
        {"clip": lance.blob_array(values)}, schema=pa.schema([lance.blob_field("clip")])
    )
    batches = rows.to_batches(max_chunksize=3)
    dataset = dataset_of(lance, tmp_path / "t.lance", rows, batches, "2.2")
    blobs = dataset.take_blobs("clip", indices=range(len(values)))
    assert [blob and blob.read() for blob in blobs] == values


def test_blobs_of_other_types_are_refused(tmp_path):
    field = pa.field("x", pa.int32(), metadata={"lance-encoding:blob": "true"})
    batch = pa.record_batch([pa.array([1], pa.int32())], schema=pa.schema([field]))
    with pytest.raises(ValueError, match="column 'x'.*no type int32"):
        write_file(tmp_path / "x.lance", batch.schema, [batch], "2.2")
