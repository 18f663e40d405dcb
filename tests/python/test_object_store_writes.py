"""Tables that are written in S3: with other writers, over a bad network, by any process."""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import lance
import lancedb
import pyarrow as pa
import pytest
from child_script import run_script, start_script, wait_for
from fault_proxy import FaultProxy, fault_proxy
from with_servers import BUCKET, S3_OPTIONS, s3_server

import croupier
from croupier._core import TableWriter

pytestmark = pytest.mark.filterwarnings(
    # Of the server and clients that the tests use, not ours.
    "ignore::DeprecationWarning",
    "ignore::ResourceWarning",
    "ignore:lance is not fork-safe",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)

SECRET = S3_OPTIONS["aws_secret_access_key"]


def rows_of(first: int, end: int) -> pa.Table:
    return pa.table({"id": pa.array(range(first, end), pa.int64())})


@pytest.fixture
def uri() -> str:
    """A folder that no other test has."""
    return f"s3://{BUCKET}/{uuid.uuid4()}"


@pytest.fixture
def service(s3_options) -> Iterator[Any]:
    """The client of Amazon itself, to look at what is there."""
    client = boto3.client(
        "s3",
        endpoint_url=s3_options["aws_endpoint"],
        region_name=s3_options["aws_region"],
        aws_access_key_id=s3_options["aws_access_key_id"],
        aws_secret_access_key=SECRET,
    )
    yield client
    client.close()


@pytest.fixture
def proxy(s3_options) -> Iterator[FaultProxy]:
    with fault_proxy(s3_options["aws_endpoint"]) as proxy:
        yield proxy


@pytest.fixture
def proxied(s3_options, proxy) -> dict[str, str]:
    """Options that lead through the proxy, with short patience."""
    return {**s3_options, "aws_endpoint": proxy.endpoint, "request_timeout": "3s"}


@pytest.fixture
def table(uri, s3_options) -> croupier.Table:
    """Ids 0 to 99, in two files."""
    database = croupier.connect(uri, storage_options=s3_options)
    return database.create_table("t", rows_of(0, 100), max_rows_per_file=50)


def through(table: croupier.Table, options: dict[str, str]) -> croupier.Table:
    """The same table, by other options."""
    folder = table.uri.rpartition("/")[0]
    return croupier.connect(folder, storage_options=options).open_table("t")


def ids(uri: str, options: dict[str, str]) -> list[int]:
    """The ids in a table, as pylance and Croupier read them alike."""
    dataset = lance.dataset(uri, storage_options=options)
    dataset.validate()
    found = sorted(dataset.to_table()["id"].to_pylist())
    ours = croupier.open_dataset(uri, storage_options=options).to_arrow()["id"].to_pylist()
    assert sorted(ours) == found
    return found


def keys(service, uri: str) -> list[str]:
    """What is below a folder, by paths from there."""
    prefix = uri.removeprefix(f"s3://{BUCKET}/") + "/"
    listed = service.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return [entry["Key"].removeprefix(prefix) for entry in listed]


def on_manifest(*faults: str | None) -> Callable[[int, str], str | None]:
    """Do this to the requests that publish a version, one after another."""
    left = list(faults)

    def decide(number: int, line: str) -> str | None:
        return left.pop(0) if left and line.startswith("PUT") and ".manifest" in line else None

    return decide


def test_pylance_and_lancedb_go_on_with_a_table_and_the_other_way_round(uri, s3_options):
    database = croupier.connect(uri, storage_options=s3_options)
    table = database.create_table("t", rows_of(0, 10))
    theirs = lancedb.connect(uri, storage_options=s3_options).open_table("t")
    theirs.add(rows_of(10, 20))
    table.checkout_latest()
    table.delete("id % 2 = 0")
    theirs.checkout_latest()
    theirs.update(where="id = 1", values={"id": 100})
    table.checkout_latest()
    table.add(rows_of(30, 31))
    dataset = lance.dataset(table.uri, storage_options=s3_options)
    dataset.delete("id = 3")
    dataset.optimize.compact_files()
    table.checkout_latest()
    table.add_columns({"twice": "id * 2"})
    table.compact_files()
    assert ids(table.uri, s3_options) == [*range(5, 20, 2), 30, 100]
    assert theirs.name in lancedb.connect(uri, storage_options=s3_options).table_names()
    lance.write_dataset(rows_of(0, 3), f"{uri}/u.lance", storage_options=s3_options)
    other = database.open_table("u")
    other.update("id = 2", {"id": 7})
    other.tags.create("seven", other.version)
    assert lance.dataset(f"{uri}/u.lance", version="seven", storage_options=s3_options).to_table()[
        "id"
    ].to_pylist() == [0, 1, 7]


