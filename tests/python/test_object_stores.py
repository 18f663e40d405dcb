"""Tables in object stores: real servers on loopback, and a proxy that stands for a bad network."""

from __future__ import annotations

import os
import pickle
import signal
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.fs
import pytest
from child_script import FORK_WHILE_THREADS_READ, run_script, start_script, wait_for
from fault_proxy import FaultProxy, fault_proxy
from with_servers import BUCKET, S3_OPTIONS, azure_file_system, gcs_file_system, servers

import croupier

SECRET = S3_OPTIONS["aws_secret_access_key"]
ROWS = pa.table(
    {
        "x": pa.array(range(2000), pa.int64()),
        "s": [f"row {i}" for i in range(2000)],
        "v": pa.FixedSizeListArray.from_arrays(pa.array([0.5] * 64000, pa.float32()), 32),
    }
)

pytestmark = pytest.mark.filterwarnings(
    # Of the servers and clients that the tests use, not ours.
    "ignore::DeprecationWarning",
    "ignore::ResourceWarning",
    "ignore:lance is not fork-safe",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


def parse(described: str) -> tuple[str, dict[str, str]]:
    uri, *options = described.split()
    return uri, dict(option.split("=", 1) for option in options)


@pytest.fixture(scope="module")
def stores() -> Iterator[dict[str, tuple[str, dict[str, str]]]]:
    """The URI of a bucket and its options, by service; `numbers.lance` is in the folder `db`."""
    import lance

    with servers() as variables:
        found = {
            name.removeprefix("CROUPIER_TEST_").lower(): parse(text)
            for name, text in variables.items()
        }
        uri, options = found["s3"]
        numbers = lance.write_dataset(
            ROWS, f"{uri}/db/numbers.lance", storage_options=options, max_rows_per_file=500
        )
        numbers.delete("x % 7 = 3")
        copy_to_others(found)
        yield found


def copy_to_others(found: dict[str, tuple[str, dict[str, str]]]) -> None:
    """Copy the dataset from S3 by Arrow, which all the emulators understand."""
    options = found["s3"][1]
    source = pyarrow.fs.S3FileSystem(
        access_key=options["aws_access_key_id"],
        secret_key=options["aws_secret_access_key"],
        region=options["aws_region"],
        endpoint_override=options["aws_endpoint"],
    )
    for service, (_, options) in found.items():
        if service == "gcs":
            target = gcs_file_system(options["google_endpoint"])
        elif service == "azure":
            target = azure_file_system(options["azure_storage_endpoint"])
        else:
            continue
        for info in source.get_file_info(pyarrow.fs.FileSelector(f"{BUCKET}/db", recursive=True)):
            if info.type == pyarrow.fs.FileType.File:
                with target.open_output_stream(info.path) as sink:
                    sink.write(source.open_input_file(info.path).read())


@pytest.fixture(scope="module")
def s3(stores) -> tuple[str, dict[str, str]]:
    return stores["s3"]


@pytest.fixture
def proxy(s3) -> Iterator[FaultProxy]:
    with fault_proxy(s3[1]["aws_endpoint"]) as proxy:
        yield proxy


@pytest.fixture
def proxied(s3, proxy) -> dict[str, str]:
    """Options that lead through the proxy, with short patience."""
    return {**s3[1], "aws_endpoint": proxy.endpoint, "request_timeout": "1s"}


def environment(s3: tuple[str, dict[str, str]]) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": s3[1]["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": s3[1]["aws_secret_access_key"],
    }


def expected() -> pa.Table:
    x = ROWS["x"].to_pylist()
    return ROWS.filter(pa.array([value % 7 != 3 for value in x]))


@pytest.mark.parametrize("service", ["s3", "gcs", "azure"])
def test_a_table_is_listed_opened_scanned_and_taken_from(stores, service):
    if service not in stores:
        pytest.skip("azurite-blob is not on the PATH")
    uri, options = stores[service]
    database = croupier.connect(f"{uri}/db", storage_options=options)
    assert database.table_names() == ["numbers"]
    table = database.open_table("numbers")
    assert table.uri == f"{uri}/db/numbers.lance"
    assert len(table) == expected().num_rows
    assert table.to_arrow().equals(expected())
    taken = table.take_offsets([1000, 3, 3, 0]).to_arrow()
    assert taken.combine_chunks().equals(expected().take([1000, 3, 3, 0]).combine_chunks())
    splits = croupier.permutation_builder(table).shuffle(seed=1).execute()
    loader = croupier.Loader(croupier.Permutations(table, splits)[0], batch_size=100)
    assert (
        sorted(x for batch in loader for x in batch["x"].to_pylist()) == expected()["x"].to_pylist()
    )


