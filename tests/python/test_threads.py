"""Any object is used by many threads at once, and dropped in any order, in a process of its own."""

from __future__ import annotations

import pytest
from child_script import run_script
from process_script import PRELUDE

BEGINNING = (
    PRELUDE
    + """
import asyncio
import itertools
from concurrent.futures import ThreadPoolExecutor

NUM_THREADS = 8
ROUNDS = 3
db = croupier.connect(sys.argv[1])
table = db.create_table("t", pa.table({"x": range(1000)}), max_rows_per_file=300)
order = croupier.permutation_builder(table).filter("x % 10 != 9").shuffle(seed=3).execute()
permutation = croupier.Permutations(table, order)[0].with_format("python_col")
expected = values(permutation.iter(100))
assert sorted(expected) == [x for x in range(1000) if x % 10 != 9]


def on_threads(*bodies):
    \"\"\"Run each on threads of its own, which begin together; give what they return.\"\"\"
    barrier = threading.Barrier(NUM_THREADS)

    def run(body):
        barrier.wait(30)
        return body()

    with ThreadPoolExecutor(NUM_THREADS) as pool:
        chosen = itertools.islice(itertools.cycle(bodies), NUM_THREADS)
        return [each.result() for each in [pool.submit(run, body) for body in chosen]]


# Threads take turns as often as they can.
sys.setswitchinterval(1e-5)
"""
)

