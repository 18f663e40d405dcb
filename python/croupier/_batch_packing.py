"""Batches that a DataLoader's worker sends to its parent in one piece of shared memory.

torch sends each tensor by a descriptor of its own, and pickles anything else through a pipe. Here
all that is large in a batch, of torch, NumPy, pandas or Arrow, is laid into one buffer, and viewed
there by the parent; the rest is a short pickle.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch.multiprocessing.reductions import reduce_tensor

from croupier._shared_slots import Place, open_place, slot_pool

# A pipe is quicker for less than this.
_INLINE_BYTES = 16 << 10
_ALIGNMENT = 64


class WorkerDict(dict[Any, Any]):
    """A dict in a worker, which its parent receives as a plain one."""

    def __copy__(self) -> WorkerDict:
        # By a copy of the first row torch's default collate makes a batch.
        return WorkerDict(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)


class WorkerList(list[Any]):
    """A list in a worker, which its parent receives as a plain one."""

    def __copy__(self) -> WorkerList:
        return WorkerList(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)


class WorkerTuple(tuple[Any, ...]):
    """A tuple in a worker, which its parent receives as a plain one."""

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (list(self),)


def prepare_to_send(batch: Any) -> Any:
    """Have a batch cross in one buffer when it is put on a queue; see `worker_batch`."""
    kind = type(batch)
    if kind is dict:
        return WorkerDict(batch)
    if kind is tuple:
        return WorkerTuple(batch)
    if kind is list:
        rows = WorkerList(batch)
        if rows and type(rows[0]) is dict:
            rows[0] = WorkerDict(rows[0])
        return rows
    if kind is np.ndarray or hasattr(kind, "__arrow_c_stream__"):
        # Types of others: only in a worker, where all that is sent goes to the parent.
        ForkingPickler.register(kind, _reduce_whole)
    return batch


def _reduce_derived(batch: Any) -> tuple[Any, ...]:
    kind, arguments = batch.__reduce__()
    return _reduce(kind(*arguments))


def _reduce_whole(batch: Any) -> tuple[Any, ...]:
    return _reduce(batch)


for _kind in (WorkerDict, WorkerList, WorkerTuple):
    ForkingPickler.register(_kind, _reduce_derived)


class _ArrowStream:
    """Record batches that will be written as an Arrow IPC stream, once there is a place for it."""

    def __init__(self, rows: pa.RecordBatch | pa.Table):
        self._rows = rows
        measured = pa.MockOutputStream()
        self._write(measured)
        self.nbytes: int = measured.size()

    def write(self, memory: Any) -> None:
        self._write(pa.FixedSizeBufferWriter(pa.py_buffer(memory)))

    def _write(self, sink: pa.NativeFile) -> None:
        with pa.ipc.new_stream(sink, self._rows.schema) as stream:
            stream.write(self._rows)


class _Values:
    """A list of bytes, or of pieces of a pickle, which will be written one behind the other."""

    def __init__(self, values: list[bytes | None]):
        self.values = values
        self.nbytes = sum(len(value) for value in values if value is not None)

    def write(self, memory: Any) -> None:
        offset = 0
        for value in self.values:
            if value:
                memory[offset : offset + len(value)] = np.frombuffer(value, np.uint8)
                offset += len(value)


class _Array:
    """Memory of a tensor or an array."""

    def __init__(self, memory: memoryview):
        self._memory = memory
        self.nbytes = memory.nbytes

    def write(self, memory: Any) -> None:
        memory[:] = self._memory


_Part = _ArrowStream | _Values | _Array


class _Pieces(list[bytes]):
    """What is written to a file, in pieces."""

    write = list.append


def _pickle(batch: Any) -> tuple[_Pieces, list[_Part]]:
    """Pickle a batch; gives the pickle and, in order, the parts that it leaves aside."""
    parts: list[_Part] = []
    # What stands for a part that is written later, and the part.
    standing: dict[int, _Part] = {}

    def set_aside(buffer: pickle.PickleBuffer) -> None:
        parts.append(standing.get(id(buffer)) or _Array(buffer.raw()))

    def stand_for(part: _Part) -> pickle.PickleBuffer:
        buffer = pickle.PickleBuffer(b"")
        standing[id(buffer)] = part
        return buffer

    pieces = _Pieces()
    pickler = ForkingPickler(pieces, 5, False, set_aside)
    # Refers to nothing that refers to the pickler: what it keeps is to be freed at once.
    pickler.dispatch_table = {
        **{kind: how for kind, how in pickler.dispatch_table.items() if how is not _reduce_whole},
        torch.Tensor: _reduce_tensor,
        pa.RecordBatch: lambda rows: (_read_batch, (stand_for(_ArrowStream(rows)),)),
        pa.Table: lambda rows: (_read_table, (stand_for(_ArrowStream(rows)),)),
        _Values: lambda column: (
            _read_values,
            (
                stand_for(column),
                [None if value is None else len(value) for value in column.values],
            ),
        ),
    }
    pickler.dump(batch)
    return pieces, parts


def _with_values(column: Any) -> Any:
    """Take a column of a batch out of the pickle if it is a list of large values of bytes."""
    if type(column) is list and {bytes} <= set(map(type, column)) <= {bytes, type(None)}:
        values = _Values(column)
        if values.nbytes > _INLINE_BYTES:
            return values
    return column


def _read_values(memory: memoryview, lengths: list[int | None]) -> list[bytes | None]:
    values: list[bytes | None] = []
    offset = 0
    for length in lengths:
        if length is None:
            values.append(None)
            continue
        values.append(bytes(memory[offset : offset + length]))
        offset += length
    return values


def _read_table(stream: Any) -> pa.Table:
    return pa.ipc.open_stream(pa.py_buffer(stream)).read_all()


def _read_batch(stream: Any) -> pa.RecordBatch:
    return pa.ipc.open_stream(pa.py_buffer(stream)).read_next_batch()


def _reduce_tensor(tensor: torch.Tensor) -> tuple[Any, ...]:
    is_plain = (
        tensor.layout is torch.strided
        and tensor.device.type == "cpu"
        and not (tensor.requires_grad or tensor.is_quantized or tensor.is_conj() or tensor.is_neg())
    )
    if not is_plain:
        reduced: tuple[Any, ...] = reduce_tensor(tensor)
        return reduced
    shape = tuple(tensor.shape)
    if not tensor.numel():
        return _empty_tensor, (tensor.dtype, shape)
    tensor = tensor.contiguous()
    try:
        array = tensor.numpy()
    except TypeError:  # a type that NumPy lacks, as bfloat16
        array = tensor.view(-1).view(torch.uint8).numpy()
    return _view_tensor, (pickle.PickleBuffer(array), tensor.dtype, shape)


def _empty_tensor(dtype: torch.dtype, shape: tuple[int, ...]) -> torch.Tensor:
    return torch.empty(shape, dtype=dtype)


def _view_tensor(buffer: Any, dtype: torch.dtype, shape: tuple[int, ...]) -> torch.Tensor:
    tensor = torch.frombuffer(buffer, dtype=dtype)
    return tensor if len(shape) == 1 else tensor.view(shape)


def _reduce(batch: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    if type(batch) is dict:
        batch = {name: _with_values(column) for name, column in batch.items()}
    pieces, parts = _pickle(batch)
    stream = b"".join(pieces) if sum(map(len, pieces)) <= _INLINE_BYTES else b""
    if not stream:
        parts.insert(0, _Values(list(pieces)))
    sizes = [part.nbytes for part in parts]
    place, memory = _find_place(sum(map(_aligned, sizes)))
    offset = 0
    for size, part in zip(sizes, parts, strict=True):
        part.write(memory[offset : offset + size])
        offset += _aligned(size)
    return _rebuild, (stream, sizes, memory.tobytes() if place is None else place)


def _find_place(length: int) -> tuple[Place | None, Any]:
    """Give memory to fill: shared, if that is worth it and there is some."""
    if length > _INLINE_BYTES:
        try:
            return slot_pool().fill(length)
        except OSError:
            pass  # Slower, by the pipe, but no batch is lost.
    return None, np.zeros(length, np.uint8)


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT


def _rebuild(stream: bytes, sizes: list[int], sent: Place | bytes) -> Any:
    memory = memoryview(bytearray(sent)) if isinstance(sent, bytes) else open_place(sent)
    buffers = []
    offset = 0
    for size in sizes:
        buffers.append(memory[offset : offset + size])
        offset += _aligned(size)
    return pickle.loads(stream or buffers.pop(0), buffers=buffers)
