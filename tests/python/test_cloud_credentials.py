"""Credentials of GCS and Azure are in no pickle, representation, log line or error.

Those of S3: test_credentials.py.
"""

from __future__ import annotations

import base64
import hmac
import json
import logging
import pickle
import shutil
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import cloudpickle
import pyarrow as pa
import pyarrow.fs
import pytest
from test_credentials import things_of
from with_servers import (
    AZURE_ACCOUNT,
    AZURE_KEY,
    BUCKET,
    azure_file_system,
    azure_server,
    gcs_file_system,
    gcs_server,
)

import croupier

PLANTED = "planted-secret-0123456789"
PLANTED_KEY = base64.b64encode(PLANTED.encode()).decode()
SECRETS = (PLANTED, PLANTED_KEY, AZURE_KEY, PLANTED[:12], PLANTED_KEY[:12], AZURE_KEY[:12])
SERVICE_ACCOUNT = {
    "type": "service_account",
    "client_email": "a@b.c",
    "private_key_id": "k",
    "private_key": f"-----BEGIN PRIVATE KEY-----\n{PLANTED}\n-----END PRIVATE KEY-----\n",
    "token_uri": "http://127.0.0.1:9/",
}
SIGNATURE = f"sv=2023-01-03&ss=b&srt=sco&sp=rl&se=2030-01-01T00%3A00%3A00Z&sig={PLANTED}%3D"
NOWHERE = "http://127.0.0.1:9"


def found(text: str | bytes) -> list[str]:
    data = text if isinstance(text, bytes) else text.encode()
    return [secret for secret in SECRETS if secret.encode() in data]


@pytest.fixture
def log(caplog) -> Any:
    caplog.set_level(logging.DEBUG)
    return caplog


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> str:
    """The folder of a database with the table t."""
    folder = str(tmp_path_factory.mktemp("db"))
    croupier.connect(folder).create_table("t", [{"x": i} for i in range(20)])
    return folder


def copy_files(files: str, target: pyarrow.fs.FileSystem) -> None:
    for path in Path(files).rglob("*"):
        if path.is_file():
            with target.open_output_stream(f"{BUCKET}/db/{path.relative_to(files)}") as sink:
                sink.write(path.read_bytes())


@pytest.fixture(scope="module")
def gcs(files) -> Iterator[dict[str, str]]:
    with gcs_server() as endpoint:
        copy_files(files, gcs_file_system(endpoint))
        yield {"google_endpoint": endpoint, "allow_http": "true", "google_storage_token": PLANTED}


@pytest.fixture(scope="module")
def azure(files) -> Iterator[dict[str, str]]:
    program = shutil.which("azurite-blob")
    if program is None:
        pytest.skip("azurite-blob is not on the PATH")
    with azure_server(program) as endpoint:
        copy_files(files, azure_file_system(endpoint))
        yield {
            "account_name": AZURE_ACCOUNT,
            "account_key": AZURE_KEY,
            "azure_storage_endpoint": endpoint,
            "allow_http": "true",
        }


@pytest.fixture(params=["gs", "az"])
def store(request) -> tuple[str, dict[str, str]]:
    """The URI of the database and the storage options."""
    fixture = {"gs": "gcs", "az": "azure"}[request.param]
    return f"{request.param}://{BUCKET}/db", request.getfixturevalue(fixture)


def test_what_is_shown_and_logged_and_pickled(store, log):
    uri, options = store
    database = croupier.connect(uri, storage_options=options)
    for thing in [*things_of(database), croupier.AsyncConnection(database)]:
        for text in (repr(thing), str(thing), getattr(thing, "_repr_html_", str)()):
            assert found(text) == [], type(thing)
        for dumps in (pickle.dumps, cloudpickle.dumps):
            assert found(dumps(thing)) == [], type(thing)
    assert found(repr(database._access)) == []
    assert found(log.text) == []


def test_pickles_take_them_along_where_it_is_asked_for(store):
    uri, options = store
    database = croupier.connect(uri, storage_options=options, pickle_credentials=True)
    for thing in things_of(database):
        assert found(pickle.dumps(thing)) != [], type(thing)
        assert found(repr(thing)) == [], type(thing)


