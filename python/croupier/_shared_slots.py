"""Shared memory in which a worker hands batches to its parent, again and again.

A slot is an anonymous file in memory of the worker's, mapped by both. The worker fills it, the
parent reads it in place, and marks it free when the last view of the batch is gone; then the worker
fills it again. So neither has to fault new pages in, no descriptor travels, and no file has a name
that could be left behind: the memory ends with the last process that maps it.
"""

from __future__ import annotations

import multiprocessing
import os
import secrets
import threading
import weakref
from typing import Any, NamedTuple

import numpy as np
import torch

# The head of a slot: a byte of state, then a name that no other slot has.
_HEAD_BYTES = 64
_NAME_BYTES = 16
_FREE, _FILLED, _RETIRED = 0, 1, 2

_SMALLEST_BYTES = 64 << 10
# For each slot a worker keeps a descriptor open; what is over goes through the pipe.
_MAX_SLOTS = 128


class Place(NamedTuple):
    """Where a batch lies, for the process that it is sent to.

    Attributes:
        pid: the process that made the slot.
        descriptor: of the slot, in that process.
        name: of the slot.
        size: of the slot, with its head, in bytes.
        length: of the batch, in bytes.
    """

    pid: int
    descriptor: int
    name: bytes
    size: int
    length: int


class _Slot:
    """One slot, as one process maps it."""

    def __init__(self, path: str, size: int):
        # Keeps no descriptor open.
        storage = torch.UntypedStorage.from_file(path, shared=True, nbytes=size)
        self.memory: np.ndarray[Any, Any] = torch.empty(0, dtype=torch.uint8).set_(storage).numpy()

    @property
    def name(self) -> bytes:
        return self.memory[_HEAD_BYTES - _NAME_BYTES : _HEAD_BYTES].tobytes()

    @name.setter
    def name(self, name: bytes) -> None:
        self.memory[_HEAD_BYTES - _NAME_BYTES : _HEAD_BYTES] = bytearray(name)

    @property
    def state(self) -> int:
        return int(self.memory[0])

    @state.setter
    def state(self, state: int) -> None:
        self.memory[0] = state

    @property
    def capacity(self) -> int:
        return len(self.memory) - _HEAD_BYTES

    def view(self, length: int) -> np.ndarray[Any, Any]:
        """Make an array of the first bytes behind the head."""
        return self.memory[_HEAD_BYTES : _HEAD_BYTES + length]


class SlotPool:
    """The slots of a process that sends batches."""

    def __init__(self) -> None:
        self._slots: dict[int, _Slot] = {}
        # Guards _slots. A forked child makes a pool of its own: see `slot_pool`.
        self._lock = threading.Lock()

    def fill(self, length: int) -> tuple[Place, np.ndarray[Any, Any]]:
        """Choose a slot and mark it filled; the caller fills it.

        Returns:
            What to send, and the memory: aligned to 64 bytes, of any content.

        Raises:
            OSError: if there are too many slots, or the system has no more of them.
        """
        with self._lock:
            for descriptor in [d for d, slot in self._slots.items() if slot.state == _RETIRED]:
                del self._slots[descriptor]
                os.close(descriptor)
            fitting = [
                (slot.capacity, descriptor)
                for descriptor, slot in self._slots.items()
                if slot.capacity >= length and slot.state == _FREE
            ]
            descriptor = min(fitting)[1] if fitting else self._make(length)
            slot = self._slots[descriptor]
            slot.state = _FILLED
        place = Place(os.getpid(), descriptor, slot.name, len(slot.memory), length)
        return place, slot.view(length)

    def _make(self, length: int) -> int:
        if len(self._slots) >= _MAX_SLOTS:
            raise OSError(f"all {_MAX_SLOTS} slots for batches are in use")
        # Pages that are not filled take no memory.
        size = max(1 << (length + _HEAD_BYTES - 1).bit_length(), _SMALLEST_BYTES)
        descriptor = os.memfd_create("croupier batch")
        try:
            os.ftruncate(descriptor, size)
            slot = _Slot(f"/proc/{os.getpid()}/fd/{descriptor}", size)
        except (OSError, RuntimeError) as error:
            os.close(descriptor)
            raise OSError(f"no shared memory for a batch: {error}") from error
        slot.name = secrets.token_bytes(_NAME_BYTES)
        self._slots[descriptor] = slot
        return descriptor


class _Received:
    """The slots of other processes that this one has mapped."""

    def __init__(self) -> None:
        self._slots: dict[int, dict[bytes, _Slot]] = {}
        # Those that hold a batch that is in use here.
        self._in_use: dict[bytes, tuple[_Slot, weakref.ref[Any]]] = {}

    def open(self, place: Place) -> memoryview:
        """Give the memory of a batch; when no view of it is left, the slot is free."""
        slot = self._slots.get(place.pid, {}).get(place.name)
        if slot is None:
            slot = self._map(place)
        view = slot.view(place.length)
        received = weakref.ref(view, lambda _: self._release(place.name))
        self._in_use[place.name] = slot, received
        return memoryview(view)  # type: ignore[arg-type]

    def _map(self, place: Place) -> _Slot:
        try:
            slot = _Slot(f"/proc/{place.pid}/fd/{place.descriptor}", place.size)
        except (OSError, RuntimeError) as error:
            raise RuntimeError(
                f"the worker with the process id {place.pid} ended before its batch was received"
            ) from error
        if slot.name != place.name:
            raise RuntimeError(f"the process {place.pid} is not the worker that sent the batch")
        of_worker = self._slots.get(place.pid)
        if of_worker is None:
            # Only as long as the worker: where that is not known, slots are mapped for each batch.
            for process in multiprocessing.active_children():
                if process.pid == place.pid:
                    of_worker = self._slots[place.pid] = {}
                    ended = weakref.finalize(process, self._slots.pop, place.pid, None)
                    ended.atexit = False  # type: ignore[misc]
        if of_worker is not None:
            of_worker[place.name] = slot
        return slot

    def _release(self, name: bytes) -> None:
        slot, _ = self._in_use.pop(name, (None, None))
        if slot is not None:
            slot.state = _FREE

    def retire(self) -> None:
        """Let no slot that is in use now be filled again: a forked child reads it too."""
        # Copies: what is released meanwhile, by a collection of garbage, changes the dicts.
        for name, (slot, _) in list(self._in_use.items()):
            slot.state = _RETIRED
            for of_worker in list(self._slots.values()):
                of_worker.pop(name, None)
            self._in_use.pop(name, None)

    def forget(self) -> None:
        """Leave to the parent, in a forked child, what it has received."""
        self._in_use.clear()
        self._slots.clear()


_pool: tuple[int, SlotPool] | None = None
_received = _Received()


def slot_pool() -> SlotPool:
    """Give the pool of this process."""
    global _pool
    if _pool is None or _pool[0] != os.getpid():
        _pool = os.getpid(), SlotPool()
    return _pool[1]


def open_place(place: Place) -> memoryview:
    """Give the memory of a batch that another process has sent, for as long as anything views it.

    Raises:
        RuntimeError: if the other process ended before.
    """
    return _received.open(place)


# Twice, for batches that come and go in other threads meanwhile.
os.register_at_fork(
    before=_received.retire, after_in_parent=_received.retire, after_in_child=_received.forget
)
