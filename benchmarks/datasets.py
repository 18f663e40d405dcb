"""The tables that the benchmarks read, made once in a cache folder.

Each table lies there twice, with the same rows: as a Lance table in a LanceDB folder, written by
pylance, and as an Arrow IPC file of one batch. All bytes follow from a seed.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
from collections.abc import Callable, Iterator

import lance
import numpy as np
import pyarrow as pa
from lance.file import LanceFileWriter
from lance.fragment import DataFile

import croupier

SEED = 1
# A change to what is written below needs another version: data made before is not looked at again.
DATA_VERSION = 1


def warm(*paths: pathlib.Path) -> None:
    """Read every byte of some files, so that the page cache holds them."""
    for path in paths:
        if path.is_file():
            with path.open("rb", buffering=0) as file:
                while file.read(1 << 22):
                    pass


@dataclasses.dataclass(frozen=True)
class Dataset:
    """One table in the cache."""

    name: str
    num_rows: int
    folder: pathlib.Path  # of a LanceDB database that holds the table `name`

    @property
    def lance(self) -> str:
        """The Lance dataset."""
        return str(self.folder / f"{self.name}.lance")

    @property
    def ipc(self) -> str:
        """The Arrow IPC file."""
        return str(self.folder / f"{self.name}.arrow")

    @property
    def ipc_stream(self) -> str:
        """The same rows as an Arrow IPC stream, made when it is asked for first."""
        path = self.folder / f"{self.name}.stream.arrow"
        if not path.exists():
            unfinished = path.with_suffix(".unfinished")
            rows = pa.ipc.open_file(pa.memory_map(self.ipc)).read_all()
            with pa.ipc.new_stream(str(unfinished), rows.schema) as writer:
                # As many rows a batch as Hugging Face's writer has.
                writer.write_table(rows, max_chunksize=1000)
            unfinished.rename(path)
        return str(path)

    def warm(self) -> None:
        """Read every byte, so that the page cache holds it."""
        warm(pathlib.Path(self.ipc), *pathlib.Path(self.lance).rglob("*"))


def make_images(rng: np.random.Generator, num_rows: int) -> pa.RecordBatch:
    """Random bytes, as compressed images are: 20 to 60 kB each."""
    sizes = rng.integers(20_000, 60_001, num_rows)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    image = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(),
        num_rows,
        [None, pa.py_buffer(offsets), pa.py_buffer(rng.bytes(int(offsets[-1])))],
    )
    return pa.RecordBatch.from_pydict({"image": image})


def make_embeddings(rng: np.random.Generator, num_rows: int) -> pa.RecordBatch:
    """Vectors of 768 × float32."""
    values = rng.standard_normal(num_rows * 768, np.float32)
    vector = pa.FixedSizeListArray.from_arrays(values, 768)
    return pa.RecordBatch.from_pydict({"vector": vector})


def make_tabular(rng: np.random.Generator, num_rows: int) -> pa.RecordBatch:
    """An int64, an int32, eight float32 and a short text."""
    words = np.array([f"item {i:x} of the shop" for i in range(100_000)], object)
    columns = {
        "key": rng.integers(0, 2**62, num_rows),
        "group": rng.integers(0, 1000, num_rows, np.int32),
    }
    for i in range(8):
        columns[f"x{i}"] = rng.standard_normal(num_rows, np.float32)
    suffixes = rng.integers(0, len(words), num_rows)
    columns["text"] = pa.array(words[suffixes], pa.string())
    return pa.RecordBatch.from_pydict(columns)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How to make a table, and how large."""

    make: Callable[[np.random.Generator, int], pa.RecordBatch]
    quick_rows: int
    full_rows: int
    chunk_rows: int  # made at a time; one fragment of the Lance table


RECIPES = {
    "images": Recipe(make_images, 20_000, 60_000, 10_000),
    "embeddings": Recipe(make_embeddings, 200_000, 600_000, 100_000),
    "tabular": Recipe(make_tabular, 2_000_000, 10_000_000, 1_000_000),
}


