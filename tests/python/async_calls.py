"""What tests of async calls have in common."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pyarrow as pa

import croupier

ROWS = {"x": list(range(1000)), "s": [f"row {i}" for i in range(1000)]}


def make_table(database: croupier.Connection) -> croupier.AsyncTable:
    return croupier.AsyncTable(database.create_table("numbers", pa.table(ROWS)))


def num_open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def num_threads() -> int:
    """Count the threads of Croupier that are there."""
    count = 0
    for task in Path("/proc/self/task").iterdir():
        try:
            count += (task / "comm").read_text().startswith("croupier-")
        except OSError:
            continue  # it has ended
    return count


async def turns_until(done: threading.Event) -> int:
    """Count the turns of the loop until a thread has set the event."""
    turns = 0
    while not done.is_set():
        await asyncio.sleep(0)
        turns += 1
    return turns
