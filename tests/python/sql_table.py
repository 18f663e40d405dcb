"""A table with columns of every type, for expressions of SQL."""

import datetime
import decimal
import random

import pyarrow as pa

INTEGERS = ("i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64")
FLOATS = ("f16", "f32", "f64")

_WORDS = (
    "",
    "abc",
    "ABC",
    "a%b",
    "a_b",
    "żółć x",
    "ß",
    "42",
    "-7.5",
    "2024-02-29",
    "true",
    "a,b,c",
)
_RANGES = {
    "i8": (-(2**7), 2**7 - 1),
    "u8": (0, 2**8 - 1),
    "i16": (-(2**15), 2**15 - 1),
    "u16": (0, 2**16 - 1),
    "i32": (-(2**31), 2**31 - 1),
    "u32": (0, 2**32 - 1),
    "i64": (-(2**63), 2**63 - 1),
    "u64": (0, 2**64 - 1),
}
_TYPES = {
    "i8": pa.int8(),
    "u8": pa.uint8(),
    "i16": pa.int16(),
    "u16": pa.uint16(),
    "i32": pa.int32(),
    "u32": pa.uint32(),
    "i64": pa.int64(),
    "u64": pa.uint64(),
    "f16": pa.float16(),
    "f32": pa.float32(),
    "f64": pa.float64(),
}


def make_table(seed: int, rows: int, extreme: bool) -> pa.Table:
    """Make rows of every type; `extreme`: with the ends of ranges, zeros, NaN and infinities."""
    rng = random.Random(seed)

    def column(draw, type_):
        return pa.array([None if rng.random() < 0.15 else draw() for _ in range(rows)], type_)

    def integer(name):
        low, high = _RANGES[name]
        if not extreme:
            return rng.randint(1, 11)
        return rng.choice((low, high, 0, 1, rng.randint(low, high)))

    def floating(name):
        if not extreme:
            return rng.randint(1, 80) / 4
        big = 60000.0 if name == "f16" else 1e30
        special = (float("nan"), float("inf"), -float("inf"), 0.0, big)
        return rng.choice((*special, rng.uniform(-100, 100)))

    def day():
        return datetime.date(1970, 1, 1) + datetime.timedelta(days=rng.randint(-30000, 60000))

    def moment(unit):
        seconds = rng.randint(-(2**31), 2**32)
        return (
            seconds
            if unit == "s"
            else seconds * 10 ** {"us": 6, "ns": 9}[unit] + rng.randint(0, 999999)
        )

    columns = {name: column(lambda n=name: integer(n), _TYPES[name]) for name in INTEGERS}
    columns |= {name: column(lambda n=name: floating(n), _TYPES[name]) for name in FLOATS}
    cents = (10**9 - 1) if extreme else 5000
    low = -cents if extreme else 1
    columns["dec"] = column(
        lambda: decimal.Decimal(rng.randint(low, cents)) / 100, pa.decimal128(10, 2)
    )
    # Of two columns pylance 14 takes -0.0 to be less than 0.0: beside literals only.
    columns["zero"] = column(lambda: rng.choice((-0.0, 0.0, 1.0, float("nan"))), pa.float64())
    columns["b"] = column(lambda: rng.random() < 0.5, pa.bool_())
    columns["s"] = column(lambda: rng.choice(_WORDS), pa.string())
    columns["ls"] = column(lambda: rng.choice(_WORDS), pa.large_string())
    columns["number"] = column(lambda: str(rng.randint(-99, 99)), pa.string())
    columns["bin"] = column(lambda: rng.choice((b"", b"abc", b"\x00\xff", b"z")), pa.binary())
    columns["fsb"] = column(lambda: rng.choice((b"abc", b"\x00\xff1")), pa.binary(3))
    columns["d32"] = column(day, pa.date32())
    columns["d64"] = column(day, pa.date64())
    columns["ts"] = column(lambda: moment("us"), pa.timestamp("us"))
    columns["tss"] = column(lambda: moment("s"), pa.timestamp("s"))
    columns["tsn"] = column(lambda: moment("ns"), pa.timestamp("ns"))
    columns["tsz"] = column(lambda: moment("us"), pa.timestamp("us", "UTC"))
    columns["t64"] = column(lambda: rng.randint(0, 86399999999), pa.time64("us"))
    columns["t32"] = column(lambda: rng.randint(0, 86399), pa.time32("s"))
    columns["dur"] = column(lambda: rng.randint(-(10**12), 10**12), pa.duration("us"))
    columns["word"] = column(lambda: rng.choice("xyz"), pa.string()).dictionary_encode()
    columns["st"] = column(
        lambda: {
            "a": rng.choice((None, 1, 2, 3)),
            "b": rng.choice((None, "x", "")),
            "in": {"deep": rng.randint(0, 3)},
        },
        pa.struct(
            [
                ("a", pa.int32()),
                ("b", pa.string()),
                ("in", pa.struct([("deep", pa.int64())])),
            ]
        ),
    )
    columns["l"] = column(
        lambda: [rng.choice((None, 1, 2, 3)) for _ in range(rng.randint(0, 4))],
        pa.list_(pa.int32()),
    )
    columns["l64"] = column(
        lambda: [rng.randint(0, 4) for _ in range(rng.randint(0, 3))], pa.list_(pa.int64())
    )
    columns["words"] = column(
        lambda: [rng.choice((None, *_WORDS)) for _ in range(rng.randint(0, 3))],
        pa.list_(pa.string()),
    )
    columns["fsl"] = column(
        lambda: [rng.choice((1.5, 2.0, 3.0)) for _ in range(2)], pa.list_(pa.float32(), 2)
    )
    columns["Mixed"] = column(lambda: rng.randint(-3, 3), pa.int32())
    columns["with space"] = column(lambda: rng.randint(-3, 3), pa.int32())
    columns["row"] = pa.array(range(rows), pa.int32())
    return pa.table(columns)
