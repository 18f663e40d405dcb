"""S3 by TLS: certificates, proxies, and forks of processes that use it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pyarrow as pa
import pytest
from child_script import FORK_WHILE_THREADS_READ, run_script
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from with_servers import BUCKET, S3_OPTIONS, s3_server

import croupier

pytestmark = pytest.mark.filterwarnings(
    # Of the server that the tests use, not ours.
    "ignore::DeprecationWarning",
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)

URI = f"s3://{BUCKET}/tls/numbers.lance"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> tuple[str, str]:
    """Files of a certificate for localhost that signs itself, and of its key."""
    folder = tmp_path_factory.mktemp("certificate")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(timezone.utc)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / "key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return str(folder / "certificate"), str(folder / "key")


@pytest.fixture(scope="module")
def options(certificate) -> Iterator[dict[str, str]]:
    """Options for a server, without what makes its certificate trusted; it has a table at `URI`."""
    with s3_server(certificate=certificate) as endpoint:
        options = {**S3_OPTIONS, "aws_endpoint": endpoint, "client_max_retries": "0"}
        del options["allow_http"]
        database = croupier.connect(
            f"s3://{BUCKET}/tls", storage_options={**options, "aws_ca_bundle": certificate[0]}
        )
        database.create_table("numbers", pa.table({"x": list(range(100))}))
        yield options


def test_a_certificate_must_be_trusted(certificate, options):
    with pytest.raises(OSError, match=r"(?i)certificate"):
        croupier.open_dataset(URI, storage_options=options)
    trusting = ({"aws_ca_bundle": certificate[0]}, {"allow_invalid_certificates": "true"})
    for trust in trusting:
        table = croupier.open_dataset(URI, storage_options={**options, **trust})
        assert table.to_arrow()["x"].to_pylist() == list(range(100))


def test_the_proxy_of_the_environment_is_asked(certificate, options, monkeypatch):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        proxy = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        trusted = {**options, "aws_ca_bundle": certificate[0]}
        # Another option makes another client, without a connection that is open already.
        with pytest.raises(OSError, match="the request failed"):
            croupier.open_dataset(URI, storage_options={**trusted, "connect_timeout": "4s"})
        monkeypatch.setenv("NO_PROXY", "localhost")
        table = croupier.open_dataset(URI, storage_options={**trusted, "connect_timeout": "3s"})
        assert len(table) == 100


def test_children_that_are_forked_while_threads_read_read_at_once(tmp_path, certificate, options):
    script = f"""
import croupier
options = {dict(options, aws_ca_bundle=certificate[0])!r}
table = croupier.open_dataset({URI!r}, storage_options=options)
{FORK_WHILE_THREADS_READ}
fork_while_threads_read(5)
print("end")
"""
    assert run_script(tmp_path, script) == "end\n"