def cache_folder() -> pathlib.Path:
    """Where the tables lie: ``CROUPIER_BENCH_DATA``, or a folder of the user's cache."""
    default = pathlib.Path.home() / ".cache" / "croupier-benchmarks"
    return pathlib.Path(os.environ.get("CROUPIER_BENCH_DATA", default))


def provide(name: str, *, full: bool) -> Dataset:
    """Find a table in the cache, or make it."""
    recipe = RECIPES[name]
    num_rows = recipe.full_rows if full else recipe.quick_rows

    def write(folder: pathlib.Path) -> None:
        _write(Dataset(name, num_rows, folder), recipe)

    folder = _provide_folder(f"{name}-{num_rows}-v{DATA_VERSION}", write)
    return Dataset(name, num_rows, folder)


def read_rows(source: pathlib.Path) -> pa.Table:
    """Read the rows of a table into memory: in batches of 8192, as a stream gives them."""
    with pa.OSFile(str(source)) as file:
        rows = pa.ipc.open_file(file).read_all()
    return pa.Table.from_batches(rows.to_batches(max_chunksize=8192))


def rows_per_file(name: str) -> int:
    """Rows of a data file of a table."""
    return RECIPES[name].chunk_rows if name in RECIPES else 1 << 20


def provide_wide() -> pathlib.Path:
    """Find or make an Arrow IPC file of 500 columns: integers, floats and short texts."""

    def write(folder: pathlib.Path) -> None:
        rng = np.random.default_rng(SEED)
        num_rows = 50_000
        words = np.array([f"word {i:x}" for i in range(1000)], object)
        columns: dict[str, pa.Array] = {}
        for i in range(0, 500, 5):
            columns[f"i{i}"] = pa.array(rng.integers(0, 2**40, num_rows))
            columns[f"s{i}"] = pa.array(rng.integers(0, 100, num_rows, np.int32))
            columns[f"f{i}"] = pa.array(rng.standard_normal(num_rows, np.float32))
            columns[f"d{i}"] = pa.array(rng.random(num_rows))
            columns[f"t{i}"] = pa.array(words[rng.integers(0, 1000, num_rows)], pa.string())
        table = pa.table(columns)
        with pa.ipc.new_file(str(folder / "wide.arrow"), table.schema) as writer:
            writer.write_table(table)

    return _provide_folder(f"wide-v{DATA_VERSION}", write) / "wide.arrow"


def provide_filtered() -> pathlib.Path:
    """Find or make a Lance table of a random number below 1000 and a vector of 768 × float32."""

    def batches() -> Iterator[pa.RecordBatch]:
        rng = np.random.default_rng(SEED)
        for _ in range(10):
            number = pa.array(rng.integers(0, 1000, 10_000, np.int32))
            vector = make_embeddings(rng, 10_000).column("vector")
            yield pa.record_batch({"number": number, "vector": vector})

    def write(folder: pathlib.Path) -> None:
        schema = pa.schema({"number": pa.int32(), "vector": pa.list_(pa.float32(), 768)})
        reader = pa.RecordBatchReader.from_batches(schema, batches())
        lance.write_dataset(reader, str(folder), max_rows_per_file=50_000)

    return _provide_folder(f"filtered-v{DATA_VERSION}.lance", write)


def provide_narrow(num_rows: int) -> pathlib.Path:
    """Find or make a database of tables of a label, in runs of 64 rows, and a random byte.

    Written by Croupier. The table `rows` has so many rows, `few` a thousand.
    """

    def columns(rng: np.random.Generator, count: int) -> pa.RecordBatch:
        return pa.record_batch(
            {"label": _labels(rng, count), "value": rng.integers(0, 256, count, np.uint8)}
        )

    def write(folder: pathlib.Path) -> None:
        _write_by_croupier(folder, "few", columns, 1000)
        _write_by_croupier(folder, "rows", columns, num_rows)

    return _provide_folder(f"narrow-{num_rows}-v{DATA_VERSION}", write)


