"""The command `croupier info`, as a process and called."""

import json
import subprocess
import sys

import lance
import pyarrow as pa
import pytest

import croupier
from croupier.__main__ import main


@pytest.fixture
def uri(tmp_path):
    """A table of 4 versions: 3 fragments, deletions, a tag, nested columns."""
    rows = pa.table(
        {
            "id": pa.array(range(300), pa.int64()),
            "text": [f"row {i} " * 20 for i in range(300)],
            "tokens": pa.array([list(range(i % 7)) for i in range(300)], pa.list_(pa.int32())),
            "point": [{"x": i, "y": None} for i in range(300)],
        }
    )
    uri = str(tmp_path / "t.lance")
    lance.write_dataset(rows, uri, max_rows_per_file=150, data_storage_version="2.1")
    dataset = lance.dataset(uri)
    dataset.tags.create("first", 1)
    dataset.delete("id < 10")
    lance.write_dataset(rows.slice(0, 5), uri, mode="append")
    return uri


def info(*arguments):
    return main(["info", *map(str, arguments)])


def test_a_table_is_told_in_lines(uri, capsys):
    assert info(uri) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert lines[0] == uri
    assert lines[1].startswith("version 3, committed 2")
    assert lines[2].startswith("295 rows, 10 deleted, 3 fragments, 3 files, ")
    assert lines[3] == (
        f"data format 2.1, row addresses as row ids, written by lance {lance.__version__}"
    )
    assert "tokens  list<item: int32>" in out
    (encoding,) = (line for line in lines if line.startswith("tokens.item "))
    assert "mini-block" in encoding
    assert any(line.startswith("point.x ") for line in lines)
    assert not any(line != line.rstrip() for line in lines)


def test_json_holds_the_same_facts(uri, capsys):
    assert info(uri, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    dataset = lance.dataset(uri)
    assert facts["rows"] == dataset.count_rows()
    assert facts["deleted_rows"] == 10
    assert facts["fragments"] == facts["files"] == 3
    assert [field["name"] for field in facts["schema"]] == dataset.schema.names
    assert facts["stable_row_ids"] is False
    assert "fragment_list" not in facts
    columns = {column["name"]: column for column in facts["columns"]}
    assert list(columns) == ["id", "text", "tokens.item", "point.x", "point.y"]
    assert columns["id"]["pages"] == 3
    assert sum(columns["id"]["encodings"].values()) == 3
    statistics = {field.id: field for field in dataset.stats.data_stats().fields}
    assert columns["id"]["bytes"] == statistics[0].bytes_on_disk


def test_files_and_pages_add_up(uri, capsys):
    assert info(uri, "--pages", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    fragments = facts["fragment_list"]
    assert [fragment["rows"] for fragment in fragments] == [140, 150, 5]
    assert [fragment["deleted_rows"] for fragment in fragments] == [10, 0, 0]
    files = [file for fragment in fragments for file in fragment["files"]]
    assert sum(file["bytes"] for file in files) == facts["bytes"]
    for column in facts["columns"]:
        pages = [
            page
            for file in files
            for each in file["columns"]
            if each["name"] == column["name"]
            for page in each["page_list"]
        ]
        assert len(pages) == column["pages"]
        assert sum(page["bytes"] for page in pages) == column["bytes"]
    assert info(uri, "--pages") == 0
    pages_out = capsys.readouterr().out
    assert "fragment 0: 140 rows, 10 deleted" in pages_out
    assert info(uri, "--files") == 0
    assert len(capsys.readouterr().out) < len(pages_out)


def test_versions_are_listed_with_their_tags(uri, capsys):
    assert info(uri, "--versions") == 0
    lines = capsys.readouterr().out.splitlines()
    heads, *versions = (line.split() for line in lines[3:])
    assert heads == ["version", "committed", "rows", "tags"]
    assert [(line[0], line[3]) for line in versions] == [("1", "300"), ("2", "290"), ("3", "295")]
    assert versions[0][4:] == ["first"]
    assert info(uri, "--versions", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert [version["version"] for version in facts["versions"]] == [1, 2, 3]
    assert facts["tags"]["first"]["version"] == 1


@pytest.mark.parametrize("at", ["1", "first"])
def test_another_version_can_be_told(uri, capsys, at):
    assert info(uri, "--at", at, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["version"], facts["rows"], facts["fragments"]) == (1, 300, 2)


def test_errors_go_to_stderr_with_an_exit_code(tmp_path, uri, capsys):
    assert info(tmp_path / "none.lance") == 1
    assert info(uri, "--at", "77") == 1
    assert info(uri, "--at", "no such tag") == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    first, second, third = captured.err.splitlines()
    assert "none.lance" in first
    assert "77" in second
    assert "no such tag" in third
    with pytest.raises(SystemExit, match="2"):
        info(uri, "--files", "--pages")


def test_it_is_a_command(uri):
    def run(*arguments, **options):
        return subprocess.run(
            [sys.executable, "-m", "croupier", *arguments],
            text=True,
            capture_output=True,
            timeout=60,
            **options,
        )

    told = run("info", uri)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith(uri)
    assert run("--version").stdout == f"croupier {croupier.__version__}\n"
    failed = run("info", uri + "x")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert run().returncode == 2


def test_a_reader_that_goes_away_is_no_error(uri):
    script = f"{sys.executable} -m croupier info '{uri}' --pages | head -n 1"
    ended = subprocess.run(["sh", "-c", script], text=True, capture_output=True, timeout=60)
    assert (ended.stdout, ended.stderr) == (uri + "\n", "")