def test_an_object_in_parts_is_read_by_pylance(uri, s3_options):
    blocks = [os.urandom(1 << 20) for _ in range(20)]
    database = croupier.connect(uri, storage_options=s3_options)
    batches = [pa.record_batch({"b": pa.array([block], pa.binary())}) for block in blocks]
    table = database.create_table("t", batches)
    assert table._source.describe("files")["num_fragments"] == 1
    dataset = lance.dataset(table.uri, storage_options=s3_options)
    assert dataset.to_table()["b"].to_pylist() == blocks
    assert table.to_arrow()["b"].to_pylist() == blocks


def test_a_writer_that_loses_a_version_makes_the_next(table, s3_options, proxy, proxied):
    versions = []

    def decide(number: int, line: str) -> None:
        if line.startswith("PUT") and ".manifest" in line and not versions:
            # pylance is faster, with the same version.
            versions.append(line)
            other = lance.write_dataset(
                rows_of(100, 110), table.uri, mode="append", storage_options=s3_options
            )
            versions.append(other.version)

    proxy.reset(decide)
    result = TableWriter.open(table.uri, storage_options=proxied).append(
        rows_of(200, 210).to_reader()
    )
    assert (versions[1], result["version"], result["num_attempts"]) == (2, 3, 2)
    assert ids(table.uri, s3_options) == [*range(110), *range(200, 210)]


@pytest.mark.parametrize("writers", ["croupier and pylance", "croupier twice"])
def test_every_row_of_two_racing_writers_is_there_once(tmp_path, table, s3_options, writers):
    rounds = 6
    uri = table.uri
    script = """
import sys
import pyarrow as pa
from croupier._core import TableWriter
_, uri, rounds, *options = sys.argv
options = dict(option.split("=", 1) for option in options)
lost = 0
for i in range(int(rounds)):
    rows = pa.table({"id": pa.array(range(1000 + 10 * i, 1010 + 10 * i), pa.int64())})
    result = TableWriter.open(uri, storage_options=options).append(rows.to_reader())
    lost += result["num_attempts"] - 1
    TableWriter.open(uri, storage_options=options).delete(f"id = {2 * i}")
print(lost)
"""
    words = [f"{name}={value}" for name, value in s3_options.items()]
    child = start_script(tmp_path, script, uri, rounds, *words)
    for i in range(rounds):
        rows = rows_of(2000 + 10 * i, 2010 + 10 * i)
        if writers == "croupier twice":
            TableWriter.open(uri, storage_options=s3_options).append(rows.to_reader())
            TableWriter.open(uri, storage_options=s3_options).delete(f"id = {2 * i + 1}")
        else:
            lance.write_dataset(rows, uri, mode="append", storage_options=s3_options)
            lance.dataset(uri, storage_options=s3_options).delete(f"id = {2 * i + 1}")
    done = wait_for(child)
    assert (done.returncode, done.stderr) == (0, "")
    expected = [*range(2 * rounds, 100), *range(1000, 1000 + 10 * rounds)]
    assert ids(uri, s3_options) == [*expected, *range(2000, 2000 + 10 * rounds)]
    assert lance.dataset(uri, storage_options=s3_options).version == 1 + 4 * rounds


@pytest.mark.parametrize("fault", ["500", "503", "409", "drop", "lost", "short", "hang"])
def test_a_commit_over_a_bad_network_is_made_once(table, s3_options, proxy, proxied, fault):
    proxy.reset(on_manifest(fault, fault if fault == "409" else None))
    before = croupier.io_counters()[f"s3://{BUCKET}"]
    table = through(table, proxied)
    assert table.add(rows_of(100, 110)).version == 2
    after = croupier.io_counters()[f"s3://{BUCKET}"]
    assert ids(table.uri, s3_options) == list(range(110))
    if fault != "short":  # whose status came
        assert after["retries"] - before["retries"] >= (2 if fault == "409" else 1)
    assert (after["throttled"] > before["throttled"]) == (fault == "503")
    assert after["errors"] == before["errors"]


