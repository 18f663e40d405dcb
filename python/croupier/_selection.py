"""Which columns a permutation reads, and under which names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from croupier import _core
from croupier.errors import NameNotFoundError

if TYPE_CHECKING:
    from croupier.table import Table

ROW_ID = "_rowid"
ROW_ADDRESS = "_rowaddr"
# What every table has beside the columns of its schema.
SYSTEM_COLUMNS = (
    ROW_ID,
    ROW_ADDRESS,
    "_rowoffset",
    "_row_created_at_version",
    "_row_last_updated_at_version",
)
# What the names of computed columns begin with in the table that computes them.
_COMPUTED = "= "


def check_column_names(columns: Sequence[str]) -> list[str]:
    """Refuse one name, whose characters would be taken for names."""
    if isinstance(columns, str):
        raise TypeError(f"expected a list of column names, not the string {columns!r}")
    return list(columns)


class Selection:
    """Columns of a table, fields of structs, and expressions, under names. Immutable.

    Args:
        table: the base table.
        columns: names here to names of columns, paths of fields, and keys of `expressions`.
        expressions: of SQL, by the names of the columns that are computed by them.
    """

    def __init__(self, table: Table, columns: dict[str, str], expressions: dict[str, str]):
        self._table = table
        self._columns = columns
        self.expressions = expressions
        self._source: _core.TableSource | None = None
        self._schema: pa.Schema | None = None

    @classmethod
    def of_all(cls, table: Table) -> Selection:
        """Select every column of a table."""
        return cls(table, {name: name for name in table.schema.names}, {})

    @property
    def columns(self) -> dict[str, str]:
        """Names here to names of the base table."""
        return self._columns

    @property
    def sources(self) -> list[str]:
        """The names in `source`, in the order of the selection."""
        return list(self._columns.values())

    @property
    def source(self) -> _core.TableSource:
        """The base table, with the columns that are computed."""
        source = self._source
        if source is None:
            source = self._table._source
            if self.expressions:
                source = source.with_computed_columns(self.expressions)
            self._source = source
        return source

    @property
    def schema(self) -> pa.Schema:
        """The selected columns, under their names here."""
        if self._schema is None:
            base = self.source.project_schema(list(dict.fromkeys(self.sources)))
            fields = [base.field(source).with_name(name) for name, source in self._columns.items()]
            self._schema = pa.schema(fields, metadata=base.metadata)
        return self._schema

    def select(self, columns: Sequence[str]) -> Selection:
        """Keep only these columns, in this order."""
        if len(columns) == 0:
            raise ValueError("Must select at least one column")
        return self._with({name: self._source_of(name) for name in columns})

    def remove(self, columns: Iterable[str]) -> Selection:
        """Keep all columns but these."""
        removed = set(columns)
        left = {name: source for name, source in self._columns.items() if name not in removed}
        if not left:
            raise ValueError("Cannot remove all columns")
        return self._with(left)

    def rename(self, column_map: Mapping[str, str]) -> Selection:
        """Rename columns, all at once; they move to the end."""
        columns = dict(self._columns)
        for old_name in column_map:
            if old_name not in columns:
                raise NameNotFoundError(
                    f"Cannot rename column `{old_name}` because it does not exist; the columns "
                    f"are: {', '.join(self._columns)}"
                )
            del columns[old_name]
        for old_name, new_name in column_map.items():
            if new_name in columns:
                raise ValueError(
                    f"Cannot rename column `{old_name}` to `{new_name}` because a column with that "
                    "name already exists"
                )
            columns[new_name] = self._columns[old_name]
        return self._with(columns)

    def compute(self, columns: Mapping[str, str]) -> Selection:
        """Select expressions over the columns of the base table, by names."""
        if len(columns) == 0:
            raise ValueError("Must select at least one column")
        names: dict[str, str] = {}
        expressions: dict[str, str] = {}
        for name, expression in columns.items():
            if not isinstance(expression, str):
                raise TypeError(
                    f"column `{name}` must be an expression of SQL, not {type(expression).__name__}"
                )
            names[name] = f"{_COMPUTED}{name}"
            expressions[names[name]] = expression
        return self._checked(Selection(self._table, names, expressions))

    def flatten(self) -> Selection:
        """Make columns of the fields of structs, at every depth."""
        columns: dict[str, str] = {}

        def add(name: str, source: str, type: pa.DataType) -> None:
            if not pa.types.is_struct(type) or type.num_fields == 0:
                if name in columns:
                    raise ValueError(f"Cannot flatten: there would be two columns `{name}`")
                columns[name] = source
                return
            for field in type:
                add(f"{name}.{field.name}", f"{source}.{field.name}", field.type)

        for field, source in zip(self.schema, self.sources, strict=True):
            add(field.name, source, field.type)
        return self._with(columns)

    def _with(self, columns: dict[str, str]) -> Selection:
        used = set(columns.values())
        kept = {name: text for name, text in self.expressions.items() if name in used}
        changed = Selection(self._table, columns, kept)
        if changed.expressions == self.expressions:
            changed._source = self._source
        if any("." in source for source in columns.values()):
            return self._checked(changed)
        return changed

    @staticmethod
    def _checked(selection: Selection) -> Selection:
        """Find out now whether the columns exist."""
        _ = selection.schema
        return selection

    def _source_of(self, name: str) -> str:
        """Find the column or field of the base table that a name means here."""
        if name in self._columns:
            return self._columns[name]
        if name in SYSTEM_COLUMNS:
            return name
        column, dot, _ = name.rpartition(".")
        while dot:
            if column in self._columns:
                return f"{self._columns[column]}.{name[len(column) + 1 :]}"
            column, dot, _ = column.rpartition(".")
        raise NameNotFoundError(
            f"Cannot select column `{name}` because it does not exist; the columns are: "
            f"{', '.join(self._columns)}"
        )
