"""Expressions of SQL for the comparison with pylance: families of them, over `sql_table`."""

import random

from sql_single_expressions import SINGLE
from sql_table import FLOATS, INTEGERS

NUMBERS = INTEGERS + FLOATS + ("dec",)
TIMES = ("d32", "d64", "ts", "tss", "tsn", "tsz")
COMPARISONS = ("=", "!=", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM")
ARITHMETIC = ("+", "-", "*", "/", "%")


def _pairs() -> list[str]:
    """Every operator between columns of every two types of numbers, and of times."""
    rng = random.Random(3)
    expressions = []
    for left in NUMBERS:
        for right in NUMBERS:
            if {left, right} == {"f16", "dec"}:
                continue  # refused by pylance
            if "dec" in (left, right) and (left in FLOATS or right in FLOATS):
                expressions.append(f"{left} + {right}")
                continue  # compared as decimals, which hold neither NaN nor infinities
            expressions += [f"{left} {op} {right}" for op in ARITHMETIC]
            expressions.append(f"{left} {rng.choice(COMPARISONS)} {right}")
    for left in TIMES:
        for right in TIMES:
            expressions.append(f"{left} {rng.choice(COMPARISONS)} {right}")
            expressions.append(f"{left} - {right}")
    for left in ("s", "ls", "bin", "fsb", "word", "number", "b", "dur"):
        for right in ("s", "ls", "bin", "fsb", "word", "b", "dur", "i32", "d32"):
            if "fsb" in (left, right) and {left, right} & {"s", "ls", "word", "number"}:
                continue  # refused by pylance
            expressions.append(f"{left} {rng.choice(COMPARISONS)} {right}")
    return expressions


def _literals() -> list[str]:
    """Every operator between a column of numbers and literals, which take its type if they can."""
    rng = random.Random(4)
    expressions = []
    for name in NUMBERS:
        for literal in ("0", "1", "-1", "100", "300", "-70000", "2.5", "0.1", "1e4", "NULL"):
            expressions.append(f"{name} {rng.choice(COMPARISONS)} {literal}")
            expressions.append(f"NOT ({name} {rng.choice(COMPARISONS[:6])} {literal})")
            expressions.append(f"({name} {rng.choice(ARITHMETIC)} {literal}) IS NULL")
        expressions += [
            f"{literal} {rng.choice(COMPARISONS[:6])} {name}" for literal in ("3", "-3", "7.5")
        ]
        expressions.append(f"{name} IN (1, 2, 3)")
        expressions.append(f"{name} NOT IN (1, NULL)")
        expressions.append(f"{name} BETWEEN 2 AND 9")
        expressions.append(f"{name} + 1")
        expressions.append(f"{name} * 3")
        expressions.append(f"-{name}")
    return expressions


_CASTS = (
    [
        f"{cast}({name} AS {type_})"
        for name in (
            *NUMBERS,
            "b",
            "s",
            "number",
            "d32",
            "d64",
            "ts",
            "tss",
            "tsn",
            "tsz",
            "t64",
            "bin",
        )
        for type_ in ("int", "bigint", "tinyint unsigned", "double", "float", "boolean", "string")
        for cast in ("TRY_CAST", "CAST")
        if not (name in TIMES and type_ in ("double", "float", "boolean", "tinyint unsigned"))
        and not (name in ("t64", "bin", "d64") and type_ != "string")
        and not (name == "dec" and type_ == "boolean")
        and not (name == "f16" and type_ == "string")
    ]
    + [
        f"TRY_CAST({name} AS {type_})"
        for name in ("s", "number", "d32", "d64", "ts", "tss", "tsn", "tsz")
        for type_ in ("date", "timestamp", "timestamp(0)", "timestamp(3)", "timestamp(9)")
    ]
    + [
        f"TRY_CAST({name} AS decimal({precision}, {scale}))"
        for name in (*INTEGERS, "f32", "f64", "dec", "s", "number")
        for precision, scale in ((5, 0), (10, 2), (12, 6), (38, 10))
    ]
)

_FLOAT_FUNCTIONS = [
    "sqrt",
    "cbrt",
    "exp",
    "ln",
    "log",
    "log2",
    "log10",
    "sin",
    "cos",
    "tan",
    "cot",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
    "degrees",
    "radians",
    "signum",
    "round",
    "trunc",
    "abs",
    "isnan",
    "iszero",
]
_MATH = [
    f"{function}({name})"
    for function in _FLOAT_FUNCTIONS
    for name in ("i32", "u8", "f32", "f64")
    if not (function == "cot" and name == "u8")
]

_TEXT = [
    f"{function}({name})"
    for function in [
        "lower",
        "upper",
        "length",
        "char_length",
        "octet_length",
        "bit_length",
        "reverse",
        "initcap",
        "btrim",
        "ltrim",
        "rtrim",
        "ascii",
    ]
    for name in ("s", "ls", "word", "number")
] + [
    f"s {negation}{like} '{pattern}'"
    for negation in ("", "NOT ")
    for like in ("LIKE", "ILIKE")
    for pattern in (
        "",
        "%",
        "a%",
        "%b",
        "%A%",
        "a_b",
        "a\\_b",
        "a\\%b",
        "%\\%%",
        "ż%",
        "%_ x",
        "_",
        "Ó%",
    )
]

_PARTS = [
    f"date_part('{part}', {name})"
    for part in [
        "year",
        "quarter",
        "month",
        "week",
        "day",
        "dow",
        "isodow",
        "doy",
        "hour",
        "minute",
        "second",
        "millisecond",
        "microsecond",
        "nanosecond",
        "epoch",
        "isoyear",
    ]
    for name in ("d32", "d64", "ts", "tss", "tsn", "tsz")
] + [
    f"date_trunc('{part}', {name})"
    for part in [
        "year",
        "quarter",
        "month",
        "week",
        "day",
        "hour",
        "minute",
        "second",
        "millisecond",
        "microsecond",
    ]
    for name in ("ts", "tss", "tsn", "tsz")
]

# Understood in pylance's filters.
AGREE = _pairs() + _literals() + _CASTS + _MATH + _TEXT + _PARTS + SINGLE
