#!/usr/bin/env python3
"""Write the page fixtures: data files by the reference writer, and the values they must give.

    python tests/golden/make_pages.py [FOLDER]

Needs pylance 14.0 and pyarrow; the fixtures in the repository were made with pylance 14.0.2. They
never change: a new case is a new file. For each table NAME it writes

    NAME_v2_1.lance, NAME_v2_2.lance   one data file of each format version
    NAME.arrow                         the same columns, as an Arrow IPC file

A column that one version cannot hold is left out of that file. Values come from a fixed seed.
"""

import datetime
import decimal
import pathlib
import sys

import numpy as np
import pyarrow as pa
from lance.file import LanceFileWriter

PREFIX = "lance-encoding:"


def field(name, array, **encoding):
    """A field whose metadata asks the writer for an encoding."""
    metadata = {PREFIX + key.replace("_", "-"): value for key, value in encoding.items()}
    return pa.field(name, array.type, metadata=metadata or None)


def with_nulls(array, rng, nulls):
    """`array` with no, some or all of its values null."""
    if nulls == "none":
        return array
    mask = np.ones(len(array), bool) if nulls == "all" else rng.random(len(array)) < 0.3
    indices = pa.array(np.arange(len(array)), mask=mask)
    return array.take(indices)


def scalars(rng, rows):
    """One array of every type that is not a list."""
    small = rng.integers(0, 100, rows)
    wide = rng.integers(-(2**62), 2**62, rows)
    text = [f"row {int(v)} of many" if v % 7 else "" for v in small]
    arrays = {"null": pa.nulls(rows), "bool": pa.array(small % 3 == 0)}
    for bits in (8, 16, 32, 64):
        arrays[f"int{bits}"] = pa.array((wide >> (64 - bits)).astype(f"int{bits}"))
        arrays[f"uint{bits}"] = pa.array(small.astype(f"uint{bits}"))
    arrays["float16"] = pa.array(rng.random(rows).astype(np.float16))
    arrays["float32"] = pa.array(rng.standard_normal(rows).astype(np.float32))
    arrays["float64"] = pa.array(rng.standard_normal(rows))
    arrays["date32"] = pa.array(small.astype(np.int32)).cast(pa.date32())
    arrays["date64"] = pa.array(small * 86400000).cast(pa.date64())
    arrays["time32"] = pa.array(small.astype(np.int32)).cast(pa.time32("s"))
    arrays["time64"] = pa.array(small * 1001).cast(pa.time64("ns"))
    arrays["timestamp"] = pa.array(wide).cast(pa.timestamp("us"))
    arrays["timestamp_tz"] = pa.array(small).cast(pa.timestamp("ms", tz="Europe/Zurich"))
    arrays["duration"] = pa.array(wide >> 20).cast(pa.duration("ns"))
    arrays["decimal128"] = pa.array(
        [decimal.Decimal(int(v)) / 100 for v in wide >> 30], pa.decimal128(20, 2)
    )
    arrays["decimal256"] = pa.array(
        [decimal.Decimal(int(v)) * 10**20 for v in wide], pa.decimal256(60, 0)
    )
    arrays["fixed_size_binary"] = pa.array(
        [bytes([v, 1, v]) for v in small.astype(np.uint8)], pa.binary(3)
    )
    arrays["string"] = pa.array(text, pa.string())
    arrays["large_string"] = pa.array([t + "é" for t in text], pa.large_string())
    arrays["binary"] = pa.array([bytes([v]) * (v % 5) for v in small.astype(np.uint8)], pa.binary())
    arrays["large_binary"] = pa.array([t.encode() + b"\xff" for t in text], pa.large_binary())
    return arrays


