"""The quality of shuffles: good ones pass, each kind of bad one is told by a measure."""

from __future__ import annotations

import builtins
import json

import lance
import numpy as np
import pyarrow as pa
import pytest
from child_script import run_script

import croupier
from croupier import Permutation, shuffle_quality
from croupier import _shuffle_statistics as statistics
from croupier.__main__ import main
from croupier._read_cost import estimate_reads
from croupier._row_places import PermutationPlaces

NUM_ROWS = 20_000


@pytest.fixture(scope="module")
def uri(tmp_path_factory) -> str:
    """A sorted label in four fragments, a part of the rows deleted, one fragment rewritten."""
    uri = str(tmp_path_factory.mktemp("quality") / "t.lance")
    x = np.arange(NUM_ROWS)
    rows = pa.table(
        {"x": x, "label": pa.array(x // 2000, pa.int8()), "word": [f"w{i // 5000}" for i in x]}
    )
    dataset = lance.write_dataset(rows, uri, max_rows_per_file=5000)
    dataset.delete("x % 9 = 4 OR (x >= 5000 AND x < 7000)")
    return uri


@pytest.fixture(scope="module")
def table(uri) -> croupier.Table:
    return croupier.open_dataset(uri)


def shuffled(table: croupier.Table, seed: int = 7) -> Permutation:
    order = croupier.permutation_builder(table).shuffle(seed=seed).execute()
    return croupier.Permutations(table, order)[0]


def clumped(num_rows: int, clump_size: int, seed: int = 1) -> np.ndarray:
    """Shuffle whole clumps, which keep their order inside."""
    clumps = np.random.default_rng(seed).permutation(-(-num_rows // clump_size))
    ranks = (clumps[:, None] * clump_size + np.arange(clump_size)).ravel()
    return ranks[ranks < num_rows]


def feistel(num_bits: int, rounds: int, key: int) -> np.ndarray:
    """Make a keyed bijection of 2^num_bits values; weak with few rounds."""
    half = num_bits // 2
    mask = np.uint64((1 << half) - 1)
    values = np.arange(1 << num_bits, dtype=np.uint64)
    left, right = values >> np.uint64(half), values & mask
    for i in range(rounds):
        mixed = (right + np.uint64(key + i)) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        left, right = right, left ^ (mixed >> np.uint64(40)) & mask
    return (left << np.uint64(half) | right).astype(np.int64)


def test_our_shuffles_are_like_uniform_ones(table):
    for seed in range(5):
        quality = shuffle_quality(shuffled(table, seed), 64, label="label")
        assert quality.is_uniform, quality
        assert not quality.is_sample
        assert len(quality.measures) == 6


def test_random_splits_are_like_uniform_ones(table):
    order = croupier.permutation_builder(table).split_random(ratios=[0.7, 0.3], seed=3).execute()
    for split in croupier.Permutations(table, order):
        assert shuffle_quality(split, 64, label="word").is_uniform


def test_samples_of_our_shuffles_are_like_uniform_ones(table):
    order = croupier.permutation_builder(table).split_random(ratios=[0.7, 0.3], seed=3).execute()
    for permutation in (shuffled(table), croupier.Permutations(table, order)[0]):
        quality = shuffle_quality(permutation, 64, label="label", max_rows=4096)
        assert quality.is_sample
        assert quality.num_batches == 64
        assert quality.is_uniform, quality


WEAK = {
    "storage order": np.arange(16384),
    "reverse": np.arange(16384)[::-1],
    "pairs that stay together": clumped(16384, 2),
    "clumps of 16": clumped(16384, 16),
    "clumps of 3000": clumped(16384, 3000),
    "one cut": np.roll(np.arange(16384), 5000),
    "a stride": np.arange(16384) * 6353 % 16384,
    "shuffled within windows": np.concatenate(
        [i + np.random.default_rng(i).permutation(1024) for i in range(0, 16384, 1024)]
    ),
    "a Feistel network of two rounds": feistel(14, 2, 99),
    "odd rows before even ones": np.concatenate(
        [
            np.random.default_rng(1).permutation(8192) * 2 + 1,
            np.random.default_rng(2).permutation(8192) * 2,
        ]
    ),
}


@pytest.mark.parametrize("name", WEAK)
@pytest.mark.parametrize("max_rows", [1 << 20, 8192], ids=["whole", "sample"])
def test_a_bad_shuffle_is_told_from_a_uniform_one(name, max_rows):
    labels = np.arange(16384) % 2 if name.startswith("odd") else None
    quality = shuffle_quality(WEAK[name], 128, labels, max_rows=max_rows)
    assert not quality.is_uniform, quality


def test_the_same_network_with_more_rounds_is_like_a_uniform_shuffle():
    for key in range(5):
        assert shuffle_quality(feistel(14, 8, 1000 * key), 128).is_uniform


def test_pairs_of_a_clump_grow_with_the_clumps_of_the_shuffle():
    observed = [
        shuffle_quality(clumped(1 << 16, size), 256, clump_size=64).clump_pairs.observed
        for size in (1, 4, 16, 64)
    ]
    assert observed == sorted(observed)
    # In clumps of 16 each of 256 rows is with 15 others; two such are seldom of one 64.
    assert observed[2] == pytest.approx(256 * 15 / 2, rel=0.05)
    assert observed[3] == 256 * 63 / 2


def test_pairs_are_counted_as_by_hand():
    ranks = np.array([0, 1, 2, 9, 3, 8, 4, 7, 5, 6])
    quality = shuffle_quality(ranks, 5, clump_size=3)
    # 0 1 2 9 3 has three pairs of the clump 0-2, and none of 3-5 or 9; 8 4 7 5 6 has 4 5 and three
    # pairs of 6-8.
    assert quality.clump_pairs.observed == (3 + 4) / 2
    # Nine pairs within clumps, of 45.
    assert quality.clump_pairs.expected == pytest.approx(10 * 9 / 45)
    assert quality.displacement.observed == np.abs(ranks - np.arange(10)).mean() / 10


def draw_z(num_rows: int, batch_size: int, clump_size: int, num_labels: int, seed: int) -> dict:
    generator = np.random.default_rng(seed)
    ranks = generator.permutation(num_rows)
    labels = np.arange(num_rows) ** 2 * num_labels // num_rows**2
    quality = shuffle_quality(ranks, batch_size, labels, clump_size)
    return {name: measure.z for name, measure in quality.measures.items()}


@pytest.mark.parametrize(
    ("num_rows", "batch_size", "clump_size", "num_labels"), [(300, 16, 8, 4), (1000, 100, 64, 7)]
)
def test_means_and_deviations_are_those_of_uniform_shuffles(
    num_rows, batch_size, clump_size, num_labels
):
    """Over many shuffles z has mean 0 and deviation 1, for every measure."""
    draws = 600
    found = [draw_z(num_rows, batch_size, clump_size, num_labels, i) for i in range(draws)]
    for name in found[0]:
        z = np.array([each[name] for each in found])
        assert abs(z.mean()) < 4 / np.sqrt(draws), name
        assert 0.88 < z.std() < 1.12, name


def test_runs_of_two_labels_are_those_of_wald_and_wolfowitz():
    codes = np.array([0, 0, 1, 1, 1, 0, 1, 0, 0, 0])
    measure = statistics.label_runs(codes)
    n0, n1 = 6, 4
    assert measure.observed == 5
    assert measure.expected == pytest.approx(2 * n0 * n1 / 10 + 1)
    variance = 2 * n0 * n1 * (2 * n0 * n1 - 10) / (100 * 9)
    assert measure.deviation == pytest.approx(variance**0.5)


def test_labels_that_come_sorted_are_told(table):
    quality = shuffle_quality(Permutation.identity(table), 64, label="label")
    assert quality.label_runs.observed == 10
    assert quality.label_runs.z < -50
    assert quality.label_batches.z > 50


@pytest.mark.parametrize(
    "labels",
    [
        pa.array(["a", "b", None, "a"] * 50),
        pa.array([True, False] * 100),
        pa.array([1.5, None] * 100),
        pa.array(["x", "y"] * 100).dictionary_encode(),
        pa.array(["same"] * 200),
        pa.array(range(200)),
    ],
    ids=lambda labels: str(labels.type),
)
def test_labels_of_many_types(labels):
    rows = croupier.connect("memory://").create_table("t", pa.table({"label": labels}))
    quality = shuffle_quality(shuffled(rows), 10, label="label")
    assert quality.is_uniform
    assert quality.label == "label"
    has_two = len(labels.unique()) > 1
    assert (quality.label_runs is not None) == has_two


def test_addresses_and_ranks_are_those_of_the_table(table):
    permutation = shuffled(table).with_skip(100)
    places = PermutationPlaces(permutation)
    assert (places.num_rows, places.num_base_rows) == (len(table) - 100, len(table))
    positions = np.arange(places.num_rows)
    addresses, ranks = places.find(positions)
    rows = permutation.select_columns(["x", "_rowaddr"]).with_format("arrow")
    expected = rows.take_offsets(positions)
    assert addresses.tolist() == expected["_rowaddr"].to_pylist()
    storage = table.to_arrow(["x"])["x"].to_numpy()
    assert np.array_equal(storage[ranks], expected["x"].to_numpy())
    assert np.array_equal(np.argsort(addresses), np.argsort(ranks))


def test_rows_are_not_read(table, tmp_path):
    copy = croupier.connect(str(tmp_path)).create_table("t", table.to_arrow())
    permutation = shuffled(croupier.open_dataset(copy.uri))
    before = croupier.io_counters()
    PermutationPlaces(permutation).find(np.arange(len(permutation)))
    assert croupier.io_counters() == before


class BillionRows:
    """10^9 rows of which only positions can be asked: row p has rank p³ · a + b, mod a prime."""

    num_rows = 999_999_937
    num_base_rows = num_rows

    def __init__(self):
        self.num_asked = 0

    def find(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.num_asked += len(positions)
        mixed = positions.astype(object) ** 3 * 123_456_789 + 987_654_321
        ranks = (mixed % self.num_rows).astype(np.int64)
        return ranks.astype(np.uint64), ranks


def test_time_and_memory_do_not_grow_with_the_table():
    rows = BillionRows()
    quality = shuffle_quality(rows, 256, max_rows=1 << 14)
    assert quality.num_rows == 999_999_937
    assert quality.num_batches == 64
    assert rows.num_asked == 2 << 14
    assert quality.displacement.observed == pytest.approx(1 / 3, abs=0.01)


def test_the_same_seed_draws_the_same_sample(table):
    permutation = shuffled(table)
    first, again, other = (
        shuffle_quality(permutation, 64, max_rows=2048, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_a_window_is_measured_by_itself(table):
    window = Permutation.identity(table).with_skip(1000).with_take(2000)
    quality = shuffle_quality(window, 100, max_rows=1000)
    assert quality.num_rows == 2000
    assert quality.displacement.observed < 0.05


def test_the_batch_size_is_the_permutations_own(table):
    assert shuffle_quality(shuffled(table).with_batch_size(50)).batch_size == 50
    assert shuffle_quality(shuffled(table).with_take(30), 50).batch_size == 30


def test_reads_follow_the_distance_of_rows():
    def reads(addresses, width):
        return estimate_reads(np.array([addresses], np.uint64), {"c": width})

    # Rows 0 and 1 are of one chunk; 3000 rows of 4 bytes are less than a gap and a chunk.
    assert reads([0, 1, 3000], 4) == (1, 3000 * 4 + 4096)
    assert reads([0, 1, 4000], 4) == (2, 4 + 2 * 4096)
    # Wide rows: neighbours, and those with a few between them.
    assert reads([0, 1, 20], 1000) == (2, 1000 + 2 * 4096)
    assert reads([0, 1, 3], 100_000) == (2, 3 * 100_000)
    # Never across files, however narrow the rows.
    assert reads([0, 1 << 32], 1e-9)[0] == 2
    both = estimate_reads(np.array([[0, 10_000]], np.uint64), {"a": 4, "b": 0.1})
    assert both[0] == 2 + 1


def test_reads_are_fewer_in_order_and_for_fewer_columns(table):
    random, in_order = (
        shuffle_quality(rows, 64) for rows in (shuffled(table), Permutation.identity(table))
    )
    assert random.reads_per_1000_rows > in_order.reads_per_1000_rows > 0
    fewer = shuffle_quality(shuffled(table), 64, columns=["label"])
    assert 0 < fewer.reads_per_1000_rows < random.reads_per_1000_rows
    assert 0 < fewer.bytes_per_1000_rows < random.bytes_per_1000_rows
    assert shuffle_quality(np.arange(100), 10).reads_per_1000_rows is None


READS = """
import sys
import numpy as np
import croupier
from croupier._read_cost import bytes_per_row, estimate_reads

table = croupier.open_dataset(sys.argv[1])
count = len(table)
for clump_size in (1, 16):
    clumps = np.random.default_rng(clump_size).permutation(count // clump_size)
    ranks = (clumps[:, None] * clump_size + np.arange(clump_size)).ravel()[: 64 * 100]
    for column in ("n", "v"):
        table.take(ranks[:64], columns=[column])
        before = croupier.io_counters()["file://"]["requests"]
        for begin in range(64, len(ranks), 64):
            table.take(ranks[begin : begin + 64], columns=[column])
        made = (croupier.io_counters()["file://"]["requests"] - before) / 99
        addresses = np.sort(ranks[64:].reshape(99, 64).astype(np.uint64), axis=1)
        estimated, _ = estimate_reads(addresses, bytes_per_row(table, [column]))
        print(made, estimated)
"""


def test_estimated_reads_are_near_those_that_are_made(tmp_path, monkeypatch):
    """Of columns of 8 and of 64 bytes, read at random and in clumps, nothing remembered."""
    count = 200_000
    numbers = np.random.default_rng(1).integers(0, 2**62, count * 8)
    rows = pa.table(
        {"n": numbers[:count], "v": pa.FixedSizeListArray.from_arrays(pa.array(numbers), 8)}
    )
    uri = croupier.connect(str(tmp_path)).create_table("t", rows).uri
    monkeypatch.setenv("CROUPIER_CACHE_BYTES", "0")
    lines = run_script(tmp_path, READS, uri).splitlines()
    assert len(lines) == 4
    for line in lines:
        made, estimated = map(float, line.split())
        assert 0.5 * made < estimated < 2 * made, lines


def test_wrong_arguments_are_told():
    order = np.arange(100)
    with pytest.raises(ValueError, match="batch_size is needed"):
        shuffle_quality(order)
    with pytest.raises(ValueError, match="batch_size must be at least 2.*: 1"):
        shuffle_quality(order, 1)
    with pytest.raises(ValueError, match="clump_size must be at least 2.*: 0"):
        shuffle_quality(order, 10, clump_size=0)
    with pytest.raises(ValueError, match="max_rows must be a batch at least: 5 of 10"):
        shuffle_quality(order, 10, max_rows=5)
    with pytest.raises(ValueError, match="1 rows have no order"):
        shuffle_quality(np.zeros(1, int), 10)
    with pytest.raises(TypeError, match="integers in one dimension"):
        shuffle_quality(np.zeros((2, 2)), 2)
    with pytest.raises(ValueError, match="ranks must not be negative: -1"):
        shuffle_quality(np.array([0, -1]), 2)


def test_wrong_labels_are_told(table, numbers):
    with pytest.raises(croupier.NameNotFoundError, match="nothing"):
        shuffle_quality(shuffled(table), 10, label="nothing")
    nested = croupier.connect("memory://").create_table("t", [{"l": [1, 2]}] * 20)
    with pytest.raises(TypeError, match="values of type list<item: int64> are no labels"):
        shuffle_quality(Permutation.identity(nested), 10, label="l")


@pytest.mark.parametrize("count", [2, 3, 5, 20])
def test_a_few_rows_have_a_quality(count):
    quality = shuffle_quality(np.arange(count)[::-1], 2, np.zeros(count, int))
    assert quality.label_runs is None
    assert json.dumps(quality.to_dict())
    assert repr(quality)


def test_what_is_found_reads_well(table):
    quality = shuffle_quality(shuffled(table), 64, label="label")
    lines = repr(quality).splitlines()
    assert lines[0].startswith("<croupier.ShuffleQuality of 't' version 2, split 0 of order ")
    assert lines[0].endswith("in batches of 64; like a uniform shuffle")
    assert [line.split("  ")[0] for line in lines[2:-1]] == [
        "pairs of a clump of 64 in a batch",
        "displacement",
        "rank correlation",
        "neighbours, chi-square",
        "runs of 'label'",
        "'label' by batch, chi-square",
    ]
    assert lines[-1].startswith("about ")
    page = quality._repr_html_()
    assert page.count("<tr>") == 7
    assert "runs of &#x27;label&#x27;" in page
    facts = json.loads(json.dumps(quality.to_dict()))
    assert facts["is_uniform"] is True
    assert facts["displacement"]["expected"] == pytest.approx(1 / 3, abs=1e-6)


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_a_plot_is_a_file_of_the_kind_that_its_name_says(table, tmp_path, ending):
    path = tmp_path / f"quality.{ending}"
    shuffle_quality(shuffled(table), 64, label="label").plot(path)
    start = path.read_bytes()[:100]
    assert start.startswith(b"\x89PNG" if ending == "png" else b"<?xml")


def test_a_plot_without_matplotlib_names_the_extra(table, monkeypatch):
    import_module = builtins.__import__

    def refuse(name, *arguments, **options):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return import_module(name, *arguments, **options)

    quality = shuffle_quality(shuffled(table), 64)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ImportError, match=r"pip install 'croupier\[plot\]'"):
        quality.plot("quality.png")


def command(*arguments) -> int:
    return main(["quality", *map(str, arguments)])


def test_the_command_prints_what_the_function_finds(uri, table, capsys):
    assert command(uri, "--batch-size", 64, "--label", "label", "--seed", 7) == 0
    out = capsys.readouterr().out
    assert out == repr(shuffle_quality(shuffled(table), 64, label="label")) + "\n"


def test_the_command_measures_one_clump_size_after_the_other(uri, capsys):
    assert command(uri, "--clump-size", 1, 1, "--measured-clump-size", 16) == 0
    out = capsys.readouterr().out
    assert out.count("clumps of 1: <croupier.ShuffleQuality of 't' version 2") == 2
    assert out.count("pairs of a clump of 16 in a batch") == 2


def test_the_command_writes_json_and_a_plot(uri, tmp_path, capsys):
    picture = tmp_path / "picture.svg"
    arguments = ("--unshuffled", "--columns", "x", "--json", "--plot", picture, "--at", 2)
    assert command(uri, *arguments) == 0
    (facts,) = json.loads(capsys.readouterr().out)
    assert facts["is_uniform"] is False
    assert facts["batch_size"] == 256
    assert picture.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--label", "nothing"), "nothing"),
        (("--batch-size", 1), "batch_size must be at least 2"),
        (("--columns", "nothing"), "nothing"),
        (("--seed", -1), ""),
    ],
)
def test_errors_of_the_command_are_one_line(uri, capsys, arguments, message):
    assert command(uri, *arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("croupier: ")
    assert message in error
    assert error.count("\n") == 1
