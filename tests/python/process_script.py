"""What scripts of tests that fork and spawn begin with: see child_script.py."""

PRELUDE = '''
import multiprocessing
import os
import sys
import threading
import traceback

import pyarrow as pa

import croupier


def open_table(where):
    """Open the table of the fixture lance_uri, or make one of the same rows in memory."""
    if where == "memory":
        x = [i for i in range(1000) if i % 7 != 3]
        return croupier.connect("memory://").create_table("t", pa.table({"x": x}))
    return croupier.open_dataset(where)


def shuffled(table):
    order = croupier.permutation_builder(table).shuffle(seed=3).execute()
    return croupier.Permutation.from_tables(table, order).with_format("python_col")


def values(batches):
    return [x for batch in batches for x in batch["x"]]


class Things:
    """A table, a permutation and a loader that is in the middle, with what they must give."""

    def __init__(self, where):
        self.table = open_table(where)
        self.permutation = shuffled(self.table)
        self.expected = values(self.permutation.iter(100))
        self.loader = croupier.Loader(self.permutation, batch_size=50)
        self.begun = [next(self.loader)["x"].to_pylist() for _ in range(2)]

    def check(self):
        """Read by all of them, as if nothing had happened."""
        assert sorted(self.table.to_arrow(["x"])["x"].to_pylist()) == sorted(self.expected)
        assert self.table.count_rows("x < 500") == sum(x < 500 for x in self.expected)
        assert self.permutation.take_offsets([5, 0])["x"] == [self.expected[5], self.expected[0]]
        assert values(self.permutation.iter(64)) == self.expected
        return self

    def check_rest(self):
        """Read by the loader from where it is, to its end."""
        rest = [x for batch in self.loader for x in batch["x"].to_pylist()]
        assert [x for batch in self.begun for x in batch] + rest == self.expected


def in_child(body, *, leave=sys.exit):
    """Run it in a forked child, which then ends as a script does; give the exit status."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    try:
        body()
    except SystemExit:  # of a child of its own
        raise
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    leave(0)


class Busy:
    """Threads that do something again and again, right each time, until the block ends."""

    def __init__(self, *bodies):
        self.bodies = bodies
        self.errors = []
        self.stopped = False

    def run(self, body):
        try:
            while not self.stopped:
                body()
        except BaseException as error:
            self.errors.append(error)

    def __enter__(self):
        self.threads = [threading.Thread(target=self.run, args=[body]) for body in self.bodies]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, kind, *error):
        # A child that leaves has none of the threads of its parent.
        self.stopped = True
        if kind is not SystemExit:
            for thread in self.threads:
                thread.join()
            assert not self.errors, self.errors
'''
