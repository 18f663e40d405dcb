"""Forks, each script in a process of its own: what is inherited works in the child at once."""

import pytest
from child_script import run_script
from process_script import PRELUDE


@pytest.fixture(params=["memory", "local"])
def where(request, lance_uri):
    return lance_uri if request.param == "local" else request.param


def test_children_read_while_threads_of_the_parent_read(tmp_path, where):
    script = (
        PRELUDE
        + """
things = Things(sys.argv[1])
with Busy(things.check, lambda: values(things.permutation.iter(10))):
    for _ in range(30):
        assert in_child(things.check_rest) == 0
    assert in_child(things.check) == 0
    # One that uses nothing, and one that ends by an exception of its own.
    assert in_child(lambda: None) == 0
    assert in_child(lambda: None, leave=lambda status: sys.exit(7)) == 7
things.check_rest()
print("equal")
"""
    )
    assert run_script(tmp_path, script, where) == "equal\n"


def test_generations_of_children_and_forks_by_threads(tmp_path, where):
    script = (
        PRELUDE
        + """
things = Things(sys.argv[1])


def generation(left):
    things.check()
    if left:
        assert in_child(lambda: generation(left - 1)) == 0
    things.check_rest()


assert in_child(lambda: generation(3)) == 0
statuses = []


def fork_often():
    for _ in range(4):
        # The thread is the main one of its child, which Python cannot end as a script.
        statuses.append(in_child(lambda: (things.check(), things.check_rest()), leave=os._exit))


threads = [threading.Thread(target=fork_often) for _ in range(3)]
with Busy(things.check):
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
assert statuses == [0] * 12, statuses
things.check().check_rest()
print("equal")
"""
    )
    assert run_script(tmp_path, script, where) == "equal\n"


def test_what_is_half_consumed_goes_on_in_parent_and_child(tmp_path, where):
    script = (
        PRELUDE
        + """
things = Things(sys.argv[1])
order = sorted(things.expected)
stored = things.table.to_arrow(["x"])["x"].to_pylist()
streams = {
    "iter": (things.permutation.iter(10), things.expected),
    "scan": (things.table.scan(["x"], batch_size=13), stored),
    "filtered": (things.table.scan(["x"], batch_size=7, filter="x >= 0"), stored),
    "search": (things.table.search().select(["x"]).offset(3).to_batches(9), stored[3:]),
    "capsule": (pa.RecordBatchReader.from_stream(things.table), stored),
    "loader": (croupier.Loader(things.permutation, batch_size=11), things.expected),
}


def xs(batch):
    column = batch["x"]
    return column if isinstance(column, list) else column.to_pylist()


begun = {name: xs(next(iter(stream))) for name, (stream, _) in streams.items()}


def check():
    for name, (stream, expected) in streams.items():
        assert begun[name] + [x for batch in stream for x in xs(batch)] == expected, name


assert in_child(lambda: (in_child(check), check())) == 0
check()
print("equal")
"""
    )
    assert run_script(tmp_path, script, where) == "equal\n"


def test_a_blob_is_read_on_by_a_child(tmp_path):
    script = (
        PRELUDE
        + """
blob = pa.field("data", pa.large_binary(), metadata={"lance-encoding:blob": "true"})
rows = pa.table([[bytes(range(256)) * 1000]], pa.schema([blob]))
for where in ("memory://", sys.argv[1]):
    (file,) = croupier.connect(where).create_table("t", rows).take_blobs("data", [0])
    begun = file.read(1000)


    def check():
        position = file.tell()
        assert begun + file.read() == rows["data"][0].as_py()
        file.seek(position)


    assert in_child(check) == 0
    check()
print("equal")
"""
    )
    assert run_script(tmp_path, script, tmp_path / "database") == "equal\n"


def test_children_write_tables_while_threads_of_the_parent_write(tmp_path):
    script = (
        PRELUDE
        + """
rows = pa.table({"x": range(1000)})
for where in ("memory://", sys.argv[1]):
    database = croupier.connect(where)
    table = database.create_table("mine", rows)


    def write():
        table.add(rows)
        table.delete("x % 2 = 0")
        database.create_table("also", rows, mode="overwrite")


    def write_other(name):
        own = database.create_table(name, rows)
        own.add(rows)
        own.delete("x < 10")
        assert len(own) == len(database.open_table(name)) == 1980


    with Busy(write):
        for i in range(10):
            assert in_child(lambda: write_other(f"child {i}")) == 0
    # What a child writes in memory is its own, in a folder it is there for all.
    assert len(database) == (2 if where == "memory://" else 12)
    assert len(table) == len(database.open_table("mine"))
print("written")
"""
    )
    assert run_script(tmp_path, script, tmp_path / "database") == "written\n"


def test_a_fork_that_python_does_not_see(tmp_path, where):
    """A library forks by itself, and calls Python in the child: nothing of Python's prepares it.

    The threads that read meanwhile are ours. Of its own, CPython leaves locks closed in such a
    child if one waits for the interpreter at that moment.
    """
    script = (
        PRELUDE
        + """
import ctypes

libc = ctypes.PyDLL(None)
things = Things(sys.argv[1])
for _ in range(20):
    # Their threads read ahead while this one forks.
    begun = [iter(croupier.Loader(things.permutation, batch_size=5)) for _ in range(2)]
    rest = [next(loader)["x"].to_pylist() for loader in begun]
    pid = libc.fork()
    try:
        for loader, first in zip(begun, rest):
            assert [*first, *(x for batch in loader for x in batch["x"].to_pylist())] == (
                things.expected
            )
        things.check()
        if pid == 0:
            things.check_rest()
            libc._exit(0)
    except BaseException:
        if pid == 0:
            traceback.print_exc()
            libc._exit(1)
        raise
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
print("equal")
"""
    )
    assert run_script(tmp_path, script, where) == "equal\n"


POOLS = (
    PRELUDE
    + """
from concurrent.futures import ProcessPoolExecutor
import subprocess

things = None


def take(thing, offsets):
    return thing.take_offsets(offsets)["x"]


def take_inherited(offsets):
    return take(things.permutation, offsets)


if __name__ == "__main__":
    things = Things(sys.argv[1])
    wanted = [[i, i + 1] for i in range(40)]
    expected = [things.expected[i : i + 2] for i in range(40)]
    pairs = [(things.permutation, offsets) for offsets in wanted]
    with Busy(things.check):
        for method in ("fork", "spawn", "forkserver"):
            context = multiprocessing.get_context(method)
            with context.Pool(2) as pool:
                assert pool.starmap(take, pairs) == expected, method
                if method == "fork":
                    assert pool.map(take_inherited, wanted) == expected
                pool.close()
                pool.join()
            with ProcessPoolExecutor(2, mp_context=context) as executor:
                assert list(executor.map(take, *zip(*pairs))) == expected, method
        # A fork that is followed by exec.
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", "import croupier; print(croupier.__version__)"],
            check=True, capture_output=True, text=True)
        assert (done.stdout, done.stderr) == (croupier.__version__ + "\\n", "")
    print("equal")
"""
)


def test_pools_and_executors_of_every_kind(tmp_path, where):
    assert run_script(tmp_path, POOLS, where, timeout=120) == "equal\n"
