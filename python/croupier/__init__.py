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

import logging
from typing import TYPE_CHECKING, Any

from croupier._config import config
from croupier._core import __version__
from croupier.blob import BlobFile
from croupier.database import Connection, connect, open_dataset
from croupier.edits import CleanupStats, MergeInsertBuilder, MergeResult, WriteResult
from croupier.errors import CorruptFileError, NameNotFoundError, VersionNotFoundError
from croupier.loader import Loader
from croupier.permutation import (
    Permutation,
    PermutationBuilder,
    Permutations,
    PermutationTable,
    permutation_builder,
)
from croupier.ragged import Ragged
from croupier.storage import io_counters
from croupier.table import ScanQuery, Table, TakeQuery

if TYPE_CHECKING:
    from croupier.quality import ShuffleQuality, shuffle_quality

__all__ = [
    "BlobFile",
    "CleanupStats",
    "Connection",
    "CorruptFileError",
    "Loader",
    "MergeInsertBuilder",
    "MergeResult",
    "NameNotFoundError",
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
    "io_counters",
    "open_dataset",
    "permutation_builder",
    "shuffle_quality",
]

# Silent unless the application configures logging.
logging.getLogger("croupier").addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    """Import what measures shuffles when it is asked for: a worker that only reads does without."""
    if name in ("ShuffleQuality", "shuffle_quality"):
        from croupier import quality

        return getattr(quality, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
