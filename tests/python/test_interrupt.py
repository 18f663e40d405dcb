"""Ctrl-C during long calls. Behaviour is asserted; the only clock is the guard against hangs."""

import signal

import pytest
from child_script import read_line, start_script, wait_for

# The child says when it is in the call. What it does then would take minutes.
SCRIPT = """
import os, signal, sys, threading, time
import numpy as np
import pyarrow as pa
import croupier

what, uri = sys.argv[1:]
table = croupier.open_dataset(uri)
order = croupier.permutation_builder(table).shuffle(seed=1).execute()
permutation = croupier.Permutation.from_tables(table, order).with_format("arrow")
num_rows = len(table)
many = np.tile(np.arange(num_rows), 50_000_000 // num_rows)
row_ids = table.search().select(["_rowid"]).to_arrow()["_rowid"].to_numpy()
row_ids = np.tile(row_ids, 50_000_000 // num_rows)

def calls():
    if what == "take_row_ids":
        table.take_row_ids(row_ids).to_arrow()
    elif what == "take_offsets":
        permutation.take_offsets(many)
    elif what == "next":
        while True:
            for batch in permutation.iter(num_rows):
                pass
    elif what == "scan":
        while True:
            table.to_arrow()

try:
    print("ready", flush=True)
    calls()
    print("finished")
except KeyboardInterrupt:
    print("interrupted")
    # Everything is still of use.
    assert sum(batch.num_rows for batch in permutation.iter(100)) == num_rows
    assert table.to_arrow().num_rows == num_rows
    print("works")
"""


@pytest.mark.parametrize("what", ["take_row_ids", "take_offsets", "next", "scan"])
def test_ctrl_c_ends_a_long_call_and_leaves_all_usable(tmp_path, lance_uri, what):
    child = start_script(tmp_path, SCRIPT, what, lance_uri)
    assert read_line(child) == "ready\n"
    child.send_signal(signal.SIGINT)
    ended = wait_for(child, timeout=30)
    assert (ended.stdout, ended.stderr) == ("interrupted\nworks\n", "")
    assert ended.returncode == 0


HANDLER = """
import os, signal, sys, time
import croupier

class Stop(Exception):
    pass

def handler(number, frame):
    raise Stop("by the handler")

signal.signal(signal.SIGUSR2, handler)
table = croupier.open_dataset(sys.argv[1])
row_ids = list(range(3)) * 5_000_000
try:
    print("ready", flush=True)
    while True:
        table.take_row_ids(row_ids).to_arrow()
except Stop as stop:
    print("stopped", stop)
"""


def test_what_another_signal_handler_raises_is_what_the_call_raises(tmp_path, lance_uri):
    child = start_script(tmp_path, HANDLER, lance_uri)
    assert read_line(child) == "ready\n"
    child.send_signal(signal.SIGUSR2)
    ended = wait_for(child, timeout=30)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "stopped by the handler\n", "")


WAITING = """
import sys
import pyarrow as pa
import croupier

# One batch is the whole table: long to make, so that next waits.
rows = pa.table({"s": pa.array(["x" * 1000]).take(pa.array([0] * 400_000))})
table = croupier.connect("memory://").create_table("t", rows)
order = croupier.permutation_builder(table).shuffle(seed=1).execute()
permutation = croupier.Permutation.from_tables(table, order)
try:
    print("ready", flush=True)
    while True:
        with croupier.Loader(permutation, batch_size=400_000) as loader:
            next(loader)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_ends_waiting_for_a_batch(tmp_path):
    child = start_script(tmp_path, WAITING)
    assert read_line(child) == "ready\n"
    child.send_signal(signal.SIGINT)
    ended = wait_for(child, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "interrupted\n", "")
