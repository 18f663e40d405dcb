"""Tables of every type in every shape that pass from Croupier to pylance and lancedb, and back.

Several columns share a table, for time. `--matrix N` makes N tables for every combination of type,
shape and version; without it every type comes in every shape once, in one of the versions.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, replace
from itertools import pairwise

import lance
import lancedb
import matrix_cases
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from arrow_values import assert_same, assert_same_rows, take_rows
from matrix_cases import OPTIONS, SHAPES, TYPES, cases
from test_matrix import check, written_rows

import croupier

VERSIONS = ("2.1", "2.2")
COLUMNS = 12  # of a table
PLACE = (
    "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
)  # on disks, half of the time is theirs
ADDED = 40  # rows that are added later
# What the conditions of the matrix delete.
DELETED = {
    "": lambda ids: ids < 0,
    "id % 3 = 1 OR id < 4": lambda ids: (ids % 3 == 1) | (ids < 4),
    "id % 5 = 2": lambda ids: ids % 5 == 2,
}


@dataclass(frozen=True)
class Columns:
    """The columns of a table: they have cases of their own, but one size and one way of writing."""

    cases: tuple[matrix_cases.Case, ...]

    def __str__(self):
        first = self.cases[0]
        types = " + ".join(case.type for case in self.cases)
        return f"{first.shape}, {types}, {first.version}, {self.size}, {first.option}"

    @property
    def size(self):
        return min(self.cases[0].size, 1100)  # Only to save time.

    @property
    def option(self):
        return OPTIONS[self.cases[0].option]

    @property
    def together(self):
        """Whether pylance reads the columns together, and so filters and compacts the table.

        pylance 14 cannot read fixed-size lists of structs beside other columns, and panics or
        gives other values for many packed structs, also in tables that it wrote.
        """
        return self.cases[0].shape not in ("fixed list of struct", "packed struct")

    def rows(self):
        """The rows of the table, and of others that are added: their ids count from 0 on."""
        parts = [replace(case, size=self.size + ADDED).rows() for case in self.cases]
        columns = {"id": parts[0]["id"], **{f"x{i}": part["x"] for i, part in enumerate(parts)}}
        fields = [part.schema.field("x").with_name(f"x{i}") for i, part in enumerate(parts)]
        return pa.table(columns, schema=pa.schema([parts[0].schema.field("id"), *fields]))

    def alone(self):
        """The same columns, each in a table of its own."""
        return [Columns((replace(case, size=self.size),)) for case in self.cases]


def columns_of_tables(count):
    """Deal the matrix into tables."""
    names = list(TYPES)
    for version in VERSIONS:
        for shape in SHAPES:
            chosen = [case for case in cases(version, count) if case.shape == shape]
            if count == 1 and any(case.shape == shape for case in cases("2.1", 1)):
                turn = VERSIONS.index(version) + list(SHAPES).index(shape)
                chosen = [case for case in chosen if (names.index(case.type) + turn) % 2 == 0]
            for first in range(0, len(chosen), COLUMNS):
                yield Columns(tuple(chosen[first : first + COLUMNS]))


def pytest_generate_tests(metafunc):
    if "columns" in metafunc.fixturenames:
        count = metafunc.config.getoption("matrix")
        metafunc.parametrize("columns", list(columns_of_tables(count)), ids=str)


def uri_of(folder):
    return f"{folder}/t.lance"


def check_everywhere(folder, rows, live, columns):
    """Compare what everyone reads with rows whose position is their id, of which some are live."""
    uri = uri_of(folder)
    dataset = lance.dataset(uri)
    dataset.validate()
    assert dataset.schema.equals(rows.schema, check_metadata=True)
    with_ids = written_rows(dataset, rows)
    assert np.array_equal(np.sort(with_ids["id"].to_numpy()), live)
    check(uri, with_ids, len(live))  # Croupier
    expected = with_ids.drop(["_rowid"])
    theirs = lancedb.connect(folder).open_table("t")
    wanted = np.random.default_rng(len(live)).integers(0, max(len(live), 1), 20 * (len(live) > 0))
    for names in [expected.column_names] if columns.together else [[n] for n in rows.column_names]:
        some = expected.select(names)
        assert_same_rows(dataset.to_table(names), some)
        assert_same_rows(dataset.take(wanted.tolist(), names), take_rows(some, wanted))
        assert_same_rows(theirs.search().select(names).limit(len(live) + 1).to_arrow(), some)
    table = croupier.open_dataset(uri)
    third = take_rows(expected, np.flatnonzero(expected["id"].to_numpy() % 3 == 1))
    assert_same_rows(table.search().where("id % 3 = 1").to_arrow(), third)
    if columns.together:
        assert_same_rows(dataset.to_table(filter="id % 3 = 1"), third)
        found = theirs.search().where("id % 3 = 1").limit(len(live) + 1).to_arrow()
        assert_same_rows(found, third)
    names = rows.column_names[1:]
    valid = {name: pc.is_valid(expected[name]) for name in names}
    for name in names:
        assert table.count_rows(f"{name} IS NOT NULL") == (pc.sum(valid[name]).as_py() or 0)
    if columns.together:
        found = dataset.to_table({"id": "id", **{name: f"{name} IS NOT NULL" for name in names}})
        assert all(found[name].equals(valid[name]) for name in names)
        found = dataset.to_table(["id"], filter=f"{names[-1]} IS NOT NULL")["id"]
        assert found.equals(expected["id"].filter(valid[names[-1]]))


def parts_of(rows, columns):
    """Cut off what is appended when a table is made, and what is added later."""
    parts = 1 + columns.option.appends
    cuts = [columns.size * i // parts for i in range(parts + 1)]
    return [rows.slice(begin, end - begin) for begin, end in pairwise(cuts)]


def made_by_croupier(folder, columns, rows):
    """Make the table as `matrix_cases.write` lets pylance make it."""
    option = columns.option
    first, *more = parts_of(rows, columns)
    table = croupier.connect(folder).create_table(
        "t",
        first,
        data_storage_version=columns.cases[0].version,
        stable_row_ids=option.write.get("enable_stable_row_ids", False),
        max_rows_per_file=option.write.get("max_rows_per_file"),
    )
    for part in more:
        table.add(part)
    if option.delete:
        table.delete(option.delete)


def made_by_pylance(folder, columns, rows):
    case = columns.cases[0]
    made = rows.slice(0, columns.size)
    matrix_cases.write(lance, uri_of(folder), made, case.version, case.option)


def added(rows, columns):
    """Rows for later, as a copy: pylance panics on slices of structs in structs."""
    return take_rows(rows, np.arange(columns.size, columns.size + ADDED)).combine_chunks()


def changed_by_pylance(folder, columns, rows):
    """Add rows, delete some, make indexes, and compact."""
    uri = uri_of(folder)
    lance.write_dataset(added(rows, columns), uri, mode="append")
    lance.dataset(uri).delete(f"id % 7 = 3 OR id = {columns.size}")
    lance.dataset(uri).create_scalar_index("id", "BTREE")
    for name in rows.column_names[1:]:
        type_ = rows.schema.field(name).type
        if pa.types.is_integer(type_) or pa.types.is_string(type_) or pa.types.is_temporal(type_):
            lance.dataset(uri).create_scalar_index(name, "BITMAP")
    if columns.together:
        lance.dataset(uri).optimize.compact_files()


def changed_by_croupier(folder, columns, rows):
    """Add rows, delete some, write some anew in two ways, add and drop a column, and compact."""
    table = croupier.connect(folder).open_table("t")
    more = added(rows, columns)
    table.add(more.slice(0, ADDED // 2))
    table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all().execute(
        more.slice(ADDED // 4)
    )
    table.delete(f"id % 7 = 3 OR id = {columns.size}")
    table.update("id % 5 = 1", values_sql={"id": "id"})
    name = rows.column_names[-1]
    copied = rows.schema.field(name).with_name("copy")
    table.add_columns(
        lambda batch: pa.table([batch[name]], schema=pa.schema([copied])), read_columns=[name]
    )
    with_copy = table.to_arrow()
    assert_same(
        with_copy["copy"].combine_chunks(), with_copy[name].combine_chunks(), "the added column"
    )
    read = lance.dataset(uri_of(folder)).to_table(["copy"])
    assert_same_rows(read, with_copy.select(["copy"]))
    table.drop_columns(["copy"])
    table.compact_files(target_rows_per_fragment=1500)


def pass_on(columns, make, change):
    """Let one make a table, all read it, another change it, and all read it again."""
    rows = columns.rows()
    ids = np.arange(columns.size)
    live = ids[~DELETED[columns.option.delete](ids)]
    with tempfile.TemporaryDirectory(dir=PLACE) as folder:
        make(folder, columns, rows)
        check_everywhere(folder, rows, live, columns)
        change(folder, columns, rows)
        live = np.concatenate([live, np.arange(columns.size, columns.size + ADDED)])
        check_everywhere(folder, rows, live[(live % 7 != 3) & (live != columns.size)], columns)


def error_of(columns, make, change):
    """Give what goes wrong, if anything: also a panic, which is no Exception."""
    try:
        pass_on(columns, make, change)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        return error
    return None


def check_passing(columns, make, change):
    """Pass a table on; where pylance cannot, it must be unable to with a table of its own, too."""
    error = error_of(columns, make, change)
    if error is None:
        return
    for column in columns.alone() if len(columns.cases) > 1 else [columns]:
        error = error_of(column, make, change)
        if error is None:
            continue
        excuse = error_of(column, made_by_pylance, changed_by_pylance)
        if isinstance(error, AssertionError) or type(excuse) is not type(error):
            raise AssertionError(str(column)) from error


def test_pylance_and_lancedb_go_on_with_what_croupier_wrote(columns):
    check_passing(columns, made_by_croupier, changed_by_pylance)


def test_croupier_goes_on_with_what_pylance_wrote(columns):
    check_passing(columns, made_by_pylance, changed_by_croupier)


@pytest.mark.parametrize("stable", [False, True])
def test_vector_indexes_by_pylance_find_the_rows_that_croupier_changed(tmp_path, stable):
    random = np.random.default_rng(5)
    vectors = random.normal(size=(700, 16)).astype(np.float32)

    def rows_of(begin, end):
        flat = pa.array(vectors[begin:end].ravel())
        lists = pa.FixedSizeListArray.from_arrays(flat, 16)
        return pa.table({"id": np.arange(begin, end), "vector": lists})

    def check_nearest(live):
        dataset = lance.dataset(table.uri)
        dataset.validate()
        for target in (vectors[live[3]], random.normal(size=16).astype(np.float32)):
            # All partitions, and vectors themselves: as without an index.
            search = {"column": "vector", "q": target, "k": 10, "nprobes": 4}
            found = dataset.to_table(["id"], nearest=search)["id"].to_pylist()
            distances = np.square(vectors[live] - target).sum(axis=1)
            assert found == live[np.argsort(distances)[:10]].tolist()

    table = croupier.connect(tmp_path).create_table(
        "t", rows_of(0, 600), max_rows_per_file=200, stable_row_ids=stable
    )
    lance.dataset(table.uri).create_index("vector", "IVF_FLAT", num_partitions=4)
    check_nearest(np.arange(600))
    table.add(rows_of(600, 700))
    table.delete("id % 7 = 3")
    live = np.arange(700)
    live = live[live % 7 != 3]
    check_nearest(live)
    vectors[5] = 0.25
    table.update("id = 5", {"vector": [0.25] * 16})
    check_nearest(live)
    table.compact_files()
    check_nearest(live)
    lance.dataset(table.uri).optimize.optimize_indices()
    check_nearest(live)
