"""What scripts of tests are guarded against."""

from __future__ import annotations

import pytest
from child_script import run_script

# A queue as torch's DataLoader leaves it, on a machine so busy that its thread is the last to hold
# the queue's semaphores, and is stopped between removing one and telling so. Nothing of Croupier's.
QUEUE = """
import multiprocessing, multiprocessing.queues, multiprocessing.resource_tracker
import sys, threading, time

feed = multiprocessing.queues.Queue._feed
unregister = multiprocessing.resource_tracker.unregister
let_go = threading.Event()

def feed_and_outlive_the_queue(*arguments):
    feed(*arguments)
    let_go.wait()

def unregister_slowly(name, kind):
    if threading.current_thread().name == "QueueFeederThread":
        if sys.argv[1] == "leaks":
            multiprocessing.resource_tracker.register("/mp-not-there", "semaphore")
        late.set()
        time.sleep(0.2)
    unregister(name, kind)

late = threading.Event()
multiprocessing.queues.Queue._feed = staticmethod(feed_and_outlive_the_queue)
multiprocessing.resource_tracker.unregister = unregister_slowly

def use_a_queue():
    queue = multiprocessing.get_context("spawn").Queue()
    queue.put(1)
    queue.cancel_join_thread()
    queue.close()

if __name__ == "__main__":
    use_a_queue()
    let_go.set()
    assert late.wait(30)
"""


def test_the_thread_of_a_queue_ends_before_the_process(tmp_path):
    assert run_script(tmp_path, QUEUE, "joins") == ""


def test_a_semaphore_that_is_left_behind_is_told(tmp_path):
    with pytest.raises(AssertionError, match="resource_tracker: '/mp-not-there'"):
        run_script(tmp_path, QUEUE, "leaks")
