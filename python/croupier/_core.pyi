"""The compiled part of Croupier. Private: the modules of the package are the interface."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

__version__: str

class ArrowBatch:
    """Rows that any Arrow library takes over."""

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]: ...

class ArrowSchema:
    """A schema that any Arrow library takes over."""

    def __arrow_c_schema__(self) -> object: ...

class BatchStream:
    """Batches, read once."""

    def __iter__(self) -> BatchStream: ...
    def __next__(self) -> ArrowBatch: ...
    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...

class TableSource:
    """Rows with a schema at one version."""

    @property
    def version(self) -> int: ...
    @property
    def location(self) -> str: ...
    def schema(self) -> ArrowSchema: ...
    def project_schema(self, columns: Sequence[str]) -> ArrowSchema: ...
    def count_rows(self, filter: str | None = None) -> int: ...
    def scan(
        self, columns: Sequence[str], batch_rows: int, filter: str | None = None
    ) -> BatchStream: ...
    def take(self, row_ids: Sequence[int], columns: Sequence[str]) -> ArrowBatch: ...
    def take_offsets(self, offsets: Sequence[int], columns: Sequence[str]) -> ArrowBatch: ...
    @property
    def branch(self) -> str: ...
    def checkout(
        self, *, version: int | None = None, tag: str = "", branch: str | None = None
    ) -> TableSource: ...
    def list_versions(self) -> list[dict[str, Any]]: ...
    def list_tags(self) -> dict[str, dict[str, Any]]: ...
    def list_branches(self) -> dict[str, dict[str, Any]]: ...
    def describe(self, detail: str) -> dict[str, Any]: ...
    def take_blobs(self, row_ids: Sequence[int], column: str) -> list[Blob | None]: ...

class TableWriter:
    """Changes a Lance table, one commit a call."""

    @staticmethod
    def create(
        uri: str,
        rows: object,
        *,
        data_format_version: str = "2.2",
        stable_row_ids: bool = False,
        max_rows_per_file: int | None = None,
        max_bytes_per_file: int | None = None,
        keeps_batches: bool = False,
        progress: Callable[[int, int, int], object] | None = None,
        storage_options: Mapping[str, str] = ...,
    ) -> dict[str, int]: ...
    @staticmethod
    def open(
        uri: str, *, branch: str | None = None, storage_options: Mapping[str, str] = ...
    ) -> TableWriter: ...
    def append(
        self,
        rows: object,
        *,
        max_rows_per_file: int | None = None,
        max_bytes_per_file: int | None = None,
        keeps_batches: bool = False,
        progress: Callable[[int, int, int], object] | None = None,
    ) -> dict[str, int]: ...
    def overwrite(
        self,
        rows: object,
        *,
        max_rows_per_file: int | None = None,
        max_bytes_per_file: int | None = None,
        keeps_batches: bool = False,
        progress: Callable[[int, int, int], object] | None = None,
    ) -> dict[str, int]: ...
    def delete(self, where: str) -> dict[str, int]: ...
    def update(self, where: str | None, values: Sequence[tuple[str, str]]) -> dict[str, int]: ...
    def merge(
        self,
        rows: object,
        *,
        on: Sequence[str],
        update_matched: bool,
        update_where: str | None,
        insert_unmatched: bool,
        delete_unmatched: bool,
        delete_where: str | None,
    ) -> dict[str, int]: ...
    def add_computed_columns(
        self, table: TableSource, columns: Sequence[tuple[str, str]]
    ) -> dict[str, int]: ...
    def drop_columns(self, names: Sequence[str]) -> dict[str, int]: ...
    def add_columns(
        self,
        schema: object,
        inputs: Sequence[str],
        compute: Callable[[ArrowBatch], object] | None = None,
        *,
        progress: Callable[[int, int, int], object] | None = None,
    ) -> dict[str, int]: ...
    def compact(
        self,
        *,
        target_rows_per_fragment: int | None = None,
        max_deleted_share: float | None = None,
        progress: Callable[[int, int, int], object] | None = None,
    ) -> dict[str, int]: ...
    def restore(self, version: int | None = None, tag: str = "") -> dict[str, int]: ...
    def set_tag(self, name: str, version: int | None = None, *, replace: bool = False) -> None: ...
    def delete_tag(self, name: str) -> None: ...
    def clean_up(
        self, *, older_than_us: int | None = None, grace_us: int | None = None
    ) -> dict[str, int]: ...

class Blob:
    """A value of a blob column, read in parts."""

    @property
    def size(self) -> int: ...
    def read(self, offset: int, size: int) -> bytes: ...

class Database:
    """A folder of tables."""

    @property
    def uri(self) -> str: ...
    def table_names(self) -> list[str]: ...
    def table_uri(self, name: str) -> str: ...
    def drop_table(self, name: str) -> None: ...
    def rename_table(self, name: str, new_name: str) -> None: ...
    def open_table(
        self,
        name: str,
        *,
        version: int | None = None,
        tag: str = "",
        branch: str | None = None,
        allow_external: Sequence[str] = (),
        read_blobs: bool = False,
    ) -> TableSource: ...

class MemoryFolder:
    """Files in memory, at ``memory://name``."""

    def read_files(self, directory: str) -> dict[str, bytes]: ...