def provide_runs(num_rows: int) -> pathlib.Path:
    """Find or make a database as of `provide_narrow`, but of the label alone."""

    def columns(rng: np.random.Generator, count: int) -> pa.RecordBatch:
        return pa.record_batch({"label": _labels(rng, count)})

    def write(folder: pathlib.Path) -> None:
        _write_by_croupier(folder, "few", columns, 1000)
        _write_by_croupier(folder, "rows", columns, num_rows)

    return _provide_folder(f"runs-{num_rows}-v{DATA_VERSION}", write)


def provide_fragments(num_fragments: int) -> pathlib.Path:
    """Find or make a Lance table of 100 int64 columns, each fragment 64 rows of them."""

    def write(folder: pathlib.Path) -> None:
        rng = np.random.default_rng(SEED)
        num_rows = 64 * num_fragments
        table = pa.table({f"c{i}": rng.integers(0, 2**40, num_rows) for i in range(100)})
        lance.write_dataset(table, str(folder), max_rows_per_file=64, max_rows_per_group=64)

    return _provide_folder(f"fragments-{num_fragments}-v{DATA_VERSION}.lance", write)


def provide_pages(num_pages: int) -> pathlib.Path:
    """Find or make a Lance table of one int64 column in one file, each page 1024 rows of it."""
    schema = pa.schema({"x": pa.int64()})

    def write(folder: pathlib.Path) -> None:
        rng = np.random.default_rng(SEED)
        (folder / "data").mkdir()
        # A writer that buffers one byte makes a page of each batch.
        with LanceFileWriter(str(folder / "data" / "x.lance"), schema, data_cache_bytes=1) as file:
            for _ in range(num_pages):
                file.write_batch(pa.record_batch({"x": rng.integers(0, 2**40, 1024)}))
        fragment = lance.FragmentMetadata(
            id=0, files=[DataFile("x.lance", [0], [0], 2, 1)], physical_rows=1024 * num_pages
        )
        lance.LanceDataset.commit(str(folder), lance.LanceOperation.Overwrite(schema, [fragment]))

    return _provide_folder(f"pages-{num_pages}-v{DATA_VERSION}.lance", write)


def _provide_folder(name: str, write: Callable[[pathlib.Path], None]) -> pathlib.Path:
    folder = cache_folder() / name
    if not folder.exists():
        print(f"making {folder} …", flush=True)
        unfinished = folder.with_name(f"{name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        write(unfinished)
        unfinished.rename(folder)
    return folder


def _write(dataset: Dataset, recipe: Recipe) -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        rng = np.random.default_rng(SEED)
        for begin in range(0, dataset.num_rows, recipe.chunk_rows):
            yield recipe.make(rng, min(recipe.chunk_rows, dataset.num_rows - begin))

    schema = recipe.make(np.random.default_rng(SEED), 1).schema
    reader = pa.RecordBatchReader.from_batches(schema, batches())
    lance.write_dataset(reader, dataset.lance, max_rows_per_file=recipe.chunk_rows)
    # One batch, so that a take of Arrow's reads one array.
    (batch,) = pa.Table.from_batches(batches()).combine_chunks().to_batches()
    with pa.ipc.new_file(dataset.ipc, schema) as writer:
        writer.write_batch(batch)


def _labels(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.integers(0, 10, count // 64 + 1, np.int32).repeat(64)[:count]


def _write_by_croupier(
    folder: pathlib.Path,
    name: str,
    columns: Callable[[np.random.Generator, int], pa.RecordBatch],
    num_rows: int,
) -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        rng = np.random.default_rng(SEED)
        for begin in range(0, num_rows, 1 << 20):
            yield columns(rng, min(1 << 20, num_rows - begin))

    schema = columns(np.random.default_rng(SEED), 1).schema
    reader = pa.RecordBatchReader.from_batches(schema, batches())
    croupier.connect(str(folder)).create_table(name, reader)
