"""Arrow arrays of any type, made of random values, and their comparison.

Runs with the pyarrow of the oldest writer whose tables are read, too.
"""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

VALUES = ("random", "constant", "few", "runs", "sorted", "small", "long")
NULLS = ("never", "none", "some", "runs", "leaf", "outer", "all leaf", "all")


def make_array(
    random, type_, length, nulls="some", values="random", *, top=True, null_structs=True
):
    """Make an array.

    Args:
        random: a numpy Generator.
        type_: of the array; its fields decide which children may be null.
        length: number of values.
        nulls: one of NULLS: nowhere ("never" also says that the fields are not nullable), some in
            every layer, runs of them in every layer, some in the leaves alone or in the outermost
            layer alone, all leaves below layers with some nulls, or all values.
        values: one of VALUES: how leaves are distributed.
        top: whether this is the outermost layer.
        null_structs: whether structs may be null.
    """
    if isinstance(type_, pa.BaseExtensionType):
        if type_.extension_name == "arrow.json":
            storage = _array_of_texts(random, pa.string(), length, nulls, values, top, _json)
        else:
            storage = make_array(random, type_.storage_type, length, nulls, values, top=top)
        return pa.ExtensionArray.from_storage(type_, storage)

    def children(count):
        return [
            make_array(
                random,
                field.type,
                count,
                nulls if field.nullable else "never",
                values,
                top=False,
                null_structs=null_structs,
            )
            for field in fields_of(type_)
        ]

    types = pa.types
    if types.is_null(type_):
        return pa.nulls(length)
    if types.is_struct(type_):
        struct_nulls = nulls if null_structs else "none"
        validity = _validity(random, length, struct_nulls, top, leaf=False)
        return pa.Array.from_buffers(type_, length, [validity], children=children(length))
    if types.is_fixed_size_list(type_):
        # Of numbers it is a value by itself; of structs it is a layer above them.
        leaf = not types.is_struct(type_.value_type)
        validity = _validity(random, length, nulls, top, leaf=leaf)
        items = children(length * type_.list_size)
        return pa.Array.from_buffers(type_, length, [validity], children=items)
    if types.is_list(type_) or types.is_large_list(type_) or types.is_map(type_):
        mask = _mask(random, length, nulls, top, leaf=False)
        lengths = random.integers(0, 5, length)
        if length > 20:
            lengths[random.integers(0, length, 1 + length // 200)] = random.integers(5, 60)
            lengths[random.integers(0, length)] = 3000 if values == "long" else 300
        lengths[mask] = 0
        offsets = np.zeros(length + 1, np.int64 if types.is_large_list(type_) else np.int32)
        np.cumsum(lengths, out=offsets[1:])
        buffers = [_bitmap(mask), pa.py_buffer(offsets)]
        return pa.Array.from_buffers(type_, length, buffers, children=children(int(offsets[-1])))
    if types.is_dictionary(type_):
        count = 12 if values in ("few", "constant") else 100
        items = make_array(random, type_.value_type, count, "none", "random", top=False)
        codes = make_codes(random, length, values) % count
        mask = _mask(random, length, nulls, top, leaf=True)
        indices = pa.array(codes.astype(type_.index_type.to_pandas_dtype()), mask=mask)
        return pa.DictionaryArray.from_arrays(indices, items)
    if str(type_) in ("string", "large_string", "string_view"):
        return _array_of_texts(random, type_, length, nulls, values, top, lambda text: text)
    if str(type_) in ("binary", "large_binary", "binary_view"):
        return _array_of_texts(random, type_, length, nulls, values, top, _bytes)
    return _fixed_width(random, type_, length, nulls, values, top)


def fields_of(type_):
    """List the fields of the children of a type, as its buffers have them."""
    if pa.types.is_struct(type_):
        return list(type_)
    if pa.types.is_map(type_):
        return [pa.field("entries", pa.struct([type_.key_field, type_.item_field]), nullable=False)]
    return [type_.value_field]


def make_codes(random, length, values):
    """Make integers of a distribution, of which the values of a leaf are made."""
    if values == "constant":
        return np.full(length, random.integers(0, 2**40))
    if values == "few":
        return random.integers(0, 2**62, 7)[random.integers(0, 7, length)]
    if values == "runs":
        runs = random.integers(1, 70, length // 10 + 1)
        starts = random.integers(-(2**40), 2**40, len(runs))
        return np.resize(np.repeat(starts, runs), length)
    if values == "sorted":
        return np.cumsum(random.integers(0, 5, length))
    if values == "small":
        return random.integers(0, 100, length)
    return random.integers(-(2**62), 2**62, length)


def _mask(random, length, nulls, top, *, leaf):
    """Say which values are null."""
    if (nulls == "all" and top) or (nulls == "all leaf" and leaf):
        return np.ones(length, bool)
    if nulls == "runs":
        runs = np.repeat(random.random(length // 9 + 2) < 0.4, 9)
        return runs[:length]
    some = nulls in ("some", "all leaf", "all")
    if some or (nulls == "leaf" and leaf) or (nulls == "outer" and top):
        return random.random(length) < 0.2
    return np.zeros(length, bool)


def _bitmap(mask):
    if not mask.any():
        return None
    return pa.py_buffer(np.packbits(~mask, bitorder="little").tobytes())


def _validity(random, length, nulls, top, *, leaf):
    return _bitmap(_mask(random, length, nulls, top, leaf=leaf))


def _text(code, size):
    text = f"{code:x}" if code % 13 else "é" * (code % 5)
    if size > 40:
        words = ["the", "quick", "brown", "fox", "jumps", "over", "some", "lazy", "dog"]
        text += " ".join(words[(code >> (3 * i)) % len(words)] for i in range(size // 8))
    return text[: code % size]


def _json(text):
    return json.dumps(
        {"half": [len(text) / 2, None, True], "length": len(text), "text": text},
        ensure_ascii=False,
        separators=(",", ":"),
    )


def _bytes(text):
    return text.encode() + b"\xff\x00"[: len(text) % 3]


def _array_of_texts(random, type_, length, nulls, values, top, convert):
    size = 24
    if values == "long":
        size = max(40, min(3000, 2_000_000 // max(length, 1)))
    known = {}
    texts = []
    for code in make_codes(random, length, values).tolist():
        if code not in known:
            known[code] = convert(_text(abs(code), size))
        texts.append(known[code])
    mask = _mask(random, length, nulls, top, leaf=True)
    base = pa.string() if not texts or isinstance(texts[0], str) else pa.binary()
    if not texts and "binary" in str(type_):
        base = pa.binary()
    return pa.array(texts, base, mask=mask).cast(type_)


def _fixed_width(random, type_, length, nulls, values, top):
    types = pa.types
    codes = make_codes(random, length, values)
    if types.is_boolean(type_):
        data = np.packbits(codes % 2 == 1, bitorder="little")
    elif types.is_floating(type_):
        name = {16: "float16", 32: "float32", 64: "float64"}[type_.bit_width]
        numbers = ((codes % 2_000_003) / 64 - 10_000).astype(name)
        if values == "random" and length > 10:
            numbers[random.integers(0, length, 4)] = [np.nan, np.inf, -np.inf, -0.0]
        data = numbers
    elif types.is_date32(type_):
        data = (codes % 40_000).astype(np.int32)
    elif types.is_date64(type_):
        data = codes % 40_000 * 86_400_000
    elif types.is_time(type_):
        per_second = {"s": 1, "ms": 1000, "us": 10**6, "ns": 10**9}[type_.unit]
        data = (codes % (86_400 * per_second)).astype(f"int{type_.bit_width}")
    elif types.is_decimal(type_):
        low = codes % 10 ** min(type_.precision, 18)
        low = np.where(random.random(length) < 0.5, -low, low) if values == "random" else low
        data = np.stack([low] + [low >> 63] * (type_.bit_width // 64 - 1), axis=1)
    elif types.is_fixed_size_binary(type_):
        width = type_.byte_width
        words = np.stack([codes * (2 * i + 1) for i in range(-(-width // 8))], axis=1)
        data = words.view(np.uint8).reshape(length, 8 * words.shape[1])[:, :width]
    else:
        data = codes.astype(np.int64).astype(f"int{type_.bit_width}")
    validity = _validity(random, length, nulls, top, leaf=True)
    return pa.Array.from_buffers(
        type_, length, [validity, pa.py_buffer(np.ascontiguousarray(data).tobytes())]
    )


def assert_same_rows(actual, expected):
    """Compare tables: schemas with metadata, and every value bit by bit."""
    assert actual.schema.equals(expected.schema, check_metadata=True), (
        f"schema {actual.schema} instead of {expected.schema}"
    )
    assert actual.num_rows == expected.num_rows, f"{actual.num_rows} rows of {expected.num_rows}"
    if not expected.num_rows:
        return  # pyarrow cannot make empty arrays of extension types inside of others
    for name in expected.column_names:
        for one, other in _aligned(actual[name], expected[name]):
            one.validate(full=True)
            assert_same(one, other, name)


def take_rows(table, offsets):
    """Take rows in any order, also of dictionaries that hold nulls, which pyarrow cannot unify."""
    columns = []
    for column in table.columns:
        try:
            chunks = [_takeable(chunk) for chunk in column.chunks]
            columns.append(pa.chunked_array(chunks, column.type).take(pa.array(offsets)))
        except pa.ArrowInvalid:
            rows = [column.slice(offset, 1).chunk(0) for offset in offsets]
            columns.append(pa.chunked_array(rows, column.type))
    return pa.table(columns, schema=table.schema)


def _takeable(array):
    """Copy slices of fixed-size lists of fixed-size lists, of which Arrow 26 takes other rows."""
    return pa.concat_arrays([array]) if _nests_fixed_size_lists(array.type) else array


def _nests_fixed_size_lists(type_):
    is_list = pa.types.is_fixed_size_list
    if is_list(type_) and is_list(type_.value_type):
        return True
    children = [type_.field(i).type for i in range(type_.num_fields)]
    return any(_nests_fixed_size_lists(child) for child in children)


def _aligned(actual, expected):
    """Give the arrays of two columns of one length, cut where either is.

    Nothing is concatenated: pyarrow cannot concatenate dictionaries that hold nulls.
    """
    sizes = [[len(chunk) for chunk in column.chunks] for column in (actual, expected)]
    cuts = sorted({int(cut) for size in sizes for cut in np.cumsum(size)})
    for begin, end in pairwise([0, *cuts]):
        if begin < end:
            yield tuple(column.slice(begin, end - begin).chunk(0) for column in (actual, expected))


def assert_same(actual, expected, path):
    """Compare arrays of one type: nulls, and the bits of all values that are not below a null."""
    assert actual.type == expected.type, f"{path}: {actual.type} instead of {expected.type}"
    assert len(actual) == len(expected), f"{path}: {len(actual)} values of {len(expected)}"
    valid = pc.is_valid(expected)
    _assert_equal(pc.is_valid(actual), valid, f"{path}: validity", actual, expected)
    if expected.null_count:
        actual, expected = (_takeable(array).filter(valid) for array in (actual, expected))
    types, type_ = pa.types, expected.type
    if isinstance(type_, pa.BaseExtensionType):
        assert_same(actual.storage, expected.storage, path)
    elif types.is_struct(type_):
        for i, field in enumerate(type_):
            assert_same(actual.field(i), expected.field(i), f"{path}.{field.name}")
    elif types.is_map(type_) or types.is_list(type_) or types.is_large_list(type_):
        _assert_equal(_lengths(actual), _lengths(expected), f"{path}: lengths")
        for one, other in zip(_items(actual), _items(expected), strict=True):
            assert_same(one, other, f"{path}[]")
    elif types.is_fixed_size_list(type_):
        for one, other in zip(_items(actual), _items(expected), strict=True):
            assert_same(one, other, f"{path}[]")
    elif types.is_dictionary(type_):
        assert_same(actual.dictionary_decode(), expected.dictionary_decode(), path)
    elif types.is_floating(type_):
        bits = pa.uint16() if type_.bit_width == 16 else getattr(pa, f"uint{type_.bit_width}")()
        _assert_equal(actual.view(bits), expected.view(bits), path)
    else:
        _assert_equal(actual, expected, path)


def _lengths(lists):
    return pa.array(np.diff(lists.offsets.to_numpy()))


def _items(lists):
    """Give the items of lists of which none is null; of maps, the keys and the values."""
    if pa.types.is_fixed_size_list(lists.type):
        size = lists.type.list_size
        return [lists.values.slice(lists.offset * size, len(lists) * size)]
    begin, end = lists.offsets[0].as_py(), lists.offsets[len(lists)].as_py()
    children = [lists.keys, lists.items] if pa.types.is_map(lists.type) else [lists.values]
    return [child.slice(begin, end - begin) for child in children]


def _assert_equal(actual, expected, path, shown_actual=None, shown_expected=None):
    if actual.equals(expected):
        return
    different = pc.fill_null(pc.not_equal(actual, expected), True).to_numpy(zero_copy_only=False)
    at = int(np.argmax(different))
    one = (actual if shown_actual is None else shown_actual)[at]
    other = (expected if shown_expected is None else shown_expected)[at]
    raise AssertionError(
        f"{path}: {different.sum()} of {len(expected)} differ, the first at {at}: "
        f"{str(one)[:200]} instead of {str(other)[:200]}"
    )
