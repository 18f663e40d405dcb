"""The end of a process in the middle of work: by itself, by Ctrl-C, of parents and of children."""

import signal

import pytest
from child_script import read_line, run_script, start_script, wait_for
from process_script import PRELUDE

DAEMONS = (
    PRELUDE
    + """
table = open_table(sys.argv[1])
permutation = shuffled(table)
written = croupier.connect("memory://").create_table("t", pa.table({"x": range(10)}))
begun = threading.Barrier(6)
inherited = croupier.Loader(permutation, batch_size=1)
next(inherited)


def work(body):
    body()
    begun.wait()
    while True:
        body()


bodies = [
    lambda: values(permutation.iter(3)),
    lambda: permutation.take_offsets(range(50)),
    lambda: table.to_arrow(),
    lambda: table.count_rows("x % 3 = 1"),
    # Not one that writes what Python gives by and by: pyarrow, which asks it, may crash then.
    lambda: written.update(where="x = 1", values={"x": "1"}),
]


def start():
    for body in bodies:
        threading.Thread(target=work, args=[body], daemon=True).start()
    begun.wait()


def leave():
    begun.reset()
    start()
    next(inherited)


for _ in range(3):
    assert in_child(leave) == 0
start()
croupier.Loader(permutation, batch_size=1).__next__()
print("ended")
"""
)


@pytest.mark.parametrize("where", ["memory", "local"])
def test_daemon_threads_read_and_write_when_processes_end(tmp_path, lance_uri, where):
    location = lance_uri if where == "local" else where
    for _ in range(3):
        assert run_script(tmp_path, DAEMONS, location) == "ended\n"


INTERRUPTED = (
    PRELUDE
    + """
import signal
import time


def endless(permutation, begun):
    begun.release()
    while True:
        values(permutation.iter(5))


if __name__ == "__main__":
    permutation = shuffled(open_table(sys.argv[1]))
    values(permutation.iter(10))
    context = multiprocessing.get_context(sys.argv[2])
    begun = context.Semaphore(0)
    workers = [context.Process(target=endless, args=(permutation, begun)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for _ in workers:
        begun.acquire()
    # Ctrl-C in a terminal reaches all processes; here it reaches the children first.
    for worker in workers:
        os.kill(worker.pid, signal.SIGINT)
    for worker in workers:
        worker.join()
        assert worker.exitcode == 1, worker.exitcode
    print("ready", flush=True)
    while True:
        values(permutation.iter(5))
"""
)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_ctrl_c_ends_parent_and_children(tmp_path, lance_uri, method):
    child = start_script(tmp_path, INTERRUPTED, lance_uri, method)
    assert read_line(child) == "ready\n"
    child.send_signal(signal.SIGINT)
    ended = wait_for(child)
    assert ended.returncode == -signal.SIGINT
    lines = ended.stderr.splitlines()
    # Of each child, and of the parent; nothing else was said.
    assert [line for line in lines if not line.startswith((" ", "Traceback", "Process "))] == [
        "KeyboardInterrupt"
    ] * 3


def test_an_exception_in_a_callback_ends_the_call_alone(tmp_path):
    script = (
        PRELUDE
        + """
database = croupier.connect(sys.argv[1])
rows = pa.table({"x": range(1000)})


class OfOurOwn(Exception):
    pass


def fail(_):
    raise OfOurOwn


def fails(call):
    try:
        call()
    except OfOurOwn:
        return True
    return False


def check():
    assert fails(lambda: database.create_table("failed", rows, progress=fail))
    assert "failed" not in database
    table = database.create_table(f"t {os.getpid()}", rows)
    assert fails(lambda: table.add(rows, progress=fail))
    assert len(table) == 1000 and table.version == 1
    transformed = croupier.Permutation.identity(table).with_transform(fail)
    assert fails(lambda: next(transformed.iter(10)))
    assert fails(lambda: transformed.take_offsets([1]))


check()
assert in_child(check) == 0
print("failed well")
"""
    )
    assert run_script(tmp_path, script, tmp_path / "database") == "failed well\n"


def test_no_order_of_destruction_matters(tmp_path, lance_uri):
    script = (
        PRELUDE
        + """
import gc
import itertools

database = croupier.connect("memory://")
database.create_table("t", pa.table({"x": range(1000)}))


def make(where):
    connection = database if where == "memory" else None
    table = database.open_table("t") if connection else croupier.open_dataset(where)
    order = croupier.permutation_builder(table).shuffle(seed=1).execute()
    permutation = croupier.Permutation.from_tables(table, order)
    loader = croupier.Loader(permutation, batch_size=7)
    next(loader)
    stream = permutation.iter(7)
    next(stream)
    scan = table.scan(batch_size=7)
    next(scan)
    batch = permutation.with_format("arrow").take_offsets([1, 2])
    return {"table": table, "order": order, "permutation": permutation, "loader": loader,
            "stream": stream, "scan": scan, "batch": batch}


for where in ("memory", sys.argv[1]):
    names = list(make(where))
    for first, second in itertools.permutations(names, 2):
        things = make(where)
        del things[first], things[second]
        gc.collect()
        if "loader" in things:
            next(things["loader"])
        if "scan" in things:
            next(things["scan"])
        if "batch" in things:
            things["batch"].validate(full=True)
        things.clear()
# A connection that is gone, while its table is read.
table = croupier.connect("memory://").create_table("t", pa.table({"x": range(10)}))
gc.collect()
assert len(table.to_arrow()) == 10
print("done")
"""
    )
    assert run_script(tmp_path, script, lance_uri) == "done\n"


def test_idle_threads_end_and_none_runs_before_the_first_read(tmp_path, lance_uri):
    script = (
        PRELUDE
        + """
import glob
import time


def ours():
    names = []
    for path in glob.glob("/proc/self/task/*/comm"):
        try:
            with open(path) as file:
                names.append(file.read().strip())
        except FileNotFoundError:
            pass  # it has just ended
    return [name for name in names if name.startswith("croupier")]


table = croupier.open_dataset(sys.argv[1])
permutation = shuffled(table)
loader = croupier.Loader(permutation, batch_size=10)
assert ours() == [], ours()
for batch in loader:
    pass
values(permutation.iter(10))
table.to_arrow()
# Threads that wait for storage stay a few seconds.
deadline = time.monotonic() + 30
while ours() and time.monotonic() < deadline:
    time.sleep(0.1)
assert ours() == [], ours()
print("none")
"""
    )
    assert run_script(tmp_path, script, lance_uri) == "none\n"
