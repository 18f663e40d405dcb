"""Which training process of how many this one is, by what has started it."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from typing import NamedTuple

# In this order: torchrun may run under Slurm or MPI, once a machine, and then knows better.
_VARIABLES = (
    ("RANK", "WORLD_SIZE"),
    ("SLURM_PROCID", "SLURM_NTASKS"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMI_RANK", "PMI_SIZE"),
)
_REMEDY = "set both, or call shard(num_shards, index)"

_logger = logging.getLogger("croupier")


class Rank(NamedTuple):
    """A process of a group.

    Attributes:
        world_size: how many there are.
        rank: this one, in [0, world_size).
        source: where that was found, for people.
    """

    world_size: int
    rank: int
    source: str


def find_shard(num_shards: int | None, index: int | None) -> tuple[int, int]:
    """Give the shard that is asked for; that of this process's rank where none is, and log it.

    Raises:
        ValueError: if one number is given without the other, or ranks cannot be told.
    """
    if num_shards is not None and index is not None:
        return num_shards, index
    if num_shards is not None or index is not None:
        raise ValueError(
            "shard takes both num_shards and index, or neither, for that of this process's rank"
        )
    found = find_rank(os.environ)
    _logger.info("shard %d of %d, by %s", found.rank, found.world_size, found.source)
    return found.world_size, found.rank


def find_rank(environment: Mapping[str, str]) -> Rank:
    """Ask torch.distributed, if it runs, else the variables of the usual launchers.

    Args:
        environment: its variables.

    Returns:
        The only one of one process, where neither knows of a group.

    Raises:
        ValueError: for variables that contradict each other.
    """
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return Rank(distributed.get_world_size(), distributed.get_rank(), "torch.distributed")
    for rank_name, size_name in _VARIABLES:
        rank, size = environment.get(rank_name), environment.get(size_name)
        if (rank, size) == (None, None) or ((rank_name, rank, size) == ("SLURM_PROCID", "0", None)):
            # Of a Slurm job the script, which is no task of a step, has a number but no count.
            continue
        if rank is None or size is None:
            is_set, missing = (size_name, rank_name) if rank is None else (rank_name, size_name)
            raise ValueError(f"{is_set} is set without {missing}; {_REMEDY}")
        found = f"{rank_name}={rank} and {size_name}={size}"
        if not (_is_number(rank) and _is_number(size) and int(rank) < int(size)):
            raise ValueError(
                f"{found} are no rank in [0, number of processes); correct them, or call "
                "shard(num_shards, index)"
            )
        return Rank(int(size), int(rank), found)
    names = ", ".join(rank for rank, _ in _VARIABLES)
    return Rank(1, 0, f"default: torch.distributed is not initialized, and none of {names} is set")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
