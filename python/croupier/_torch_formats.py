"""From a record batch to torch: whole columns at a time, without a Python object for a number.

``docs/guides/formats.md`` says what each type becomes, and what becomes of nulls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import pyarrow as pa
from pyarrow import types

from croupier.ragged import Ragged

if TYPE_CHECKING:
    import torch

NULL_RULES = ("nan", "raise", "mask")
MASK_SUFFIX = "__mask"

_REMEDY = (
    "leave the column out with remove_columns or select_columns, or convert it in with_transform"
)
_TEXT_IDS = frozenset(
    type_.id
    for type_ in (
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.binary(),
        pa.large_binary(),
        pa.binary_view(),
    )
)
_NUMBER_IDS = frozenset(
    type_.id
    for type_ in (
        *(pa.int8(), pa.int16(), pa.int32(), pa.int64()),
        *(pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
        *(pa.float16(), pa.float32(), pa.float64()),
    )
)


@dataclass(frozen=True)
class _Fill:
    """What becomes of the nulls of one column, or of a part of it.

    Attributes:
        path: its name, with those of the structs around it.
        rule: one of NULL_RULES, or ``value``.
        value: of ``value``.
    """

    path: str
    rule: str
    value: Any = None

    @staticmethod
    def of(column: str, nulls: str | Mapping[str, Any]) -> _Fill:
        if isinstance(nulls, str):
            return _Fill(column, nulls)
        return _Fill(column, "value", nulls[column]) if column in nulls else _Fill(column, "nan")

    def of_items(self) -> _Fill:
        """Give the rule for what is in a list: a mask tells of the lists alone."""
        return _Fill(self.path, "nan") if self.rule == "mask" else self

    def of_member(self, name: str) -> _Fill:
        return _Fill(f"{self.path}.{name}", self.rule, self.value)

    def in_tensor(self, tensor: torch.Tensor, array: pa.Array) -> Any:
        """Choose what stands for the nulls of `array` in a tensor of such values."""
        if self.rule == "value":
            if not tensor.is_floating_point() and not isinstance(self.value, int):
                self.refuse_value(array.type)
            return self.value
        if self.rule != "raise" and tensor.is_floating_point():
            return float("nan")
        if self.rule != "mask":
            self.refuse(array)
        return 0

    def refuse(self, array: pa.Array) -> NoReturn:
        column = self.path.partition(".")[0]
        raise ValueError(
            f"column '{self.path}' of type {array.type} has {array.null_count} nulls in this "
            f"batch, for which torch has no value; with_format(…, nulls={{{column!r}: 0}}) puts "
            "another in their place, nulls='mask' tells where they are; or " + _REMEDY
        )

    def refuse_value(self, type_: pa.DataType) -> NoReturn:
        raise ValueError(
            f"{self.value!r} cannot stand for the nulls of column '{self.path}' of type {type_}"
        )


def _convert(field: pa.Field, array: pa.Array, fill: _Fill) -> Any:
    """Make of a column, or of a part of one, what ``torch_batch`` holds."""
    import torch

    type_ = array.type
    if type_.id in _NUMBER_IDS and field.metadata is None and array.null_count == 0:
        return torch.from_dlpack(array)  # most columns, by the shortest way
    if isinstance(array, pa.ExtensionArray) and _extension(field) == "arrow.fixed_shape_tensor":
        return _convert_fixed_shape(array, fill)
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
        type_ = array.type
    if types.is_dictionary(type_):
        # Not the codes: each batch may have another dictionary.
        return _convert(pa.field("", type_.value_type), array.dictionary_decode(), fill)
    if type_.id in _TEXT_IDS:
        return _convert_text(array, fill)
    if types.is_map(type_):
        array = array.cast(pa.list_(pa.struct([type_.key_field, type_.item_field])))
        type_ = array.type
    if types.is_list(type_) or types.is_large_list(type_):
        return _convert_list(type_.value_field, array, fill)
    if types.is_struct(type_):
        columns = zip(type_.fields, array.flatten(), strict=True)
        return _convert_all(
            [(child, column, fill.of_member(child.name)) for child, column in columns],
            is_nullable=field.nullable,
        )
    if array.null_count == 0:
        return _convert_dense(field, array, fill)
    return _scatter(_convert_dense(field, array.drop_null(), fill), array, fill)


def _scatter(values: torch.Tensor, array: pa.Array, fill: _Fill) -> torch.Tensor:
    """Put values where `array` is not null, and what stands for nulls where it is."""
    import torch

    value = fill.in_tensor(values, array)
    try:
        filler = torch.tensor(value, dtype=values.dtype)
    except (RuntimeError, TypeError, ValueError, OverflowError):
        fill.refuse_value(array.type)
    # torch has few operations on unsigned numbers, but moves the bits of signed ones.
    signed = {torch.uint16: torch.int16, torch.uint32: torch.int32, torch.uint64: torch.int64}
    moved = signed.get(values.dtype, values.dtype)
    tensor = values.new_empty((len(array), *values.shape[1:]))
    tensor.view(moved)[:] = filler.view(moved)
    tensor.view(moved)[_is_valid(array)] = values.view(moved)
    return tensor


def _convert_all(
    columns: list[tuple[pa.Field, pa.Array, _Fill]], *, is_nullable: bool = False
) -> dict[str, Any]:
    """Make a dict of columns, with the masks of those that may have nulls, if they are wanted."""
    values: dict[str, Any] = {}
    masks: dict[str, Any] = {}
    for field, array, fill in columns:
        if fill.rule == "mask" and types.is_struct(array.type):
            field = field.with_nullable(field.nullable or is_nullable)
        elif fill.rule == "mask" and (field.nullable or is_nullable):
            masks[field.name + MASK_SUFFIX] = _is_valid(array)
        values[field.name] = _convert(field, array, fill)
    if both := values.keys() & masks.keys():
        raise ValueError(f"a column has the name of another one's mask: {sorted(both)}")
    return values | masks


def _convert_dense(field: pa.Field, array: pa.Array, fill: _Fill) -> torch.Tensor:
    """Make a tensor of values of a fixed size, none of which is null; their items may be."""
    import torch

    type_ = array.type
    kind = _extension(field)
    if kind == "lance.bfloat16" and types.is_fixed_size_binary(type_):
        return torch.from_dlpack(array.view(pa.int16())).view(torch.bfloat16)
    if types.is_boolean(type_) or kind == "arrow.bool8":
        return torch.from_dlpack(array.cast(pa.bool_()).cast(pa.uint8())).view(torch.bool)
    if types.is_floating(type_) or types.is_integer(type_):
        return torch.from_dlpack(array)
    if types.is_decimal(type_):
        return torch.from_dlpack(array.cast(pa.float64()))
    if types.is_temporal(type_) and not types.is_interval(type_):
        count = pa.int32() if type_.bit_width == 32 else pa.int64()
        return torch.from_dlpack(array.view(count).cast(pa.int64()))
    if types.is_fixed_size_list(type_):
        size = type_.list_size
        items = array.values.slice(array.offset * size, len(array) * size)
        values = _convert(type_.value_field, items, fill.of_items())
        if isinstance(values, torch.Tensor):
            return values.reshape(len(array), size, *values.shape[1:])
    if types.is_fixed_size_binary(type_):
        size = type_.byte_width
        data = array.buffers()[1].slice(array.offset * size, len(array) * size)
        bytes_ = pa.Array.from_buffers(pa.uint8(), len(array) * size, [None, data])
        return torch.from_dlpack(bytes_).reshape(len(array), size)
    raise TypeError(f"column '{fill.path}' of type {type_} has no torch tensor; {_REMEDY}")


def _convert_fixed_shape(array: pa.ExtensionArray, fill: _Fill) -> torch.Tensor:
    type_ = array.type
    flat = _convert(pa.field("", array.storage.type), array.storage, fill)
    tensor = flat.reshape(len(array), *type_.shape)
    # Axis i of the tensor is axis permutation[i] of what is stored.
    axes = type_.permutation or range(len(type_.shape))
    return tensor.permute(0, *(axis + 1 for axis in axes))


def _convert_list(item: pa.Field, array: pa.Array, fill: _Fill) -> Ragged:
    import torch

    if array.null_count and fill.rule in ("nan", "raise"):
        fill.refuse(array)
    # Items of null lists are left out, as are those before and after a slice.
    values = _convert(item, array.flatten(), fill.of_items())
    if array.null_count == 0:
        offsets = torch.from_dlpack(array.offsets.cast(pa.int64()))
        return Ragged(values, offsets - offsets[0])
    lengths = array.value_lengths().fill_null(0).cast(pa.int64())
    offsets = torch.zeros(len(array) + 1, dtype=torch.int64)
    torch.cumsum(torch.from_dlpack(lengths), 0, out=offsets[1:])
    return Ragged(values, offsets)


def _convert_text(array: pa.Array, fill: _Fill) -> list[str | bytes | None]:
    if array.null_count and fill.rule == "raise":
        fill.refuse(array)
    if array.null_count and fill.rule == "value":
        try:
            array = array.fill_null(pa.scalar(fill.value, array.type))
        except (pa.ArrowException, TypeError):
            fill.refuse_value(array.type)
    values: list[str | bytes | None] = array.to_pylist()
    return values


def _extension(field: pa.Field) -> str:
    """Name the extension type of a field, whether or not pyarrow knows it; "" if it has none."""
    if isinstance(field.type, pa.BaseExtensionType):
        return str(field.type.extension_name)
    metadata: Mapping[bytes, bytes] = field.metadata or {}
    return metadata.get(b"ARROW:extension:name", b"").decode()


def _is_valid(array: pa.Array) -> torch.Tensor:
    import torch

    return torch.from_dlpack(array.is_valid().cast(pa.uint8())).view(torch.bool)


def to_torch_batch(batch: pa.RecordBatch, nulls: str | Mapping[str, Any] = "nan") -> dict[str, Any]:
    """Make a dict of tensors, whose first dimension is the row.

    Lists of different lengths are a `croupier.Ragged`, structs a dict, strings and binary values
    a list.
    """
    columns = zip(batch.schema, batch.columns, strict=True)
    return _convert_all([(field, array, _Fill.of(field.name, nulls)) for field, array in columns])


def to_torch(batch: pa.RecordBatch, nulls: str | Mapping[str, Any] = "nan") -> list[dict[str, Any]]:
    """Make a list of row dicts of tensors, which torch's default collate stacks."""
    return _unbind(to_torch_batch(batch, nulls))


