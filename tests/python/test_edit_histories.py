"""A permutation reads the rows that it was built for, or fails, whatever happens to its table."""

from __future__ import annotations

import datetime
import pickle
import random
from collections.abc import Callable
from pathlib import Path

import lance
import pyarrow as pa
import pytest

import croupier
from croupier import Permutation, Permutations, permutation_builder

NUM_HISTORIES = 12
NUM_EDITS = 8


def rows_from(first: int, count: int) -> pa.Table:
    return pa.table(
        {"x": range(first, first + count), "k": [i % 5 for i in range(first, first + count)]},
        schema=pa.schema({"x": pa.int64(), "k": pa.int64()}),
    )


class History:
    """A table that is edited at random, by us and by pylance."""

    def __init__(self, folder: Path, seed: int):
        self.random = random.Random(seed)
        self.database = croupier.connect(folder)
        self.uri = str(folder / "t.lance")
        self.next = 60
        self.database.create_table(
            "t",
            rows_from(0, 60),
            max_rows_per_file=self.random.choice([7, 20, 1000]),
            stable_row_ids=self.random.random() < 0.5,
        )

    def edit(self) -> str:
        """Edit once; gives what was done."""
        edits: dict[str, Callable[[], object]] = {
            "add": self.add,
            "add by pylance": lambda: lance.write_dataset(self.rows(), self.uri, mode="append"),
            "delete": lambda: self.table().delete(self.some()),
            "delete by pylance": lambda: lance.dataset(self.uri).delete(self.some()),
            "update": lambda: self.table().update(where=self.some(), values={"k": 9}),
            "merge": self.merge,
            "compact": lambda: self.table().compact_files(),
            "compact by pylance": lambda: lance.dataset(self.uri).optimize.compact_files(),
            "add a column": self.add_column,
            "restore": self.restore,
            "overwrite": self.overwrite,
            "clean up": lambda: self.table().cleanup_old_versions(datetime.timedelta(0)),
        }
        name = self.random.choice(list(edits))
        edits[name]()
        return name

    def table(self) -> croupier.Table:
        return self.database.open_table("t")

    def some(self) -> str:
        divisor = self.random.randint(2, 9)
        return f"x % {divisor} = {self.random.randrange(divisor)}"

    def rows(self) -> pa.Table:
        count = self.random.randint(1, 30)
        self.next += count
        rows = rows_from(self.next - count, count)
        for name in self.table().schema.names[2:]:
            rows = rows.append_column(name, pa.array([None] * count, pa.int64()))
        return rows

    def add(self) -> None:
        self.table().add(self.rows())

    def merge(self) -> None:
        merge = self.table().merge_insert("x").when_matched_update_all()
        merge.when_not_matched_insert_all().execute(self.rows())

    def add_column(self) -> None:
        table = self.table()
        table.add_columns({f"c{len(table.schema)}": "x + 1"})

    def restore(self) -> None:
        table = self.table()
        table.restore(self.random.choice(table.list_versions())["version"])

    def overwrite(self) -> None:
        self.table().add(self.rows(), "overwrite")


def xs_of(permutation: Permutation) -> list[int]:
    read = permutation.select_columns(["x", "k"])
    return [(row["x"], row["k"]) for batch in read.iter(16) for row in batch]


def build(history: History) -> tuple[croupier.PermutationTable, list[list[int]]]:
    table = history.table()
    builder = permutation_builder(table)
    pick = history.random.randrange(5)
    if pick == 1:
        builder.filter("k <> 2")
    if pick in (1, 2):
        builder.split_random(fixed=2, seed=pick, clump_size=3)
    if pick == 3:
        builder.split_hash("x", [1, 1])
    if pick == 4:
        builder.split_calculated("k % 2")
    if history.random.random() < 0.7:
        builder.shuffle(seed=history.random.getrandbits(32))
    permutation = builder.execute()
    return permutation, [xs_of(split) for split in Permutations(table, permutation)]


@pytest.mark.parametrize("seed", range(1, NUM_HISTORIES + 1))
def test_the_rows_are_those_that_it_was_built_for(tmp_path, seed):
    history = History(tmp_path, seed)
    for _ in range(history.random.randrange(4)):
        history.edit()
    permutation, expected = build(history)
    permutation.persist(history.database, "order", materialize=history.random.random() < 0.5)
    pickled = pickle.dumps(Permutation.from_tables(history.table(), permutation))
    identity = Permutation.identity(history.table())
    of_identity = xs_of(identity)
    done = []
    for _ in range(NUM_EDITS):
        done.append(history.edit())

        def check(read: Callable[[], list], rows: list) -> None:
            try:
                found = read()
            except (croupier.VersionNotFoundError, FileNotFoundError):
                # Only a clean-up may take rows away.
                assert "clean up" in done, done
            else:
                assert found == rows, done

        check(lambda: xs_of(identity), of_identity)
        check(lambda: xs_of(pickle.loads(pickled)), expected[0])
        for order in (permutation, history.database.open_table("order")):
            check(
                lambda order=order: [xs_of(s) for s in Permutations(history.table(), order)],
                expected,
            )


def test_a_table_that_was_dropped_and_made_again_is_never_read(tmp_path):
    for seed in range(1, 6):
        history = History(tmp_path / str(seed), seed)
        permutation, _ = build(history)
        permutation.persist(history.database, "order")
        version = history.table().version
        rows = history.table().to_arrow()
        history.database.drop_table("t")
        again = history.database.create_table("t", rows)
        assert again.version == version
        for order in (permutation, history.database.open_table("order")):
            with pytest.raises(ValueError, match="another table"):
                Permutations(history.table(), order)
