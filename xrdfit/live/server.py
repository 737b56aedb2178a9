"""The page of a watch, for this machine alone: read-only, with a secret in its address, and nothing of the disk."""

from __future__ import annotations

import io
import json
import os
import secrets
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from xrdfit.errors import InputError, Problem
from xrdfit.live.page import page

HOST = "127.0.0.1"
# Bytes of a request, s until all of it must be there, and connections at a time.
_MOST_BYTES, _IN_TIME_S, _MOST_CONNECTIONS = 8192, 3.0, 64
# s for sending an answer, and between two looks whether it is to end.
_SENT_S, _WAKES_S = 10.0, 0.1
_END = b"\r\n\r\n"
_ALWAYS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_NOTHING_ELSE = "default-src 'none'; frame-ancestors 'none'"

State = Callable[[int], Mapping[str, Any]]


class PageServer:
    """Serves the page from a thread of its own until it is closed.

    Parameters
    ----------
    state : what has come since a revision, as plain values; called from the threads of the server.
    port : 0 takes one that is free.

    Raises
    ------
    InputError
        The port is taken, or not allowed.
    """

    def __init__(self, state: State, *, port: int = 0) -> None:
        self.token = secrets.token_urlsafe(24)
        try:
            self._server = _Server((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            raise InputError(
                Problem(
                    code="E178",
                    what="the page cannot be served there",
                    where=f"--port {port}",
                    found=f"{getattr(error, 'strerror', None) or error} against a free port",
                    todo="choose another one, or leave --port out",
                )
            ) from error
        self._server.token, self._server.state = self.token.encode(), state
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_WAKES_S,), name="page", daemon=True)
        self._thread.start()

    def show(self, state: State) -> None:
        """Serve this from now on."""
        self._server.state = state

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The address with its secret."""
        return f"http://{HOST}:{self.port}/{self.token}/"

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    """Bounded in what strangers can make it hold: of too many connections that ask for nothing, the oldest goes."""

    daemon_threads = True
    block_on_close = False
    # Where the system lets two programs have one port, the second must not get it.
    allow_reuse_address = os.name == "posix"
    request_queue_size = 128
    token: bytes
    state: State

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._guard = threading.Lock()
        self._open: OrderedDict[int, socket.socket] = OrderedDict()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._open[id(request)] = request
            oldest = self._open.popitem(last=False)[1] if len(self._open) > _MOST_CONNECTIONS else None
        if oldest is not None:
            self.let_go(oldest)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.pop(id(request), None)
        super().shutdown_request(request)

    def let_go(self, connection: socket.socket) -> None:
        """Wake the thread that waits for it; it closes it then."""
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is nothing to tell."""


class _Handler(BaseHTTPRequestHandler):
    """One request, one answer; the connection is closed then."""

    server: _Server
    server_version = "xrdfit"
    sys_version = ""

    def setup(self) -> None:
        super().setup()
        # Read here to its end, because a time limit for each read would let a client send a byte at a time for ever.
        self.rfile.close()
        self.rfile = io.BytesIO(_head(self.connection))
        self.connection.settimeout(_SENT_S)

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def _answer(self) -> None:
        refused = self._refused()
        if refused is not None:
            self._send(refused, refused.phrase.encode(), "text/plain; charset=utf-8")
            return
        path, _, query = self.path.partition("?")
        token = path.removeprefix("/").partition("/")[0]
        # All else of the address is looked at only by those who know the secret.
        if not secrets.compare_digest(token.encode("utf-8", "surrogateescape"), self.server.token):
            self._not_there()
        elif path == f"/{self.server.token.decode()}/":
            found = page()
            self._send(HTTPStatus.OK, found.body, "text/html; charset=utf-8", found.policy)
        elif path == f"/{self.server.token.decode()}/state":
            since = parse_qs(query).get("since", ["0"])[0]
            number = int(since) if since.isascii() and since.isdecimal() and len(since) < 16 else 0
            body = json.dumps(self.server.state(number), allow_nan=False, separators=(",", ":")).encode()
            self._send(HTTPStatus.OK, body, "application/json")
        else:
            self._not_there()

    def _refused(self) -> HTTPStatus | None:
        """Requests that the page itself would not make."""
        port = self.server.server_address[1]
        own = (f"{HOST}:{port}", f"localhost:{port}")
        # A name that leads here but is not ours is how another site would get at this server.
        if self.headers.get_all("Host", []) not in ([own[0]], [own[1]]):
            return HTTPStatus.MISDIRECTED_REQUEST
        origin, site = self.headers.get("Origin"), self.headers.get("Sec-Fetch-Site", "none")
        if site not in ("none", "same-origin") or (origin is not None and origin not in map("http://{}".format, own)):
            return HTTPStatus.FORBIDDEN
        if "Transfer-Encoding" in self.headers or self.headers.get("Content-Length", "0") != "0":
            return HTTPStatus.BAD_REQUEST
        return None

    def _not_there(self) -> None:
        self._send(HTTPStatus.NOT_FOUND, b"Not Found", "text/plain; charset=utf-8")

    def _send(self, status: HTTPStatus, body: bytes, kind: str, policy: str = _NOTHING_ELSE) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", policy)
        for name, value in _ALWAYS.items():
            self.send_header(name, value)
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the parser refuses, without a word of what was sent."""
        status = HTTPStatus.METHOD_NOT_ALLOWED if code == HTTPStatus.NOT_IMPLEMENTED else HTTPStatus(code)
        self.close_connection = True
        if self.request_version == "HTTP/0.9":
            self.request_version = "HTTP/1.0"
        self._send(status, status.phrase.encode(), "text/plain; charset=utf-8")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a log would hold the secret."""


def _head(connection: socket.socket) -> bytes:
    """A request up to the empty line; empty if it does not come in time, or is too long."""
    last, head = time.monotonic() + _IN_TIME_S, b""
    while _END not in head:
        left = last - time.monotonic()
        if left <= 0.0 or len(head) > _MOST_BYTES:
            return b""
        connection.settimeout(left)
        try:
            more = connection.recv(_MOST_BYTES)
        except OSError:
            return b""
        if not more:
            return b""
        head += more
    return head[: head.index(_END) + len(_END)] if len(head) <= _MOST_BYTES + len(_END) else b""
