"""Versions, tags and branches that pylance wrote, and what is pinned to them."""

import datetime
import pickle

import lance
import pyarrow as pa
import pytest

import croupier
from croupier import Permutation, Permutations, permutation_builder


def numbers(begin, end):
    return pa.table({"x": pa.array(range(begin, end), pa.int64())})


@pytest.fixture(params=["stable row ids", "row addresses", "old manifest names"])
def uri(request, tmp_path):
    """Version 1: 0 … 9; 2: 10 … 19 too; 3: without 3; tags first, second; a branch from 2."""
    uri = str(tmp_path / "t.lance")
    dataset = lance.write_dataset(
        numbers(0, 10),
        uri,
        enable_stable_row_ids=request.param == "stable row ids",
        enable_v2_manifest_paths=request.param != "old manifest names",
    )
    dataset.tags.create("first", 1)
    dataset.insert(numbers(10, 20))
    dataset.tags.create("second", 2)
    branch = dataset.create_branch("try/one", 2)
    branch.delete("x >= 15")
    dataset.delete("x = 3")
    return uri


def x_of(table):
    return table.to_arrow()["x"].to_pylist()


def test_versions_are_listed_as_pylance_lists_them(uri):
    table = croupier.open_dataset(uri)
    assert table.version == 3
    found, expected = table.list_versions(), lance.dataset(uri).versions()
    for one, other in zip(found, expected, strict=True):
        # pylance rounds to microseconds by way of floating-point numbers.
        difference = one.pop("timestamp") - other.pop("timestamp")
        assert abs(difference) <= datetime.timedelta(microseconds=1)
    assert found == expected


def test_any_version_can_be_checked_out_and_stays(uri):
    table = croupier.open_dataset(uri)
    first = table.checkout(1)
    assert (first.version, x_of(first)) == (1, list(range(10)))
    assert (table.version, len(table)) == (3, 19)
    assert x_of(first.checkout(2)) == list(range(20))
    assert x_of(table.checkout("second")) == list(range(20))
    assert first.checkout_latest().version == 3
    assert table.checkout_latest().version == table.version
    lance.dataset(uri).insert(numbers(20, 25))
    assert (table.version, len(table), len(x_of(table))) == (3, 19, 19)
    assert (table.checkout_latest().version, len(table.checkout_latest())) == (4, 24)


def test_a_dataset_opens_at_a_version_or_a_tag(uri):
    assert croupier.open_dataset(uri, version=2).version == 2
    assert croupier.open_dataset(uri, "first").version == 1


def test_a_version_that_is_not_there_is_named_with_those_there_are(uri):
    table = croupier.open_dataset(uri)
    for read in (
        lambda: table.checkout(7),
        lambda: table.checkout(0),
        lambda: croupier.open_dataset(uri, 7),
        lambda: table.branches.checkout("try/one", 1),
    ):
        with pytest.raises(croupier.VersionNotFoundError, match=r"[710]"):
            read()
    with pytest.raises(croupier.NameNotFoundError, match="third.*first.*second"):
        table.checkout("third")
    with pytest.raises(croupier.NameNotFoundError, match="no branch.*try/one"):
        croupier.open_dataset(uri, branch="no branch")
    with pytest.raises(TypeError):
        table.checkout(1.5)


def test_a_version_that_was_cleaned_up_is_one_error_with_the_remedy(tmp_path):
    uri = str(tmp_path / "t.lance")
    dataset = lance.write_dataset(numbers(0, 100), uri)
    opened = croupier.open_dataset(uri)
    read = croupier.open_dataset(uri)
    read.to_arrow()
    pickled = pickle.dumps(opened)
    lance.write_dataset(numbers(0, 5), uri, mode="overwrite")
    dataset.checkout_latest()
    dataset.cleanup_old_versions(older_than=datetime.timedelta(0))
    for use in (
        opened.to_arrow,
        lambda: opened.take_offsets([1]).to_arrow(),
        lambda: pickle.loads(pickled),
        lambda: croupier.open_dataset(uri, 1),
    ):
        with pytest.raises(croupier.VersionNotFoundError, match=r"(?s)version 1.*2.*tag"):
            use()
    assert len(opened.checkout_latest()) == 5


def test_tags_are_those_of_pylance(uri):
    table = croupier.open_dataset(uri)
    expected = lance.dataset(uri).tags.list()
    found = table.tags.list()
    assert list(found) == sorted(expected)
    for name, tag in expected.items():
        assert {key: found[name][key] for key in tag} == tag
    assert table.tags.get_version("second") == 2
    with pytest.raises(ValueError, match="third"):
        table.tags.get_version("third")
    assert "'first': version 1" in repr(table.tags)


