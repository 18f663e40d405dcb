"""Where credentials for S3 come from: all that gives them, in this process and in children."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from child_script import FORK_WHILE_THREADS_READ, run_script
from fake_aws import CONTAINER_TOKEN, ROLE, SESSION_TOKEN, FakeAws, fake_aws
from with_servers import BUCKET, S3_OPTIONS, s3_server

import croupier

pytestmark = pytest.mark.filterwarnings(
    # Of the server that the tests use, not ours.
    "ignore::DeprecationWarning",
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)

KEY = S3_OPTIONS["aws_access_key_id"]
SECRET = S3_OPTIONS["aws_secret_access_key"]
URI = f"s3://{BUCKET}/credentials/numbers.lance"


@pytest.fixture(scope="module")
def options() -> Iterator[dict[str, str]]:
    """Options without credentials for a server that checks them; it has a table at `URI`."""
    with s3_server() as endpoint:
        database = croupier.connect(
            f"s3://{BUCKET}/credentials", storage_options={**S3_OPTIONS, "aws_endpoint": endpoint}
        )
        database.create_table("numbers", pa.table({"x": list(range(100))}))
        yield {"aws_endpoint": endpoint, "aws_region": "us-east-1", "allow_http": "true"}


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch, tmp_path) -> None:
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def aws() -> Iterator[FakeAws]:
    with fake_aws(KEY, SECRET) as (service, endpoint):
        service.endpoint = endpoint
        yield service


def use_machine(aws: FakeAws, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", aws.endpoint)


def use_container(aws: FakeAws, monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(CONTAINER_TOKEN + "\n")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{aws.endpoint}/container")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "token"))


def use_web_identity(aws: FakeAws, monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("who-i-am")
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/reader")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", aws.endpoint)


def use_role_of_profile(aws: FakeAws, monkeypatch, tmp_path: Path) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        f"[base]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
    )
    (tmp_path / ".aws" / "config").write_text(
        "[profile reader]\nsource_profile = base\nrole_arn = arn:aws:iam::1:role/reader\n"
    )
    monkeypatch.setenv("AWS_PROFILE", "reader")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", aws.endpoint)


def use_command(aws: FakeAws, monkeypatch, tmp_path: Path) -> None:
    keys = f'{{"Version": 1, "AccessKeyId": "{KEY}", "SecretAccessKey": "{SECRET}"}}'
    (tmp_path / "keys").write_text(keys)
    (tmp_path / "config").write_text(f"[default]\ncredential_process = cat {tmp_path}/keys\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))


SOURCES = {
    "machine": (use_machine, f"/{ROLE}"),
    "container": (use_container, "GET /container"),
    "web identity": (use_web_identity, "AssumeRoleWithWebIdentity"),
    "role of a profile": (use_role_of_profile, "AssumeRole"),
    "command": (use_command, None),
}


@pytest.mark.parametrize("source", SOURCES)
def test_credentials_are_found(aws, options, monkeypatch, tmp_path, source):
    use, asked = SOURCES[source]
    use(aws, monkeypatch, tmp_path)
    table = croupier.open_dataset(URI, storage_options=options)
    assert table.to_arrow()["x"].to_pylist() == list(range(100))
    # Asked once, for all requests.
    assert sum(asked is not None and line.endswith(asked) for line in aws.asked) == (
        asked is not None
    )


def test_a_profile_can_be_an_option_which_comes_before_the_environment(
    options, monkeypatch, tmp_path
):
    (tmp_path / "credentials").write_text(
        f"[dev]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    table = croupier.open_dataset(URI, storage_options={**options, "aws_profile": "dev"})
    assert len(table) == 100
    with pytest.raises(OSError, match="no profile 'prod' of AWS in .*; there are: dev"):
        croupier.open_dataset(URI, storage_options={**options, "aws_profile": "prod"})
    with pytest.raises(OSError, match="SignatureDoesNotMatch|403"):
        croupier.open_dataset(URI, storage_options=options)


def test_without_credentials_the_error_says_what_to_do(options, tmp_path):
    with pytest.raises(OSError, match="there are no credentials for S3.*aws_skip_signature"):
        croupier.open_dataset(URI, storage_options=options)


def test_a_single_sign_on_is_refused_with_the_remedy(options, monkeypatch, tmp_path):
    (tmp_path / "config").write_text("[profile sso]\nsso_session = x\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with pytest.raises(NotImplementedError, match="aws configure export-credentials"):
        croupier.open_dataset(URI, storage_options={**options, "aws_profile": "sso"})


def test_credentials_are_renewed_before_they_end(aws, options, monkeypatch, tmp_path):
    use_container(aws, monkeypatch, tmp_path)
    aws.lifetime = timedelta(seconds=2)
    deadline = time.monotonic() + 30
    while len(aws.asked) < 3 and time.monotonic() < deadline:
        assert len(croupier.open_dataset(URI, storage_options=options)) == 100
    assert len(aws.asked) >= 3


@pytest.mark.parametrize("source", ["machine", "container", "web identity"])
def test_a_service_that_refuses_is_an_error_that_names_it(
    aws, options, monkeypatch, tmp_path, source
):
    use, _ = SOURCES[source]
    use(aws, monkeypatch, tmp_path)
    aws.status = "403 Forbidden"
    with pytest.raises(OSError, match="HTTP status 403") as error:
        croupier.open_dataset(URI, storage_options=options)
    for secret in (SECRET, SESSION_TOKEN, CONTAINER_TOKEN, "who-i-am"):
        assert secret not in str(error.value)


@pytest.mark.parametrize("source", SOURCES)
def test_a_forked_child_finds_credentials_by_itself(aws, options, monkeypatch, tmp_path, source):
    use, asked = SOURCES[source]
    use(aws, monkeypatch, tmp_path)
    script = f"""
import croupier
table = croupier.open_dataset({URI!r}, storage_options={options!r})
{FORK_WHILE_THREADS_READ}
fork_while_threads_read(3)
print(croupier.io_counters()["s3://{BUCKET}"]["errors"])
"""
    (tmp_path / "script").mkdir()
    assert run_script(tmp_path / "script", script) == "0\n"
    if asked is not None:
        assert sum(line.endswith(asked) for line in aws.asked) == 4  # the parent, three children
