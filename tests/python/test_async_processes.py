"""Async calls and forks, signals, exits and slow stores, each in a process of its own."""

import json
import os
import signal

import pytest
from child_script import read_line, run_script, start_script, wait_for
from with_servers import BUCKET

COMMON = """
import asyncio, os, pickle, signal, sys, threading
import pyarrow as pa
import croupier

ROWS = list(range(1000))


async def make_table(where):
    if where == "memory":
        return await (await croupier.connect_async("memory://")).create_table(
            "t", pa.table({"x": ROWS}))
    db = await croupier.connect_async(where)
    return await db.create_table("t", pa.table({"x": ROWS}), max_rows_per_file=100)


async def read_all(table, permutation):
    "Read by every kind of call at once."
    taken, scanned, counted, loaded, rows = await asyncio.gather(
        asyncio.gather(*(table.take([i]) for i in range(50))),
        table.to_arrow(), table.count_rows("x >= 10"), load(permutation), deal(permutation))
    assert [each["x"][0].as_py() for each in taken] == ROWS[:50]
    assert scanned["x"].to_pylist() == loaded == rows == ROWS
    assert counted == 990


async def load(permutation):
    async with croupier.Loader(permutation, batch_size=33) as loader:
        return [x async for batch in loader for x in batch["x"].to_pylist()]


async def deal(permutation):
    batches = permutation.with_format("python_col").iter(33)
    return [x async for batch in batches for x in batch["x"]]


def in_child(main, *arguments):
    "Run a coroutine on a loop of a forked child that exits as a program does."
    child = os.fork()
    if child == 0:
        code = 1
        try:
            asyncio.run(main(*arguments))
            code = 0
        finally:
            sys.stdout.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""

FORKS = (
    COMMON
    + """
where = sys.argv[1]


async def nested(table, permutation, half):
    await read_all(table, permutation)
    assert in_child(read_all, table, permutation) == 0
    # The rest of an iteration that the parent had begun.
    assert [x async for batch in half for x in batch["x"]] == ROWS[330:]


async def main():
    table = await make_table(where)
    permutation = croupier.Permutation.identity(table)
    half = permutation.with_format("python_col").iter(33)
    first = [x for _ in range(10) for x in (await anext(half))["x"]]
    assert first == ROWS[:330]
    # Reads are under way, and so is a call that has not ended when the children have.
    go_on = threading.Event()
    held = asyncio.ensure_future(croupier.run_async(go_on.wait))
    reading = asyncio.ensure_future(read_all(table, permutation))
    for _ in range(5):
        await asyncio.sleep(0)
        assert in_child(nested, table, permutation, half) == 0
    # Other threads fork too, while this one goes on.
    codes = []
    forking = [
        threading.Thread(target=lambda: codes.append(in_child(read_all, table, permutation)))
        for _ in range(3)
    ]
    for thread in forking:
        thread.start()
    await reading
    await read_all(table, permutation)
    for thread in forking:
        await asyncio.to_thread(thread.join)
    assert codes == [0, 0, 0]
    go_on.set()
    assert await held
    assert [x async for batch in half for x in batch["x"]] == ROWS[330:]


asyncio.run(main())
# A child of a process whose loop has ended.
print("equal")
"""
)


@pytest.mark.parametrize("where", ["memory", "local"])
def test_a_forked_child_reads_on_a_loop_of_its_own(tmp_path, where):
    location = where if where == "memory" else str(tmp_path / "db")
    assert run_script(tmp_path, FORKS, location) == "equal\n"


CHANGES = (
    COMMON
    + """
async def add(table, x):
    await asyncio.gather(*(table.add([{"x": x + i}]) for i in range(3)))
    await table.delete("x = 0")


async def main():
    db = await croupier.connect_async(sys.argv[1])
    table = await db.create_table("t", [{"x": -1}])
    assert in_child(add, table, 10) == 0
    await add(table, 20)
    newest = await (await db.open_table("t")).to_arrow()
    print(sorted(newest["x"].to_pylist()))


asyncio.run(main())
"""
)


def test_a_forked_child_changes_tables(tmp_path):
    assert run_script(tmp_path, CHANGES, tmp_path / "db") == "[-1, 10, 11, 12, 20, 21, 22]\n"


EXITS = (
    COMMON
    + """
how = sys.argv[2]


async def forever(table):
    while True:
        await table.take(range(1000))


