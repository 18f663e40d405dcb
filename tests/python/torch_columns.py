"""Columns whose batches the tests of the torch formats look at."""

import datetime

import numpy as np
import pyarrow as pa

import croupier
from croupier import Permutation

# Types of which torch has no value for a null.
NULLS = [
    pa.array([1, None, 3], pa.int32()),
    pa.array([1, None, 3], pa.uint16()),
    pa.array([1, None, 3], pa.uint64()),
    pa.array([True, None, False]),
    pa.array([datetime.date(2024, 1, 1), None, datetime.date(2024, 1, 2)]),
    pa.array([1, None, 3], pa.timestamp("us")),
    pa.array([b"ab", None, b"cd"], pa.binary(2)),
    pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int64(), 2)),
    pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int64())),
]

# Types whose nulls are NaN.
FLOATS = [
    pa.array(np.array([1, 2, 3], np.float16), mask=np.array([0, 1, 0], bool)),
    pa.array([1, None, 3], pa.float32()),
    pa.array([1, None, 3], pa.float64()),
    pa.array([1, None, 3], pa.decimal128(5, 1)),
    pa.array([[1, 2], None, [3, 4]], pa.list_(pa.float32(), 2)),
    pa.array([[[1, 2]], None, [[3, 4]]], pa.list_(pa.list_(pa.float32(), 2), 1)),
    pa.array([None, None, None], pa.float32()),
]


def permutation_of(columns, format="torch_batch", schema=None, **options):
    """Make a permutation of a table of these columns, in a format."""
    rows = pa.table(columns, schema=schema)
    table = croupier.connect("memory://").create_table("t", rows)
    return Permutation.identity(table).with_format(format, **options)


def batch_of(column, **options):
    """Make what torch_batch makes of one column, through a table."""
    permutation = permutation_of({"c": column}, **options)
    return permutation.take_offsets(range(len(permutation)))["c"]


def bfloat16(values):
    """Make a field and an array as Lance stores them; values are float32 that it holds exactly."""
    bits = (np.array(values, np.float32).view(np.uint32) >> 16).astype(np.uint16)
    data = pa.py_buffer(bits.tobytes())
    array = pa.FixedSizeBinaryArray.from_buffers(pa.binary(2), len(values), [None, data])
    metadata = {"ARROW:extension:name": "lance.bfloat16"}
    return pa.field("c", pa.binary(2), metadata=metadata), array
