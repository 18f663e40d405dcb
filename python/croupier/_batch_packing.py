"""Batches that a DataLoader's worker sends to its parent in one piece of shared memory.

torch sends each tensor by a descriptor of its own, and pickles anything else through a pipe. Here
all that is large in a batch, of torch, NumPy, pandas or Arrow, is laid into one buffer, and viewed
there by the parent; the rest is a short pickle.
"""

from __future__ import annotations

import io
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


class _Packer(ForkingPickler):
    """Pickles a batch, and leaves aside what is large in it."""

    def __init__(self, stream: io.BytesIO):
        self.parts: list[memoryview | _ArrowStream] = []
        self._arrow_streams: dict[int, _ArrowStream] = {}
        super().__init__(stream, 5, False, self._set_aside)
        self.dispatch_table = {
            **{
                kind: reduce
                for kind, reduce in self.dispatch_table.items()
                if reduce is not _reduce_whole
            },
            torch.Tensor: _reduce_tensor,
            pa.RecordBatch: self._reduce_arrow,
            pa.Table: self._reduce_arrow,
        }

    def _set_aside(self, buffer: pickle.PickleBuffer) -> None:
        self.parts.append(self._arrow_streams.get(id(buffer)) or buffer.raw())

    def _reduce_arrow(self, rows: pa.RecordBatch | pa.Table) -> tuple[Any, ...]:
        # Stands for the stream, which is not written twice.
        buffer = pickle.PickleBuffer(b"")
        self._arrow_streams[id(buffer)] = _ArrowStream(rows)
        return _read_table if isinstance(rows, pa.Table) else _read_batch, (buffer,)


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
    flat = tensor.contiguous().view(-1)
    if not flat.numel():
        return _empty_tensor, (tensor.dtype, shape)
    return _view_tensor, (pickle.PickleBuffer(flat.view(torch.uint8).numpy()), tensor.dtype, shape)


def _empty_tensor(dtype: torch.dtype, shape: tuple[int, ...]) -> torch.Tensor:
    return torch.empty(shape, dtype=dtype)


def _view_tensor(buffer: Any, dtype: torch.dtype, shape: tuple[int, ...]) -> torch.Tensor:
    tensor = torch.frombuffer(buffer, dtype=dtype)
    return tensor if len(shape) == 1 else tensor.view(shape)


def _reduce(batch: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    file = io.BytesIO()
    packer = _Packer(file)
    packer.dump(batch)
    parts = packer.parts
    stream = file.getvalue()
    if len(stream) > _INLINE_BYTES:
        parts.insert(0, file.getbuffer())
        stream = b""
    sizes = [part.nbytes for part in parts]
    place, memory = _find_place(sum(map(_aligned, sizes)))
    offset = 0
    for size, part in zip(sizes, parts, strict=True):
        if isinstance(part, _ArrowStream):
            part.write(memory[offset : offset + size])
        else:
            memory[offset : offset + size] = part
        offset += _aligned(size)
    sent = memory.tobytes() if place is None else place
    return _rebuild, (stream, sizes, sent)


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
