"""Permutations and tables in DataLoader workers, each in a process of its own."""

import pytest
from child_script import run_script, start_script, wait_for

DATASETS = """
import sys
import pyarrow as pa
import torch
from torch.utils.data import DataLoader
import croupier
from croupier.util import keep_batch, tbl_to_tensor


def open_table(where):
    if where == "memory":
        x = [i for i in range(1000) if i % 7 != 3]
        return croupier.connect("memory://").create_table("t", pa.table({"x": x}))
    return croupier.open_dataset(where)


def make(where):
    table = open_table(where)
    order = croupier.permutation_builder(table).split_random(
        ratios=[0.8, 0.2], seed=3, split_names=["train", "test"]).execute()
    return croupier.Permutations(table, order)["train"].select_columns(["x"])


"""

EPOCHS = (
    DATASETS
    + """
if __name__ == "__main__":
    where, method, workers = sys.argv[1], sys.argv[2], int(sys.argv[3])
    permutation = make(where)
    expected = permutation.with_format("python_col").take_offsets(range(len(permutation)))["x"]
    assert len(expected) == 686
    list(permutation.iter(10))  # the parent has read, with threads, before it forks
    options = {"num_workers": workers}
    if workers:
        options["multiprocessing_context"] = method

    loader = DataLoader(permutation, batch_size=32, **options)
    rows = [x for batch in loader for x in batch["x"].tolist()]
    assert rows == expected, "the default format and collate"

    tensors = permutation.with_format("torch_batch")
    loader = DataLoader(tensors, batch_size=32, collate_fn=keep_batch, **options)
    for epoch in range(2):
        assert torch.cat([batch["x"] for batch in loader]).tolist() == expected, "torch_batch"

    loader = DataLoader(permutation.with_format("torch"), batch_size=32, shuffle=True, **options)
    assert sorted(x for batch in loader for x in batch["x"].tolist()) == sorted(expected), "torch"

    loader = DataLoader(
        permutation.base_table, batch_size=100, collate_fn=first_column, **options)
    assert sum(int(batch.sum()) for batch in loader) == sum(i for i in range(1000) if i % 7 != 3)
    print("equal")
"""
)

# Top level, because spawned workers import it.
EPOCHS = EPOCHS.replace(
    'if __name__ == "__main__":',
    'def first_column(batch):\n    return tbl_to_tensor(batch.select(["x"]))\n\n\n'
    'if __name__ == "__main__":',
)


@pytest.mark.parametrize("where", ["memory", "local"])
@pytest.mark.parametrize(("method", "workers"), [("none", 0), ("fork", 2), ("spawn", 2)])
def test_a_data_loader_reads_every_row_once(tmp_path, lance_uri, where, method, workers):
    location = lance_uri if where == "local" else where
    script = run_script(tmp_path, EPOCHS, location, method, workers, timeout=120)
    assert script == "equal\n"


def test_a_forked_child_reads_while_a_loop_of_the_parent_runs(tmp_path, lance_uri):
    script = (
        DATASETS
        + """
import os
permutation = make(sys.argv[1]).with_format("python_col")
expected = [batch["x"] for batch in permutation.iter(10)]
loop = permutation.iter(10)
begun = [next(loop)["x"] for _ in range(3)]
pid = os.fork()
# The child uses the inherited loop, the table, and new loops; so does the parent.
assert begun + [batch["x"] for batch in loop] == expected
assert [batch["x"] for batch in permutation.iter(10)] == expected
assert permutation.base_table.to_arrow(["x"]).num_rows == 857
if pid == 0:
    grandchild = os.fork()
    assert [batch["x"] for batch in permutation.iter(10)] == expected
    if grandchild:
        assert os.waitpid(grandchild, 0)[1] == 0
else:
    assert os.waitpid(pid, 0)[1] == 0
    print("all equal")
"""
    )
    assert run_script(tmp_path, script, lance_uri) == "all equal\n"


def test_a_worker_reads_the_version_of_its_parent_or_says_that_it_is_gone(tmp_path, lance_uri):
    import datetime

    import lance

    script = (
        DATASETS
        + """
import pickle

if __name__ == "__main__":
    permutation = make(sys.argv[1])
    pickled = pickle.dumps(permutation)
    print("made", flush=True)
    input()  # until the table has another version
    for method in ("fork", "spawn"):
        loader = DataLoader(
            permutation, batch_size=8, num_workers=1, multiprocessing_context=method)
        print(sum(len(batch["x"]) for batch in loader) == len(permutation), flush=True)
    input()  # until the version of the permutation is removed
    try:
        pickle.loads(pickled)
    except croupier.VersionNotFoundError as error:
        print(error)
"""
    )
    child = start_script(tmp_path, script, lance_uri)
    assert child.stdout.readline() == "made\n"
    lance.dataset(lance_uri).delete("x = 0")
    child.stdin.write("\n")
    child.stdin.flush()
    assert [child.stdout.readline() for _ in range(2)] == ["True\n", "True\n"]
    lance.dataset(lance_uri).cleanup_old_versions(older_than=datetime.timedelta(0))
    child.stdin.write("\n")
    ended = wait_for(child)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "version 2" in ended.stdout
