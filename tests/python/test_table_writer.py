"""Tables that Croupier writes, in the hands of pylance and lancedb, and the other way round."""

from __future__ import annotations

import threading
from pathlib import Path

import lance
import lancedb
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import croupier
from croupier._core import TableWriter


def rows_of(first: int, end: int, text: str = "row") -> pa.Table:
    """Rows whose columns tell which they are."""
    ids = range(first, end)
    return pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "text": pa.array([None if i % 7 == 0 else f"{text} {i}" for i in ids], pa.string()),
            "part": pa.array([i % 4 for i in ids], pa.int32()),
            "vector": pa.FixedSizeListArray.from_arrays(
                pa.array([float(i + k) for i in ids for k in range(4)], pa.float32()), 4
            ),
        }
    )


def read(uri: str, **options) -> pa.Table:
    """All rows as Croupier reads them."""
    return pa.table(croupier.open_dataset(uri, **options).scan()).sort_by("id")


def delete(uri: str, where: str) -> dict:
    """Delete the rows for which a condition is true."""
    return TableWriter.open(uri).delete(where)


def update(uri: str, where: str, text: str) -> dict:
    """Set a text of the rows for which a condition is true."""
    return TableWriter.open(uri).update(where, [("text", f"'{text}'")])


def check(uri: str, expected: pa.Table) -> lance.LanceDataset:
    """Compare what everyone reads."""
    expected = expected.sort_by("id")
    dataset = lance.dataset(uri)
    dataset.validate()
    assert dataset.to_table().sort_by("id") == expected
    assert read(uri) == expected
    assert dataset.count_rows() == len(expected)
    some = expected.slice(len(expected) // 3, 5)["id"].to_pylist()
    found = dataset.to_table(filter=f"id in ({', '.join(map(str, some))})").sort_by("id")
    assert found["id"].to_pylist() == some
    if len(expected):
        assert len(dataset.take([0, len(expected) - 1])) == 2
    return dataset


@pytest.fixture(params=["addresses", "stable"])
def stable(request) -> bool:
    return request.param == "stable"


@pytest.fixture(params=["2.1", "2.2"])
def version(request) -> str:
    return request.param


def test_pylance_goes_on_with_what_croupier_made(tmp_path: Path, version: str, stable: bool):
    uri = str(tmp_path / "t.lance")
    TableWriter.create(
        uri,
        rows_of(0, 1000).to_reader(),
        max_rows_per_file=300,
        data_format_version=version,
        stable_row_ids=stable,
    )
    rows = rows_of(0, 1000)
    dataset = check(uri, rows)
    assert dataset.data_storage_version == version
    assert dataset.has_stable_row_ids == stable
    assert len(dataset.get_fragments()) == 4

    lance.write_dataset(rows_of(1000, 1100), uri, mode="append")
    rows = pa.concat_tables([rows, rows_of(1000, 1100)])
    dataset = check(uri, rows)
    dataset.delete("id % 10 = 3")
    rows = rows.filter(pc.invert(pc.is_in(rows["id"], pa.array(range(3, 1100, 10)))))
    dataset = check(uri, rows)
    dataset.create_scalar_index("id", "BTREE")
    check(uri, rows)
    dataset.update({"part": "99"}, where="id < 20")
    part = pc.if_else(pc.less(rows["id"], 20), pa.scalar(99, pa.int32()), rows["part"])
    rows = rows.set_column(2, "part", part)
    check(uri, rows)
    dataset = lance.dataset(uri)
    dataset.optimize.compact_files()
    check(uri, rows)
    dataset = lance.dataset(uri)
    dataset.add_columns({"twice": "id * 2"})
    assert pc.all(pc.equal(read(uri)["twice"], pc.multiply(read(uri)["id"], 2))).as_py()
    dataset.drop_columns(["twice"])
    check(uri, rows)
    assert lance.dataset(uri).version == croupier.open_dataset(uri).version


def test_croupier_goes_on_with_what_pylance_made(tmp_path: Path, version: str, stable: bool):
    uri = str(tmp_path / "t.lance")
    rows = rows_of(0, 1000)
    dataset = lance.write_dataset(
        rows,
        uri,
        max_rows_per_file=300,
        data_storage_version=version,
        enable_stable_row_ids=stable,
    )
    dataset.create_scalar_index("id", "BTREE")
    dataset.create_scalar_index("part", "BITMAP")
    dataset.update_config({"some.key": "value"})

    TableWriter.open(uri).append(rows_of(1000, 1100).to_reader())
    rows = pa.concat_tables([rows, rows_of(1000, 1100)])
    check(uri, rows)
    assert delete(uri, "id < 1100 AND id % 10 = 3")["num_rows_removed"] == len(range(3, 1100, 10))
    rows = rows.filter(pc.invert(pc.is_in(rows["id"], pa.array(range(3, 1100, 10)))))
    check(uri, rows)
    # All of a fragment, and some of others.
    delete(uri, "id < 320")
    rows = rows.filter(pc.greater_equal(rows["id"], 320))
    check(uri, rows)
    update(uri, "id < 330", "new")
    text = pc.if_else(pc.less(rows["id"], 330), "new", rows["text"])
    rows = rows.set_column(1, "text", text)
    dataset = check(uri, rows)
    assert {index.name for index in dataset.describe_indices()} == {"id_idx", "part_idx"}
    assert "ScalarIndexQuery" in dataset.scanner(filter="id = 400").explain_plan()
    assert dataset.config()["some.key"] == "value"

    TableWriter.open(uri).compact(target_rows_per_fragment=5000)
    dataset = check(uri, rows)
    assert len(dataset.get_fragments()) == 1
    dataset.optimize.optimize_indices()
    check(uri, rows)

    TableWriter.open(uri).add_columns(
        pa.schema([pa.field("twice", pa.int64())]),
        ["id"],
        lambda batch: pa.table({"twice": pc.multiply(pa.record_batch(batch)["id"], 2)}),
    )
    with_column = rows.append_column("twice", pc.multiply(rows["id"], 2))
    check(uri, with_column)
    dataset = lance.dataset(uri)
    dataset.delete("id = 321")
    with_column = with_column.filter(pc.not_equal(with_column["id"], 321))
    check(uri, with_column)
    TableWriter.open(uri).drop_columns(["twice", "part"])
    rows = with_column.drop(["twice", "part"])
    dataset = check(uri, rows)
    assert {index.name for index in dataset.describe_indices()} == {"id_idx"}

    TableWriter.open(uri).restore(1)
    dataset = check(uri, rows_of(0, 1000))
    TableWriter.open(uri).overwrite(rows_of(0, 10).to_reader())
    dataset = check(uri, rows_of(0, 10))
    assert dataset.describe_indices() == []
    lance.write_dataset(rows_of(10, 20), uri, mode="append")
    check(uri, rows_of(0, 20))


def test_stable_row_ids_are_the_same_for_everyone(tmp_path: Path):
    uri = str(tmp_path / "t.lance")
    TableWriter.create(uri, rows_of(0, 100).to_reader(), max_rows_per_file=30, stable_row_ids=True)
    lance.write_dataset(rows_of(100, 120), uri, mode="append")
    update(uri, "id IN (5, 50, 110)", "new")
    TableWriter.open(uri).append(rows_of(120, 130).to_reader())
    lance.dataset(uri).update({"text": "'newer'"}, where="id in (5, 125)")
    delete(uri, "id = 7")
    TableWriter.open(uri).compact()
    lineage = ["_rowid", "_row_created_at_version", "_row_last_updated_at_version"]
    theirs = lance.dataset(uri).scanner(columns=["id", *lineage]).to_table().sort_by("id")
    ours = pa.table(croupier.open_dataset(uri).scan(["id", *lineage])).sort_by("id")
    assert ours.select(theirs.column_names) == theirs
    by_id = {row["id"]: row for row in theirs.to_pylist()}
    assert all(row["_rowid"] == id_ for id_, row in by_id.items())
    assert by_id[5]["_row_last_updated_at_version"] > by_id[50]["_row_last_updated_at_version"] > 1
    assert by_id[5]["_row_created_at_version"] == 1
    dataset = lance.dataset(uri)
    taken = dataset._take_rows([125, 5]) if hasattr(dataset, "_take_rows") else None
    assert taken is None or taken["id"].to_pylist() == [125, 5]


def test_lancedb_opens_what_croupier_made(tmp_path: Path):
    TableWriter.create(str(tmp_path / "t.lance"), rows_of(0, 50).to_reader())
    table = lancedb.connect(str(tmp_path)).open_table("t")
    assert table.to_arrow() == rows_of(0, 50)
    table.add(rows_of(50, 60))
    table.delete("id = 3")
    table.update(where="id = 4", values={"text": "four"})
    table.optimize()
    rows = read(str(tmp_path / "t.lance"))
    assert len(rows) == 59
    assert rows.filter(pc.equal(rows["id"], 4))["text"].to_pylist() == ["four"]
    TableWriter.open(str(tmp_path / "t.lance")).append(rows_of(60, 70).to_reader())
    table.checkout_latest()
    assert table.count_rows() == 69


def test_a_stale_pylance_goes_on_after_commits_of_croupier(tmp_path: Path):
    uri = str(tmp_path / "t.lance")
    lance.write_dataset(rows_of(0, 100), uri, max_rows_per_file=50)

    def stale() -> lance.LanceDataset:
        return lance.dataset(uri)

    first = stale()
    TableWriter.open(uri).append(rows_of(100, 110).to_reader())
    delete(uri, "id = 1")
    first.delete("id = 2")  # the fragment has changed: pylance computes it again
    update(uri, "id = 3", "three")
    lance.write_dataset(rows_of(110, 120), first, mode="append")
    second = stale()
    TableWriter.open(uri).add_columns(pa.schema([pa.field("none", pa.int8())]), [])
    with pytest.raises(OSError, match="Retryable"):  # as after its own add_columns
        lance.write_dataset(rows_of(120, 121), second, mode="append")
    third = stale()
    TableWriter.open(uri).drop_columns(["none"])
    third.delete("id = 4")
    assert lance.dataset(uri).to_table().num_rows == 117
    assert read(uri)["id"].to_pylist() == [i for i in range(120) if i not in (1, 2, 4)]
    lance.dataset(uri).validate()
    fourth = stale()
    TableWriter.open(uri).overwrite(rows_of(0, 3).to_reader())
    with pytest.raises(Exception, match=r"(?i)conflict|incompatible|concurrent"):
        fourth.delete("id = 5")


def test_every_row_of_two_racing_writers_is_there_once(tmp_path: Path, stable: bool):
    uri = str(tmp_path / "t.lance")
    TableWriter.create(
        uri, rows_of(0, 200).to_reader(), max_rows_per_file=50, stable_row_ids=stable
    )
    rounds = 12
    errors = []

    def ours():
        try:
            for i in range(rounds):
                TableWriter.open(uri).append(rows_of(1000 + 10 * i, 1010 + 10 * i).to_reader())
                delete(uri, f"id = {2 * i}")
                update(uri, f"id = {100 + 2 * i}", "ours")
        except BaseException as error:
            errors.append(error)

    def theirs():
        try:
            for i in range(rounds):
                lance.write_dataset(rows_of(2000 + 10 * i, 2010 + 10 * i), uri, mode="append")
                lance.dataset(uri).delete(f"id = {2 * i + 1}")
                lance.dataset(uri).update({"text": "'theirs'"}, where=f"id = {101 + 2 * i}")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=ours), threading.Thread(target=theirs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    deleted = set(range(2 * rounds))
    expected = [i for i in range(200) if i not in deleted]
    expected += [*range(1000, 1000 + 10 * rounds), *range(2000, 2000 + 10 * rounds)]
    dataset = lance.dataset(uri)
    dataset.validate()
    for rows in (read(uri), dataset.to_table().sort_by("id")):
        assert rows["id"].to_pylist() == expected
        texts = dict(zip(rows["id"].to_pylist(), rows["text"].to_pylist(), strict=True))
        for i in range(rounds):
            assert texts[100 + 2 * i] == "ours"
            assert texts[101 + 2 * i] == "theirs"
    assert dataset.version == 1 + 6 * rounds


def test_a_clean_up_leaves_what_pylance_named(tmp_path: Path):
    uri = str(tmp_path / "t.lance")
    dataset = lance.write_dataset(rows_of(0, 20), uri)
    dataset.tags.create("first", 1)
    lance.write_dataset(rows_of(20, 30), uri, mode="append")
    branch = lance.dataset(uri).create_branch("side", 2)
    lance.write_dataset(rows_of(30, 40), uri, mode="overwrite")
    TableWriter.open(uri).append(rows_of(40, 50).to_reader())
    lance.dataset(uri).create_scalar_index("id", "BTREE")
    clone = str(tmp_path / "clone.lance")
    lance.dataset(uri).tags.create("cloned", lance.dataset(uri).version)
    lance.dataset(uri).shallow_clone(clone, "cloned")
    TableWriter.open(uri).overwrite(rows_of(0, 3).to_reader())
    TableWriter.open(uri).overwrite(rows_of(0, 4).to_reader())
    result = TableWriter.open(uri).clean_up(older_than_us=0, grace_us=0)
    assert result["num_versions"] == 3
    assert lance.dataset(uri, version="first").to_table() == rows_of(0, 20)
    assert branch.to_table() == rows_of(0, 30)
    assert lance.dataset(clone).to_table() == rows_of(30, 50)
    assert lance.dataset(uri, version="cloned").to_table(filter="id = 45")["id"].to_pylist() == [45]
    check(uri, rows_of(0, 4))


def test_a_branch_is_written(tmp_path: Path):
    uri = str(tmp_path / "t.lance")
    dataset = lance.write_dataset(rows_of(0, 20), uri)
    dataset.create_branch("side/way", 1)
    writer = TableWriter.open(uri, branch="side/way")
    writer.append(rows_of(20, 30).to_reader())
    assert read(uri) == rows_of(0, 20)
    assert read(uri, branch="side/way") == rows_of(0, 30)
    theirs = lance.dataset(uri).checkout_version(("side/way", None))
    assert theirs.to_table() == rows_of(0, 30)


def test_an_overwrite_gives_an_old_table_the_new_format(tmp_path: Path):
    uri = str(tmp_path / "t.lance")
    lance.write_dataset(rows_of(0, 20), uri, data_storage_version="2.0")
    with pytest.raises(NotImplementedError, match=r"2\.0.*Overwrite the table with its own rows"):
        TableWriter.open(uri).append(rows_of(20, 30).to_reader())
    assert delete(uri, "id = 3")["version"] == 2
    assert lance.dataset(uri).count_rows() == 19
    TableWriter.open(uri).overwrite(rows_of(0, 5).to_reader())
    dataset = check(uri, rows_of(0, 5))
    assert dataset.data_storage_version == "2.2"
    assert lance.dataset(uri, version=1).to_table() == rows_of(0, 20)


def test_a_table_with_files_of_2_0_among_others_is_written(tmp_path: Path):
    uri = str(tmp_path / "t.lance")
    lance.write_dataset(rows_of(0, 20), uri, data_storage_version="2.0")
    lance.write_dataset(rows_of(20, 30), uri, mode="append", data_storage_version="2.2")
    TableWriter.open(uri).append(rows_of(30, 40).to_reader())
    update(uri, "id = 1", "new")
    rows = rows_of(0, 40)
    text = pc.if_else(pc.equal(rows["id"], 1), "new", rows["text"])
    rows = rows.set_column(1, "text", text)
    dataset = check(uri, rows)
    assert dataset.data_storage_version == "2.0"
    table = croupier.open_dataset(uri)
    table.add_columns({"twice": "id * 2"})
    twice = rows.append_column("twice", pc.multiply(rows["id"], 2))
    check(uri, twice)
    table.drop_columns(["twice"])
    table.compact_files()
    check(uri, rows)
    lance.dataset(uri).optimize.compact_files(target_rows_per_fragment=10, max_rows_per_group=10)
    dataset = check(uri, rows)
    table.add(table, mode="overwrite")
    dataset = check(uri, rows)
    assert dataset.data_storage_version == "2.2"


def test_what_a_callback_or_a_stream_raises_is_raised(tmp_path: Path):
    uri = str(tmp_path / "t.lance")

    def batches():
        yield from rows_of(0, 10).to_batches()
        raise RuntimeError("no more")

    reader = pa.RecordBatchReader.from_batches(rows_of(0, 0).schema, batches())
    with pytest.raises(RuntimeError, match="no more"):
        TableWriter.create(uri, reader)
    assert not (tmp_path / "t.lance").exists()
    TableWriter.create(uri, rows_of(0, 10).to_reader())

    def fail(*_):
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        TableWriter.open(uri).append(rows_of(0, 10).to_reader(), progress=fail)
    with pytest.raises(LookupError, match="mine"):
        TableWriter.open(uri).add_columns(pa.schema([("x", pa.int8())]), ["id"], fail)
    with pytest.raises(ValueError, match="already exists"):
        TableWriter.create(uri, rows_of(0, 10).to_reader())
    assert read(uri) == rows_of(0, 10)
    assert len(list((tmp_path / "t.lance" / "data").iterdir())) == 1
