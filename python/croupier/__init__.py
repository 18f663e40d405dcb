"""Croupier deals the rows of Lance tables to model trainers.

Example:
    >>> import croupier
    >>> db = croupier.connect("memory://")
    >>> table = db.create_table("digits", [{"label": i % 10} for i in range(1000)])
    >>> splits = (
    ...     croupier.permutation_builder(table)
    ...     .split_random(ratios=[0.9, 0.1], seed=7, split_names=["train", "test"])
    ...     .execute()
    ... )
    >>> train = croupier.Permutations(table, splits)["train"]
    >>> len(train)
    900
    >>> for batch in train.with_format("arrow").with_batch_size(300):
    ...     print(batch.num_rows)
    300
    300
    300
"""

import importlib
import logging
from typing import TYPE_CHECKING, Any

from croupier._config import config
from croupier._core import __version__
from croupier.blob import BlobFile
from croupier.database import Connection, connect, open_dataset
from croupier.edits import (
    CleanupStats,
    MergeInsertBuilder,
    MergeResult,
    OptimizeStats,
    WriteResult,
)
from croupier.errors import CorruptFileError, NameNotFoundError, VersionNotFoundError
from croupier.loader import Loader
from croupier.permutation import (
    Permutation,
    PermutationBuilder,
    Permutations,
    PermutationTable,
    permutation_builder,
)
from croupier.query import ScanQuery, TakeQuery
from croupier.ragged import Ragged
from croupier.storage import io_counters
from croupier.table import Table

if TYPE_CHECKING:
    from croupier._event_loop import run_async
    from croupier.async_database import AsyncConnection, connect_async
    from croupier.async_table import AsyncTable
    from croupier.quality import ShuffleQuality, shuffle_quality

__all__ = [
    "AsyncConnection",
    "AsyncTable",
    "BlobFile",
    "CleanupStats",
    "Connection",
    "CorruptFileError",
    "Loader",
    "MergeInsertBuilder",
    "MergeResult",
    "NameNotFoundError",
    "OptimizeStats",
    "Permutation",
    "PermutationBuilder",
    "PermutationTable",
    "Permutations",
    "Ragged",
    "ScanQuery",
    "ShuffleQuality",
    "Table",
    "TakeQuery",
    "VersionNotFoundError",
    "WriteResult",
    "__version__",
    "config",
    "connect",
    "connect_async",
    "io_counters",
    "open_dataset",
    "permutation_builder",
    "run_async",
    "shuffle_quality",
]

# Silent unless the application configures logging.
logging.getLogger("croupier").addHandler(logging.NullHandler())

# Imported when they are asked for: a worker that only reads does without them.
_MODULES = {
    "AsyncConnection": "croupier.async_database",
    "AsyncTable": "croupier.async_table",
    "ShuffleQuality": "croupier.quality",
    "connect_async": "croupier.async_database",
    "run_async": "croupier._event_loop",
    "shuffle_quality": "croupier.quality",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)