def test_a_worker_finds_them_in_its_environment(azure, monkeypatch):
    table = croupier.open_dataset(f"az://{BUCKET}/db/t.lance", storage_options=azure)
    pickled = pickle.dumps(table)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", AZURE_KEY)
    assert pickle.loads(pickled).to_arrow() == pa.table({"x": range(20)})


def signed_url_parameters() -> str:
    """Make a token for all reads of the account, by the rule of Azure for version 2020-12-06."""
    fields = {"sv": "2020-12-06", "ss": "b", "srt": "sco", "sp": "rl", "se": "2099-01-01"}
    signed = [AZURE_ACCOUNT, fields["sp"], fields["ss"], fields["srt"], "", fields["se"], "", ""]
    text = "\n".join([*signed, fields["sv"], "", ""])
    digest = hmac.digest(base64.b64decode(AZURE_KEY), text.encode(), "sha256")
    return urlencode({**fields, "sig": base64.b64encode(digest).decode()})


@pytest.mark.parametrize("mark", ["", "?"])
def test_a_table_is_read_by_a_shared_access_signature(azure, mark):
    options = {**azure, "sas_token": mark + signed_url_parameters()}
    del options["account_key"]
    table = croupier.open_dataset(f"az://{BUCKET}/db/t.lance", storage_options=options)
    assert table.to_arrow() == pa.table({"x": range(20)})


def errors_of(uri: str, options: dict[str, str]) -> Iterator[str]:
    """Open the table, which fails; give all that can be seen of it."""
    options = {**options, "client_max_retries": "0", "connect_timeout": "1s", "timeout": "2s"}
    with pytest.raises((OSError, ValueError, RuntimeError)) as raised:
        croupier.open_dataset(f"{uri}/t.lance", storage_options=options)
    yield "".join(traceback.format_exception(raised.value))
    error: BaseException | None = raised.value
    while error is not None:
        yield f"{error!r} {error} {getattr(error, '__notes__', '')}"
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize(
    "change",
    [
        {"google_service_account_key": json.dumps(SERVICE_ACCOUNT)},
        {"google_service_account_key": json.dumps(SERVICE_ACCOUNT)[:-20]},
        {"google_service_account": "whole.json"},
        {"google_service_account": "half.json"},
        {"google_storage_token": PLANTED, "google_endpoint": NOWHERE},
        {"google_storage_token": PLANTED, "no_such_option": PLANTED},
        {"google_endpoint": f"http://user:{PLANTED}@127.0.0.1:9"},
    ],
    ids=lambda change: " ".join(change),
)
def test_errors_of_gcs_do_not_tell(gcs, change, tmp_path, monkeypatch, log):
    monkeypatch.chdir(tmp_path)
    Path("whole.json").write_text(json.dumps(SERVICE_ACCOUNT))
    Path("half.json").write_text(json.dumps(SERVICE_ACCOUNT)[:-20])
    options = {**gcs, **change}
    if "google_storage_token" not in change:
        del options["google_storage_token"]
    for text in errors_of(f"gs://{BUCKET}/db", options):
        assert found(text) == []
    assert found(log.text) == []


@pytest.mark.parametrize(
    "change",
    [
        {"account_key": PLANTED_KEY},
        {"account_key": PLANTED},
        {"sas_token": SIGNATURE},
        {"sas_token": f"?{SIGNATURE}"},
        {"sas_token": SIGNATURE, "azure_storage_endpoint": NOWHERE},
        {"client_id": "c", "tenant_id": "t", "client_secret": PLANTED},
        {"account_key": PLANTED_KEY, "no_such_option": PLANTED},
        {"azure_storage_endpoint": f"http://user:{PLANTED}@127.0.0.1:9"},
    ],
    ids=lambda change: " ".join(change),
)
def test_errors_of_azure_do_not_tell(azure, change, log):
    options = {**azure, **change}
    if "account_key" not in change:
        del options["account_key"]
    for text in errors_of(f"az://{BUCKET}/db", options):
        assert found(text) == []
    assert found(log.text) == []
