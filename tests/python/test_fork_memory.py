"""Memory pools and threads of other libraries, whose locks a fork may leave closed in the child.

Whether another thread holds such a lock at a fork is chance; whether a child comes near it is not.
"""

from child_script import run_script

_SCRIPT = """
import os, pickle, signal, sys
import numpy as np
import pyarrow as pa
import croupier

numbers = np.arange(1000)
rows = pa.table({
    "int64": numbers,
    "float16": numbers.astype(np.float16),
    "bool": numbers % 3 == 0,
    "text": pa.array([f"row {i}" if i % 5 else None for i in numbers], pa.string()),
    "time": pa.array(numbers, pa.timestamp("us", "UTC")),
    "vector": pa.FixedSizeListArray.from_arrays(pa.array(np.arange(3000), pa.float32()), 3),
    "ragged": pa.array([[i] * (i % 3) for i in numbers], pa.list_(pa.int64())),
    "struct": pa.array([{"a": i, "b": [str(i)]} for i in numbers]),
    "label": pa.array([f"label {i % 4}" for i in numbers], pa.string()).dictionary_encode(),
    "nulls": pa.array([i if i % 2 else None for i in numbers], pa.float64()),
    "uuid": pa.array([bytes([i % 256]) * 16 for i in numbers], pa.binary(16)).cast(pa.uuid()),
})
pool = pa.mimalloc_memory_pool()
pa.set_memory_pool(pool)


def num_allocated(work):
    before = pool.num_allocations()
    work()
    return pool.num_allocations() - before


def in_child(work):
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        work()
        sys.stdout.flush()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
"""


def test_reads_stay_away_from_arrows_own_pool(tmp_path):
    script = (
        _SCRIPT
        + """
def read(table):
    permutation = table_orders[table.name].shard(2, 0)
    permutation.with_format("arrow").take_offsets([3, 1, 2])
    table.__getitems__([1, 2])
    for batch in permutation.remove_columns(["label"]).with_format("python").iter(64):
        pass
    list(croupier.Loader(permutation, batch_size=100))
    copy = pickle.loads(pickle.dumps(permutation))
    copy.with_format("arrow").take_offsets([1])
    table.schema
    table.to_arrow()
    table.search().where("int64 % 2 = 1").select(["text", "uuid"]).limit(9).to_list()
    table.scan(["vector"], with_row_id=True).read_all()
    table.take_row_ids([4, 2]).to_arrow()


def build(table):
    builder = croupier.permutation_builder(table).filter("nulls is not null or bool")
    return builder.split_random(ratios=[0.5, 0.5]).shuffle(seed=1).execute()


for uri in ("memory://", sys.argv[1]):
    db = croupier.connect(uri)
    created = num_allocated(lambda: db.create_table("t", rows))
    table = db.open_table("t")
    table_orders = {"t": croupier.Permutation.from_tables(table, build(table), 0)}
    appended = num_allocated(lambda: table.add(rows))
    built = num_allocated(lambda: build(table))
    print(created, appended, built, num_allocated(lambda: read(table)))
"""
    )
    assert run_script(tmp_path, script, tmp_path / "db") == "0 0 0 0\n" * 2


def test_children_make_every_format_from_another_pool(tmp_path):
    script = (
        _SCRIPT
        + """
table = croupier.connect(sys.argv[1]).create_table("t", rows)
permutation = croupier.Permutation.identity(table)
numbers = permutation.select_columns(["int64", "nulls", "bool", "float16"])
formatted = [
    *(permutation.with_format(name) for name in ("python", "numpy", "pandas", "torch_batch")),
    permutation.remove_columns(["text", "ragged", "struct", "label"]).with_format("torch"),
    numbers.with_format("torch_row"),
    permutation.with_transform(lambda batch: pa.compute.negate(batch["nulls"]).to_pylist()),
]


def read():
    for each in formatted:
        each.take_offsets([3, 1, 2])


read()
assert num_allocated(read) > 0
own = pa.default_memory_pool().backend_name
in_child(lambda: print(num_allocated(read), pa.default_memory_pool().backend_name))
# A pool of the C library is as good as ours.
pa.set_memory_pool(pa.system_memory_pool())
in_child(lambda: print(num_allocated(read), pa.default_memory_pool().backend_name))
assert own == "mimalloc"
assert pa.default_memory_pool().backend_name == "system"
"""
    )
    assert run_script(tmp_path, script, tmp_path / "db") == "0 system, kept\n0 system\n"


def test_children_make_frames_where_their_parent_used_the_threads_of_polars(tmp_path):
    script = (
        _SCRIPT
        + """
import polars as pl
import torch
from croupier.util import keep_batch

table = croupier.connect(sys.argv[1]).create_table("t", rows)
permutation = croupier.Permutation.identity(table).with_format("polars")
expected = pl.from_arrow(rows)
assert pl.concat([expected.filter(pl.col("int64") >= 0), expected]).height == 2000


def check():
    assert permutation.take_offsets(range(1000)).equals(expected)
    assert table.to_polars().equals(expected)
    assert permutation[3].rows() == expected[3].rows()


check()
in_child(check)
loader = torch.utils.data.DataLoader(
    permutation,
    batch_size=100,
    collate_fn=keep_batch,
    num_workers=2,
    multiprocessing_context="fork",
)
assert pl.concat(list(loader)).equals(expected)
print("equal")
"""
    )
    assert run_script(tmp_path, script, tmp_path / "db") == "equal\n"
