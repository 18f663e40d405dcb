"""The command ``croupier info``: what a table is, and how it lies in storage."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from typing import Any

from croupier.database import open_dataset
from croupier.history import local_time
from croupier.table import Table


def add_parser(commands: Any) -> None:
    """Add the command to those of the program: `argparse`'s object of subparsers."""
    info = commands.add_parser(
        "info",
        help="tell what a table is",
        description="Tell what a table is: schema, versions, rows, files, encodings and sizes.",
    )
    add_table_arguments(info)
    detail = info.add_mutually_exclusive_group()
    detail.add_argument("--versions", action="store_true", help="list versions, tags, branches")
    detail.add_argument("--files", action="store_true", help="list fragments and their files")
    detail.add_argument("--pages", action="store_true", help="list the pages of every file, too")
    info.add_argument("--json", action="store_true", help="write JSON, for programs")
    info.set_defaults(run=_run)


def add_table_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that name a table, for `open_table`."""
    parser.add_argument("path", metavar="PATH", help="a Lance dataset: a folder or a URI")
    parser.add_argument("--at", metavar="VERSION|TAG", help="another version than the newest")
    parser.add_argument("--branch", help="another branch than the main one")


def open_table(options: argparse.Namespace) -> Table:
    """Open the table that the arguments name."""
    return open_dataset(options.path, _version(options.at), branch=options.branch)


def _run(options: argparse.Namespace) -> None:
    table = open_table(options)
    facts = _versions(table) if options.versions else _facts(table, options)
    if options.json:
        print(json.dumps(facts, indent=2, default=str))
    else:
        _print(facts)


def _version(at: str | None) -> int | str | None:
    return int(at) if at is not None and at.isdecimal() else at


def _facts(table: Table, options: argparse.Namespace) -> dict[str, Any]:
    detail = "pages" if options.pages else "files" if options.files else "columns"
    description = table._source.describe(detail)
    committed = description["timestamp_us"]
    facts: dict[str, Any] = {
        "location": description["location"],
        "version": description["version"],
        "branch": description["branch"] or "main",
        "committed": local_time(committed) if committed else None,
        "written_by": description["writer"],
        "data_format": description["data_format_version"],
        "reader_flags": description["reader_feature_flags"],
        "writer_flags": description["writer_feature_flags"],
        "stable_row_ids": description["has_stable_row_ids"],
        "rows": description["num_rows"],
        "deleted_rows": description["num_deleted_rows"],
        "fragments": description["num_fragments"],
        "files": description["num_data_files"],
        "deletion_files": description["num_deletion_files"],
        "bytes": description["data_file_bytes"],
        "schema": [_field(field) for field in table.schema],
        "columns": [_column(column) for column in description["columns"]],
    }
    if detail != "columns":
        facts["fragment_list"] = [_fragment(fragment) for fragment in description["fragments"]]
    return facts


def _field(field: Any) -> dict[str, Any]:
    return {"name": field.name, "type": str(field.type), "nullable": field.nullable}


def _column(column: dict[str, Any]) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": column["name"],
        "type": column["logical_type"],
        "bytes": column["size_bytes"],
        "pages": column["num_pages"],
        "encodings": column["encodings"],
    }
    if column["pages"]:
        facts["page_list"] = [
            {"rows": page["num_rows"], "bytes": page["size_bytes"], "encoding": page["encoding"]}
            for page in column["pages"]
        ]
    return facts


def _fragment(fragment: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": fragment["id"],
        "rows": fragment["num_physical_rows"] - fragment["num_deleted_rows"],
        "deleted_rows": fragment["num_deleted_rows"],
        "deletion_file": fragment["deletion_file"] or None,
        "files": [
            {
                "path": file["location"],
                "format": file["version"],
                "bytes": file["size_bytes"],
                "columns": [_column(column) for column in file["columns"]],
            }
            for file in fragment["files"]
        ],
    }


def _versions(table: Table) -> dict[str, Any]:
    return {
        "location": table.uri,
        "version": table.version,
        "branch": table.current_branch() or "main",
        "versions": table.list_versions(),
        "tags": table.tags.list(),
        "branches": table.branches.list(),
    }


def _print(facts: dict[str, Any]) -> None:
    branch = "" if facts["branch"] == "main" else f" of branch {facts['branch']}"
    committed = facts.get("committed")
    when = "" if committed is None else f", committed {committed.isoformat(' ', 'seconds')}"
    print(f"{facts['location']}\nversion {facts['version']}{branch}{when}")
    if "versions" in facts:
        _print_versions(facts)
    else:
        _print_table(facts)


def _print_versions(facts: dict[str, Any]) -> None:
    named: dict[int, list[str]] = {}
    for name, tag in facts["tags"].items():
        if (tag["branch"] or "main") == facts["branch"]:
            named.setdefault(tag["version"], []).append(name)
    print()
    _print_rows(
        ["version", "committed", "rows", "tags"],
        (
            [
                version["version"],
                version["timestamp"].isoformat(" ", "seconds"),
                _count(version["metadata"].get("total_rows")),
                ", ".join(named.get(version["version"], [])),
            ]
            for version in facts["versions"]
        ),
    )
    if facts["branches"]:
        print()
        _print_rows(
            ["branch", "from", "version"],
            (
                [name, branch["parent_branch"] or "main", branch["parent_version"]]
                for name, branch in facts["branches"].items()
            ),
        )


def _print_table(facts: dict[str, Any]) -> None:
    deleted = f", {facts['deleted_rows']:,} deleted" if facts["deleted_rows"] else ""
    row_ids = "stable row ids" if facts["stable_row_ids"] else "row addresses as row ids"
    print(
        f"{_number(facts['rows'], 'row')}{deleted}, {_number(facts['fragments'], 'fragment')}, "
        f"{_number(facts['files'], 'file')}, {_size(facts['bytes'])}\n"
        f"data format {facts['data_format'] or 'not said'}, {row_ids}, "
        f"written by {facts['written_by'] or 'not said'}\n"
    )
    _print_rows(
        ["column", "type"],
        (
            [field["name"], field["type"] + ("" if field["nullable"] else " not null")]
            for field in facts["schema"]
        ),
    )
    if facts["files"]:
        print()
        _print_columns(facts["columns"], "")
    for fragment in facts.get("fragment_list", ()):
        deleted = f", {fragment['deleted_rows']:,} deleted" if fragment["deleted_rows"] else ""
        print(f"\nfragment {fragment['id']}: {_number(fragment['rows'], 'row')}{deleted}")
        for file in fragment["files"]:
            path = file["path"].removeprefix(facts["location"].rstrip("/") + "/")
            print(f"  {path}, format {file['format']}, {_size(file['bytes'])}")
            if any("page_list" in column for column in file["columns"]):
                _print_pages(file["columns"])
            else:
                _print_columns(file["columns"], "    ")


def _print_columns(columns: Iterable[dict[str, Any]], indent: str) -> None:
    _print_rows(
        ["column", "size", "pages", "encoding"],
        (
            [column["name"], _size(column["bytes"]), column["pages"], _encodings(column)]
            for column in columns
        ),
        indent,
    )


def _print_pages(columns: Iterable[dict[str, Any]]) -> None:
    _print_rows(
        ["column", "page", "rows", "size", "encoding"],
        (
            [column["name"], i, f"{page['rows']:,}", _size(page["bytes"]), page["encoding"]]
            for column in columns
            for i, page in enumerate(column.get("page_list", ()))
        ),
        "    ",
    )


def _encodings(column: dict[str, Any]) -> str:
    """Name the encodings, the most frequent first, with their pages where there are several."""
    encodings = sorted(column["encodings"].items(), key=lambda item: -item[1])
    if len(encodings) == 1:
        return str(encodings[0][0])
    return "; ".join(f"{pages} × {encoding}" for encoding, pages in encodings)


def _print_rows(heads: list[str], rows: Iterable[list[Any]], indent: str = "") -> None:
    """Print a table: numbers and sizes to the right, the last column as it is."""
    cells = [heads, *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    right = {"size", "pages", "rows", "page", "version"}
    for row in cells:
        padded = [
            cell.rjust(width) if head in right else cell.ljust(width)
            for cell, width, head in zip(row, widths, heads, strict=True)
        ]
        print((indent + "  ".join(padded)).rstrip())


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def _count(number: str | None) -> str:
    return f"{int(number):,}" if number is not None else ""


def _size(num_bytes: int) -> str:
    size = float(num_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.3g} {unit}"
        size /= 1024
    return f"{size:,.3g} TiB" if size < 100 else f"{size:,.0f} TiB"