def _unbind(column: Any) -> list[Any]:
    """List the rows of what ``torch_batch`` holds."""
    if isinstance(column, dict):
        members = [_unbind(member) for member in column.values()]
        return [dict(zip(column, row, strict=True)) for row in zip(*members, strict=True)]
    return column if isinstance(column, list) else list(column.unbind())


def _only_tensors(batch: pa.RecordBatch, nulls: str | Mapping[str, Any]) -> dict[str, torch.Tensor]:
    columns = to_torch_batch(batch, nulls)
    for field in batch.schema:
        if isinstance(columns[field.name], (dict, list, Ragged)):
            raise TypeError(
                f"column '{field.name}' of type {field.type} has no place in a tensor with other "
                "columns; use the format 'torch_batch', or " + _REMEDY
            )
    return columns


def to_torch_columns(batch: pa.RecordBatch, nulls: str | Mapping[str, Any] = "nan") -> torch.Tensor:
    """Make one tensor of columns × rows."""
    import torch

    tensors = _only_tensors(batch, nulls)
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if len(set(shapes.values())) > 1:
        raise TypeError(
            f"columns of different shapes make no single tensor: {shapes}; use the format "
            "'torch_batch', or select columns of one shape"
        )
    try:
        return torch.stack(list(tensors.values()))
    except RuntimeError as error:
        dtypes = {name: str(tensor.dtype) for name, tensor in tensors.items()}
        raise TypeError(
            f"torch has no common type for columns of {dtypes}: {error}; use the format "
            "'torch_batch' or 'torch_row'"
        ) from error


