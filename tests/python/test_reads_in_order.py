"""Batches of a permutation that are asked for in order, which threads read ahead."""

from __future__ import annotations

import itertools
import random
import threading

import pyarrow as pa
import pytest
from child_script import run_script
from torch.utils.data import DataLoader

import croupier
from croupier.util import keep_batch

NUM_ROWS = 1000


@pytest.fixture
def permutation(database):
    table = database.create_table("t", pa.table({"x": range(NUM_ROWS)}))
    order = croupier.permutation_builder(table).shuffle(seed=3).execute()
    return croupier.Permutation.from_tables(table, order).with_format("python_col")


def rows_of(permutation):
    return permutation.take_offsets(range(len(permutation)))["x"]


def reads_ahead(permutation):
    courses = permutation._reads_in_order._courses
    return bool(courses) and courses[0]._loader is not None


@pytest.mark.parametrize("length", [1, 7, 100])
@pytest.mark.parametrize("step", [1, 3])
@pytest.mark.parametrize("first", [0, 2])
def test_rows_are_those_of_takes(permutation, length, step, first):
    expected = rows_of(permutation)
    for i, begin in enumerate(range(first * length, NUM_ROWS, step * length)):
        positions = list(range(begin, min(begin + length, NUM_ROWS)))
        assert permutation.__getitems__(positions)["x"] == [expected[p] for p in positions]
        # From the third on; a short last batch is read ahead too, if others were.
        assert reads_ahead(permutation) == (i >= 2)


def test_between_skip_and_take(permutation):
    part = permutation.with_skip(100).with_take(450)
    expected = rows_of(part)
    for begin in range(0, 450, 8):
        positions = list(range(begin, min(begin + 8, 450)))
        assert part[positions]["x"] == expected[begin : begin + 8]
    assert reads_ahead(part)
    with pytest.raises(IndexError, match="450"):
        part[list(range(448, 456))]


def test_other_orders_are_read_as_they_are_asked_for(permutation):
    expected = rows_of(permutation)
    rng = random.Random(5)
    begin, step, length = 0, 1, 10
    for _ in range(500):
        if rng.random() < 0.2:
            begin, step, length = rng.randrange(900), rng.choice([-1, 0, 1, 2]), rng.choice([1, 10])
        positions = list(range(begin, min(begin + length, NUM_ROWS)))
        if rng.random() < 0.1:
            rng.shuffle(positions)
        if rng.random() < 0.1:
            positions.append(-1)
        assert permutation.__getitems__(positions)["x"] == [expected[i] for i in positions]
        begin = min(max(begin + step * length, 0), 900)


def test_kinds_of_positions(permutation):
    expected = rows_of(permutation)
    for begin in range(0, 60, 6):
        for positions in (range(begin, begin + 6), tuple(range(begin, begin + 6))):
            assert permutation.__getitems__(positions)["x"] == expected[begin : begin + 6]
    with pytest.raises(TypeError):
        permutation.__getitems__(["a"])
    assert permutation.__getitems__([True, 2])["x"] == expected[1:3]


def test_views_begin_anew(permutation):
    for begin in range(0, 50, 10):
        permutation.__getitems__(list(range(begin, begin + 10)))
    assert reads_ahead(permutation)
    other = permutation.rename_column("x", "y")
    assert not reads_ahead(other)
    assert other.__getitems__(list(range(50, 60)))["y"] == rows_of(permutation)[50:60]


def test_an_epoch_after_one_that_was_left(permutation):
    expected = rows_of(permutation)
    loader = DataLoader(permutation, batch_size=10, collate_fn=keep_batch)
    for num_batches in (4, 1, 100):
        read = [row for batch in itertools.islice(loader, num_batches) for row in batch["x"]]
        assert read == expected[: 10 * num_batches]


def test_threads_that_read_at_once(permutation):
    expected = rows_of(permutation)
    wrong = []

    def read(begin):
        for start in range(begin, NUM_ROWS - 10, 10):
            rows = permutation.__getitems__(list(range(start, start + 10)))["x"]
            if rows != expected[start : start + 10]:
                wrong.append(start)

    threads = [threading.Thread(target=read, args=[i]) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_an_error_is_that_of_a_take(permutation, monkeypatch):
    expected = rows_of(permutation)
    failures = []

    class FailingLoader:
        def __next__(self):
            failures.append(1)
            raise OSError("a read ahead fails")

        def close(self):
            pass

    monkeypatch.setattr(
        type(permutation), "_start_loader", lambda *arguments, **options: FailingLoader()
    )
    for begin in range(0, 60, 10):
        rows = permutation.__getitems__(list(range(begin, begin + 10)))["x"]
        assert rows == expected[begin : begin + 10]
    assert failures


SCRIPT = """
import os
import sys

import pyarrow as pa
import torch
from torch.utils.data import DataLoader

import croupier
from croupier.util import keep_batch


def main():
    method = sys.argv[1]
    table = croupier.connect(sys.argv[2]).create_table("t", pa.table({"x": range(1000)}))
    order = croupier.permutation_builder(table).shuffle(seed=3).execute()
    permutation = croupier.Permutation.from_tables(table, order).with_format("torch_batch")
    expected = permutation.take_offsets(range(1000))["x"].tolist()
    # Workers inherit what reads ahead here.
    for begin in range(0, 50, 10):
        permutation.__getitems__(list(range(begin, begin + 10)))
    loader = DataLoader(
        permutation,
        batch_size=9,
        num_workers=2,
        collate_fn=keep_batch,
        multiprocessing_context=method,
        persistent_workers=True,
    )
    for _ in range(2):
        assert [x for batch in loader for x in batch["x"].tolist()] == expected
    del loader
    if method == "fork":
        child = os.fork()
        if child == 0:
            # Goes on, with threads of its own.
            rows = permutation.__getitems__(list(range(50, 60)))["x"].tolist()
            os._exit(0 if rows == expected[50:60] else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert permutation.__getitems__(list(range(50, 60)))["x"].tolist() == expected[50:60]


if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_that_take_turns(tmp_path, method):
    run_script(tmp_path, SCRIPT, method, tmp_path / "db")
