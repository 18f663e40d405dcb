"""Write splits.json: test vectors of docs/concepts/splits.md, made from that page alone.

Every binding runs the same file. Usage: python make_split_vectors.py > splits.json
"""

import json
import struct
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from make_order_vectors import (
    MASK,
    bijection,
    derive_key,
    fnv1a64,
    mix64,
    positions_of,
    write_sizes,
)

GAMMA = 0x9E3779B97F4A7C15
RATIO_UNIT = 1 << 53


def shuffle(n: int, clump_size: int, window_clumps: int, key: int, position: int) -> int:
    clump = min(clump_size, n)
    clumps = (n + clump - 1) // clump
    missing = clumps * clump - n
    short_end = 0
    if missing > 0:
        place = unmap(clumps, key, clumps - 1)
        short_end = (place + 1) * clump - missing

    def pad(p: int) -> int:
        return p if p < short_end else p + missing

    def unpad(p: int) -> int:
        return p if p < short_end else p - missing

    if window_clumps > 1:
        rows = min(window_clumps, clumps) * clump
        window = pad(position) // rows
        begin = unpad(window * rows)
        end = n if (window + 1) * rows >= n + missing else unpad((window + 1) * rows)
        window_key = derive_key(key, "window", window)
        position = begin + bijection(end - begin, window_key, position - begin)
    padded = pad(position)
    return bijection(clumps, key, padded // clump) * clump + padded % clump


def unmap(n: int, key: int, value: int) -> int:
    """Invert the bijection: the rounds backwards, walked in the same way."""
    bits = (n - 1).bit_length() if n > 1 else 0
    low_bits = bits // 2
    high_bits = bits - low_bits
    rounds = 48 if bits <= 4 else 12
    keys = [mix64((key + (i + 1) * GAMMA) & MASK) for i in range(rounds)]

    def f(half: int, round_key: int, width: int) -> int:
        return mix64((half + round_key) & MASK) >> (64 - width) if width else 0

    while True:
        high, low = value >> low_bits, value & ((1 << low_bits) - 1)
        for i in range(rounds, 0, -2):
            low ^= f(high, keys[i - 1], low_bits)
            high ^= f(low, keys[i - 2], high_bits)
        value = high << low_bits | low
        if value < n:
            return value


# Hashes of values.


def hash_bytes(data: bytes) -> int:
    h = mix64(len(data))
    for i in range(0, len(data), 8):
        h = mix64(((h ^ int.from_bytes(data[i : i + 8], "little")) + GAMMA) & MASK)
    return h


def hash_float(value: float) -> int:
    if value != value:
        return mix64(0x7FF8000000000000)
    return mix64(struct.unpack("<Q", struct.pack("<d", value + 0.0))[0])


def hash_value(kind: str, value: Any) -> int:
    if value is None:
        return mix64(fnv1a64("null"))
    if kind.startswith("float"):
        return hash_float(float(value))
    if kind in ("string", "large_string", "string_view"):
        return hash_bytes(value.encode())
    if "binary" in kind:
        return hash_bytes(bytes.fromhex(value))
    if kind == "decimal128":
        return hash_bytes(int(value).to_bytes(16, "little", signed=True))
    if kind == "decimal256":
        return hash_bytes(int(value).to_bytes(32, "little", signed=True))
    return mix64(int(value) & MASK)


def hash_row(value_hashes: Sequence[int], start: int) -> int:
    h = start
    for value_hash in value_hashes:
        h = mix64(((h ^ value_hash) + GAMMA) & MASK)
    return h


def hash_of_lists(lists: Sequence[Sequence[int]]) -> int:
    h = 0
    for rows in lists:
        of_split = 0
        for row in rows:
            of_split = mix64(((of_split ^ mix64(row)) + GAMMA) & MASK)
        h = mix64(((h ^ of_split) + GAMMA) & MASK)
    return h


# Orders.


@dataclass
class Shuffle:
    seed: int
    clump_size: int = 1
    window_clumps: int = 1

    def to_json(self) -> dict[str, str]:
        members = {"seed": str(self.seed)}
        if self.clump_size != 1:
            members["clump_size"] = str(self.clump_size)
        if self.window_clumps != 1:
            members["window_clumps"] = str(self.window_clumps)
        return members


@dataclass
class Order:
    version: int
    rows: int
    sizes: list[int]
    filter: str | None = None
    selected: list[int] | None = None
    split: dict[str, Any] | None = None  # without its sizes
    split_shuffle: Shuffle | None = None
    lists: list[list[int]] | None = None
    shuffle: Shuffle | None = None
    shard: tuple[int, int, str] = (0, 1, "spread")

    def line(self) -> str:
        members: dict[str, Any] = {"version": str(self.version), "rows": str(self.rows)}
        if self.filter is not None:
            num_selected = self.num_selected()
            members["filter"] = self.filter
            members["selected"] = str(num_selected)
        if self.split is not None:
            members["split"] = {**self.split, "sizes": write_sizes(self.sizes)}
        if self.shuffle is not None:
            members["shuffle"] = self.shuffle.to_json()
        if self.shard != (0, 1, "spread"):
            index, num_shards, remainder = self.shard
            members["shard"] = {
                "index": str(index),
                "num_shards": str(num_shards),
                "remainder": remainder,
            }
        text = json.dumps(members, ensure_ascii=False, separators=(",", ":"))
        return "croupier-order-2 " + text

    def num_selected(self) -> int:
        if self.selected is not None:
            return len(self.selected)
        return self.rows

    def split_rows(self, k: int) -> int:
        index, num_shards, remainder = self.shard
        quotient, rest = divmod(self.sizes[k], num_shards)
        if remainder == "drop":
            return quotient
        if remainder == "spread":
            return quotient + (1 if index < rest else 0)
        return quotient + (1 if rest > 0 else 0)

    def rank(self, k: int, position: int) -> int:
        size = self.sizes[k]
        index, num_shards, _ = self.shard
        if num_shards > 1:
            position = (position * num_shards + index) % size
        if self.shuffle is not None:
            key = derive_key(self.shuffle.seed, "shuffle", k)
            position = shuffle(
                size, self.shuffle.clump_size, self.shuffle.window_clumps, key, position
            )
        if self.lists is not None:
            return self.lists[k][position]
        place = sum(self.sizes[:k]) + position
        if self.split_shuffle is not None:
            key = derive_key(self.split_shuffle.seed, "split", 0)
            place = shuffle(self.num_selected(), self.split_shuffle.clump_size, 1, key, place)
        return place if self.selected is None else self.selected[place]

    def to_json(self, all_positions: bool = False) -> dict[str, Any]:
        splits = []
        for k in range(len(self.sizes)):
            num_rows = self.split_rows(k)
            positions = list(range(num_rows)) if all_positions else positions_of(num_rows)
            splits.append(
                {
                    "positions": strings(positions),
                    "ranks": strings(self.rank(k, p) for p in positions),
                }
            )
        line = self.line()
        order_id = mix64(fnv1a64(line))
        return {"order": line, "order_id": f"{order_id:016x}", "splits": splits}


def random_split(sizes: list[int], seed: int, clump_size: int = 1) -> dict[str, Any]:
    shuffle_json = Shuffle(seed, clump_size).to_json()
    return {
        "sizes": sizes,
        "split": {"by": "random", **shuffle_json},
        "split_shuffle": Shuffle(seed, clump_size),
    }


def strings(numbers: Any) -> list[str]:
    return [str(number) for number in numbers]


# Splits by what is in the rows.

Rule = Callable[[Sequence[Sequence[int]]], list[int | None]]


def first_below(value: int, parts: Sequence[int]) -> int | None:
    end = 0
    for k, part in enumerate(parts):
        end += part
        if value < end:
            return k
    return None


def split_by_hash(
    rows: Sequence[Sequence[int]], weights: list[int], discard: int
) -> list[int | None]:
    total = sum(weights) + discard
    return [first_below(hash_row(row, 0) % total, weights) for row in rows]


def split_grouped(rows: Sequence[Sequence[int]], ratios: list[int], seed: int) -> list[int | None]:
    start = derive_key(seed, "group", 0)
    return [first_below(hash_row(row, start) >> 11, ratios) for row in rows]


def split_stratified(
    rows: Sequence[Sequence[int]], ratios: list[int], seed: int
) -> list[int | None]:
    hashes = [hash_row(row, 0) for row in rows]
    counts = Counter(hashes)
    seen: Counter[int] = Counter()
    splits: list[int | None] = []
    for h in hashes:
        c, t = counts[h], seen[h]
        seen[h] += 1
        key = mix64((derive_key(seed, "stratum", 0) + h) & MASK)
        place = bijection(c, key, t)
        phase = mix64(key ^ fnv1a64("phase")) >> 11
        found = None
        end = 0
        for k, ratio in enumerate(ratios):
            end += ratio
            if place < (end * c + phase) >> 53:
                found = k
                break
        splits.append(found)
    return splits


# What is written.


def shuffle_vectors() -> list[dict[str, Any]]:
    vectors = []
    for n, clump_size, window_clumps in (
        (1, 5, 3),
        (10, 3, 1),
        (10, 3, 2),
        (43, 10, 2),
        (100, 10, 3),
        (103, 10, 3),
        (103, 1, 8),
        (103, 1000, 1),
        (103, 1000, 2),
        (1797, 16, 1),
        (1797, 16, 8),
        (1797, 16, 1000),
        (10**12 + 7, 1000, 1),
        (10**12 + 7, 1000, 50),
        (2**63 - 1, 2**20, 2**20),
        (2**63 - 1, 2**63 - 1, 2**63 - 1),
    ):
        for key in (0, 0xDEADBEEF, MASK):
            positions = list(range(n)) if n <= 103 else positions_of(n)
            mapped = [shuffle(n, clump_size, window_clumps, key, p) for p in positions]
            if n <= 103:
                assert sorted(mapped) == positions
            vectors.append(
                {
                    "num_rows": str(n),
                    "clump_size": str(clump_size),
                    "window_clumps": str(window_clumps),
                    "key": str(key),
                    "positions": strings(positions),
                    "mapped": strings(mapped),
                }
            )
    return vectors


def order_vectors() -> list[dict[str, Any]]:
    orders = [
        Order(1, 10, [10], shuffle=Shuffle(42, 3)),
        Order(1, 43, [43], shuffle=Shuffle(42, 10, 2)),
        Order(1, 43, [43], shuffle=Shuffle(42, 1, 5)),
        Order(3, 1797, **random_split([1438, 359], 7, 16), shuffle=Shuffle(42)),
        Order(3, 1797, **random_split([599] * 3, 7), shuffle=Shuffle(2**64 - 1, 32, 4)),
        Order(
            2**64 - 1, 10**12, **random_split([10**11] * 9, 1, 4096), shuffle=Shuffle(5, 10**6, 7)
        ),
        Order(2, 0, [0], shuffle=Shuffle(1, 4, 2)),
        Order(5, 7, [7], shard=(0, 1, "drop")),
    ]
    for index, num_shards, remainder in (
        (0, 3, "drop"),
        (2, 3, "drop"),
        (0, 3, "spread"),
        (2, 3, "spread"),
        (2, 3, "repeat"),
        (19, 20, "repeat"),
        (19, 20, "spread"),
    ):
        shard = (index, num_shards, remainder)
        orders.append(Order(4, 10, [10], shard=shard))
        orders.append(
            Order(4, 101, [50, 7], split={"by": "sequence"}, shuffle=Shuffle(9, 4, 2), shard=shard)
        )
    return [order.to_json() for order in orders]


def join_vectors() -> list[dict[str, Any]]:
    vectors = []
    for n, join in ((10, Shuffle(1)), (100, Shuffle(2, 7)), (100, Shuffle(2, 7, 3))):
        key = derive_key(join.seed, "join", 0)
        positions = [shuffle(n, join.clump_size, join.window_clumps, key, p) for p in range(n)]
        vectors.append(
            {"num_rows": str(n), "shuffle": join.to_json(), "positions": strings(positions)}
        )
    return vectors


def hash_vectors() -> list[dict[str, Any]]:
    signed = ["0", "1", "-1", "127", "-128", None]
    unsigned = ["0", "1", "255", None]
    texts = ["", "a", "seven77", "eight888", "nine99999", "ü\u0000z", "null", None]
    blobs = ["", "00", "0000", "ff00ff", "0102030405060708", "010203040506070809", None]
    columns: list[tuple[str, list[Any]]] = [
        ("bool", [False, True, None]),
        ("null", [None]),
        ("int64", [*signed, str(2**63 - 1), str(-(2**63))]),
        ("uint64", [*unsigned, str(2**64 - 1)]),
        ("float64", ["0.0", "-0.0", "nan", "inf", "-inf", "1.5", "0.1", "5e-324", None]),
        ("float32", ["0.0", "-0.0", "nan", "1.5", "-65504.0", None]),
        ("float16", ["0.0", "-0.0", "nan", "1.5", "-65504.0", None]),
        ("decimal128", ["0", "1", "-1", "12345678901234567890123456789", None]),
        ("decimal256", ["0", "1", "-1", "12345678901234567890123456789", None]),
        ("fixed_size_binary", ["0102", "ffff", None]),
        ("dictionary", ["a", "b", "a", None]),
    ]
    columns += [(kind, signed) for kind in ("int8", "int16", "int32")]
    columns += [(kind, unsigned) for kind in ("uint8", "uint16", "uint32")]
    columns += [(kind, ["0", "1", "-1", None]) for kind in ("date32", "timestamp", "duration")]
    columns += [(kind, ["0", "1", "86399", None]) for kind in ("time32", "time64")]
    columns += [(kind, texts) for kind in ("string", "large_string", "string_view")]
    columns += [(kind, blobs) for kind in ("binary", "large_binary", "binary_view")]
    vectors = []
    for kind, values in columns:
        for start in (0, 12345):
            of = "string" if kind == "dictionary" else kind
            hashes = [hash_row([hash_value(of, value)], start) for value in values]
            vectors.append(
                {"type": kind, "values": values, "start": str(start), "hashes": strings(hashes)}
            )
    return vectors


def list_vectors() -> list[dict[str, Any]]:
    return [
        {"lists": [strings(rows) for rows in lists], "hash": f"{hash_of_lists(lists):016x}"}
        for lists in ([[]], [[1, 2], [3]], [[1], [2, 3]], [[2, 1], [3]], [[2**32 + 5], [], [0, 0]])
    ]


def table_vector() -> dict[str, Any]:
    num_rows = 60
    ids = list(range(num_rows))
    groups = [None if i % 5 == 4 else f"group {i % 5}" for i in ids]
    weights = [i % 3 - 1 for i in ids]
    columns: dict[str, tuple[str, list[Any]]] = {
        "id": ("int64", ids),
        "group": ("string", groups),
        "weight": ("float64", [float(weight) for weight in weights]),
    }
    thirds = [RATIO_UNIT // 3, RATIO_UNIT // 3, RATIO_UNIT - RATIO_UNIT // 3 * 2]
    filters = {None: ids, "id % 4 <> 1": [i for i in ids if i % 4 != 1], "id < 0": []}
    rules: list[tuple[dict[str, Any], int, Rule]] = []
    for names, parts, discard in (
        (["id"], [1, 1], 0),
        (["group", "weight"], [5, 2, 1], 0),
        (["id", "group"], [2**40, 1, 2**40], 2**41),
    ):
        rule = {
            "by": "hash",
            "columns": names,
            "weights": strings(parts),
            "discard_weight": str(discard),
        }
        rules.append((rule, len(parts), lambda rows, p=parts, d=discard: split_by_hash(rows, p, d)))  # type: ignore[misc]
    for by, split in (("grouped", split_grouped), ("stratified", split_stratified)):
        for names, parts, seed in (
            (["group"], thirds, 1),
            (["weight", "group"], [RATIO_UNIT // 2, 0, RATIO_UNIT // 4], 2**64 - 1),
            (["id"], [RATIO_UNIT // 10 * 8, RATIO_UNIT - RATIO_UNIT // 10 * 8], 7),
        ):
            rule = {"by": by, "columns": names, "ratios": strings(parts), "seed": str(seed)}
            rules.append((rule, len(parts), lambda rows, s=split, p=parts, x=seed: s(rows, p, x)))  # type: ignore[misc]
    splits = []
    for filter_text, kept in filters.items():
        for rule, num_splits, divide in rules:
            rows = [
                [hash_value(columns[c][0], columns[c][1][i]) for c in rule["columns"]] for i in kept
            ]
            lists: list[list[int]] = [[] for _ in range(num_splits)]
            for rank, k in zip(kept, divide(rows), strict=True):
                if k is not None:
                    lists[k].append(rank)
            splits.append(table_order(filter_text, kept, rule, lists, None).to_json(True))
            splits.append(
                table_order(filter_text, kept, rule, lists, Shuffle(3, 4, 2)).to_json(True)
            )
        # Calculated: id % 3, where 2 is left out.
        lists = [[i for i in kept if i % 3 == k] for k in range(2)]
        while len(lists) > 1 and not lists[-1]:
            lists.pop()
        calculated = {"by": "calculated", "expression": "nullif(id % 3, 2)"}
        splits.append(table_order(filter_text, kept, calculated, lists, Shuffle(8)).to_json(True))
        if filter_text is not None:
            order = Order(1, num_rows, [len(kept)], filter_text, kept, shuffle=Shuffle(3))
            splits.append(order.to_json(True))
        if len(kept) == 45:
            cut = random_split([20, 20], 6, 3)
            order = Order(1, num_rows, filter=filter_text, selected=kept, **cut, shuffle=Shuffle(3))
            splits.append(order.to_json(True))
    return {
        "columns": [{"name": n, "type": t, "values": v} for n, (t, v) in columns.items()],
        "orders": splits,
    }


def table_order(
    filter_text: str | None,
    kept: list[int],
    rule: dict[str, Any],
    lists: list[list[int]],
    order_shuffle: Shuffle | None,
) -> Order:
    return Order(
        1,
        60,
        [len(rows) for rows in lists],
        filter_text,
        None if filter_text is None else kept,
        rule,
        lists=lists,
        shuffle=order_shuffle,
    )


def main() -> None:
    vectors = {
        "shuffles": shuffle_vectors(),
        "orders": order_vectors(),
        "joins": join_vectors(),
        "hashes": hash_vectors(),
        "lists": list_vectors(),
        "table": table_vector(),
    }
    print(json.dumps(vectors, indent=None, separators=(",", ":")).replace("},{", "},\n{"))


if __name__ == "__main__":
    main()
