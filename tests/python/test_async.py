"""Batches, cancelling and loops: what coroutines add to the calls that they wait for."""

import asyncio
import contextvars
import gc
import pickle
import subprocess
import sys
import threading
import time

import pyarrow as pa
import pytest
from async_calls import ROWS, make_table, num_open_files, turns_until

import croupier


@pytest.fixture
def table(database) -> croupier.AsyncTable:
    return make_table(database)


def test_a_function_runs_in_the_context_of_its_caller(run):
    name = contextvars.ContextVar("name", default="")

    async def main():
        name.set("caller")
        return await croupier.run_async(name.get)

    assert run(main()) == "caller"


def test_an_interrupt_of_a_function_reaches_its_caller(run):
    class Unusual(BaseException):
        pass

    def fail():
        raise Unusual

    async def main():
        with pytest.raises(Unusual):
            await croupier.run_async(fail)

    run(main())


def test_batches_of_a_permutation(run, table):
    async def main():
        order = await croupier.permutation_builder(table).shuffle(seed=5).execute_async()
        assert isinstance(order, croupier.PermutationTable)
        permutation = croupier.Permutations(table, order)[0].with_format("python_col")
        expected = permutation.take_offsets(range(1000))["x"]
        assert (await permutation.take_offsets_async([3, -1]))["x"] == [expected[3], expected[-1]]
        with pytest.raises(IndexError):
            await permutation.take_offsets_async([1000])
        whole = [x async for batch in permutation.iter(64) for x in batch["x"]]
        assert whole == expected
        # As `for`: full batches alone.
        full = [x async for batch in permutation.with_batch_size(300) for x in batch["x"]]
        assert full == expected[:900]
        async with croupier.Loader(permutation, batch_size=64, columns=["x"]) as loader:
            loaded = [x async for batch in loader for x in batch["x"].to_pylist()]
        assert loaded == expected
        assert loader.counters["num_rows"] == 1000
        identity = croupier.Permutation.identity(table).with_take(0)
        assert [batch async for batch in identity.iter(5)] == []
        assert croupier.Permutation.from_tables(table, order).num_rows == 1000
        db = await croupier.connect_async("memory://")
        await croupier.run_async(order.persist, db, "order", materialize=True)
        kept = await db.open_table("order")
        assert croupier.Permutations(table, kept)[0].num_rows == 1000
        assert len(db.connection) == 1

    run(main())


def test_a_loop_of_batches_gives_others_their_turn(run, table):
    async def main():
        turns = 0

        async def turn():
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        other = asyncio.ensure_future(turn())
        num_batches = 0
        async for _ in croupier.Permutation.identity(table).iter(1):
            num_batches += 1
        other.cancel()
        assert (num_batches, turns >= num_batches) == (1000, True)

    run(main())


def test_several_tasks_share_one_iterator(run, table):
    permutation = croupier.Permutation.identity(table).with_format("python_col")

    async def read(batches) -> list[int]:
        return [x async for batch in batches for x in batch["x"]]

    async def main():
        batches = permutation.iter(7)
        parts = await asyncio.gather(*(read(batches) for _ in range(3)))
        assert sorted(x for part in parts for x in part) == list(range(1000))

    run(main())


def test_a_transform_that_fails_ends_the_reading(run, table):
    def fail(batch):
        raise ZeroDivisionError("in a transform")

    permutation = croupier.Permutation.identity(table).with_transform(fail)

    async def main():
        batches = permutation.iter(1)
        with pytest.raises(ZeroDivisionError):
            await anext(batches)
        await croupier.run_async(batches.close)
        # Not as if it had come to its end.
        with pytest.raises(ValueError, match="closed"):
            await anext(batches)

    run(main())


def test_an_iterator_that_is_closed_says_so(run, table):
    async def main():
        batches = croupier.Permutation.identity(table).iter(10)
        await anext(batches)
        await batches.aclose()
        with pytest.raises(ValueError, match="closed"):
            await anext(batches)
        stream = await table.to_batches(10)
        await anext(stream)
        await stream.aclose()
        with pytest.raises(ValueError, match="ended before its time"):
            await anext(stream)

    run(main())


def test_a_cancelled_change_is_made_in_whole_or_not_at_all(run, table):
    """The rows come for ever; what is told to stop stops, before its cancellation is raised."""
    begun = threading.Event()

    def rows():
        while True:
            begun.set()
            yield pa.record_batch({"x": [1] * 1000, "s": ["a"] * 1000})

    async def main():
        adding = asyncio.ensure_future(table.add(rows()))
        await turns_until(begun)
        adding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await adding
        assert await (await table.checkout_latest()).version() == 1
        assert (await table.add([{"x": 1, "s": ""}])).version == 2

    run(main())


def test_what_was_done_when_it_was_cancelled_moves_the_table(run, table):
    """A function that does not look at its cancellation goes on to its end."""
    begun, cancelled = threading.Event(), threading.Event()

    def compute(rows):
        begun.set()
        cancelled.wait()
        return pa.table({"y": rows["x"]})

    async def main():
        async def add():
            try:
                await table.add_columns(compute, read_columns=["x"])
            finally:
                ended.append(await table.version())

        ended = []
        adding = asyncio.ensure_future(add())
        await turns_until(begun)
        adding.cancel()
        for _ in range(100):
            await asyncio.sleep(0)
        assert ended == []  # it waits for the call
        cancelled.set()
        with pytest.raises(asyncio.CancelledError):
            await adding
        newest = await (await table.checkout_latest()).version()
        assert ended == [newest] == [await table.version()]

    run(main())


