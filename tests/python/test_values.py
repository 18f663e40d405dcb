"""Columns of special kinds read what pylance reads: dictionaries, packed structs, JSON, blobs."""

import json
import pathlib
import random

import lance
import numpy as np
import pyarrow as pa
import pytest
from lance.arrow import bfloat16_array

import croupier
from croupier import _core

ROWS = 1500
VERSIONS = ("2.1", "2.2")


def plain(array):
    """Dictionaries looked up, extensions as their storage: what values are equal by."""
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def check(path, schema_of_rows=True):
    """Scan and random take give the types and values that pylance gives."""
    dataset = lance.dataset(str(path))
    table = croupier.open_dataset(str(path))
    expected = dataset.to_table()
    scanned = table.to_arrow()
    if schema_of_rows:
        assert scanned.schema.types == expected.schema.types
    for name in expected.schema.names:
        assert plain(scanned[name]).equals(plain(expected[name])), name
    generator = random.Random(5)
    offsets = [generator.randrange(len(expected)) for _ in range(300)]
    row_ids = dataset.to_table(columns=[], with_row_id=True)["_rowid"].take(offsets).to_pylist()
    taken = table.take_row_ids(row_ids).to_arrow()
    for name in expected.schema.names:
        rows = plain(expected[name]).take(pa.array(offsets))
        assert plain(taken[name]).equals(rows), name


def write(path, table, version, **options):
    """Write a table, in several fragments."""
    return lance.write_dataset(
        table, str(path), data_storage_version=version, max_rows_per_file=600, **options
    )


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("index", ["int8", "uint8", "int16", "uint16", "int32", "uint64"])
def test_dictionary_columns(tmp_path, version, index):
    rng = np.random.default_rng(1)
    mask = rng.random(ROWS) < 0.2
    indices = pa.array(rng.integers(0, 9, ROWS).astype(index), mask=mask)
    words = pa.array([f"word {i}" for i in range(9)])
    columns = {"words": words, "large": words.cast(pa.large_string())}
    columns["numbers"] = pa.array(rng.standard_normal(9))
    columns["flags"] = pa.array([True, False] * 4 + [True])
    arrays = {n: pa.DictionaryArray.from_arrays(indices, v) for n, v in columns.items()}
    write(tmp_path / "t.lance", pa.table(arrays), version)
    check(tmp_path / "t.lance")


