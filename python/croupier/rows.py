"""Rows that are given to be written: of any Arrow library, or of plain Python."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, TypeVar

import pyarrow as pa

__all__ = ["Progress", "write_rows"]

Progress = Callable[[dict[str, int]], object]
_Result = TypeVar("_Result")


def write_rows(
    data: Any,
    schema: pa.Schema | None,
    progress: bool | Progress,
    write: Callable[
        [pa.RecordBatchReader, Callable[[int, int, int], object] | None, bool], _Result
    ],
) -> _Result:
    """Have rows written as a stream; what the stream raises is raised as it was.

    Args:
        data: rows, as `croupier.Connection.create_table` takes them.
        schema: to which their columns are converted; None leaves them as they are.
        progress: as `croupier.Connection.create_table` takes it.
        write: is given a reader, a function to be told of the progress, and whether the rows are in
            memory until it returns.
    """
    report = _drawn if progress is True else progress
    try:
        return write(
            reader_of(data, schema),
            None
            if not report
            else lambda rows, size, files: report(
                {"num_rows": rows, "num_bytes": size, "num_files": files}
            ),
            _is_in_memory(data, schema),
        )
    finally:
        if progress is True:
            print(file=sys.stderr)


def _drawn(done: dict[str, int]) -> None:
    megabytes = done["num_bytes"] / 1e6
    text = f"{done['num_rows']:,} rows, {megabytes:,.1f} MB, {done['num_files']} files"
    print(f"\r{text}", end="", file=sys.stderr, flush=True)


def reader_of(data: Any, schema: pa.Schema | None) -> pa.RecordBatchReader:
    """Make a stream of record batches of any kind of rows, read once.

    Raises:
        TypeError: if the data is no rows, or a column cannot be converted to the schema.
        ValueError: if columns are missing, or there are others than those of the schema.
    """
    if schema is not None:
        schema = pa.schema(map(_as_written, schema), schema.metadata)
    if data is None:
        if schema is None:
            raise ValueError("a table needs data, or a schema")
        return pa.RecordBatchReader.from_batches(schema, [])
    reader = _plain_reader(data, schema)
    if schema is None or reader.schema.equals(schema, check_metadata=True):
        return reader
    return _converted(reader, schema)


def _as_written(field: pa.Field) -> pa.Field:
    """Give the field that a column is written as: blobs as bytes, not as where these are."""
    is_blob = field.metadata is not None and b"lance-encoding:blob" in field.metadata
    if is_blob and pa.types.is_struct(field.type):
        return field.with_type(pa.large_binary())
    return field


def _as_given(field: pa.Field, given: pa.Schema) -> pa.Field:
    """Leave blobs as they are given, if that is not as bytes but as structs of data and URI."""
    index = given.get_field_index(field.name)
    if index < 0 or field.type != pa.large_binary():
        return field
    type_ = given.field(index).type
    is_struct = pa.types.is_struct(getattr(type_, "storage_type", type_))
    return given.field(index) if is_struct else field


def is_stream(data: Any) -> bool:
    """Tell whether rows can be read but once."""
    return isinstance(data, (pa.RecordBatchReader, Iterator))


def _is_in_memory(data: Any, schema: pa.Schema | None) -> bool:
    """Tell whether all batches that are read of some rows are memory that these have anyway."""
    if schema is not None:
        schema = pa.schema(map(_as_written, schema), schema.metadata)
    if isinstance(data, (pa.Table, pa.RecordBatch)):
        return schema is None or data.schema.equals(schema, check_metadata=True)
    return schema is None and (isinstance(data, (Mapping, list)) or _is_pandas(data))


def _is_pandas(data: Any) -> bool:
    return type(data).__module__.partition(".")[0] == "pandas"


def _plain_reader(data: Any, schema: pa.Schema | None) -> pa.RecordBatchReader:
    if isinstance(data, pa.RecordBatchReader):
        return data
    if isinstance(data, Mapping):
        return pa.table(data).to_reader()
    if _is_pandas(data):
        return pa.Table.from_pandas(data, preserve_index=False).to_reader()
    if isinstance(data, pa.Table):
        return data.to_reader()
    if hasattr(data, "__arrow_c_stream__"):
        return pa.RecordBatchReader.from_stream(data)
    if hasattr(data, "__arrow_c_array__"):
        return pa.Table.from_batches([pa.record_batch(data)]).to_reader()
    if isinstance(data, Iterable) and not isinstance(data, (str, bytes)):
        rows = iter(data)
        first = next(rows, None)
        if first is None:
            if schema is not None:
                return pa.RecordBatchReader.from_batches(schema, [])
            raise ValueError("no rows, and no schema that would name columns")
        if isinstance(first, (pa.RecordBatch, pa.Table)):
            return _reader_of_batches(first, rows)
        if isinstance(first, Mapping):
            return _table_of_dicts([first, *rows], schema).to_reader()
    raise TypeError(
        "expected rows as an Arrow table or stream, a DataFrame or a list of dicts, not "
        f"{type(data).__name__}"
    )


def _reader_of_batches(
    first: pa.RecordBatch | pa.Table, rest: Iterator[Any]
) -> pa.RecordBatchReader:
    def batches() -> Iterator[pa.RecordBatch]:
        for each in chain([first], rest):
            if not isinstance(each, (pa.RecordBatch, pa.Table)):
                raise TypeError(f"expected another batch of rows, not {type(each).__name__}")
            yield from each.to_batches() if isinstance(each, pa.Table) else [each]

    return pa.RecordBatchReader.from_batches(first.schema, batches())


def _table_of_dicts(rows: list[Any], schema: pa.Schema | None) -> pa.Table:
    for row in rows:
        if not isinstance(row, Mapping):
            raise TypeError(f"expected a dict for each row, not {type(row).__name__}")
    # pyarrow by itself would leave out columns that the first row lacks.
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {}
    for name in names:
        index = -1 if schema is None else schema.get_field_index(name)
        type_ = None if schema is None or index < 0 else schema.field(index).type
        try:
            columns[name] = pa.array([row.get(name) for row in rows], type_)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            raise TypeError(f"column {name!r}: {error}") from None
    return pa.table(columns)


def _converted(reader: pa.RecordBatchReader, schema: pa.Schema) -> pa.RecordBatchReader:
    missing = [
        field.name
        for field in schema
        if not field.nullable and field.name not in reader.schema.names
    ]
    if missing:
        raise ValueError(f"the data has no columns {', '.join(map(repr, missing))}")
    unknown = [name for name in reader.schema.names if name not in schema.names]
    if unknown:
        names = ", ".join(schema.names)
        raise ValueError(
            f"the schema has no columns {', '.join(map(repr, unknown))}; its columns are: {names}"
        )

    schema = pa.schema([_as_given(field, reader.schema) for field in schema], schema.metadata)

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in reader:
            columns = [_convert_column(batch, field) for field in schema]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _convert_column(batch: pa.RecordBatch, field: pa.Field) -> pa.Array:
    index = batch.schema.get_field_index(field.name)
    if index < 0:
        return pa.nulls(batch.num_rows, field.type)
    column = batch.column(index)
    if column.type == field.type:
        return column
    try:
        return column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise TypeError(
            f"column {field.name!r} cannot become {field.type}, of {column.type}: {error}"
        ) from None