def test_what_was_asked_of_a_store_is_counted(s3):
    uri, options = s3
    before = croupier.io_counters().get(f"s3://{BUCKET}", dict.fromkeys(["requests", "bytes"], 0))
    table = croupier.open_dataset(f"{uri}/db/numbers.lance", storage_options=options)
    opened = croupier.io_counters()[f"s3://{BUCKET}"]
    assert opened["requests"] - before["requests"] == 3  # versions, size and bytes of the manifest
    table.to_arrow()
    scanned = croupier.io_counters()[f"s3://{BUCKET}"]
    assert scanned["bytes"] - opened["bytes"] > 100_000
    # Four files and one batch that ends in each of them: merged reads, not one for each page.
    assert scanned["requests"] - opened["requests"] <= 60
    rows = table.take_offsets([1000, 3, 3, 0]).to_arrow()
    taken = croupier.io_counters()[f"s3://{BUCKET}"]
    assert taken["requests"] > scanned["requests"]
    assert table.take_offsets([1000, 3, 3, 0]).to_arrow().equals(rows)
    assert croupier.io_counters()[f"s3://{BUCKET}"] == taken  # remembered at the first use


def test_missing_things_are_not_found(s3):
    uri, options = s3
    with pytest.raises(FileNotFoundError, match="db/none.lance: not a Lance dataset"):
        croupier.open_dataset(f"{uri}/db/none.lance", storage_options=options)
    with pytest.raises(FileNotFoundError, match="no-such-bucket"):
        croupier.open_dataset("s3://no-such-bucket/t.lance", storage_options=options)
    with pytest.raises(croupier.NameNotFoundError, match="the tables are: numbers"):
        croupier.connect(f"{uri}/db", storage_options=options).open_table("none")
    assert croupier.connect(f"{uri}/empty", storage_options=options).table_names() == []


def test_wrong_credentials_fail_at_once_and_are_not_shown(s3, proxy, proxied):
    proxy.reset(lambda number, line: "403")
    with pytest.raises(OSError, match="ACCESS_DENIED|403") as error:
        croupier.open_dataset(f"{s3[0]}/db/numbers.lance", storage_options=proxied)
    assert f"{s3[0]}/db/numbers.lance" in str(error.value)
    assert SECRET not in str(error.value)
    assert len(proxy.lines) == 1


def test_a_misspelt_option_is_an_error_that_shows_the_right_one(s3):
    with pytest.raises(ValueError, match="did you mean: aws_access_key_id"):
        croupier.connect(s3[0], storage_options={"aws_access_key": SECRET})
    with pytest.raises(TypeError, match="map strings to strings"):
        croupier.connect(s3[0], storage_options={"aws_region": None})
    with pytest.raises(ValueError, match="allow_http"):
        croupier.connect(s3[0], storage_options={"aws_endpoint": "http://somewhere"})
    with pytest.raises(ValueError, match="storage_options") as error:
        croupier.connect(f"s3://key:{SECRET}@bucket/db")
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("fault", ["503", "500", "drop", "short"])
def test_a_bad_network_gives_the_right_rows(s3, proxy, proxied, fault):
    proxy.reset(lambda number, line: fault if number % 2 else None)
    before = croupier.io_counters()[f"s3://{BUCKET}"]
    table = croupier.open_dataset(f"{s3[0]}/db/numbers.lance", storage_options=proxied)
    assert table.to_arrow().equals(expected())
    after = croupier.io_counters()[f"s3://{BUCKET}"]
    assert after["retries"] - before["retries"] > 3
    assert (after["throttled"] > before["throttled"]) == (fault == "503")
    assert after["errors"] == before["errors"]


def test_a_store_that_stays_away_is_an_error_that_says_so(s3, proxy, proxied):
    proxy.reset(lambda number, line: "503")
    options = {**proxied, "client_max_retries": "2"}
    with pytest.raises(OSError, match=r"numbers.lance.*\(3 attempts\)"):
        croupier.open_dataset(f"{s3[0]}/db/numbers.lance", storage_options=options)
    assert len(proxy.lines) == 3


def test_a_server_that_does_not_answer_ends_in_a_time_out(s3, proxy, proxied):
    proxy.reset(lambda number, line: "hang")
    options = {**proxied, "client_max_retries": "0"}
    begin = time.monotonic()
    with pytest.raises(OSError, match="numbers.lance"):
        croupier.open_dataset(f"{s3[0]}/db/numbers.lance", storage_options=options)
    assert time.monotonic() - begin < 10


