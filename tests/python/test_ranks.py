"""The shard of this process's rank."""

from __future__ import annotations

import logging
import pickle

import pytest
from child_script import start_script, wait_for

import croupier
from croupier._ranks import find_rank

VARIABLES = [
    ("RANK", "WORLD_SIZE"),
    ("SLURM_PROCID", "SLURM_NTASKS"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMI_RANK", "PMI_SIZE"),
]


@pytest.mark.parametrize(("rank", "size"), VARIABLES)
def test_each_launcher_is_known_by_its_variables(rank, size):
    found = find_rank({rank: "2", size: "5", "HOME": "/"})
    assert found[:2] == (5, 2)
    assert found.source == f"{rank}=2 and {size}=5"


@pytest.mark.parametrize("first", range(len(VARIABLES) - 1))
def test_of_several_the_first_counts(first):
    environment = {}
    for number, (rank, size) in enumerate(VARIABLES[first:]):
        environment |= {rank: str(number), size: "9"}
    assert find_rank(environment)[:2] == (9, 0)


def test_a_single_process_has_everything():
    assert find_rank({"HOME": "/"})[:2] == (1, 0)
    # The script of a Slurm job, which is no task.
    assert find_rank({"SLURM_PROCID": "0"})[:2] == (1, 0)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"RANK": "1"}, "RANK is set without WORLD_SIZE"),
        ({"WORLD_SIZE": "4"}, "WORLD_SIZE is set without RANK"),
        ({"SLURM_NTASKS": "4"}, "SLURM_NTASKS is set without SLURM_PROCID"),
        ({"SLURM_PROCID": "1"}, "SLURM_PROCID is set without SLURM_NTASKS"),
        ({"RANK": "4", "WORLD_SIZE": "4"}, r"RANK=4 and WORLD_SIZE=4 are no rank in \[0"),
        ({"RANK": "-1", "WORLD_SIZE": "4"}, "RANK=-1"),
        ({"PMI_RANK": "0", "PMI_SIZE": "0"}, "PMI_SIZE=0"),
        ({"PMI_RANK": "", "PMI_SIZE": "²"}, "PMI_RANK= and PMI_SIZE=²"),
        # Not another launcher's instead.
        ({"RANK": "1", "PMI_RANK": "0", "PMI_SIZE": "2"}, "RANK is set without WORLD_SIZE"),
    ],
)
def test_variables_that_make_no_rank_are_an_error_with_the_remedy(environment, message):
    with pytest.raises(ValueError, match=message) as raised:
        find_rank(environment)
    assert "shard(num_shards, index)" in str(raised.value)


@pytest.fixture
def launcher(monkeypatch):
    for pair in VARIABLES:
        for name in pair:
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "3")


@pytest.mark.usefixtures("launcher")
def test_shard_without_numbers_is_the_rank_s_and_says_so_once(numbers, caplog, monkeypatch):
    permutation = croupier.Permutation.identity(numbers)
    with caplog.at_level(logging.INFO, "croupier"):
        shard = permutation.shard()
    assert [record.getMessage() for record in caplog.records] == [
        "shard 1 of 3, by RANK=1 and WORLD_SIZE=3"
    ]
    assert shard.with_format("python_col").take_offsets(range(3))["x"] == [1, 4, 7]
    built = croupier.permutation_builder(numbers).shard(remainder="drop").execute()
    assert len(croupier.Permutation.from_tables(numbers, built)) == 3
    # What is sent elsewhere stays this shard.
    monkeypatch.setenv("RANK", "2")
    shard = pickle.loads(pickle.dumps(shard))
    assert shard.with_format("python_col").take_offsets(range(3))["x"] == [1, 4, 7]


@pytest.mark.usefixtures("launcher")
def test_shard_with_numbers_asks_nobody(numbers, caplog):
    with caplog.at_level(logging.INFO, "croupier"):
        assert len(croupier.Permutation.identity(numbers).shard(2, 0)) == 5
        assert len(croupier.Permutation.identity(numbers).shard(num_shards=4, index=3)) == 2
    assert not caplog.records
    for arguments in ({"num_shards": 2}, {"index": 0}):
        with pytest.raises(ValueError, match="both num_shards and index, or neither"):
            croupier.Permutation.identity(numbers).shard(**arguments)
        with pytest.raises(ValueError, match="both num_shards and index, or neither"):
            croupier.permutation_builder(numbers).shard(**arguments)


GROUP = """
import datetime, sys
import pyarrow as pa
import torch
import torch.distributed as distributed
from torch.utils.data import DataLoader
import croupier
from croupier.util import keep_batch


def read(permutation, method):
    options = {"num_workers": 2, "multiprocessing_context": method} if method else {}
    return [
        batch["x"].tolist()
        for batch in DataLoader(permutation, batch_size=16, collate_fn=keep_batch, **options)
    ]


def check(num_rows, method, remainder):
    table = croupier.connect("memory://").create_table("t", pa.table({"x": range(num_rows)}))
    order = croupier.permutation_builder(table).shuffle(seed=7).execute()
    shuffled = croupier.Permutation.from_tables(table, order).with_format("torch_batch")
    batches = read(shuffled.shard(remainder=remainder), method)
    of_ranks = [None] * distributed.get_world_size()
    distributed.all_gather_object(of_ranks, batches)
    rows = [[x for batch in of_rank for x in batch] for of_rank in of_ranks]
    together = [x for of_rank in rows for x in of_rank]
    sizes = [len(of_rank) for of_rank in rows]
    steps = {len(of_rank) for of_rank in of_ranks}
    if remainder == "spread":
        assert sorted(together) == list(range(num_rows))
        assert max(sizes) - min(sizes) <= 1
        return
    assert len(steps) == 1 and len(set(sizes)) == 1, (steps, sizes)
    if remainder == "drop":
        assert len(set(together)) == len(together) == num_rows // 3 * 3
    else:
        assert set(together) == set(range(num_rows))
        assert len(together) == -(-num_rows // 3) * 3


if __name__ == "__main__":
    rank, store = int(sys.argv[1]), sys.argv[2]
    distributed.init_process_group(
        "gloo", init_method=f"file://{store}", rank=rank, world_size=3,
        timeout=datetime.timedelta(seconds=60),
    )
    for num_rows in (100, 10_007):
        for remainder in ("spread", "drop", "repeat"):
            for method in (None, "fork"):
                check(num_rows, method, remainder)
    check(10_007, "spawn", "repeat")
    distributed.destroy_process_group()
    print("all")
"""


def test_three_ranks_of_torch_distributed_share_every_epoch(tmp_path):
    children = []
    for rank in range(3):
        folder = tmp_path / str(rank)
        folder.mkdir()
        children.append(start_script(folder, GROUP, rank, tmp_path / "store"))
    ended = [wait_for(child, 120) for child in children]
    assert [(end.returncode, end.stdout, end.stderr) for end in ended] == [(0, "all\n", "")] * 3
