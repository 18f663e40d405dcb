"""What moto leaves out of S3: signatures are checked, and a conditional write is one step."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable, Iterable
from typing import Any

Environment = dict[str, Any]
Application = Callable[[Environment, Any], Iterable[bytes]]


class StrictS3:
    """Passes requests on to `application`, but for those that Amazon would refuse."""

    def __init__(self, application: Application, secret: str, *, obeys_conditions: bool = True):
        self.application = application
        self.secret = secret
        self.obeys_conditions = obeys_conditions
        # moto looks for the object, and writes it later.
        self._condition_lock = threading.Lock()

    def __call__(self, environment: Environment, start_response: Any) -> Iterable[bytes]:
        if not is_signed_well(environment, self.secret):
            return _refuse(start_response, "403 Forbidden", "SignatureDoesNotMatch")
        if "HTTP_IF_NONE_MATCH" not in environment or environment["REQUEST_METHOD"] == "GET":
            return self.application(environment, start_response)
        if not self.obeys_conditions:
            del environment["HTTP_IF_NONE_MATCH"]
        with self._condition_lock:
            return list(self.application(environment, start_response))


def is_signed_well(environment: Environment, secret: str) -> bool:
    """Tell whether a request is not signed, or by this secret; takes nothing of its body.

    The body is part of the signature by a header (S3), or is given as `croupier.body`.
    """
    authorization = environment.get("HTTP_AUTHORIZATION", "")
    algorithm, _, rest = authorization.partition(" ")
    if algorithm != "AWS4-HMAC-SHA256":
        return not authorization
    fields = dict(field.strip().split("=", 1) for field in rest.split(","))
    _, *scope = fields["Credential"].split("/")
    names = fields["SignedHeaders"].split(";")
    path, _, query = environment["RAW_URI"].partition("?")
    digest = environment.get("HTTP_X_AMZ_CONTENT_SHA256")
    canonical = [
        environment["REQUEST_METHOD"],
        path,
        "&".join(sorted(part if "=" in part else f"{part}=" for part in query.split("&")))
        if query
        else "",
        *(f"{name}:{_header(environment, name)}" for name in names),
        "",
        ";".join(names),
        digest or hashlib.sha256(environment["croupier.body"]).hexdigest(),
    ]
    text = "\n".join(
        [
            algorithm,
            environment["HTTP_X_AMZ_DATE"],
            "/".join(scope),
            hashlib.sha256("\n".join(canonical).encode()).hexdigest(),
        ]
    )
    key = f"AWS4{secret}".encode()
    for part in [*scope, text]:
        key = hmac.digest(key, part.encode(), "sha256")
    return key.hex() == fields["Signature"]


def _header(environment: Environment, name: str) -> str:
    variable = name.upper().replace("-", "_")
    if variable not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        variable = f"HTTP_{variable}"
    return " ".join(environment.get(variable, "").split())


def _refuse(start_response: Any, status: str, code: str) -> Iterable[bytes]:
    body = f"<Error><Code>{code}</Code></Error>".encode()
    start_response(status, [("Content-Length", str(len(body)))])
    return [body]
