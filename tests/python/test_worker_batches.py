"""How a batch crosses from a DataLoader's worker to its parent."""

from __future__ import annotations

import datetime
import pickle
from multiprocessing.reduction import ForkingPickler

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from child_script import run_script

import croupier
from croupier import Ragged, _worker_batch
from croupier._batch_packing import prepare_to_send
from croupier.util import keep_batch

# Enough for a slot of shared memory; fewer go by the pipe.
NUM_ROWS = 2000


def rows(num_rows: int) -> pa.RecordBatch:
    numbers = np.arange(num_rows)
    return pa.record_batch(
        {
            "int64": numbers,
            "float16": numbers.astype(np.float16),
            "bool": numbers % 3 == 0,
            "text": pa.array([f"row {i}" if i % 5 else None for i in numbers], pa.string()),
            "time": pa.array(numbers, pa.timestamp("us", "UTC")),
            "vector": pa.FixedSizeListArray.from_arrays(
                pa.array(np.arange(3 * num_rows), pa.float32()), 3
            ),
            "ragged": pa.array([[i] * (i % 3) for i in numbers], pa.list_(pa.int64())),
            "struct": pa.array(
                [{"a": i, "b": [str(i)]} for i in numbers],
                pa.struct({"a": pa.int64(), "b": pa.list_(pa.string())}),
            ),
            "label": pa.array([f"label {i % 4}" for i in numbers], pa.string()).dictionary_encode(),
            "nulls": pa.array([i if i % 2 else None for i in numbers], pa.float64()),
            "bytes": pa.array([bytes(3)] * num_rows, pa.binary()),
        }
    )


def cross(batch: object) -> object:
    """Send a batch as a worker does and receive it as its parent does, in one process."""
    return pickle.loads(ForkingPickler.dumps(prepare_to_send(batch)))


def assert_same(received: object, sent: object) -> None:
    assert type(received) is type(sent)
    if isinstance(sent, torch.Tensor):
        assert received.dtype == sent.dtype
        assert torch.equal(received, sent) or (received.isnan() == sent.isnan()).all()
        received.view(-1)[:0] = 0  # may be written to
    elif isinstance(sent, dict):
        assert list(received) == list(sent)
        for name in sent:
            assert_same(received[name], sent[name])
    elif isinstance(sent, (list, tuple)):
        assert len(received) == len(sent)
        for one, other in zip(received, sent, strict=True):
            assert_same(one, other)
    elif isinstance(sent, np.ndarray):
        np.testing.assert_array_equal(received, sent)
        assert received.dtype == sent.dtype
        assert received.flags.writeable
    elif isinstance(sent, pd.DataFrame):
        pd.testing.assert_frame_equal(received, sent)
    elif isinstance(sent, pa.RecordBatch):
        received.validate(full=True)
        assert received.equals(sent, check_metadata=True)
    else:
        assert received.equals(sent) if isinstance(sent, pl.DataFrame) else received == sent


@pytest.mark.parametrize("num_rows", [0, 1, 7, NUM_ROWS])
@pytest.mark.parametrize("format", sorted(croupier._formats.FORMATS))
def test_every_format_crosses_unchanged(format, num_rows):
    batch = rows(num_rows)
    if format in ("torch_row", "torch_col"):
        batch = batch.select(["float16"])
    elif format == "numpy":
        batch = batch.select(["int64", "float16"])
    formatted = croupier._formats.FORMATS[format](batch)
    assert_same(cross(formatted), formatted)


@pytest.mark.parametrize("num_rows", [3, NUM_ROWS])
def test_whatever_a_transform_makes_crosses_unchanged(num_rows):
    grid = torch.arange(12 * num_rows).reshape(num_rows, 3, 4)
    batch = {
        "transposed": grid.permute(2, 0, 1),
        "slice": grid[1:2, :, ::2],
        "twice": [grid, grid],
        "scalar": torch.tensor(3.5),
        "empty": torch.empty(0, 4, dtype=torch.bfloat16),
        "bfloat16": grid.to(torch.bfloat16),
        "unsigned": grid.to(torch.uint64),
        "complex": grid.to(torch.complex64),
        "conjugate": grid.to(torch.complex64).conj(),
        "sparse": torch.eye(3).to_sparse().coalesce().values(),
        "expanded": torch.ones(1).expand(num_rows),
        "ragged": Ragged(Ragged(grid, torch.arange(3)), torch.arange(2)),
        "array": np.asfortranarray(grid.numpy()),
        "dates": np.arange(num_rows).astype("datetime64[s]"),
        "objects": np.array([None, "a"], object),
        "images": [b"image" * 3000, None, b"", b"i" * num_rows],
        "no bytes": [b"image", "text"],
        "pair": (grid, "text", 7, None, datetime.date(2020, 1, 1)),
    }
    received = cross(batch)
    assert received["twice"][0] is received["twice"][1]
    assert_same(received, batch)
    assert_same(cross((batch, batch)), (batch, batch))
    assert_same(cross([batch]), [batch])