def vectors(rng, rows):
    """Fixed-size lists: of floats, bytes and booleans, nested, with nulls inside."""
    floats = pa.array(rng.standard_normal(rows * 4).astype(np.float32))
    bits = pa.array(rng.integers(0, 2, rows * 5).astype(bool))
    holes = with_nulls(pa.array(rng.integers(0, 50, rows * 6).astype(np.int16)), rng, "some")
    inner = pa.FixedSizeListArray.from_arrays(holes, 3)
    inner_holes = with_nulls(inner, rng, "some")
    nothing = pa.nulls(rows * 3, pa.float64())
    return {
        "vector_float32": pa.FixedSizeListArray.from_arrays(floats, 4),
        "vector_bool": pa.FixedSizeListArray.from_arrays(bits, 5),
        "vector_holes": pa.FixedSizeListArray.from_arrays(holes, 6),
        "vector_nested": pa.FixedSizeListArray.from_arrays(inner, 2),
        "vector_nested_holes": pa.FixedSizeListArray.from_arrays(inner_holes, 2),
        "vector_nothing": pa.FixedSizeListArray.from_arrays(nothing, 3),
        "vector_decimal": pa.FixedSizeListArray.from_arrays(
            pa.array([decimal.Decimal(i) for i in range(rows * 2)], pa.decimal128(9, 0)), 2
        ),
    }


def types_table():
    """Every type, with no, some and all values null, as the writer lays it out by itself."""
    rng = np.random.default_rng(11)
    rows = 50
    columns = []
    for name, array in (scalars(rng, rows) | vectors(rng, rows)).items():
        for nulls in ("none", "some", "all"):
            nulled = with_nulls(array, rng, nulls)
            columns.append((field(f"{name}_{nulls}", nulled), nulled))
    return columns


def full_zip_table():
    """The same types forced into records, and values that are wide by themselves."""
    rng = np.random.default_rng(12)
    rows = 9
    columns = []
    for name, array in (scalars(rng, rows) | vectors(rng, rows)).items():
        if name in ("null", "vector_bool", "vector_nothing"):  # the writer refuses or ignores them
            continue
        for nulls in ("none", "some"):
            nulled = with_nulls(array, rng, nulls)
            columns.append(
                (field(f"{name}_{nulls}", nulled, structural_encoding="fullzip"), nulled)
            )
    bits = pa.FixedSizeListArray.from_arrays(
        pa.array(rng.integers(0, 2, rows * 16).astype(bool)), 16
    )
    columns.append((field("vector_bool_bytes", bits, structural_encoding="fullzip"), bits))
    words = [" ".join(f"word{int(w)}" for w in rng.integers(0, 30, 45)) for _ in range(rows)]
    for nulls in ("none", "some"):
        text = with_nulls(pa.array(words), rng, nulls)
        large = text.cast(pa.large_string())
        noise = with_nulls(pa.array([rng.bytes(300) for _ in range(rows)], pa.binary()), rng, nulls)
        wide = pa.array(rng.standard_normal(rows * 96).astype(np.float32))
        vector = with_nulls(pa.FixedSizeListArray.from_arrays(wide, 96), rng, nulls)
        columns += [
            (field(f"text_{nulls}", text), text),
            (field(f"text_plain_{nulls}", text, compression="none"), text),
            (field(f"text_fsst_{nulls}", text, compression="fsst"), text),
            (field(f"large_text_fsst_{nulls}", large, compression="fsst"), large),
            (field(f"noise_{nulls}", noise), noise),
            (field(f"embedding_{nulls}", vector), vector),
        ]
    return columns


def compressed_table():
    """Values of records that are compressed, which the writer does from 32 KiB of data on.

    Noise becomes zstd frames that only store it.
    """
    rng = np.random.default_rng(13)
    rows = 5
    long_text = pa.array([f"line {i} of text\n" * 2500 for i in range(rows)])
    text = pa.array([f"paragraph {i} of the text, and " * 300 for i in range(rows)])
    noise = pa.array([rng.bytes(9000) for _ in range(rows - 1)] + [b""], pa.binary())
    columns = [(field("noise_zstd", noise, compression="zstd"), noise)]
    for nulls in ("none", "some"):
        long_nulled = with_nulls(long_text, rng, nulls)
        large = long_nulled.cast(pa.large_binary())
        nulled = pa.concat_arrays([with_nulls(text, rng, nulls)[:3], text])[:rows]
        columns += [
            (field(f"long_text_{nulls}", long_nulled), long_nulled),
            (field(f"large_zstd_{nulls}", large, compression="zstd"), large),
            (field(f"text_zstd_{nulls}", nulled, compression="zstd"), nulled),
            (field(f"text_fsst_{nulls}", nulled, compression="fsst"), nulled),
        ]
    return columns


