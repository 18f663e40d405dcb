"""Versions, tags, branches, clones and row ids, beside those of the reference."""

import datetime
import random
import shutil

import lance
import pyarrow as pa
import pytest

from croupier import _core
from croupier.errors import CorruptFileError, NameNotFoundError, VersionNotFoundError

SYSTEM_COLUMNS = [
    "_rowid",
    "_rowaddr",
    "_rowoffset",
    "_row_created_at_version",
    "_row_last_updated_at_version",
]


def rows_of(begin, end):
    return pa.table(
        {
            "k": pa.array(range(begin, end), pa.int32()),
            "s": pa.array(
                [None if i % 5 == 0 else f"row {i}" for i in range(begin, end)], pa.string()
            ),
        }
    )


def write_history(path, **options):
    """Make a version by each operation there is; the last one has no row."""
    dataset = lance.write_dataset(rows_of(0, 100), path, max_rows_per_file=30, **options)
    dataset = lance.write_dataset(rows_of(100, 130), path, mode="append", **options)
    dataset.delete("k % 7 = 3 or k between 60 and 95")
    dataset.update({"s": "'updated'"}, where="k % 10 = 0")
    dataset.merge_insert("k").when_matched_update_all().when_not_matched_insert_all().execute(
        rows_of(120, 150)
    )
    dataset.add_columns({"twice": "k * 2"})
    dataset.alter_columns({"path": "twice", "name": "double", "data_type": pa.int64()})
    dataset.add_columns(pa.schema([pa.field("later", pa.float64())]))
    dataset.optimize.compact_files(target_rows_per_fragment=50)
    dataset.delete("k in (1, 2, 101)")
    dataset.drop_columns(["s"])
    dataset.merge(pa.table({"k": pa.array([5, 6], pa.int32()), "m": ["five", "six"]}), "k")
    dataset.update({"double": "7"}, where="k = 4")
    lance.dataset(path, version=3).restore()
    lance.dataset(path).optimize.compact_files(target_rows_per_fragment=1000)
    dataset = lance.write_dataset(rows_of(7, 9), path, mode="overwrite", **options)
    dataset.delete("true")
    return lance.dataset(path)


@pytest.fixture(
    scope="module",
    params=[
        {"enable_stable_row_ids": stable, "enable_v2_manifest_paths": v2, "data_storage_version": f}
        for stable, v2, f in [
            (False, True, "2.2"),
            (True, True, "2.2"),
            (False, False, "2.1"),
            (True, False, "2.1"),
        ]
    ],
    ids=lambda options: "-".join(str(value) for value in options.values()),
)
def history(request, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("history") / "t.lance")
    return path, write_history(path, **request.param)


def scan(source, columns, batch_rows=16):
    return pa.Table.from_batches(
        [pa.record_batch(batch) for batch in source.scan(columns, batch_rows)],
        pa.schema(source.project_schema(columns)),
    )


def names_of(source):
    return pa.schema(source.schema()).names


def test_every_version_has_the_rows_ids_and_versions_of_the_reference(history):
    path, dataset = history
    seed = 23
    order = random.Random(seed)
    versions = dataset.versions()
    assert len(versions) >= 15
    for version in (each["version"] for each in versions):
        reference = lance.dataset(path, version=version)
        source = _core.open_dataset(path, version=version)
        assert source.version == version
        assert names_of(source) == reference.schema.names
        columns = names_of(source) + SYSTEM_COLUMNS
        expected = reference.scanner(columns=columns).to_table()
        assert source.count_rows() == expected.num_rows
        assert scan(source, columns).equals(expected), f"version {version}"
        if expected.num_rows == 0:
            continue
        offsets = [order.randrange(expected.num_rows) for _ in range(50)]
        taken = expected.take(offsets)
        row_ids = taken["_rowid"].to_pylist()
        by_id = pa.Table.from_batches([pa.record_batch(source.take(row_ids, columns))])
        assert by_id.equals(taken.combine_chunks()), f"version {version}, seed {seed}"
        by_offset = pa.Table.from_batches([pa.record_batch(source.take_offsets(offsets, columns))])
        assert by_offset.equals(taken.combine_chunks()), f"version {version}, seed {seed}"


def test_versions_are_listed_as_by_the_reference(history):
    path, dataset = history
    expected = dataset.versions()
    listed = _core.open_dataset(path, version=2).list_versions()
    assert [each["version"] for each in listed] == [each["version"] for each in expected]
    assert [each["metadata"] for each in listed] == [each["metadata"] for each in expected]
    for each, other in zip(listed, expected, strict=True):
        # The reference goes through a float.
        assert abs(each["timestamp_us"] - round(other["timestamp"].timestamp() * 1e6)) <= 1


@pytest.fixture
def dataset(tmp_path):
    dataset = lance.write_dataset(rows_of(0, 10), str(tmp_path / "t.lance"))
    dataset.delete("k = 3")
    return dataset