def test_a_branch_of_a_table_that_its_writer_opened_by_a_relative_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = pa.table({"x": range(10)})
    dataset = lance.write_dataset(rows, "t.lance")
    dataset.create_branch("try", 1).delete("x > 7")
    assert x_of(croupier.open_dataset("t.lance", branch="try")) == list(range(8))
    monkeypatch.chdir("/")
    with pytest.raises(FileNotFoundError, match="/t.lance"):
        x_of(croupier.open_dataset(tmp_path / "t.lance", branch="try"))


def test_branches_are_opened_by_name(uri):
    table = croupier.open_dataset(uri)
    assert table.current_branch() is None
    expected = lance.dataset(uri).branches.list()
    found = table.branches.list()
    assert list(found) == list(expected) == ["try/one"]
    for key in ("parent_branch", "parent_version", "create_at", "metadata"):
        assert found["try/one"][key] == expected["try/one"][key]
    branch = table.branches.checkout("try/one")
    assert branch.current_branch() == "try/one"
    assert x_of(branch) == list(range(15))
    assert x_of(croupier.open_dataset(uri, branch="try/one")) == list(range(15))
    assert branch.version == branch.checkout_latest().version
    assert branch.checkout_latest().current_branch() == "try/one"
    assert table.branches.checkout("main").version == 3
    assert branch.branches.checkout("main").current_branch() is None
    assert "try/one" in repr(table.branches)


@pytest.mark.parametrize("branch", [None, "try/one"])
def test_what_is_pickled_is_pinned_to_branch_and_version(uri, branch):
    table = croupier.open_dataset(uri, branch=branch)
    if branch is None:
        table = table.checkout(2)
    order = permutation_builder(table).shuffle(seed=1).execute()
    things = (table, Permutation.identity(table), Permutations(table, order)[0])
    pickled = [pickle.dumps(thing) for thing in things]
    if branch is None:
        lance.dataset(uri).insert(numbers(50, 60))
    else:
        lance.dataset(uri).checkout_version((branch, None)).insert(numbers(50, 60))
    again, identity, shuffled = map(pickle.loads, pickled)
    assert (again.version, again.current_branch()) == (table.version, branch)
    assert x_of(again) == x_of(table)
    for one, other in ((identity, things[1]), (shuffled, things[2])):
        every = range(len(other))
        assert one.take_offsets(every) == other.take_offsets(every)


def test_a_permutation_of_one_branch_does_not_read_another(tmp_path):
    uri = str(tmp_path / "t.lance")
    dataset = lance.write_dataset(numbers(0, 10), uri)
    branch = dataset.create_branch("other", 1)
    branch.delete("x = 1")
    dataset.delete("x = 2")
    main, other = croupier.open_dataset(uri), croupier.open_dataset(uri, branch="other")
    assert (main.version, len(main)) == (other.version, len(other))
    order = permutation_builder(other).shuffle(seed=1).execute()
    assert order.to_arrow().schema.metadata[b"base_branch"] == b"other"
    assert b"base_branch" not in permutation_builder(main).execute().to_arrow().schema.metadata
    with pytest.raises(ValueError, match="branch 'other'.*'main'"):
        Permutations(main, order)
    factory = Permutations(other, order)[0].with_connection_factory(_OpenMain(uri))
    with pytest.raises(croupier.VersionNotFoundError, match="branch other.*branch main"):
        pickle.loads(pickle.dumps(factory))


class _OpenMain:
    """Opens another branch than the one that is wanted."""

    def __init__(self, uri):
        self.uri = uri

    def __call__(self, name):
        return croupier.open_dataset(self.uri)


def test_rows_tell_where_and_since_when_they_are(uri):
    dataset = lance.dataset(uri)
    names = ["_rowid", "_rowaddr"]
    if dataset.has_stable_row_ids:
        names += ["_row_created_at_version", "_row_last_updated_at_version"]
        dataset.update({"x": "x + 100"}, "x = 7")
    table = croupier.open_dataset(uri)
    expected = lance.dataset(uri).to_table(["x", *names])
    assert table.search().select(["x", *names]).to_arrow().equals(expected)
    assert table.scan(["x", *names]).read_all().equals(expected)
    assert table.take([5, 0], columns=["x", *names]).equals(expected.take([5, 0]))
    ids = expected["_rowid"].take([5, 0])
    assert table.take(row_ids=ids.to_pylist(), columns=["x", *names]).equals(expected.take([5, 0]))
    added = table.search().with_row_id().with_row_address().to_arrow()
    assert added.column_names == ["x", "_rowid", "_rowaddr"]
    view = Permutation.identity(table).select_columns(["_rowaddr", "x"]).with_format("arrow")
    assert (
        view.take_offsets([5, 0]).to_pydict()
        == expected.select(["_rowaddr", "x"]).take([5, 0]).to_pydict()
    )
