#!/usr/bin/env python3
"""Write the page fixtures of format 2.0: data files by the reference writer, and their values.

    python tests/golden/make_pages_v2_0.py [FOLDER]

The fixtures in the repository were made with pylance 14.0.2 (NAME_v2_0.lance), and with 0.18.2 and
0.23.2 (NAME_v2_0_0_18_2.lance, …): the script names files by the pylance that runs it. They never
change: a new case is a new file. Values come from a fixed seed; NAME.arrow holds them.
"""

import pathlib
import sys

import lance
import make_pages
import numpy as np
import pyarrow as pa
from lance.file import LanceFileWriter
from make_pages import field, with_nulls


def with_and_without_nulls(rng, arrays):
    """Two columns of each array."""
    columns = []
    for name, (array, encoding) in arrays.items():
        for nulls in ("none", "some"):
            nulled = with_nulls(array, rng, nulls)
            columns.append((field(f"{name}_{nulls}", nulled, **encoding), nulled))
    return columns


def strings_table():
    """Strings in dictionaries, compressed, and short ones."""
    rng = np.random.default_rng(21)
    rows = 110
    labels = pa.array([f"label {int(v)}" for v in rng.integers(0, 20, rows)])
    text = pa.array([f"line {i}, " * int(n) for i, n in enumerate(rng.integers(0, 9, rows))])
    zstd = {"compression": "zstd"}
    columns = with_and_without_nulls(
        rng,
        {
            "labels": (labels, {}),
            "large_labels": (labels.cast(pa.large_string()), {}),
            "text": (text, {}),
            "text_zstd": (text, zstd),
            "bytes_zstd": (text.cast(pa.large_binary()), zstd),
        },
    )
    nothing = pa.nulls(rows, pa.string())
    return [*columns, (field("labels_all", nothing), nothing)]


def wide_table():
    """Values that are long enough to be read one by one."""
    rng = np.random.default_rng(23)
    rows = 24
    floats = pa.array(rng.standard_normal(rows * 64).astype(np.float32))
    holes = with_nulls(floats, rng, "some")
    return with_and_without_nulls(
        rng,
        {
            "noise": (pa.array([rng.bytes(200 + 9 * i) for i in range(rows)], pa.binary()), {}),
            "uneven": (pa.array(["x" * (9000 if i == 17 else i % 5) for i in range(rows)]), {}),
            "fixed": (pa.array([rng.bytes(256) for _ in range(rows)], pa.binary(256)), {}),
            "embedding": (pa.FixedSizeListArray.from_arrays(floats, 64), {}),
            "embedding_holes": (pa.FixedSizeListArray.from_arrays(holes, 64), {}),
        },
    )


def compressed_strings_table():
    """Strings by the codecs that writers have since 0.19; fsst leaves short inputs as they are."""
    rng = np.random.default_rng(22)
    rows = 760
    urls = pa.array(
        [f"https://example.org/photos/{i * 7 % 1000}/full/{i}.jpeg" for i in range(rows)]
    )
    some = with_nulls(urls, rng, "some")
    return [
        (field("url_lz4", some, compression="lz4"), some),
        (field("url_fsst", urls, compression="fsst"), urls),
        (field("url_fsst_short", some, compression="fsst"), some),
    ]


def old_types_table():
    """The types that 0.18 has."""
    newer = ("nested", "vector_decimal")
    return [c for c in make_pages.types_table() if not any(n in c[0].name for n in newer)]


def write(folder, name, columns, **options):
    fields, arrays = zip(*columns, strict=True)
    schema = pa.schema(fields)
    table = pa.table(list(arrays), schema=schema)
    version = lance.__version__
    suffix = "" if version.startswith("14.") else "_" + version.replace(".", "_")
    path = folder / f"{name}_v2_0{suffix}.lance"
    with LanceFileWriter(str(path), schema, version="2.0", **options) as writer:
        for batch in table.to_batches():
            writer.write_batch(batch)
    if (folder / f"{name}.arrow").exists():
        return
    plain = pa.table(list(arrays), names=schema.names)
    ipc = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(folder / f"{name}.arrow", plain.schema, options=ipc) as writer:
        writer.write_table(plain.combine_chunks())


def main():
    folder = pathlib.Path(
        sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "pages"
    )
    write(folder, "strings", strings_table())
    write(folder, "wide", wide_table())
    if lance.__version__.startswith("0.18."):
        write(folder, "old_types", old_types_table())
    else:
        write(folder, "types", make_pages.types_table())
        write(folder, "compressed_strings", compressed_strings_table())
    write(folder, "many_pages", make_pages.pages_table(), data_cache_bytes=1)


if __name__ == "__main__":
    main()
