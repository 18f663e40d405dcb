"""What gives credentials in AWS: machines (EC2), containers (ECS, EKS), the token service (STS)."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qs

from strict_s3 import is_signed_well
from werkzeug.serving import WSGIRequestHandler, make_server

METADATA_TOKEN = "token-of-the-metadata"
CONTAINER_TOKEN = "token-of-the-container"
SESSION_TOKEN = "session-token-of-nobody"
ROLE = "a-role"


class FakeAws:
    """Gives one pair of keys, by all the services; what is asked is noted in `asked`."""

    def __init__(self, access_key: str, secret: str):
        self.access_key = access_key
        self.secret = secret
        self.endpoint = ""
        self.asked: list[str] = []
        self.lifetime = timedelta(hours=1)
        # The status of all answers, if it is not 200.
        self.status: str | None = None
        self._lock = threading.Lock()

    def __call__(self, environment: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = f"{environment['REQUEST_METHOD']} {environment['PATH_INFO']}"
        body = environment["wsgi.input"].read(int(environment.get("CONTENT_LENGTH") or 0))
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        with self._lock:
            self.asked.append(form.get("Action", request))
        environment["croupier.body"] = body
        status, answer = "200 OK", b""
        if self.status is not None:
            status = self.status
        elif request == "PUT /latest/api/token":
            answer = METADATA_TOKEN.encode()
        elif environment["PATH_INFO"].startswith("/latest/meta-data/iam/security-credentials/"):
            if environment.get("HTTP_X_AWS_EC2_METADATA_TOKEN") != METADATA_TOKEN:
                status = "401 Unauthorized"
            elif environment["PATH_INFO"].endswith(f"/{ROLE}"):
                answer = self._json()
            else:
                answer = ROLE.encode()
        elif request == "GET /container":
            if environment.get("HTTP_AUTHORIZATION") == CONTAINER_TOKEN:
                answer = self._json()
            else:
                status = "403 Forbidden"
        elif request == "POST /":
            status, answer = self._assume(environment, form)
        else:
            status = "404 Not Found"
        start_response(status, [("Content-Length", str(len(answer)))])
        return [answer]

    def _expiration(self) -> str:
        return (datetime.now(timezone.utc) + self.lifetime).isoformat()

    def _json(self) -> bytes:
        return json.dumps(
            {
                "Code": "Success",
                "AccessKeyId": self.access_key,
                "SecretAccessKey": self.secret,
                "Token": SESSION_TOKEN,
                "Expiration": self._expiration(),
            }
        ).encode()

    def _assume(self, environment: dict[str, Any], form: dict[str, str]) -> tuple[str, bytes]:
        action = form["Action"]
        is_known = form.get("WebIdentityToken") == "who-i-am"
        if action == "AssumeRole":
            is_known = "HTTP_AUTHORIZATION" in environment
            is_known = is_known and is_signed_well(environment, self.secret)
        if not is_known or form["RoleArn"] != "arn:aws:iam::1:role/reader":
            return (
                "403 Forbidden",
                b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>",
            )
        credentials = "".join(
            f"<{name}>{value}</{name}>"
            for name, value in {
                "AccessKeyId": self.access_key,
                "SecretAccessKey": self.secret,
                "SessionToken": SESSION_TOKEN,
                "Expiration": self._expiration(),
            }.items()
        )
        answer = (
            f"<{action}Response xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><{action}Result>"
            f"<Credentials>{credentials}</Credentials></{action}Result></{action}Response>"
        )
        return "200 OK", answer.encode()


@contextmanager
def fake_aws(access_key: str, secret: str) -> Iterator[tuple[FakeAws, str]]:
    """Serve on loopback; gives the services and their endpoint."""
    service = FakeAws(access_key, secret)
    with served(service) as endpoint:
        yield service, endpoint


@contextmanager
def served(application: Callable[..., Iterable[bytes]]) -> Iterator[str]:
    class Silent(WSGIRequestHandler):
        def log(self, type: str, message: str, *arguments: Any) -> None:
            pass

    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Silent)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
