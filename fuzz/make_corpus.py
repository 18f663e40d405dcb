#!/usr/bin/env python3
"""Cut the seeds of the fuzzers out of the golden files.

    python fuzz/make_corpus.py

Writes fuzz/corpus/NAME/, one file for each different seed, named by its hash. Needs pyarrow, to
tell the types of golden columns.
"""

import hashlib
import json
import pathlib
import re
import struct

import pyarrow as pa

FOLDER = pathlib.Path(__file__).parent
GOLDEN = FOLDER.parent / "tests" / "golden"
MAX_PAGE_BYTES = 1500
MAX_FILE_BYTES = 2100

# Each table in one of the two versions: the pages of the other are much the same.
PAGE_FILES = [
    "types_v2_1.lance",
    "compressed_v2_2.lance",
    "constants_v2_2.lance",
    "encodings_v2_2.lance",
    "full_zip_v2_2.lance",
    "nested_v2_2.lance",
    "nested_v2_1.lance",
    "nested_2_2_v2_2.lance",
    "dictionaries_v2_2.lance",
    "packed_v2_2.lance",
    "packed_variable_v2_2.lance",
]


def struct_of(member):
    """A struct of one member without a name."""
    return pa.struct([pa.field("", member)])


# In the order of page_fuzz.cc.
PAGE_TYPES = [
    pa.null(),
    pa.bool_(),
    pa.int8(),
    pa.uint16(),
    pa.int32(),
    pa.int64(),
    pa.float16(),
    pa.float32(),
    pa.float64(),
    pa.decimal128(20, 2),
    pa.decimal256(60, 0),
    pa.date64(),
    pa.time32("s"),
    pa.timestamp("us"),
    pa.binary(3),
    pa.utf8(),
    pa.large_utf8(),
    pa.binary(),
    pa.large_binary(),
    pa.list_(pa.float32(), 4),
    pa.list_(pa.bool_(), 5),
    pa.list_(pa.int16(), 6),
    pa.list_(pa.list_(pa.int16(), 3), 2),
    pa.list_(pa.int32()),
    pa.list_(pa.utf8()),
    pa.list_(pa.binary()),
    pa.list_(pa.bool_()),
    pa.large_list(pa.int32()),
    pa.list_(pa.list_(pa.int32())),
    pa.list_(pa.list_(pa.list_(pa.int32()))),
    struct_of(pa.int32()),
    struct_of(pa.utf8()),
    struct_of(pa.binary()),
    struct_of(struct_of(pa.int32())),
    struct_of(pa.list_(pa.utf8())),
    pa.list_(struct_of(pa.int32())),
    pa.list_(struct_of(pa.utf8())),
    pa.list_(struct_of(pa.list_(pa.int32()))),
    pa.list_(pa.list_(pa.float32(), 70)),
    struct_of(pa.list_(pa.float32(), 70)),
    pa.list_(struct_of(struct_of(pa.int32())), 3),
    pa.dictionary(pa.int8(), pa.string()),
    pa.dictionary(pa.int8(), pa.int64()),
    pa.struct({"int32": pa.int32(), "int64": pa.int64(), "uint8": pa.uint8()}),
    pa.struct({"int32": pa.int32(), "string": pa.string(), "large_string": pa.large_string()}),
    pa.struct({"position": pa.uint64(), "size": pa.uint64()}),
]


def leaf_types(kind):
    """List the types of the leaves below a type, each in its layers."""
    if pa.types.is_struct(kind):
        return [struct_of(leaf) for member in kind for leaf in leaf_types(member.type)]
    if pa.types.is_map(kind):
        entries = [kind.key_type, kind.item_type]
        return [pa.list_(struct_of(leaf)) for entry in entries for leaf in leaf_types(entry)]
    if pa.types.is_list(kind):
        return [pa.list_(leaf) for leaf in leaf_types(kind.value_type)]
    if pa.types.is_large_list(kind):
        return [pa.large_list(leaf) for leaf in leaf_types(kind.value_type)]
    if pa.types.is_fixed_size_list(kind) and pa.types.is_struct(kind.value_type):
        return [pa.list_(leaf, kind.list_size) for leaf in leaf_types(kind.value_type)]
    return [kind]


def write(name, seed):
    """Write one seed of a fuzzer."""
    folder = FOLDER / "corpus" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(seed).hexdigest()[:16]).write_bytes(seed)