def test_tags_are_those_of_the_reference(dataset):
    dataset.tags.create("v1.0-rc_1", 1)
    source = _core.open_dataset(dataset.uri, tag="v1.0-rc_1")
    assert source.version == 1
    dataset.tags.update("v1.0-rc_1", 2)
    assert source.checkout(tag="v1.0-rc_1").version == 2
    (tag,) = source.list_tags().values()
    expected = dataset.tags.list()["v1.0-rc_1"]
    for key in ("branch", "version", "manifest_size", "metadata"):
        assert tag[key] == expected[key]
    for key in ("created_at", "updated_at"):
        # The reference rounds nanoseconds down.
        assert tag[key].startswith(expected[key].strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0"))
    with pytest.raises(NameNotFoundError, match=r"no tag named 'none'.*v1\.0-rc_1"):
        source.checkout(tag="none")


def test_a_branch_goes_its_own_way(dataset):
    branch = dataset.create_branch("exp/a", 2)
    branch.insert(rows_of(50, 52))
    lance.write_dataset(rows_of(100, 101), dataset.uri, mode="append")
    dataset.tags.create("on-branch", ("exp/a", 3))
    source = _core.open_dataset(dataset.uri, branch="exp/a")
    assert (source.branch, source.version, source.count_rows()) == ("exp/a", 3, 11)
    columns = ["k", "s", *SYSTEM_COLUMNS]
    assert scan(source, columns).equals(branch.scanner(columns=columns).to_table())
    assert source.checkout(version=2).count_rows() == 9
    assert source.checkout(branch="main").count_rows() == 10
    assert _core.open_dataset(dataset.uri, tag="on-branch").branch == "exp/a"
    assert _core.open_dataset(dataset.uri).branch == ""
    (listed,) = source.list_branches().values()
    expected = dataset.branches.list()["exp/a"]
    for key in ("parent_branch", "parent_version", "create_at", "manifest_size", "metadata"):
        assert listed[key] == expected[key]
    assert [each["version"] for each in source.list_versions()] == [2, 3]
    with pytest.raises(NameNotFoundError, match="exp/a"):
        _core.open_dataset(dataset.uri, branch="exp")


def test_a_shallow_clone_reads_the_files_of_its_source(dataset, tmp_path):
    clone = str(tmp_path / "elsewhere" / "clone.lance")
    dataset.shallow_clone(clone, reference=2)
    lance.write_dataset(rows_of(70, 72), clone, mode="append")
    source = _core.open_dataset(clone)
    columns = ["k", "s", "_rowid"]
    assert scan(source, columns).equals(lance.dataset(clone).scanner(columns=columns).to_table())
    shutil.rmtree(dataset.uri)
    with pytest.raises(FileNotFoundError, match="t.lance"):
        scan(_core.open_dataset(clone), columns)


def test_a_reader_is_not_disturbed_by_writers_until_its_version_is_removed(dataset):
    opened = _core.open_dataset(dataset.uri, version=1)
    unread = _core.open_dataset(dataset.uri, version=1)
    expected = rows_of(0, 10)
    assert scan(opened, ["k", "s"]).equals(expected)
    lance.write_dataset(rows_of(10, 20), dataset.uri, mode="append")
    lance.dataset(dataset.uri).optimize.compact_files()
    lance.dataset(dataset.uri).delete("k > 15")
    assert scan(opened, ["k", "s"]).equals(expected)
    lance.dataset(dataset.uri).cleanup_old_versions(
        older_than=datetime.timedelta(0), delete_unverified=True
    )
    newest = lance.dataset(dataset.uri).version
    for read in (
        lambda: scan(unread, ["k"]),
        lambda: unread.take([0], ["k"]),
        lambda: unread.take_offsets([0], ["k"]),
        lambda: unread.checkout(version=1),
        lambda: _core.open_dataset(dataset.uri, version=1),
    ):
        with pytest.raises(VersionNotFoundError) as raised:
            read()
        message = str(raised.value)
        assert f"{dataset.uri}: version 1 " in message
        assert f"the versions are: {newest}." in message
        assert "tag" in message
    assert unread.checkout().version == newest
    # Files that are open stay readable.
    assert scan(opened, ["k", "s"]).equals(expected)


def test_a_description_counts_what_the_reference_counts(history):
    path, dataset = history
    version = dataset.versions()[4]["version"]
    reference = lance.dataset(path, version=version)
    description = _core.open_dataset(path, version=version).describe("pages")
    fragments = reference.get_fragments()
    assert description["num_rows"] == reference.count_rows()
    assert description["num_fragments"] == len(fragments)
    assert [each["id"] for each in description["fragments"]] == [f.fragment_id for f in fragments]
    assert [each["num_physical_rows"] for each in description["fragments"]] == [
        f.physical_rows for f in fragments
    ]
    assert [each["num_deleted_rows"] for each in description["fragments"]] == [
        f.num_deletions for f in fragments
    ]
    for each, fragment in zip(description["fragments"], fragments, strict=True):
        assert sum(page["num_rows"] for page in each["files"][0]["columns"][0]["pages"]) == (
            fragment.physical_rows
        )
    assert [column["name"] for column in description["columns"]] == ["k", "s"]
    with pytest.raises(ValueError, match="table, columns, files, pages"):
        _core.open_dataset(path).describe("all")


def test_a_tag_file_that_is_malformed_is_named(dataset, tmp_path):
    dataset.tags.create("good", 1)
    (tmp_path / "t.lance" / "_refs" / "tags" / "bad.json").write_text('{"version": "1"}')
    with pytest.raises(CorruptFileError, match="bad.json"):
        _core.open_dataset(dataset.uri, tag="bad")