def test_credentials_are_in_no_repr_and_no_pickle_unless_wanted(s3):
    uri, options = s3
    database = croupier.connect(f"{uri}/db", storage_options=options)
    table = database.open_table("numbers")
    splits = croupier.permutation_builder(table).shuffle(seed=1).execute()
    rows = croupier.Permutations(table, splits)[0]
    for thing in (database, table, rows):
        assert SECRET not in repr(thing)
        assert SECRET.encode() not in pickle.dumps(thing)
    assert SECRET not in repr(table._access)
    wanted = croupier.connect(f"{uri}/db", storage_options=options, pickle_credentials=True)
    assert SECRET.encode() in pickle.dumps(wanted.open_table("numbers"))
    assert SECRET not in repr(wanted.open_table("numbers"))


OPEN = """
import os, sys
import croupier
words = os.environ["STORE"].split()
options = dict(word.split("=", 1) for word in words[1:])
table = croupier.open_dataset(words[0] + "/db/numbers.lance", storage_options=options)
"""


def run_with_store(tmp_path: Path, script: str, s3, monkeypatch, timeout: float = 60) -> str:
    uri, options = s3
    words = [uri, *(f"{name}={value}" for name, value in options.items())]
    monkeypatch.setenv("STORE", " ".join(words))
    return run_script(tmp_path, script, timeout=timeout)


def test_the_client_is_loaded_by_those_alone_who_use_it(tmp_path, s3, monkeypatch, lance_uri):
    script = """
def loaded():
    with open("/proc/self/maps") as maps:
        text = maps.read()
    return [name for name in ("libcroupier_http", "libcurl", "libarrow_s3") if name in text]
"""
    local = """
import sys
import croupier
croupier.open_dataset(sys.argv[1]).to_arrow()
assert loaded() == [], loaded()
"""
    run_script(tmp_path, script + local, lance_uri)
    remote = OPEN + 'assert loaded() == ["libcroupier_http", "libcurl"], loaded()'
    run_with_store(tmp_path, script + remote, s3, monkeypatch)


@pytest.mark.parametrize("how", ["", "import pyarrow.fs", "table.take_offsets([1]).to_arrow()"])
def test_a_process_that_used_s3_ends_in_silence(tmp_path, s3, monkeypatch, how):
    for _ in range(3):
        assert run_with_store(tmp_path, OPEN + how + "\nprint('end')", s3, monkeypatch) == "end\n"


@pytest.mark.parametrize("how", ["", "import pyarrow.fs"])
@pytest.mark.parametrize("ending", ["sys.exit(0)", "os._exit(0)"])
def test_a_forked_child_reads_and_ends_in_silence(tmp_path, s3, monkeypatch, how, ending):
    script = f"""
{OPEN}
{how}
first = table.take_offsets([0, 1]).to_list()
for use in (True, False, True):
    pid = os.fork()
    if pid == 0:
        if use:
            assert table.take_offsets([0, 1]).to_list() == first
            assert croupier.io_counters()[os.environ["STORE"].split()[0]]["requests"] < 20
        {ending}
    assert os.waitpid(pid, 0)[1] == 0, use
assert table.take_offsets([0, 1]).to_list() == first
print("end")
"""
    assert run_with_store(tmp_path, script, s3, monkeypatch) == "end\n"


# What pyarrow does with S3 before a fork must not matter: its client is not ours.
USE_PYARROW = """
import pyarrow.fs
pyarrow.fs.S3FileSystem(
    access_key=options["aws_access_key_id"],
    secret_key=options["aws_secret_access_key"],
    region=options["aws_region"],
    endpoint_override=options["aws_endpoint"],
).get_file_info(words[0].removeprefix("s3://"))
"""


@pytest.mark.parametrize("before", ["", USE_PYARROW])
def test_children_that_are_forked_while_threads_read_read_at_once(
    tmp_path, s3, monkeypatch, before
):
    # The full form: CROUPIER_TEST_FORKS=200.
    forks = int(os.environ.get("CROUPIER_TEST_FORKS", 5))
    script = f"""
{OPEN}
{before}
{FORK_WHILE_THREADS_READ}
fork_while_threads_read({forks}, threads=8, generations=2)
assert croupier.io_counters()[words[0]]["errors"] == 0
print("end")
"""
    assert run_with_store(tmp_path, script, s3, monkeypatch, timeout=30 + 5 * forks) == "end\n"


