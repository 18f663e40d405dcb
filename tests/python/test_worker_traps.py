"""The four traps of LanceDB's workers: each kind of worker reads the rows of its parent.

An in-memory table after a delete, and the storage order of a branch, of an old version and of a
table that grows (differences-from-lancedb.md).
"""

import datetime

import lance
import pyarrow as pa
from child_script import read_line, run_script, start_script, wait_for
from process_script import PRELUDE

import croupier

TRAPS = """
import multiprocessing
import pickle
import sys

import pyarrow as pa

import croupier


def read(name, permutation, table, queue):
    queue.put((name, permutation.with_format("python_col").take_offsets(range(len(permutation))),
               table.to_arrow(["x"])["x"].to_pylist(), len(permutation)))


def xs(values):
    return pa.table({"x": pa.array(values, pa.int64())})


def make(folder):
    '''Give, of each trap, a permutation, its table, and the rows that both must give.'''
    memory = croupier.connect("memory://").create_table("t", xs(range(5)))
    memory.delete("x = 4")
    memory.delete("x = 0")
    memory.add(xs([7]))
    deleted = croupier.permutation_builder(memory).shuffle(seed=1).execute()

    database = croupier.connect(folder)
    branch = database.open_table("branched", branch="b")
    branch.add(xs([10]))

    old = database.create_table("old", xs(range(10)))
    old.add(xs([10]))

    growing = database.create_table("growing", xs(range(10)))
    grown = croupier.Permutation.identity(growing)
    at_ten = growing.checkout(growing.version)
    growing.add(xs([10, 11]))
    return {
        "in memory, after a delete": (croupier.Permutation.identity(memory), memory, [1, 2, 3, 7]),
        "in memory, shuffled": (
            croupier.Permutation.from_tables(memory, deleted), memory, [1, 2, 3, 7]),
        "a branch": (croupier.Permutation.identity(branch), branch, list(range(11))),
        "an old version": (
            croupier.Permutation.identity(old.checkout(1)), old.checkout(1), list(range(10))),
        "a table that grows": (grown, at_ten, list(range(10))),
    }


if __name__ == "__main__":
    traps = make(sys.argv[1])
    for method in ("fork", "spawn", "forkserver"):
        context = multiprocessing.get_context(method)
        queue = context.SimpleQueue()
        for name, (permutation, table, expected) in traps.items():
            worker = context.Process(target=read, args=(name, permutation, table, queue))
            worker.start()
            _, by_permutation, by_table, length = queue.get()
            worker.join()
            assert worker.exitcode == 0
            assert sorted(by_permutation["x"]) == sorted(by_table) == expected, (method, name)
            assert length == len(expected), (method, name)
            if permutation.permutation_table is None:
                assert by_permutation["x"] == expected, (method, name)
        queue.close()
    pickled = pickle.dumps(traps["a table that grows"][0])
    croupier.connect(sys.argv[1]).open_table("growing").add(xs([12]))
    assert len(pickle.loads(pickled)) == 10
    print("right rows")
"""


def test_workers_of_every_kind_read_the_right_rows(tmp_path):
    database = croupier.connect(tmp_path / "database")
    table = database.create_table("branched", pa.table({"x": range(10)}))
    lance.dataset(table.uri).create_branch("b")
    assert run_script(tmp_path, TRAPS, tmp_path / "database", timeout=120) == "right rows\n"


CLASSIC = """
import multiprocessing
import sys

import pyarrow as pa
from torch.utils.data import DataLoader

import croupier
from croupier.util import keep_batch


def train(uri):
    table = croupier.open_dataset(uri)
    order = croupier.permutation_builder(table).shuffle(seed=1).execute()
    permutation = croupier.Permutation.from_tables(table, order).with_format("torch_batch")
    expected = sorted(x for batch in permutation.iter(10) for x in batch["x"].tolist())
    list(permutation)
    for _ in range(2):
        loader = DataLoader(
            permutation.select_columns(["x"]), batch_size=32, num_workers=2,
            multiprocessing_context="fork", collate_fn=keep_batch)
        assert sorted(x for batch in loader for x in batch["x"].tolist()) == expected


if __name__ == "__main__":
    process = multiprocessing.get_context("spawn").Process(target=train, args=(sys.argv[1],))
    process.start()
    process.join(30)
    hung = process.is_alive()
    if hung:
        process.kill()
        process.join()
    print("hung" if hung else process.exitcode)
"""


def test_forked_workers_after_the_parent_has_iterated_in_a_spawned_child(tmp_path, lance_uri):
    assert run_script(tmp_path, CLASSIC, lance_uri) == "0\n"


WHERE_IT_IS = """
import multiprocessing
import shutil
import sys

import croupier


def open_moved(name):
    return croupier.open_dataset(f"{sys.argv[1]}/moved/{name}.lance")


def read(permutation, queue):
    queue.put(permutation.with_format("python_col").take_offsets([0, 1])["x"])


if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    queue = context.SimpleQueue()
    database = croupier.connect(f"{sys.argv[1]}/database")
    table = database.create_table("t", [{"x": i} for i in range(10)])
    permutation = croupier.Permutation.identity(table)
    shutil.move(f"{sys.argv[1]}/database", f"{sys.argv[1]}/moved")

    # By a factory that the worker imports, a table is found where it is now.
    worker = context.Process(
        target=read, args=(permutation.with_connection_factory(open_moved), queue))
    worker.start()
    assert queue.get() == [0, 1]
    worker.join()
    assert worker.exitcode == 0

    # Without one it is an error that names the place, never other rows.
    import pickle
    try:
        pickle.loads(pickle.dumps(permutation))
    except OSError as error:
        assert "database/t.lance" in str(error), error
        print("gone")
    queue.close()
"""


def test_a_spawned_worker_finds_a_table_that_has_moved_by_its_factory(tmp_path):
    assert run_script(tmp_path, WHERE_IT_IS, tmp_path) == "gone\n"


def test_a_worker_reads_the_version_of_its_parent_or_says_that_it_is_gone(tmp_path, lance_uri):
    script = (
        PRELUDE
        + """
import pickle

from torch.utils.data import DataLoader

if __name__ == "__main__":
    permutation = shuffled(open_table(sys.argv[1])).with_format("python")
    pickled = pickle.dumps(permutation)
    print("made", flush=True)
    input()  # until the table has another version
    for method in ("fork", "spawn"):
        loader = DataLoader(
            permutation, batch_size=8, num_workers=1, multiprocessing_context=method)
        print(sum(len(batch["x"]) for batch in loader) == len(permutation), flush=True)
    input()  # until the version of the permutation is removed
    try:
        pickle.loads(pickled)
    except croupier.VersionNotFoundError as error:
        print(error)
"""
    )
    child = start_script(tmp_path, script, lance_uri)
    assert read_line(child) == "made\n"
    lance.dataset(lance_uri).delete("x = 0")
    child.stdin.write("\n")
    child.stdin.flush()
    assert [read_line(child) for _ in range(2)] == ["True\n", "True\n"]
    lance.dataset(lance_uri).cleanup_old_versions(older_than=datetime.timedelta(0))
    child.stdin.write("\n")
    ended = wait_for(child)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "version 2" in ended.stdout
