"""A stream of record batches, read ahead by threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from croupier import _core

if TYPE_CHECKING:
    from croupier.permutation import Permutation

__all__ = ["Batches", "Loader"]


def start_loader(
    rows: _core.Permutation,
    *,
    columns: list[str],
    batch_rows: int,
    begin: int = 0,
    end: int = -1,
    drop_last: bool = False,
    batch_step: int = 1,
    num_threads: int | None = None,
    prefetch_bytes: int | None = None,
) -> _core.Loader:
    """Make a loader, of the first of every `batch_step` batches.

    Its threads end with the process, if it still lives then.
    """
    for name, value in (("num_threads", num_threads), ("prefetch_bytes", prefetch_bytes)):
        if value is not None and value <= 0:
            raise ValueError(f"{name} must be positive: {value}")
    return _core.Loader(
        rows,
        columns=columns,
        batch_rows=batch_rows,
        begin=begin,
        end=end,
        drop_last=drop_last,
        batch_step=batch_step,
        num_threads=num_threads or 0,
        prefetch_bytes=prefetch_bytes or 0,
    )


class Batches:
    """Batches that C++ threads read ahead, for ``for`` and for ``async for``. Used once.

    Several threads may share it, and each batch goes to one of them; tasks of an event loop take
    turns. After a fork the child goes on from the batch that the parent would have had next. A wait
    that is interrupted or cancelled leaves the batch to be had next. Made by `Permutation.iter`.
    """

    _is_awaited = False

    def __init__(
        self,
        loader: _core.Loader,
        schema: pa.Schema,
        transform: Callable[[pa.RecordBatch], Any] | None = None,
    ):
        """Use `Permutation.iter`."""
        self._loader = loader
        self._schema = schema
        self._transform = transform

    def __iter__(self) -> Batches:
        return self

    def __next__(self) -> Any:
        batch = rename_batch(next(self._loader), self._schema)
        if self._transform is None:
            return batch
        try:
            return self._transform(batch)
        except BaseException:
            self._drop()
            raise

    def __aiter__(self) -> Batches:
        return self

    async def __anext__(self) -> Any:
        from croupier._event_loop import await_ready

        self._is_awaited = True
        await await_ready(self._loader)
        try:
            return next(self)
        except StopIteration:
            raise StopAsyncIteration from None

    def close(self) -> None:
        """Stop the threads and drop what was read ahead. May be called again."""
        self._loader.close()

    async def aclose(self) -> None:
        """Do the same beside the event loop."""
        from croupier._event_loop import run_async

        await run_async(self._loader.close)

    def _drop(self) -> None:
        # Threads end with the read that they are at; no event loop is to wait for that.
        if self._is_awaited:
            _core.do_later(self._loader.close)
        else:
            self._loader.close()

    def __del__(self) -> None:
        if self._is_awaited:
            self._drop()


class Loader(Batches):
    """The batches of a permutation as pyarrow RecordBatches, in order, each row once.

    C++ threads read ahead within a budget of bytes. An iterator that is used once, by ``for`` or
    ``async for``: make another loader for another epoch. A short last batch is delivered, unless
    `drop_last` says otherwise. The permutation's format and transform do not apply.

    Used as a context manager, or closed, it stops its threads. After a fork the child goes on from
    the batch that the parent would have had next, and so does an unpickled loader; its counters
    begin at zero.

    Args:
        permutation: whose rows are read.
        batch_size: rows of every batch but the last.
        columns: names in the permutation's selection, in the order of the batches; all of the
            selection where none are given.
        num_threads: that read and decode; `croupier.config.num_threads` where none is given.
        prefetch_bytes: of batches that wait or are in the making;
            `croupier.config.prefetch_bytes` where none is given.
        drop_last: leave out a short last batch.

    Raises:
        ValueError: for an argument out of range.
        NameNotFoundError: for a column that is not in the selection.

    Example:
        >>> import croupier
        >>> table = croupier.connect("memory://").create_table("t", [{"x": i} for i in range(5)])
        >>> with croupier.Loader(croupier.Permutation.identity(table), batch_size=2) as loader:
        ...     print(len(loader), [batch.num_rows for batch in loader])
        3 [2, 2, 1]
    """

    def __init__(
        self,
        permutation: Permutation,
        *,
        batch_size: int,
        columns: Sequence[str] | None = None,
        num_threads: int | None = None,
        prefetch_bytes: int | None = None,
        drop_last: bool = False,
    ):
        selected = permutation if columns is None else permutation.select_columns(list(columns))
        self._start(
            selected,
            {
                "batch_size": batch_size,
                "drop_last": drop_last,
                "num_threads": num_threads,
                "prefetch_bytes": prefetch_bytes,
            },
            num_batches_before=0,
        )

    def _start(
        self, permutation: Permutation, options: dict[str, Any], *, num_batches_before: int
    ) -> None:
        loader = permutation._start_loader(
            **options, skip_rows=num_batches_before * options["batch_size"]
        )
        super().__init__(loader, permutation.schema)
        self._permutation = permutation
        self._options = options
        self._num_batches_before = num_batches_before
        self._is_closed = False

    @property
    def schema(self) -> pa.Schema:
        """The schema of the batches."""
        return self._schema

    def __len__(self) -> int:
        """Count the batches of the whole epoch."""
        return self._num_batches_before + self._loader.num_batches

    @property
    def counters(self) -> dict[str, int]:
        """What has been delivered so far, and what it took.

        ``num_batches``, ``num_rows`` and ``num_bytes`` delivered; ``read_microseconds`` of thread
        time spent on reading and decoding; ``wait_microseconds`` that the caller waited.
        """
        return self._loader.counters()

    def close(self) -> None:
        """Stop the threads and drop what was read ahead. May be called again."""
        self._is_closed = True
        super().close()

    def __reduce__(self) -> tuple[Callable[..., Loader], tuple[Any, ...]]:
        num_batches = self._num_batches_before + self._loader.counters()["num_batches"]
        return _unpickle_loader, (self._permutation, self._options, num_batches, self._is_closed)

    def __enter__(self) -> Loader:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Loader:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


def _unpickle_loader(
    permutation: Permutation, options: dict[str, Any], num_batches_before: int, is_closed: bool
) -> Loader:
    loader = object.__new__(Loader)
    loader._start(permutation, options, num_batches_before=num_batches_before)
    if is_closed:
        loader.close()
    return loader


def rename_batch(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Give the columns of a batch the names of a schema of the same types; copies nothing."""
    if batch.schema.names == schema.names:
        return batch
    return pa.RecordBatch.from_arrays(batch.columns, schema=schema)