def test_dictionaries_of_fragments_become_one(tmp_path):
    path = str(tmp_path / "t.lance")
    kind = pa.dictionary(pa.int8(), pa.string())
    for part in range(5):
        words = pa.array([f"{part} {i % 100}" for i in range(200)]).dictionary_encode()
        lance.write_dataset(pa.table({"d": words.cast(kind)}), path, mode="append")
    table = croupier.open_dataset(path)
    row_ids = [(part << 32) + 7 * part for part in range(5)]
    # pylance 14 fails here: it joins whole dictionaries, and 500 items are too many for int8.
    taken = table.take_row_ids(row_ids).to_arrow()["d"]
    assert taken.type == kind
    assert taken.to_pylist() == [f"{part} {7 * part}" for part in range(5)]
    with pytest.raises(Exception, match="read fewer rows"):
        table.take_row_ids([(i // 100 << 32) + i % 100 for i in range(500)]).to_arrow()


def packed(members, **metadata):
    """A table with a packed struct."""
    array = pa.StructArray.from_arrays(
        list(members.values()), list(members), mask=pa.array(np.arange(ROWS) % 5 == 2)
    )
    metadata = {"lance-encoding:packed": "true"} | metadata
    return pa.table([array], schema=pa.schema([pa.field("p", array.type, metadata=metadata)]))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
def test_packed_structs_of_fixed_width(tmp_path, version, compression):
    rng = np.random.default_rng(2)
    members = {
        "a": pa.array(rng.integers(0, 9, ROWS).astype(np.int32)),
        "b": pa.array(rng.standard_normal(ROWS)),
        "c": pa.array(rng.integers(0, 9, ROWS)).cast(pa.decimal128(30, 3)),
        "d": pa.array(
            [bytes(rng.integers(0, 9, 5).astype(np.uint8)) for _ in range(ROWS)], pa.binary(5)
        ),
    }
    options = {"lance-encoding:compression": compression} if compression else {}
    write(tmp_path / "t.lance", packed(members, **options), version)
    check(tmp_path / "t.lance")


def test_packed_structs_of_variable_width(tmp_path):
    rng = np.random.default_rng(3)
    holes = pa.array(rng.standard_normal(ROWS * 3), mask=rng.random(ROWS * 3) < 0.3)
    members = {
        "a": pa.array(rng.integers(0, 9, ROWS).astype(np.int32)),
        "s": pa.array([f"{i} text" * (i % 40) for i in range(ROWS)]),
        "v": pa.FixedSizeListArray.from_arrays(holes, 3),
        "l": pa.array([bytes(i % 7) for i in range(ROWS)], pa.large_binary()),
    }
    write(tmp_path / "t.lance", packed(members), "2.2")
    check(tmp_path / "t.lance")


def random_json(generator, depth=0):
    """A random JSON value."""
    kind = generator.randrange(8 if depth < 4 else 6)
    if kind == 0:
        return None
    if kind == 1:
        return generator.random() < 0.5
    if kind == 2:
        return generator.choice([0, 1, -1, 255, -128, 2**31, -(2**63), 2**64 - 1, 12345])
    if kind == 3:
        return generator.choice([1, -1]) * generator.random() * 10.0 ** generator.randint(-30, 30)
    if kind in (4, 5):
        return "".join(generator.choice('aé😀"\\\n\t\x01/ ') for _ in range(generator.randrange(9)))
    size = generator.randrange(5)
    if kind == 6:
        return [random_json(generator, depth + 1) for _ in range(size)]
    return {f"k{generator.randrange(99)}é": random_json(generator, depth + 1) for _ in range(size)}


@pytest.mark.parametrize("version", VERSIONS)
def test_json_is_the_text_that_pylance_gives(tmp_path, version):
    generator = random.Random(7)
    texts = [
        None if i % 10 == 3 else json.dumps(random_json(generator), ensure_ascii=i % 2 == 0)
        for i in range(ROWS)
    ]
    column = pa.ExtensionArray.from_storage(pa.json_(), pa.array(texts))
    write(tmp_path / "t.lance", pa.table({"j": column}), version)
    check(tmp_path / "t.lance")
    assert croupier.open_dataset(str(tmp_path / "t.lance")).schema.field("j").type == pa.json_()


@pytest.mark.parametrize("version", VERSIONS)
def test_bfloat16_and_binary_of_every_width(tmp_path, version):
    rng = np.random.default_rng(4)
    columns = {"bf16": bfloat16_array([None if i % 7 == 1 else i / 4 for i in range(ROWS)])}
    for width in (1, 2, 3, 8, 31, 32, 33, 64, 255, 256, 1000):
        values = [None if i % 9 == 1 else rng.bytes(width) for i in range(ROWS)]
        columns[f"random_{width}"] = pa.array(values, pa.binary(width))
        columns[f"same_{width}"] = pa.array([b"x" * width] * ROWS, pa.binary(width))
    columns["nothing"] = pa.nulls(ROWS)
    write(tmp_path / "t.lance", pa.table(columns), version)
    check(tmp_path / "t.lance")
    vectors = pa.FixedSizeListArray.from_arrays(bfloat16_array([1.0, 2.5, -3.0] * 8), 3)
    write(tmp_path / "v.lance", pa.table({"v": vectors}), version)
    scanned = croupier.open_dataset(str(tmp_path / "v.lance")).to_arrow()
    expected = lance.dataset(str(tmp_path / "v.lance")).to_table()
    assert scanned.schema.types == expected.schema.types
    assert scanned["v"].to_pylist() == expected["v"].to_pylist()


def blob_table(version, values, **thresholds):
    """A table of blobs, of version 1 or 2."""
    if version == "2.1":
        field = pa.field("b", pa.large_binary(), metadata={"lance-encoding:blob": "true"})
        column = pa.array(values, pa.large_binary())
    else:
        field = lance.blob_field("b", **thresholds)
        column = lance.blob_array(values)
    numbers = pa.array(range(len(values)))
    return pa.table([column, numbers], schema=pa.schema([field, pa.field("i", pa.int64())]))


@pytest.mark.parametrize("version", VERSIONS)
def test_blobs_of_every_size(tmp_path, version):
    rng = np.random.default_rng(5)
    # By default inline up to 64 KiB, packed up to 4 MiB, then files of their own.
    sizes = [0, 1, None, 65536, 65537, 100_000, None, 4_194_304, 4_194_305, 9_000_000, 5]
    values = [None if size is None else rng.bytes(size) for size in sizes]
    path = str(tmp_path / "t.lance")
    lance.write_dataset(
        blob_table(version, values), path, data_storage_version=version, max_rows_per_file=4
    )
    dataset = lance.dataset(path)
    descriptors = croupier.open_dataset(path).to_arrow()
    expected = dataset.to_table()
    assert descriptors["b"].type == expected["b"].type
    assert descriptors["b"].to_pylist() == expected["b"].to_pylist()
    row_ids = dataset.to_table(columns=[], with_row_id=True)["_rowid"].to_pylist()
    source = _core.open_dataset(path)
    handles = source.take_blobs(row_ids, "b")
    theirs = dataset.take_blobs("b", ids=row_ids)
    for value, ours, other in zip(values, handles, theirs, strict=True):
        if value is None:
            assert ours is None
            assert other is None
            continue
        assert ours.size == len(value) == other.size()
        assert ours.read(0, ours.size) == value
        assert (
            ours.read(len(value) // 2, len(value) // 3)
            == (value[len(value) // 2 :][: len(value) // 3])
        )
        with pytest.raises(IndexError):
            ours.read(1, len(value))
    whole = _core.open_dataset(path, read_blobs=True)
    assert pa.schema(whole.schema()).field("b").type == pa.large_binary()
    order = row_ids[::-1] + row_ids[:2]
    taken = pa.record_batch(whole.take(order, ["b", "i"]))
    assert taken["b"].to_pylist() == values[::-1] + values[:2]
    with pytest.raises(TypeError, match="holds no blobs"):
        source.take_blobs(row_ids, "i")


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "lz4"},
        {"compression": "zstd", "compression-level": "3"},
        {"compression": "none"},
        {"compression": "fsst"},
        {"compression": "zstd", "bss": "on"},
        {"rle-threshold": "0.99"},
        {"structural-encoding": "fullzip"},
        {"structural-encoding": "fullzip", "compression": "zstd"},
        {"structural-encoding": "miniblock"},
        {"minichunk-size": "1024"},
        {"minichunk-size": "65536"},
        {"dict-divisor": "1", "dict-size-ratio": "0.99"},
        {"dict-values-compression": "zstd", "dict-values-compression-level": "5"},
        {"dict-values-compression": "none"},
    ],
    ids=str,
)
@pytest.mark.parametrize("version", VERSIONS)
def test_every_encoding_that_a_field_can_ask_for(tmp_path, version, options):
    rng = np.random.default_rng(6)
    runs = np.repeat(rng.integers(0, 50, ROWS // 10 + 1), 10)[:ROWS]
    long_text = [f"a line of text with the number {i}, and more of it " * 30 for i in range(ROWS)]
    columns = {
        "runs8": pa.array(runs.astype(np.int8)),
        "runs64": pa.array(runs),
        "float32": pa.array(rng.standard_normal(ROWS).astype(np.float32).round(2)),
        "float64": pa.array(rng.standard_normal(ROWS).round(2)),
        "flags": pa.array(rng.random(ROWS) < 0.5),
        "decimal": pa.array(runs).cast(pa.decimal128(25, 2)),
        "label": pa.array([f"label {v}" for v in runs]),
        "text": pa.array(long_text),
        "binary": pa.array([rng.bytes(int(v)) for v in runs], pa.large_binary()),
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(rng.standard_normal(ROWS * 4)), 4),
    }
    if options.get("compression") == "zstd" and "fullzip" in options.values():
        columns.pop("flags")
    mask = pa.array(np.arange(ROWS) % 11 == 4)
    with_nulls = {
        f"{name}_or_null": array.take(pa.array(np.arange(ROWS), mask=mask.to_numpy(False)))
        for name, array in columns.items()
    }
    metadata = {f"lance-encoding:{key}": value for key, value in options.items()}
    columns |= with_nulls
    fields = [pa.field(name, array.type, metadata=metadata) for name, array in columns.items()]
    table = pa.table(list(columns.values()), schema=pa.schema(fields))
    write(tmp_path / "t.lance", table, version)
    check(tmp_path / "t.lance")


def test_golden_blobs_are_those_that_pylance_gives():
    folder = pathlib.Path(__file__).parent.parent / "golden" / "tables"
    for name in ("blobs_v1", "blobs_v2"):
        dataset = lance.dataset(str(folder / f"{name}.lance"))
        ours = croupier.open_dataset(str(folder / f"{name}.lance")).to_arrow()
        assert ours["blob"].to_pylist() == dataset.to_table()["blob"].to_pylist()


@pytest.mark.parametrize("version", ["2.0", *VERSIONS])
@pytest.mark.parametrize("nulls", [False, True])
def test_values_of_no_bytes(tmp_path, version, nulls):
    empty = pa.array([b"", None if nulls else b""] * 300, pa.binary(0))
    columns = {"nulls": pa.nulls(600, pa.binary(0))}
    if version == "2.2":  # pylance itself cannot read those of older formats.
        columns["binary"] = empty
        columns["lists"] = pa.array(
            [empty[: i % 4].to_pylist() for i in range(600)], pa.list_(empty.type)
        )
    if version == "2.0":
        columns["structs"] = pa.array([{}] * 600, pa.struct([]))
        members = [("x", pa.int32()), ("e", pa.struct([]))]
        columns["members"] = pa.array([{"x": i, "e": {}} for i in range(600)], pa.struct(members))
        lists = [None if i % 5 == 3 else [{}] * (i % 4) for i in range(600)]
        columns["lists of structs"] = pa.array(lists, pa.list_(pa.struct([])))
    write(tmp_path / "t.lance", pa.table(columns), version)
    check(tmp_path / "t.lance")