def to_torch_rows(
    batch: pa.RecordBatch, nulls: str | Mapping[str, Any] = "nan"
) -> list[torch.Tensor]:
    """Make a list of one-dimensional tensors, one for each row, lists laid out in place.

    As in LanceDB, types join as they do in NumPy, and integers with nulls are float64.
    """
    import torch

    columns = _only_tensors(_integers_with_nulls_as_floats(batch, nulls), nulls)
    if batch.num_rows == 0:
        return []
    flat = [tensor.reshape(batch.num_rows, -1) for tensor in columns.values()]
    dtype = _common_dtype([tensor.dtype for tensor in flat])
    return list(torch.cat([tensor.to(dtype) for tensor in flat], dim=1).unbind(0))


def _integers_with_nulls_as_floats(
    batch: pa.RecordBatch, nulls: str | Mapping[str, Any]
) -> pa.RecordBatch:
    for i, (name, array) in enumerate(zip(batch.schema.names, batch.columns, strict=True)):
        is_nan = _Fill.of(name, nulls).rule == "nan"
        if is_nan and array.null_count and types.is_integer(array.type):
            batch = batch.set_column(i, name, array.cast(pa.float64(), safe=False))
    return batch


def _common_dtype(dtypes: list[torch.dtype]) -> torch.dtype:
    import numpy as np
    import torch

    if torch.bfloat16 in dtypes:
        joined = dtypes[0]
        for dtype in dtypes[1:]:
            joined = torch.promote_types(joined, dtype)
        return joined
    numpy_dtypes = [torch.empty(0, dtype=dtype).numpy().dtype for dtype in dtypes]
    return torch.from_numpy(np.empty(0, np.result_type(*numpy_dtypes))).dtype