def read_varint(data, position):
    """Read the varint at a position, and where it ends."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position


def fields(message):
    """Read the varints and bytes of a message as (number, value)."""
    position = 0
    while position < len(message):
        tag, position = read_varint(message, position)
        value, position = read_varint(message, position)
        if tag % 8 == 2:
            value, position = message[position : position + value], position + value
        yield tag // 8, value


def field(message, number):
    """Find the first field of a number; no bytes if there is none."""
    return next((value for found, value in fields(message) if found == number), b"")


def numbers(packed):
    """Read packed varints."""
    position = 0
    while position < len(packed):
        value, position = read_varint(packed, position)
        yield value


def shape(message):
    """Show which fields a message has at every level, as far as they look like messages."""
    try:
        parts = [(number, shape(value) if value else "") for number, value in fields(message)]
        return "".join(f"{number}({inner})" for number, inner in parts)
    except (IndexError, TypeError):
        return ""


def columns(file):
    """Read the ColumnMetadata messages of a data file."""
    _, tables, _, _, num_columns = struct.unpack_from("<QQQII", file, len(file) - 40)
    for i in range(num_columns):
        offset, size = struct.unpack_from("<QQ", file, tables + 16 * i)
        yield file[offset : offset + size]


def write_manifests():
    """Write the Manifest messages of the golden tables."""
    for path in sorted(GOLDEN.glob("tables/*.lance/_versions/*.manifest")):
        file = path.read_bytes()
        (offset,) = struct.unpack_from("<Q", file, len(file) - 16)
        write("manifest", file[offset + 4 : -16])
        if len(file) <= MAX_FILE_BYTES:
            write("manifest_file", file)
        if offset > 4:
            write("manifest_file", file[4:offset])  # a transaction
    # An index section: {name, key fields, bitmap of fragments}.
    bitmap = bytes.fromhex("3a300000 01000000 0000 0100 10000000 0000 0500".replace(" ", ""))
    index = b"\x12\x01\x00\x1a\x05a_idx\x2a" + bytes([len(bitmap)]) + bitmap
    write("manifest_file", b"\x0a" + bytes([len(index)]) + index)


def write_row_ids():
    """Write the row ids and row versions of golden fragments, and segments of each kind."""
    for path in sorted(GOLDEN.glob("tables/stable*/_versions/*.manifest")):
        file = path.read_bytes()
        (offset,) = struct.unpack_from("<Q", file, len(file) - 16)
        for number, fragment in fields(file[offset + 4 : -16]):
            if number != 2:
                continue
            num_rows = struct.pack("<H", field(fragment, 4) or 0)
            for sequence in (field(fragment, 5), field(fragment, 7), field(fragment, 9)):
                if sequence:
                    write("row_id_sequence", num_rows + sequence)
    for num_rows, segment in (
        (7, "12 0f 08 0a 10 14 1a 09 0a 07 08 0a 12 04 0000 0300"),  # a range with two holes
        (6, "1a 07 08 64 10 6d 1a 02 9305"),  # a range with a bitmap
        (2, "22 0a 12 08 12 06 01000000 0900"),  # half an element too many
        (2, "22 0c 12 0a 12 08 01000000 09000000"),  # sorted
        (2, "2a 14 1a 12 12 10 ffffffffffffffff 0000000000000000"),  # of 64 bits
    ):
        encoded = bytes.fromhex(segment)
        write("row_id_sequence", struct.pack("<HBB", num_rows, 10, len(encoded)) + encoded)


def write_refs():
    """Write a tag, a branch, and names of their files."""
    for path in sorted(GOLDEN.glob("tables/*.lance/_refs/tags/*.json")):
        write("table_refs", path.read_bytes())
    for seed in (
        b'{"parentBranch": "exp/a", "identifier": {"version_mapping": [[2, "0991"]]}, '
        b'"parentVersion": 2, "createAt": 1795764764, "manifestSize": 665, "metadata": {"a": "b"}}',
        b"exp%2Fa.json",
        b"v1.0-rc_1.json",
    ):
        write("table_refs", seed)


def write_deletion_files():
    """Write the golden deletion files in the Arrow form, and a bitmap of each kind of container."""
    for path in sorted(GOLDEN.glob("tables/*.lance/_deletions/*.arrow")):
        write("deletion_vector", struct.pack("<BI", 1, 30) + path.read_bytes())
    for bitmap in (
        "3b300000 01 00001d00 0100 00001d00",  # a run
        "3a300000 02000000 00000000 01000100 18000000 1a000000 0300 70117111",  # two arrays
        "3a300000 01000000 0000ff1f 10000000" + "ff" * 1024 + "00" * 7168,  # bits
    ):
        write("deletion_vector", struct.pack("<BI", 0, 80000) + bytes.fromhex(bitmap))


def write_data_files():
    """Write the small data files of the golden tables, and their column metadata alone."""
    for path in sorted(GOLDEN.glob("tables/*.lance/data/*.lance")):
        file = path.read_bytes()
        if len(file) > MAX_FILE_BYTES:
            continue
        write("data_file", file)
        for column in columns(file):
            write("data_file", column)


def write_pages():
    """Write one small page of each type and of each shape of layout, and the layouts alone."""
    seen = set()
    for name in PAGE_FILES:
        file = (GOLDEN / "pages" / name).read_bytes()
        table = name.split("_v2_")[0]
        schema = pa.ipc.open_file(GOLDEN / "pages" / f"{table}.arrow").schema
        kinds = []
        for column in schema:
            is_packed = b"lance-encoding:packed" in (column.metadata or {})
            kinds += [column.type] if is_packed else leaf_types(column.type)
        for column, kind in zip(columns(file), kinds, strict=True):
            for number, page in fields(column):
                if number != 2:
                    continue
                layout = field(field(field(field(page, 4), 2), 1), 2)
                ranges = zip(numbers(field(page, 1)), numbers(field(page, 2)), strict=True)
                buffers = [file[offset : offset + size] for offset, size in ranges]
                size = sum(map(len, buffers)) + len(layout)
                news = {kind, shape(layout)} - seen
                if kind not in PAGE_TYPES or size > MAX_PAGE_BYTES or not news:
                    continue
                seen |= news
                write("page_layout", layout)
                seed = struct.pack("<BHH", PAGE_TYPES.index(kind), field(page, 3), len(layout))
                seed += layout + struct.pack("<B", len(buffers))
                seed += b"".join(struct.pack("<H", len(buffer)) for buffer in buffers)
                write("page", seed + b"".join(buffers))


def write_jsonb():
    """Write JSONB values: of every kind, and nested."""
    for value in (
        "2000000000000000",
        "2000000040000000",
        "20000000200000025001",
        "200000002000000340ff7f",
        "200000002000000960405edccccccccccd",
        "2000000010000004225c0aff",
        "80000000",
        "800000025000000a00000000800000012000000250ff",
        # An object, as pylance 14 wrote it.
        "4000000610000000100000011000000110000002100000011000000220000002200000022000000220000002"
        "20000002200000024261616162c3a9500550045002500350015006",
    ):
        write("jsonb", bytes.fromhex(value))


# In the order of array_page_fuzz.cc.
ARRAY_PAGE_TYPES = [
    pa.null(),
    pa.bool_(),
    pa.int8(),
    pa.uint16(),
    pa.int32(),
    pa.uint64(),
    pa.float32(),
    pa.decimal128(20, 2),
    pa.time32("s"),
    pa.binary(3),
    pa.binary(256),
    pa.utf8(),
    pa.large_utf8(),
    pa.binary(),
    pa.large_binary(),
    pa.list_(pa.float32(), 4),
    pa.list_(pa.bool_(), 5),
    pa.list_(pa.int16(), 6),
    pa.list_(pa.float32(), 64),
    pa.list_(pa.list_(pa.int16(), 3), 2),
]


def write_array_pages():
    """Write one small page of format 2.0 of each type and each shape of encoding."""
    seen = set()
    paths = sorted(GOLDEN.glob("pages/*_v2_0*.lance"))
    for path in paths + sorted(GOLDEN.glob("tables/nested_v2_0*.lance/data/*.lance")):
        file = path.read_bytes()
        table = path.name.split("_v2_0")[0]
        values = GOLDEN / "pages" / f"{table}.arrow"
        kinds = pa.ipc.open_file(values).schema.types if values.exists() else None
        for number, column in enumerate(columns(file)):
            kind = kinds[number] if kinds else pa.int32()
            for tag, page in fields(column):
                encoding = field(field(field(field(page, 4), 2), 1), 2) if tag == 2 else b""
                news = {kind, shape(encoding)} - seen
                if kind not in ARRAY_PAGE_TYPES or not encoding or not news:
                    continue
                ranges = zip(numbers(field(page, 1)), numbers(field(page, 2)), strict=True)
                buffers = [file[offset : offset + size] for offset, size in ranges]
                if sum(map(len, buffers)) + len(encoding) > 4 * MAX_PAGE_BYTES:
                    continue
                seen |= news
                index = ARRAY_PAGE_TYPES.index(kind)
                seed = struct.pack("<BHH", index, field(page, 3), len(encoding)) + encoding
                seed += struct.pack("<B", len(buffers))
                seed += b"".join(struct.pack("<H", len(buffer)) for buffer in buffers)
                write("array_page", seed + b"".join(buffers))


MASK = (1 << 64) - 1
GAMMA = 0x9E3779B97F4A7C15


def mix64(x):
    """Mix 64 bits, as docs/concepts/order.md has it."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def order_file(lists, limit, name=b""):
    """Write lists of up to 256 numbers as docs/format/order-file.md has it."""
    blocks, checksums, words = b"", b"", b""
    content = 0

    def add(value, number):
        return mix64(((value ^ number) + GAMMA) & MASK)

    for numbers in lists:
        content = add(content, len(numbers))
        if not numbers:
            continue
        place = len(checksums) // 8 * 256
        smallest = min(numbers)
        width = (max(numbers) - smallest).bit_length()
        if numbers == list(range(smallest, smallest + len(numbers))):
            width = 65
        blocks += struct.pack("<QQ", smallest, len(words) // 8 << 7 | width)
        if width <= 64:
            bits = sum((number - smallest) << i * width for i, number in enumerate(numbers))
            words += bits.to_bytes((len(numbers) * width + 63) // 64 * 8, "little")
        checksum = sum(
            mix64((number + (place + i + 1) * GAMMA) & MASK) for i, number in enumerate(numbers)
        )
        checksums += struct.pack("<Q", checksum & MASK)
        content = add(content, checksum & MASK)
    head = [int.from_bytes(b"CRCRDRO1", "little"), limit, len(lists)]
    head += [len(blocks) // 16, len(words) // 8, len(name), content]
    checksum = 0
    fnv = 0xCBF29CE484222325
    for byte in name:
        fnv = ((fnv ^ byte) * 0x100000001B3) & MASK
    for number in [*head, *map(len, lists), fnv]:
        checksum = add(checksum, number)
    sizes = struct.pack(f"<{len(lists)}Q", *map(len, lists))
    file = struct.pack("<8Q", *head, checksum)
    for section in (sizes, name, blocks, checksums, words):
        file += bytes(-len(file) % 64) + section
    return file


def permutation_message(line, lists, limit):
    """Write a permutation table whose lists go by value."""
    parts = [line.encode(), b"branch", b"", b"[]", b""]
    message = b"".join(struct.pack("<Q", len(part)) + part for part in parts)
    by_value = order_file(lists, limit) if lists else b""
    return message + struct.pack("<QQQQQ", 0, 0, 0, 0, len(by_value)) + by_value


def write_orders():
    """Write lines of orders, serialized permutation tables, and kept ones."""
    vectors = GOLDEN.parent / "vectors"
    first = json.loads((vectors / "order.json").read_text())["orders"]
    second = json.loads((vectors / "splits.json").read_text())
    lines = [each["order"] for each in first + second["orders"]]
    listed = 'croupier-order-2 {"version":"1","rows":"60","split":{"by":"list",'
    listed += '"hash":"0123456789abcdef","sizes":"3,2"}}'
    lists = {listed: [[5, 8, 2**32], [1, 1]]}
    kinds = set()
    for order in second["table"]["orders"]:
        line, splits = order["order"], order["splits"]
        rule = re.sub(r'[0-9]+|"shuffle".*', "", line)
        if rule in kinds or ("shuffle" in line and "split" in line):
            continue
        kinds.add(rule)
        lines.append(line)
        if "split" in line:
            lists[line] = [[int(rank) for rank in split["ranks"]] for split in splits]
        else:
            lists[line] = [sorted(int(rank) for rank in splits[0]["ranks"])]
    for line in lines:
        write("order_line", line.encode())
        if (line not in lists and "by" in line) or len(line) > 200:
            continue
        limit = MASK if '"list"' in line else int(re.search(r'rows[=":]+([0-9]+)', line)[1])
        write("permutation_table", permutation_message(line, lists.get(line), limit))
    write("order_file", order_file([[5, 8, 2**32], [], [7, 8, 9, 10], [1, 1]], MASK))
    write("order_file", order_file([[3, 1, 2] * 85], 4, b"a name"))
    write("order_file", order_file([], 0))
    rows = bytes([5, 0, 7, 0, 2, 1, 9, 255, 99, 0])
    computed = "croupier-order-2 " + json.dumps(
        {"version": "1", "rows": "100", "shuffle": {"seed": "1", "clump_size": "7"}},
        separators=(",", ":"),
    )
    for head in (
        "\n\n\n\n",
        '["train", "test"]\n1\n\n\n',
        "\n2\nbranch\n\n",
        f"\n1\n\n{computed}\n",
    ):
        write("kept_permutation", head.encode())
        write("kept_permutation", head.encode() + rows)


if __name__ == "__main__":
    write_orders()
    write_jsonb()
    write_manifests()
    write_row_ids()
    write_refs()
    write_deletion_files()
    write_data_files()
    write_pages()
    write_array_pages()
