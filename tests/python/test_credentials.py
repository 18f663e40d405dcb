"""Credentials are in no pickle, representation, log line or error, unless they are asked for.

Those of S3; of GCS and Azure: test_cloud_credentials.py.
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Iterator
from typing import Any

import cloudpickle
import pytest
from with_servers import BUCKET, S3_OPTIONS

import croupier

# Of each kind: recognised wherever it turns up, as it is or encoded.
IN_OPTIONS = S3_OPTIONS["aws_secret_access_key"]
TOKEN = "planted-session-token"
IN_ENVIRONMENT = "planted-in-the-environment"
IN_URL = "planted-in-the-url"
SECRETS = (IN_OPTIONS, TOKEN, IN_ENVIRONMENT, IN_URL)


def found(text: str | bytes) -> list[str]:
    data = text if isinstance(text, bytes) else text.encode()
    return [secret for secret in SECRETS if secret.encode() in data]


@pytest.fixture
def log(caplog) -> Any:
    caplog.set_level(logging.DEBUG)
    return caplog


@pytest.fixture
def database(s3_options, monkeypatch) -> Iterator[croupier.Connection]:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", IN_ENVIRONMENT)
    connection = croupier.connect(f"s3://{BUCKET}/credentials", storage_options=s3_options)
    connection.create_table("t", [{"x": i} for i in range(20)], mode="overwrite")
    yield connection
    connection.drop_table("t", ignore_missing=True)


def things_of(database: croupier.Connection) -> list[Any]:
    table = database.open_table("t")
    order = croupier.permutation_builder(table).shuffle(seed=1).execute()
    splits = croupier.Permutations(table, order)
    loader = croupier.Loader(splits[0], batch_size=3)
    next(loader)
    return [
        database,
        table,
        order,
        splits,
        splits[0],
        splits[0].with_format("torch_batch"),
        loader,
        table.search().where("x > 1"),
        table.take_offsets([0]),
    ]


def test_what_is_shown_and_logged_and_pickled(database, log):
    for thing in things_of(database):
        for text in (repr(thing), str(thing), getattr(thing, "_repr_html_", str)()):
            assert found(text) == [], type(thing)
        for dumps in (pickle.dumps, cloudpickle.dumps):
            assert found(dumps(thing)) == [], type(thing)
    assert found(repr(database._access)) == []
    assert found(log.text) == []


def test_pickles_take_them_along_where_it_is_asked_for(s3_options, database):
    asked = croupier.connect(database.uri, storage_options=s3_options, pickle_credentials=True)
    for thing in things_of(asked):
        assert found(pickle.dumps(thing)) == [IN_OPTIONS], type(thing)
        assert found(repr(thing)) == [], type(thing)


@pytest.mark.parametrize(
    "change",
    [
        {"aws_endpoint": "http://127.0.0.1:9"},
        {"aws_secret_access_key": IN_URL},
        {"aws_session_token": TOKEN, "aws_endpoint": f"http://user:{IN_URL}@127.0.0.1:9"},
        {"no_such_option": TOKEN},
    ],
    ids=lambda change: " ".join(change),
)
def test_errors_do_not_tell(s3_options, database, change, log):
    options = {**s3_options, "client_max_retries": "0", "connect_timeout": "1s", **change}

    def fails(call):
        with pytest.raises((OSError, ValueError, NotImplementedError)) as raised:
            call()
        error: BaseException | None = raised.value
        while error is not None:
            assert found(f"{error!r} {error}") == [], error
            error = error.__cause__ or error.__context__

    uri = f"s3://{BUCKET}/credentials"
    fails(lambda: croupier.open_dataset(f"{uri}/t.lance", storage_options=options))
    fails(lambda: croupier.connect(uri, storage_options=options).create_table("u", [{"x": 1}]))
    assert found(log.text) == []


@pytest.mark.parametrize(
    "uri",
    [
        f"s3://user:{IN_URL}@{BUCKET}/credentials",
        f"az://user:{IN_URL}@container/credentials",
        f"gs://user:{IN_URL}@bucket/credentials",
        f"https://user:{IN_URL}@127.0.0.1:9/credentials",
    ],
)
def test_a_url_with_credentials_is_refused_without_showing_them(uri, s3_options, log):
    for call in (
        lambda: croupier.open_dataset(f"{uri}/t.lance", storage_options=s3_options),
        lambda: croupier.connect(uri, storage_options=s3_options).open_table("t"),
    ):
        with pytest.raises((OSError, ValueError, NotImplementedError)) as raised:
            call()
        assert found(f"{raised.value!r} {raised.value}") == []
    assert found(log.text) == []


def test_a_worker_finds_them_in_its_environment(database, s3_options, monkeypatch):
    pickled = pickle.dumps(database.open_table("t"))
    for name in ("aws_access_key_id", "aws_secret_access_key"):
        monkeypatch.setenv(name.upper(), s3_options[name])
    assert len(pickle.loads(pickled).to_arrow()) == 20
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with pytest.raises(OSError, match="t.lance"):
        pickle.loads(pickled)
