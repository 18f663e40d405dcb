"""What the library uses where a call does not say it."""

from croupier import _core


class Config:
    """The defaults of this process, read anew at every look.

    They follow the CPUs and the memory that the process may use (CPU affinity, control group), and
    environment variables override them: ``CROUPIER_NUM_THREADS``, ``CROUPIER_PREFETCH_BYTES``,
    ``CROUPIER_CACHE_BYTES``, ``CROUPIER_METADATA_BYTES``, ``CROUPIER_IO_THREADS``. Sizes may end
    in K, M, G or T.

    Example:
        >>> import os
        >>> import croupier
        >>> os.environ["CROUPIER_PREFETCH_BYTES"] = "64M"
        >>> croupier.config.prefetch_bytes
        67108864
        >>> croupier.config.source("prefetch_bytes")
        'environment CROUPIER_PREFETCH_BYTES'
        >>> del os.environ["CROUPIER_PREFETCH_BYTES"]
    """

    @property
    def num_threads(self) -> int:
        """Threads of a loader or a scan that read and decode."""
        return _core.read_config()["num_threads"][0]

    @property
    def prefetch_bytes(self) -> int:
        """Bytes that a loader or a scan may read ahead."""
        return _core.read_config()["prefetch_bytes"][0]

    @property
    def cache_bytes(self) -> int:
        """Bytes of decoded data that the process remembers."""
        return _core.read_config()["cache_bytes"][0]

    @property
    def metadata_bytes(self) -> int:
        """Bytes of the metadata of data files that the process remembers."""
        return _core.read_config()["metadata_bytes"][0]

    @property
    def order_bytes(self) -> int:
        """Bytes of lists of rows that stay in memory while a permutation is built."""
        return _core.read_config()["order_bytes"][0]

    @property
    def io_threads(self) -> int:
        """Reads that wait for storage at a time."""
        return _core.read_config()["io_threads"][0]

    def source(self, name: str) -> str:
        """Tell where a setting is from: the default, or an environment variable.

        Args:
            name: of the setting, as the attributes are called.

        Raises:
            ValueError: if there is no such setting.
        """
        settings = _core.read_config()
        if name not in settings:
            raise ValueError(f"no setting named '{name}'; there are: {', '.join(settings)}")
        return settings[name][1]

    def __repr__(self) -> str:
        lines = [
            f"  {name:<15} {value:>12}  ({source})"
            for name, (value, source) in _core.read_config().items()
        ]
        return "\n".join(["croupier.config", *lines])


config = Config()