class Permutation:
    """Rows of a table in an order."""

    @staticmethod
    def make(
        base: TableSource, permutation_table: PermutationTable | None = None, split: int = 0
    ) -> Permutation: ...
    @property
    def num_rows(self) -> int: ...
    def take(
        self, positions: Sequence[int], columns: Sequence[str], begin: int = 0, end: int = -1
    ) -> ArrowBatch: ...

class PermutationTable:
    """An order of the rows of a table, divided into splits."""

    @staticmethod
    def parse(order: str, split_names: Sequence[str], base_branch: str) -> PermutationTable: ...
    def schema(self) -> ArrowSchema: ...
    @property
    def order(self) -> str: ...
    @property
    def order_id(self) -> str: ...
    @property
    def base_version(self) -> int: ...
    @property
    def num_base_rows(self) -> int: ...
    @property
    def num_rows(self) -> int: ...
    @property
    def split_names(self) -> list[str]: ...
    @property
    def split_sizes(self) -> list[int]: ...
    def rows(self, base: TableSource) -> BatchStream: ...

class PermutationBuilder:
    """Describes a permutation."""

    def __init__(self, base: TableSource) -> None: ...
    def split_random(
        self,
        *,
        ratios: Sequence[float] | None,
        counts: Sequence[int] | None,
        fixed: int | None,
        seed: int | None,
        split_names: Sequence[str],
    ) -> None: ...
    def split_sequential(
        self,
        *,
        ratios: Sequence[float] | None,
        counts: Sequence[int] | None,
        fixed: int | None,
        split_names: Sequence[str],
    ) -> None: ...
    def shuffle(self, *, seed: int | None) -> None: ...
    def execute(self) -> PermutationTable: ...

class Loader:
    """Batches of a permutation, read ahead by threads."""

    def __init__(
        self,
        rows: Permutation,
        *,
        columns: Sequence[str],
        batch_rows: int,
        begin: int,
        end: int,
        drop_last: bool,
        num_threads: int,
        prefetch_bytes: int,
    ) -> None: ...
    def __iter__(self) -> Loader: ...
    def __next__(self) -> ArrowBatch: ...
    @property
    def num_batches(self) -> int: ...
    def counters(self) -> dict[str, int]: ...
    def close(self) -> None: ...

def open_database(uri: str, *, storage_options: Mapping[str, str] = {}) -> Database: ...
def open_dataset(
    uri: str,
    *,
    version: int | None = None,
    tag: str = "",
    branch: str | None = None,
    allow_external: Sequence[str] = (),
    read_blobs: bool = False,
    storage_options: Mapping[str, str] = {},
) -> TableSource: ...
def evaluate(text: str, rows: object, *, is_filter: bool = False) -> ArrowBatch: ...
def make_memory_folder(name: str, files: Mapping[str, bytes]) -> MemoryFolder: ...
def read_config() -> dict[str, tuple[int, str]]: ...
def read_store_counters() -> dict[str, dict[str, int]]: ...
def without_credentials(storage_options: Mapping[str, str]) -> dict[str, str]: ...
