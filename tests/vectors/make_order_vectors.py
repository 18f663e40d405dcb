"""Write order.json: test vectors of the order, made from docs/concepts/order.md alone.

Every binding runs the same file. Usage: python make_order_vectors.py > order.json
"""

import json

MASK = (1 << 64) - 1


def mix64(x: int) -> int:
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def fnv1a64(text: str) -> int:
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return value


def derive_key(seed: int, purpose: str, index: int) -> int:
    return mix64((mix64(seed ^ fnv1a64(purpose)) + index * 0x9E3779B97F4A7C15) & MASK)


def bijection(num_values: int, key: int, value: int) -> int:
    bits = (num_values - 1).bit_length() if num_values > 1 else 0
    low_bits = bits // 2
    high_bits = bits - low_bits
    rounds = 48 if bits <= 4 else 12
    keys = [mix64((key + (i + 1) * 0x9E3779B97F4A7C15) & MASK) for i in range(rounds)]

    def f(half: int, round_key: int, width: int) -> int:
        return mix64((half + round_key) & MASK) >> (64 - width) if width else 0

    while True:
        high, low = value >> low_bits, value & ((1 << low_bits) - 1)
        for i in range(0, rounds, 2):
            high ^= f(low, keys[i], high_bits)
            low ^= f(high, keys[i + 1], low_bits)
        value = high << low_bits | low
        if value < num_values:
            return value


def write_sizes(sizes: list[int]) -> str:
    runs: list[list[int]] = []
    for size in sizes:
        if runs and runs[-1][0] == size:
            runs[-1][1] += 1
        else:
            runs.append([size, 1])
    return ",".join(str(size) if n == 1 else f"{size}x{n}" for size, n in runs)


def canonical(
    version: int, rows: int, split: str, split_seed: int, sizes: list[int], shuffle: int | None
) -> str:
    if split == "none":
        split_text = "none"
    elif split == "sequential":
        split_text = f"sequential:{write_sizes(sizes)}"
    else:
        split_text = f"random:{split_seed}:{write_sizes(sizes)}"
    shuffle_text = "none" if shuffle is None else str(shuffle)
    return (
        f"croupier-order-1 version={version} rows={rows} split={split_text} shuffle={shuffle_text}"
    )


def rank(
    rows: int,
    split: str,
    split_seed: int,
    sizes: list[int],
    shuffle: int | None,
    k: int,
    position: int,
) -> int:
    if shuffle is not None:
        position = bijection(sizes[k], derive_key(shuffle, "shuffle", k), position)
    place = sum(sizes[:k]) + position
    if split == "random":
        place = bijection(rows, derive_key(split_seed, "split", 0), place)
    return place


def positions_of(size: int) -> list[int]:
    return sorted({p for p in (0, 1, 2, 3, size // 2, size - 2, size - 1) if 0 <= p < size})


def main() -> None:
    bijections = []
    for num_values in (1, 2, 3, 5, 16, 17, 100, 1797, 65536, 2_000_000, 10**12, 2**63):
        for key in (0, 1, 0xDEADBEEF, MASK):
            values = positions_of(num_values)
            mapped = [bijection(num_values, key, v) for v in values]
            bijections.append(
                {
                    "num_values": str(num_values),
                    "key": str(key),
                    "values": [str(v) for v in values],
                    "mapped": [str(v) for v in mapped],
                }
            )
    orders = []
    for version, rows, split, split_seed, sizes, shuffle in (
        (1, 10, "none", 0, [10], None),
        (1, 10, "none", 0, [10], 42),
        (3, 1797, "random", 7, [1438, 359], None),
        (3, 1797, "random", 7, [1438, 359], 42),
        (3, 1797, "sequential", 0, [449] * 4, None),
        (9, 1797, "sequential", 0, [449] * 4, 0),
        (12, 10**12, "none", 0, [10**12], 2**64 - 1),
        (12, 10**12, "random", 1, [10**11] * 9, 5),
        (2, 0, "none", 0, [0], 1),
    ):
        text = canonical(version, rows, split, split_seed, sizes, shuffle)
        splits = []
        for k, size in enumerate(sizes):
            positions = positions_of(size)
            ranks = [rank(rows, split, split_seed, sizes, shuffle, k, p) for p in positions]
            splits.append(
                {"positions": [str(p) for p in positions], "ranks": [str(r) for r in ranks]}
            )
        orders.append({"order": text, "order_id": f"{mix64(fnv1a64(text)):016x}", "splits": splits})
    print(json.dumps({"bijections": bijections, "orders": orders}, indent=1))


if __name__ == "__main__":
    main()
