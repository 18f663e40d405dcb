"""Workers of every kind read every kind of table, some epochs each; `./run stress` does 200."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from child_script import run_script
from process_matrix import write_tables
from with_servers import BUCKET

import croupier

SCRIPT = Path(__file__).with_name("process_matrix.py").read_text()


@pytest.fixture(scope="module")
def local_database(tmp_path_factory) -> str:
    folder = str(tmp_path_factory.mktemp("matrix"))
    write_tables(croupier.connect(folder))
    return folder


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("where", ["local", "memory"])
def test_workers_read_what_their_parent_reads(request, tmp_path, local_database, where, method):
    epochs = request.config.getoption("--epochs")
    location = local_database if where == "local" else where
    said = run_script(tmp_path, SCRIPT, location, method, epochs, timeout=60 + 10 * epochs)
    assert said == f"{epochs} epochs\n"


@pytest.fixture(scope="module")
def s3_database(s3_options) -> str:
    uri = f"s3://{BUCKET}/matrix"
    write_tables(croupier.connect(uri, storage_options=s3_options))
    return uri


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_read_from_s3(request, tmp_path, s3_database, s3_options, method):
    epochs = request.config.getoption("--epochs")
    said = run_script(
        tmp_path,
        SCRIPT,
        s3_database,
        method,
        epochs,
        json.dumps(s3_options),
        timeout=60 + 20 * epochs,
    )
    assert said == f"{epochs} epochs\n"