def encodings_table():
    """Mini-block columns of several chunks, one for every encoding that the writer has."""
    rng = np.random.default_rng(14)
    rows = 1100
    columns = []

    def add(name, array, **encoding):
        for nulls in ("none", "some"):
            nulled = with_nulls(array, rng, nulls)
            columns.append((field(f"{name}_{nulls}", nulled, **encoding), nulled))

    runs = np.repeat(rng.integers(0, 1000, 30), rng.integers(1, 100, 30))[:rows]
    runs = np.concatenate([runs, np.zeros(rows - len(runs), np.int64)])
    for bits in (8, 16, 32, 64):
        dtype = f"int{bits}"
        add(f"packed_{dtype}", pa.array(rng.integers(0, 2 ** (bits // 8 + 2), rows).astype(dtype)))
        add(f"runs_{dtype}", pa.array(runs.astype(dtype)), rle_threshold="0.9")
    add("flat_int16", pa.array(rng.integers(0, 9, rows).astype(np.int16)), compression="none")
    smooth = np.cumsum(rng.standard_normal(rows)).astype(np.float32).round(1)
    for scheme in ("lz4", "zstd"):
        add(f"{scheme}_float32", pa.array(smooth), compression=scheme, bss="off")
        add(f"{scheme}_split_float32", pa.array(smooth), compression=scheme, bss="on")
        add(f"{scheme}_runs", pa.array(runs), compression=scheme, rle_threshold="0.9")
        text = pa.array([f"item number {i % 50} of a longer list" for i in range(rows)])
        add(f"{scheme}_text", text, compression=scheme, dict_divisor="100000")
    add("split_float64", pa.array(smooth.astype(np.float64)), compression="zstd", bss="on")
    add("bool", pa.array(rng.random(rows) < 0.5))
    add(
        "fsst",
        pa.array([f"https://example.org/photos/{i * 7 % 1000}/full/{i}.jpeg" for i in range(rows)]),
    )
    add(
        "variable",
        pa.array([bytes([i % 251]) * (i % 9) for i in range(rows)], pa.binary()),
        dict_divisor="100000",
    )
    labels = rng.integers(0, 20, rows)
    for values in ("none", "lz4", "zstd"):
        add(
            f"dictionary_{values}",
            pa.array([f"label {int(v)}" for v in labels]),
            dict_values_compression=values,
        )
    add("dictionary_large", pa.array([f"label {int(v)}" for v in labels], pa.large_string()))
    add("dictionary_int64", pa.array(rng.integers(-(2**62), 2**62, 30)[rng.integers(0, 30, rows)]))
    add(
        "dictionary_decimal",
        pa.array([decimal.Decimal(int(v) * 10**15) for v in labels], pa.decimal128(30, 0)),
    )
    rare = pa.array(np.arange(rows).astype(np.int32) % 3, mask=np.arange(rows) % 397 == 1)
    columns.append((field("rare_nulls", rare), rare))
    return columns


def constants_table():
    """Columns of one value, which 2.2 writes as constant pages, inline or in a buffer."""
    rng = np.random.default_rng(16)
    rows = 130
    columns = []

    def add(name, array):
        for nulls in ("none", "some"):
            nulled = with_nulls(array, rng, nulls)
            columns.append((field(f"{name}_{nulls}", nulled), nulled))

    for bits in (8, 16, 32, 64):
        dtype = f"int{bits}"
        add(f"constant_{dtype}", pa.array(np.full(rows, 7, dtype)))
    same = pa.array(["a value of some length that is longer than inline"] * rows)
    add("constant_string", same)
    add("constant_bool", pa.array([True] * rows))
    add("constant_binary", pa.array([b"\x01" * 40] * rows, pa.binary(40)))
    add("constant_timestamp", pa.array([datetime.datetime(2024, 2, 29)] * rows, pa.timestamp("us")))
    add("constant_empty", pa.array([""] * rows, pa.large_string()))
    return columns


def pages_table():
    """Columns of many pages, of different layouts in one column."""
    rng = np.random.default_rng(15)
    parts = []
    for part in range(6):
        rows = 120 + part
        numbers = pa.array(rng.integers(0, 2 ** (5 * part + 1), rows))
        if part == 2:
            numbers = pa.nulls(rows, pa.int64())
        if part == 4:
            numbers = pa.array([5] * rows)
        words = pa.array(
            ["same"] * rows if part == 1 else [f"{i} words" * (part + 1) for i in range(rows)]
        )
        sometimes = with_nulls(
            pa.array(rng.standard_normal(rows)), rng, ("none", "some", "all")[part % 3]
        )
        parts.append({"numbers": numbers, "words": words, "sometimes": sometimes})
    return [
        (pa.field(n, parts[0][n].type), pa.chunked_array([p[n] for p in parts])) for n in parts[0]
    ]


def lists_of(rng, values, rows, longest, nulls, kind=pa.list_):
    """Lists of the values one after the other; some are null, some empty."""
    sizes = rng.integers(0, longest + 1, rows)
    null = rng.random(rows) < 0.2 if nulls else np.zeros(rows, bool)
    sizes[null] = 0
    if not nulls:
        sizes += 1
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    # Repeated, if there are too few.
    items = values.take(pa.array(np.arange(offsets[-1]) % len(values)))
    width = pa.int64() if kind is pa.large_list else pa.int32()
    bitmap = pa.array(~null).buffers()[1] if nulls else None
    buffers = [bitmap, pa.array(offsets, width).buffers()[1]]
    return pa.Array.from_buffers(kind(values.type), rows, buffers, children=[items])


def structs_of(rng, members, nulls):
    """Structs of arrays, some of them null."""
    rows = len(next(iter(members.values())))
    mask = pa.array(rng.random(rows) < 0.25) if nulls else None
    return pa.StructArray.from_arrays(list(members.values()), list(members), mask=mask)


def nested_columns(rng, rows, nulls):
    """One column of each nested shape."""
    some = "some" if nulls else "none"
    small = with_nulls(pa.array(rng.integers(0, 7, 4000).astype(np.int32)), rng, some)
    text = with_nulls(pa.array([f"word {i % 90}" * (i % 4) for i in range(500)]), rng, some)
    wide = with_nulls(pa.array([rng.bytes(270) for _ in range(40)], pa.binary()), rng, some)
    floats = pa.array(rng.standard_normal(70 * 4).astype(np.float32))
    vectors = with_nulls(pa.FixedSizeListArray.from_arrays(floats, 70), rng, some)
    inner = lists_of(rng, small, 300, 5, nulls)
    struct = structs_of(rng, {"x": small[:rows], "y": text[:rows]}, nulls)
    pairs = structs_of(rng, {"x": small[:300], "y": text[:300], "l": inner}, nulls)
    return {
        "list": lists_of(rng, small, rows, 6, nulls),
        "list_long": lists_of(rng, small, rows, 200, nulls),
        "list_text": lists_of(rng, text, rows, 4, nulls),
        "list_wide": lists_of(rng, wide, rows, 3, nulls),
        "list_vector": lists_of(rng, vectors, rows, 2, nulls),
        "list_bool": lists_of(
            rng, pa.array([True, False, None if nulls else True]), rows, 9, nulls
        ),
        "large_list": lists_of(rng, small, rows, 6, nulls, pa.large_list),
        "list_list": lists_of(rng, inner, rows, 4, nulls),
        "list_list_list": lists_of(rng, lists_of(rng, inner, 50, 3, nulls), rows, 3, nulls),
        "struct": struct,
        "struct_wide": structs_of(
            rng, {"w": wide.take(pa.array([i % 40 for i in range(rows)])), "i": small[:rows]}, nulls
        ),
        "struct_vector": structs_of(
            rng, {"v": vectors.take(pa.array([i % 4 for i in range(rows)]))}, nulls
        ),
        "struct_struct": structs_of(rng, {"s": struct, "z": small[:rows]}, nulls),
        "list_struct": lists_of(rng, pairs, rows, 5, nulls),
        "struct_list": structs_of(
            rng, {"l": lists_of(rng, text, rows, 3, nulls), "i": small[:rows]}, nulls
        ),
        "list_nothing": lists_of(rng, pa.nulls(9, pa.int16()), rows, 3, nulls),
        "list_same": lists_of(rng, pa.array(["the same text"] * 5), rows, 3, nulls),
        "struct_same": structs_of(rng, {"c": pa.array([9] * rows), "d": small[:rows]}, nulls),
    }


def nested_table():
    """Lists and structs, with and without nulls and empty lists; some forced into records."""
    rng = np.random.default_rng(17)
    columns = []
    for nulls in (False, True):
        suffix = "some" if nulls else "none"
        for name, array in nested_columns(rng, 24, nulls).items():
            columns.append((field(f"{name}_{suffix}", array), array))
        for name in ("list", "list_text", "list_list", "struct", "list_struct", "struct_list"):
            array = nested_columns(rng, 9, nulls)[name].take(
                pa.array([*range(9), *range(9)] + [0] * 6)
            )
            columns.append(
                (field(f"zip_{name}_{suffix}", array, structural_encoding="fullzip"), array)
            )
    nothing = pa.array([None, []] * 12, pa.list_(pa.int32()))
    columns.append((field("lists_without_items", nothing), nothing))
    null = pa.nulls(24, pa.struct([("x", pa.int8()), ("y", pa.list_(pa.string()))]))
    columns.append((field("struct_null", null), null))
    return columns


def nested_pages_table():
    """Nested columns of several pages, whose layers and layouts differ."""
    rng = np.random.default_rng(18)
    parts = [nested_columns(rng, 30, nulls) for nulls in (False, True, False)]
    chosen = ("list_long", "list_list", "struct", "list_struct", "struct_list", "list_wide")
    return [
        (pa.field(n, parts[0][n].type), pa.chunked_array([part[n] for part in parts]))
        for n in chosen
    ]


def nested_2_2_table():
    """What only files of 2.2 hold: maps and fixed-size lists of structs."""
    rng = np.random.default_rng(19)
    rows = 26
    columns = []
    for nulls in (False, True):
        suffix = "some" if nulls else "none"
        entries = lists_of(rng, pa.array([f"key {i}" for i in range(9)]), rows, 3, nulls)
        items = nested_columns(rng, len(entries.values), nulls)
        for name in ("list", "struct"):
            pairs = pa.StructArray.from_arrays(
                [entries.values, items[name]],
                fields=[
                    pa.field("key", pa.string(), nullable=False),
                    pa.field("value", items[name].type),
                ],
            )
            kind = pa.map_(pa.string(), items[name].type)
            array = pa.Array.from_buffers(
                kind, rows, entries.buffers()[:2], children=[pairs], offset=0
            )
            columns.append((field(f"map_{name}_{suffix}", array), array))
        for dimension in (1, 3):
            structs = nested_columns(rng, rows * dimension, nulls)["struct_struct"]
            array = pa.FixedSizeListArray.from_arrays(structs, dimension)
            if nulls:
                array = array.take(
                    pa.array(np.arange(rows), mask=rng.random(rows) < 0.3, type=pa.int64())
                )
            columns.append((field(f"vector_struct_{dimension}_{suffix}", array), array))
    return columns


def dictionary(rng, rows, values, index_type, nulls):
    """An array of Arrow's dictionary type."""
    indices = pa.array(rng.integers(0, len(values), rows).astype(index_type.to_pandas_dtype()))
    return pa.DictionaryArray.from_arrays(with_nulls(indices, rng, nulls), values)


def dictionaries_table():
    """Columns of Arrow's dictionary type: every type of indices and of items."""
    rng = np.random.default_rng(17)
    rows = 90
    words = pa.array(["a", "bb", "", "dddd", "e"])
    columns = []

    def add(name, values, index_type):
        for nulls in ("none", "some", "all"):
            array = dictionary(rng, rows, values, index_type, nulls)
            columns.append((pa.field(f"{name}_{nulls}", array.type), array))

    for bits in (8, 16, 32, 64):
        add(f"int{bits}", words, getattr(pa, f"int{bits}")())
        add(f"uint{bits}", words, getattr(pa, f"uint{bits}")())
    for name, values in {
        "large_string": words.cast(pa.large_string()),
        "binary": words.cast(pa.binary()),
        "bool": pa.array([True, False]),
        "numbers": pa.array([7, -(2**60), 0]),
        "bytes": pa.array([3, 4, 250], pa.uint8()),
        "float16": pa.array(np.array([1.5, -2], np.float16)),
        "float32": pa.array([1.5, -2], pa.float32()),
    }.items():
        add(f"of_{name}", values, pa.int8())
    return columns


def dictionary_pages_table():
    """Columns of Arrow's dictionary type whose pages have different dictionaries, or none."""
    rng = np.random.default_rng(18)
    parts = []
    for part in range(4):
        # 80 items a page, of which 20 are those of the page before.
        words = pa.array([f"word {60 * part + i}" for i in range(80)])
        numbers = pa.array(np.arange(60 * part, 60 * part + 80))
        nulls = "all" if part == 2 else "some"
        parts.append(
            {
                "words": dictionary(rng, 60, words, pa.int16(), nulls),
                "numbers": dictionary(rng, 60, numbers, pa.uint32(), "none"),
                "few": dictionary(rng, 60, words[:30], pa.int8(), nulls),
            }
        )
    return [
        (pa.field(n, parts[0][n].type), pa.chunked_array([p[n] for p in parts])) for n in parts[0]
    ]


def packed(name, members, rng, nulls):
    """A packed struct with its field; members themselves cannot be null."""
    rows = len(next(iter(members.values())))
    mask = rng.random(rows) < {"none": 0, "some": 0.3, "all": 1}[nulls]
    array = pa.StructArray.from_arrays(
        list(members.values()), list(members), mask=None if nulls == "none" else pa.array(mask)
    )
    return field(f"{name}_{nulls}", array, packed="true"), array


def packed_table():
    """Packed structs of fixed-width members."""
    rng = np.random.default_rng(19)
    rows = 300
    values = scalars(rng, rows)
    small = {name: values[name] for name in ("int32", "int64", "uint8")}
    others = ("decimal128", "fixed_size_binary", "timestamp", "float16", "time32", "decimal256")
    return [
        packed(name, members, rng, nulls)
        for nulls in ("none", "some", "all")
        for name, members in {
            "small": small,
            "one": {"int16": values["int16"]},
            "others": {name: values[name] for name in others},
        }.items()
    ]


def packed_variable_table():
    """Packed structs with strings and vectors, which are records (2.2)."""
    rng = np.random.default_rng(22)
    rows = 40
    values = scalars(rng, rows) | vectors(rng, rows)
    long_text = pa.array([f"line {i} of text\n" * 100 for i in range(rows)])
    bits = pa.array(rng.integers(0, 2, rows * 8).astype(bool))
    return [
        packed(name, members, rng, nulls)
        for nulls in ("none", "some")
        for name, members in {
            "strings": {name: values[name] for name in ("int32", "string", "large_string")},
            "binary": {name: values[name] for name in ("binary", "decimal128", "large_binary")},
            "vectors": {
                "holes": values["vector_holes"],
                "nested": values["vector_nested_holes"],
                "floats": values["vector_float32"],
                "bits": pa.FixedSizeListArray.from_arrays(bits, 8),
            },
            "fsst": {"id": values["uint16"], "text": long_text},
        }.items()
    ]


def write(folder, name, columns, versions=("2.1", "2.2"), **options):
    fields, arrays = zip(*columns, strict=True)
    schema = pa.schema(fields)
    table = pa.table(list(arrays), schema=schema)
    for version in versions:
        path = folder / f"{name}_v{version.replace('.', '_')}.lance"
        with LanceFileWriter(str(path), schema, version=version, **options) as writer:
            for batch in table.to_batches():
                writer.write_batch(batch)
    # Whether a struct is packed is no matter of its values, but of how its columns are found.
    flags = [field.metadata if "packed" in str(field.metadata) else None for field in fields]
    marked = [f.with_metadata(flag) for f, flag in zip(fields, flags, strict=True)]
    plain = pa.table(list(arrays), schema=pa.schema(marked)).unify_dictionaries()
    ipc = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(folder / f"{name}.arrow", plain.schema, options=ipc) as writer:
        writer.write_table(plain.combine_chunks())


def main():
    folder = pathlib.Path(
        sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "pages"
    )
    folder.mkdir(parents=True, exist_ok=True)
    write(folder, "types", types_table())
    write(folder, "full_zip", full_zip_table())
    write(folder, "compressed", compressed_table())
    write(folder, "encodings", encodings_table())
    write(folder, "constants", constants_table())
    write(folder, "many_pages", pages_table(), data_cache_bytes=1)
    write(folder, "nested", nested_table())
    write(folder, "nested_many_pages", nested_pages_table(), data_cache_bytes=1)
    write(folder, "nested_2_2", nested_2_2_table(), versions=("2.2",))
    write(folder, "dictionaries", dictionaries_table())
    write(folder, "dictionary_pages", dictionary_pages_table(), data_cache_bytes=1)
    write(folder, "packed", packed_table())
    write(folder, "packed_variable", packed_variable_table(), versions=("2.2",))


if __name__ == "__main__":
    main()
