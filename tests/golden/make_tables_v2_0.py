#!/usr/bin/env python3
"""Write the table fixtures of format 2.0: small datasets by the reference writer, and their rows.

    python tests/golden/make_tables_v2_0.py [FOLDER]

The fixtures in the repository were made with pylance 14.0.2, and with 0.12.3, 0.18.2 and 0.23.2:
names end in the version of the pylance that ran the script, if it is not 14. They never change: a
new case is a new table. NAME.arrow, an IPC file of the rows with `_rowid`, is written by the first.
"""

import pathlib
import sys

import lance
import numpy as np
import pyarrow as pa
from make_tables import save

SUFFIX = "" if lance.__version__.startswith("14.") else "_" + lance.__version__.replace(".", "_")


def nested(rows):
    """Lists, structs and both in each other, with nulls and empty lists where 2.0 has them."""
    rng = np.random.default_rng(31)
    tokens = [
        None if n == 5 else [None if t % 9 == 0 else int(t) for t in rng.integers(0, 90, n)]
        for n in rng.integers(0, 7, rows)
    ]
    words = [f"word {i}" if i % 5 else None for i in range(rows)]
    structs = [{"x": i, "y": {"name": words[i], "tags": tokens[i]}} for i in range(rows)]
    lists = [None if i % 7 == 3 else structs[i : i + i % 4] for i in range(rows)]
    vectors = [None if i % 6 == 2 else [[1.0 * i, -1.0 * i]] * (i % 3) for i in range(rows)]
    y = pa.struct({"name": pa.string(), "tags": pa.list_(pa.int32())})
    x_and_y = pa.struct({"x": pa.int64(), "y": y})
    return pa.table(
        {
            "i": pa.array(range(rows), pa.int32()),
            "tokens": pa.array(tokens, pa.list_(pa.int32())),
            "large": pa.array(tokens, pa.large_list(pa.int16())),
            "words": pa.array([words[: i % 5] for i in range(rows)], pa.list_(pa.string())),
            "st": pa.array(structs, x_and_y),
            "lists": pa.array(lists, pa.list_(x_and_y)),
            "deep": pa.array(
                [None if i % 5 == 1 else tokens[i : i + i % 3] for i in range(rows)],
                pa.list_(pa.list_(pa.int32())),
            ),
            "vectors": pa.array(vectors, pa.list_(pa.list_(pa.float32(), 2))),
            "flags": pa.array([[t % 2 == 0 for t in range(i % 4)] for i in range(rows)]),
        }
    )


def text(rows):
    """Strings and binary values, as writers before 0.13 stored them: lists of bytes."""
    words = [None if i % 7 == 3 else f"word {i} é" * (i % 4) for i in range(rows)]
    return pa.table(
        {
            "i": pa.array(range(rows), pa.int32()),
            "text": pa.array(words),
            "large": pa.array(words, pa.large_string()),
            "bytes": pa.array([w if w is None else w.encode() for w in words]),
            "lists": pa.array([words[: i % 5] if i % 6 else None for i in range(rows)]),
            "st": pa.array([{"x": i, "name": words[i]} for i in range(rows)]),
            "lists_of_st": pa.array([[{"name": w} for w in words[: i % 3]] for i in range(rows)]),
        }
    )


def main():
    folder = pathlib.Path(
        sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "tables"
    )
    if SUFFIX == "_0_12_3":  # It has no lists of large offsets yet.
        uri = str(folder / f"text{SUFFIX}.lance")
        dataset = lance.write_dataset(text(60), uri, use_legacy_format=False, max_rows_per_file=25)
        save(folder, f"text{SUFFIX}", dataset)
        return
    table = nested(60)

    def write(name, rows, version="2.0", **options):
        uri = str(folder / f"{name}{SUFFIX}.lance")
        return lance.write_dataset(rows, uri, data_storage_version=version, **options)

    save(folder, f"nested_v2_0{SUFFIX}", write("nested_v2_0", table, max_rows_per_file=25))
    if SUFFIX:
        return
    # Each fragment of another format. The writer of 2.0 fails on slices.
    dataset = write("mixed_versions", table.take(list(range(20))))
    for version, begin in (("2.2", 20), ("2.1", 40)):
        rows = table.take(list(range(begin, begin + 20)))
        fragments = lance.fragment.write_fragments(
            rows, dataset.uri, data_storage_version=version, mode="append"
        )
        append = lance.LanceOperation.Append(fragments)
        dataset = lance.LanceDataset.commit(dataset.uri, append, read_version=dataset.version)
    save(folder, "mixed_versions", dataset)


if __name__ == "__main__":
    main()
