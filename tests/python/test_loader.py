import gc
import threading
from collections import deque

import pyarrow as pa
import pytest
from child_script import run_script

import croupier
from croupier import Loader, Permutation, permutation_builder


@pytest.fixture
def shuffled(database):
    table = database.create_table("t", pa.table({"x": range(1000), "y": range(1000, 2000)}))
    order = permutation_builder(table).shuffle(seed=4).execute()
    return Permutation.from_tables(table, order)


def xs(batches):
    return [x for batch in batches for x in batch["x"].to_pylist()]


def test_every_row_comes_once_in_order(shuffled):
    expected = shuffled.with_format("arrow").take_offsets(range(1000))["x"].to_pylist()
    for num_threads in (1, 4):
        loader = Loader(shuffled, batch_size=64, num_threads=num_threads)
        batches = list(loader)
        assert [batch.num_rows for batch in batches] == [64] * 15 + [40]
        assert len(loader) == 16
        assert xs(batches) == expected


def test_drop_last_leaves_out_the_short_batch(shuffled):
    loader = Loader(shuffled, batch_size=64, drop_last=True)
    assert len(loader) == 15
    assert [batch.num_rows for batch in loader] == [64] * 15


def test_selection_and_window_of_the_permutation_hold(shuffled):
    view = shuffled.rename_column("x", "n").with_skip(10).with_take(20)
    batches = list(Loader(view, batch_size=15))
    assert [batch.num_rows for batch in batches] == [15, 5]
    assert batches[0].schema.names == ["y", "n"]
    assert Loader(view, batch_size=5, columns=["n"]).schema.names == ["n"]
    assert next(Loader(view, batch_size=5, columns=["n", "_rowid"])).schema.names == ["n", "_rowid"]


def test_counters_count(shuffled):
    loader = Loader(shuffled, batch_size=100, columns=["x"])
    next(loader)
    next(loader)
    assert loader.counters["num_batches"] == 2
    assert loader.counters["num_rows"] == 200
    assert loader.counters["num_bytes"] >= 1600
    loader.close()
    assert loader.counters["num_rows"] == 200


def test_a_loader_ends_and_stays_at_its_end(shuffled):
    loader = Loader(shuffled, batch_size=400)
    assert len(list(loader)) == 3
    with pytest.raises(StopIteration):
        next(loader)


def test_a_closed_loader_says_so(shuffled):
    with Loader(shuffled, batch_size=10) as loader:
        next(loader)
    loader.close()
    with pytest.raises(ValueError, match="the loader is closed"):
        next(loader)
    assert len(loader) == 100


def test_a_loader_can_be_closed_before_its_first_batch(shuffled):
    Loader(shuffled, batch_size=10).close()


def test_bad_arguments_are_errors(shuffled):
    for arguments, error in (
        ({"batch_size": 0}, ValueError),
        ({"batch_size": -1}, OverflowError),
        ({"batch_size": 1, "num_threads": 0}, ValueError),
        ({"batch_size": 1, "prefetch_bytes": -5}, ValueError),
        ({"batch_size": 1, "columns": []}, ValueError),
        ({"batch_size": 1, "columns": ["zz"]}, croupier.NameNotFoundError),
    ):
        with pytest.raises(error):
            Loader(shuffled, **arguments)


def test_a_tiny_budget_still_delivers_everything(shuffled):
    assert len(xs(Loader(shuffled, batch_size=100, prefetch_bytes=1))) == 1000


def test_close_from_another_thread_ends_the_loop(database):
    table = database.create_table("long", pa.table({"x": range(1_000_000)}))
    loader = Loader(Permutation.identity(table), batch_size=1)
    next(loader)
    thread = threading.Thread(target=loader.close)
    thread.start()
    with pytest.raises(ValueError, match="closed"):
        deque(loader, maxlen=0)
    thread.join()


def test_dropping_a_running_loader_joins_its_threads(shuffled):
    loader = Loader(shuffled, batch_size=1, num_threads=4)
    next(loader)
    del loader
    gc.collect()


def test_loaders_in_several_threads(shuffled):
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(xs(Loader(shuffled, batch_size=7))))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert all(result == results[0] for result in results)


SETUP = """
import croupier, pyarrow as pa
table = croupier.connect("memory://").create_table("t", pa.table({"x": range(100_000)}))
order = croupier.permutation_builder(table).shuffle(seed=1).execute()
permutation = croupier.Permutation.from_tables(table, order)
"""


def test_the_interpreter_exits_with_live_loaders(tmp_path):
    script = (
        SETUP
        + """
loaders = [croupier.Loader(permutation, batch_size=10, num_threads=4) for _ in range(3)]
loop = permutation.iter(10)
print(sum(next(loader).num_rows for loader in loaders), len(next(loop)))
"""
    )
    assert run_script(tmp_path, script) == "30 10\n"


def test_the_interpreter_exits_by_an_exception_inside_a_loop(tmp_path):
    script = (
        SETUP
        + """
import atexit, sys
sys.excepthook = lambda *error: print("ended by", error[1])
for batch in permutation.iter(10):
    raise RuntimeError("enough")
"""
    )
    from child_script import start_script, wait_for

    child = wait_for(start_script(tmp_path, script))
    assert (child.returncode, child.stdout, child.stderr) == (1, "ended by enough\n", "")


def test_a_thread_may_hold_a_loader_at_exit(tmp_path):
    script = (
        SETUP
        + """
import threading
from collections import deque
started = threading.Event()
def read():
    try:
        for batch in permutation.iter(1):
            started.set()
    except ValueError:
        pass  # the loader is closed
threading.Thread(target=read, daemon=True).start()
started.wait()
print("done")
"""
    )
    assert run_script(tmp_path, script) == "done\n"


def test_a_forked_child_goes_on_from_the_parents_batch(tmp_path):
    script = (
        SETUP
        + """
import os
loader = croupier.Loader(permutation, batch_size=1000, num_threads=2)
head = next(loader)["x"].to_pylist()
expected = permutation.with_format("python_col").take_offsets(range(100_000))["x"]
pid = os.fork()
rest = [x for batch in loader for x in batch["x"].to_pylist()]
assert head + rest == expected
if pid:
    assert os.waitpid(pid, 0)[1] == 0
    print("both read everything")
"""
    )
    assert run_script(tmp_path, script) == "both read everything\n"


def test_a_storage_error_reaches_the_caller_once(lance_uri):
    from pathlib import Path

    table = croupier.open_dataset(lance_uri)
    for file in (Path(lance_uri) / "data").iterdir():
        file.unlink()
    loader = Loader(Permutation.identity(table), batch_size=10)
    with pytest.raises(OSError, match=r"\.lance"):
        next(loader)
    with pytest.raises(ValueError, match="the loader has failed"):
        next(loader)