@pytest.mark.parametrize("fault", ["503", "lost"])
def test_every_other_request_may_fail(uri, s3_options, proxy, proxied, fault):
    # None twice at the same place: of some kinds of requests every second one would fail for good.
    failed = set()

    def decide(number: int, line: str) -> str | None:
        if number % 2 or line in failed:
            return None
        failed.add(line)
        return fault

    proxy.reset(decide)
    database = croupier.connect(uri, storage_options=proxied)
    table = database.create_table("t", rows_of(0, 100), max_rows_per_file=50)
    table.delete("id < 10")
    table.update("id = 10", {"id": -1})
    table.compact_files()
    table.add_columns({"twice": "id * 2"})
    proxy.reset(lambda number, line: None)
    assert ids(table.uri, s3_options) == [-1, *range(11, 100)]
    assert len(failed) > 20


@pytest.mark.parametrize("refused", ["/data/", ".manifest", "/_deletions/"])
def test_what_is_refused_leaves_the_table_as_it_was(
    table, service, s3_options, proxy, proxied, refused
):
    before = keys(service, table.uri)
    proxy.reset(lambda number, line: "403" if line.startswith("PUT") and refused in line else None)
    writer = through(table, proxied)
    with pytest.raises(OSError, match="403, AccessDenied") as error:
        writer.update("id < 3", {"id": -1})
    assert table.uri in str(error.value)
    assert SECRET not in str(error.value)
    assert keys(service, table.uri) == before
    assert ids(table.uri, s3_options) == list(range(100))


def test_a_wrong_secret_is_refused_and_not_shown(table, s3_options):
    wrong = {**s3_options, "aws_secret_access_key": "not-the-right-one"}
    with pytest.raises(OSError, match=r"403|ACCESS_DENIED|SIGNATURE") as error:
        TableWriter.create(f"{table.uri}2", rows_of(0, 1).to_reader(), storage_options=wrong)
    assert "not-the-right-one" not in str(error.value)


