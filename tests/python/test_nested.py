"""Random nested tables by the reference writer, read equal by scan and by take."""

import os
import random
import time

import numpy as np
import pyarrow as pa
import pytest

import croupier

lance = pytest.importorskip("lance")

SEED = int(os.environ.get("CROUPIER_TEST_SEED", "20"))
SECONDS = float(os.environ.get("CROUPIER_TEST_SECONDS", "8"))


def random_type(rng, depth, version):
    """A type of at most `depth` nested layers above values."""
    kinds = ["value"] * 3 + (["struct", "list", "list", "large_list"] if depth > 0 else [])
    if depth > 1 and version == "2.2":
        kinds.append("map")
    kind = rng.choice(kinds)
    if kind == "struct":
        count = rng.randint(1, 3)
        names = rng.sample(["x", "y", "z", "a b", "é"], count)
        return pa.struct([(name, random_type(rng, depth - 1, version)) for name in names])
    if kind == "list":
        return pa.list_(random_type(rng, depth - 1, version))
    if kind == "large_list":
        return pa.large_list(random_type(rng, depth - 1, version))
    if kind == "map":
        key = rng.choice([pa.string(), pa.int32()])
        return pa.map_(key, random_type(rng, depth - 2, version))
    return rng.choice(
        [
            pa.int8(),
            pa.int32(),
            pa.int64(),
            pa.float64(),
            pa.bool_(),
            pa.string(),
            pa.binary(),
            pa.large_string(),
            pa.date32(),
            pa.decimal128(25, 3),
            pa.binary(5),
            pa.timestamp("us"),
            pa.list_(pa.float32(), 3),
        ]
    )


def random_vector_of_structs(rng, version):
    """A fixed-size list of structs, perhaps inside a struct."""
    members = [(name, random_type(rng, 0, version)) for name in rng.sample("xyz", 2)]
    kind = pa.list_(pa.struct(members), rng.randint(1, 4))
    return pa.struct([("v", kind), ("i", pa.int16())]) if rng.random() < 0.5 else kind


