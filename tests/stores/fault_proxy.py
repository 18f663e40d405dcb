"""An HTTP proxy that stands for a bad network between a client and one server."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# What happens to a request, told by its number (from 0) and its request line: None (passed on),
# "503", "500", "409", "403", "drop" (closed without an answer), "lost" (done, then closed without
# an answer), "short" (half of the body, then closed), "hang" (no answer until the proxy ends).
Decide = Callable[[int, str], str | None]

_BODIES = {
    "503": b"<Error><Code>SlowDown</Code><Message>Fewer requests, please.</Message></Error>",
    "409": b"<Error><Code>ConditionalRequestConflict</Code></Error>",
    "403": b"<Error><Code>AccessDenied</Code></Error>",
    "500": b"",
}


class FaultProxy:
    """Passes requests on to `endpoint`, or does to them what `decide` says."""

    def __init__(self, endpoint: str):
        self.target = endpoint.removeprefix("http://")
        self.decide: Decide = lambda number, line: None
        self.lines: list[str] = []
        self.ended = threading.Event()
        self._lock = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                proxy._answer(self)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any  # noqa: N815

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def reset(self, decide: Decide) -> None:
        """Number requests from 0 again, and decide about them by this."""
        with self._lock:
            self.lines = []
            self.decide = decide

    def close(self) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        with self._lock:
            number = len(self.lines)
            self.lines.append(request.requestline)
        # It may send requests itself.
        fault = self.decide(number, request.requestline)
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        if fault == "drop":
            request.close_connection = True
            return
        if fault == "hang":
            self.ended.wait()
            request.close_connection = True
            return
        if fault in _BODIES:
            self._send(request, int(fault), {}, _BODIES[fault])
            return
        with closing(http.client.HTTPConnection(self.target, timeout=30)) as upstream:
            upstream.request(request.command, request.path, body or None, dict(request.headers))
            with upstream.getresponse() as response:
                content = response.read()
        if fault == "lost":
            request.close_connection = True
            return
        hop = {"connection", "transfer-encoding", "content-length", "keep-alive"}
        passed = {
            name: value for name, value in response.headers.items() if name.lower() not in hop
        }
        if request.command == "HEAD":
            passed["Content-Length"] = response.headers.get("Content-Length", "0")
        self._send(request, response.status, passed, content, short=fault == "short")

    def _send(
        self,
        request: BaseHTTPRequestHandler,
        status: int,
        headers: dict[str, str],
        body: bytes,
        *,
        short: bool = False,
    ) -> None:
        try:
            request.send_response(status)
            for name, value in headers.items():
                request.send_header(name, value)
            if request.command != "HEAD":
                request.send_header("Content-Length", str(len(body)))
            elif "Content-Length" not in headers:
                request.send_header("Content-Length", "0")
            request.end_headers()
            if request.command != "HEAD":
                request.wfile.write(body[: len(body) // 2] if short else body)
            if short:
                request.close_connection = True
        except OSError:
            request.close_connection = True  # the client has given up


@contextmanager
def fault_proxy(endpoint: str) -> Iterator[FaultProxy]:
    proxy = FaultProxy(endpoint)
    try:
        yield proxy
    finally:
        proxy.close()
