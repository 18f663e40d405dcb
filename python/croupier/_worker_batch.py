"""What a DataLoader's worker does with a batch before it is sent."""

from __future__ import annotations

import sys
from typing import Any


def worker_batch(batch: Any) -> Any:
    """Have a batch cross in one buffer, if this process is a worker of a DataLoader.

    Args:
        batch: of any type; what is returned is equal to it, of its type or one derived from it.
    """
    data = sys.modules.get("torch.utils.data")
    if data is None or data.get_worker_info() is None or "numpy" not in sys.modules:
        return batch
    # Here, because nothing else needs what it imports.
    from croupier._batch_packing import prepare_to_send

    return prepare_to_send(batch)
