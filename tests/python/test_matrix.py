"""Tables by pylance, of every type in every shape, format and way of writing, read equal.

`--matrix N` writes N tables for every combination of type, shape and version, `--seconds S` goes on
with random schemas for so long, from `--seed` on; `--seconds 0` reads that one alone.
"""

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import lance
import matrix_cases
import numpy as np
import pyarrow as pa
import pytest
from arrow_values import NULLS, VALUES, assert_same_rows, take_rows
from matrix_cases import OLD_OPTIONS, OPTIONS, TYPES, VERSIONS, cases, make_rows

import croupier

OLD_WRITERS = Path(os.environ.get("CROUPIER_OLD_WRITERS", ".venv/old-writers"))
# Files of 2.0 by these releases differ from those by pylance 14.
OLD_VERSIONS = ("0.18.2", "0.23.2")
_HERE = Path(__file__).parent


def pytest_generate_tests(metafunc):
    if "case" in metafunc.fixturenames:
        count = metafunc.config.getoption("matrix")
        chosen = [case for version in VERSIONS for case in cases(version, count)]
        metafunc.parametrize("case", chosen, ids=str)


@pytest.fixture
def uri():
    """A place for a table that is removed at once: there are thousands."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        yield f"{folder}/t.lance"


def expected_rows(dataset, written):
    """Read by pylance, with row ids; a table that it wrote but cannot read is what was written."""
    try:
        return dataset.to_table(with_row_id=True)
    except Exception:
        return written_rows(dataset, written())


def written_rows(dataset, rows):
    """What was written, with the row ids that pylance reads."""
    ids = dataset.to_table(["id"], with_row_id=True)
    schema = pa.schema([*dataset.schema, ids.schema.field("_rowid")], dataset.schema.metadata)
    rows = take_rows(rows, ids["id"].to_numpy()).append_column("_rowid", ids["_rowid"])
    if rows.schema.types == schema.types:  # pyarrow cannot cast lists of the null type.
        return pa.table(rows.columns, schema=schema)
    return rows.cast(schema)


def check(uri, expected, seed):
    """Read a table by scan and by random takes, by row and by row id, and compare with pylance."""
    table = croupier.open_dataset(uri)
    names = [name for name in expected.column_names if name != "_rowid"]
    assert len(table) == expected.num_rows
    assert table.schema.equals(expected.drop(["_rowid"]).schema, check_metadata=True)
    assert_same_rows(table.search().with_row_id().to_arrow(), expected)
    if not len(table):
        assert table.take_offsets([]).to_arrow().num_rows == 0
        return
    draw = np.random.default_rng(seed)
    for count in (1, 40):
        # With duplicates, and rows side by side.
        offsets = draw.integers(0, expected.num_rows, count)
        offsets = np.concatenate([offsets, offsets[:3], np.minimum(offsets + 1, len(table) - 1)])
        rows = take_rows(expected, offsets)
        assert_same_rows(table.take_offsets(offsets).with_row_id().to_arrow(), rows)
        ids = rows["_rowid"].to_numpy()
        assert_same_rows(
            table.take_row_ids(ids).select(names[::-1]).to_arrow(), rows.select(names[::-1])
        )


def test_a_table_reads_as_pylance_reads_it(case, uri):
    dataset = matrix_cases.write(lance, uri, case.rows(), case.version, case.option)
    check(uri, expected_rows(dataset, case.rows), case.seed)


@pytest.mark.parametrize("release", OLD_VERSIONS)
def test_tables_by_old_writers_read_as_pylance_reads_them(release, tmp_path, pytestconfig):
    interpreter = OLD_WRITERS / release / "bin" / "python"
    if not interpreter.exists():
        pytest.skip(f"no pylance {release} at {interpreter}: `./run test` installs it there")
    count = pytestconfig.getoption("matrix")
    subprocess.run(
        [interpreter, _HERE / "matrix_cases.py", tmp_path, str(count)],
        check=True,
        stderr=subprocess.DEVNULL,
        env=dict(os.environ, PYTHONPATH=str(_HERE)),
    )
    failures = []
    known = {str(case): case for case in cases("2.0", count, OLD_OPTIONS)}
    written = sorted(tmp_path.glob("*.lance"))
    for uri in written:
        case = known[(uri / "case.txt").read_text()]
        dataset = lance.dataset(str(uri))
        try:
            check(str(uri), expected_rows(dataset, case.rows), case.seed)
        except Exception as error:
            failures.append(f"{case}: {type(error).__name__}: {str(error)[:300]}")
        shutil.rmtree(uri)
    assert not failures, f"{len(failures)} of {len(written)}:\n" + "\n".join(failures)
    assert len(written) > 350 * count


def random_type(draw, version, depth):
    """Draw a type of up to so many layers around a leaf."""
    kinds = ["list", "large_list", "struct", "struct"] + ["map"] * (version == "2.2")
    if depth == 0 or draw.random() < 0.3:
        return TYPES[draw.choice(sorted(TYPES))]
    kind = draw.choice(kinds)
    if kind == "struct":
        names = [f"f{i}" for i in range(draw.randint(1, 4))]
        return pa.struct([random_field(draw, version, name, depth - 1) for name in names])
    if kind == "map":
        keys = draw.choice([pa.string(), pa.int32()])
        return pa.map_(keys, random_field(draw, version, "value", depth - 1))
    item = random_field(draw, version, "item", depth - 1)
    return pa.list_(item) if kind == "list" else pa.large_list(item)


def random_field(draw, version, name, depth):
    """Draw a field, some with an encoding that its metadata asks for."""
    type_ = random_type(draw, version, depth)
    keys = {}
    if draw.random() < 0.3:
        options = [option for option in OPTIONS.values() if version in option.versions]
        keys = draw.choice(options).leaf
    metadata = {matrix_cases.PREFIX + key: value for key, value in keys.items()}
    return pa.field(name, type_, metadata=metadata or None)


def random_table(seed):
    """Draw a table: rows, version, option."""
    draw = random.Random(seed)
    version = draw.choice(VERSIONS)
    x = random_field(draw, version, "x", draw.randint(0, 4))
    structural = draw.choice(["", "", "fullzip", "miniblock"])
    if structural and version != "2.0":
        key = matrix_cases.PREFIX + "structural-encoding"
        x = x.with_metadata({**(x.metadata or {}), key: structural})
    nulls = draw.choice([kind for kind in NULLS if kind != "never"])
    size = int(10 ** draw.uniform(0, 3.8))
    rows = make_rows(x, size, seed, nulls, draw.choice(VALUES), version)
    options = [name for name, option in OPTIONS.items() if not option.leaf and not option.column]
    return rows, version, draw.choice(options)


def test_random_schemas_read_as_pylance_reads_them(tmp_path, pytestconfig, capsys):
    seed = pytestconfig.getoption("seed")
    end = time.monotonic() + pytestconfig.getoption("seconds")
    written = refused = 0
    with capsys.disabled():
        print(f"\nrandom schemas from --seed {seed}", end=" ", flush=True)
    while written == 0 or time.monotonic() < end:
        rows, version, option = random_table(seed)
        uri = str(tmp_path / f"{seed}.lance")
        try:
            dataset = matrix_cases.write(lance, uri, rows, version, option)
        except BaseException:  # A panic is no Exception.
            refused += 1
        else:
            written += 1
            try:
                check(uri, expected_rows(dataset, lambda rows=rows: rows), seed)
            except Exception as error:
                error.add_note(f"--seed {seed}: {version}, {option}, {rows.schema}")
                raise
        shutil.rmtree(uri, ignore_errors=True)
        seed += 1
    with capsys.disabled():
        print(f"… {seed}: {written} tables, {refused} that pylance refuses", end=" ")
    assert written >= refused / 2


def test_the_matrix_has_every_combination():
    chosen = [case for version in VERSIONS for case in cases(version, 1)]
    assert len(chosen) > 1400
    assert len(set(chosen)) == len(chosen)
    for dimension in ("type", "shape", "version", "size", "nulls", "values", "option"):
        known = {getattr(case, dimension) for case in chosen}
        lists = {
            "type": TYPES,
            "shape": matrix_cases.SHAPES,
            "version": VERSIONS,
            "size": matrix_cases.SIZES,
            "nulls": NULLS,
            "values": VALUES,
            "option": OPTIONS,
        }
        assert known == set(lists[dimension]), dimension


if sys.version_info < (3, 11):  # The notes of exceptions came with 3.11.
    BaseException.add_note = lambda self, note: None
