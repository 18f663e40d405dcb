"""The versions of a table: tags, branches, and lists of them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from croupier.errors import VersionNotFoundError

if TYPE_CHECKING:
    from croupier import _core
    from croupier.table import Table

__all__ = ["Branches", "Tags"]


class Tags:
    """The tags of a table: names of versions, which keep them from clean-up.

    Made by `Table.tags`.
    """

    def __init__(self, source: _core.TableSource, make_writer: Callable[[], _core.TableWriter]):
        self._source = source
        self._make_writer = make_writer

    def list(self) -> dict[str, dict[str, Any]]:
        """List the tags of all branches, as they are now.

        Returns:
            For each name: ``branch`` (None for the main branch), ``version``, ``created_at`` and
            ``updated_at`` (None where they are not known), ``manifest_size`` in bytes,
            ``metadata``.
        """
        tags = self._source.list_tags()
        for tag in tags.values():
            for name in ("created_at", "updated_at"):
                tag[name] = _parse_time(tag[name])
        return tags

    def create(self, tag: str, version: int) -> None:
        """Name a version of the table's branch.

        Raises:
            ValueError: if there is such a tag, or the name cannot be one.
            VersionNotFoundError: if there is no such version.
        """
        self._make_writer().set_tag(tag, version)

    def update(self, tag: str, version: int) -> None:
        """Have a tag name another version.

        Raises:
            NameNotFoundError: if there is no such tag.
            VersionNotFoundError: if there is no such version.
        """
        self.get_version(tag)
        self._make_writer().set_tag(tag, version, replace=True)

    def delete(self, tag: str) -> None:
        """Remove a tag.

        Raises:
            NameNotFoundError: if there is no such tag.
        """
        self._make_writer().delete_tag(tag)

    def get_version(self, tag: str) -> int:
        """Find the version that a tag names.

        Raises:
            NameNotFoundError: if there is no such tag.
        """
        return self._source.checkout(tag=tag).version

    def __repr__(self) -> str:
        tags = (f"{name!r}: version {tag['version']}" for name, tag in self.list().items())
        return f"<croupier.Tags of {self._source.location}: {', '.join(tags) or 'none'}>"


class Branches:
    """The branches of a table: lines of versions beside the main one.

    They are written by pylance or lancedb. Made by `Table.branches`.
    """

    def __init__(self, source: _core.TableSource, make_table: Callable[[_core.TableSource], Table]):
        self._source = source
        self._make_table = make_table

    def list(self) -> dict[str, dict[str, Any]]:
        """List the branches beside the main one, as they are now.

        Returns:
            For each name: ``parent_branch`` (None for the main branch), ``parent_version``,
            ``create_at`` in seconds since 1970, ``manifest_size`` in bytes, ``metadata``.
        """
        return self._source.list_branches()

    def checkout(self, name: str, version: int | None = None) -> Table:
        """Open a branch.

        Args:
            name: of the branch; ``main`` is the main one.
            version: of the branch; its newest where none is given.

        Raises:
            NameNotFoundError: if there is no such branch.
            VersionNotFoundError: if it has no such version.
        """
        return self._make_table(self._source.checkout(**version_arguments(version, name)))

    def __repr__(self) -> str:
        return f"<croupier.Branches of {self._source.location}: {', '.join(self.list()) or 'none'}>"


def version_arguments(version: int | str | None, branch: str | None = None) -> dict[str, Any]:
    """Say which version of a table is meant, as the compiled part wants it."""
    if isinstance(version, str):
        return {"tag": version, "branch": branch}
    if version is None:
        return {"branch": branch}
    number = operator.index(version)
    if not 0 < number < 2**64:
        raise VersionNotFoundError(f"versions are numbered from 1: {number}")
    return {"version": number, "branch": branch}


def list_versions(source: _core.TableSource) -> list[dict[str, Any]]:
    """List the versions of a table, as pylance does: times are local, without a zone."""
    return [
        {
            "version": version["version"],
            "timestamp": local_time(version["timestamp_us"]),
            "metadata": version["metadata"],
        }
        for version in source.list_versions()
    ]


def local_time(microseconds: int) -> datetime:
    """Make local time, without a zone, of microseconds since 1970."""
    seconds, fraction = divmod(microseconds, 10**6)
    return datetime.fromtimestamp(seconds).replace(microsecond=fraction)


def _parse_time(text: str | None) -> datetime | None:
    """Parse the RFC 3339 of a tag, whose fraction may have nine digits."""
    if not text:
        return None
    whole, _, rest = text.partition(".")
    if not rest:
        return datetime.fromisoformat(whole.replace("Z", "+00:00"))
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    zone = rest[len(digits) :].replace("Z", "+00:00")
    time = datetime.fromisoformat(whole + zone)
    return time.replace(microsecond=int(digits[:6].ljust(6, "0"))).astimezone(timezone.utc)