def test_temporary_credentials_of_the_environment_are_signed(
    tmp_path, uri, s3_options, monkeypatch
):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_options["aws_access_key_id"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a/session+token==")
    monkeypatch.setenv("AWS_ENDPOINT", s3_options["aws_endpoint"])
    monkeypatch.setenv("ALLOW_HTTP", "true")
    script = """
import sys, croupier
table = croupier.connect(sys.argv[1]).create_table("t", {"id": range(5)})
print(len(table), table.version)
"""
    assert run_script(tmp_path, script, uri) == "5 1\n"
    assert ids(f"{uri}/t.lance", s3_options) == list(range(5))


def test_a_stream_that_breaks_off_leaves_nothing(table, service, s3_options, proxy, proxied):
    before = keys(service, table.uri)
    schema = pa.schema([("id", pa.int64()), ("b", pa.binary())])

    def broken() -> Iterator[pa.RecordBatch]:
        for i in range(20):
            yield pa.record_batch([[i], [os.urandom(1 << 20)]], schema=schema)
        raise KeyError("half-way")

    with pytest.raises(KeyError, match="half-way"):
        table.add(pa.RecordBatchReader.from_batches(schema, broken()), mode="overwrite")

    proxy.reset(lambda number, line: "403" if "partNumber=2" in line else None)
    whole = pa.RecordBatchReader.from_batches(
        schema, (pa.record_batch([[i], [os.urandom(1 << 20)]], schema=schema) for i in range(20))
    )
    with pytest.raises(OSError, match="403, AccessDenied"):
        through(table, proxied).add(whole, mode="overwrite")
    assert any("partNumber=2" in line for line in proxy.lines)
    assert keys(service, table.uri) == before
    assert service.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []


def test_a_server_that_ignores_the_condition_is_not_written(uri, s3_options, service):
    with s3_server(obeys_conditions=False) as endpoint:
        options = {**s3_options, "aws_endpoint": endpoint}
        database = croupier.connect(uri, storage_options=options)
        with pytest.raises(NotImplementedError, match="ignores If-None-Match"):
            database.create_table("t", rows_of(0, 3))
        assert database.table_names() == []
    assert keys(service, uri) == []


@pytest.mark.parametrize(
    ("uri", "options"),
    [
        ("gs://bucket/db", {"google_skip_signature": "true"}),
        ("az://container/db", {"account_name": "account", "account_key": "a2V5"}),
    ],
)
def test_other_object_stores_say_why_they_are_not_written(uri, options):
    with pytest.raises(NotImplementedError, match="only if it does not exist"):
        TableWriter.create(f"{uri}/t.lance", rows_of(0, 3).to_reader(), storage_options=options)


def test_objects_are_encrypted_as_the_options_say(uri, s3_options, service):
    options = {**s3_options, "aws_server_side_encryption": "AES256"}
    table = croupier.connect(uri, storage_options=options).create_table("t", rows_of(0, 3))
    for name in keys(service, table.uri):
        key = f"{table.uri}/{name}".removeprefix(f"s3://{BUCKET}/")
        assert service.head_object(Bucket=BUCKET, Key=key)["ServerSideEncryption"] == "AES256"
    assert ids(table.uri, s3_options) == [0, 1, 2]


def test_a_dropped_table_leaves_nothing_and_can_be_made_again(table, service, s3_options):
    folder = table.uri.rpartition("/")[0]
    database = croupier.connect(folder, storage_options=s3_options)
    table.delete("id < 3")
    # Some tools make objects that stand for directories.
    prefix = table.uri.removeprefix(f"s3://{BUCKET}/")
    service.put_object(Bucket=BUCKET, Key=f"{prefix}/", Body=b"")
    service.put_object(Bucket=BUCKET, Key=f"{prefix}/data/", Body=b"")
    database.drop_table("t")
    assert (database.table_names(), keys(service, folder)) == ([], [])
    database.create_table("t", rows_of(0, 3))
    assert ids(table.uri, s3_options) == [0, 1, 2]


def test_requests_of_writers_are_counted(table):
    before = croupier.io_counters()[f"s3://{BUCKET}"]
    table.add(rows_of(100, 110))
    after = croupier.io_counters()[f"s3://{BUCKET}"]
    # The newest version twice, its transaction, a data file, the manifest; and the new version.
    assert 5 <= after["requests"] - before["requests"] <= 20
    assert after["errors"] == before["errors"]


WRITE = """
import os, sys
import croupier
import pyarrow as pa
from croupier._core import TableWriter
_, uri, *words = sys.argv
options = dict(word.split("=", 1) for word in words)
def append(first):
    rows = pa.table({"id": pa.array(range(first, first + 10), pa.int64())})
    TableWriter.open(uri, storage_options=options).append(rows.to_reader())
"""


def run_writer(tmp_path, script: str, table: croupier.Table, options: dict[str, str]) -> str:
    words = [f"{name}={value}" for name, value in options.items()]
    return run_script(tmp_path, WRITE + script, table.uri, *words)


@pytest.mark.parametrize("first", ["parent", "child"])
def test_a_forked_child_writes_and_ends_in_silence(tmp_path, table, s3_options, first):
    script = f"""
if {first == "parent"}:
    append(100)
for i in (2, 3):
    pid = os.fork()
    if pid == 0:
        append(100 * i)
        sys.exit(0)
    assert os.waitpid(pid, 0)[1] == 0
append(400)
print("end")
"""
    assert run_writer(tmp_path, script, table, s3_options) == "end\n"
    starts = [*([100] if first == "parent" else []), 200, 300, 400]
    expected = [*range(100), *(i for start in starts for i in range(start, start + 10))]
    assert ids(table.uri, s3_options) == expected


@pytest.mark.parametrize("mode", ["one request", "parts"])
def test_ctrl_c_ends_a_write_that_waits_for_the_server(
    tmp_path, table, service, s3_options, proxy, proxied, mode
):
    before = keys(service, table.uri)
    proxy.reset(
        lambda number, line: "hang" if line.startswith("PUT") and "/data/" in line else None
    )
    words = [f"{name}={value}" for name, value in proxied.items() if name != "request_timeout"]
    script = f"""
import time
print("begun", flush=True)
rows = pa.table({{"id": pa.array(range({5_000_000 if mode == "parts" else 10}), pa.int64())}})
try:
    TableWriter.open(uri, storage_options=options).append(rows.to_reader())
except KeyboardInterrupt:
    print("interrupted", time.monotonic(), flush=True)
"""
    child = start_script(tmp_path, WRITE + script, table.uri, *words)
    deadline = time.monotonic() + 30
    while not any("/data/" in line and "PUT" in line for line in proxy.lines):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    sent = time.monotonic()
    os.kill(child.pid, signal.SIGINT)
    done = wait_for(child)
    assert (done.returncode, done.stderr) == (0, "")
    assert float(done.stdout.split()[-1]) - sent < 1
    assert keys(service, table.uri) == before
    assert service.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []
