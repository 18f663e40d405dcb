"""Reading ahead of callers that ask for batch after batch of a permutation."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from croupier import _core
from croupier._config import config

if TYPE_CHECKING:
    from croupier._permutation import Permutation

# Batches that must have come in order before threads read ahead: fewer might be chance.
_NUM_OBSERVED = 2
# What each thread of a worker reads ahead, at most: the worker then copies what is in the cache of
# the processor still. torch has `prefetch_factor` batches of each worker besides.
_WORKER_BYTES = 8 << 20


class ReadsInOrder:
    """Finds out whether batches are asked for in order, and reads ahead of who asks so.

    That is what a DataLoader without a sampler does: runs of positions, each as long as the one
    before and as far behind it. From one of several workers they are several batches apart. Reading
    them ahead costs less time for each row, because threads read many batches at once.

    Any number of threads may call; of those that call at once one reads ahead. A forked child goes
    on where its parent was, if that is what it is asked for.
    """

    def __init__(self) -> None:
        # At most one, which is not there while a thread uses it: no lock, which a fork might leave
        # locked.
        self._courses: list[_Course] = []

    def take(self, permutation: Permutation, positions: Sequence[int]) -> pa.RecordBatch | None:
        """Give the rows at some positions, if they have been read ahead; takes note of them if not.

        Args:
            permutation: the same with each call.
            positions: as for `Permutation.take_offsets`.
        """
        try:
            course = self._courses.pop()
        except IndexError:
            course = None
        run = _find_run(positions, permutation.num_rows)
        if run is None or course is None or not course.leads_to(run, permutation.num_rows):
            if course is not None:
                course.leave()
            if run is not None:
                self._courses = [_Course(run)]
            return None
        batch = course.read(run, permutation)
        self._courses = [course]
        return batch


class _Course:
    """Runs of positions, equally long and equally far from each other."""

    def __init__(self, first: range):
        self._last = first
        self._num_runs = 1
        self._step = 0  # from run to run, in runs; 0: there is but one yet
        self._loader: _core.Loader | None = None

    def leads_to(self, run: range, num_rows: int) -> bool:
        """Tell whether a run comes next. The last one before the end may be shorter."""
        step, rest = divmod(run.start - self._last.start, len(self._last))
        if rest or step <= 0 or step != (self._step or step):
            return False
        return len(run) == len(self._last) or (
            len(run) < len(self._last) and run.stop == num_rows and self._loader is not None
        )

    def read(self, run: range, permutation: Permutation) -> pa.RecordBatch | None:
        """Go on to a run that is led to, and read it, if threads read ahead."""
        self._step = (run.start - self._last.start) // len(self._last)
        self._last = run
        self._num_runs += 1
        if self._num_runs <= _NUM_OBSERVED:
            return None
        try:
            if self._loader is None:
                num_threads, prefetch_bytes = _share_of_process()
                self._loader = permutation._start_loader(
                    len(run),
                    False,
                    num_threads=num_threads,
                    prefetch_bytes=prefetch_bytes,
                    skip_rows=run.start,
                    batch_step=self._step,
                )
            return next(self._loader)
        except Exception:
            # Who asked for the rows reads them, and has the error as it is without threads.
            self.leave()
            return None
        except BaseException:
            self.leave()
            raise

    def leave(self) -> None:
        """Stop the threads, and begin anew if a run comes."""
        self._num_runs = 1
        self._step = 0
        loader, self._loader = self._loader, None
        if loader is not None:
            loader.close()


def _find_run(positions: Any, num_rows: int) -> range | None:
    """Give positions as a range if they are consecutive and there are such rows."""
    if type(positions) is not list or not positions:
        return None
    begin = positions[0]
    if type(begin) is not int:
        return None
    run = range(begin, begin + len(positions))
    if begin < 0 or run.stop > num_rows or positions[-1] != run.stop - 1:
        return None
    return run if positions == list(run) else None


def _share_of_process() -> tuple[int, int]:
    """Give the threads and the bytes to read ahead of a worker, or of a process by itself."""
    data = sys.modules.get("torch.utils.data")
    worker = None if data is None else data.get_worker_info()
    if worker is None:
        return config.num_threads, config.prefetch_bytes
    num_threads = max(1, config.num_threads // worker.num_workers)
    prefetch_bytes = max(1, config.prefetch_bytes // worker.num_workers)
    return num_threads, min(prefetch_bytes, num_threads * _WORKER_BYTES)