def rows():
    while True:
        yield pa.record_batch({"x": ROWS})


async def main():
    table = await make_table(sys.argv[1])
    permutation = croupier.Permutation.identity(table)
    batches = permutation.iter(1)
    await anext(batches)
    stream = await table.to_batches(1)
    await anext(stream)
    for _ in range(5):
        held.append(asyncio.ensure_future(forever(table)))
    held.extend([batches, stream, asyncio.ensure_future(table.add(rows()))])
    await asyncio.sleep(0)
    print("ready", flush=True)
    if how == "return":
        return
    if how == "exit":
        sys.exit(0)
    if how == "thread":
        reached.set()
    await asyncio.Event().wait()


held = []
reached = threading.Event()
if how == "thread":
    # The interpreter ends while the loop of a daemon thread reads.
    threading.Thread(target=asyncio.run, args=[main()], daemon=True).start()
    reached.wait()
else:
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        print("interrupted")
"""
)


@pytest.mark.parametrize("how", ["return", "exit", "interrupt", "thread"])
def test_a_process_with_calls_under_way_ends_in_silence(tmp_path, how):
    child = start_script(tmp_path, EXITS, tmp_path / "db", how)
    assert read_line(child) == "ready\n"
    if how == "interrupt":
        child.send_signal(signal.SIGINT)
    ended = wait_for(child, timeout=30)
    assert ended.stderr == ""
    assert ended.stdout == ("interrupted\n" if how == "interrupt" else "")
    assert ended.returncode == 0


CHILD_EXITS = (
    COMMON
    + """
import multiprocessing


def work(table, permutation):
    asyncio.run(read_all(table, permutation))


