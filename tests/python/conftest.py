from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from with_servers import S3_OPTIONS, s3_server

import croupier


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tables by pylance")
    group.addoption("--matrix", type=int, default=1, help="tables for each type, shape and version")
    group.addoption("--seconds", type=float, default=10, help="time for random schemas")
    group.addoption("--seed", type=int, default=1, help="of the first random schema to test")
    group = parser.getgroup("processes")
    group.addoption("--epochs", type=int, default=2, help="that workers of every kind read")


@pytest.fixture(scope="module")
def s3_options() -> Iterator[dict[str, str]]:
    """Storage options for a server of S3 on loopback that has the bucket `with_servers.BUCKET`."""
    with s3_server() as endpoint:
        yield {**S3_OPTIONS, "aws_endpoint": endpoint}


@pytest.fixture
def database() -> croupier.Connection:
    return croupier.connect("memory://")


@pytest.fixture
def numbers(database: croupier.Connection) -> croupier.Table:
    """Ten rows: x counts from 0, y is its square, s its name."""
    return database.create_table(
        "numbers",
        pa.table(
            {
                "x": pa.array(range(10), pa.int64()),
                "y": pa.array([float(i * i) for i in range(10)], pa.float32()),
                "s": [str(i) for i in range(10)],
            }
        ),
    )


@pytest.fixture
def lance_uri(tmp_path: Path) -> str:
    """A dataset `numbers.lance` of 1000 rows in four fragments, every seventh deleted."""
    import lance

    rows = pa.table(
        {"x": pa.array(range(1000), pa.int64()), "s": [f"row {i}" for i in range(1000)]}
    )
    uri = str(tmp_path / "numbers.lance")
    lance.write_dataset(rows, uri, max_rows_per_file=250).delete("x % 7 = 3")
    return uri


@pytest.fixture
def run() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Run a coroutine on a new loop in debug mode; what the loop complains about is an error."""

    def run_on_new_loop(main: Coroutine[Any, Any, Any]) -> Any:
        complaints: list[Any] = []

        async def watched() -> Any:
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda loop, context: complaints.append(context))
            return await main

        result = asyncio.run(watched(), debug=True)
        gc.collect()
        assert complaints == []
        return result

    return run_on_new_loop
