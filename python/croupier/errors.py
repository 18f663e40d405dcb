"""The exceptions of Croupier that Python has no name for.

What Python has a name for is raised as that: ``ValueError`` for an argument, ``IndexError`` for a
row or position, ``OSError`` for storage, ``NotImplementedError`` for what is not there yet.
"""

__all__ = ["CorruptFileError", "NameNotFoundError", "VersionNotFoundError"]


class NameNotFoundError(KeyError, ValueError):
    """No column, split or table has that name; the message lists those there are."""

    def __str__(self) -> str:
        """Give the message as it is: KeyError would show its repr."""
        return ValueError.__str__(self)


class CorruptFileError(OSError):
    """A file is not what its format says; the message names the file and the place."""


class VersionNotFoundError(ValueError):
    """The version of a table that was asked for cannot be had (any more)."""
