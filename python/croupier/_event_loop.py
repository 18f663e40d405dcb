"""Calls that an event loop waits for, while threads of ours do the work.

A call is a task of the compiled part, on a thread that ends when it is idle. Its end wakes the loop
by a file descriptor that the loop watches: no thread of Python's, no executor. After a fork the
child's loop has a file descriptor of its own.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, ParamSpec, TypeVar

from croupier import _core

__all__ = ["await_call", "await_ready", "run_async"]

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


class _LoopCalls:
    """The calls that one event loop waits for."""

    def __init__(self) -> None:
        self.completions = _core.Completions.make()
        self._fileno = -1
        # Tasks hold what they wait for. A loop that ends before its calls leaves nothing behind.
        self._waiting: weakref.WeakValueDictionary[int, asyncio.Future[None]] = (
            weakref.WeakValueDictionary()
        )

    def listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have the loop watch for ends of calls."""
        fileno = self.completions.fileno()
        if fileno != self._fileno:
            loop.add_reader(fileno, self._arrive)
            self._fileno = fileno

    def expect(self, call: _core.AsyncCall) -> asyncio.Future[None]:
        """Make what is done when the call arrives; to be made before the loop goes on."""
        future = asyncio.get_running_loop().create_future()
        self._waiting[call.number] = future
        return future

    async def finish(self, call: _core.AsyncCall) -> None:
        """Wait for the end of a call; if that is cancelled, have the call end first.

        Who is cancelled goes on when nothing of the call runs any more, a matter of milliseconds
        while it reads. A second cancellation does not wait for it.
        """
        future = self.expect(call)
        try:
            await future
        except asyncio.CancelledError:
            if call.cancel():
                await self.expect(call)
            raise

    def _arrive(self) -> None:
        for number in self.completions.drain():
            future = self._waiting.pop(number, None)
            if future is not None and not future.done():
                future.set_result(None)


_calls_of_loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopCalls] = (
    weakref.WeakKeyDictionary()
)

atexit.register(_core.end_calls)


def _calls() -> _LoopCalls:
    loop = asyncio.get_running_loop()
    calls = _calls_of_loops.get(loop)
    if calls is None:
        calls = _calls_of_loops[loop] = _LoopCalls()
    calls.listen(loop)
    return calls


async def await_call(start: Callable[..., _core.AsyncCall], *arguments: Any) -> Any:
    """Wait for a call of the compiled part, which does not need Python's lock while it works.

    Args:
        start: starts it, given where it is to arrive and the arguments.
        arguments: of the call.
    """
    calls = _calls()
    call = start(calls.completions, *arguments)
    await calls.finish(call)
    return call.result()


async def await_ready(loader: _core.Loader) -> None:
    """Wait until the next batch of a loader is there, or its end, or its error."""
    calls = _calls()
    # Other tasks have their turn between batches that are there already.
    await asyncio.sleep(0)
    while (call := loader.when_ready(calls.completions)) is not None:
        await calls.expect(call)


async def run_async(
    function: Callable[_Parameters, _Result],
    /,
    *arguments: _Parameters.args,
    **keywords: _Parameters.kwargs,
) -> _Result:
    """Run a synchronous call of Croupier's beside the event loop, and wait for it.

    For what has no coroutine of its own. The call runs on a thread of Croupier's, of which there
    are 32 at most; others wait for their turn. If the wait is cancelled, the call is told to stop,
    and the cancellation is raised when it has: a change of a table is then committed in whole or
    not at all. A second cancellation does not wait for that.

    Args:
        function: such as `croupier.open_dataset`, or a method of a table.
        arguments: of the function.
        keywords: of the function.

    Returns:
        What the function returns; what it raises is raised.

    Example:
        >>> import asyncio
        >>> import croupier
        >>> table = croupier.connect("memory://").create_table("t", [{"x": 2}, {"x": 1}])
        >>> identity = croupier.Permutation.identity(table)
        >>> asyncio.run(croupier.run_async(identity.sort_by, "x")).take_offsets([0])
        [{'x': 1}]
    """
    work = _Work(partial(contextvars.copy_context().run, function, *arguments, **keywords))
    await await_call(_core.start_python, work)
    return work.result()


class _Work(Generic[_Result]):
    """A Python function that is called on another thread, and what comes of it."""

    def __init__(self, function: Callable[[], _Result]):
        self._function: Callable[[], _Result] | None = function
        self._results: list[_Result] = []
        self._error: BaseException | None = None

    def __call__(self) -> None:
        function, self._function = self._function, None
        assert function is not None
        try:
            self._results.append(function())
        except BaseException as error:
            self._error = error

    def result(self) -> _Result:
        error, self._error = self._error, None
        if error is not None:
            try:
                raise error
            finally:
                del error  # which refers to this frame
        if not self._results:
            raise RuntimeError("the call was given up, because the interpreter ends")
        return self._results.pop()
