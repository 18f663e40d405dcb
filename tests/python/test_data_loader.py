"""PyTorch's DataLoader over permutations and tables, as its users combine its parts."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import torch
from child_script import run_script
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    RandomSampler,
    SequentialSampler,
    Subset,
    WeightedRandomSampler,
    default_collate,
    random_split,
)
from torch.utils.data.distributed import DistributedSampler

import croupier
from croupier.util import keep_batch, tbl_to_tensor

NUM_ROWS = 103


@pytest.fixture
def table(database):
    x = np.arange(NUM_ROWS)
    return database.create_table("t", pa.table({"x": x, "y": x * 0.5, "s": [str(i) for i in x]}))


@pytest.fixture
def permutation(table):
    order = croupier.permutation_builder(table).shuffle(seed=3).execute()
    return croupier.Permutation.from_tables(table, order)


def column(loader, name="x"):
    return [value for batch in loader for value in torch.as_tensor(batch[name]).tolist()]


def expected(permutation):
    return permutation.with_format("python_col").take_offsets(range(len(permutation)))["x"]


def test_samplers_choose_the_rows(permutation):
    order = expected(permutation)
    seed = torch.Generator().manual_seed(1)
    weights = torch.zeros(NUM_ROWS)
    weights[[5, 60]] = 1
    sampler = WeightedRandomSampler(weights, 500, replacement=True, generator=seed)
    drawn = column(DataLoader(permutation, batch_size=50, sampler=sampler))
    assert len(drawn) == 500
    assert set(drawn) == {order[5], order[60]}

    seen = []
    for rank in range(3):
        sampler = DistributedSampler(permutation, num_replicas=3, rank=rank, shuffle=True)
        sampler.set_epoch(4)
        seen += column(DataLoader(permutation, batch_size=8, sampler=sampler))
    assert set(seen) == set(order)
    assert len(seen) == 105

    sampler = RandomSampler(permutation, replacement=True, num_samples=1000)
    assert len(column(DataLoader(permutation, batch_size=64, sampler=sampler))) == 1000


def test_a_seeded_generator_gives_the_same_epoch_again(permutation):
    def epoch(seed):
        generator = torch.Generator().manual_seed(seed)
        return column(DataLoader(permutation, 16, shuffle=True, generator=generator))

    assert epoch(7) == epoch(7) != epoch(8)


def test_batches_of_samplers(permutation):
    order = expected(permutation)
    batches = BatchSampler(SequentialSampler(permutation), 10, drop_last=True)
    assert column(DataLoader(permutation, batch_sampler=batches)) == order[:100]

    loader = DataLoader(
        permutation.with_format("torch_batch"),
        sampler=batches,
        batch_size=None,
        collate_fn=keep_batch,
    )
    assert column(loader) == order[:100]
    assert next(iter(loader))["x"].shape == (10,)
    assert len(list(DataLoader(permutation, batch_size=10, drop_last=True))) == 10
    assert len(list(DataLoader(permutation, batch_size=10))) == 11


def test_no_batch_size_gives_batches_of_one(permutation):
    order = expected(permutation)
    loader = DataLoader(permutation, batch_size=None)
    assert [int(row["x"]) for (row,) in loader] == order
    loader = DataLoader(permutation.with_format("torch_batch"), batch_size=None)
    assert column(loader) == order


def test_subsets_and_random_splits(permutation, table):
    order = expected(permutation)
    subset = Subset(permutation, [4, 2, 2, 101])
    chosen = [order[4], order[2], order[2], order[101]]
    assert column(DataLoader(subset, batch_size=3)) == chosen
    nested = Subset(subset, [3, 0])
    assert column(DataLoader(nested, batch_size=3)) == [chosen[3], chosen[0]]

    train, test = random_split(permutation, [0.8, 0.2], torch.Generator().manual_seed(2))
    seen = column(DataLoader(train, batch_size=7)) + column(DataLoader(test, batch_size=7))
    assert sorted(seen) == list(range(NUM_ROWS))

    of_table = DataLoader(Subset(table, [9, 3]), batch_size=2, collate_fn=keep_batch)
    assert next(iter(of_table))["x"].to_pylist() == [9, 3]


def test_concatenations(table, permutation):
    loader = DataLoader(ConcatDataset([table, table]), batch_size=50)
    assert column(loader) == [*range(NUM_ROWS), *range(NUM_ROWS)]
    assert next(iter(loader))["s"][:2] == ["0", "1"]

    # Rows of permutations are batches of one.
    loader = DataLoader(
        ConcatDataset([permutation, permutation]),
        batch_size=50,
        collate_fn=lambda batches: default_collate([row for (row,) in batches]),
    )
    assert column(loader) == expected(permutation) * 2


def test_a_table_is_a_dataset(table):
    assert len(table) == NUM_ROWS
    row = {"x": 5, "y": 2.5, "s": "5"}
    assert table[5] == table[-98] == table[np.int64(5)] == table[torch.tensor(5)] == row
    assert table[[7, 5, 7]]["x"].to_pylist() == [7, 5, 7]
    assert table[torch.tensor([7])]["x"].to_pylist() == [7]
    assert table[np.array([-1])]["x"].to_pylist() == [102]
    for index in (103, -104, [0, 103]):
        with pytest.raises(IndexError, match="103"):
            table[index]
    with pytest.raises(TypeError, match="no slices"):
        table[2:3]
    with pytest.raises(TypeError):
        table["x"]
    assert [each["x"] for each in table] == list(range(NUM_ROWS))

    sampler = WeightedRandomSampler(torch.ones(NUM_ROWS), 300, replacement=True)
    loader = DataLoader(table, batch_size=64, sampler=sampler, collate_fn=keep_batch)
    assert sum(batch.num_rows for batch in loader) == 300
    assert [int(row["x"]) for row in DataLoader(table, batch_size=None)] == list(range(NUM_ROWS))


@pytest.mark.parametrize(
    "kind", [list, tuple, np.array, torch.tensor, lambda i: np.array(i, np.int32)]
)
def test_indices_of_any_integer_type(permutation, kind):
    order = expected(permutation)
    indices = [3, 0, 3, -1]
    chosen = [order[index] for index in indices]
    arrow = permutation.with_format("arrow")
    assert arrow.__getitems__(kind(indices))["x"].to_pylist() == chosen
    assert arrow[kind(indices)]["x"].to_pylist() == chosen
    assert arrow[np.int16(3)]["x"].to_pylist() == [order[3]]
    assert arrow[torch.tensor(3)]["x"].to_pylist() == [order[3]]
    assert arrow.__getitems__([torch.tensor(3), np.uint8(0)])["x"].to_pylist() == chosen[:2]


def test_one_tensor_of_a_table_s_batch(database):
    numbers = database.create_table("numbers", pa.table({"a": range(8), "b": range(8)}))
    batch = next(iter(DataLoader(numbers, batch_size=3, collate_fn=tbl_to_tensor)))
    assert batch.tolist() == [[0, 1, 2], [0, 1, 2]]


WORKERS = """
import gc, os, sys
import numpy as np
import pyarrow as pa
import torch
from torch.utils.data import (
    BatchSampler, ConcatDataset, DataLoader, DistributedSampler, SequentialSampler, Subset,
    WeightedRandomSampler, get_worker_info)
