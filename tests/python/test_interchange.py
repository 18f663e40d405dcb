"""Tables that pylance wrote, value by value, in this process and in forked and spawned ones."""

import datetime
import decimal

import lance
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from child_script import run_script

import croupier
from croupier import Loader, Permutation, permutation_builder

UTC = "Europe/Berlin"


def all_types(num_rows, seed=7, null_share=0.1):
    """Columns of every type that Croupier reads, with nulls and without."""
    random = np.random.default_rng(seed)

    def nulls():
        return random.random(num_rows) < null_share

    def numbers(type_, low=-100, high=100):
        values = random.integers(max(low, 0) if str(type_).startswith("u") else low, high, num_rows)
        return pa.array(values, pa.int64()).cast(type_)

    def floats(type_):
        return pa.array(random.normal(size=num_rows).astype(type_.to_pandas_dtype()), type_)

    def masked(array):
        return pc.if_else(pa.array(nulls()), pa.scalar(None, array.type), array)

    def lists(values, size):
        return pa.FixedSizeListArray.from_arrays(values, size)

    integers = [pa.int8(), pa.int16(), pa.int32(), pa.int64()]
    unsigned = [pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
    words = pa.array([f"word {i * i % 9973} of many" for i in range(997)])
    long = pa.array([bytes(random.integers(0, 256, 300, np.uint8)) for _ in range(64)])

    columns = {"position": pa.array(range(num_rows), pa.int64())}
    columns["nothing"] = pa.nulls(num_rows)
    columns["bool"] = pa.array(random.random(num_rows) < 0.5)
    for type_ in integers + unsigned:
        columns[str(type_)] = numbers(type_)
    columns["int64 wide"] = pa.array(random.integers(-(2**62), 2**62, num_rows))
    columns["int32 runs"] = pa.array(
        np.repeat(np.arange(num_rows // 50 + 1), 50)[:num_rows], pa.int32()
    )
    columns["constant"] = pa.array(np.full(num_rows, 7))
    for type_ in (pa.float16(), pa.float32(), pa.float64()):
        columns[str(type_)] = floats(type_)
    for unit in ("s", "ms", "us", "ns"):
        columns[f"timestamp {unit}"] = numbers(pa.int64(), 0, 2**40).cast(pa.timestamp(unit))
        columns[f"timestamp {unit} tz"] = numbers(pa.int64(), 0, 2**40).cast(
            pa.timestamp(unit, UTC)
        )
        columns[f"duration {unit}"] = numbers(pa.int64()).cast(pa.duration(unit))
    columns["date32"] = numbers(pa.int32(), 0, 20000).cast(pa.date32())
    columns["date64"] = columns["date32"].cast(pa.date64())
    columns["time32"] = numbers(pa.int32(), 0, 86400).cast(pa.time32("s"))
    columns["time64"] = numbers(pa.int64(), 0, 86400 * 10**6).cast(pa.time64("us"))
    columns["decimal128"] = numbers(pa.int64(), -(10**6), 10**6).cast(pa.decimal128(24, 2))
    columns["decimal256"] = numbers(pa.int64(), -(10**6), 10**6).cast(pa.decimal256(50, 3))
    columns["string"] = words.take(pa.array(random.integers(0, len(words), num_rows)))
    columns["string unique"] = pa.array(random.integers(0, 2**60, num_rows)).cast(pa.string())
    columns["string few"] = pa.array(["red", "green", "blue"]).take(
        pa.array(random.integers(0, 3, num_rows))
    )
    columns["binary"] = long.take(pa.array(random.integers(0, len(long), num_rows)))
    columns["large_string"] = columns["string unique"].cast(pa.large_string())
    columns["large_binary"] = columns["string"].cast(pa.large_binary())
    columns["fixed_size_binary"] = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(5), num_rows, [None, pa.py_buffer(random.bytes(5 * num_rows))]
    )
    columns["vector"] = lists(pa.array(random.normal(size=8 * num_rows).astype(np.float32)), 8)
    columns["small ints"] = lists(pa.array(random.integers(0, 9, 3 * num_rows), pa.int8()), 3)
    elements = pa.array(random.normal(size=2 * num_rows), mask=random.random(2 * num_rows) < 0.2)
    columns["vector with null elements"] = lists(elements, 2)
    columns["infinite"] = pa.array(
        np.where(random.random(num_rows) < 0.1, np.inf, columns["double"].to_numpy())
    )
    with_nulls = {
        f"{name} null": masked(array)
        for name, array in columns.items()
        if name not in ("position", "nothing")
    }
    return pa.table({**columns, **with_nulls})


def write(uri, rows, version, rows_per_file):
    dataset = lance.write_dataset(
        rows, uri, data_storage_version=version, max_rows_per_file=rows_per_file
    )
    dataset.delete("position % 7 = 3 OR position BETWEEN 100 AND 180")
    return lance.dataset(uri)


def same(actual, expected):
    """Compare chunked columns by value: NaN equals NaN here, as no value may change."""
    assert actual.schema.equals(expected.schema)
    assert actual.num_rows == expected.num_rows
    for name in expected.column_names:
        one = actual[name].combine_chunks()
        other = expected[name].combine_chunks()
        assert one.equals(other), f"column {name!r} differs"


@pytest.mark.parametrize("version", ["2.1", "2.2"])
@pytest.mark.parametrize("num_rows", [1, 200, 5000])
def test_every_type_reads_as_pylance_reads_it(tmp_path, version, num_rows):
    uri = str(tmp_path / "types.lance")
    dataset = write(uri, all_types(num_rows), version, max(1, num_rows // 3))
    expected = dataset.to_table(with_row_id=True)
    table = croupier.open_dataset(uri)
    assert table.schema.equals(dataset.schema)
    assert table.count_rows() == expected.num_rows
    scanned = table.search().with_row_id().to_arrow()
    scanned.validate(full=True)
    same(scanned, expected)

    order = permutation_builder(table).shuffle(seed=11).execute()
    permutation = Permutation.from_tables(table, order)
    row_ids = order.to_arrow()["row_id"]
    shuffled = expected.take(pc.index_in(row_ids, expected["_rowid"])).drop(["_rowid"])
    read = pa.Table.from_batches(Loader(permutation, batch_size=64), table.schema)
    read.validate(full=True)
    same(read, shuffled)
    taken = permutation.with_format("arrow").take_offsets(range(len(permutation)))
    same(pa.Table.from_batches([taken]), shuffled)


@pytest.mark.parametrize("version", ["2.1", "2.2"])
def test_python_values_are_what_was_written(tmp_path, version):
    rows = pa.table(
        {
            "b": [True, None],
            "f": pa.array([1.5, None], pa.float16()),
            "t": [datetime.datetime(2024, 2, 29, 12, 0, 1), None],
            "d": [decimal.Decimal("12.50"), None],
            "s": ["é", ""],
            "v": pa.array([[1.0, 2.0], None], pa.list_(pa.float32(), 2)),
        }
    )
    uri = str(tmp_path / "t.lance")
    lance.write_dataset(rows, uri, data_storage_version=version)
    table = croupier.open_dataset(uri)
    assert table.search().to_list() == rows.to_pylist()
    assert table.take_offsets([1, 0]).to_list() == rows.to_pylist()[::-1]


READ_SHUFFLED = """
import os
import sys
import lance_reader


if __name__ == "__main__":
    uri, method, directory = sys.argv[1:]
    lance_reader.main(uri, method, directory)
"""

# A module beside the script, for spawned workers to import.
READER = """
import os
import pickle
import sys

import pyarrow as pa

import croupier


def make(uri):
    table = croupier.open_dataset(uri)
    order = croupier.permutation_builder(table).shuffle(seed=2).execute()
    return croupier.Permutation.from_tables(table, order).with_format("arrow")


def read(permutation, path):
    with pa.ipc.new_file(path, permutation.schema) as writer:
        for batch in croupier.Loader(permutation, batch_size=20_000):
            writer.write_batch(batch)


def main(uri, method, directory):
    permutation = make(uri)
    # The parent has threads, caches and a loop in flight.
    loop = permutation.iter(1000)
    next(loop)
    path = os.path.join(directory, method + ".arrow")
    if method == "self":
        read(permutation, path)
    else:
        import multiprocessing

        child = multiprocessing.get_context(method).Process(target=read, args=(permutation, path))
        child.start()
        child.join()
        assert child.exitcode == 0
    next(loop)
"""


@pytest.mark.slow
def test_a_million_shuffled_rows_equal_pylances_also_after_fork_and_spawn(tmp_path):
    num_rows = 1_000_000
    uri = str(tmp_path / "million.lance")
    # Rows repeat with a period that no fragment or page has; `position` tells them apart.
    period = all_types(99_991).drop(["position"])
    parts = pa.concat_tables([period] * (num_rows // period.num_rows + 1))[:num_rows]
    rows = parts.append_column("position", pa.array(np.arange(num_rows)))
    dataset = write(uri, rows, "2.2", 300_000)
    del rows, parts
    assert len(dataset.get_fragments()) == 4
    (tmp_path / "lance_reader.py").write_text(READER)
    for method in ("self", "fork", "spawn"):
        run_script(tmp_path, READ_SHUFFLED, uri, method, tmp_path, timeout=300)

    row_ids = (
        permutation_builder(croupier.open_dataset(uri))
        .shuffle(seed=2)
        .execute()
        .to_arrow()["row_id"]
    ).to_numpy()
    live = dataset.to_table(columns=["position"], with_row_id=True)
    at = np.argsort(live["_rowid"].to_numpy())
    ranks = at[np.searchsorted(live["_rowid"].to_numpy()[at], row_ids)]
    assert np.array_equal(np.sort(row_ids), np.sort(live["_rowid"].to_numpy()))
    assert np.array_equal(live["_rowid"].to_numpy()[ranks], row_ids)
    # A few columns at a time, to hold little.
    for name in dataset.schema.names:
        expected = dataset.to_table(columns=[name])[name].take(pa.array(ranks)).combine_chunks()
        for method in ("self", "fork", "spawn"):
            with pa.memory_map(str(tmp_path / f"{method}.arrow")) as source:
                read = pa.ipc.open_file(source).read_all()
                assert read.num_rows == live.num_rows
                assert read[name].combine_chunks().equals(expected), (method, name)
