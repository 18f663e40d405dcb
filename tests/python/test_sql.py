"""Expressions of SQL give what pylance gives: values, types, and whether there is an error."""

import math

import lance
import pyarrow as pa
import pytest
from sql_expressions import AGREE
from sql_single_expressions import FILTERS, SQL_ONLY
from sql_table import make_table

from croupier import _core

ROWS = 200


class Case:
    """A table as pylance and the extension see it."""

    def __init__(self, path, seed, extreme):
        rows = make_table(seed, ROWS, extreme)
        self.dataset = lance.write_dataset(rows, path, data_storage_version="2.2")
        self.rows = self.dataset.to_table(with_row_id=True)

    def pylance(self, expression):
        return self.dataset.scanner(columns={"y": expression, "z": "`row`"}).to_table()["y"]

    def pylance_sql(self, expression):
        query = self.dataset.sql(f"SELECT {expression} AS y FROM dataset")
        return pa.Table.from_batches(query.build().to_batch_records())["y"]

    def ours(self, expression, is_filter=False):
        batch = _core.evaluate(expression, self.rows, is_filter=is_filter)
        batch.validate(full=True)
        return batch.column(0)


@pytest.fixture(scope="module", params=["plain", "extreme"])
def case(request, tmp_path_factory):
    path = tmp_path_factory.mktemp(request.param) / "t.lance"
    return Case(str(path), seed=11, extreme=request.param == "extreme")


def outcome(compute):
    """A value, or None and the message of an error."""
    try:
        return compute(), None
    except BaseException as error:  # pylance panics, too
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        return None, str(error)


def type_name(type_):
    """Text is text, whatever its offsets are."""
    return str(type_).replace("large_string", "string").replace("string_view", "string")


def values(array):
    """Python values of which times are the integers that they count."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    type_ = array.type
    if pa.types.is_temporal(type_) and not pa.types.is_interval(type_):
        array = array.cast(pa.int64() if type_.bit_width == 64 else pa.int32())
    return array.to_pylist()


def same(left, right, tolerance):
    if isinstance(left, float) and isinstance(right, float):
        if math.isnan(left) or math.isnan(right):
            return math.isnan(left) and math.isnan(right)
        return left == right or math.isclose(left, right, rel_tol=tolerance, abs_tol=1e-300)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(
            same(a, b, tolerance) for a, b in zip(left, right, strict=True)
        )
    return left == right


def difference(expression, ours, theirs):
    """Say in what the outcomes differ; None if they agree."""
    (our_array, our_error), (their_array, their_error) = ours, theirs
    if our_error or their_error:
        if our_error and their_error:
            return None
        return (
            f"{expression}: ours {our_error or 'is no error'}; pylance {their_error or 'is none'}"
        )
    if type_name(our_array.type) != type_name(their_array.type):
        return f"{expression}: type {our_array.type}, not {their_array.type}"
    tolerance = 1e-12 if pa.types.is_float64(our_array.type) else 2e-6
    for row, (a, b) in enumerate(zip(values(our_array), values(their_array), strict=True)):
        if not same(a, b, tolerance):
            return f"{expression}: row {row} is {a!r}, not {b!r}"
    return None


def is_refused_literal(message):
    """Whether pylance refused a literal that the column beside it does not hold."""
    return message is not None and "could not convert to literal of type" in message


# A product of more than 38 digits: pylance makes a decimal that its type does not hold.
OVERFLOWS = {"i64 * u64", "u64 * i64"}


def test_values_are_those_of_pylance(case):
    differences = []
    for expression in AGREE:
        theirs = outcome(lambda e=expression: case.pylance(e))
        ours = outcome(lambda e=expression: case.ours(e))
        if is_refused_literal(theirs[1]):
            continue  # the next test
        if expression in OVERFLOWS and ours[1]:
            assert "overflows 38 digits" in ours[1]
            continue
        found = difference(expression, ours, theirs)
        if found:
            differences.append(found)
    assert not differences, "\n".join(differences)
    assert len(AGREE) > 1500


def test_literals_that_a_column_does_not_hold_are_compared_as_inside_a_not(case):
    """At the top pylance refuses them; deeper it does not, and that is what we do at the top."""
    differences = []
    compared = 0
    for expression in AGREE:
        theirs = outcome(lambda e=expression: case.pylance(e))
        if not is_refused_literal(theirs[1]):
            continue
        ours = outcome(lambda e=expression: case.ours(e))
        nested = outcome(lambda e=expression: case.pylance(f"NOT (NOT ({e}))"))
        if nested[1]:
            continue  # no comparison
        compared += 1
        found = difference(expression, ours, nested)
        if found:
            differences.append(found)
    assert not differences, "\n".join(differences)
    assert compared > 50


def test_what_only_sql_of_pylance_understands(case):
    differences = []
    for expression in SQL_ONLY:
        theirs = outcome(lambda e=expression: case.pylance_sql(e))
        ours = outcome(lambda e=expression: case.ours(e))
        found = difference(expression, ours, theirs)
        if found:
            differences.append(found)
    assert not differences, "\n".join(differences)


def test_filters_keep_the_rows_that_pylance_keeps(case):
    differences = []
    for text in FILTERS:
        theirs, their_error = outcome(
            lambda t=text: case.dataset.to_table(columns=["row"], filter=t)["row"].to_pylist()
        )
        mask, our_error = outcome(lambda t=text: case.ours(t, is_filter=True))
        ours = None if mask is None else case.rows["row"].combine_chunks().filter(mask).to_pylist()
        if (our_error is None) != (their_error is None) or ours != theirs:
            differences.append(f"{text}: {our_error or ours}, not {their_error or theirs}")
    assert not differences, "\n".join(differences)


@pytest.mark.parametrize(
    "text", ["b b", "b,", "b)", "b; drop", "i32 = 1 limit 2", "i32 = 1 order by i32", "i32 = 1_000"]
)
def test_text_left_over_is_an_error_as_it_is_not_in_pylance(text):
    rows = make_table(1, 5, False)
    with pytest.raises(ValueError, match=r"\^"):
        _core.evaluate(text, rows, is_filter=True)


def test_errors_are_those_of_python():
    rows = make_table(1, 5, False)
    with pytest.raises(KeyError, match="no column 'nothing'; there are: i8, u8"):
        _core.evaluate("nothing > 3", rows)
    with pytest.raises(KeyError, match="no field 'c'; there are: a, b, in"):
        _core.evaluate("st.c", rows)
    with pytest.raises(TypeError, match="lower takes text, not Int32"):
        _core.evaluate("lower(i32)", rows)
    with pytest.raises(ValueError, match="no function foo; there are: abs"):
        _core.evaluate("foo(1)", rows)
    with pytest.raises(ValueError, match="division by zero\n  i32 / 0\n  "):
        _core.evaluate("i32 / 0", rows)