def test_slices_of_arrow_cross_without_the_rest():
    batch = rows(NUM_ROWS).slice(100, 10)
    assert len(ForkingPickler.dumps(prepare_to_send(batch))) < 10_000
    assert_same(cross(batch), batch)
    table = pa.Table.from_batches([rows(3), rows(5)])
    assert cross(table).equals(table)


def test_columns_lie_in_one_aligned_buffer():
    sent = {f"c{i}": torch.full((1000 + i,), i) for i in range(50)}
    received = cross(sent)
    addresses = [tensor.data_ptr() for tensor in received.values()]
    assert all(address % 64 == 0 for address in addresses)
    assert max(addresses) - min(addresses) < 50 * 1100 * 8
    assert len(ForkingPickler.dumps(prepare_to_send(sent))) < 4000


def test_what_was_sent_is_not_kept():
    import gc
    import weakref

    batch = {"x": torch.ones(NUM_ROWS), "rows": rows(NUM_ROWS), "images": [bytes(NUM_ROWS)] * 9}
    alive = weakref.ref(batch["x"])
    gc.disable()
    try:
        ForkingPickler.dumps(prepare_to_send(batch))
        del batch
        assert alive() is None
    finally:
        gc.enable()


def test_what_is_not_sent_pickles_as_a_plain_dict():
    batch = prepare_to_send({"x": torch.ones(NUM_ROWS)})
    assert type(pickle.loads(pickle.dumps(batch))) is dict
    assert isinstance(batch, dict)


def test_outside_of_workers_a_batch_is_what_it_is():
    batch = {"x": torch.ones(3)}
    assert keep_batch(batch) is batch
    assert type(_worker_batch.worker_batch([1])) is list


def test_torch_pins_what_was_received(monkeypatch):
    from torch.utils.data._utils.pin_memory import pin_memory

    formatted = croupier._formats.FORMATS["torch_batch"](rows(NUM_ROWS))
    if not torch.accelerator.is_available():
        monkeypatch.setattr(torch.Tensor, "pin_memory", torch.Tensor.clone)
    pinned = pin_memory(cross(formatted))
    assert_same(pinned, formatted)
    assert pinned["int64"].is_pinned() == torch.accelerator.is_available()


