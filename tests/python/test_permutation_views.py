"""What is made of permutations: slices, shards, repeats, sorted rows, computed columns."""

from __future__ import annotations

import pickle

import pyarrow as pa
import pytest

import croupier
from croupier import Permutation, permutation_builder

NUM_ROWS = 100


@pytest.fixture(scope="module", params=["memory", "local"])
def table(request, tmp_path_factory) -> croupier.Table:
    uri = "memory://" if request.param == "memory" else tmp_path_factory.mktemp("views")
    structs = pa.array(
        [None if i % 10 == 9 else {"y": i, "z": {"w": f"s{i % 3}"}} for i in range(NUM_ROWS)],
        pa.struct({"y": pa.int32(), "z": pa.struct({"w": pa.string()})}),
    )
    rows = pa.table(
        {
            "x": range(NUM_ROWS),
            "key": pa.array([None if i == 50 else i * 37 % 10 for i in range(NUM_ROWS)], pa.int8()),
            "s": structs,
            "l": [[i] for i in range(NUM_ROWS)],
        }
    )
    return croupier.connect(uri).create_table("t", rows, max_rows_per_file=30)


@pytest.fixture
def shuffled(table) -> Permutation:
    return Permutation.from_tables(table, permutation_builder(table).shuffle(seed=1).execute())


def xs_of(permutation: Permutation) -> list[int]:
    read = permutation.select_columns(["x"]).with_format("python_col")
    whole = [x for batch in read.iter(17) for x in batch["x"]]
    assert whole == read.take_offsets(range(len(read)))["x"]
    assert pickle.loads(pickle.dumps(read)).take_offsets(range(len(read)))["x"] == whole
    return whole


class TestRows:
    @pytest.mark.parametrize(
        "part",
        [
            slice(None),
            slice(10, 20),
            slice(-5, None),
            slice(None, None, -1),
            slice(90, 3, -7),
            slice(5, 5),
            slice(50, 1000, 9),
        ],
    )
    def test_slices_are_those_of_lists(self, shuffled, part):
        assert xs_of(shuffled[part]) == xs_of(shuffled)[part]

    def test_slices_count_from_the_window(self, shuffled):
        window = shuffled.with_skip(10).with_take(50)
        assert xs_of(window[5:20]) == xs_of(shuffled)[15:30]
        assert xs_of(window[::-1].with_skip(1).with_take(2)) == xs_of(shuffled)[57:59][::-1]

    def test_negative_positions_count_from_the_end(self, shuffled):
        last = shuffled.select_columns(["x"])[-1]
        assert last == [{"x": xs_of(shuffled)[-1]}]

    def test_repeats(self, shuffled):
        assert xs_of(shuffled.with_repeat(3)) == xs_of(shuffled) * 3
        assert xs_of(shuffled[:3].with_repeat(2)[1:5]) == (xs_of(shuffled)[:3] * 2)[1:5]
        assert xs_of(shuffled.with_repeat(0)) == []
        with pytest.raises(ValueError, match="-1 times"):
            shuffled.with_repeat(-1)
        with pytest.raises(ValueError, match="cannot repeat"):
            shuffled.with_repeat(1 << 62)

    def test_sorted_rows_keep_their_order_where_values_are_equal(self, shuffled):
        keys = {x: None if x == 50 else x * 37 % 10 for x in range(NUM_ROWS)}
        for descending in (False, True):
            xs = xs_of(shuffled.sort_by("key", descending=descending))
            expected = sorted(
                (x for x in xs_of(shuffled) if x != 50),
                key=lambda x: keys[x],
                reverse=descending,
            )
            if descending:
                expected = sorted((x for x in xs_of(shuffled) if x != 50), key=lambda x: -keys[x])
            assert xs == [*expected, 50]
        assert xs_of(shuffled.sort_by("s.z.w")[:1]) != []
        with pytest.raises(croupier.NameNotFoundError):
            shuffled.sort_by("zz")
        with pytest.raises(TypeError, match="column 'l'"):
            shuffled.sort_by("l")

    def test_what_was_done_is_told(self, shuffled):
        text = repr(shuffled.shard(4, 1)[::2])
        assert "shard(4, 1, 'spread'), slice(0, 2, 13)" in text
        html = shuffled._repr_html_()
        assert "<th>column</th>" in html
        assert "order" in html


class TestColumns:
    def test_unique_values_are_in_the_order_of_their_first_rows(self, table, shuffled):
        assert Permutation.identity(table).unique("key") == [0, 7, 4, 1, 8, 5, 2, 9, 6, 3, None]
        assert sorted(shuffled.unique("x")) == list(range(NUM_ROWS))
        assert shuffled.with_take(0).unique("x") == []
        with pytest.raises(croupier.NameNotFoundError):
            shuffled.unique("zz")
        with pytest.raises(TypeError, match="column 'l'"):
            shuffled.unique("l")

    def test_flatten_makes_columns_of_fields(self, table):
        flat = Permutation.identity(table).flatten()
        assert flat.column_names == ["x", "key", "s.y", "s.z.w", "l"]
        assert flat.schema.field("s.z.w").type == pa.string()
        rows = flat.take_offsets([0, 9])
        assert rows[0] == {"x": 0, "key": 0, "s.y": 0, "s.z.w": "s0", "l": [0]}
        assert rows[1] == {"x": 9, "key": 3, "s.y": None, "s.z.w": None, "l": [9]}
        assert flat.rename_column("s.y", "y").select_columns(["y"]).take_offsets([3]) == [{"y": 3}]

    def test_expressions_are_computed_when_rows_are_read(self, table, shuffled):
        computed = shuffled.select_columns(
            {"twice": "x * 2", "x": "x", "of struct": "s.y + 1", "one": "1", "id": "_rowoffset"}
        )
        assert computed.column_names == ["twice", "x", "of struct", "one", "id"]
        assert computed.schema.field("twice").type == pa.int64()
        for row in computed.take_offsets(range(NUM_ROWS)):
            x = row["x"]
            struct = None if x % 10 == 9 else x + 1
            assert row == {"twice": 2 * x, "x": x, "of struct": struct, "one": 1, "id": x}
        renamed = computed.rename_column("twice", "double").select_columns(["double"])
        assert xs_of(computed) == xs_of(shuffled)
        again = pickle.loads(pickle.dumps(renamed))
        assert again.take_offsets([4]) == renamed.take_offsets([4])
        only = shuffled.select_columns({"one": "1"})
        assert [len(batch) for batch in only.iter(64)] == [64, 36]

    def test_expressions_that_cannot_be_are_told_at_once(self, shuffled):
        with pytest.raises(croupier.NameNotFoundError, match="zz"):
            shuffled.select_columns({"a": "zz + 1"})
        with pytest.raises(ValueError, match=r"\^"):
            shuffled.select_columns({"a": "x +"})
        with pytest.raises(TypeError, match="column `a` must be an expression"):
            shuffled.select_columns({"a": 1})
        with pytest.raises(ValueError, match="at least one column"):
            shuffled.select_columns({})
        with pytest.raises(ValueError, match="division by zero"):
            shuffled.select_columns({"a": "1 / x"}).take_offsets(range(NUM_ROWS))
