"""The tables of the matrix: type × shape × nulls × values × size × version × how it is written.

Runs in the environments of old writers, too: `python matrix_cases.py FOLDER COUNT` writes the
tables that an old writer can write to FOLDER.
"""

from __future__ import annotations

import shutil
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from arrow_values import NULLS, VALUES, make_array

VERSIONS = ("2.0", "2.1", "2.2")

# The type of a leaf by its name. Types that an old pyarrow lacks are left out there.
TYPES = {
    "null": pa.null(),
    "bool": pa.bool_(),
    "int8": pa.int8(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "uint8": pa.uint8(),
    "uint16": pa.uint16(),
    "uint32": pa.uint32(),
    "uint64": pa.uint64(),
    "float16": pa.float16(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "date32": pa.date32(),
    "date64": pa.date64(),
    "time32 s": pa.time32("s"),
    "time32 ms": pa.time32("ms"),
    "time64 us": pa.time64("us"),
    "time64 ns": pa.time64("ns"),
    "timestamp s": pa.timestamp("s"),
    "timestamp ms": pa.timestamp("ms", "UTC"),
    "timestamp us": pa.timestamp("us", "+08:00"),
    "timestamp ns": pa.timestamp("ns", "Europe/Zurich"),
    "duration s": pa.duration("s"),
    "duration ms": pa.duration("ms"),
    "duration us": pa.duration("us"),
    "duration ns": pa.duration("ns"),
    "decimal128": pa.decimal128(30, 4),
    "decimal128 short": pa.decimal128(5, -2),
    "decimal256": pa.decimal256(70, 10),
    "string": pa.string(),
    "large_string": pa.large_string(),
    "binary": pa.binary(),
    "large_binary": pa.large_binary(),
    "binary 1": pa.binary(1),
    "binary 5": pa.binary(5),
    "binary 16": pa.binary(16),
    "binary 300": pa.binary(300),
    "vector": pa.list_(pa.float32(), 8),
    "vector of one": pa.list_(pa.int64(), 1),
    "vector wide": pa.list_(pa.float16(), 384),
    "vector bytes": pa.list_(pa.uint8(), 33),
    "vector bits": pa.list_(pa.bool_(), 5),
    "vector binary": pa.list_(pa.binary(3), 4),
    "matrix": pa.list_(pa.list_(pa.int16(), 3), 2),
    "dictionary int8": pa.dictionary(pa.int8(), pa.string()),
    "dictionary uint16": pa.dictionary(pa.uint16(), pa.int64()),
    "dictionary int32": pa.dictionary(pa.int32(), pa.string()),
    "dictionary int64": pa.dictionary(pa.int64(), pa.large_binary()),
}
if hasattr(pa, "json_"):
    TYPES["json"] = pa.json_(pa.string())


def _struct(leaf, other):
    return pa.struct([leaf, pa.field("other", pa.int32(), nullable=other)])


# What is around a leaf: from the leaf's field and whether fields may be null to a type.
SHAPES = {
    "flat": lambda leaf, null: leaf.type,
    "list": lambda leaf, null: pa.list_(leaf),
    "large list": lambda leaf, null: pa.large_list(leaf),
    "struct": _struct,
    "struct of struct": lambda leaf, null: pa.struct(
        [pa.field("a", _struct(leaf, null), null), pa.field("b", pa.string(), null)]
    ),
    "list of list": lambda leaf, null: pa.list_(pa.field("item", pa.list_(leaf), null)),
    "list of struct": lambda leaf, null: pa.list_(pa.field("item", _struct(leaf, null), null)),
    "struct of list": lambda leaf, null: pa.struct([pa.field("a", pa.list_(leaf), null)]),
    "list of struct of list": lambda leaf, null: pa.list_(
        pa.field(
            "item",
            pa.struct([pa.field("a", pa.large_list(leaf), null), pa.field("b", pa.int16(), null)]),
            null,
        )
    ),
    "map": lambda leaf, null: pa.map_(pa.string(), leaf.with_name("value")),
    "fixed list of struct": lambda leaf, null: pa.list_(
        pa.field("item", _struct(leaf, null), null), 3
    ),
    "packed struct": _struct,
}

PREFIX = "lance-encoding:"


@dataclass(frozen=True)
class Option:
    """A way to write a table."""

    leaf: dict = field(default_factory=dict)  # Metadata of the leaf's field.
    column: dict = field(default_factory=dict)  # Metadata of the column's field.
    write: dict = field(default_factory=dict)  # Arguments of write_dataset.
    versions: tuple = VERSIONS
    appends: int = 0
    delete: str = ""


OPTIONS = {
    "default": Option(),
    "zstd": Option(leaf={"compression": "zstd"}),
    "lz4": Option(leaf={"compression": "lz4"}, versions=("2.1", "2.2")),
    "fsst": Option(leaf={"compression": "fsst"}),
    "none": Option(leaf={"compression": "none"}),
    "byte stream split": Option(leaf={"compression": "zstd", "bss": "on"}, versions=("2.1", "2.2")),
    "rle": Option(leaf={"rle-threshold": "1.0"}, versions=("2.1", "2.2")),
    "dictionary": Option(
        leaf={"dict-divisor": "1", "dict-size-ratio": "1.0"}, versions=("2.1", "2.2")
    ),
    "zstd dictionary": Option(
        leaf={"dict-divisor": "1", "dict-size-ratio": "1.0", "dict-values-compression": "zstd"},
        versions=("2.2",),
    ),
    "small chunks": Option(leaf={"minichunk-size": "64"}, versions=("2.1", "2.2")),
    "full zip": Option(column={"structural-encoding": "fullzip"}, versions=("2.1", "2.2")),
    "full zip zstd": Option(
        leaf={"compression": "zstd"},
        column={"structural-encoding": "fullzip"},
        versions=("2.1", "2.2"),
    ),
    "mini-block": Option(column={"structural-encoding": "miniblock"}, versions=("2.1", "2.2")),
    "pages": Option(write={"data_cache_bytes": 1}),
    "fragments": Option(write={"max_rows_per_file": 97}),
    "deletions": Option(write={"max_rows_per_file": 200}, delete="id % 3 = 1 OR id < 4"),
    "appends": Option(appends=2),
    "stable row ids": Option(write={"enable_stable_row_ids": True}, delete="id % 5 = 2"),
    "old manifest names": Option(write={"enable_v2_manifest_paths": False}, appends=1),
}

# What writers before 2.1 can be asked.
OLD_OPTIONS = ("default", "zstd", "fragments", "deletions", "appends")
SIZES = (0, 1, 7, 150, 1100, 3000, 9000)


@dataclass(frozen=True)
class Case:
    """One table: columns `id` (int64 from 0) and `x` (what is tested)."""

    type: str
    shape: str
    version: str
    size: int
    nulls: str
    values: str
    option: str

    def __str__(self):
        parts = (self.shape, self.type, self.version, self.size, self.nulls, self.values)
        return ", ".join(map(str, (*parts, self.option)))

    @property
    def seed(self):
        return zlib.crc32(str(self).encode())

    def rows(self):
        """Make the rows, always the same."""
        null = self.nulls != "never"
        option = OPTIONS[self.option]
        leaf = pa.field("item", TYPES[self.type], null or self.type == "null", _meta(option.leaf))
        type_ = SHAPES[self.shape](leaf, null)
        column = dict(option.column)
        if self.shape == "flat":
            column.update(option.leaf)
        if self.shape == "packed struct":
            column["packed"] = "true"
        x = pa.field("x", type_, null or self.type == "null", _meta(column))
        return make_rows(x, self.size, self.seed, self.nulls, self.values, self.version)


def _meta(keys):
    return {PREFIX + key: value for key, value in keys.items()} or None


def make_rows(x, size, seed, nulls, values, version):
    """Make the columns `id` and `x`."""
    random = np.random.default_rng(seed)
    # Files 2.0 do not say which structs are null.
    array = make_array(random, x.type, size, nulls, values, null_structs=version != "2.0")
    columns = [pa.array(np.arange(size)), array]
    schema = pa.schema([pa.field("id", pa.int64()), x])
    return pa.Table.from_arrays(columns, schema=schema)


def _batches(rows, begin, end, batch_rows):
    """Cut rows into batches that are copies: pylance panics on slices of structs in structs."""
    for first in range(begin, end, batch_rows):
        part = rows.take(pa.array(range(first, min(first + batch_rows, end))))
        yield from part.combine_chunks().to_batches()


def write(lance, uri, rows, version, option_name):
    """Write a table, and return it opened by the writer."""
    option = OPTIONS[option_name]
    parts = 1 + option.appends
    cuts = [rows.num_rows * i // parts for i in range(parts + 1)]
    # Batches are where pages are cut, and should be where files are: see _batches.
    batch_rows = 64 if option_name == "pages" else option.write.get("max_rows_per_file", 1000)
    for i in range(parts):
        reader = pa.RecordBatchReader.from_batches(
            rows.schema, _batches(rows, cuts[i], cuts[i + 1], batch_rows)
        )
        lance.write_dataset(
            reader,
            uri,
            mode="append" if i else "create",
            data_storage_version=version,
            **option.write,
        )
    if option.delete:
        lance.dataset(uri).delete(option.delete)
    return lance.dataset(uri)


class _Deck:
    """Deals values in random order, each once before any comes again."""

    def __init__(self, random, values):
        self._random = random
        self._values = list(values)
        self._left = []

    def deal(self):
        if not self._left:
            self._left = [self._values[i] for i in self._random.permutation(len(self._values))]
        return self._left.pop()


def cases(version, per_combination, options=None) -> Iterator[Case]:
    """Choose tables of a version: some of every type in every shape, the rest dealt by a seed."""
    for shape in SHAPES:
        random = np.random.default_rng([zlib.crc32(shape.encode()), int(version[2])])
        names = [name for name in options or OPTIONS if version in OPTIONS[name].versions]
        decks = [_Deck(random, values) for values in (SIZES, NULLS, VALUES, names)]
        for name in TYPES:
            for _ in range(per_combination if _has_column(name, shape, version) else 0):
                yield next(
                    case
                    for case in (
                        Case(name, shape, version, *(deck.deal() for deck in decks))
                        for _ in range(1000)
                    )
                    if _is_writable(case)
                )


def _has_column(name, shape, version):
    """Say whether pylance writes such a column."""
    type_ = TYPES[name]
    if shape in ("map", "fixed list of struct"):
        return version == "2.2"
    if shape == "packed struct":
        if pa.types.is_fixed_size_list(type_):
            return version == "2.2" and name != "vector bits"
        if name in ("string", "large_string", "binary", "large_binary"):
            return version == "2.2"
        types = pa.types
        if name in ("null", "bool", "binary 300"):
            return False
        fixed = types.is_primitive(type_) or types.is_decimal(type_)
        return fixed or types.is_fixed_size_binary(type_)
    return True


def _is_writable(case):
    """Say whether pylance 14 writes the table; the rest are panics and refusals of its writer."""
    if case.type in ("vector wide", "binary 300") and case.size > 1100:
        return False  # Only to save time.
    full_zip = case.option.startswith("full zip")
    if case.shape == "packed struct":
        nulls = ("never", "none") if case.version == "2.0" else ("never", "none", "outer")
        return case.nulls in nulls and not full_zip
    if case.type == "vector bits":
        return not full_zip
    if case.version == "2.0" and case.option == "fsst":
        large = case.type in ("large_string", "large_binary", "json")
        return not (large or case.nulls.startswith("all"))
    return True


def main():
    """Write what this environment's pylance can write in 2.0, and list what it cannot."""
    import lance

    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    refused = []
    for number, case in enumerate(cases("2.0", count, OLD_OPTIONS)):
        uri = folder / f"{number}.lance"
        try:
            write(lance, str(uri), case.rows(), "2.0", case.option)
        except BaseException as error:  # A panic is no Exception.
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
            refused.append(f"{case}: {type(error).__name__}: {str(error)[:200]!r}")
            shutil.rmtree(uri, ignore_errors=True)
        else:
            (uri / "case.txt").write_text(str(case))
    (folder / "refused.txt").write_text("".join(line + "\n" for line in refused))


if __name__ == "__main__":
    main()
