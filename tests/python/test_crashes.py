"""What processes leave that end at any system call of a change, as pylance reads it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import lance
import pyarrow as pa
import pytest

import croupier

TOOLS = [
    Path(__file__).parents[2] / "build" / preset / "tests" / "croupier_crash_commits"
    for preset in ("release", "dev")
]


def test_pylance_reads_and_writes_what_a_crash_left(tmp_path: Path):
    tool = next((tool for tool in TOOLS if tool.exists()), None)
    if tool is None:
        pytest.skip("croupier_crash_commits is not built")
    done = subprocess.run([tool, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    tables = sorted(tmp_path.glob("*/t.lance"))
    assert len(tables) > 300
    for path in tables:
        dataset = lance.dataset(str(path))
        dataset.validate()
        ours = pa.table(croupier.open_dataset(path).scan())
        assert dataset.to_table() == ours, path
        for version in dataset.versions():
            dataset.checkout_version(version["version"]).to_table()
        lance.write_dataset(pa.table({"id": [-2]}), dataset, mode="append")
        assert lance.dataset(str(path)).count_rows() == len(ours) + 1, path
        assert croupier.open_dataset(path).count_rows() == len(ours) + 1, path