def test_a_second_cancellation_does_not_wait(run):
    begun, go_on = threading.Event(), threading.Event()

    def hold():
        begun.set()
        go_on.wait()

    async def main():
        call = asyncio.ensure_future(croupier.run_async(hold))
        await turns_until(begun)
        call.cancel()
        for _ in range(10):
            await asyncio.sleep(0)
        assert not call.done()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        go_on.set()
        # Its end, which nobody waits for, disturbs nobody.
        assert await croupier.run_async(int) == 0

    run(main())


def test_calls_that_wait_for_a_thread_are_cancelled_unstarted(run):
    go_on = threading.Event()
    started = []

    def hold(i):
        started.append(i)
        go_on.wait()

    async def main():
        calls = [asyncio.ensure_future(croupier.run_async(hold, i)) for i in range(100)]
        while len(started) < 32:
            await asyncio.sleep(0)
        for call in calls[50:]:
            call.cancel()
        for _ in range(10):
            await asyncio.sleep(0)
        go_on.set()
        ended = await asyncio.gather(*calls, return_exceptions=True)
        assert ended[:50] == [None] * 50
        assert all(isinstance(each, asyncio.CancelledError) for each in ended[50:])
        assert sorted(started) == list(range(50))

    run(main())


def test_loops_of_several_threads_read_the_same_table(table):
    permutation = croupier.Permutation.identity(table).with_format("python_col")
    results = []

    def read():
        async def main():
            taken = await asyncio.gather(*(table.take([i]) for i in range(100)))
            rows = [x async for batch in permutation.iter(10) for x in batch["x"]]
            return [each["x"][0].as_py() for each in taken], rows

        results.append(asyncio.run(main()))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [(list(range(100)), list(range(1000)))] * 4


def test_loops_that_come_and_go_leave_nothing_open(table):
    async def main():
        await table.take([1])
        batches = croupier.Permutation.identity(table).iter(10)
        await anext(batches)

    asyncio.run(main())
    gc.collect()
    before = num_open_files()
    for _ in range(20):
        asyncio.run(main())
    gc.collect()
    assert num_open_files() <= before


def test_a_loop_that_closes_before_its_calls_leaves_nothing_open():
    begun, go_on = threading.Event(), threading.Event()

    def hold():
        begun.set()
        go_on.wait()

    def abandon():
        call = croupier.run_async(hold)

        async def start():
            call.send(None)
            await turns_until(begun)

        loop = asyncio.new_event_loop()
        loop.run_until_complete(start())
        loop.close()
        call.close()

    before = num_open_files()
    abandon()
    go_on.set()
    gc.collect()
    # Its thread closes what it holds last.
    deadline = time.monotonic() + 30
    while num_open_files() > before:
        assert time.monotonic() < deadline, "something stays open"


def test_without_a_running_loop_nothing_is_started(table):
    call = table.count_rows()
    with pytest.raises(RuntimeError, match="no running event loop"):
        call.send(None)


def test_another_kind_of_loop_serves_too(table):
    uvloop = pytest.importorskip("uvloop")

    async def main():
        taken = await asyncio.gather(*(table.take([i]) for i in range(100)))
        assert [each["x"][0].as_py() for each in taken] == list(range(100))
        permutation = croupier.Permutation.identity(table).with_format("python_col")
        assert [x async for batch in permutation.iter(7) for x in batch["x"]] == ROWS["x"]
        await table.add([{"x": 1, "s": ""}])
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(croupier.run_async(threading.Event().wait, 0.1), 0.001)
        return await table.count_rows()

    assert uvloop.run(main()) == 1001


def test_async_objects_pickle_as_those_behind_them(run, tmp_path):
    async def main():
        db = await croupier.connect_async(tmp_path)
        table = await db.create_table("t", [{"x": 1}])
        old = pickle.loads(pickle.dumps(table))
        await table.add([{"x": 2}])
        assert (await old.count_rows(), await table.count_rows()) == (1, 2)
        assert await pickle.loads(pickle.dumps(db)).table_names() == ["t"]
        memory = await croupier.connect_async("memory://")
        held = await memory.create_table("t", [{"x": 1}])
        assert await pickle.loads(pickle.dumps(held)).count_rows() == 1
        assert await pickle.loads(pickle.dumps(memory)).table_names() == ["t"]

    run(main())


def test_an_async_table_is_a_table_for_permutations_alone(table):
    assert isinstance(table.table, croupier.Table)
    order = croupier.PermutationBuilder(table).execute()
    assert len(croupier.Permutations(table, order)[0]) == 1000
    with pytest.raises(TypeError, match="croupier.Table"):
        croupier.PermutationBuilder(object())
    assert repr(table).startswith("<croupier.AsyncTable 'numbers': version 1, at memory://")


def test_importing_croupier_imports_no_asyncio():
    script = (
        "import sys, croupier; db = croupier.connect('memory://');"
        "t = db.create_table('t', [{'x': 1}]); list(croupier.Permutation.identity(t).iter(1));"
        "sys.exit('asyncio' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