# Imports of torch take seconds, so that forks of one process make all these checks.
SCRIPT = """
import contextlib, gc, os, resource, signal, sys, warnings
import numpy as np
import pyarrow as pa
import torch
from torch.utils.data import DataLoader
import croupier
import croupier._shared_slots
from croupier.util import keep_batch

SIZE = 100


def wide(num_batches):
    x = np.arange(SIZE * num_batches)
    columns = {"x": x, **{f"c{i}": x * i for i in range(50)}, "s": [f"row {i}" for i in x]}
    table = croupier.connect("memory://").create_table("t", pa.table(columns))
    order = croupier.permutation_builder(table).shuffle(seed=5).execute()
    return croupier.Permutation.from_tables(table, order)


def loader(permutation, workers=2, **options):
    options = {"batch_size": SIZE, "collate_fn": keep_batch, "num_workers": workers,
               "multiprocessing_context": "fork", **options}
    return DataLoader(permutation.with_format("torch_batch"), **options)


def check_one(batch):
    assert type(batch) is dict
    for i in range(50):
        assert torch.equal(batch[f"c{i}"], batch["x"] * i)
    assert batch["s"] == [f"row {i}" for i in batch["x"].tolist()]


def check(batches, permutation):
    expected = permutation.with_format("arrow").take_offsets(range(len(permutation)))
    assert torch.cat([batch["x"] for batch in batches]).tolist() == expected["x"].to_pylist()
    for batch in batches:
        check_one(batch)


def mapped():
    with open("/proc/self/maps") as maps:
        return sum("croupier batch" in line for line in maps)


def many_wide_batches_in_flight_take_few_descriptors(strategy):
    torch.multiprocessing.set_sharing_strategy(strategy)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    permutation = wide(200)
    before = len(os.listdir("/proc/self/fd"))
    kept = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch counts processors
        for batch in loader(permutation, 4, prefetch_factor=16):
            kept.append(batch)
            assert len(os.listdir("/proc/self/fd")) < before + 40
    check(kept, permutation)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def the_default_format_and_collate_cross_in_one_buffer():
    before = len(os.listdir("/proc/self/fd"))
    for batch in DataLoader(
        wide(8), batch_size=SIZE, num_workers=1, multiprocessing_context="fork"
    ):
        check_one(batch)
        # torch keeps a descriptor for each tensor that it has received.
        assert len(os.listdir("/proc/self/fd")) < before + 20


def slots_are_filled_again_and_end_with_the_workers():
    batches = iter(loader(wide(100)))
    most = 0
    for batch in batches:
        most = max(most, mapped())
    kept = batch
    assert 0 < most <= 12, most
    del batches
    gc.collect()
    assert mapped() == 1, mapped()
    check_one(kept)
    del kept, batch
    gc.collect()
    assert mapped() == 0, mapped()


def no_batch_is_lost_when_there_is_no_shared_memory_left():
    permutation = wide(30)
    croupier._shared_slots._MAX_SLOTS = 3  # the workers inherit it
    check(list(loader(permutation)), permutation)
    croupier._shared_slots._MAX_SLOTS = 128

    def fail(name):
        raise OSError("none left")

    memfd_create, os.memfd_create = os.memfd_create, fail
    check(list(loader(permutation)), permutation)
    os.memfd_create = memfd_create


def a_batch_outlives_a_worker_that_is_killed():
    iterator = iter(loader(wide(100)))
    kept = [next(iterator) for _ in range(10)]
    os.kill(iterator._workers[0].pid, signal.SIGKILL)
    try:
        kept += list(iterator)
    except RuntimeError as error:
        # By torch, or by us if a batch of the worker was still on its way.
        words = ("killed by signal", "exited unexpectedly", "ended before its batch was received")
        assert any(each in str(error) for each in words), error
    else:
        raise AssertionError("no error")
    for batch in kept:
        check_one(batch)
    # While torch waits for the other worker to end, it may raise once more for this one.
    with contextlib.suppress(RuntimeError):
        iterator._shutdown_workers()
    del iterator, kept, batch
    gc.collect()
    assert mapped() == 0, mapped()


def a_child_keeps_the_batch_that_it_inherited():
    permutation = wide(100)
    iterator = iter(loader(permutation, 1))
    batch = next(iterator)
    expected = batch["x"].tolist()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(reader, 1)  # until the parent has read the rest
        same = batch["x"].tolist() == expected
        check_one(batch)
        del batch
        os._exit(0 if same else 1)
    del batch
    assert sum(len(each["x"]) for each in iterator) == len(permutation) - SIZE
    os.write(writer, b"x")
    assert os.waitpid(child, 0)[1] == 0


if __name__ == "__main__":
    names = set(os.listdir("/dev/shm"))
    many_wide_batches_in_flight_take_few_descriptors("file_system")
    many_wide_batches_in_flight_take_few_descriptors("file_descriptor")
    the_default_format_and_collate_cross_in_one_buffer()
    slots_are_filled_again_and_end_with_the_workers()
    no_batch_is_lost_when_there_is_no_shared_memory_left()
    a_batch_outlives_a_worker_that_is_killed()
    a_child_keeps_the_batch_that_it_inherited()
    permutation = wide(20)
    check(list(loader(permutation, 1, multiprocessing_context="spawn")), permutation)
    left = set(os.listdir("/dev/shm")) - names
    assert not [name for name in left if "torch" in name], left
    print("all")
"""


def test_batches_of_workers_cross_in_one_buffer_that_is_used_again(tmp_path):
    assert run_script(tmp_path, SCRIPT, timeout=120) == "all\n"
