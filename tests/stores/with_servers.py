"""Run a command with object stores on loopback, whose options it finds in the environment.

usage: with_servers.py COMMAND [ARGUMENT …]

CROUPIER_TEST_S3, CROUPIER_TEST_GCS and CROUPIER_TEST_AZURE each hold a URI and storage options
(name=value), separated by blanks, where there is a server. S3 is that of moto, GCS that of
gcp-storage-emulator; Azure is Azurite, an npm package, where `azurite-blob` is on the PATH.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pyarrow.fs
from strict_s3 import StrictS3

BUCKET = "croupier-test"
S3_OPTIONS = {
    "aws_access_key_id": "AKIACROUPIERTEST",
    "aws_secret_access_key": "not-a-secret-of-anybody",
    "aws_region": "us-east-1",
    "allow_http": "true",
}
# The account that every Azurite has; its key is in Azurite's documentation.
AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)


@contextmanager
def s3_server(
    *, obeys_conditions: bool = True, certificate: tuple[str, str] | None = None
) -> Iterator[str]:
    """Serve S3 with one bucket; gives the endpoint. What it holds is that of the process.

    Args:
        obeys_conditions: whether a conditional write is one.
        certificate: files of a certificate for localhost and its key, for https.
    """
    import boto3
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server(
        "127.0.0.1",
        0,
        StrictS3(
            DomainDispatcherApplication(create_backend_app),
            S3_OPTIONS["aws_secret_access_key"],
            obeys_conditions=obeys_conditions,
        ),
        threaded=True,
        request_handler=MotoRequestHandler,
        ssl_context=certificate,
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        scheme = "http://127.0.0.1" if certificate is None else "https://localhost"
        endpoint = f"{scheme}:{server.server_port}"
        client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name=S3_OPTIONS["aws_region"],
            aws_access_key_id=S3_OPTIONS["aws_access_key_id"],
            aws_secret_access_key=S3_OPTIONS["aws_secret_access_key"],
            verify=None if certificate is None else certificate[0],
        )
        client.create_bucket(Bucket=BUCKET)
        client.close()
        yield endpoint
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def gcs_server() -> Iterator[str]:
    """Serve GCS with one bucket; gives the endpoint."""
    port = free_port()
    command = [sys.executable, "-m", "gcp_storage_emulator", "start"]
    with started([*command, "--host", "127.0.0.1", "--port", str(port), "--in-memory"], port):
        endpoint = f"http://127.0.0.1:{port}"
        request = urllib.request.Request(
            f"{endpoint}/storage/v1/b?project=croupier",
            data=b'{"name": "%s"}' % BUCKET.encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request):
            pass
        yield endpoint


def gcs_file_system(endpoint: str) -> pyarrow.fs.FileSystem:
    """Connect to such a server by Arrow alone."""
    authority = endpoint.removeprefix("http://")
    return pyarrow.fs.GcsFileSystem(anonymous=True, scheme="http", endpoint_override=authority)


@contextmanager
def azure_server(program: str) -> Iterator[str]:
    """Serve Azure blobs with one container; gives the endpoint."""
    port = free_port()
    command = [program, "--silent", "--disableTelemetry", "--inMemoryPersistence"]
    with started([*command, "--skipApiVersionCheck", "--blobPort", str(port)], port):
        endpoint = f"http://127.0.0.1:{port}"
        azure_file_system(endpoint).create_dir(BUCKET)
        yield endpoint


def azure_file_system(endpoint: str) -> pyarrow.fs.FileSystem:
    """Connect to such a server by Arrow alone."""
    authority = endpoint.removeprefix("http://")
    return pyarrow.fs.AzureFileSystem(
        AZURE_ACCOUNT,
        account_key=AZURE_KEY,
        blob_storage_authority=authority,
        dfs_storage_authority=authority,
        blob_storage_scheme="http",
        dfs_storage_scheme="http",
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def started(command: list[str], port: int) -> Iterator[None]:
    """Run a server until the block ends; the block begins when it listens."""
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if server.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{command[0]} does not listen") from None
                time.sleep(0.05)
        yield
    finally:
        server.terminate()
        server.wait(10)


def described(uri: str, options: dict[str, str]) -> str:
    return " ".join([uri, *(f"{name}={value}" for name, value in options.items())])


@contextmanager
def servers() -> Iterator[dict[str, str]]:
    """Serve what can be served; gives the variables for the environment."""
    with ExitStack() as stack:
        endpoint = stack.enter_context(s3_server())
        variables = {
            "CROUPIER_TEST_S3": described(
                f"s3://{BUCKET}", {**S3_OPTIONS, "aws_endpoint": endpoint}
            )
        }
        endpoint = stack.enter_context(gcs_server())
        variables["CROUPIER_TEST_GCS"] = described(
            f"gs://{BUCKET}",
            {"google_endpoint": endpoint, "google_skip_signature": "true", "allow_http": "true"},
        )
        azurite = shutil.which("azurite-blob")
        if azurite is not None:
            endpoint = stack.enter_context(azure_server(azurite))
            variables["CROUPIER_TEST_AZURE"] = described(
                f"az://{BUCKET}",
                {
                    "account_name": AZURE_ACCOUNT,
                    "account_key": AZURE_KEY,
                    "azure_storage_endpoint": endpoint,
                    "allow_http": "true",
                },
            )
        yield variables


def main() -> int:
    with servers() as variables:
        return subprocess.run(sys.argv[1:], env={**os.environ, **variables}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
