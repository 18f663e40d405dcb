import os

import pytest

import croupier


def test_defaults_follow_the_process(monkeypatch):
    monkeypatch.delenv("CROUPIER_NUM_THREADS", raising=False)
    assert croupier.config.num_threads == min(16, len(os.sched_getaffinity(0)))
    assert croupier.config.source("num_threads") == "default"


def test_environment_overrides_at_every_look(monkeypatch):
    monkeypatch.setenv("CROUPIER_CACHE_BYTES", "3K")
    assert croupier.config.cache_bytes == 3072
    monkeypatch.setenv("CROUPIER_CACHE_BYTES", "1M")
    assert croupier.config.cache_bytes == 1 << 20
    assert croupier.config.source("cache_bytes") == "environment CROUPIER_CACHE_BYTES"


def test_nonsense_in_the_environment_is_an_error_that_names_the_variable(monkeypatch):
    monkeypatch.setenv("CROUPIER_PREFETCH_BYTES", "lots")
    with pytest.raises(ValueError, match="CROUPIER_PREFETCH_BYTES"):
        _ = croupier.config.prefetch_bytes


def test_repr_shows_every_setting_with_its_source(monkeypatch):
    monkeypatch.setenv("CROUPIER_IO_THREADS", "5")
    lines = repr(croupier.config).splitlines()
    assert [line.split()[0] for line in lines[1:]] == [
        "num_threads",
        "prefetch_bytes",
        "cache_bytes",
        "metadata_bytes",
        "order_bytes",
        "io_threads",
    ]
    assert lines[6].split() == ["io_threads", "5", "(environment", "CROUPIER_IO_THREADS)"]


def test_unknown_setting_is_an_error():
    with pytest.raises(ValueError, match="no setting named 'speed'; there are: num_threads"):
        croupier.config.source("speed")