def random_values(rng, kind, count, nulls, empties, longest, nullable=True):
    """An array of a type: values of the leaves first, then the layers above them."""
    mask = np.array([nullable and rng.random() < nulls for _ in range(count)], bool)
    if pa.types.is_struct(kind):
        members = [
            random_values(rng, kind.field(i).type, count, nulls, empties, longest)
            for i in range(kind.num_fields)
        ]
        return pa.StructArray.from_arrays(members, fields=list(kind), mask=pa.array(mask))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind):
        sizes = [0 if null or rng.random() < empties else rng.randint(1, longest) for null in mask]
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        total = int(offsets[-1])
        width = pa.int64() if pa.types.is_large_list(kind) else pa.int32()
        bounds = pa.array(offsets, width)
        bitmap = pa.array(~mask).buffers()[1] if mask.any() else None
        if pa.types.is_map(kind):
            keys = random_values(rng, kind.key_type, total, 0, 0, longest, nullable=False)
            items = random_values(rng, kind.item_type, total, nulls, empties, longest)
            entries = pa.StructArray.from_arrays(
                [keys, items], fields=[kind.key_field, kind.item_field]
            )
            return pa.Array.from_buffers(
                kind, count, [bitmap, bounds.buffers()[1]], children=[entries]
            )
        values = random_values(
            rng, kind.value_type, total, nulls, empties, min(3, (longest + 1) // 2)
        )
        return pa.Array.from_buffers(kind, count, [bitmap, bounds.buffers()[1]], children=[values])
    if pa.types.is_fixed_size_list(kind) and pa.types.is_struct(kind.value_type):
        items = random_values(rng, kind.value_type, count * kind.list_size, nulls, 0, longest)
        bitmap = pa.array(~mask).buffers()[1] if mask.any() else None
        return pa.Array.from_buffers(kind, count, [bitmap], children=[items])
    if pa.types.is_fixed_size_list(kind):
        items = random_values(rng, kind.value_type, count * kind.list_size, nulls / 2, 0, longest)
        bitmap = pa.array(~mask).buffers()[1] if mask.any() else None
        return pa.Array.from_buffers(kind, count, [bitmap], children=[items])
    same = rng.random() < 0.15
    wide = rng.random() < 0.1

    def value():
        n = 7 if same else rng.randint(0, 10**6)
        if pa.types.is_boolean(kind):
            return n % 2 == 0
        if pa.types.is_integer(kind):
            return n % 2 ** min(kind.bit_width - 1, 20)
        if pa.types.is_floating(kind):
            return n / 3
        if pa.types.is_decimal(kind):
            return n
        if pa.types.is_fixed_size_binary(kind):
            return b"%05d" % (n % 10**5)
        text = f"v{n}" * (rng.randint(40, 90) if wide and not same else 1)
        return text.encode() if "binary" in str(kind) else text if "string" in str(kind) else n

    values = [None if null else value() for null in mask]
    if pa.types.is_decimal(kind):
        return pa.array(values, pa.int64()).cast(kind)
    return pa.array(values, kind)


def with_encodings(rng, field, top=True):
    """A field whose metadata asks the writer for encodings, here and there."""
    metadata = {}
    if top and rng.random() < 0.5:
        metadata["lance-encoding:structural-encoding"] = rng.choice(["miniblock", "fullzip"])
    kind = field.type
    if not pa.types.is_nested(kind):
        if rng.random() < 0.3:
            metadata["lance-encoding:compression"] = rng.choice(["none", "zstd", "lz4"])
        if rng.random() < 0.2:
            metadata["lance-encoding:minichunk-size"] = "256"
    elif pa.types.is_struct(kind):
        kind = pa.struct([with_encodings(rng, member, False) for member in kind])
    elif pa.types.is_list(kind):
        kind = pa.list_(with_encodings(rng, kind.value_field, False))
    return pa.field(field.name, kind, field.nullable, metadata or None)


def random_table(rng, version):
    """A table of some columns in some batches, and how it is written."""
    rows = rng.choice([1, 3, 40, 300, 2500])
    longest = rng.choice([1, 4, 20, 400 if rows < 100 else 6])
    columns, fields = [], []
    for number in range(rng.randint(1, 3)):
        kind = random_type(rng, rng.randint(1, 4), version)
        if version == "2.2" and rng.random() < 0.15:
            kind = random_vector_of_structs(rng, version)
        nulls, empties = rng.choice([0, 0.05, 0.4, 1]), rng.choice([0, 0.1, 0.6, 1])
        columns.append(random_values(rng, kind, rows, nulls, empties, longest))
        fields.append(with_encodings(rng, pa.field(f"c{number}", kind)))
    fields.append(pa.field("i", pa.int64()))
    columns.append(pa.array(range(rows)))
    plain = pa.table(columns, names=[field.name for field in fields])
    return plain, pa.schema(fields)


def write(rng, plain, schema, path, version):
    """Write a table in batches and files of random sizes; None if the writer cannot."""
    size = rng.choice([1, 7, 100, 10**6])
    # Copied, because the writer does not get on with every slice of nested arrays.
    table, size = plain.cast(schema), max(size, plain.num_rows // 20)
    batches = [
        batch.take(pa.array(range(batch.num_rows)))
        for batch in table.to_batches(max_chunksize=size)
    ]
    os.environ["LANCE_FILE_WRITER_MAX_PAGE_BYTES"] = str(rng.choice([200, 5000, 32 << 20]))
    try:
        return lance.write_dataset(
            pa.RecordBatchReader.from_batches(schema, batches),
            path,
            data_storage_version=version,
            max_rows_per_file=rng.choice([17, 1000, 10**6]) if plain.num_rows < 400 else 10**6,
        )
    except (OSError, ValueError, NotImplementedError) as error:
        print("the writer refused", schema, error)
        return None
    except BaseException as error:  # its panics
        if type(error).__name__ != "PanicException":
            raise
        return None
    finally:
        del os.environ["LANCE_FILE_WRITER_MAX_PAGE_BYTES"]


def values(table):
    """Values to compare: validity and items, whatever is behind nulls."""
    return {name: table[name].to_pylist() for name in table.column_names}


def check(table, plain, rng):
    scanned = table.to_arrow()
    scanned.validate(full=True)
    assert values(scanned) == values(plain)
    for count in (1, 5, 60):
        rows = [rng.randrange(plain.num_rows) for _ in range(count)]
        for _ in range(2):  # the second by what the first remembered
            taken = table.take_offsets(rows).to_arrow()
            taken.validate(full=True)
            assert values(taken) == values(plain.take(rows)), rows
    for batch_size in (1, 13):
        if plain.num_rows <= 300:
            batches = pa.Table.from_batches(table.to_batches(batch_size))
            assert values(batches) == values(plain)


def check_against(dataset, columns=None):
    """Compare all rows of a dataset's newest version with pylance, by scan and by take."""
    newest = lance.dataset(dataset.uri)
    columns = columns or newest.schema.names
    expected = newest.to_table(columns=columns)
    table = croupier.open_dataset(dataset.uri)
    scanned = table.search().select(columns).to_arrow()
    scanned.validate(full=True)
    assert scanned.schema.types == expected.schema.types
    assert values(scanned) == values(expected)
    rows = list(reversed(range(len(table))))
    taken = table.take_offsets(rows).select(columns).to_arrow()
    taken.validate(full=True)
    assert values(taken) == values(expected.take(rows))
    return newest


def evolving_table(first):
    return pa.table(
        {
            "i": range(first, first + 4),
            "s": pa.array([{"x": 1, "y": "a"}, None, {"x": 3, "y": None}, {"x": 4, "y": "d"}]),
            "l": pa.array([[{"p": 1, "q": 2}], None, [], [{"p": 3, "q": 4}, {"p": 5, "q": 6}]]),
        }
    )


@pytest.mark.parametrize("version", ["2.1", "2.2"])
def test_tables_whose_nested_columns_change_are_read_equal(tmp_path, version):
    path = str(tmp_path / "t.lance")
    dataset = lance.write_dataset(evolving_table(0), path, data_storage_version=version)
    narrow = pa.table({"i": [9], "s": pa.array([{"y": "z"}]), "l": pa.array([[{"p": 7}]])})
    if version == "2.2":
        lance.write_dataset(narrow, path, mode="append")
    lance.write_dataset(pa.table({"i": [10]}), path, mode="append")
    dataset = check_against(dataset)
    check_against(dataset, ["s.x"])
    check_against(dataset, ["s.y", "i", "s.x"])
    dataset.add_columns(pa.field("n", pa.struct([("u", pa.int32()), ("w", pa.list_(pa.int8()))])))
    dataset = check_against(dataset)
    if version == "2.2":  # 2.1 cannot
        dataset.add_columns(pa.schema([pa.field("s", pa.struct([("new", pa.int32())]))]))
        dataset = check_against(dataset)
        check_against(dataset, ["s.new"])
        extra = pa.table({"s": pa.array([{"k": 1}] * dataset.count_rows())})
        dataset.add_columns(extra.to_reader())
        dataset = check_against(dataset)
        check_against(dataset, ["s.k", "s.x", "s.new"])
    dataset.drop_columns(["s.x"])
    dataset = check_against(dataset)
    dataset.drop_columns(["l.item.q"])
    dataset.alter_columns({"path": "s.y", "name": "yy"})
    dataset = check_against(dataset)
    dataset.delete("i = 2")
    dataset = check_against(dataset)
    dataset.optimize.compact_files()
    check_against(dataset)


def test_structs_without_members_are_read(tmp_path):
    empty = pa.StructArray.from_buffers(pa.struct([]), 5, [None])
    outer = pa.StructArray.from_arrays([empty], ["e"])
    table = pa.table({"i": range(5), "s": empty, "o": outer})
    for version in ("2.1", "2.2"):
        path = str(tmp_path / f"{version}.lance")
        lance.write_dataset(table, path, data_storage_version=version)
        read = croupier.open_dataset(path)
        assert values(read.to_arrow()) == values(table)
        assert values(read.take_offsets([4, 0]).to_arrow()) == values(table.take([4, 0]))


def test_a_member_of_a_struct_is_a_column_by_its_path(tmp_path):
    rows = [{"b": 1, "c": {"d": [1, 2]}}, None, {"b": None, "c": None}]
    plain = pa.table({"a": pa.array(rows), "l": pa.array([[{"x": 1}], [], None])})
    lance.write_dataset(plain, str(tmp_path / "t.lance"))
    for table in (
        croupier.open_dataset(str(tmp_path / "t.lance")),
        croupier.connect("memory://").create_table("t", plain),
    ):
        columns = ["a.c.d", "a.b", "a.c"]
        expected = {
            "a.c.d": [[1, 2], None, None],
            "a.b": [1, None, None],
            "a.c": [{"d": [1, 2]}, None, None],
        }
        assert values(table.search().select(columns).to_arrow()) == expected
        taken = table.take_offsets([2, 0]).select(columns).to_arrow()
        assert values(taken) == {name: [col[2], col[0]] for name, col in expected.items()}
        with pytest.raises(KeyError, match="members of 'a' are: b, c"):
            table.search().select(["a.z"]).to_arrow()
        with pytest.raises(KeyError, match="'l' has no members"):
            table.search().select(["l.x"]).to_arrow()


@pytest.mark.parametrize("version", ["2.1", "2.2"])
def test_random_nested_tables_are_read_equal(tmp_path, version):
    end = time.monotonic() + SECONDS
    number = 0
    while number < 5 or time.monotonic() < end:
        seed = f"{SEED}/{version}/{number}"
        rng = random.Random(seed)
        plain, schema = random_table(rng, version)
        path = str(tmp_path / f"{number}.lance")
        dataset = write(rng, plain, schema, path, version)
        number += 1
        if dataset is None:
            continue
        try:
            check(croupier.open_dataset(path), plain, rng)
        except BaseException:
            print(f"seed {seed}, schema {plain.schema}")
            raise
