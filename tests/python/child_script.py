"""Run scripts in Python processes of their own: warnings are errors, hangs are ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

# Before a hung child is killed, faulthandler prints where its threads are. Jobs that a shell has
# put into the background ignore Ctrl-C, and so would what they start.
#
# The thread of a multiprocessing.Queue is a daemon, and torch joins none of a DataLoader's. Where
# it is the last to hold a semaphore of the queue, it removes that, and CPython may end the process
# before it has told the resource tracker so, which then warns. Waiting for these threads, after all
# else of the exit, leaves every other warning as it is.
_PRELUDE = """\
import atexit, faulthandler, signal
faulthandler.enable()
faulthandler.register(signal.SIGUSR1, all_threads=True)
signal.signal(signal.SIGINT, signal.default_int_handler)

def _join_threads_of_queues():
    import threading
    for thread in threading.enumerate():
        if thread.name == "QueueFeederThread":
            thread.join(10)

if __name__ == "__main__":
    atexit.register(_join_threads_of_queues)
"""


# A part of scripts that have a `table`: `fork_while_threads_read` forks while threads scan it. Each
# child reads it and forks again until there are so many generations.
FORK_WHILE_THREADS_READ = """
import os, sys, threading

def fork_while_threads_read(forks, threads=4, generations=1):
    first = table.to_arrow()  # what scans read is not remembered
    running = True
    def read():
        while running:
            assert table.to_arrow().equals(first)
    readers = [threading.Thread(target=read) for _ in range(threads)]
    for reader in readers:
        reader.start()
    def fork(left):
        pid = os.fork()
        if pid == 0:
            assert table.to_arrow().equals(first)
            if left > 1:
                fork(left - 1)
            sys.exit(0)
        assert os.waitpid(pid, 0)[1] == 0
    for _ in range(forks):
        fork(generations)
    running = False
    for reader in readers:
        reader.join()
"""


@dataclass(frozen=True)
class Child:
    returncode: int
    stdout: str
    stderr: str


def start_script(directory: Path, script: str, *arguments: object) -> subprocess.Popen[str]:
    """Start the script as a file, as `spawn` needs; it imports what the tests import."""
    path = directory / "script.py"
    path.write_text(_PRELUDE + script)
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    return subprocess.Popen(
        [sys.executable, "-W", "error", str(path), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=directory,
        start_new_session=True,
    )


def _fail_hung(child: subprocess.Popen[str], timeout: float) -> NoReturn:
    """Kill the child with its children, and fail the test."""
    child.send_signal(signal.SIGUSR1)
    try:
        child.wait(timeout=1)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
    stdout, stderr = child.communicate()
    raise AssertionError(f"the child hung for {timeout} s\nstdout:\n{stdout}\nstderr:\n{stderr}")


def read_line(child: subprocess.Popen[str], timeout: float = 60) -> str:
    """Read the next line, nothing at the end; a child that hangs is killed and fails the test."""
    assert child.stdout is not None
    lines: list[str] = []
    output = child.stdout
    reader = threading.Thread(target=lambda: lines.append(output.readline()))
    reader.start()
    reader.join(timeout)
    if not lines:
        _fail_hung(child, timeout)
    return lines[0]


def wait_for(child: subprocess.Popen[str], timeout: float = 60) -> Child:
    """Wait for the end; a child that hangs is killed with its children and fails the test."""
    try:
        stdout, stderr = child.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        _fail_hung(child, timeout)
    return Child(child.returncode, stdout, stderr)


def run_script(directory: Path, script: str, *arguments: object, timeout: float = 60) -> str:
    """Run the script to its end; it must end well and write nothing to stderr.

    Returns:
        What it wrote to stdout.
    """
    child = wait_for(start_script(directory, script, *arguments), timeout)
    assert (child.returncode, child.stderr) == (0, ""), f"stdout:\n{child.stdout}\n{child.stderr}"
    return child.stdout