import croupier
from croupier.util import keep_batch

NUM_ROWS = 103


def make():
    x = np.arange(NUM_ROWS)
    table = croupier.connect("memory://").create_table("t", pa.table({"x": x, "y": x * 0.5}))
    order = croupier.permutation_builder(table).shuffle(seed=3).execute()
    return croupier.Permutation.from_tables(table, order)


def fail_at_50(batch):
    if 50 in batch["x"].to_pylist():
        raise croupier.NameNotFoundError("no label for row 50")
    return {"x": torch.tensor(batch["x"].to_pylist())}


def with_worker(batch):
    info = get_worker_info()
    return {"x": torch.from_dlpack(batch["x"]), "worker": info.id, "seed": info.seed,
            "draw": float(np.random.random()), "set": os.environ.get("OF_WORKER")}


def init(worker):
    os.environ["OF_WORKER"] = str(worker)


def column(loader):
    return [x for batch in loader for x in batch["x"].tolist()]


def workers_stay_over_epochs_that_may_be_left_early(permutation, order, options):
    loader = DataLoader(
        permutation.with_format("torch_batch"), batch_size=10, collate_fn=keep_batch,
        persistent_workers=True, prefetch_factor=4, worker_init_fn=init, **options)
    kept = []
    for epoch in range(3):
        for number, batch in enumerate(loader):
            kept.append(batch)
            if number == 3:
                break
        assert column(loader) == order, epoch
    assert [batch["x"].tolist() for batch in kept[:4]] == [order[i:i + 10] for i in (0, 10, 20, 30)]


