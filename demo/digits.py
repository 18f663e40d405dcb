"""Train a small network on handwritten digits that Croupier deals from a Lance table.

    ./run demo [--epochs N] [--workers N] [--output FOLDER]

The digits ship with scikit-learn: 1797 images of 8 × 8 pixels. They are written as a Lance table
(``image``: 64 × float32, 0 to 1; ``label``: int64, 0 to 9; ``split_key``: the number of the image),
split and shuffled by a permutation, and read by a DataLoader whose workers are forked, every epoch
in another order. The last line is the accuracy on rows that training never saw.
"""

from __future__ import annotations

import argparse
import multiprocessing
import pathlib
import time

import matplotlib
import numpy as np
import pyarrow as pa
import torch
import tqdm
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader

import croupier

matplotlib.use("Agg")
from matplotlib import pyplot as plt

SEED = 7
BATCH_SIZE = 32
WANTED_ACCURACY = 0.95


def write_table(database: croupier.Connection) -> croupier.Table:
    """Write the table `digits`, in three fragments, in place of an older one."""
    digits = load_digits()
    pixels = (digits.images / 16).astype(np.float32).reshape(-1)
    rows = pa.table(
        {
            "image": pa.FixedSizeListArray.from_arrays(pixels, 64),
            "label": digits.target.astype(np.int64),
            "split_key": np.arange(len(digits.target)),
        }
    )
    database.drop_table("digits", ignore_missing=True)
    return database.create_table("digits", rows, max_rows_per_file=600)


def shuffle_and_split(table: croupier.Table, seed: int) -> croupier.Permutations:
    """Split the rows, always in the same way, and shuffle each split by the seed."""
    return croupier.Permutations(
        table,
        croupier.permutation_builder(table)
        .split_random(ratios=[0.8, 0.2], seed=SEED, split_names=["train", "test"])
        .shuffle(seed=seed)
        .execute(),
    )


def collate(batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Make the inputs (rows, 64) and targets (rows,) of a `torch_batch`."""
    return batch["image"], batch["label"]


def make_loader(rows: croupier.Permutation, workers: int) -> DataLoader:
    """Deal a permutation's rows in its own order: it is shuffled already."""
    return DataLoader(
        rows.select_columns(["image", "label"]).with_format("torch_batch"),
        batch_size=BATCH_SIZE,
        shuffle=False,
        num_workers=workers,
        collate_fn=collate,
        multiprocessing_context=multiprocessing.get_context("fork") if workers else None,
    )


def make_network() -> torch.nn.Module:
    """Make a small convolutional network: (rows, 64) pixels to (rows, 10) scores."""
    return torch.nn.Sequential(
        torch.nn.Unflatten(1, (1, 8, 8)),
        torch.nn.Conv2d(1, 32, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.Conv2d(32, 32, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(32 * 16, 10),
    )


@torch.no_grad()
def measure_accuracy(network: torch.nn.Module, loader: DataLoader) -> float:
    """Count the share of rows whose highest score is that of their label."""
    network.eval()
    hits = rows = 0
    for images, labels in loader:
        hits += int((network(images).argmax(dim=1) == labels).sum())
        rows += len(labels)
    return hits / rows


def train_epoch(
    network: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    loader: DataLoader,
    num_rows: int,
    title: str,
) -> tuple[list[float], float]:
    """Train on all rows once; return the loss of every batch and the rows per second."""
    network.train()
    losses = []
    begun = time.perf_counter()
    with tqdm.tqdm(total=num_rows, desc=title, unit=" rows", unit_scale=True) as progress:
        for images, labels in loader:
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(network(images), labels)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            progress.update(len(labels))
            progress.set_postfix(loss=f"{losses[-1]:.3f}", refresh=False)
    return losses, num_rows / (time.perf_counter() - begun)


@torch.no_grad()
def draw(
    network: torch.nn.Module, test: croupier.Permutation, losses: list[float], path: pathlib.Path
) -> None:
    """Save samples with their predictions, and the loss of every batch."""
    samples = test.with_format("torch_batch").take_offsets(range(24))
    network.eval()
    predictions = network(samples["image"]).argmax(dim=1)
    figure = plt.figure(figsize=(12, 5), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[3, 2])
    left.suptitle("test samples: prediction (label, where it differs)")
    for axes, image, label, prediction in zip(
        left.subplots(4, 6).flat, samples["image"], samples["label"], predictions, strict=True
    ):
        is_right = bool(label == prediction)
        axes.imshow(image.reshape(8, 8), cmap="gray_r")
        axes.set_title(
            f"{prediction}" if is_right else f"{prediction} ({label})",
            color="black" if is_right else "red",
            fontsize=9,
        )
        axes.axis("off")
    axes = right.subplots()
    axes.plot(losses, linewidth=0.7)
    axes.set(title="training", xlabel="batch", ylabel="cross entropy", yscale="log")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Run the demonstration."""
    parser = argparse.ArgumentParser(description="Train on digits dealt by Croupier.")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2, help="forked DataLoader workers")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("demo-output"))
    arguments = parser.parse_args()
    torch.manual_seed(SEED)
    torch.set_num_threads(1)  # so small a network is slower with more

    table = write_table(croupier.connect(arguments.output / "database"))
    print(f"\n{table!r}\n")
    test = shuffle_and_split(table, seed=0)["test"]
    test_loader = make_loader(test, workers=0)

    network = make_network()
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
    losses: list[float] = []
    for epoch in range(arguments.epochs):
        # Another order for every epoch: a permutation is a few numbers, and costs nothing.
        train = shuffle_and_split(table, seed=epoch)["train"]
        if epoch == 0:
            print(f"{train!r}\n")
        epoch_losses, rows_per_second = train_epoch(
            network,
            optimizer,
            make_loader(train, arguments.workers),
            len(train),
            f"epoch {epoch + 1}/{arguments.epochs}",
        )
        losses += epoch_losses
        print(
            f"epoch {epoch + 1}: {rows_per_second:,.0f} rows/s (start of the workers included), "
            f"loss {np.mean(epoch_losses):.3f}, "
            f"test accuracy {measure_accuracy(network, test_loader):.1%}"
        )

    picture = arguments.output / "digits.png"
    draw(network, test, losses, picture)
    accuracy = measure_accuracy(network, test_loader)
    print(f"\nthe picture is in {picture}")
    print(f"test accuracy: {accuracy:.2%} of {len(test):,} rows")
    if accuracy <= WANTED_ACCURACY:
        raise SystemExit(f"that is not above {WANTED_ACCURACY:.0%}")


if __name__ == "__main__":
    main()