SCRIPTS = {
    "one object of each kind": """
query = table.search().where("x < 500").select(["x"]).limit(300)
take = table.take_offsets([5, 3])
splits = croupier.Permutations(table, order)

def use():
    for _ in range(ROUNDS):
        assert db.table_names() == ["t"] and len(db["t"]) == len(table) == 1000
        assert table.count_rows("x < 500") == 500
        assert table[7] == {"x": 7} and table.__getitems__([3])["x"].to_pylist() == [3]
        assert query.to_arrow()["x"].to_pylist() == list(range(300))
        assert take.to_list() == [{"x": 5}, {"x": 3}]
        assert values(permutation.iter(64)) == expected
        assert permutation.take_offsets([1])["x"] == expected[1:2]
        assert len(splits[0]) == len(order) == len(expected)
        assert permutation.with_skip(10).with_take(10).num_rows == 10
        assert [row["x"] for row in table][:3] == [0, 1, 2]
        assert repr(table) and repr(db) and repr(permutation) and repr(order)

on_threads(use)
""",
    "tables of one connection": """
def outcome(call):
    try:
        return call()
    except (ValueError, KeyError) as error:
        assert "already exists" in str(error) or "was not found" in str(error), error

def num_done(call):
    return sum(each is not None for each in on_threads(lambda: outcome(call)))

rows = pa.table({"x": [1]})
for i in range(ROUNDS):
    assert num_done(lambda: db.create_table(f"a{i}", rows)) == 1
    assert num_done(lambda: db.create_table(f"b{i}", rows, exist_ok=True)) == NUM_THREADS
    assert num_done(lambda: db.create_table(f"c{i}", rows, mode="overwrite")) == NUM_THREADS
    assert db.open_table(f"c{i}").version == NUM_THREADS
    assert num_done(lambda: db.create_table(f"d{i}", iter([rows]), mode="overwrite")) >= 1
    assert num_done(lambda: db.drop_table(f"a{i}") or 1) == 1
    assert num_done(lambda: db.drop_table(f"b{i}", ignore_missing=True) or 1) == NUM_THREADS
    assert num_done(lambda: db.rename_table(f"c{i}", f"e{i}") or 1) == 1
assert db.table_names() == sorted(f"{x}{i}" for x in "de" for i in range(ROUNDS)) + ["t"]
""",
    "edits of one object": """
def add(start):
    for i in range(ROUNDS):
        rows = pa.table({"x": range(start + 10 * i, start + 10 * i + 10)})
        written.append(table.add(rows).version)

written = []
starts = iter(range(1000, 10**6, 100))
on_threads(lambda: add(next(starts)))
assert sorted(written) == list(range(2, 2 + NUM_THREADS * ROUNDS))
assert table.version == max(written)
assert len(table) == len(set(table.to_arrow()["x"].to_pylist())) == 1000 + 10 * len(written)
""",
    "reads of an object that is edited": """
def edit():
    for i in range(5 * ROUNDS):
        table.add_columns({"y": "x + 1"})
        table.delete(f"x = {i}")
        table.drop_columns(["y"])
    done.set()

def read():
    while not done.is_set():
        rows = table.to_arrow()
        assert rows["x"][-1].as_py() == 999
        if "y" in rows.schema.names:
            assert rows["y"][-1].as_py() == 1000
        assert 1000 - 5 * ROUNDS <= len(table) <= 1000
        assert table[-1]["x"] == 999 == table.__getitems__([-1]).to_pylist()[0]["x"]
        assert table.take_offsets([900]).to_list()[0]["x"] >= 900
        assert table.search().offset(100).limit(10).to_arrow().num_rows == 10
        assert len(pa.table(table).column_names) in (1, 2)
        assert croupier.Permutation.identity(table).num_rows <= 1000

done = threading.Event()
on_threads(edit, *[read] * (NUM_THREADS - 1))
assert table.version == 1 + 15 * ROUNDS and len(table) == 1000 - 5 * ROUNDS
""",
    "one loader": """
for make in (
    lambda: croupier.Loader(permutation, batch_size=7),
    lambda: permutation.iter(7),
    lambda: permutation.with_transform(lambda batch: {"x": batch["x"].to_pylist()}).iter(7),
):
    batches = make()
    parts = on_threads(lambda: [b["x"] for b in batches])
    read = [list(map(int, x)) for part in parts for x in part]
    assert sorted(x for batch in read for x in batch) == sorted(expected)
    assert len(read) == -(-len(expected) // 7)

for _ in range(10):
    loader = croupier.Loader(permutation, batch_size=1)
    def read():
        try:
            return sum(1 for _ in loader)
        except ValueError as error:
            assert "closed" in str(error), error
    on_threads(read, read, read, loader.close)
""",
    "one stream": """
def read_all(read):
    told = 0
    rows = []
    while True:
        try:
            rows += read()["x"].to_pylist()
        except StopIteration:
            return rows, told
        except ValueError as error:
            assert "another thread" in str(error) or "already executing" in str(error), error
            told += 1

for stream in (
    lambda: table.scan(batch_size=3).read_next_batch,
    lambda: table.search().where("x >= 0").to_batches(3).read_next_batch,
    lambda: table.search().offset(0).limit(1000).to_batches(3).read_next_batch,
    lambda: pa.RecordBatchReader.from_stream(table).read_next_batch,
    lambda: lambda batches=map(pa.record_batch, table._source.scan(["x"], 3)): next(batches),
):
    read = stream()
    parts = on_threads(lambda: read_all(read))
    assert sorted(x for rows, _ in parts for x in rows) == list(range(1000))
""",
    "one builder": """
builder = croupier.permutation_builder(table).filter("x > 10").shuffle(seed=1)
def execute():
    try:
        return builder.execute()
    except RuntimeError as error:
        assert "Builder already consumed" in str(error)
orders = {each.order_id for each in on_threads(execute) if each is not None}
assert len(orders) == 1
""",
    "event loops": """
shared = croupier.AsyncTable(table)

async def use():
    for i in range(ROUNDS):
        counted, taken, _ = await asyncio.gather(
            shared.count_rows("x < 500"), shared.take([3]), shared.add([{"x": 1000}])
        )
        assert counted == 500 and taken["x"].to_pylist() == [3]
        batches = [batch async for batch in permutation.iter(100)]
        assert values(batches) == expected

on_threads(lambda: asyncio.run(use()))
assert len(shared.table) == 1000 + NUM_THREADS * ROUNDS
assert shared.table.version == 1 + NUM_THREADS * ROUNDS
""",
    "dropped in every order": """
def make():
    base = db.open_table("t")
    table_order = croupier.permutation_builder(base).filter("x >= 0").shuffle(seed=1).execute()
    rows = croupier.Permutation.from_tables(base, table_order)
    batches = rows.iter(10)
    scan = base.scan(batch_size=10)
    return {
        "table": (base, lambda it: it[5]),
        "order": (table_order, lambda it: it.order_id),
        "permutation": (rows, lambda it: it.take_offsets([1])),
        "batches": (batches, next),
        "scan": (scan, lambda it: it.read_next_batch()),
    }

def drop_in(order):
    things = make()
    for name in order:
        for thing, use in things.values():
            assert use(thing)
        del things[name], thing, use

orders = list(itertools.permutations(["table", "order", "permutation", "batches", "scan"]))
todo = iter(orders)
on_threads(lambda: [drop_in(each) for each in iter(lambda: next(todo, None), None)])
""",
    "callbacks that raise": """
class Bad(Exception):
    pass

def fail(*_):
    raise Bad

def raises(call):
    try:
        call()
    except Bad:
        return
    raise AssertionError("nothing was raised")

def rows():
    yield pa.record_batch({"x": [1]})
    raise Bad

def use():
    for _ in range(ROUNDS):
        raises(lambda: next(permutation.with_transform(fail).iter(10)))
        raises(lambda: permutation.with_transform(fail).take_offsets([1]))
        raises(lambda: table.add(rows()))
        raises(lambda: table.add([{"x": 1}], progress=fail))
        raises(lambda: table.add_columns(fail))
        assert values(permutation.iter(100)) == expected

on_threads(use)
assert in_child(use) == 0
assert len(table) == 1000 and table.version == 1
""",
}


IN_MEMORY_TOO = (
    "one object of each kind",
    "tables of one connection",
    "edits of one object",
    "dropped in every order",
)


@pytest.mark.parametrize("what", SCRIPTS)
def test_many_threads_use_a_local_table(tmp_path, what):
    assert run_script(tmp_path, BEGINNING + SCRIPTS[what], tmp_path / "db", timeout=120) == ""


@pytest.mark.parametrize("what", IN_MEMORY_TOO)
def test_many_threads_use_a_table_in_memory(tmp_path, what):
    assert run_script(tmp_path, BEGINNING + SCRIPTS[what], "memory://", timeout=120) == ""