def workers_have_numbers_and_seeds(permutation, order, options):
    generator = torch.Generator().manual_seed(5)
    batches = list(DataLoader(
        permutation.with_transform(with_worker), batch_size=10, collate_fn=keep_batch,
        worker_init_fn=init, generator=generator, **options))
    assert column(batches) == order
    assert {batch["worker"] for batch in batches} == {0, 1}
    assert all(batch["set"] == str(batch["worker"]) for batch in batches)
    assert len({batch["draw"] for batch in batches}) == len(batches)
    assert len({batch["seed"] for batch in batches}) == 2


def what_a_worker_raises_is_raised_as_what_it_was(permutation, order, options):
    for loader, kind, message in [
        (DataLoader(permutation.with_transform(fail_at_50), 10, collate_fn=keep_batch, **options),
         croupier.NameNotFoundError, "no label for row 50"),
        (DataLoader(permutation, batch_size=10, sampler=[1, NUM_ROWS], **options),
         IndexError, "position out of range: 103 of 103"),
    ]:
        try:
            list(loader)
        except kind as error:
            assert message in str(error) and "DataLoader worker" in str(error), error
        else:
            raise AssertionError("nothing was raised")


def samplers_and_datasets_of_torch(permutation, order, options):
    weights = torch.zeros(NUM_ROWS)
    weights[5] = 1
    sampler = WeightedRandomSampler(weights, 200, replacement=True)
    assert column(DataLoader(permutation, 50, sampler=sampler, **options)) == [order[5]] * 200
    sampler = DistributedSampler(permutation, num_replicas=3, rank=1, shuffle=False)
    assert column(DataLoader(permutation, 8, sampler=sampler, **options)) == order[1::3] + order[:1]
    sampler = BatchSampler(SequentialSampler(permutation), 10, drop_last=False)
    assert column(DataLoader(
        permutation.with_format("torch_batch"), sampler=sampler, batch_size=None,
        collate_fn=keep_batch, **options)) == order
    table = permutation.base_table
    assert column(DataLoader(ConcatDataset([table, table]), 50, **options)) == 2 * [*range(103)]
    assert column(DataLoader(Subset(permutation, [7, 7]), 2, **options)) == [order[7]] * 2


def frames_and_arrays(permutation, order, options):
    frames = DataLoader(
        permutation.with_format("pandas"), batch_size=60, collate_fn=keep_batch, **options)
    assert [x for frame in frames for x in frame["x"]] == order
    arrays = DataLoader(
        permutation.with_format("numpy"), batch_size=60, collate_fn=keep_batch, **options)
    assert [row[0] for array in arrays for row in array] == order


if __name__ == "__main__":
    method = sys.argv[1]
    checks = [workers_stay_over_epochs_that_may_be_left_early, workers_have_numbers_and_seeds]
    if method == "fork":
        checks += [what_a_worker_raises_is_raised_as_what_it_was, samplers_and_datasets_of_torch,
                   frames_and_arrays]
    permutation = make()
    order = permutation.with_format("python_col").take_offsets(range(NUM_ROWS))["x"]
    for check in checks:
        check(permutation, order, {"num_workers": 2, "multiprocessing_context": method})
        # A loader of torch's must not be there when the workers of another are forked.
        gc.collect()
    print("all")
"""


@pytest.mark.parametrize("method", ["fork", "forkserver"])
def test_workers(tmp_path, method):
    assert run_script(tmp_path, WORKERS, method, timeout=120) == "all\n"