def test_a_child_of_a_process_that_read_azure_is_told_to_spawn_and_ends(
    tmp_path, stores, monkeypatch
):
    if "azure" not in stores:
        pytest.skip("azurite-blob is not on the PATH")
    script = f"""
{OPEN}
first = table.to_arrow()
for use in (True, False):
    pid = os.fork()
    if pid == 0:
        if use:
            try:
                table.to_arrow()
            except NotImplementedError as error:
                assert "spawn or forkserver" in str(error)
            else:
                sys.exit(1)
        sys.exit(0)
    assert os.waitpid(pid, 0)[1] == 0, use
assert table.to_arrow().equals(first)
print("end")
"""
    assert run_with_store(tmp_path, script, stores["azure"], monkeypatch) == "end\n"


def test_a_child_can_be_the_first_to_use_s3(tmp_path, s3, monkeypatch):
    script = f"""
import os, sys
pid = os.fork()
if pid == 0:
{chr(10).join("    " + line for line in OPEN.splitlines())}
    assert len(table.to_arrow()) == len(table)
    sys.exit(0)
assert os.waitpid(pid, 0)[1] == 0
print("end")
"""
    assert run_with_store(tmp_path, script, s3, monkeypatch) == "end\n"


def test_a_pickled_table_is_read_with_the_credentials_of_its_reader(tmp_path, s3, monkeypatch):
    uri, options = s3
    table = croupier.open_dataset(f"{uri}/db/numbers.lance", storage_options=options)
    (tmp_path / "table").write_bytes(pickle.dumps(table))
    script = """
import pickle, pathlib
table = pickle.loads(pathlib.Path("table").read_bytes())
print(len(table.to_arrow()), table._access)
"""
    for name, value in environment(s3).items():
        monkeypatch.setenv(name, value)
    out = run_script(tmp_path, script)
    assert out.startswith(f"{len(table)} StoreAccess(")
    assert "aws_access_key_id" not in out


def test_ctrl_c_ends_an_opening_that_waits_for_the_server(tmp_path, s3, proxy, monkeypatch):
    proxy.reset(lambda number, line: "hang")
    uri, options = s3
    words = [uri, *(f"{name}={value}" for name, value in options.items())]
    monkeypatch.setenv("STORE", " ".join(words).replace(options["aws_endpoint"], proxy.endpoint))
    script = f"""
import time
try:
{chr(10).join("    " + line for line in OPEN.splitlines())}
except KeyboardInterrupt:
    print("interrupted", time.monotonic(), flush=True)
"""
    child = start_script(tmp_path, script)
    deadline = time.monotonic() + 30
    while not proxy.lines and time.monotonic() < deadline:
        time.sleep(0.01)
    sent = time.monotonic()
    os.kill(child.pid, signal.SIGINT)
    result = wait_for(child)
    ended = time.monotonic()
    assert (result.returncode, result.stderr) == (0, "")
    word, at = result.stdout.split()
    assert word == "interrupted"
    assert float(at) - sent < 0.5
    assert ended - sent < 10


def test_the_newest_of_many_versions_is_found_by_one_listing(s3, tmp_path):
    import lance

    uri, options = s3
    lance.write_dataset(pa.table({"x": [1, 2, 3]}), tmp_path / "t.lance")
    (written,) = (tmp_path / "t.lance" / "_versions").glob("*.manifest")
    manifest = written.read_bytes()
    (begin,) = struct.unpack("<q", manifest[-16:-8])
    # Version 2000: of a number that a message has twice, the last one counts.
    message = manifest[begin + 4 : -16] + b"\x18\xd0\x0f"
    newest = struct.pack("<I", len(message)) + message + bytes(8) + manifest[-8:]
    files = pyarrow.fs.S3FileSystem(
        access_key=options["aws_access_key_id"],
        secret_key=options["aws_secret_access_key"],
        region=options["aws_region"],
        endpoint_override=options["aws_endpoint"],
    )
    for version in range(850, 2001):
        name = f"{2**64 - 1 - version:020d}.manifest"
        place = f"{uri.removeprefix('s3://')}/many/t.lance/_versions/{name}"
        with files.open_output_stream(place) as sink:
            sink.write(newest if version == 2000 else b"old")
    script = """
import sys

import croupier

_, store, *options = sys.argv
options = dict(option.split("=", 1) for option in options)
table = croupier.open_dataset(store + "/many/t.lance", storage_options=options)
assert table.version == 2000, table.version
print(croupier.io_counters()[store])
"""
    counted = run_script(tmp_path, script, uri, *(f"{k}={v}" for k, v in options.items()))
    # The listing, the size of the manifest, the manifest.
    assert "'requests': 3," in counted