async def main():
    table = await make_table("memory")
    permutation = croupier.Permutation.identity(table)
    context = multiprocessing.get_context(sys.argv[1])
    reading = asyncio.ensure_future(read_all(table, permutation))
    await asyncio.sleep(0)
    workers = [context.Process(target=work, args=(table, permutation)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    await reading
    print([worker.exitcode for worker in workers])


if __name__ == "__main__":
    asyncio.run(main())
"""
)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_worker_process_reads_on_a_loop_of_its_own(tmp_path, method):
    assert run_script(tmp_path, CHILD_EXITS, method) == "[0, 0]\n"


SLOW_STORE = (
    COMMON
    + """
from fault_proxy import FaultProxy
from with_servers import BUCKET, S3_OPTIONS, s3_server

AT_A_TIME, NUM_FILES = 4, 24
os.environ["CROUPIER_IO_THREADS"] = str(AT_A_TIME)
# What was read before is to be read again.
os.environ["CROUPIER_METADATA_BYTES"] = os.environ["CROUPIER_CACHE_BYTES"] = "1"


class HeldProxy(FaultProxy):
    "Answers no request while it is held."

    def __init__(self, endpoint):
        super().__init__(endpoint)
        self.gate = threading.Event()
        self.decide = lambda number, line: self.gate.wait() and None
        self.gate.set()

    def num_requests(self, table):
        return sum(f"/{table}.lance/" in line for line in self.lines)


async def take(table, permutation):
    await table.take(range(NUM_FILES))

async def take_by_ids(table, permutation):
    await table.take(row_ids=[i << 32 for i in range(NUM_FILES)])

async def take_of_permutation(table, permutation):
    await permutation.take_offsets_async(range(NUM_FILES))

async def scan(table, permutation):
    await table.to_arrow()

async def stream(table, permutation):
    async for _ in await table.to_batches():
        pass

async def filtered(table, permutation):
    await table.count_rows("x > 5")

async def batches(table, permutation):
    async for _ in permutation.iter(NUM_FILES):
        pass

async def loader(table, permutation):
    async for _ in croupier.Loader(permutation, batch_size=NUM_FILES):
        pass


async def main(db, proxy):
    whole = await db.open_table("whole")
    for read in (take, take_by_ids, take_of_permutation, scan, stream, filtered, batches, loader):
        table = await db.open_table("stopped")
        permutation = croupier.Permutation.identity(table)
        before = proxy.num_requests("stopped")
        proxy.gate.clear()
        reading = asyncio.ensure_future(read(table, permutation))
        while proxy.num_requests("stopped") == before:
            await asyncio.sleep(0)
        try:
            if read in (take, scan, batches):
                reading.cancel()
                await reading
            else:
                await asyncio.wait_for(reading, 0.001)
        except (asyncio.CancelledError, asyncio.TimeoutError):
            pass
        else:
            raise AssertionError(f"{read.__name__} has ended")
        proxy.gate.set()
        # One who had gone on would have read all in the meantime.
        whole_before = proxy.num_requests("whole")
        assert len(await whole.to_arrow()) == NUM_FILES
        assert proxy.num_requests("whole") - whole_before >= NUM_FILES
        # What was under way, perhaps of the case before too.
        asked = proxy.num_requests("stopped") - before
        assert asked <= 2 * AT_A_TIME, (read.__name__, asked)

    # Waits that time out lose no batch.
    permutation = croupier.Permutation.identity(whole).with_format("python_col")
    waited = permutation.iter(5)
    proxy.gate.clear()
    for _ in range(20):
        try:
            await asyncio.wait_for(anext(waited), 0.001)
        except asyncio.TimeoutError:
            continue
        raise AssertionError("a batch without an answer")
    proxy.gate.set()
    assert [x async for batch in waited for x in batch["x"]] == ROWS[:NUM_FILES]
    print("stopped")


with s3_server() as endpoint:
    uri = f"s3://{BUCKET}/async"
    options = {**S3_OPTIONS, "aws_endpoint": endpoint}
    for name in ("stopped", "whole"):
        croupier.connect(uri, storage_options=options).create_table(
            name, pa.table({"x": ROWS[:NUM_FILES]}), max_rows_per_file=1)
    proxy = HeldProxy(endpoint)
    db = croupier.connect(uri, storage_options={**options, "aws_endpoint": proxy.endpoint})
    asyncio.run(main(croupier.AsyncConnection(db), proxy))
    proxy.close()
"""
)


def test_a_call_that_is_given_up_asks_for_nothing_more(tmp_path):
    # moto warns of what it uses itself.
    script = "import warnings\nwarnings.simplefilter('default')\n" + SLOW_STORE
    child = wait_for(start_script(tmp_path, script), timeout=60)
    assert (child.returncode, child.stdout) == (0, "stopped\n"), child.stderr
    # The servers complain of connections that end; a loop would of tasks.
    assert "asyncio" not in child.stderr
    assert "never" not in child.stderr


S3_FORKS = (
    COMMON
    + """
import json, time


async def read(table, permutation, first):
    taken, scanned, rows = await asyncio.gather(
        asyncio.gather(*(table.take([i]) for i in range(0, 1000, 100))),
        table.to_arrow(), deal(permutation))
    assert [each["x"][0].as_py() for each in taken] == ROWS[::100]
    assert scanned["x"].to_pylist() == rows == first


async def main():
    options = json.loads(sys.argv[2])
    db = await croupier.connect_async(sys.argv[1], storage_options=options)
    table = await db.create_table("t", pa.table({"x": ROWS}), max_rows_per_file=100)
    permutation = croupier.Permutation.identity(table)
    reading = True

    async def read_on():
        while reading:
            await read(table, permutation, ROWS)

    readers = [asyncio.create_task(read_on()) for _ in range(4)]
    half = permutation.with_format("python_col").iter(33)
    begun = await anext(half)

    async def check():
        await read(table, permutation, ROWS)
        rest = [x async for batch in half for x in batch["x"]]
        assert begun["x"] + rest == ROWS
        with croupier.AsyncTable(table.table) as mine:
            assert await mine.count_rows("x >= 10") == 990

    for moment in range(int(os.environ.get("CROUPIER_TEST_FORKS", 5))):
        await asyncio.sleep(0.003 * (moment % 7))
        assert in_child(check) == 0
    reading = False
    await asyncio.gather(*readers)
    await check()
    store = sys.argv[1].rpartition("/")[0]
    assert croupier.io_counters()[store]["errors"] == 0, croupier.io_counters()


asyncio.run(main())
"""
)


def test_children_that_are_forked_while_a_loop_reads_s3_read_at_once(tmp_path, s3_options):
    # The full form: CROUPIER_TEST_FORKS=200.
    forks = int(os.environ.get("CROUPIER_TEST_FORKS", 5))
    arguments = (f"s3://{BUCKET}/async", json.dumps(s3_options))
    assert run_script(tmp_path, S3_FORKS, *arguments, timeout=60 + 5 * forks) == ""
