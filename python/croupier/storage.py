"""Object stores: how they are reached, and what was asked of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from croupier import _core

__all__ = ["StoreAccess", "io_counters"]


class StoreAccess:
    """Storage options that go with a table or connection, and do not show credentials.

    They pickle without credentials, unless `pickle_credentials` was asked for; who unpickles them
    finds credentials in the environment.
    """

    def __init__(
        self, options: Mapping[str, str] | None = None, *, pickle_credentials: bool = False
    ):
        self._options = _as_options(options)
        self._pickle_credentials = pickle_credentials

    @property
    def options(self) -> dict[str, str]:
        """All of them, credentials too."""
        return self._options

    def __repr__(self) -> str:
        shown = _core.without_credentials(self._options)
        hidden = sorted(self._options.keys() - shown.keys())
        return f"StoreAccess({dict.fromkeys(hidden, '***') | shown})"

    def __reduce__(self) -> tuple[Callable[..., StoreAccess], tuple[dict[str, str], bool]]:
        options = self._options
        if not self._pickle_credentials:
            options = _core.without_credentials(options)
        return _unpickle_access, (options, self._pickle_credentials)


def _unpickle_access(options: dict[str, str], pickle_credentials: bool) -> StoreAccess:
    return StoreAccess(options, pickle_credentials=pickle_credentials)


def _as_options(options: Mapping[str, str] | None) -> dict[str, str]:
    checked = {}
    for name, value in (options or {}).items():
        if isinstance(value, bool):
            value = "true" if value else "false"
        elif isinstance(value, (int, float)):
            value = str(value)
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(
                f"storage_options must map strings to strings; {name!r} has a "
                f"{type(value).__name__}"
            )
        checked[name] = value
    return checked


def io_counters() -> dict[str, dict[str, int]]:
    """Count what this process has asked of each store.

    Returns:
        By store, such as ``s3://bucket`` or ``file://``: ``requests`` sent, retries included
        (of local files: reads); ``bytes`` of objects that came; ``retries``; ``throttled``, the
        requests that the store refused for being too many; ``errors``, the operations that failed
        for good. A forked child counts from zero.

    Example:
        >>> import croupier
        >>> "s3://never-used" in croupier.io_counters()
        False
    """
    return _core.read_store_counters()
